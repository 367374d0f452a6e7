/* SPDX-License-Identifier: MIT */

/* hook: the switches of the test build; empty in the release */

#include <stddef.h>

#include "base/atomic.h"
#include "base/hook.h"

#ifdef TERN_TEST
bool hook_off[N_RULES];
void (*hook_stop)(const char *point) = NULL;
uint32_t hook_max_hot = 0;
bool hook_alone = true;
struct hook_clock *hook_clock = NULL;

uint64_t
hook_time(uint64_t real)
{
	uint64_t step;

#ifdef TERN_SCHEDULE
	schedule_clock();
#endif
	if (!hook_clock)
		return real;
	step = load_rlx(&hook_clock->step); /* set before anybody reads the clock */
	return add_acqrel(&hook_clock->now, step) + step;
}

/* What is kept back. More than a story needs; beyond it the oldest are seen. */
static struct {
	_Atomic uint64_t *word;
	uint64_t value;
} kept[16];
static size_t n_kept;

void
hook_drain(void)
{
	for (size_t i = 0; i < n_kept; i++)
		store_rel(kept[i].word, kept[i].value); /* in order, as this processor does */
	n_kept = 0;
}

void
hook_store(_Atomic uint64_t *word, uint64_t value)
{
	if (n_kept == sizeof(kept) / sizeof(kept[0]))
		hook_drain();
	kept[n_kept].word = word;
	kept[n_kept++].value = value;
}
#else
typedef int hook_empty; /* ISO C wants a declaration */
#endif
