/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * plain: text of others, shown so that it cannot play tricks on a terminal
 *
 * Control bytes, also those of U+0080 to U+009F, and what is not UTF-8 are written
 * as \n, \t or \xHH. What is only passed on (tern's own words) comes out as it is.
 */

#include <stdbool.h>
#include <stdio.h>

/* plain_print() - write `size` bytes of text; lines: newlines and tabs stay what they are */
void plain_print(FILE *out, const char *text, size_t size, bool lines);

/* report() - say on standard error, behind the program's name, what went wrong; one line */
void report(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
