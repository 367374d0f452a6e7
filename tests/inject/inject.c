/* SPDX-License-Identifier: MIT */

/*
 * inject: see inject.h
 *
 * A function fails with each errno that it may return for reasons of the machine, not of its arguments. Functions
 * that cannot fail so (clock_gettime, timerfd_settime, …) are not here.
 */

#include "inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"

extern const char __ehdr_start[] __attribute__((__visibility__("hidden"))); /* the linker's: where this program lies */

static struct inject *inject;

_public_ void
inject_attach(struct inject *to)
{
	inject = to;
}

__attribute__((__constructor__)) static void
attach_from_environment(void)
{
	const char *text = getenv("INJECT_FD");
	void *map;
	int fd;

	if (!text)
		return;
	fd = atoi(text);
	map = mmap(NULL, sizeof(*inject), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map != MAP_FAILED)
		inject = map;
}

/* is_tried() - is this site one of those that are to be tried? */
static bool
is_tried(uint32_t site)
{
	return !inject->of || (site * UINT32_C(2654435761) >> 8) % inject->of == inject->seed % inject->of;
}

/* fails_by_site() - has this site an errno left to fail with? *ret_which: the next */
static bool
fails_by_site(uint32_t site, uint32_t n_errors, uint32_t *ret_which)
{
	*ret_which = load_rlx(&inject->failed[site]);
	return is_tried(site) && *ret_which < n_errors;
}

/* note() - that it fails, and with what */
static void
note(uint32_t site, const char *name, const int *errors, uint32_t n_errors)
{
	char before[INJECT_NAME / 2] = "";

	if (load_rlx(&inject->is_done) > 1)
		(void)snprintf(before, sizeof(before), "%.*s, then ", INJECT_NAME / 2 - 8, inject->name);
	inject->site = site;
	inject->n_errors = n_errors;
	inject->error = errors[inject->which % n_errors];
	(void)snprintf(inject->name, sizeof(inject->name), "%s%s", before, name); /* for people: may be cut */
	errno = inject->error;
}

/* fails_first() - of a pair: what failed before alone */
static bool
fails_first(uint32_t site)
{
	uint32_t which = load_rlx(&inject->paired[site]);

	if (load_rlx(&inject->is_late[site]) || which >= load_rlx(&inject->failed[site]) ||
		__atomic_exchange_n((uint32_t *)&inject->is_done, 1, __ATOMIC_ACQ_REL))
		return false;
	store_rlx(&inject->paired[site], (uint8_t)(which + 1));
	inject->first = site;
	inject->which = which;
	return true;
}

/* fails_second() - of a pair: what nobody came by before. Then the first is tried once more: there may be others. */
static bool
fails_second(uint32_t site, uint32_t n_errors)
{
	uint32_t which = load_rlx(&inject->failed[site]);

	if (load_rlx(&inject->is_done) != 1 || which >= n_errors || !is_tried(site) ||
		(which && !load_rlx(&inject->is_late[site])) ||
		__atomic_exchange_n((uint32_t *)&inject->is_done, 2, __ATOMIC_ACQ_REL) != 1)
		return false;
	store_rlx(&inject->is_late[site], 1);
	(void)add_rlx(&inject->failed[site], 1);
	(void)add_rlx(&inject->paired[inject->first], -1);
	inject->which = which;
	return true;
}

static bool
fails(const void *from, const char *name, const int *errors, uint32_t n_errors)
{
	uint32_t site = (uint32_t)((const char *)from - __ehdr_start);
	uint32_t n, which = 0;

	if (!inject || !load_acq(&inject->is_armed))
		return false;
	if (site >= INJECT_SITES)
		abort();
	store_rlx(&inject->passed[site], 1);
	n = add_rlx(&inject->count, 1) + 1;
	if (inject->is_pair) {
		if (load_rlx(&inject->is_done) ? !fails_second(site, n_errors) : !fails_first(site))
			return false;
		note(site, name, errors, n_errors);
		return true;
	}
	if (inject->fail_at == INJECT_BY_SITE ? !fails_by_site(site, n_errors, &which) : n != inject->fail_at)
		return false;
	if (inject->fail_at != INJECT_BY_SITE)
		which = inject->which; /* as it was armed with */
	if (__atomic_exchange_n((uint32_t *)&inject->is_done, 1, __ATOMIC_ACQ_REL))
		return false;
	inject->which = which; /* threads meet here: of the one that fails */
	(void)add_rlx(&inject->failed[site], 1);
	note(site, name, errors, n_errors);
	return true;
}

