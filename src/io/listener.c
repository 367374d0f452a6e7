/* SPDX-License-Identifier: MIT */

/* listener: a listening socket at a path, and the lock that goes with it */

#include "io/listener.h"
#include "io/socket.h"
#include "base/hook.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LOCK_TRIES 16

static_assert(LISTENER_PATH_SIZE == sizeof(((struct sockaddr_un *)0)->sun_path),
	"a path that is an address fits");

struct lock_path {
	char text[LISTENER_PATH_SIZE + sizeof(".lock")];
};

static struct lock_path
lock_path(const char *path)
{
	struct lock_path lock;

	(void)snprintf(lock.text, sizeof(lock.text), "%s.lock", path); /* fits */
	return lock;
}

/* Is the file that we locked still the one at @path? Its last owner may have removed it. */
static bool
is_at(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

/* Who waits for a lock, or opens it while it is removed, looks twice. */
static int
lock_take(const char *path, int *ret_lock)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	struct lock_path lock = lock_path(path);

	for (int i = 0; i < LOCK_TRIES; i++) {
		_cleanup_(fd_closep) int fd = -1;

		fd = open(lock.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0)
			return -errno;
		STOP_POINT("listener: lock file open");
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK ? LISTENER_E_IN_USE : -errno;
		if (is_at(fd, lock.text)) {
			*ret_lock = fd_steal(&fd);
			return 0;
		}
	}
	return LISTENER_E_IN_USE; /* others come and go all the time */
}

/* Remove a socket file that nobody listens at. Under the lock. */
static int
remove_stale(const struct sockaddr_un *address)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	_cleanup_(fd_closep) int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return LISTENER_E_OCCUPIED;
	fd = socket_open();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return LISTENER_E_IN_USE;
	switch (errno) {
	case ECONNREFUSED:
		break;
	case EAGAIN:	 /* its queue is full */
	case EPROTOTYPE: /* of another type, but alive */
		return LISTENER_E_IN_USE;
	default:
		return -errno;
	}
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Nobody can connect before listen(), so the mode is right from the first moment. */
static int
listen_at(int fd, const struct sockaddr_un *address, mode_t mode)
{
	int r = 0;

	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return errno == EADDRINUSE ? LISTENER_E_IN_USE : -errno;
	if (chmod(address->sun_path, mode) < 0 || listen(fd, SOMAXCONN) < 0) {
		r = -errno;
		(void)unlink(address->sun_path); /* ours; the first error counts */
	}
	return r;
}

static int
listener_begin(struct listener *listener, const struct sockaddr_un *address, mode_t mode)
{
	int r;

	r = remove_stale(address);
	if (r)
		return error_trace(r);
	listener->fd = socket_open();
	if (listener->fd < 0)
		return listener->fd;
	return listen_at(listener->fd, address, mode);
}

/* Under the lock, which thereby ends for those who open the file from now on. */
static void
lock_remove(const char *path)
{
	struct lock_path lock = lock_path(path);

	(void)unlink(lock.text); /* a lock file that stays does no harm */
}

int
listener_open(struct listener *ret_listener, const char *path, mode_t mode)
{
	_cleanup_(listener_abandon) struct listener listener = LISTENER_INIT;
	struct sockaddr_un address;
	int r;

	r = socket_address(path, &address);
	if (r)
		return error_trace(r);
	r = lock_take(path, &listener.lock);
	if (r)
		return error_trace(r); /* same answers as ours */
	r = listener_begin(&listener, &address, mode);
	if (r) {
		lock_remove(path);
		return error_trace(r);
	}

	memcpy(listener.path, address.sun_path, sizeof(listener.path));
	*ret_listener = listener;
	listener = LISTENER_INIT;
	return 0;
}

static bool
has_option(int fd, int option, int expected)
{
	socklen_t size = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == expected;
}

static bool
listens_at(int fd, const struct sockaddr_un *address)
{
	struct sockaddr_un is = {.sun_family = AF_UNSPEC};
	socklen_t size = sizeof(is);
	struct stat st;

	return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, SOCK_SEQPACKET) &&
	       has_option(fd, SO_ACCEPTCONN, 1) &&
	       getsockname(fd, (struct sockaddr *)&is, &size) == 0 &&
	       strncmp(is.sun_path, address->sun_path, sizeof(is.sun_path)) == 0 &&
	       lstat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode); /* nobody removed it */
}

int
listener_adopt(struct listener *ret_listener, const char *path, int fd, int lock)
{
	_cleanup_(fd_closep) int taken = -1;
	struct listener listener = LISTENER_INIT;
	struct sockaddr_un address;
	int r;

	r = socket_address(path, &address);
	if (r)
		return error_trace(r);
	if (!listens_at(fd, &address) || (lock >= 0 && !is_at(lock, lock_path(path).text)))
		return LISTENER_E_ANOTHER;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ||
		listen(fd, SOMAXCONN) < 0) /* again: who connects is told of us, not of who listened first */
		return -errno;
	r = lock < 0 ? lock_take(path, &taken) : 0;
	if (r)
		return error_trace(r); /* same answers as ours */
	memcpy(listener.path, address.sun_path, sizeof(listener.path));
	listener.fd = fd;
	listener.lock = lock < 0 ? fd_steal(&taken) : lock;
	*ret_listener = listener;
	return 0;
}

/* Somebody may have removed our lock file by hand; then the path can be another's by now. */
void
listener_deinit(struct listener *listener)
{
	if (!listener)
		return;
	if (listener->path[0] && is_at(listener->lock, lock_path(listener->path).text)) {
		if (!listener->is_borrowed)
			(void)unlink(listener->path); /* may be gone already */
		lock_remove(listener->path);
	}
	listener_abandon(listener);
}

void
listener_abandon(struct listener *listener)
{
	(void)fd_close(listener->fd);
	(void)fd_close(listener->lock);
	*listener = LISTENER_INIT;
}

const char *
listener_strerror(int answer)
{
	switch (answer) {
	case LISTENER_E_IN_USE:
		return "somebody listens there already";
	case LISTENER_E_OCCUPIED:
		return "something that is no socket is there";
	case LISTENER_E_ANOTHER:
		return "what was passed is not the socket that listens there";
	default:
		return "unknown answer about a listener";
	}
}
