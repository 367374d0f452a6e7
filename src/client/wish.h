/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * wish: what a receiver wants of a topic when it is slow, by all of its rules that match
 *
 * Several rules of one receiver are one wish, for it gets one record: the policy that preserves most, the
 * longest queue of that policy, and a rate only if all of them have one, the highest.
 *
 *      wait  >  drop-oldest  >  latest  >  drop-newest  >  disconnect
 *
 * disconnect asks nothing of the publisher: whoever has it hears the gap, and ends. Where latest meets another policy,
 * what a newer event replaces is lost to the other rule, and so it is counted (is_loud).
 *
 * Trust: policy, queue and rate are whatever the receiver says.
 */

#include <stdbool.h>
#include <stdint.h>

#define WISH_QUEUE	64u	 /* events, or topics, that are kept where the rule does not say */
#define WISH_MAX_QUEUE	(1u << 16)

struct wish {
	uint64_t rule;	   /* of the receiver's: the one that decides */
	uint64_t interval; /* ns from one event to the next, at least; 0 no limit */
	uint32_t queue;
	uint8_t policy;
	bool is_loud;
	bool is_tagless; /* none of the rules asks for a tag: private events are not for them */
};

/* wish_of() - of one rule. What does not make sense is as if it were not said. */
struct wish wish_of(uint64_t rule, uint64_t policy, uint64_t queue, uint64_t max_rate);

/* wish_merge() - and of another one of the same receiver; whichever comes first, the same comes out */
void wish_merge(struct wish *to, const struct wish *from);

/* wish_keeps() - are events kept that may not go now? */
bool wish_keeps(const struct wish *wish);