static void *
count_block(void *block)
{
	if (inject && block)
		(void)add_rlx(&inject->n_blocks, 1);
	return block;
}

#define FAILS(name, ...)                                                                           \
	({                                                                                         \
		static const int errors_[] = {__VA_ARGS__};                                        \
		fails(__builtin_return_address(0), #name, errors_, ARRAY_SIZE(errors_));           \
	})

/* WRAP() - a function that does nothing when it fails; parameters and arguments in brackets, then its errnos */
#define WRAP(type, name, params, args, result, ...)                                                \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params { return FAILS(name, __VA_ARGS__) ? (result) : __real_##name args; }

/* WRAP_LATE() - one that has done its work when it fails, as close() does */
#define WRAP_LATE(type, name, params, args, result, ...)                                           \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		type r = __real_##name args;                                                       \
		return FAILS(name, __VA_ARGS__) ? (result) : r;                                    \
	}

/* WRAP_BLOCK() - one that allocates */
#define WRAP_BLOCK(name, params, args)                                                             \
	void *__real_##name params;                                                                \
	void *__wrap_##name params;                                                                \
	void *__wrap_##name params                                                                 \
	{                                                                                          \
		return FAILS(name, ENOMEM) ? NULL : count_block(__real_##name args);               \
	}

/* --- memory --- */

WRAP_BLOCK(malloc, (size_t size), (size))
WRAP_BLOCK(calloc, (size_t n, size_t size), (n, size))
WRAP_BLOCK(aligned_alloc, (size_t align, size_t size), (align, size))
WRAP_BLOCK(strdup, (const char *text), (text))
WRAP_BLOCK(strndup, (const char *text, size_t size), (text, size))

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *
__wrap_realloc(void *block, size_t size)
{
	void *new;

	if (FAILS(realloc, ENOMEM))
		return NULL;
	new = __real_realloc(block, size);
	return block ? new : count_block(new);
}

void *__real_reallocarray(void *block, size_t n, size_t size);
void *__wrap_reallocarray(void *block, size_t n, size_t size);
void *
__wrap_reallocarray(void *block, size_t n, size_t size)
{
	void *new;

	if (FAILS(reallocarray, ENOMEM))
		return NULL;
	new = __real_reallocarray(block, n, size);
	return block ? new : count_block(new);
}

int __wrap_asprintf(char **ret, const char *format, ...) _printf_(2, 3);
int
__wrap_asprintf(char **ret, const char *format, ...)
{
	va_list ap;
	int r;

	if (FAILS(asprintf, ENOMEM))
		return -1;
	va_start(ap, format);
	r = vasprintf(ret, format, ap);
	va_end(ap);
	if (r >= 0)
		(void)count_block(*ret); /* the same */
	return r;
}

void __real_free(void *block);
void __wrap_free(void *block);
void
__wrap_free(void *block)
{
	if (inject && block)
		(void)add_rlx(&inject->n_blocks, -1);
	__real_free(block);
}

WRAP(void *, mmap64, (void *at, size_t size, int prot, int flags, int fd, off_t offset),
	(at, size, prot, flags, fd, offset), MAP_FAILED, ENOMEM)
WRAP_LATE(int, munmap, (void *at, size_t size), (at, size), -1, ENOMEM)
WRAP(int, madvise, (void *at, size_t size, int advice), (at, size, advice), -1, ENOMEM, EAGAIN)

void *__real_mremap(void *at, size_t old, size_t size, int flags, void *to);
void *__wrap_mremap(void *at, size_t old, size_t size, int flags, ...);
void *
__wrap_mremap(void *at, size_t old, size_t size, int flags, ...)
{
	void *to = NULL;
	va_list ap;

	if (FAILS(mremap, ENOMEM))
		return MAP_FAILED;
	if (flags & MREMAP_FIXED) {
		va_start(ap, flags);
		to = va_arg(ap, void *);
		va_end(ap);
	}
	return __real_mremap(at, old, size, flags, to);
}

/* --- descriptors --- */

#define NO_DESCRIPTOR EMFILE, ENFILE, ENOMEM

WRAP(int, memfd_create, (const char *name, unsigned int flags), (name, flags), -1, NO_DESCRIPTOR)
WRAP(int, eventfd, (unsigned int value, int flags), (value, flags), -1, NO_DESCRIPTOR)
WRAP(int, epoll_create1, (int flags), (flags), -1, NO_DESCRIPTOR)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), -1, NO_DESCRIPTOR)
WRAP(int, signalfd, (int fd, const void *mask, int flags), (fd, mask, flags), -1, NO_DESCRIPTOR)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, NO_DESCRIPTOR, ENOBUFS)
WRAP(int, socketpair, (int domain, int type, int protocol, int *fds), (domain, type, protocol, fds), -1,
	NO_DESCRIPTOR)
