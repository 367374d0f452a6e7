/* SPDX-License-Identifier: MIT */

/* socket: packets and descriptors over unix SEQPACKET sockets */

#include "io/socket.h"
#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

#define CONNECT_TIMEOUT_NS (5 * NSEC_PER_SEC)

/* Aligned as the kernel wants it, and large enough for whatever it delivers. */
union control {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(SOCKET_MAX_FDS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))]; /* socket_tell_senders() */
};

int
socket_open(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int
socket_address(const char *path, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(path);

	if (size == 0)
		return -EINVAL;
	if (size >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, size);
	*ret_address = address;
	return 0;
}

int
socket_pair(int ret_pair[2])
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	ret_pair[0] = pair[0];
	ret_pair[1] = pair[1];
	return 0;
}

/* A blocking connect() is bounded by the time to send; a signal begins it anew. */
static int
connect_until(int fd, const struct sockaddr_un *address, uint64_t deadline_ns)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	struct timeval left;
	uint64_t now;

	for (;;) {
		now = clock_now_ns();
		if (now >= deadline_ns)
			return -ETIMEDOUT;
		left.tv_sec = (time_t)((deadline_ns - now) / NSEC_PER_SEC);
		left.tv_usec = (suseconds_t)((deadline_ns - now) % NSEC_PER_SEC / NSEC_PER_USEC);
		if (left.tv_sec == 0 && left.tv_usec == 0)
			left.tv_usec = 1; /* 0 would be for ever */
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0)
			return -errno;
		if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

static int
connect_blocking(int fd, const struct sockaddr_un *address)
{
	int r;

	if (fcntl(fd, F_SETFL, O_RDWR) < 0)
		return -errno;
	r = connect_until(fd, address, clock_now_ns() + CONNECT_TIMEOUT_NS);
	if (r)
		return error_trace(r);
	return fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : 0;
}

static int
connect_to(const char *path, bool may_block, int *ret_fd)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	_cleanup_(fd_closep) int fd = -1;
	struct sockaddr_un address;
	int r;

	r = socket_address(path, &address);
	if (r)
		return error_trace(r);
	fd = socket_open();
	if (fd < 0)
		return fd;
	r = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (r == -EAGAIN && may_block) /* the listener's queue is full */
		r = connect_blocking(fd, &address);
	if (r)
		return error_trace(r);

	*ret_fd = fd_steal(&fd);
	return 0;
}

int
socket_connect(const char *path, int *ret_fd)
{
	return connect_to(path, true, ret_fd);
}

int
socket_connect_now(const char *path, int *ret_fd)
{
	return connect_to(path, false, ret_fd);
}

int
socket_accept(int listener, int *ret_fd)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	int fd;

	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0)
		return errno == EAGAIN ? SOCKET_E_EMPTY : -errno;

	*ret_fd = fd;
	return 0;
}

int
socket_refuse_fds(int fd)
{
	int no = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no)) == 0)
		return 0;
	return errno == ENOPROTOOPT ? SOCKET_E_UNSUPPORTED : -errno;
}

static int
send_answer(int error, bool has_fds)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ETOOMANYREFS: /* too many descriptors of this user in flight */
		return SOCKET_E_FULL;
	case EPIPE:
	case ECONNRESET:
		return SOCKET_E_CLOSED;
	case EPERM:
		return has_fds ? SOCKET_E_REFUSED : -EPERM;
	default:
		return -error;
	}
}

static void
attach_fds(struct msghdr *message, union control *control, const int *fds, size_t n_fds)
{
	memset(control, 0, sizeof(*control)); /* the padding goes to the kernel, too */
	control->header.cmsg_level = SOL_SOCKET;
	control->header.cmsg_type = SCM_RIGHTS;
	control->header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(&control->header), fds, n_fds * sizeof(int));
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
}

