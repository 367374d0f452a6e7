/* SPDX-License-Identifier: MIT */

/* allowance: see allowance.h */

#include "daemon/allowance.h"

#define LEAST_FDS 1024 /* where the process's limit cannot be read */

void
allowance_raise(struct rlimit *before)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	*before = limit;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* if not, the lower one holds */
}

static uint64_t
count_fds(void)
{
	struct rlimit limit;
	uint64_t n = getrlimit(RLIMIT_NOFILE, &limit) < 0 ? LEAST_FDS : limit.rlim_cur;

	return n > 2 * SERVER_RESERVED_FDS ? n - SERVER_RESERVED_FDS : n / 2;
}

void
allowance_apply(struct server *server)
{
	const uint64_t *asked = server->options->limits, *written = server->config.limits;
	struct quota *quota = &server->bus.quota;

	for (enum quota_kind kind = 0; kind < N_QUOTA; kind++)
		quota->limits[kind] = asked[kind] ? asked[kind] : written[kind] ? written[kind] : quota_default(kind);
	quota->limits[QUOTA_FDS] = quota->budgets[QUOTA_FDS].max = count_fds();
	quota->budgets[QUOTA_FDS].expected = /* else nobody else may come */
		server->options->n_users > 0 || server->config.policy->connect.n > 0;
}
