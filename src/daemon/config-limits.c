/* SPDX-License-Identifier: MIT */

/* config-limits: [limits] of ternd.conf */

#include "daemon/config-section.h"

/* Those of quota_kind_find(). */
static const char *const keys[] = {"connections", "half-open", "names", "rules", "links", "bytes", "starts", NULL};

static int
set(struct config_parse *p, unsigned int key, const char *value)
{
	unsigned long long n = 0;
	enum quota_kind kind;
	char *end = NULL;

	errno = 0;
	if (value[0] >= '0' && value[0] <= '9')
		n = strtoull(value, &end, 10);
	if (errno || !end || *end || n == 0 || n > QUOTA_LIMIT_MAX)
		return config_fail(p, "%s = %s: write how many a user may have, from 1 to %llu", keys[key], value,
			(unsigned long long)QUOTA_LIMIT_MAX);
	kind = quota_kind_find(keys[key], strlen(keys[key]));
	assert(kind < N_QUOTA);
	p->config->limits[kind] = n;
	return 0;
}

const struct config_section config_section_limits = {
	.name = "limits",
	.keys = keys,
	.set = set,
};
