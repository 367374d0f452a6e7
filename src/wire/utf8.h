/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * utf8: is this text UTF-8, and strictly so? (RFC 3629)
 *
 * Refused: overlong forms, surrogates, anything above U+10FFFF, ends inside a
 * character. NUL is a character like others. Linear time, no allocation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* utf8_is_valid() - all of `size` bytes, each read once.  Threads: any.  Blocks: never. */
bool utf8_is_valid(const void *text, size_t size);

/*
 * utf8_next() - take one character off the front of valid text
 *
 * @text must have passed utf8_is_valid() and not be empty.
 * Return: the code point; *ret_size is how many bytes it had.  Threads: any.  Blocks: never.
 */
uint32_t utf8_next(const char *text, size_t *ret_size);
