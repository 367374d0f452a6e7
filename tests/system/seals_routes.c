/* SPDX-License-Identifier: MIT */

/* seals: the attacks, and the table of routes. Each writes 'X', or changes the size or the blocks.
 */

#include "seals.h"
#include "base/attribute.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int
done(long result)
{
	return result < 0 ? -errno : 0;
}

/* Ways to a descriptor */

static int
open_again(pid_t pid, int fd, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	return open(path, flags | O_CLOEXEC);
}

static int
get_reopened(const struct attack *a)
{
	return open_again(getpid(), a->fd, O_RDWR);
}

static int
get_write_only(const struct attack *a)
{
	return open_again(getpid(), a->fd, O_WRONLY);
}

static int
get_truncated(const struct attack *a)
{
	return open_again(getpid(), a->fd, O_RDWR | O_TRUNC);
}

static int
get_after_fchmod(const struct attack *a)
{
	(void)fchmod(a->fd, 0666); /* only its owner can */
	return get_reopened(a);
}

static int
get_through_owner(const struct attack *a)
{
	return open_again(a->owner, a->owner_fd, O_RDWR);
}

static int
get_from_owner(const struct attack *a)
{
	int pidfd = (int)syscall(SYS_pidfd_open, a->owner, 0);

	return pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, a->owner_fd, 0);
}

/* With the descriptor: writes */

static int
act_nothing(const struct attack *a)
{
	return 0; /* getting it was the attack */
}

static int
act_write(const struct attack *a)
{
	return done(write(a->fd, "X", 1));
}

static int
act_pwrite(const struct attack *a)
{
	return done(pwrite(a->fd, "X", 1, 0));
}

static int
act_writev(const struct attack *a)
{
	struct iovec iov = {.iov_base = (void *)"X", .iov_len = 1};

	return done(pwritev(a->fd, &iov, 1, 0));
}

static int
act_write_direct(const struct attack *a)
{
	static char page[4096] __attribute__((__aligned__(4096))) = "X";

	if (fcntl(a->fd, F_SETFL, O_DIRECT) < 0)
		return UNAVAILABLE; /* memfds can since Linux 6.6, when reopened */
	return done(pwrite(a->fd, page, sizeof(page), 0));
}

static int
act_append(const struct attack *a)
{
	if (fcntl(a->fd, F_SETFL, O_APPEND) < 0)
		return -errno;
	return act_write(a);
}

static int
filled_pipe(int ret_pipe[2])
{
	if (pipe(ret_pipe) < 0)
		return -errno;
	return done(write(ret_pipe[1], "X", 1));
}

static int
filled_file(void)
{
	int fd = memfd_create("tern-attack", MFD_CLOEXEC);

	return fd >= 0 && pwrite(fd, "X", 1, 0) == 1 ? fd : -1;
}

static int
act_sendfile(const struct attack *a)
{
	off_t from = 0;

	return done(sendfile(a->fd, filled_file(), &from, 1));
}

static int
act_copy_file_range(const struct attack *a)
{
	off_t from = 0, to = 0;

	return done(copy_file_range(filled_file(), &from, a->fd, &to, 1, 0));
}

static int
act_splice(const struct attack *a)
{
	off_t to = 0;
	int fds[2];
	int r = filled_pipe(fds);

	return r ? r : done(splice(fds[0], NULL, a->fd, &to, 1, 0));
}

static int
act_vmsplice(const struct attack *a)
{
	struct iovec iov = {.iov_base = (void *)"X", .iov_len = 1};
	off_t to = 0;
	int fds[2];

	if (pipe(fds) < 0 || vmsplice(fds[1], &iov, 1, 0) < 0)
		return -errno;
	return done(splice(fds[0], NULL, a->fd, &to, 1, SPLICE_F_MOVE));
}

static int
act_aio_write(const struct attack *a)
{
	struct iocb iocb = {.aio_fildes = (uint32_t)a->fd,
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_buf = (uintptr_t) "X",
		.aio_nbytes = 1};
	struct iocb *list[] = {&iocb};
	struct io_event event;
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 1, &context) < 0)
		return UNAVAILABLE;
	if (syscall(SYS_io_submit, context, 1, list) < 0)
		return -errno;
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return -errno;
	return event.res < 0 ? (int)event.res : 0;
}

