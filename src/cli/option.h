/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * option: the words of a command line, one at a time
 *
 * Options may stand before, between and behind the operands; `--` ends them.
 * `-x`, `-xVALUE`, `-x VALUE`, `--long`, `--long=VALUE` and `--long VALUE` are
 * understood, and letters without values may be joined (`-jl`). A word such as
 * `-5` or `-0.5` is an operand, since values are operands here; so is `-` alone.
 */

#include <stdbool.h>
#include <stddef.h>

struct option_spec {
	int id;		   /* > 0; what option_next() returns */
	char letter;	   /* 0: none */
	const char *name;  /* without the dashes */
	const char *value; /* what --help calls its value; NULL: takes none */
	const char *help;  /* one line */
	const char *words; /* what its value can be, for completion; NULL: not only words */
};

enum {
	OPTION_END = 0,
	OPTION_OPERAND = -1, /* `value` is the operand */
	OPTION_BAD = -2,     /* not understood; `text` says why */
};

struct option_reader {
	const struct option_spec *specs;
	size_t n_specs;
	char **words;	    /* NULL-ended, borrowed */
	const char *joined; /* the letters left of a word such as -jl */
	const char *value;  /* of what was returned last; borrowed from the words */
	bool operands_only; /* everything from here on is an operand */
	char text[160];
};

/* option_reader_init() - read the NULL-ended words; all is borrowed */
void option_reader_init(
	struct option_reader *r, const struct option_spec *specs, size_t n_specs, char **words);

/*
 * option_next() - the next option or operand
 *
 * Return: the option's id, or OPTION_*.  Threads: owner.  Blocks: never.
 */
int option_next(struct option_reader *r);
