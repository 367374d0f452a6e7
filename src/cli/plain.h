/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * plain: text of others, shown so that it cannot play tricks on a terminal
 *
 * Controls, also U+0080 to U+009F, what is not UTF-8, and characters that turn text round or show
 * nothing are written as \n, \t, \xHH or \uHHHH. What is only passed on (tern's own words) comes out as it is.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* plain_print() - write `size` bytes of text; lines: newlines and tabs stay what they are */
void plain_print(FILE *out, const char *text, size_t size, bool lines);

/* plain_hidden() - bytes of the character at the start if it is one of those, 0: it is none; valid UTF-8 only */
size_t plain_hidden(const char *text, size_t size, uint32_t *ret);

/* report() - say on standard error, behind the program's name, what went wrong; one line */
void report(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
