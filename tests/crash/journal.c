/* SPDX-License-Identifier: MIT */

/*
 * journal, killed at any instruction: a child does one thing with a journal under ptrace, one instruction at a
 * time. After each the parent copies the file, as it would be left if ternd had been killed there, and opens
 * the copy as the next ternd would: what was there before is there, and what is being written is there as a
 * whole or not at all.
 */

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/journal.h"

enum {
	STEPS_MAX = 200000,
	MOST = 256 << 10, /* bytes of a file */
	HEAD_USED = 56,
	HEAD_SIZE = 64,
	N_BEFORE = 3,
	LARGE = 20 << 10,
	SKIP = 77,
};

static char folder[] = "/tmp/tern-test-XXXXXX";
static char path[64], copy[64];
static char bytes[JOURNAL_MAX_ENTRY];
static char file_bytes[MOST];

static void
setup(void)
{
	memcpy(folder, "/tmp/tern-test-XXXXXX", sizeof(folder));
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/journal", folder);
	(void)snprintf(copy, sizeof(copy), "%s/copy", folder);
	memset(bytes, 'x', sizeof(bytes));
}

static void
teardown(void)
{
	char anew[80];

	(void)snprintf(anew, sizeof(anew), "%s.new", path);
	(void)unlink(path);
	(void)unlink(copy);
	(void)unlink(anew); /* of one that was killed in between */
	ck_assert_int_eq(rmdir(folder), 0);
}

/* append() - entry number n, as large as the number says */
static void
append(struct journal *journal, uint32_t n, size_t size)
{
	ck_assert_int_eq(journal_append(journal, n, n, bytes, size, NULL), 0);
}

static void
begin(size_t size)
{
	struct journal journal;

	ck_assert_int_eq(journal_open(&journal, path), 0);
	for (uint32_t n = 1; n <= N_BEFORE; n++)
		append(&journal, n, size);
	journal_close(&journal);
}

/* --- what is left --- */

static void
copy_file(void)
{
	int from = open(path, O_RDONLY | O_CLOEXEC), to;
	ssize_t n = from < 0 ? 0 : read(from, file_bytes, sizeof(file_bytes));

	from = fd_close(from);
	ck_assert_int_lt(n, MOST);
	to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(to, 0);
	ck_assert_int_eq(write(to, file_bytes, (size_t)n), n);
	to = fd_close(to);
}

/* count_left() - entries, each of them whole, which begin with number @first */
static uint32_t
count_left(uint32_t first)
{
	struct journal_entry entry;
	struct journal journal;
	uint32_t n = 0;
	size_t at = 0;

	copy_file();
	ck_assert_int_eq(journal_open(&journal, copy), 0);
	while (journal_next(&journal, &at, &entry)) {
		ck_assert_uint_eq(entry.kind, first + n);
		ck_assert_uint_eq(entry.peer, first + n);
		ck_assert_mem_eq(entry.bytes, bytes, entry.size);
		n++;
	}
	journal_close(&journal);
	return n;
}

/* --- what is done --- */

static void
add_one(struct journal *journal)
{
	append(journal, N_BEFORE + 1, 100);
}

static bool
check_add(void)
{
	uint32_t n = count_left(1);

	ck_assert(n == N_BEFORE || n == N_BEFORE + 1);
	return n > N_BEFORE;
}

static void
write_anew(struct journal *journal)
{
	struct journal anew;

	ck_assert_int_eq(journal_begin_anew(journal, &anew), 0);
	append(&anew, 2, 100);
	append(&anew, 3, 100);
	ck_assert_int_eq(journal_end_anew(journal, &anew), 0);
}

/* Three from number 1, or two from number 2. */
static bool
check_anew(void)
{
	struct journal_entry entry;
	struct journal journal;
	uint32_t first;
	size_t at = 0;

	copy_file();
	ck_assert_int_eq(journal_open(&journal, copy), 0);
	ck_assert(journal_next(&journal, &at, &entry));
	first = entry.kind;
	journal_close(&journal);
	ck_assert_uint_eq(count_left(first), N_BEFORE + 1 - first);
	return first == 2;
}

static void
open_first(struct journal *journal)
{
	journal_close(journal);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(journal_open(journal, path), 0);
	append(journal, 1, 100);
}

static bool
check_first(void)
{
	uint32_t n = count_left(1);

	ck_assert(n <= 1 || n == N_BEFORE); /* it is there until it is removed */
	return n == 1;
}

/* --- step by step --- */

static void
run_child(void (*act)(struct journal *journal))
{
	struct journal journal;

	if (journal_open(&journal, path) < 0)
		_exit(1);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(SKIP);
	(void)raise(SIGSTOP);
	act(&journal);
	(void)raise(SIGSTOP);
	_exit(0);
}

/* is_as_before() - nothing changed of what counts: which file it is, and its bytes as far as they are used */
static bool
is_as_before(void)
{
	static struct {
		size_t size, used;
		ino_t inode;
		char bytes[MOST];
	} last, now;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = {0};
	bool same;

	now.used = 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && pread(fd, now.bytes, HEAD_SIZE, 0) == HEAD_SIZE)
		memcpy(&now.used, now.bytes + HEAD_USED, sizeof(now.used));
	if (now.used <= MOST && pread(fd, now.bytes, now.used, 0) != (ssize_t)now.used)
		now.used = 0; /* it is begun */
	fd = fd_close(fd);
	now.size = (size_t)st.st_size;
	now.inode = st.st_ino;
	same = now.size == last.size && now.used == last.used && now.inode == last.inode &&
	       memcmp(now.bytes, last.bytes, MIN(now.used, (size_t)MOST)) == 0;
	last = now;
	return same;
}

/* step_through() - the file is looked at after each instruction; in the end it is as it should be */
static void
step_through(void (*act)(struct journal *journal), bool (*check)(void))
{
	bool is_done = false;
	int status, n = 0;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run_child(act);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP)
		return; /* it may not be traced */
	for (;;) {
		ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSTOPPED(status), "it ended with %#x", status);
		if (WSTOPSIG(status) == SIGSTOP)
			break;
		ck_assert_int_lt(++n, STEPS_MAX);
		if (!is_as_before())
			is_done = check();
	}
	ck_assert(is_done);
	ck_assert_int_gt(n, 100);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

START_TEST(one_more)
{
	begin(100);
	step_through(add_one, check_add);
}
END_TEST

START_TEST(one_more_that_does_not_fit)
{
	begin(LARGE + 1700); /* 64 KiB in all */
	step_through(add_one, check_add);
}
END_TEST

START_TEST(written_anew)
{
	begin(100);
	step_through(write_anew, check_anew);
}
END_TEST

START_TEST(begun)
{
	begin(100);
	step_through(open_first, check_first);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("crash-journal");
	TCase *tcase = tcase_create("crash-journal");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 100);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_more);
	tcase_add_test(tcase, one_more_that_does_not_fit);
	tcase_add_test(tcase, written_anew);
	tcase_add_test(tcase, begun);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
