/* SPDX-License-Identifier: MIT */

/* hook: the switches of the test build; empty in the release */

#include <stddef.h>

#include "base/atomic.h"
#include "base/hook.h"

#ifdef TERN_TEST
bool hook_off[N_RULES];
void (*hook_stop)(const char *point) = NULL;
uint32_t hook_max_hot = 0;
struct hook_clock *hook_clock = NULL;

uint64_t
hook_time(uint64_t real)
{
	uint64_t step;

	if (!hook_clock)
		return real;
	step = load_rlx(&hook_clock->step); /* set before anybody reads the clock */
	return add_acqrel(&hook_clock->now, step) + step;
}
#else
typedef int hook_empty; /* ISO C wants a declaration */
#endif