/* One operation through a ring of its own; nothing is given back, the process ends soon. */
static int
uring(struct io_uring_sqe sqe)
{
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqe;
	uint8_t *ring;

	if (fd < 0 || !(params.features & IORING_FEAT_SINGLE_MMAP))
		return UNAVAILABLE;
	ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	if (ring == MAP_FAILED || sqes == MAP_FAILED)
		return UNAVAILABLE;
	sqes[0] = sqe;
	*(uint32_t *)(ring + params.sq_off.array) = 0;
	*(uint32_t *)(ring + params.sq_off.tail) = 1;
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	cqe = (struct io_uring_cqe *)(ring + params.cq_off.cqes);
	return cqe->res < 0 ? cqe->res : 0;
}

static int
act_uring_write(const struct attack *a)
{
	return uring((struct io_uring_sqe){
		.opcode = IORING_OP_WRITE, .fd = a->fd, .addr = (uintptr_t) "X", .len = 1});
}

static int
act_uring_punch(const struct attack *a)
{
	return uring((struct io_uring_sqe){.opcode = IORING_OP_FALLOCATE,
		.fd = a->fd,
		.len = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		.addr = a->size});
}

/* With the descriptor: sizes and blocks */

static int
act_shrink(const struct attack *a)
{
	return done(ftruncate(a->fd, 0));
}

static int
act_grow(const struct attack *a)
{
	return done(ftruncate(a->fd, (off_t)a->size * 2));
}

static int
act_truncate_path(const struct attack *a)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", a->fd);
	return done(truncate(path, 0));
}

static int
act_allocate(const struct attack *a)
{
	return done(fallocate(a->fd, 0, 0, (off_t)a->size * 2));
}

static int
act_allocate_behind(const struct attack *a)
{
	return done(fallocate(a->fd, FALLOC_FL_KEEP_SIZE, (off_t)a->size, (off_t)a->size));
}

static int
act_punch(const struct attack *a)
{
	return done(
		fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)a->size));
}

static int
act_reseal(const struct attack *a)
{
	return done(fcntl(a->fd, F_ADD_SEALS, F_SEAL_GROW));
}

/* With a mapping */

