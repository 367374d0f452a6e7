/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * listener: a listening socket at a path, and the lock that goes with it
 *
 * A socket file outlives its process, so somebody has to remove a stale one,
 * and must not remove a live one. Who holds the lock file PATH.lock owns PATH:
 * the kernel gives the lock up with its process, however that ends. The socket
 * of a program that knows nothing of the lock is asked (connect) before it is
 * taken for stale. Who else may be in the directory must be trusted.
 */

#include <sys/types.h>

#include "base/attribute.h"

#define LISTENER_PATH_SIZE 108 /* of sun_path */

enum {
	LISTENER_E_IN_USE = 1, /* somebody listens at the path, or is about to */
	LISTENER_E_OCCUPIED,   /* something else than a socket is at the path */
	LISTENER_E_ANOTHER,    /* what was passed is not the socket at the path, or its lock */
};

struct listener {
	int fd;	  /* the listening socket, non-blocking */
	int lock; /* of PATH.lock, held as long as it is open */
	char path[LISTENER_PATH_SIZE];
	bool is_borrowed; /* the socket file is another's, and stays */
};

#define LISTENER_INIT ((struct listener){.fd = -1, .lock = -1})

/**
 * listener_open() - listen at @path
 * @mode: of the socket file, whatever the umask: who may connect needs write permission
 *
 * Return: 0, a LISTENER_E_* answer, or a negative errno: -ENAMETOOLONG (over
 * 107 bytes), -EINVAL (empty), -ENOENT (no such directory), -EACCES, …
 * Threads: any.  Blocks: never.
 */
int listener_open(struct listener *ret_listener, const char *path, mode_t mode);

/**
 * listener_adopt() - go on with a socket that another process made to listen at @path
 * @fd: the socket; consumed on success
 * @lock: of PATH.lock, as another process had it, consumed on success; -1: it is taken here
 *
 * Whether it is that socket is checked: its type, that it listens, and where. Nobody who
 * connects meanwhile is turned away: they wait in its queue.
 *
 * Return: 0, LISTENER_E_IN_USE, LISTENER_E_ANOTHER, or a negative errno.
 * Threads: any.  Blocks: never.
 */
int listener_adopt(struct listener *ret_listener, const char *path, int fd, int lock);

/* listener_deinit() - remove socket and lock file, close; takes NULL and LISTENER_INIT */
void listener_deinit(struct listener *listener);

/* listener_abandon() - close only, as a forked child must; the files belong to the parent */
void listener_abandon(struct listener *listener);

/* listener_strerror() - a constant text for a LISTENER_E_* answer */
const char *listener_strerror(int answer);
