/* SPDX-License-Identifier: MIT */

/* hook: the switches of the test build; empty in the release */

#include <stddef.h>

#include "base/hook.h"

#ifdef TERN_TEST
bool hook_off[N_RULES];
void (*hook_stop)(const char *point) = NULL;
#else
typedef int hook_empty; /* ISO C wants a declaration */
#endif
