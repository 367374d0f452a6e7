/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor-flat: tern_cbor_packv() in one pass, for what most messages carry
 *
 * A format is flat if it is one value, or one array or map of values with nothing inside of them: "y", "[su]",
 * "{name:s,pos:i}". Its values are checked and written as its letters are read, without a list of either. What
 * comes out is the same, byte for byte (cbor-pack_test.c).
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * cbor_pack_flat() - write the values, if the format is flat, nothing is wrong, and all fits with a few bytes to spare
 *
 * Return: how many bytes; 0: nothing is said of why, tern_cbor_packv() does it, or tells what is wrong. Then what lies
 * at @to is of no use, and @ap is as it was.  Threads: any.  Blocks: never.
 */
size_t cbor_pack_flat(uint8_t *to, size_t room, const char *format, va_list ap);
