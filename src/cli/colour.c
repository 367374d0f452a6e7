/* SPDX-License-Identifier: MIT */

/* colour: what is shown in which colour, and whether in any */

#include "base/attribute.h"
#include "cli/colour.h"

static const char *const SEQUENCES[N_COLOURS] = {
	[COLOUR_PLAIN] = "",
	[COLOUR_HEADING] = "\033[1m",
	[COLOUR_NAME] = "\033[1;36m",
	[COLOUR_KEYWORD] = "\033[35m",
	[COLOUR_TYPE] = "\033[33m",
	[COLOUR_KEY] = "\033[36m",
	[COLOUR_TEXT] = "\033[32m",
	[COLOUR_NUMBER] = "\033[33m",
	[COLOUR_FAINT] = "\033[2m",
	[COLOUR_GOOD] = "\033[32m",
	[COLOUR_WARNING] = "\033[33m",
	[COLOUR_BAD] = "\033[1;31m",
};

static enum { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER } choice;

int
colour_choose(const char *word)
{
	if (strcmp(word, "auto") == 0)
		choice = COLOUR_AUTO;
	else if (strcmp(word, "always") == 0)
		choice = COLOUR_ALWAYS;
	else if (strcmp(word, "never") == 0)
		choice = COLOUR_NEVER;
	else
		return -EINVAL;
	return 0;
}

bool
colour_is_on(FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (choice != COLOUR_AUTO)
		return choice == COLOUR_ALWAYS;
	if (no_color && *no_color)
		return false;
	return term && *term && strcmp(term, "dumb") != 0 && isatty(fileno(out));
}

const char *
colour_sequence(enum colour colour)
{
	return SEQUENCES[colour];
}

const char *
colour_begin(FILE *out, enum colour colour)
{
	return colour_is_on(out) ? SEQUENCES[colour] : "";
}

const char *
colour_end(FILE *out, enum colour colour)
{
	return colour != COLOUR_PLAIN && colour_is_on(out) ? "\033[0m" : "";
}
