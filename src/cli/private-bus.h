/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * private-bus: a ternd for one command, that leaves nothing behind
 *
 *   tern run ──── life pipe ───▶ keeper ──▶ ternd
 *       └──▶ COMMAND
 *
 * The keeper is a process in a session of its own, so that Ctrl-C is for COMMAND
 * only. When the life pipe ends, for whatever reason (also kill -9), it ends ternd and
 * removes the directory of its socket.
 */

#include <limits.h>
#include <signal.h>
#include <sys/types.h>

struct private_bus {
	pid_t keeper;
	int life_fd;
	char address[PATH_MAX];
};

#define PRIVATE_BUS_INIT                                                                           \
	{                                                                                          \
		.keeper = -1, .life_fd = -1                                                        \
	}

/*
 * private_bus_start() - start a ternd and wait until it listens
 * @mask: the signals that ternd shall have blocked; here all those that are waited for are
 *
 * Return: 0; a negative errno, all is said and cleaned up.  Threads: the only one.  Blocks: 10 s at
 * most.
 */
int private_bus_start(struct private_bus *bus, const sigset_t *mask);

/* private_bus_stop() - end it, and wait until nothing is left; harmless if it never ran. Blocks: a
 * few seconds. */
void private_bus_stop(struct private_bus *bus);
