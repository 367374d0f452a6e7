/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * notify: what a service manager, as systemd, passes to us, and what it is told
 *
 * After sd_listen_fds(3) and sd_notify(3), which say it in environment variables
 * and datagrams, for whoever started us and nobody else: so all are taken out
 * of the environment. Without a manager nothing is passed, and telling does nothing.
 */

#include <sys/types.h>

#include "base/attribute.h"

#define NOTIFY_NAME_SIZE 64

struct notify {
	char address[108];    /* of the manager's socket, '@' first: an abstract one; "": none */
	uint64_t watchdog_ns; /* it wants to hear from us this often; 0: it does not */
	int fd;		      /* a socket that it made, or kept, for us; -1: none */
	char name[NOTIFY_NAME_SIZE]; /* of that one */
};

#define NOTIFY_INIT ((struct notify){.fd = -1})

/**
 * notify_open() - what the environment says, which is changed
 * @ret: its fd is the caller's
 *
 * Return: 0, -EINVAL (what the variables say is not understood) or -E2BIG (several
 * sockets were passed, all closed).  Threads: one a process.  Blocks: never.
 */
int notify_open(struct notify *ret);

/**
 * notify_tell() - "READY=1" and the like, as sd_notify(3) lists them
 * @fd: goes along; -1: none
 *
 * Return: 0, or a negative errno: it was not told.  Threads: any.  Blocks: never.
 */
int notify_tell(const struct notify *notify, int fd, const char *format, ...) __attribute__((format(printf, 3, 4)));
