/* SPDX-License-Identifier: MIT */

/*
 * Tests of shm/segment: what is made can be opened and shares bytes, and each
 * thing that could hurt a receiver is refused by its own name. The hostile
 * routes to write or resize are tests/system/seals.c.
 */

#include "shm/segment.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PAGE segment_page_size()

static int n_fds_before;

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
setup(void)
{
	n_fds_before = count_fds();
}

static void
teardown(void)
{
	ck_assert_int_eq(count_fds(), n_fds_before);
}

/* A memfd with just these @seals, filled or one hole. */
static int
memfd(size_t size, bool filled, int seals)
{
	int fd = memfd_create("tern-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	for (size_t i = 0; filled && i < size; i += 1024)
		ck_assert_int_eq(pwrite(fd, "", 1, (off_t)i), 1);
	if (seals)
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int
try_open(int fd, size_t min, size_t max)
{
	struct segment segment = SEGMENT_INIT;
	int r = segment_open(&segment, fd, min, max);

	if (r)
		ck_assert_ptr_null(segment.base); /* outputs stay untouched */
	segment_deinit(&segment);
	fd_close(fd);
	return r;
}

START_TEST(create_makes_what_open_wants)
{
	struct segment ours = SEGMENT_INIT, theirs = SEGMENT_INIT;
	struct stat st;

	ck_assert_int_eq(segment_create(&ours, "tern-test", 3 * PAGE - 1), 0);
	ck_assert_uint_eq(ours.size, 3 * PAGE);
	ck_assert(ours.owned);
	ck_assert_int_eq(fcntl(ours.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(ours.fd, F_GET_SEALS) & SEGMENT_SEALS, SEGMENT_SEALS);
	ck_assert_int_eq(fstat(ours.fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0400);

	ck_assert_int_eq(segment_open(&theirs, ours.fd, 1, 3 * PAGE), 0);
	ck_assert(!theirs.owned);
	ck_assert_int_eq(theirs.fd, -1);
	ck_assert_uint_eq(theirs.size, ours.size);
	for (size_t i = 0; i < ours.size; i++)
		ck_assert_uint_eq(theirs.base[i], 0);

	/* The owner goes on writing after the seals and without the descriptor. */
	segment_close_fd(&ours);
	segment_close_fd(&ours);
	ours.base[2 * PAGE] = 42;
	ck_assert_uint_eq(theirs.base[2 * PAGE], 42);

	segment_deinit(&ours);
	ck_assert_uint_eq(theirs.base[2 * PAGE], 42); /* outlives its owner */
	segment_deinit(&theirs);
	segment_deinit(&theirs);
	segment_deinit(NULL);
}
END_TEST

START_TEST(create_refuses_sizes_that_cannot_be)
{
	struct segment segment = SEGMENT_INIT;

	ck_assert_int_eq(segment_create(&segment, "tern-test", 0), -EINVAL);
	ck_assert_int_eq(segment_create(&segment, "tern-test", SIZE_MAX), -E2BIG);
	ck_assert_int_eq(segment_create(&segment, "tern-test", SEGMENT_SIZE_MAX + 1), -E2BIG);
	ck_assert_ptr_null(segment.base);
	ck_assert_int_eq(segment.fd, -1);
}
END_TEST

START_TEST(create_reports_what_the_kernel_refuses)
{
	struct rlimit files;
	struct rlimit memory = {.rlim_cur = 0, .rlim_max = 0};
	struct segment segment = SEGMENT_INIT;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setrlimit(RLIMIT_AS, &memory) < 0)
			_exit(1);
		if (segment_create(&segment, "tern-test", 1 << 20) != -ENOMEM)
			_exit(2);
		if (getrlimit(RLIMIT_NOFILE, &files) < 0)
			_exit(3);
		files.rlim_cur = 0; /* valgrind refuses to lower the other one */
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			_exit(3);
		if (segment_create(&segment, "tern-test", 1) != -EMFILE)
			_exit(4);
		_exit(segment.base || segment.fd != -1 ? 5 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(open_refuses_what_is_no_memfd)
{
	int fds[2];

	ck_assert_int_eq(try_open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), 1, SIZE_MAX),
		SEGMENT_E_NOT_MEMFD);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(try_open(fds[0], 1, SIZE_MAX), SEGMENT_E_NOT_MEMFD);
	fd_close(fds[1]);
	ck_assert_int_eq(
		try_open(open("/dev/zero", O_RDWR | O_CLOEXEC), 1, SIZE_MAX), SEGMENT_E_NOT_MEMFD);
	ck_assert_int_eq(try_open(-1, 1, SIZE_MAX), -EBADF);
}
END_TEST

START_TEST(open_refuses_huge_pages)
{
	int fd = memfd_create("tern-test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

	if (fd < 0)
		return; /* no huge pages here, so nobody can send any */
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, SEGMENT_SEALS), 0);
	ck_assert_int_eq(try_open(fd, 0, SIZE_MAX), SEGMENT_E_NOT_MEMFD);
}
END_TEST

/* Take one seal away at a time: each is needed. */
START_TEST(open_wants_every_seal)
{
	static const int seals[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE};
	int fd;

	ck_assert_int_eq(try_open(memfd(PAGE, true, SEGMENT_SEALS), 1, PAGE), 0);
	for (size_t i = 0; i < ARRAY_SIZE(seals); i++)
		ck_assert_int_eq(try_open(memfd(PAGE, true, SEGMENT_SEALS & ~seals[i]), 1, PAGE),
			SEGMENT_E_SEALS);
	ck_assert_int_eq(try_open(memfd(PAGE, true, 0), 1, PAGE), SEGMENT_E_SEALS);

	fd = memfd_create("tern-test", MFD_CLOEXEC); /* cannot be sealed */
	ck_assert_int_eq(ftruncate(fd, (off_t)PAGE), 0);
	ck_assert_int_eq(try_open(fd, 1, PAGE), SEGMENT_E_SEALS);
}
END_TEST

START_TEST(open_keeps_the_limits)
{
	ck_assert_int_eq(try_open(memfd(2 * PAGE, true, SEGMENT_SEALS), 2 * PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(try_open(memfd(2 * PAGE, true, SEGMENT_SEALS), 2 * PAGE + 1, SIZE_MAX),
		SEGMENT_E_SIZE);
	ck_assert_int_eq(
		try_open(memfd(2 * PAGE, true, SEGMENT_SEALS), 0, 2 * PAGE - 1), SEGMENT_E_SIZE);
	ck_assert_int_eq(
		try_open(memfd(2 * PAGE - 1, true, SEGMENT_SEALS), 0, SIZE_MAX), SEGMENT_E_SIZE);
	ck_assert_int_eq(
		try_open(memfd(2 * PAGE + 8, true, SEGMENT_SEALS), 0, SIZE_MAX), SEGMENT_E_SIZE);
	ck_assert_int_eq(try_open(memfd(0, false, SEGMENT_SEALS), 0, SIZE_MAX), SEGMENT_E_SIZE);
	ck_assert_int_eq(
		try_open(memfd((size_t)1 << 50, false, SEGMENT_SEALS), 0, 1 << 30), SEGMENT_E_SIZE);
}
END_TEST

START_TEST(open_refuses_holes)
{
	int fd = memfd(64 * PAGE, true, 0);

	ck_assert_int_eq(
		try_open(memfd(64 * PAGE, false, SEGMENT_SEALS), 1, SIZE_MAX), SEGMENT_E_HOLES);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 (off_t)(63 * PAGE), (off_t)PAGE),
		0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, SEGMENT_SEALS), 0);
	ck_assert_int_eq(try_open(fd, 1, SIZE_MAX), SEGMENT_E_HOLES);
}
END_TEST

START_TEST(open_trusted_counts_blocks)
{
	struct segment segment = SEGMENT_INIT;
	int fd = memfd(64 * PAGE, true, SEGMENT_SEALS), sparse = memfd(64 * PAGE, false, SEGMENT_SEALS);

	ck_assert_int_eq(segment_open_trusted(&segment, sparse, 1, SIZE_MAX), SEGMENT_E_HOLES);
	ck_assert_int_eq(segment_open_trusted(&segment, fd, 1, 63 * PAGE), SEGMENT_E_SIZE);
	ck_assert_int_eq(segment_open_trusted(&segment, fd, 1, SIZE_MAX), 0);
	ck_assert_uint_eq(segment.size, 64 * PAGE);
	segment_deinit(&segment);
	fd_close(fd);
	fd_close(sparse);
}
END_TEST

/* As many blocks as the size takes, but not where they are needed. */
START_TEST(open_refuses_blocks_behind_the_end)
{
	int fd = memfd(64 * PAGE, false, 0);

	ck_assert_int_eq(
		fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)(64 * PAGE), (off_t)(64 * PAGE)), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, SEGMENT_SEALS), 0);
	ck_assert_int_eq(try_open(fd, 1, SIZE_MAX), SEGMENT_E_HOLES);
}
END_TEST

