/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * line: a line that was typed, as words
 *
 * Blanks part words. 'Single quotes' keep all as it stands, "double quotes" all but \" and \\,
 * and a backslash outside keeps one character. A word that begins with # ends the line: so do comments.
 * Nothing else is special: no variables, no patterns.
 */

#include <stdbool.h>
#include <stddef.h>

enum {
	LINE_E_OPEN = 1, /* a quote is not closed, or a backslash is last */
};

struct line {
	char **words; /* n of them, NULL-ended */
	size_t n;
	bool is_open_word; /* the last one may go on: no blank is behind it */
};

void line_deinit(struct line *line);

/*
 * line_read() - the words of a text
 * @ret: line_deinit() it; set with LINE_E_OPEN too, the quote then ends with the text
 *
 * Return: 0; LINE_E_OPEN; -ENOMEM.  Threads: any.  Blocks: never.
 */
int line_read(const char *text, struct line *ret);
