/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * check-quick: the usual value, seen to be right in a fifth of the time
 *
 * Most payloads are right, and written in the plainest way: lengths known, fields in order,
 * nothing unknown. For those a cursor of two pointers is enough. It gives up at anything else,
 * and check.c looks at the whole from the start; so it need not know what is wrong.
 */

#include "interface/check.h"

/* quick_check() - true: the value is right; false: it may be.  Threads: any.  Blocks: never. */
bool quick_check(const struct check *check, const void *cbor, size_t size);

/* check_closely() - check_payload() without going the quick way first */
int check_closely(
	const struct check *check, const void *cbor, size_t size, struct check_fault *ret);
