/* SPDX-License-Identifier: MIT */

/* flip-memory: what is read without a message: tables, values, heads; see flip.h */

#include <string.h>

#include "base/attribute.h"
#include "flip.h"
#include "shm/head.h"
#include "shm/names_writer.h"
#include "shm/rulebook.h"
#include "shm/value.h"

enum {
	CAPACITY = 32,
	N_NAMES = 6,
};

/* Nothing changes from one reading to the next. */
static bool
arm_nothing(struct flips *flips)
{
	return true;
}

/* --- names --- */

static struct names_writer writer;
static struct names names;

static const char *const NAMES[N_NAMES] = {
	"one", "two", "org.example.Three", "four", "five", "six"};

static void
names_begin(struct flips *flips)
{
	must_be(names_writer_init(&writer, CAPACITY), 0);
	for (uint64_t i = 0; i < N_NAMES; i++) {
		struct name_spec spec = {
			.name = {NAMES[i], strlen(NAMES[i])}, .owner = i + 1, .serial = 10 + i};

		must_be(names_set(&writer, &spec), 0);
	}
	flips_words(flips, writer.table.segment.base, writer.table.segment.size, MAX_WORDS);
	flips->limit = writer.table.segment.size;
}

static void
names_end(struct flips *flips)
{
	names_writer_deinit(&writer);
}

static void
names_open_it(struct flips *flips)
{
	must_be(names_open(&names, table_fd(&writer.table)), 0);
}

static void
names_read(struct flips *flips, struct answer *answer)
{
	struct name_entry entry;
	int r = names_lookup(&names, NAMES[2], strlen(NAMES[2]), &entry);

	answer->failed = r < 0;
	answer_number(answer, (uint64_t)r);
	if (r)
		return;
	must(entry.name_size <= NAMES_TEXT_MAX && entry.labels_size <= NAMES_LABELS_SIZE);
	answer_number(answer, entry.owner);
	answer_number(answer, entry.serial);
	answer_bytes(answer, entry.name, entry.name_size);
}

/* All of them: how many are found depends on where it stands when something changes, so only bounds
 * are looked at. */
static void
names_walk(struct flips *flips, struct answer *answer)
{
	struct table_cursor cursor = {0};
	struct name_entry entry;
	uint32_t n = 0;
	int r;

	while ((r = names_next(&names, &cursor, &entry)) == 0 && n++ < 1000)
		must(entry.name_size <= NAMES_TEXT_MAX && entry.labels_size <= NAMES_LABELS_SIZE);
	must(n <= CAPACITY);
	answer_number(answer, 1);
}

/* --- rules --- */

static struct rulebook book;
static struct tags tags;
static struct rules rules;
static struct rule_hits hits;

static void
rules_begin(struct flips *flips)
{
	struct table_text texts[] = {{"first", 5}, {"second", 6}};

	must_be(rulebook_init(&book, CAPACITY, 0), 0);
	for (uint64_t i = 0; i < 4; i++) {
		struct rule_spec spec = {
			.subscriber = 9, .id = i, .tags = texts, .n_tags = 1 + i % 2};

		must_be(rulebook_add(&book, &spec), 0);
	}
	flips_words(
		flips, book.rules.table.segment.base, book.rules.table.segment.size, MAX_WORDS / 2);
	flips_words(
		flips, book.tags.table.segment.base, book.tags.table.segment.size, MAX_WORDS / 2);
	flips->limit = book.rules.table.segment.size;
}

static void
rules_end(struct flips *flips)
{
	rulebook_deinit(&book);
}

static void
rules_open_it(struct flips *flips)
{
	must_be(tags_open(&tags, table_fd(&book.tags.table)), 0);
	must_be(rules_open(&rules, table_fd(&book.rules.table)), 0);
}

/* What is found hangs on many words; a hit that is none loses or adds a receiver, which the writer
 * may do anyway. */
static void
rules_read(struct flips *flips, struct answer *answer)
{
	struct match_query query = {.n_tags = 0};
	uint32_t ids[2];
	int r;

	query.n_tags += tags_find(&tags, "first", 5, &ids[query.n_tags]) == 0;
	query.n_tags += tags_find(&tags, "second", 6, &ids[query.n_tags]) == 0;
	query.tags = ids;
	if (query.n_tags == 2 && ids[0] >= ids[1])
		query.n_tags = 1; /* numbers that lie: what the library does, too */
	r = rules_match(&rules, &query, &hits);
	answer->failed = r != 0;
	must(r || hits.n_hits <= CAPACITY * 2);
	answer_number(answer, 1);
}

