/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor-flat: tern_cbor_packv() and tern_cbor_unpackv() in one pass, for what most messages carry
 *
 * A format is flat if it is one value, or one array or map of values with nothing inside of them: "y", "[su]",
 * "{name:s,pos:i}". Its values are checked and written as its letters are read, without a list of either. What
 * comes out is the same, byte for byte (cbor-pack_test.c).
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tern/cbor.h"

/*
 * cbor_pack_flat() - write the values, if the format is flat, nothing is wrong, and all fits with a few bytes to spare
 *
 * Return: how many bytes; 0: nothing is said of why, tern_cbor_packv() does it, or tells what is wrong. Then what lies
 * at @to is of no use, and @ap is as it was.  Threads: any.  Blocks: never.
 */
size_t cbor_pack_flat(uint8_t *to, size_t room, const char *format, va_list ap);

/*
 * cbor_unpack_flat() - the way back, of data that are just what the format says, in its order (cbor-unpack-flat.c)
 *
 * Return: false: nothing was set; tern_cbor_unpackv() does it, or tells what is wrong. @ap is as it was.
 * Threads: any.  Blocks: never.
 */
bool cbor_unpack_flat(const void *buf, size_t size, const struct tern_cbor_hooks *hooks, const char *format,
	va_list ap);

/* cbor_unpack_cursor() - tern_cbor_unpackv() for who has tried cbor_unpack_flat() already (cbor-unpack.c) */
int cbor_unpack_cursor(const void *buf, size_t size, const struct tern_cbor_hooks *hooks, const char *format, va_list ap);