static uint8_t *
map(const struct attack *a, int prot)
{
	uint8_t *p = mmap(NULL, a->size, prot, MAP_SHARED, a->fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int
store(uint8_t *p)
{
	*(volatile uint8_t *)p = 'X';
	return 0;
}

/* Writable if that can be had: the control runs need it, the others want to do without. */
static uint8_t *
map_best(const struct attack *a)
{
	uint8_t *p = map(a, PROT_READ | PROT_WRITE);

	return p ? p : map(a, PROT_READ);
}

static int
act_map(const struct attack *a)
{
	uint8_t *p = map(a, PROT_READ | PROT_WRITE);

	return p ? store(p) : -errno;
}

static int
protect_and_store(const struct attack *a, uint8_t *p)
{
	if (mprotect(p, a->size, PROT_READ | PROT_WRITE) < 0)
		return -errno;
	return store(p);
}

static int
act_mprotect(const struct attack *a)
{
	uint8_t *p = map(a, PROT_READ);

	return p ? protect_and_store(a, p) : -errno;
}

static int
act_mremap(const struct attack *a)
{
	uint8_t *p = map(a, PROT_READ);

	p = p ? mremap(p, 0, a->size, MREMAP_MAYMOVE) : MAP_FAILED;
	return p != MAP_FAILED ? protect_and_store(a, p) : -errno;
}

static int
act_remap_file_pages(const struct attack *a)
{
	uint8_t *p = map(a, PROT_READ);

	if (!p || remap_file_pages(p, a->size / 2, 0, 1, 0) < 0)
		return -errno;
	return protect_and_store(a, p);
}

static int
act_madvise_remove(const struct attack *a)
{
	uint8_t *p = map_best(a);

	return p ? done(madvise(p, a->size, MADV_REMOVE)) : -errno;
}

static int
read_into(uint8_t *p)
{
	int fds[2];
	int r = filled_pipe(fds);

	return r ? r : done(read(fds[0], p, 1));
}

static int
act_read_into(const struct attack *a)
{
	uint8_t *p = map_best(a);

	return p ? read_into(p) : -errno;
}

static int
act_vm_writev(const struct attack *a)
{
	uint8_t *p = map_best(a);
	struct iovec from = {.iov_base = (void *)"X", .iov_len = 1};
	struct iovec to = {.iov_base = p, .iov_len = 1};

	return p ? done(process_vm_writev(getpid(), &from, 1, &to, 1, 0)) : -errno;
}

static int
write_own_memory(uint8_t *p)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	return fd < 0 ? UNAVAILABLE : done(pwrite(fd, "X", 1, (off_t)(uintptr_t)p));
}

static int
act_proc_mem(const struct attack *a)
{
	uint8_t *p = map_best(a);

	return p ? write_own_memory(p) : -errno;
}

static int
act_futex(const struct attack *a)
{
	uint8_t *p = map_best(a);
	uint32_t own = 0;

	if (!p)
		return -errno;
	return done(syscall(SYS_futex, &own, FUTEX_WAKE_OP, 0, NULL, p,
		FUTEX_OP(FUTEX_OP_SET, 'X', FUTEX_OP_CMP_EQ, 0)));
}

/* A debugger writes into a debuggee that has the same mapping. */
static int
act_ptrace(const struct attack *a)
{
	uint8_t *p = map_best(a);
	pid_t pid = p ? fork() : -1;
	int status, r;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			(void)raise(SIGSTOP);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return UNAVAILABLE;
	r = done(ptrace(PTRACE_POKEDATA, pid, p, (void *)(uintptr_t)'X'));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return r;
}

static int
act_udmabuf(const struct attack *a)
{
	struct udmabuf_create create = {.memfd = (uint32_t)a->fd, .size = a->size};
	struct attack buffer = *a;
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (device < 0)
		return UNAVAILABLE;
	buffer.fd = ioctl(device, UDMABUF_CREATE, &create);
	return buffer.fd < 0 ? -errno : act_map(&buffer);
}

/* With the owner's own mapping, in a child */

static int
act_inherited_store(const struct attack *a)
{
	return store(a->at);
}

static int
act_inherited_read_into(const struct attack *a)
{
	return read_into(a->at);
}

static int
act_inherited_mremap(const struct attack *a)
{
	uint8_t *p = mremap(a->at, 0, a->size, MREMAP_MAYMOVE);

	return p != MAP_FAILED ? store(p) : -errno;
}

static int
act_inherited_proc_mem(const struct attack *a)
{
	return write_own_memory(a->at);
}

/* Without harm, whether they are done or not: nothing is there to be switched off */

static int
act_private(const struct attack *a)
{
	uint8_t *p = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, a->fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	(void)store(p);
	return done(msync(p, a->size, MS_SYNC));
}

/* Each of them; the last error counts, if any. */
static int
act_advise(const struct attack *a)
{
	static const int advices[] = {MADV_DONTNEED, MADV_FREE, MADV_WIPEONFORK, MADV_COLD,
		MADV_PAGEOUT, MADV_DOFORK, MADV_POPULATE_WRITE, MADV_DONTNEED_LOCKED};
	uint8_t *p = map_best(a);
	int r = 0;

	for (size_t i = 0; p && i < ARRAY_SIZE(advices); i++)
		if (madvise(p, a->size, advices[i]) < 0)
			r = -errno;
	return p ? r : -errno;
}

static int
act_allocate_oddly(const struct attack *a)
{
	static const int modes[] = {FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_KEEP_SIZE};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (fallocate(a->fd, modes[i], 0, (off_t)a->size / 2) < 0)
			r = -errno;
	return r;
}

/* Pages of the segment in a pipe, and more written to the pipe ("dirty pipe", CVE-2022-0847). */
static int
act_dirty_pipe(const struct attack *a)
{
	loff_t from = 0;
	int fds[2];

	if (pipe(fds) < 0 || splice(a->fd, &from, fds[1], NULL, 1, 0) != 1)
		return -errno;
	return done(write(fds[1], "XXXX", 4));
}

static int
act_unlink(const struct attack *a)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", a->fd);
	if (linkat(AT_FDCWD, path, AT_FDCWD, "tern-attack", AT_SYMLINK_FOLLOW) == 0)
		return done(unlink("tern-attack"));
	return done(unlink(path));
}