/* What was checked stays true: the owner himself cannot take memory away again. */
START_TEST(the_owner_cannot_punch_holes)
{
	struct segment ours = SEGMENT_INIT;
	struct stat before, after;

	ck_assert_int_eq(segment_create(&ours, "tern-test", 4 * PAGE), 0);
	ck_assert_int_eq(fstat(ours.fd, &before), 0);
	ck_assert_int_lt(madvise(ours.base, 4 * PAGE, MADV_REMOVE), 0);
	ck_assert_int_lt(
		fallocate(ours.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)PAGE), 0);
	ck_assert_int_lt(ftruncate(ours.fd, 0), 0);
	(void)madvise(ours.base, 4 * PAGE, MADV_DONTNEED);
	(void)madvise(ours.base, 4 * PAGE, MADV_FREE);
	ck_assert_int_eq(fstat(ours.fd, &after), 0);
	ck_assert_int_eq(before.st_blocks, after.st_blocks);
	segment_deinit(&ours);
}
END_TEST

/* Descriptors of a sound segment that cannot be used for it. */
START_TEST(open_refuses_descriptors_that_cannot_be_read)
{
	struct segment ours = SEGMENT_INIT;
	char path[64];

	ck_assert_int_eq(segment_create(&ours, "tern-test", PAGE), 0);
	ck_assert_int_eq(fchmod(ours.fd, 0600), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ours.fd);
	ck_assert_int_eq(try_open(open(path, O_WRONLY | O_CLOEXEC), 1, PAGE), SEGMENT_E_NOT_MEMFD);
	ck_assert_int_eq(try_open(open(path, O_PATH | O_CLOEXEC), 1, PAGE), SEGMENT_E_NOT_MEMFD);
	ck_assert_int_eq(try_open(open(path, O_RDONLY | O_CLOEXEC), 1, PAGE), 0);
	segment_deinit(&ours);
}
END_TEST

