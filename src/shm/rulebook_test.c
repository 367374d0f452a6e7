/* SPDX-License-Identifier: MIT */

/*
 * Tests of shm/rulebook, and through it of rules, tags and versions: what a
 * publisher finds, by which word it learns that it must look, and that nothing
 * is left when the rules are gone. A slow reference says what must match.
 */

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "shm/rulebook.h"

static struct rulebook book;
static struct tags tags;
static struct rules rules;
static struct versions versions;
static struct rule_hits hits;
static int n_fds;

static int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void
open_views(void)
{
	ck_assert_int_eq(tags_open(&tags, table_fd(&book.tags.table)), 0);
	ck_assert_int_eq(rules_open(&rules, table_fd(&book.rules.table)), 0);
}

static void
close_views(void)
{
	tags_deinit(&tags);
	rules_deinit(&rules);
}

static void
setup(void)
{
	n_fds = count_fds();
	ck_assert_int_eq(rulebook_init(&book, RULEBOOK_CAPACITY, 0), 0);
	open_views();
	ck_assert_int_eq(versions_open(&versions, versions_fd(&book.versions)), 0);
	hits = RULE_HITS_INIT;
}

static void
teardown(void)
{
	ck_assert(table_valid(&tags.table));
	ck_assert(table_valid(&rules.table));
	ck_assert(map_valid(&book.tags.uses));
	ck_assert(map_valid(&book.rules.owners));
	close_views();
	versions_deinit(&versions);
	rulebook_deinit(&book);
	rule_hits_deinit(&hits);
	ck_assert_int_eq(count_fds(), n_fds);
}

/* "a b c" as texts; they lie in @words. */
static size_t
split(char *words, struct table_text *ret)
{
	size_t n = 0;

	for (char *state, *p = strtok_r(words, " ", &state); p; p = strtok_r(NULL, " ", &state))
		ret[n++] = (struct table_text){p, strlen(p)};
	return n;
}

