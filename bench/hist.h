/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * hist: a histogram of nanoseconds in bounded memory
 *
 * Exact to the nanosecond below 1,024, from there 512 slots to each doubling,
 * so that a percentile is at most 0.2 % low. 2^41 ns and more count as the
 * last slot. An all-zero histogram is an empty one.
 *
 *     0 1 2 ... 1023 | 1024 1026 ... 2046 | 2048 2052 ... | ...
 */

#include <stdint.h>

#include "base/atomic.h"

#define HIST_EXACT_BITS 10
#define HIST_SUB_BITS	9
#define HIST_MAX_BITS	41
#define HIST_N_SLOTS                                                                               \
	((1u << HIST_EXACT_BITS) + ((HIST_MAX_BITS - HIST_EXACT_BITS) << HIST_SUB_BITS))

struct hist {
	_Atomic uint64_t n;
	uint32_t slots[HIST_N_SLOTS];
};

/* hist_slot() - where @value counts. Threads: any. Blocks: never. */
static inline uint32_t
hist_slot(uint64_t value)
{
	uint32_t top;

	if (value < UINT64_C(1) << HIST_EXACT_BITS)
		return (uint32_t)value;
	if (value >> HIST_MAX_BITS)
		return HIST_N_SLOTS - 1;
	top = 63 - (uint32_t)__builtin_clzll(value);
	return (1u << HIST_EXACT_BITS) + ((top - HIST_EXACT_BITS) << HIST_SUB_BITS) +
	       ((value >> (top - HIST_SUB_BITS)) & ((1u << HIST_SUB_BITS) - 1));
}

/* hist_add() - one more. Threads: one adds, any asks hist_n(). Blocks: never. */
static inline void
hist_add(struct hist *h, uint64_t value)
{
	h->slots[hist_slot(value)]++;
	store_rlx(&h->n, load_rlx(&h->n) + 1); /* a count and nothing behind it */
}

/* hist_n() - how many there are, also while more are added. Threads: any. Blocks: never. */
static inline uint64_t
hist_n(const struct hist *h)
{
	return load_rlx(&h->n);
}

/**
 * hist_quantile() - the value that a share @q of all values does not exceed
 * @q: 0 < q <= 1
 *
 * Return: the lower bound of the slot; 0 of an empty histogram. Threads: any. Blocks: never.
 */
uint64_t hist_quantile(const struct hist *h, double q);
