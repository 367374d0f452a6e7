/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * counters: what a handle has done, for who asks how it is (status.h)
 *
 * Plain numbers under the handle's lock, which is held anyway where they count. Times are differences of stamps that
 * messages have: nothing reads the clock for them.
 */

#include <stdint.h>

#include "base/attribute.h"

enum {
	HISTOGRAM_SIZE = 40, /* of powers of two: the last is 9 minutes and more */
};

/* How many times took at least 2^i ns, and less than twice that; the first has 0 too. */
struct histogram {
	uint64_t n[HISTOGRAM_SIZE];
};

/* histogram_add() - from one stamp to another; clocks of two programs may differ a little */
static inline void
histogram_add(struct histogram *histogram, uint64_t from, uint64_t to)
{
	uint64_t ns = to > from ? to - from : 0;
	uint32_t i = 63 - (uint32_t)__builtin_clzll(ns | 1);

	histogram->n[MIN(i, (uint32_t)HISTOGRAM_SIZE - 1)]++;
}

struct counters {
	/* calls; the answered ones are counted by how long they took, from stamp to stamp */
	uint64_t made, failed; /* by this program; of those: no reply came */
	uint64_t arrived;
	struct histogram made_ns, served_ns;
	/* events */
	uint64_t published, delivered; /* publishes; records and own receipts that they became */
	uint64_t missed;	       /* not sent, since there was no link */
	uint64_t heard, lost;	       /* came; told by their senders as dropped */
	/* taking in */
	uint64_t sleeps, spins;
	/* of links that have ended: positions of their rings */
	uint64_t sent_bytes, received_bytes;
};
