/* SPDX-License-Identifier: MIT */

/* payload: what is larger than a line */

#include <string.h>

#include "payload.h"

void
payload_fill_rest(struct payload *p, size_t size, uint64_t serial)
{
	memset(p + 1, (int)(serial & 0xff), size - sizeof(*p));
}

bool
payload_rest_is(const struct payload *p, size_t size, uint64_t serial)
{
	size_t n_lines = size / sizeof(*p);
	uint64_t sum = 0;

	for (size_t i = 1; i < n_lines; i++)
		sum += p[i].rest[0];
	return sum == (n_lines - 1) * (serial & 0xff);
}
