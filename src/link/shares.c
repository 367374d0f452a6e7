/* SPDX-License-Identifier: MIT */

/* shares: how much there is for all other users; one alone may have a half of it */

#include <sys/resource.h>

#include "link/shares.h"

#define LEAST_FDS 512

static const uint64_t MOST[N_SHARES] = {
	[SHARE_LENT] = UINT64_C(1) << 30, /* a fourth of what may be lent */
	[SHARE_SEGMENTS] = 16 << 10,	  /* a fourth of vm.max_map_count */
	[SHARE_FDS] = LEAST_FDS,	  /* a half of what the process may have, if that is more */
	[SHARE_QUEUED] = 32 << 20,
	[SHARE_CALLS] = 8 << 10,
	[SHARE_STREAMS] = 1 << 10,
	[SHARE_REPLIES] = 32 << 20,
	[SHARE_EVENTS] = 128 << 20,
};

void
budgets_init(struct budgets *budgets)
{
	struct rlimit limit = {.rlim_cur = 0};

	for (enum share_kind kind = 0; kind < N_SHARES; kind++)
		budgets->of[kind] = (struct budget){.max = MOST[kind], .expected = 1};
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		budgets->of[SHARE_FDS].max = MAX(limit.rlim_cur / 2, (rlim_t)LEAST_FDS);
}

void
shares_init(struct shares *shares, struct budgets *budgets)
{
	for (enum share_kind kind = 0; kind < N_SHARES; kind++)
		shares->of[kind] = (struct share){.budget = &budgets->of[kind]};
}

const char *
share_kind_name(enum share_kind kind)
{
	static const char *const names[N_SHARES] = {
		[SHARE_LENT] = "lent",
		[SHARE_SEGMENTS] = "segments",
		[SHARE_FDS] = "fds",
		[SHARE_QUEUED] = "queued",
		[SHARE_CALLS] = "calls",
		[SHARE_STREAMS] = "streams",
		[SHARE_REPLIES] = "replies",
		[SHARE_EVENTS] = "events",
	};

	return names[kind];
}

bool
share_of_has(const struct shares *shares, enum share_kind kind, uint64_t amount)
{
	return share_has(&shares->of[kind], amount);
}

void
share_of_take(struct shares *shares, enum share_kind kind, uint64_t amount)
{
	share_take(&shares->of[kind], amount);
}

void
share_of_give(struct shares *shares, enum share_kind kind, uint64_t amount)
{
	share_give(&shares->of[kind], amount);
}
