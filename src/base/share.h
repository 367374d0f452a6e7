/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * share: how much of a budget each of several users may have
 *
 * Nobody knows how many users will come, so nobody may have all that is left. Where n users have something, and one more
 * is expected, each may have up to an n+1-th part of what is free and of what it has itself:
 *
 *      budget 120      a takes all it may     then b            then c
 *      [            ]  [aaaaaa      ]         [aaaaaabb    ]    [aaaaaabbc   ]
 *                       120 / 2 = 60          60 / 3 = 20       40 / 4 = 10
 *
 * So of n users each gets between 1/(n + 1) and 1/(n (n + 1)) of it, whatever the others do and however many connections
 * they have; and no user is ever kept out, as long as a part is one at least. (After dbus-broker's accounting.)
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
	uint64_t max, used;
	uint32_t n;        /* users who have some of it */
	uint32_t expected; /* users who may come still: a part is kept for each */
};

struct share {
	struct budget *budget;
	uint64_t used;
};

/* share_max() - how much this user may have now; more may be in use, from times when fewer users had some */
static inline uint64_t
share_max(const struct share *share)
{
	const struct budget *budget = share->budget;
	uint64_t free = budget->max > budget->used ? budget->max - budget->used : 0;
	uint32_t n = budget->n + budget->expected + (share->used == 0);

	return (free + share->used) / n;
}

/* share_has() - may it have so much more? */
static inline bool
share_has(const struct share *share, uint64_t amount)
{
	uint64_t max = share_max(share);

	return share->used <= max && amount <= max - share->used;
}

/* share_take(), share_give() - count it, and count it back; whether it may be had is asked before */
static inline void
share_take(struct share *share, uint64_t amount)
{
	share->budget->n += share->used == 0 && amount > 0;
	share->used += amount;
	share->budget->used += amount;
}

static inline void
share_give(struct share *share, uint64_t amount)
{
	assert(share->used >= amount);
	share->used -= amount;
	share->budget->used -= amount;
	share->budget->n -= share->used == 0 && amount > 0;
}
