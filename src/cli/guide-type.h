/* SPDX-License-Identifier: MIT */
#pragma once

/* guide-type: one word as a value of one type */

#include "cli/guide.h"

/* What the functions of guide.c and guide-type.c share. */
struct guide {
	const struct interface *i;
	const char *what; /* takes the words */
	const char *key;  /* what is being read */
	const char *sign; /* of the word: =, := or ==, and the value */
	struct guided *ret;
	struct argument_fault *why;
};

/* What is in an object, of which nothing is said. */
extern const struct interface_type GUIDE_ANY;

/* guide_value() - the word behind KEY=. Return as guide_read(). */
int guide_value(
	struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret);
