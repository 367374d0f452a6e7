/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * socket: packets and descriptors over unix SEQPACKET sockets
 *
 * All sockets here are SEQPACKET, CLOEXEC and non-blocking. Who can write to a
 * socket can send descriptors along, wanted or not, so receiving is where a
 * hostile peer has most to play with: socket_recv() takes in as many as the
 * kernel can deliver, so that none is closed inside the system call (a closed
 * TCP socket can linger for seconds there), and disposes of what the caller
 * has no room for.
 *
 * There are no empty packets: the kernel shows them to the receiver as it
 * shows the end of the connection. We never send one, and take one for the end.
 *
 * Addresses are paths. Abstract names are not supported: anybody may take
 * them, and anybody in the network namespace may connect to them.
 */

#include <sys/uio.h>

#include "base/attribute.h"

#define SOCKET_MAX_FDS 253 /* the kernel's limit for one message (SCM_MAX_FD) */

enum {
	SOCKET_E_EMPTY = 1,   /* nothing there (yet) */
	SOCKET_E_FULL,	      /* no room now: the socket's, the system's, or the user's share */
	SOCKET_E_CLOSED,      /* the other end is gone; what it had sent has been read */
	SOCKET_E_TRUNCATED,   /* the packet or its descriptors did not fit; it is lost */
	SOCKET_E_FDS,	      /* recv: too many descriptors came, all closed; the bytes are there */
	SOCKET_E_REFUSED,     /* send: the receiver takes no descriptors */
	SOCKET_E_UNSUPPORTED, /* this kernel cannot do it */
};

/* connections */

/**
 * socket_pair() - two connected sockets
 * @ret_pair: set on success; both belong to the caller
 *
 * Return: 0 or a negative errno.  Threads: any.  Blocks: never.
 */
int socket_pair(int ret_pair[2]);

/**
 * socket_connect() - connect to the socket at @path
 * @ret_fd: set on success; belongs to the caller
 *
 * Return: 0, or a negative errno: -ENOENT, -ECONNREFUSED (nobody listens),
 * -EACCES, -EPROTOTYPE (not SEQPACKET), -ENAMETOOLONG (sun_path has 107 bytes),
 * -EINVAL (empty path), -ETIMEDOUT (the listener did not take anybody in for
 * 5 s, and its queue is full), …  Threads: any.  Blocks: those 5 s.
 */
int socket_connect(const char *path, int *ret_fd);

/* socket_connect_now() - the same, and -EAGAIN where the listener's queue is full.  Blocks: never. */
int socket_connect_now(const char *path, int *ret_fd);

/**
 * socket_accept() - take the next connection of a listening socket
 * @ret_fd: set on success; belongs to the caller
 *
 * Return: 0, SOCKET_E_EMPTY, or a negative errno (-EMFILE: the connection
 * waits, and the socket stays readable).  Threads: any.  Blocks: never.
 */
int socket_accept(int listener, int *ret_fd);

/**
 * socket_refuse_fds() - have the kernel refuse descriptors sent to this socket
 *
 * On a listening socket also for all that connect later. Descriptors already
 * queued stay. Needs Linux 6.16; the rest of this module does not rely on it.
 *
 * Return: 0, SOCKET_E_UNSUPPORTED, or a negative errno.  Threads: any.  Blocks: never.
 */
int socket_refuse_fds(int fd);

/* packets */

/**
 * socket_send() - send one packet, whole or not at all
 * @iov: @n_iov pieces, together at least one byte
 * @fds: @n_fds descriptors to send along, at most SOCKET_MAX_FDS; stay the caller's
 *
 * Never raises SIGPIPE. SOCKET_E_FULL does not always end with the socket
 * becoming writable: the limit on descriptors in flight is one per user.
 *
 * Return: 0, SOCKET_E_FULL, _CLOSED or _REFUSED, or a negative errno (-EMSGSIZE, -EINVAL, …).
 * Threads: any.  Blocks: never.
 */
int socket_send(int fd, const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds);

/**
 * socket_recv() - take in one packet
 * @ret_size: its size; 1 at least
 * @fds: room for @max_fds; those that came (CLOEXEC) belong to the caller; NULL if @max_fds is 0
 * @ret_n_fds: how many came, @max_fds at most; NULL if @max_fds is 0
 *
 * A packet with an error of its own is taken from the queue: the next call
 * sees the next one. After SOCKET_E_FDS the bytes and @ret_size are as after
 * 0, and no descriptor is left. Entries of @fds that nothing came for are -1,
 * whatever the result.
 *
 * Where the process has no free descriptors the kernel closes what came by
 * itself (SOCKET_E_TRUNCATED): keep some in reserve.
 *
 * Return: 0, SOCKET_E_EMPTY, _CLOSED, _TRUNCATED or _FDS, or a negative errno.
 * Threads: any.  Blocks: never (but see socket_discard_fds()).
 */
int socket_recv(int fd, void *buffer, size_t capacity, size_t *ret_size, int *fds, size_t max_fds,
	size_t *ret_n_fds);

/**
 * socket_peek() - look at the first bytes of the next packet, which stays there with its descriptors
 *
 * Return: how many bytes there were, @capacity at most; 0: no packet, the end, or it cannot be told.
 * Threads: any.  Blocks: never.
 */
size_t socket_peek(int fd, void *buffer, size_t capacity);

/**
 * socket_discard_fds() - close descriptors that a peer sent, and set them to -1
 *
 * Sockets are told not to linger first. A file on a file system whose server
 * is hostile may still take its time to close.
 *
 * Threads: any.  Blocks: hardly ever.
 */
void socket_discard_fds(int *fds, size_t n_fds);

/* socket_is_over() - has the other end hung up, though not all that it sent may have been taken? Threads: any. Blocks: never. */
bool socket_is_over(int fd);

/**
 * socket_close() - end a connection of our own and dispose of what waits in it; always -1
 * @fd: or -1; not an end that another process was given, for that it ends, too
 *
 * What is queued when the last descriptor goes is closed by the kernel inside
 * close(), lingering sockets included. So: nothing more may come, then all
 * that is there is taken in and thrown away, then it is closed.
 *
 * Threads: any.  Blocks: hardly ever, as socket_discard_fds().
 */
int socket_close(int fd);

/* socket_strerror() - a constant text for a SOCKET_E_* answer */
const char *socket_strerror(int answer);

/* for the modules beside this one */

struct sockaddr_un;

/* socket_address() - @path as an address; 0, -EINVAL if empty, -ENAMETOOLONG */
int socket_address(const char *path, struct sockaddr_un *ret_address);

/* socket_open() - an unconnected socket, or a negative errno */
int socket_open(void);
