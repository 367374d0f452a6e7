/* SPDX-License-Identifier: MIT */

/* wish: see wish.h */

#include "base/attribute.h"
#include "base/clock.h"
#include "client/wish.h"
#include "tern/event.h"

static const uint8_t preserves[] = {
	[TERN_DISCONNECT] = 0,
	[TERN_DROP_NEWEST] = 1,
	[TERN_LATEST] = 2,
	[TERN_DROP_OLDEST] = 3,
	[TERN_WAIT] = 4,
};

struct wish
wish_of(uint64_t rule, uint64_t policy, uint64_t queue, uint64_t max_rate)
{
	struct wish wish = {.rule = rule, .policy = TERN_DROP_NEWEST};

	if (policy < ARRAY_SIZE(preserves))
		wish.policy = (uint8_t)policy;
	wish.queue = (uint32_t)MIN(queue ? queue : WISH_QUEUE, (uint64_t)WISH_MAX_QUEUE);
	if (max_rate && wish.policy != TERN_WAIT && wish.policy != TERN_DISCONNECT)
		wish.interval = NSEC_PER_SEC / max_rate;
	return wish;
}

void
wish_merge(struct wish *to, const struct wish *from)
{
	uint64_t interval = MIN(to->interval, from->interval);
	bool is_tagless = to->is_tagless && from->is_tagless;
	bool is_loud = to->is_loud || from->is_loud || to->policy != from->policy;

	if (to->policy == from->policy) {
		to->queue = MAX(to->queue, from->queue);
		to->rule = MIN(to->rule, from->rule);
	} else if (preserves[to->policy] < preserves[from->policy]) {
		*to = *from;
	}
	to->interval = interval;
	to->is_loud = is_loud;
	to->is_tagless = is_tagless;
}

bool
wish_keeps(const struct wish *wish)
{
	return wish->policy == TERN_DROP_OLDEST || wish->policy == TERN_LATEST;
}
