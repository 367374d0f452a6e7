/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * identity: who is at the other end, as the kernel tells it
 *
 * Taken at connect time and true of that moment: a socket can be handed on, a
 * process can change what it is. Decide on uid, gid and label; the pid is for
 * messages to people. The pidfd, not the pid, says whether the process lives.
 */

#include "base/attribute.h"

#define IDENTITY_LABEL_SIZE 128

struct identity {
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;			 /* 0: in a pid namespace that is not seen from here */
	int pidfd;			 /* -1: none */
	uint64_t userns;		 /* inode number of the user namespace; 0: unknown */
	uint64_t process;		 /* process_id(); 0: unknown */
	char label[IDENTITY_LABEL_SIZE]; /* of the security module; "" without one */
};

#define IDENTITY_INIT ((struct identity){.pidfd = -1})

/**
 * socket_identity() - ask the kernel who connected (or made) the other end of @fd
 * @ret_identity: set on success; the caller owns its pidfd, see identity_deinit()
 *
 * The user namespace of a process that we may not inspect is unknown, and so
 * is that of one that ended meanwhile.
 *
 * Return: 0, -ENAMETOOLONG if the label does not fit (a part of it could be
 * taken for another's), or a negative errno.  Threads: any.  Blocks: never.
 */
int socket_identity(int fd, struct identity *ret_identity);

/* socket_tell_senders() - have the kernel note down who sends; on a listening socket for all that connect. 0 or -errno */
int socket_tell_senders(int fd, bool yes);

/**
 * socket_sender() - the process that sent the packet that comes next, which need not be the one that connected
 *
 * After socket_tell_senders() alone. The packet stays where it is.
 *
 * Return: its pid; 0: not known, or not seen from here.  Threads: any.  Blocks: never.
 */
uint32_t socket_sender(int fd);

/**
 * socket_groups() - the groups of who connected (or made) the other end, as they were then
 * @ret: all of them, in no order, with the one of socket_identity(); to be freed
 *
 * Return: 0 or a negative errno.  Threads: any.  Blocks: never.
 */
int socket_groups(int fd, uint32_t **ret, size_t *ret_n);

/**
 * identity_is_same_domain() - same user, same label, same user namespace
 *
 * An unknown namespace is nobody's: never the same. (Policy, the fourth part
 * of a trust domain, is for the caller to compare.)
 *
 * Threads: any.  Blocks: never.
 */
bool identity_is_same_domain(const struct identity *a, const struct identity *b);

/* identity_own_userns() - the user namespace of this process; 0: unknown */
uint64_t identity_own_userns(void);

/* identity_deinit() - close the pidfd; takes NULL and IDENTITY_INIT; leaves IDENTITY_INIT */
void identity_deinit(struct identity *identity);
