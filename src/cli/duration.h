/* SPDX-License-Identifier: MIT */
#pragma once

/* duration: how long, as people write it: 2, 0.5, 250ms, 10us, 5s, 3m, 1h, forever */

#include <stdint.h>

enum {
	DURATION_E_INVALID = 1,
};

/*
 * duration_read() - nanoseconds; a number without a unit means seconds; `forever` is UINT64_MAX
 *
 * Return: 0 or DURATION_E_INVALID (also: more than a hundred years).  Threads: any.  Blocks: never.
 */
int duration_read(const char *text, uint64_t *ret_ns);
