/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor-number: numbers in decimal that are wider than printf's, or need to be read back
 *
 * Output is ASCII and does not depend on the locale.  Threads: any.  Blocks: never.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NUMBER_MAX_BIG = 64, /* bytes of a big number */
	NUMBER_ROOM = 192,   /* bytes for any number as a C string; a big one has 155 digits */
};

/*
 * number_print_double() - with the fewest digits that are read back as this value
 *
 * As in RFC 8949, appendix A: always with a point, an exponent only where ECMAScript
 * has one; or Infinity, -Infinity, NaN.
 */
void number_print_double(double value, char text[NUMBER_ROOM]);

/* number_print_big() - big-endian bytes, NUMBER_MAX_BIG at most; a negative one is -1 - number */
void number_print_big(bool is_negative, const uint8_t *bytes, size_t size, char text[NUMBER_ROOM]);
