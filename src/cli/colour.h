/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * colour: what is shown in which colour, and whether in any
 *
 * Where nothing else is said, on terminals; not where NO_COLOR is set and not empty,
 * nor where TERM is unset or dumb. --color=always and --color=never go before all that.
 * Colours are those that a terminal has names for, so they are its user's choice.
 *
 * Threads: the first one only.  Blocks: never.
 */

#include <stdbool.h>
#include <stdio.h>

enum colour {
	COLOUR_PLAIN,
	COLOUR_HEADING,
	COLOUR_NAME,    /* of a service, a member */
	COLOUR_KEYWORD,
	COLOUR_TYPE,
	COLOUR_KEY,     /* of a map, a field */
	COLOUR_TEXT,    /* values: a string */
	COLOUR_NUMBER,  /* numbers, true, false, null */
	COLOUR_FAINT,   /* times, comments, what matters less */
	COLOUR_GOOD,
	COLOUR_WARNING,
	COLOUR_BAD,
	N_COLOURS,
};

/* colour_choose() - by the word behind --color. Return: 0; -EINVAL: none of auto, always, never. */
int colour_choose(const char *word);

/* colour_is_on() - does what is written there have colours? */
bool colour_is_on(FILE *out);

/* colour_begin(), colour_end() - what to write before and after; "" where there are no colours */
const char *colour_begin(FILE *out, enum colour colour);
const char *colour_end(FILE *out, enum colour colour);

/* colour_sequence() - the same as colour_begin(), whether colours are on or not; constants */
const char *colour_sequence(enum colour colour);
