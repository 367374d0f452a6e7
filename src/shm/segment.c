/* SPDX-License-Identifier: MIT */

/* segment: a sealed memfd that one process writes and others only read */

#include "shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "shm/segment-twin.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

static_assert(SEGMENT_SEALS == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE),
	"the header spells the seals in numbers");

size_t
segment_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int
memfd_open(const char *name)
{
	int fd;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* a kernel that does not know the last flag */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

/*
 * The whole size, in memory, now: the owner pays, and no later page fault can fail.
 * A signal undoes what it interrupts, before Linux 6.8; a smaller piece may be ready before the next one.
 */
static int
memfd_allocate(int fd, size_t size)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	size_t done = 0, piece = size, page = segment_page_size();

	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	while (done < size) {
		if (fallocate(fd, 0, (off_t)done, (off_t)MIN(piece, size - done)) == 0)
			done += piece;
		else if (errno == EINTR)
			piece = ALIGN_TO(piece / 2, page);
		else
			return -errno;
	}
	return 0;
}

static int
segment_map(struct segment *segment, int fd, int prot)
{
	void *p;

	p = mmap(NULL, segment->size, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	segment->base = p;
	if (madvise(p, segment->size, MADV_DONTFORK) < 0)
		return -errno; /* the caller's cleanup unmaps */
	return 0;
}

/*
 * Zero all pages now. It saves the page faults later; and only pages that were
 * filled once can be told from holes (SEEK_HOLE), which the receiver looks for.
 */
static int
segment_fill(struct segment *segment)
{
	int r;

	do
		r = madvise(segment->base, segment->size, MADV_POPULATE_WRITE);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : 0;
}

int
segment_create(struct segment *ret_segment, const char *name, size_t size)
{
	_cleanup_(segment_deinit) struct segment segment = SEGMENT_INIT;
	size_t page = segment_page_size();
	int r;

	if (size == 0)
		return -EINVAL;
	if (size > SEGMENT_SIZE_MAX)
		return -E2BIG;
	segment.size = ALIGN_TO(size, page);
	segment.owned = true;

	segment.fd = memfd_open(name);
	if (segment.fd < 0)
		return segment.fd;
	r = memfd_allocate(segment.fd, segment.size);
	if (r)
		return error_trace(r);
	if (fchmod(segment.fd, 0400) < 0) /* a second wall: others cannot even reopen it */
		return -errno;
	r = segment_map(&segment, segment.fd, PROT_READ | PROT_WRITE);
	if (r)
		return error_trace(r);
	r = segment_fill(&segment);
	if (r)
		return error_trace(r);
	if (fcntl(segment.fd, F_ADD_SEALS, SEGMENT_SEALS) < 0)
		return -errno;

	twin_add(segment.fd, segment.base);
	*ret_segment = segment;
	segment = SEGMENT_INIT;
	return 0;
}

/* is_tmpfs() - else it is of huge pages, which can run out when they are first touched, and tells larger blocks */
static bool
is_tmpfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* has_holes() - st_blocks is known at once, but also counts what lies behind the end; to look takes 8 us a MiB */
static bool
has_holes(int fd, const struct stat *st, bool is_trusted)
{
	if (is_trusted)
		return st->st_blocks * 512 < st->st_size;
	return lseek(fd, 0, SEEK_HOLE) != st->st_size;
}

static int
segment_check(int fd, size_t min, size_t max, bool is_trusted, size_t *ret_size)
{
	struct stat st;
	size_t size;
	int seals;

	if (fd < 0)
		return -EBADF;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0) /* EBADF: O_PATH */
		return errno == EINVAL || errno == EBADF ? SEGMENT_E_NOT_MEMFD : -errno;
	if ((seals & SEGMENT_SEALS) != SEGMENT_SEALS)
		return SEGMENT_E_SEALS;

	/* After the seals: neither the size nor what is allocated can change any more. */
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)st.st_blksize > segment_page_size() && !is_tmpfs(fd))
		return SEGMENT_E_NOT_MEMFD;
	if (st.st_size <= 0 || (uint64_t)st.st_size < min || (uint64_t)st.st_size > max)
		return SEGMENT_E_SIZE;
	size = (size_t)st.st_size;
	if (size % segment_page_size())
		return SEGMENT_E_SIZE;
	if (has_holes(fd, &st, is_trusted))
		return SEGMENT_E_HOLES;

	*ret_size = size;
	return 0;
}

static int
check_and_map(struct segment *ret_segment, int fd, size_t min, size_t max, bool is_trusted)
{
	_cleanup_(segment_deinit) struct segment segment = SEGMENT_INIT;
	int r;

	r = segment_check(fd, min, max, is_trusted, &segment.size);
	if (r)
		return error_trace(r); /* same answers as ours */
	segment.base = twin_take(fd);
	r = segment.base ? 0 : segment_map(&segment, fd, PROT_READ);
	if (r == -EPERM) /* F_SEAL_WRITE on kernels that then refuse every shared mapping */
		return SEGMENT_E_SEALS;
	if (r == -EACCES) /* opened write-only */
		return SEGMENT_E_NOT_MEMFD;
	if (r)
		return error_trace(r);

	*ret_segment = segment;
	segment = SEGMENT_INIT;
	return 0;
}

int
segment_open(struct segment *ret_segment, int fd, size_t min, size_t max)
{
	return check_and_map(ret_segment, fd, min, max, false);
}

int
segment_open_trusted(struct segment *ret_segment, int fd, size_t min, size_t max)
{
	return check_and_map(ret_segment, fd, min, max, true);
}

void
segment_close_fd(struct segment *segment)
{
	segment->fd = fd_close(segment->fd);
}

void
segment_deinit(struct segment *segment)
{
	if (!segment)
		return;
	if (segment->base && twin_drop(segment->base))
		(void)munmap(segment->base, segment->size); /* ours, whole: cannot fail */
	(void)fd_close(segment->fd);
	*segment = SEGMENT_INIT;
}

const char *
segment_strerror(int answer)
{
	switch (answer) {
	case SEGMENT_E_NOT_MEMFD:
		return "the descriptor is not a memfd";
	case SEGMENT_E_SEALS:
		return "the segment lacks seals";
	case SEGMENT_E_SIZE:
		return "the segment's size is outside the limits or not whole pages";
	case SEGMENT_E_HOLES:
		return "the segment has holes: its owner did not pay for all of it";
	default:
		return "unknown answer about a segment";
	}
}