static int
run_child(void (*body)(uint8_t *), uint8_t *p)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		body(p);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
store(uint8_t *p)
{
	*(volatile uint8_t *)p = 66;
}

static void
load(uint8_t *p)
{
	(void)*(volatile uint8_t *)p;
}

START_TEST(mappings_are_not_inherited)
{
	struct segment ours = SEGMENT_INIT, theirs = SEGMENT_INIT;

	ck_assert_int_eq(segment_create(&ours, "tern-test", PAGE), 0);
	ck_assert_int_eq(segment_open(&theirs, ours.fd, PAGE, PAGE), 0);
	ck_assert_int_eq(run_child(store, ours.base), SIGSEGV);
	ck_assert_int_eq(run_child(load, theirs.base), SIGSEGV);
	ck_assert_uint_eq(ours.base[0], 0);
	segment_deinit(&ours);
	segment_deinit(&theirs);
}
END_TEST

START_TEST(every_answer_has_a_text)
{
	for (int i = SEGMENT_E_NOT_MEMFD; i <= SEGMENT_E_HOLES; i++) {
		ck_assert_str_ne(segment_strerror(i), segment_strerror(0));
		for (int j = i + 1; j <= SEGMENT_E_HOLES; j++)
			ck_assert_str_ne(segment_strerror(i), segment_strerror(j));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("segment");
	TCase *tcase = tcase_create("segment");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, create_makes_what_open_wants);
	tcase_add_test(tcase, create_refuses_sizes_that_cannot_be);
	tcase_add_test(tcase, create_reports_what_the_kernel_refuses);
	tcase_add_test(tcase, open_refuses_what_is_no_memfd);
	tcase_add_test(tcase, open_refuses_huge_pages);
	tcase_add_test(tcase, open_wants_every_seal);
	tcase_add_test(tcase, open_keeps_the_limits);
	tcase_add_test(tcase, open_refuses_holes);
	tcase_add_test(tcase, open_trusted_counts_blocks);
	tcase_add_test(tcase, open_refuses_blocks_behind_the_end);
	tcase_add_test(tcase, the_owner_cannot_punch_holes);
	tcase_add_test(tcase, open_refuses_descriptors_that_cannot_be_read);
	tcase_add_test(tcase, mappings_are_not_inherited);
	tcase_add_test(tcase, every_answer_has_a_text);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
