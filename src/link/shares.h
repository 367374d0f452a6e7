/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * shares: what other users' programs may make this one hold
 *
 * Counted per user id over all of its links, so that more links give no more; each is a share of what there is for all
 * other users together (base/share.h). Partners of the own trust domain have none: NULL in all functions here. What one
 * link may have at most is limited besides, where it is used.
 *
 *      shares_has(link->shares, SHARE_CALLS, 1) ? shares_take(link->shares, SHARE_CALLS, 1) : tell the partner
 *      shares_give(link->shares, SHARE_CALLS, 1);    in call_free()
 */

#include "base/attribute.h"
#include "base/share.h"

enum share_kind {
	SHARE_LENT,	/* bytes of blocks that are out */
	SHARE_SEGMENTS, /* of theirs, mapped */
	SHARE_FDS,	/* descriptors of records that are not taken yet */
	SHARE_QUEUED,	/* bytes of messages that the program has not handled */
	SHARE_CALLS,	/* not answered, or held on to */
	SHARE_STREAMS,
	SHARE_REPLIES,	/* bytes of those that wait for room */
	SHARE_EVENTS,	/* the same of events */
	N_SHARES,
};

struct budgets {
	struct budget of[N_SHARES];
};

/* Of one user. */
struct shares {
	struct share of[N_SHARES];
};

/* budgets_init() - nobody has anything */
void budgets_init(struct budgets *budgets);

/* shares_init() - of one more user, who has nothing */
void shares_init(struct shares *shares, struct budgets *budgets);

/* share_kind_name() - "calls", … as tern.Status tells it */
const char *share_kind_name(enum share_kind kind);

/* share_of_has(), … - the same of another user's; out of the way of what the own domain does */
bool share_of_has(const struct shares *shares, enum share_kind kind, uint64_t amount);
void share_of_take(struct shares *shares, enum share_kind kind, uint64_t amount);
void share_of_give(struct shares *shares, enum share_kind kind, uint64_t amount);

/* shares_has() - may he have so much more? */
static inline bool
shares_has(const struct shares *shares, enum share_kind kind, uint64_t amount)
{
	return likely(!shares) || share_of_has(shares, kind, amount);
}

/* shares_take(), shares_give() - count it, and count it back */
static inline void
shares_take(struct shares *shares, enum share_kind kind, uint64_t amount)
{
	if (unlikely(shares != NULL))
		share_of_take(shares, kind, amount);
}

static inline void
shares_give(struct shares *shares, enum share_kind kind, uint64_t amount)
{
	if (unlikely(shares != NULL))
		share_of_give(shares, kind, amount);
}
