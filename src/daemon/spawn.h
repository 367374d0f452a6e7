/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * spawn: a program of a service file becomes a process
 *
 * It has a session of its own, / as its folder unless the file says another one, /dev/null as its input and
 * ternd's output and error as its own, no other descriptor, no signal blocked or ignored, the limit on descriptors that
 * ternd was started with; ternd's environment, but for what its own starter told ternd, and besides it TERN_BUS,
 * the address, and TERN_SERVICE, the name that it is to own. What goes wrong before its program runs it tells by a pipe,
 * and ends: ternd waits for nothing.
 *
 * Its program does not run before spawn_let_go(): a ternd that dies before it has written down whom it started leaves
 * nobody behind.
 */

#include <sys/resource.h>
#include <sys/types.h>

#include "daemon/service-file.h"

enum {
	SPAWN_TEXT_SIZE = 200,
};

struct spawn_order {
	const struct service_file *file;
	const char *name, *address;
	const struct rlimit *files; /* RLIMIT_NOFILE for it */
};

struct spawned {
	pid_t pid;  /* a child, to be waited for */
	int pidfd;  /* the caller's, as the next */
	int report; /* for spawn_report() */
	int gate;   /* for spawn_let_go() */
};

struct spawn_text {
	char text[SPAWN_TEXT_SIZE];
};

/**
 * spawn() - start it
 * @ret_why: set where it failed: what for, in words
 *
 * Return: 0 or a negative errno.  Threads: one a process.  Blocks: while the user is looked up.
 */
int spawn(const struct spawn_order *order, struct spawned *ret, struct spawn_text *ret_why);

/* spawn_let_go() - its program may run now; the gate is closed. Closed without that, the process ends */
void spawn_let_go(struct spawned *spawned);

/* spawn_report() - of a process that has ended: why its program did not run. Return: false: it did run */
bool spawn_report(int report, struct spawn_text *ret_why);