/* Add a rule, growing as ternd would; the views follow. */
static int
add(uint64_t subscriber, uint64_t id, const char *words, uint64_t sender, const char *name)
{
	struct table_text texts[32];
	struct rule_spec spec = {
		.subscriber = subscriber,
		.id = id,
		.policy = 1,
		.key = 2,
		.queue = 3,
		.max_rate = 4,
		.tags = texts,
		.sender = sender,
		.sender_name = {name, name ? strlen(name) : 0},
	};
	char *copy = strdup(words);
	int r;

	spec.n_tags = split(copy, texts);
	while ((r = rulebook_add(&book, &spec)) == TABLE_E_FULL) {
		bool new_tags, new_rules;

		ck_assert_int_eq(rulebook_grow(&book, &new_tags, &new_rules), 0);
		ck_assert(new_tags || new_rules);
		close_views();
		open_views();
		rulebook_forward(&book);
	}
	free(copy);
	return r;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* How many rules match, as a publisher finds out. */
static size_t
match(const char *words, uint64_t sender, const char *name)
{
	char *copy = strdup(words);
	struct table_text texts[32];
	uint32_t ids[32], name_id;
	size_t n = split(copy, texts);
	struct match_query query = {.tags = ids, .sender = sender, .names = &name_id};

	for (size_t i = 0; i < n; i++) {
		int r = tags_find(&tags, texts[i].text, texts[i].size, &ids[query.n_tags]);

		ck_assert(r == 0 || r == TABLE_E_NOT_FOUND);
		query.n_tags += r == 0;
	}
	qsort(ids, query.n_tags, sizeof(ids[0]), compare);
	if (name && tags_find(&tags, name, strlen(name), &name_id) == 0)
		query.n_names = 1;
	ck_assert_int_eq(rules_match(&rules, &query, &hits), 0);
	free(copy);
	return hits.n_hits;
}

START_TEST(test_all_tags_must_be_there)
{
	uint32_t id;

	ck_assert_uint_eq(match("a", 9, NULL), 0);
	ck_assert_int_eq(add(1, 1, "a b", 0, NULL), 0);
	ck_assert_uint_eq(match("a", 9, NULL), 0);
	ck_assert_uint_eq(match("b", 9, NULL), 0);
	ck_assert_uint_eq(match("b a", 9, NULL), 1);
	ck_assert_uint_eq(match("c b a", 9, NULL), 1);
	ck_assert_uint_eq(hits.hits[0].subscriber, 1);
	ck_assert_uint_eq(hits.hits[0].id, 1);
	ck_assert_uint_eq(hits.hits[0].policy, 1);
	ck_assert_uint_eq(hits.hits[0].key, 2);
	ck_assert_uint_eq(hits.hits[0].queue, 3);
	ck_assert_uint_eq(hits.hits[0].max_rate, 4);
	ck_assert_int_eq(
		tags_find(&tags, "c", 1, &id), TABLE_E_NOT_FOUND); /* only rules make tags */
	ck_assert_int_eq(rulebook_remove(&book, 1, 1), 0);
	ck_assert_uint_eq(match("b a", 9, NULL), 0);
	ck_assert_int_eq(tags_find(&tags, "a", 1, &id), TABLE_E_NOT_FOUND);
}
END_TEST

START_TEST(test_senders)
{
	ck_assert_int_eq(add(1, 1, "", 0, NULL), 0);	    /* everything */
	ck_assert_int_eq(add(1, 2, "", 7, NULL), 0);	    /* from peer 7 */
	ck_assert_int_eq(add(1, 3, "", 0, "org.Mixer"), 0); /* from this name */
	ck_assert_int_eq(add(1, 4, "a", 7, NULL), 0);	    /* with a tag */
	ck_assert_int_eq(add(1, 5, "a", 0, "org.Mixer"), 0);
	ck_assert_int_eq(add(1, 6, "org.Mixer", 0, NULL), 0); /* a tag, and no sender */
	ck_assert_uint_eq(match("", 9, NULL), 1);
	ck_assert_uint_eq(match("a", 9, NULL), 1);
	ck_assert_uint_eq(match("", 7, NULL), 2);
	ck_assert_uint_eq(match("a", 7, NULL), 3);
	ck_assert_uint_eq(match("", 9, "org.Mixer"), 2);
	ck_assert_uint_eq(match("a", 9, "org.Mixer"), 3);
	ck_assert_uint_eq(match("a", 7, "org.Mixer"), 5);
	ck_assert_uint_eq(match("org.Mixer", 9, NULL), 2);
	ck_assert_uint_eq(match("org.Mixer a", 7, "org.Mixer"), 6);
	ck_assert_uint_eq(rulebook_remove_peer(&book, 1), 6);
	ck_assert_uint_eq(match("org.Mixer a", 7, "org.Mixer"), 0);
	ck_assert_uint_eq(book.tags.table.n_records, 0);
	ck_assert_uint_eq(book.tags.uses.n, 0);
	ck_assert_uint_eq(book.rules.owners.n, 0);
	ck_assert_uint_eq(rulebook_remove_peer(&book, 1), 0);
}
END_TEST

START_TEST(test_numbers_and_limits)
{
	char long_tag[TAGS_TEXT_MAX + 2];
	struct table_text empty = {"", 0};
	struct rule_spec spec = {.subscriber = 1, .id = 9, .tags = &empty, .n_tags = 1};

	memset(long_tag, 'x', TAGS_TEXT_MAX + 1);
	long_tag[TAGS_TEXT_MAX + 1] = '\0';
	ck_assert_int_eq(add(1, 1, "a", 0, NULL), 0);
	ck_assert_int_eq(add(1, 1, "b", 0, NULL), TABLE_E_EXISTS);
	ck_assert_int_eq(add(2, 1, "b", 0, NULL), 0);
	ck_assert_int_eq(rulebook_remove(&book, 1, 2), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(rulebook_remove(&book, 3, 1), TABLE_E_NOT_FOUND);
	ck_assert_int_eq(add(1, 2, long_tag, 0, NULL), -E2BIG);
	ck_assert_int_eq(add(1, 2, "", 0, long_tag), -E2BIG);
	ck_assert_int_eq(add(1, 2, "1 2 3 4 5 6 7 8 9 a b c d e f g h", 0, NULL), -E2BIG);
	ck_assert_int_eq(rulebook_add(&book, &spec), -EINVAL);
	ck_assert_int_eq(add(1, 2, "1 2 3 4 5 6 7 8 9 a b c d e f g", 0, "name"), 0);
	ck_assert_uint_eq(match("1 2 3 4 5 6 7 8 9 a b c d e f g", 5, "name"), 3);
	long_tag[TAGS_TEXT_MAX] = '\0';
	ck_assert_int_eq(add(1, 3, long_tag, 0, NULL), 0);
	ck_assert_uint_eq(match(long_tag, 5, NULL), 1);
	/* What failed has left nothing: 17 strings of the rules, and the long one. */
	ck_assert_uint_eq(book.tags.table.n_records, 18);
}
END_TEST

START_TEST(test_same_tag_twice)
{
	ck_assert_int_eq(add(1, 1, "a a b a", 0, NULL), 0);
	ck_assert_uint_eq(match("b a", 9, NULL), 1);
	ck_assert_int_eq(rulebook_remove(&book, 1, 1), 0);
	ck_assert_uint_eq(book.tags.table.n_records, 0);
}
END_TEST

/* A common tag beside a rare one does not make a long chain, and its word stays still. */
START_TEST(test_indexed_by_rarest)
{
	struct table_cursor cursor = {0};
	uint32_t common = versions_of_tag("common", 6), log_id;
	struct rule rule;
	uint64_t before;
	int n_common = 0;

	ck_assert_int_eq(add(1, 1000, "common", 0, NULL), 0);
	before = versions_load(&versions, common);
	for (uint64_t i = 0; i < 20; i++) {
		char words[32];

		(void)snprintf(words, sizeof(words), "common rare%u", (unsigned int)i);
		ck_assert_int_eq(add(1, i, words, 0, NULL), 0);
	}
	ck_assert_uint_eq(versions_load(&versions, common), before);
	ck_assert_int_eq(tags_find(&tags, "common", 6, &log_id), 0);
	while (rules_next(&rules, &cursor, &rule) == 0)
		n_common += rule.kind == RULE_TAG && rule.value == log_id;
	ck_assert_int_eq(n_common, 1);
	ck_assert_uint_eq(match("common rare7", 9, NULL), 2);
}
END_TEST

/* Each kind of rule moves its own word, when it comes and when it goes, and no other. */
START_TEST(test_versions)
{
	const struct {
		const char *words, *name;
		uint64_t sender;
		uint32_t index;
	} cases[] = {
		{"", NULL, 0, VERSIONS_TAGLESS},
		{"tag", NULL, 0, versions_of_tag("tag", 3)},
		{"", NULL, 77, versions_of_peer(77)},
		{"tag", "name", 0, versions_of_name("name", 4)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t before = versions_load(&versions, cases[i].index), all = 0;

		ck_assert_int_eq(add(1, i, cases[i].words, cases[i].sender, cases[i].name), 0);
		ck_assert_uint_eq(versions_load(&versions, cases[i].index), before + 1);
		ck_assert_int_eq(rulebook_remove(&book, 1, i), 0);
		ck_assert_uint_eq(versions_load(&versions, cases[i].index), before + 2);
		for (uint32_t word = 0; word < VERSIONS_N_WORDS; word++)
			all += versions_load(&versions, word);
		ck_assert_uint_eq(all, 2 * (i + 1));
	}
	/* Part of the format: docs/shm-format.md. */
	ck_assert_uint_eq(versions_of_tag("new", 3), 432);
	ck_assert_uint_eq(versions_of_name("org.example.Mixer", 17), VERSIONS_SENDERS + 125);
	ck_assert_uint_lt(versions_of_peer(UINT64_MAX), VERSIONS_N_WORDS);
}
END_TEST

/* A tag that comes again is another: numbers are not given twice in a row. */
START_TEST(test_tag_numbers)
{
	uint32_t first, second;

	ck_assert_int_eq(add(1, 1, "a", 0, NULL), 0);
	ck_assert_int_eq(tags_find(&tags, "a", 1, &first), 0);
	ck_assert_int_eq(rulebook_remove(&book, 1, 1), 0);
	ck_assert_int_eq(add(1, 1, "a", 0, NULL), 0);
	ck_assert_int_eq(tags_find(&tags, "a", 1, &second), 0);
	ck_assert_uint_ne(first, second);
	book.tags.last_id = UINT32_MAX - 1;
	ck_assert_int_eq(add(1, 2, "b c d", 0, NULL), 0);
	ck_assert_int_eq(tags_find(&tags, "b", 1, &first), 0);
	ck_assert_int_eq(tags_find(&tags, "c", 1, &second), 0);
	ck_assert_uint_eq(first, UINT32_MAX);
	ck_assert_uint_ne(second, 0);
	ck_assert_uint_eq(match("a", 9, NULL), 1);
	ck_assert_uint_eq(match("b c d", 9, NULL), 1);
}
END_TEST

/* Random rules over few tags, some going again, beside a reference that compares letters. */
START_TEST(test_against_reference)
{
	enum { N = 400 };
	char wanted[N][16] = {{0}};
	int n_matched = 0;

	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t i = (size_t)rand() % N, n_expected = 0;
		char on[32] = "";

		if (wanted[i][0]) {
			ck_assert_int_eq(rulebook_remove(&book, 1 + i % 7, i), 0);
			wanted[i][0] = '\0';
		} else {
			for (int n = 0; n <= rand() % 3; n++) {
				char letter[] = {(char)('a' + rand() % 12), ' ', '\0'};

				strcat(wanted[i], letter);
			}
			ck_assert_int_eq(add(1 + i % 7, i, wanted[i], 0, NULL), 0);
		}
		if (round % 10)
			continue;
		for (char letter = 'a'; letter < 'm'; letter++)
			if (rand() % 3 == 0)
				strcat(on, (char[]){letter, ' ', '\0'});
		for (i = 0; i < N; i++)
			n_expected +=
				wanted[i][0] && strspn(wanted[i], on) == strlen(wanted[i]) && on[0];
		ck_assert_uint_eq(match(on, 9, NULL), n_expected);
		n_matched += n_expected > 0;
	}
	ck_assert_int_gt(n_matched, 1000);
}
END_TEST

/* Many rules: both tables grow and stay in step with what the writer remembers of them. */
START_TEST(test_many)
{
	enum { N = 5000 };
	char words[64];

	for (uint64_t i = 0; i < N; i++) {
		(void)snprintf(words, sizeof(words), "tag%u common", (unsigned int)i);
		ck_assert_int_eq(add(1 + i / 2, i, words, 0, NULL), 0);
	}
	for (uint64_t i = 0; i < N; i++) {
		(void)snprintf(words, sizeof(words), "common tag%u", (unsigned int)i);
		ck_assert_uint_eq(match(words, 9, NULL), 1);
		ck_assert_uint_eq(hits.hits[0].id, i);
	}
	for (uint64_t subscriber = 1; subscriber <= N / 2; subscriber++)
		ck_assert_uint_eq(rulebook_remove_peer(&book, subscriber), 2);
	ck_assert_uint_eq(book.rules.table.n_records, 0);
	ck_assert_uint_eq(book.tags.table.n_records, 0);
}
END_TEST

START_TEST(test_valid_refuses)
{
	uint64_t copy[TABLE_RECORD_MAX / 8], good[TABLE_RECORD_MAX / 8];
	struct shm_rule *record = (void *)copy;
	struct table_cursor cursor = {0};
	size_t size;

	ck_assert_int_eq(add(1, 1, "a b c", 0, NULL), 0);
	ck_assert_int_eq(table_next(&rules.table, &cursor, good, &size), 0);
	ck_assert(rules_type.valid(good, size));
	ck_assert(!rules_type.valid(good, 64));

#define SPOIL(what)                                                                                \
	do {                                                                                       \
		memcpy(copy, good, sizeof(copy));                                                  \
		what;                                                                              \
		ck_assert(!rules_type.valid(copy, size));                                          \
	} while (0)
	SPOIL(record->kind = 0);
	SPOIL(record->kind = RULE_NAME + 1);
	SPOIL(record->kind = RULE_TAGLESS);
	SPOIL(record->value = 0);
	SPOIL(record->subscriber = 0);
	SPOIL(record->n_tags = 17);
	SPOIL(record->n_tags = 9);
	SPOIL(((uint32_t *)(record + 1))[0] = UINT32_MAX);
#undef SPOIL
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rulebook");
	TCase *tcase = tcase_create("rulebook");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_all_tags_must_be_there);
	tcase_add_test(tcase, test_senders);
	tcase_add_test(tcase, test_numbers_and_limits);
	tcase_add_test(tcase, test_same_tag_twice);
	tcase_add_test(tcase, test_indexed_by_rarest);
	tcase_add_test(tcase, test_versions);
	tcase_add_test(tcase, test_tag_numbers);
	tcase_add_test(tcase, test_against_reference);
	tcase_add_test(tcase, test_many);
	tcase_add_test(tcase, test_valid_refuses);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