const struct route routes[] = {
	{"write", NULL, act_write, ANYBODY, FUTURE_WRITE},
	{"pwrite", NULL, act_pwrite, ANYBODY, FUTURE_WRITE},
	{"pwritev", NULL, act_writev, ANYBODY, FUTURE_WRITE},
	{"write, O_APPEND", NULL, act_append, ANYBODY, FUTURE_WRITE | GROW},
	{"sendfile", NULL, act_sendfile, ANYBODY, FUTURE_WRITE},
	{"copy_file_range", NULL, act_copy_file_range, ANYBODY, FUTURE_WRITE},
	{"splice", NULL, act_splice, ANYBODY, FUTURE_WRITE},
	{"vmsplice, splice", NULL, act_vmsplice, ANYBODY, FUTURE_WRITE},
	{"aio write", NULL, act_aio_write, ANYBODY, FUTURE_WRITE},
	{"io_uring write", NULL, act_uring_write, ANYBODY, FUTURE_WRITE},
	{"io_uring punch hole", NULL, act_uring_punch, ANYBODY, FUTURE_WRITE},
	{"ftruncate to 0", NULL, act_shrink, ANYBODY, SHRINK},
	{"ftruncate to double", NULL, act_grow, ANYBODY, GROW},
	{"fallocate to double", NULL, act_allocate, ANYBODY, GROW},
	{"fallocate behind the end", NULL, act_allocate_behind, ANYBODY, GROW},
	{"fallocate punch hole", NULL, act_punch, ANYBODY, FUTURE_WRITE},
	{"map shared, store", NULL, act_map, ANYBODY, FUTURE_WRITE},
	{"map, mprotect, store", NULL, act_mprotect, ANYBODY, FUTURE_WRITE},
	{"map, mremap, mprotect, store", NULL, act_mremap, ANYBODY, FUTURE_WRITE},
	{"map, remap_file_pages, store", NULL, act_remap_file_pages, ANYBODY, FUTURE_WRITE},
	{"map, MADV_REMOVE", NULL, act_madvise_remove, ANYBODY, FUTURE_WRITE},
	{"map, read() into it", NULL, act_read_into, ANYBODY, FUTURE_WRITE},
	{"map, process_vm_writev", NULL, act_vm_writev, ANYBODY, FUTURE_WRITE},
	{"map, /proc/self/mem", NULL, act_proc_mem, ANYBODY, FUTURE_WRITE},
	{"map, FUTEX_WAKE_OP", NULL, act_futex, ANYBODY, FUTURE_WRITE},
	{"map, ptrace own child", NULL, act_ptrace, ANYBODY, FUTURE_WRITE},
	{"udmabuf, map, store", NULL, act_udmabuf, ANYBODY, FUTURE_WRITE},
	{"add seals, owner cannot grow", NULL, act_reseal, ANYBODY, SEAL, .absent = GROW},
	{"truncate /proc/self/fd/N", NULL, act_truncate_path, ANYBODY, SHRINK | MODE},
	{"reopen O_TRUNC", get_truncated, act_nothing, ANYBODY, SHRINK | MODE},
	{"reopen, map shared, store", get_reopened, act_map, ANYBODY, FUTURE_WRITE | MODE},
	{"reopen, write", get_reopened, act_write, ANYBODY, FUTURE_WRITE | MODE},
	{"reopen, pwrite", get_reopened, act_pwrite, ANYBODY, FUTURE_WRITE | MODE},
	{"reopen, pwrite, O_DIRECT", get_reopened, act_write_direct, ANYBODY, FUTURE_WRITE | MODE},
	{"reopen write-only, pwrite", get_write_only, act_pwrite, ANYBODY, FUTURE_WRITE | MODE},
	{"reopen, ftruncate to 0", get_reopened, act_shrink, ANYBODY, SHRINK | MODE},
	{"reopen, ftruncate to double", get_reopened, act_grow, ANYBODY, GROW | MODE},
	{"reopen, fallocate to double", get_reopened, act_allocate, ANYBODY, GROW | MODE},
	{"reopen, punch hole", get_reopened, act_punch, ANYBODY, FUTURE_WRITE | MODE},
	{"fchmod, reopen, map, store", get_after_fchmod, act_map, ANYBODY, FUTURE_WRITE, MODE},
	{"fchmod, reopen, pwrite", get_after_fchmod, act_pwrite, ANYBODY, FUTURE_WRITE, MODE},
	{"fchmod, reopen, ftruncate", get_after_fchmod, act_shrink, ANYBODY, SHRINK, MODE},
	{"/proc/OWNER/fd/N, pwrite", get_through_owner, act_pwrite, SAME | CHILD,
		FUTURE_WRITE | MODE},
	{"pidfd_getfd, map, store", get_from_owner, act_map, SAME | CHILD, FUTURE_WRITE},
	{"inherited map, store", NULL, act_inherited_store, CHILD, DONTFORK},
	{"inherited map, read() into it", NULL, act_inherited_read_into, CHILD, DONTFORK},
	{"inherited map, mremap, store", NULL, act_inherited_mremap, CHILD, DONTFORK},
	{"inherited map, /proc/self/mem", NULL, act_inherited_proc_mem, CHILD, DONTFORK},
	{"map private, store", NULL, act_private, ANYBODY},
	{"map, madvise", NULL, act_advise, ANYBODY},
	{"fallocate, other modes", NULL, act_allocate_oddly, ANYBODY},
	{"dirty pipe", NULL, act_dirty_pipe, ANYBODY},
	{"link, unlink", NULL, act_unlink, ANYBODY},
};
const size_t n_routes = ARRAY_SIZE(routes);
