/* SPDX-License-Identifier: MIT */

/*
 * rules under change: readers publish on topics, by the recipe of versions.h.
 * The rules that stay are hit once each, at every publish. A rule that comes
 * is in force when its subscriber has been answered (`live` says so), and one
 * that went is hit no more once that has been answered (`gone`).
 */

#include "tables.h"

#include <check.h>
#include <stdlib.h>

#include "shm/rulebook.h"

enum {
	N_KEPT = 8,
	COMPACT_EVERY = 97,
	N_TOPIC_TAGS = 4,
	N_WORDS = N_TOPIC_TAGS + 2, /* of its tags, the tagless, the sender */
};

static struct rulebook book;
static uint64_t next_id;
static uint64_t current[N_CLASSES]; /* 0: none */

static uint32_t
check_of(uint64_t id)
{
	return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static int
add(uint64_t subscriber, uint64_t id, const char *tag)
{
	struct table_text tags[] = {{tag, strlen(tag)}, {"all", 3}};
	struct rule_spec spec = {
		.subscriber = subscriber,
		.id = id,
		.key = check_of(id),
		.tags = tags,
		.n_tags = 2,
	};

	return rulebook_add(&book, &spec);
}

static void
rules_begin(struct scene *scene)
{
	char tag[16];

	next_id = 1000;
	memset(current, 0, sizeof(current));
	ck_assert_int_eq(rulebook_init(&book, 256, 0), 0);
	for (unsigned int i = 0; i < N_KEPT; i++) {
		(void)snprintf(tag, sizeof(tag), "kept%u", i);
		ck_assert_int_eq(add(1, i, tag), 0);
	}
}

/* Classes 0 and 1 are bound to tags of their own, 2 is tagless, 3 is bound to peer 5. */
static int
add_passing(uint64_t class, uint64_t id)
{
	struct rule_spec spec = {.subscriber = 2 + class, .id = id, .key = check_of(id)};

	if (class < 2)
		return add(2 + class, id, class ? "passing1" : "passing0");
	spec.sender = class == 3 ? 5 : 0;
	return rulebook_add(&book, &spec);
}

static void
rules_step(struct scene *scene, struct shared *shared, uint64_t n)
{
	static uint64_t state = 88172645463325252;
	uint64_t class = random_next(&state) % N_CLASSES;

	if (current[class]) {
		store_rel(&shared->live[class], 0);
		ck_assert_int_eq(rulebook_remove(&book, 2 + class, current[class]), 0);
		store_rel(&shared->gone[class], current[class]);
		current[class] = 0;
	} else {
		current[class] = next_id++;
		ck_assert_int_eq(add_passing(class, current[class]), 0);
		store_rel(&shared->live[class], current[class]);
	}
	if (n % COMPACT_EVERY == 0) {
		table_compact(&book.rules.table);
		table_compact(&book.tags.table);
	}
}

static void
rules_grow(struct scene *scene)
{
	bool tags, rules;

	book.tags.table.full = true;
	book.rules.table.full = true;
	ck_assert_int_eq(rulebook_grow(&book, &tags, &rules), 0);
	tell_all(scene, 't', table_fd(&book.tags.table));
	tell_all(scene, 'r', table_fd(&book.rules.table));
	rulebook_forward(&book);
}

/* A publisher and its topics. */
struct publisher {
	struct shared *shared;
	struct reader *reader;
	struct tags tags;
	struct rules rules;
	struct versions versions;
	struct topic {
		struct table_text tags[N_TOPIC_TAGS];
		char text[16];
		uint32_t words[N_WORDS];
		uint64_t snapshot[N_WORDS];
		struct rule_hits hits;
		bool matched;
	} topics[N_KEPT];
};

static bool
publisher_follow(struct publisher *publisher)
{
	char kind;
	int fd = hear(publisher->reader, &kind), r = -EPIPE;

	if (fd >= 0 && kind == 't') {
		tags_deinit(&publisher->tags);
		r = tags_open(&publisher->tags, fd);
	} else if (fd >= 0) {
		rules_deinit(&publisher->rules);
		r = rules_open(&publisher->rules, fd);
	}
	(void)fd_close(fd);
	if (r)
		complain(publisher->shared, publisher->reader, "the moved table does not open: %d",
			r);
	return r == 0;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int
topic_match_once(struct publisher *publisher, struct topic *topic)
{
	uint32_t ids[N_TOPIC_TAGS];
	struct match_query query = {.tags = ids, .sender = 5};

	for (int i = 0; i < N_TOPIC_TAGS; i++) {
		const struct table_text *tag = &topic->tags[i];
		int r = tags_find(&publisher->tags, tag->text, tag->size, &ids[query.n_tags]);

		if (r != 0 && r != TABLE_E_NOT_FOUND)
			return r;
		query.n_tags += r == 0;
	}
	qsort(ids, query.n_tags, sizeof(ids[0]), compare);
	return rules_match(&publisher->rules, &query, &topic->hits);
}

/* The recipe: words, then, if they changed, tags and match, remembered under the words before. */
static bool
topic_publish(struct publisher *publisher, struct topic *topic)
{
	uint64_t words[N_WORDS];
	int r;

	publisher->reader->n_looks++;
	for (int i = 0; i < N_WORDS; i++)
		words[i] = versions_load(&publisher->versions, topic->words[i]);
	if (topic->matched && memcmp(words, topic->snapshot, sizeof(words)) == 0)
		return true;
	topic->matched = false;
	while ((r = topic_match_once(publisher, topic)) == TABLE_E_MOVED)
		if (!publisher_follow(publisher))
			return false;
	if (r < 0)
		complain(publisher->shared, publisher->reader, "match: %d", r);
	publisher->reader->n_busy += r == TABLE_E_BUSY;
	if (r)
		return false;
	memcpy(topic->snapshot, words, sizeof(words));
	topic->matched = true;
	return true;
}

/* How often a rule was hit; what a hit says must be of one piece. */
static int
count_hits(struct publisher *publisher, const struct topic *topic, uint64_t subscriber, uint64_t id)
{
	int n = 0;

	for (size_t i = 0; i < topic->hits.n_hits; i++) {
		const struct rule_hit *hit = &topic->hits.hits[i];

		if (hit->key != check_of(hit->id))
			complain(publisher->shared, publisher->reader, "torn: rule %lu of %lu",
				(unsigned long)hit->id, (unsigned long)hit->subscriber);
		n += hit->subscriber == subscriber && hit->id == id;
	}
	return n;
}

static void
publish_and_check(struct publisher *publisher, unsigned int i)
{
	struct topic *topic = &publisher->topics[i];
	struct shared *shared = publisher->shared;
	uint64_t live[N_CLASSES], gone[N_CLASSES];

	for (int c = 0; c < N_CLASSES; c++) {
		live[c] = load_acq(&shared->live[c]);
		gone[c] = load_acq(&shared->gone[c]);
	}
	if (!topic_publish(publisher, topic))
		return;
	for (unsigned int k = 0; k < N_KEPT; k++)
		if (count_hits(publisher, topic, 1, k) != (k == i))
			complain(shared, publisher->reader, "topic %u: rule %u hit %d times", i, k,
				count_hits(publisher, topic, 1, k));
	for (unsigned int c = 0; c < N_CLASSES; c++) {
		bool concerned = c >= 2 || c == i % 2;
		int n_gone = gone[c] ? count_hits(publisher, topic, 2 + c, gone[c]) : 0;
		int n_live = live[c] ? count_hits(publisher, topic, 2 + c, live[c]) : concerned;

		if (n_gone)
			complain(shared, publisher->reader, "class %u: a rule that went is hit", c);
		/* If it is still live it was so throughout: numbers are not used again. */
		if (n_live != concerned && load_acq(&shared->live[c]) == live[c])
			complain(shared, publisher->reader, "class %u: live rule %lu hit %d times",
				c, (unsigned long)live[c], n_live);
	}
}

static void
topic_init(struct topic *topic, unsigned int i)
{
	(void)snprintf(topic->text, sizeof(topic->text), "kept%u", i);
	topic->tags[0] = (struct table_text){topic->text, strlen(topic->text)};
	topic->tags[1] = (struct table_text){"all", 3};
	topic->tags[2] = (struct table_text){i % 2 ? "passing1" : "passing0", 8};
	topic->tags[3] = (struct table_text){"nobody asked", 12};
	for (int k = 0; k < N_TOPIC_TAGS; k++)
		topic->words[k] = versions_of_tag(topic->tags[k].text, topic->tags[k].size);
	topic->words[N_TOPIC_TAGS] = VERSIONS_TAGLESS;
	topic->words[N_TOPIC_TAGS + 1] = versions_of_peer(5);
}

static int
publisher_init(struct publisher *publisher, struct scene *scene)
{
	int r;

	for (unsigned int i = 0; i < N_KEPT; i++)
		topic_init(&publisher->topics[i], i);
	if (scene->threads) {
		publisher->tags.table = book.tags.table.view;
		publisher->rules.table = book.rules.table.view;
		publisher->versions.words = book.versions.words;
		return 0;
	}
	r = tags_open(&publisher->tags, table_fd(&book.tags.table));
	if (!r)
		r = rules_open(&publisher->rules, table_fd(&book.rules.table));
	if (!r)
		r = versions_open(&publisher->versions, versions_fd(&book.versions));
	return r;
}

static void
rules_read(struct scene *scene, struct shared *shared, struct reader *reader)
{
	struct publisher publisher = {.shared = shared, .reader = reader};
	uint64_t state = 1 + (uint64_t)(reader - shared->readers);
	int r = publisher_init(&publisher, scene);

	if (r)
		complain(shared, reader, "the first tables do not open: %d", r);
	while (!load_acq(&shared->stop) && !reader->error[0])
		publish_and_check(&publisher, (unsigned int)(random_next(&state) % N_KEPT));
	for (unsigned int i = 0; i < N_KEPT; i++)
		rule_hits_deinit(&publisher.topics[i].hits);
	if (!scene->threads) {
		tags_deinit(&publisher.tags);
		rules_deinit(&publisher.rules);
		versions_deinit(&publisher.versions);
	}
}

static void
rules_end(struct scene *scene)
{
	ck_assert(table_valid(&book.tags.table.view));
	ck_assert(table_valid(&book.rules.table.view));
	rulebook_deinit(&book);
}

struct scene scene_rules = {
	.begin = rules_begin,
	.step = rules_step,
	.grow = rules_grow,
	.read = rules_read,
	.end = rules_end,
};
