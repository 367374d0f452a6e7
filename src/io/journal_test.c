/* SPDX-License-Identifier: MIT */

/* journal: what is kept is read again; what is not whole, or of another boot, is not believed */

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "io/journal.h"

enum { KIND_A = 1, KIND_B };

static char folder[64], path[80];
static struct journal journal;

static void
setup(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/tern-journal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/journal", folder);
	ck_assert_int_eq(journal_open(&journal, path), 0);
}

static void
teardown(void)
{
	journal_remove(&journal);
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left */
}

static void
reopen(void)
{
	journal_close(&journal);
	ck_assert_int_eq(journal_open(&journal, path), 0);
}

static void
append(uint64_t peer, const char *text)
{
	ck_assert_int_eq(
		journal_append(&journal, KIND_B, peer, text, strlen(text), NULL), 0);
}

static void
expect(size_t *at, uint64_t peer, const char *text)
{
	struct journal_entry entry;

	ck_assert(journal_next(&journal, at, &entry));
	ck_assert_int_eq(entry.kind, KIND_B);
	ck_assert_uint_eq(entry.peer, peer);
	ck_assert_uint_eq(entry.size, strlen(text));
	ck_assert_mem_eq(entry.bytes, text, entry.size);
}

static void
expect_end(size_t at)
{
	struct journal_entry entry;

	ck_assert(!journal_next(&journal, &at, &entry));
}

/* As a damaged disk would: one byte of the file is another. */
static void
spoil(off_t at, uint8_t byte)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

START_TEST(kept)
{
	size_t at = 0;

	expect_end(0);
	append(7, "own");
	append(8, "");
	append(7, "rule-add");
	reopen();
	expect(&at, 7, "own");
	expect(&at, 8, "");
	expect(&at, 7, "rule-add");
	expect_end(at);
}
END_TEST

/* More than the file had room for at first, and one as large as may be. */
START_TEST(grows)
{
	static char large[JOURNAL_MAX_ENTRY + 1];
	struct journal_entry entry;
	size_t at = 0;

	for (uint64_t i = 0; i < 10000; i++)
		append(i, "some bytes");
	ck_assert_int_eq(journal_append(&journal, KIND_A, 1, large, sizeof(large), NULL), -E2BIG);
	ck_assert_int_eq(
		journal_append(&journal, KIND_A, 1, large, sizeof(large) - 1, NULL), 0);
	reopen();
	for (uint64_t i = 0; i < 10000; i++)
		expect(&at, i, "some bytes");
	ck_assert(journal_next(&journal, &at, &entry));
	ck_assert_uint_eq(entry.size, JOURNAL_MAX_ENTRY);
	expect_end(at);
}
END_TEST

/* What was being written when ternd was killed does not count. */
START_TEST(half_written)
{
	size_t at = 0, where;

	append(1, "whole");
	ck_assert_int_eq(journal_append(&journal, KIND_A, 2, NULL, 0, &where), 0);
	append(1, "torn");
	spoil(56, (uint8_t)(where + 16)); /* used: as before the last one */
	reopen();
	expect(&at, 1, "whole");
	at = 0;
	append(3, "next");
	reopen();
	expect(&at, 1, "whole");
}
END_TEST

/* Another boot, another version, lengths that lie: it is begun anew. */
START_TEST(not_believed)
{
	static const struct {
		off_t at;
		uint8_t byte;
	} spoilt[] = {{0, 1}, {8, 99}, {16, '#'}, {58, 0xff}, {64 + 3, 0x7f}};

	for (size_t i = 0; i < ARRAY_SIZE(spoilt); i++) {
		append(1, "first");
		append(1, "second");
		journal_close(&journal);
		spoil(spoilt[i].at, spoilt[i].byte);
		ck_assert_int_eq(journal_open(&journal, path), 0);
		expect_end(0);
	}
}
END_TEST

/* Nor is such a length followed where it is read. */
START_TEST(longer_than_the_rest)
{
	struct journal_entry entry;
	size_t at = 0;

	append(1, "first");
	journal.map[64] = 64; /* its size */
	ck_assert(!journal_next(&journal, &at, &entry));
}
END_TEST

START_TEST(changed_in_place)
{
	struct journal_entry entry;
	size_t where, at = 0;

	ck_assert_int_eq(journal_append(&journal, KIND_A, 1, "abcd", 4, &where), 0);
	append(1, "next");
	*(char *)journal_at(&journal, where, NULL) = 'X';
	reopen();
	ck_assert(journal_next(&journal, &at, &entry));
	ck_assert_mem_eq(entry.bytes, "Xbcd", 4);
	ck_assert_uint_eq(entry.at, where);
	expect(&at, 1, "next");
}
END_TEST

START_TEST(anew)
{
	struct journal next = JOURNAL_INIT;
	size_t at = 0;

	ck_assert(!journal_is_due(&journal));
	for (int i = 0; i < 60000; i++)
		append(1, "history");
	ck_assert(journal_is_due(&journal));
	ck_assert_int_eq(journal_begin_anew(&journal, &next), 0);
	ck_assert_int_eq(journal_append(&next, KIND_B, 1, "now", 3, NULL), 0);
	ck_assert_int_eq(journal_end_anew(&journal, &next), 0);
	ck_assert(!journal_is_due(&journal));
	append(1, "later");
	reopen();
	expect(&at, 1, "now");
	expect(&at, 1, "later");
	expect_end(at);
	ck_assert_int_eq(journal_begin_anew(&journal, &next), 0);
	journal_abandon(&next); /* teardown sees that nothing stays */
}
END_TEST

START_TEST(not_ours)
{
	struct journal other = JOURNAL_INIT;
	char link[96];

	(void)snprintf(link, sizeof(link), "%s/link", folder);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(journal_open(&other, link), -ELOOP);
	(void)unlink(link);
	ck_assert_int_eq(journal_open(&other, folder), -EISDIR);
	ck_assert_int_eq(journal_append(&other, KIND_A, 1, NULL, 0, NULL), 0); /* nothing is kept */
	expect_end(0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("journal");
	TCase *tcase = tcase_create("journal");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, kept);
	tcase_add_test(tcase, grows);
	tcase_add_test(tcase, half_written);
	tcase_add_test(tcase, not_believed);
	tcase_add_test(tcase, longer_than_the_rest);
	tcase_add_test(tcase, changed_in_place);
	tcase_add_test(tcase, anew);
	tcase_add_test(tcase, not_ours);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