WRAP(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags), (fd, address, size, flags), -1,
	NO_DESCRIPTOR, ENOBUFS, ECONNABORTED, EINTR, EAGAIN)
WRAP_LATE(int, close, (int fd), (fd), -1, EINTR, EIO)
WRAP(int, dup, (int fd), (fd), -1, EMFILE)
WRAP(int, dup2, (int fd, int to), (fd, to), -1, EMFILE, EINTR, EBUSY)
WRAP(int, pipe2, (int *fds, int flags), (fds, flags), -1, EMFILE, ENFILE)
WRAP(int, dup3, (int fd, int to, int flags), (fd, to, flags), -1, EMFILE, EINTR, EBUSY)

int __real_open64(const char *path, int flags, unsigned int mode);
int __wrap_open64(const char *path, int flags, ...);
int
__wrap_open64(const char *path, int flags, ...)
{
	unsigned int mode = 0;
	va_list ap;

	if (FAILS(open, NO_DESCRIPTOR, EINTR, EACCES, ENOENT))
		return -1;
	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, unsigned int);
		va_end(ap);
	}
	return __real_open64(path, flags, mode);
}

int __real_fcntl64(int fd, int command, long value);
int __wrap_fcntl64(int fd, int command, long value);
int
__wrap_fcntl64(int fd, int command, long value)
{
	/* of F_DUPFD_CLOEXEC, F_ADD_SEALS, F_SETLK, and what a sandbox may say of the others */
	return FAILS(fcntl, EMFILE, EBUSY, ENOLCK, EPERM) ? -1 : __real_fcntl64(fd, command, value);
}

WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE, ENOMEM, ENOENT)
WRAP(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), -1, EINTR, EAGAIN, EIO)
WRAP(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), -1, EINTR, EAGAIN, EPIPE)
WRAP(off_t, lseek64, (int fd, off_t offset, int whence), (fd, offset, whence), -1, EINVAL)
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1, EINTR, EPERM, EFBIG)
WRAP(int, fallocate64, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size), -1, EINTR, ENOSPC,
	ENOMEM, EOPNOTSUPP)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM, EIO)
WRAP(int, fstat64, (int fd, struct stat *st), (fd, st), -1, ENOMEM)
WRAP(int, fstatfs64, (int fd, struct statfs *fs), (fd, fs), -1, EINTR, ENOMEM)
WRAP(int, flock, (int fd, int how), (fd, how), -1, EINTR, ENOLCK, EWOULDBLOCK)
WRAP(int, ioctl, (int fd, unsigned long request, void *value), (fd, request, value), -1, EINVAL)

/* --- files --- */

WRAP(int, access, (const char *path, int mode), (path, mode), -1, EACCES, ENOMEM, ENOENT)
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM, EIO)
WRAP(int, stat64, (const char *path, struct stat *st), (path, st), -1, EACCES, ENOMEM, ENOENT)
WRAP(int, lstat64, (const char *path, struct stat *st), (path, st), -1, EACCES, ENOMEM, ENOENT)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, EACCES, ENOSPC)
WRAP(int, rename, (const char *from, const char *to), (from, to), -1, ENOSPC, EIO)
WRAP(int, unlink, (const char *path), (path), -1, EBUSY, EIO)

WRAP(DIR *, opendir, (const char *path), (path), NULL, EMFILE, ENOMEM, EACCES)
WRAP(struct dirent *, readdir64, (DIR *dir), (dir), NULL, ENOENT)

/* --- sockets and waiting --- */

WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1, EADDRINUSE, ENOMEM,
	EACCES)
