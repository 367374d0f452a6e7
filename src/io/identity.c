/* SPDX-License-Identifier: MIT */

/* identity: who is at the other end, as the kernel tells it */

#include "io/identity.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "io/process.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/*
 * Always CLOEXEC; -1: errno tells why, ESRCH that it has ended. Without SO_PEERPIDFD the number may have been given again:
 * then it is another's.
 */
static int
peer_pidfd(int fd, uint32_t pid)
{
	socklen_t size = sizeof(int);
	int pidfd = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
		return pidfd;
	if (errno == EINVAL)
		errno = ESRCH; /* what Linux said before 6.16, or so */
	if (errno != ENOPROTOOPT || pid == 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

/* Its id, or that it has ended, before its pidfd was there or since. @pidfd: right after peer_pidfd(), whose errno counts */
static uint64_t
peer_process(uint32_t pid, int pidfd)
{
	uint64_t id;

	if (pidfd < 0)
		return pid != 0 && errno == ESRCH ? PROCESS_ENDED : 0;
	id = process_id(pid, pidfd);
	return id || process_lives(pidfd) ? id : PROCESS_ENDED;
}

static int
peer_label(int fd, char *ret_label, size_t label_size)
{
	char label[IDENTITY_LABEL_SIZE] = "";
	socklen_t size = sizeof(label) - 1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, label, &size) < 0) {
		if (errno == ERANGE)
			return -ENAMETOOLONG;
		if (errno != ENOPROTOOPT)
			return -errno;
		label[0] = '\0'; /* no security module that labels sockets */
	}
	static_assert(sizeof(label) == sizeof(((struct identity *)0)->label), "no truncation");
	memcpy(ret_label, label, label_size);
	return 0;
}

static uint64_t
peer_userns(uint32_t pid, int pidfd)
{
	char path[64];
	struct stat st;

	if (pid == 0 || pidfd < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%u/ns/user", pid); /* fits */
	if (stat(path, &st) < 0)
		return 0;
	/* If the process still lives, the number was its own all the time. */
	return process_lives(pidfd) ? st.st_ino : 0;
}

int
socket_identity(int fd, struct identity *ret_identity)
{
	_cleanup_(identity_deinit) struct identity identity = IDENTITY_INIT;
	struct ucred cred;
	socklen_t size = sizeof(cred);
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	r = peer_label(fd, identity.label, sizeof(identity.label));
	if (r)
		return error_trace(r);
	identity.uid = cred.uid;
	identity.gid = cred.gid;
	identity.pid = cred.pid > 0 ? (uint32_t)cred.pid : 0;
	identity.pidfd = peer_pidfd(fd, identity.pid);
	identity.process = peer_process(identity.pid, identity.pidfd);
	identity.userns = peer_userns(identity.pid, identity.pidfd);

	*ret_identity = identity;
	identity = IDENTITY_INIT;
	return 0;
}

int
socket_groups(int fd, uint32_t **ret, size_t *ret_n)
{
	_cleanup_(freep) uint32_t *groups = NULL;
	socklen_t size = 0;
	struct ucred cred;

	static_assert(sizeof(gid_t) == sizeof(*groups), "the kernel writes into it");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &(socklen_t){sizeof(cred)}) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
		return -errno;
	groups = malloc(size + sizeof(*groups)); /* of a connection they do not change */
	if (!groups)
		return -ENOMEM;
	if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &size) < 0)
		return -errno;
	groups[0] = cred.gid;
	*ret = steal(groups);
	*ret_n = 1 + size / sizeof(**ret);
	return 0;
}

int
socket_tell_senders(int fd, bool yes)
{
	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){yes}, sizeof(int)) < 0 ? -errno : 0;
}

uint32_t
socket_sender(int fd)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(struct ucred))]; /* and so no descriptors */
	} control;
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
	_cleanup_(cancel_backp) int cancel = cancel_off();
	struct ucred cred;

	if (recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) < 0 || message.msg_controllen < sizeof(control) ||
		control.header.cmsg_level != SOL_SOCKET || control.header.cmsg_type != SCM_CREDENTIALS)
		return 0;
	memcpy(&cred, CMSG_DATA(&control.header), sizeof(cred));
	return cred.pid > 0 ? (uint32_t)cred.pid : 0;
}

uint64_t
identity_own_userns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) < 0 ? 0 : st.st_ino;
}

bool
identity_is_same_domain(const struct identity *a, const struct identity *b)
{
	return a->uid == b->uid && a->userns != 0 && a->userns == b->userns &&
	       strncmp(a->label, b->label, sizeof(a->label)) == 0;
}

void
identity_deinit(struct identity *identity)
{
	if (!identity)
		return;
	(void)fd_close(identity->pidfd);
	*identity = IDENTITY_INIT;
}
