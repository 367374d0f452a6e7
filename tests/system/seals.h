/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * seals: the routes by which somebody could write to a segment that is not his
 *
 * A route is how the attacker comes by a descriptor, and what he then does
 * with it. It names its walls: the measures each of which alone stops it.
 * With all measures, and with all but one of its walls, it must fail and leave
 * the owner's memory as it was; without any of its walls, and all other
 * measures in place, it must succeed, which shows that the attack is one. A
 * route without walls has no such control run: it may be done or not, and must
 * leave the owner's memory as it was.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The measures, as bits. */
enum {
	FUTURE_WRITE = 1 << 0, /* the four seals … */
	SHRINK = 1 << 1,
	GROW = 1 << 2,
	SEAL = 1 << 3,
	MODE = 1 << 4,	   /* fchmod 0400 instead of 0666 */
	DONTFORK = 1 << 5, /* madvise() on the owner's mapping */
	N_MEASURES = 6,
	ALL_MEASURES = (1 << N_MEASURES) - 1,
};

/* Who attacks, as bits: each a process of his own. */
enum {
	SAME = 1 << 0,	/* the owner's user, with the descriptor sent over a socket */
	OTHER = 1 << 1, /* another user, likewise */
	CHILD = 1 << 2, /* forked by the owner when the segment was mapped and open */
	N_ATTACKERS = 3,
	ANYBODY = SAME | OTHER | CHILD,
};

#define UNAVAILABLE 1 /* this kernel, or its configuration, does not have the way */

struct attack {
	int fd;	     /* as the route got it */
	uint8_t *at; /* where the owner has mapped it */
	size_t size;
	pid_t owner;
	int owner_fd; /* its number there */
};

struct route {
	const char *name;
	int (*get)(const struct attack *attack); /* a descriptor; NULL: as it came */
	int (*act)(const struct attack *attack); /* 0, -errno or UNAVAILABLE */
	unsigned int attackers;
	unsigned int walls;
	unsigned int more_walls_other; /* that stop another user, but not the owner's */
	unsigned int absent;	       /* measures left out in every run */
};

extern const struct route routes[];
extern const size_t n_routes;