/* --- a value --- */

static struct value owner, reader;

static void
value_begin(struct flips *flips)
{
	uint8_t bytes[200];

	must_be(value_create(&owner, sizeof(bytes)), 0);
	for (uint8_t v = 1; v <= 5; v++) {
		memset(bytes, v, sizeof(bytes));
		must(value_write(&owner, bytes, sizeof(bytes) - v) == v);
	}
	flips_words(flips, owner.memory.base, owner.memory.size, MAX_WORDS);
	flips->limit = owner.memory.size;
}

static void
value_end_it(struct flips *flips)
{
	value_deinit(&owner);
}

static void
value_open_it(struct flips *flips)
{
	must_be(value_open(&reader, owner.memory.fd), 0);
}

static void
value_read_it(struct flips *flips, struct answer *answer)
{
	uint8_t bytes[200 + 8];
	uint64_t version;
	size_t size;
	int r;

	memset(bytes + 200, 0x5a, 8);
	r = value_read(&reader, bytes, 200, &size, &version);
	for (int i = 200; i < 208; i++)
		must(bytes[i] == 0x5a);
	answer->failed = r != 0;
	if (r)
		return;
	must(size <= 200);
	answer_number(answer, size);
	answer_number(answer, version);
	answer_bytes(answer, bytes, size);
}

/* --- the head of a segment --- */

static struct segment segment;
static struct segment opened;

static void
head_begin(struct flips *flips)
{
	struct shm_head *head;

	must_be(segment_create(&segment, "sweep", 3 * 4096), 0);
	head = (struct shm_head *)segment.base;
	head_init(head, SHM_KIND_LINK, segment.size);
	for (uint32_t i = 0; i < 3; i++)
		head_set_part(head, i, 1024 * (i + 1), 512);
	flips_word(flips, &head->magic, 8, 0);
	flips_word(flips, &head->major, 2, 0);
	flips_word(flips, &head->minor, 2, 0);
	flips_word(flips, &head->kind, 4, 0);
	flips_word(flips, &head->size, 8, 0);
	flips_word(flips, &head->head_size, 4, 0);
	flips_word(flips, &head->n_parts, 4, 0);
	flips_words(flips, (void *)head->parts, sizeof(head->parts), SHM_HEAD_PARTS);
	flips->limit = segment.size;
}

static void
head_end(struct flips *flips)
{
	segment_deinit(&segment);
}

static void
head_open(struct flips *flips)
{
	must_be(segment_open(&opened, segment.fd, 4096, 1 << 20), 0);
}

static void
head_read(struct flips *flips, struct answer *answer)
{
	struct head head = HEAD_INIT;

	answer->failed = head_check(opened.base, opened.size, SHM_KIND_LINK, &head) != 0;
	if (answer->failed)
		return;
	must(head_valid(&head) && head.size == opened.size);
	for (uint32_t i = 0; i < 4; i++)
		answer_number(answer, (uint64_t)head.parts[i].off.off << 32 | head.parts[i].size);
}

const struct flip_scene flips_of_memory[] = {
	{.name = "flip-name",
		.begin = names_begin,
		.end = names_end,
		.open = names_open_it,
		.arm = arm_nothing,
		.read = names_read},
	{.name = "flip-names",
		.begin = names_begin,
		.end = names_end,
		.open = names_open_it,
		.arm = arm_nothing,
		.read = names_walk},
	{.name = "flip-rules",
		.begin = rules_begin,
		.end = rules_end,
		.open = rules_open_it,
		.arm = arm_nothing,
		.read = rules_read},
	{.name = "flip-value",
		.begin = value_begin,
		.end = value_end_it,
		.open = value_open_it,
		.arm = arm_nothing,
		.read = value_read_it},
	{.name = "flip-head",
		.begin = head_begin,
		.end = head_end,
		.open = head_open,
		.arm = arm_nothing,
		.read = head_read},
	{.name = NULL},
};