WRAP(int, listen, (int fd, int n), (fd, n), -1, EADDRINUSE)
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1, EAGAIN, EINTR,
	ECONNREFUSED, ENOMEM)
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size), -1,
	ENOPROTOOPT, ENOMEM)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
	(fd, level, name, value, size), -1, ENOPROTOOPT, ENOMEM)
WRAP(int, shutdown, (int fd, int how), (fd, how), -1, ENOTCONN)
/* Where it says that the other end is gone, it is. */
static ssize_t
fail_socket(int fd)
{
	int saved = errno;

	if (saved == EPIPE || saved == ECONNRESET)
		(void)__real_shutdown(fd, SHUT_RDWR);
	errno = saved;
	return -1;
}

WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), fail_socket(fd), EINTR, EAGAIN,
	ENOMEM, ECONNRESET)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), fail_socket(fd), EINTR,
	EAGAIN, ENOMEM, ENOBUFS, EPIPE, ETOOMANYREFS)
WRAP(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), fail_socket(fd), EINTR,
	EAGAIN, ENOMEM, EPIPE)
WRAP(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), fail_socket(fd), EINTR, EAGAIN, ENOMEM,
	ECONNRESET)
int __real_epoll_ctl(int fd, int how, int of, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int how, int of, struct epoll_event *event);
int
__wrap_epoll_ctl(int fd, int how, int of, struct epoll_event *event)
{
	/* what is in the set is changed and removed without memory */
	return how == EPOLL_CTL_ADD && FAILS(epoll_ctl, ENOMEM, ENOSPC) ? -1 : __real_epoll_ctl(fd, how, of, event);
}

WRAP(int, epoll_wait, (int fd, struct epoll_event *events, int n, int timeout), (fd, events, n, timeout), -1, EINTR)
WRAP(int, poll, (struct pollfd *fds, nfds_t n, int timeout), (fds, n, timeout), -1, EINTR, ENOMEM)

int __real_nanosleep(const struct timespec *time, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);
int
__wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
	if (!FAILS(nanosleep, EINTR))
		return __real_nanosleep(time, rest);
	if (rest)
		*rest = (struct timespec){0};
	return -1;
}

/* --- processes, and who they are --- */

WRAP(pid_t, fork, (void), (), -1, EAGAIN, ENOMEM)
WRAP(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int how), (type, id, info, how), -1, EINTR, ECHILD)
WRAP(int, execv, (const char *path, char *const *words), (path, words), -1, EACCES, ENOMEM, ETXTBSY)
WRAP(pid_t, setsid, (void), (), -1, EPERM)
WRAP(int, setgroups, (size_t n, const gid_t *groups), (n, groups), -1, ENOMEM, EPERM)
WRAP(int, setgid, (gid_t id), (id), -1, EPERM)
WRAP(int, setuid, (uid_t id), (id), -1, EAGAIN, EPERM)
WRAP(int, chdir, (const char *path), (path), -1, EACCES, ENOENT)
WRAP(int, setenv, (const char *name, const char *value, int is_forced), (name, value, is_forced), -1, ENOMEM)
WRAP(int, putenv, (char *word), (word), -1, ENOMEM)
WRAP(struct passwd *, getpwnam, (const char *name), (name), NULL, EMFILE, ENOMEM, EIO)
WRAP(struct group *, getgrnam, (const char *name), (name), NULL, EMFILE, ENOMEM, EIO)
WRAP(int, getgrouplist, (const char *name, gid_t group, gid_t *groups, int *n), (name, group, groups, n), -1, ENOMEM)

/* --- this process --- */

WRAP(ssize_t, getrandom, (void *to, size_t n, unsigned int flags), (to, n, flags), -1, EINTR, EAGAIN, ENOSYS)
WRAP(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set), (pid, size, set), -1, EINVAL)
WRAP(int, setrlimit64, (int which, const struct rlimit *limit), (which, limit), -1, EPERM)
WRAP(int, getrlimit64, (int which, struct rlimit *limit), (which, limit), -1, EPERM)
WRAP(int, prctl, (int what, long a, long b, long c, long d), (what, a, b, c, d), -1, EINVAL)
WRAP(long, syscall, (long number, long a, long b, long c, long d, long e, long f), (number, a, b, c, d, e, f), -1, ENOSYS,
	EMFILE, ENOMEM)

int __real_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int
__wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
	return FAILS(pthread_atfork, ENOMEM) ? ENOMEM : __real_pthread_atfork(before, parent, child);
}
