/* SPDX-License-Identifier: MIT */

/* config-limits: [limits] of ternd.conf */

#include "daemon/config-section.h"

#define LIMIT_MAX (UINT64_C(1) << 40)

/* As quota_kind_name() has them. Descriptors are not among them: their limit is the process's own. */
static const char *const keys[] = {"connections", "half-open", "names", "rules", "links", "bytes", "starts", NULL};

static enum quota_kind
find_kind(const char *name)
{
	enum quota_kind kind = 0;

	while (strcmp(quota_kind_name(kind), name) != 0)
		kind++;
	assert(kind < N_QUOTA);
	return kind;
}

static int
set(struct config_parse *p, unsigned int key, const char *value)
{
	unsigned long long n = 0;
	char *end = NULL;

	errno = 0;
	if (value[0] >= '0' && value[0] <= '9')
		n = strtoull(value, &end, 10);
	if (errno || !end || *end || n == 0 || n > LIMIT_MAX)
		return config_fail(p, "%s = %s: write how many a user may have, from 1 to %llu", keys[key], value,
			(unsigned long long)LIMIT_MAX);
	p->config->limits[find_kind(keys[key])] = n;
	return 0;
}

const struct config_section config_section_limits = {
	.name = "limits",
	.keys = keys,
	.set = set,
};