int
socket_send(int fd, const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n_iov};
	_cleanup_(cancel_backp) int cancel = cancel_off();
	union control control;
	size_t size = 0;
	ssize_t n;

	for (size_t i = 0; i < n_iov; i++)
		size += iov[i].iov_len;
	if (size == 0 || n_fds > SOCKET_MAX_FDS)
		return -EINVAL;
	if (n_fds)
		attach_fds(&message, &control, fds, n_fds);

	do
		n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? send_answer(errno, n_fds > 0) : 0;
}

/* All descriptors of a message, in the order they came. The kernel puts them into one header. */
static size_t
detach_fds(struct msghdr *message, int fds[SOCKET_MAX_FDS])
{
	size_t n_fds = 0, n;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		assert(n <= SOCKET_MAX_FDS - n_fds);
		memcpy(fds + n_fds, CMSG_DATA(c), n * sizeof(int));
		n_fds += n;
	}
	return n_fds;
}

int
socket_recv(int fd, void *buffer, size_t capacity, size_t *ret_size, int *fds, size_t max_fds,
	size_t *ret_n_fds)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = capacity};
	_cleanup_(cancel_backp) int cancel = cancel_off();
	int came[SOCKET_MAX_FDS];
	union control control;
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	size_t n_fds;
	ssize_t n;

	for (size_t i = 0; i < max_fds; i++)
		fds[i] = -1;
	/*
	 * A peer that closes with packets of ours unread leaves an error here, told once and
	 * before what it had sent: look behind it, so that nothing is lost.
	 */
	do
		n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return errno == EAGAIN ? SOCKET_E_EMPTY : -errno;

	n_fds = detach_fds(&message, came);
	if (n == 0 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		socket_discard_fds(came, n_fds);
		return n == 0 ? SOCKET_E_CLOSED : SOCKET_E_TRUNCATED;
	}

	*ret_size = (size_t)n;
	if (ret_n_fds)
		*ret_n_fds = n_fds > max_fds ? 0 : n_fds;
	if (n_fds > max_fds) {
		socket_discard_fds(came, n_fds);
		return SOCKET_E_FDS;
	}
	if (n_fds)
		memcpy(fds, came, n_fds * sizeof(int));
	return 0;
}

size_t
socket_peek(int fd, void *buffer, size_t capacity)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = capacity};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1}; /* no room for descriptors: none is taken */
	_cleanup_(cancel_backp) int cancel = cancel_off();
	ssize_t n = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

void
socket_discard_fds(int *fds, size_t n_fds)
{
	const struct linger none = {.l_onoff = 1, .l_linger = 0};

	for (size_t i = 0; i < n_fds; i++) {
		if (fds[i] < 0)
			continue;
		/* Fails on what is no socket, which need not be told not to linger. */
		(void)setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &none, sizeof(none));
		fds[i] = fd_close(fds[i]);
	}
}

bool
socket_is_over(int fd)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	struct pollfd pollfd = {.fd = fd, .events = POLLRDHUP};
	int r;

	do
		r = poll(&pollfd, 1, 0);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

int
socket_close(int fd)
{
	uint8_t byte;
	size_t size;
	int r;

	if (fd < 0)
		return -1;
	if (shutdown(fd, SHUT_RDWR) == 0) /* from here on the queue only gets shorter */
		do
			r = socket_recv(fd, &byte, sizeof(byte), &size, NULL, 0, NULL);
		while (r == 0 || r == SOCKET_E_TRUNCATED || r == SOCKET_E_FDS);
	return fd_close(fd);
}

const char *
socket_strerror(int answer)
{
	switch (answer) {
	case SOCKET_E_EMPTY:
		return "nothing to receive";
	case SOCKET_E_FULL:
		return "no room to send";
	case SOCKET_E_CLOSED:
		return "the other end closed the connection";
	case SOCKET_E_TRUNCATED:
		return "a packet or its descriptors did not fit";
	case SOCKET_E_FDS:
		return "descriptors came that were not asked for";
	case SOCKET_E_REFUSED:
		return "the receiver takes no descriptors";
	case SOCKET_E_UNSUPPORTED:
		return "not supported by this kernel";
	default:
		return "unknown answer about a socket";
	}
}
