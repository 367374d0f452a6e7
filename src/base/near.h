/* SPDX-License-Identifier: MIT */
#pragma once

/* near: which word may have been meant */

#include <stdbool.h>
#include <stddef.h>

/*
 * near_distance() - how many letters must be put in, taken out, changed, or swapped with a
 * neighbour, to turn one word into the other; case does not count
 *
 * Return: the number; SIZE_MAX when a word is longer than 64 bytes.  Threads: any.  Blocks: never.
 */
size_t near_distance(const char *a, const char *b);

/* near_limit() - the greatest distance at which a slip of the fingers is likely */
size_t near_limit(const char *word);

/* near_name() - is `name`, dotted, near to `word`: a slip away, or a part of it? */
bool near_name(const char *word, const char *name);

/* The nearest of several names to a word; both are borrowed. */
struct near {
	const char *word;
	const char *nearest; /* NULL: none of them is near */
	size_t distance;     /* 0 until there is one */
};

/* near_offer() - one of the names that may have been meant; of equals the first holds */
void near_offer(struct near *near, const char *name);
