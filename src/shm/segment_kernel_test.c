/* SPDX-License-Identifier: MIT */

/*
 * Tests of shm/segment with a kernel that refuses, is interrupted, or is of
 * another kind: the linker puts this file between the module and libc, and one
 * call answers as planned. The kernel that is here: segment_test.c.
 */

#include "shm/segment.h"

#include <check.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PAGE segment_page_size()
#define HUGE (2 << 20)

enum call { NONE, MEMFD, FTRUNCATE, FALLOCATE, FCHMOD, MMAP, MADVISE, FCNTL, FSTAT, FSTATFS, LSEEK };

/* Which call fails, after how many that do not, with what; and what is seen. */
static struct {
	enum call call;
	int after, error;
	bool is_huge; /* files have large blocks */
	size_t allocated;
} plan;

static bool
fails(enum call call)
{
	if (plan.call != call || plan.after-- > 0)
		return false;
	plan.call = NONE;
	errno = plan.error;
	return true;
}

#define WRAP(call, type, name, params, args, failed)                                               \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params { return fails(call) ? (failed) : __real_##name args; }

WRAP(MEMFD, int, memfd_create, (const char *name, unsigned int flags), (name, flags), -1)
WRAP(FTRUNCATE, int, ftruncate64, (int fd, off_t size), (fd, size), -1)
WRAP(FCHMOD, int, fchmod, (int fd, mode_t mode), (fd, mode), -1)
WRAP(MMAP, void *, mmap64, (void *at, size_t size, int prot, int flags, int fd, off_t offset),
	(at, size, prot, flags, fd, offset), MAP_FAILED)
WRAP(MADVISE, int, madvise, (void *at, size_t size, int advice), (at, size, advice), -1)
WRAP(FCNTL, int, fcntl64, (int fd, int command, long value), (fd, command, value), -1)
WRAP(FSTATFS, int, fstatfs64, (int fd, struct statfs *fs), (fd, fs), -1)
WRAP(LSEEK, off_t, lseek64, (int fd, off_t offset, int whence), (fd, offset, whence), -1)

int __real_fallocate64(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t size);
int
__wrap_fallocate64(int fd, int mode, off_t offset, off_t size)
{
	if (fails(FALLOCATE))
		return -1;
	ck_assert_uint_eq((size_t)offset, plan.allocated); /* piece after piece */
	plan.allocated += (size_t)size;
	return __real_fallocate64(fd, mode, offset, size);
}

int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
int
__wrap_fstat64(int fd, struct stat *st)
{
	int r = fails(FSTAT) ? -1 : __real_fstat64(fd, st);

	if (plan.is_huge)
		st->st_blksize = HUGE;
	return r;
}

struct trial {
	enum call call;
	int after, error;
	int result;
};

static void
begin(const struct trial *trial)
{
	plan.call = trial->call;
	plan.after = trial->after;
	plan.error = trial->error;
	plan.allocated = 0;
}

START_TEST(test_create)
{
	static const struct trial trials[] = {
		{NONE, 0, 0, 0},
		{MEMFD, 0, EINVAL, 0}, /* does not know a flag */
		{MEMFD, 0, EMFILE, -EMFILE},
		{FTRUNCATE, 0, EFBIG, -EFBIG},
		{FALLOCATE, 0, EINTR, 0}, /* in pieces */
		{FALLOCATE, 0, ENOSPC, -ENOSPC},
		{FCHMOD, 0, EPERM, -EPERM},
		{MMAP, 0, ENOMEM, -ENOMEM},
		{MADVISE, 0, ENOMEM, -ENOMEM},
		{MADVISE, 1, EINTR, 0},
		{MADVISE, 1, EAGAIN, 0},
		{MADVISE, 1, ENOMEM, -ENOMEM},
		{FCNTL, 0, EPERM, -EPERM},
	};
	struct segment segment = SEGMENT_INIT;
	const struct trial *trial = &trials[_i];

	ck_assert_uint_eq(ARRAY_SIZE(trials), 13); /* main() counts them, too */
	begin(trial);
	ck_assert_int_eq(segment_create(&segment, "tern-test", 5 * PAGE), trial->result);
	ck_assert_int_eq(plan.call, NONE);
	if (trial->result == 0) {
		ck_assert_uint_eq(plan.allocated, 5 * PAGE);
		ck_assert_int_eq(lseek(segment.fd, 0, SEEK_HOLE), (off_t)segment.size);
	} else {
		ck_assert_ptr_null(segment.base);
		ck_assert_int_eq(segment.fd, -1);
	}
	segment_deinit(&segment);
}
END_TEST

/* Of another process, as it looks from here. */
static int
sealed_memfd(void)
{
	int fd = memfd_create("tern-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)PAGE), 0);
	ck_assert_int_eq(pwrite(fd, "", 1, 0), 1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, SEGMENT_SEALS), 0);
	return fd;
}

static void
open_one(const struct trial *trial)
{
	struct segment segment = SEGMENT_INIT;
	int fd = sealed_memfd();

	begin(trial);
	ck_assert_int_eq(segment_open(&segment, fd, PAGE, PAGE), trial->result);
	ck_assert_int_eq(plan.call, NONE);
	ck_assert_int_eq(segment.base == NULL, trial->result != 0);
	segment_deinit(&segment);
	(void)fd_close(fd);
}

START_TEST(test_open)
{
	static const struct trial trials[] = {
		{NONE, 0, 0, 0},
		{FCNTL, 0, EINVAL, SEGMENT_E_NOT_MEMFD},
		{FCNTL, 0, EBADF, SEGMENT_E_NOT_MEMFD},
		{FCNTL, 0, EPERM, -EPERM}, /* a sandbox */
		{FSTAT, 0, ENOMEM, -ENOMEM},
		{LSEEK, 0, EINVAL, SEGMENT_E_HOLES},
		{MMAP, 0, EPERM, SEGMENT_E_SEALS},
		{MMAP, 0, EACCES, SEGMENT_E_NOT_MEMFD},
		{MMAP, 0, ENOMEM, -ENOMEM},
		{MADVISE, 0, ENOMEM, -ENOMEM},
	};

	for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
		open_one(&trials[i]);
}
END_TEST

/* Where memfds are of huge pages by a setting of the machine, and may still be given back: not those of hugetlbfs. */
START_TEST(test_large_blocks)
{
	static const struct trial trials[] = {
		{NONE, 0, 0, 0},
		{FSTATFS, 0, ENOMEM, SEGMENT_E_NOT_MEMFD},
	};

	plan.is_huge = true;
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
		open_one(&trials[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("segment-kernel");
	TCase *tcase = tcase_create("segment-kernel");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_loop_test(tcase, test_create, 0, 13);
	tcase_add_test(tcase, test_open);
	tcase_add_test(tcase, test_large_blocks);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
