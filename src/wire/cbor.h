/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor: what the files of the codec share beside their contract, tern/cbor.h
 *
 * An item is a head and what the head announces. A head is a first byte, three
 * bits major type and five bits `info`, and an argument: info itself below 24, else
 * the 1, 2, 4 or 8 bytes that follow, big-endian.
 *
 *     +-----+-----+----------------+----------------------+
 *     | maj | inf | argument 0…8 B | text or bytes        |
 *     +-----+-----+----------------+----------------------+
 *
 * Writer and reader both keep a stack of what is open, one frame a level; a tag is
 * a frame that closes by itself once its content is there. The parent of a
 * frame counts it as soon as it is opened, so that closing needs no look back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tern/cbor.h"

enum {
	CBOR_INFO_1 = 24, /* an argument of 1 byte follows; 25: 2, 26: 4, 27: 8 */
	CBOR_INFO_2 = 25,
	CBOR_INFO_4 = 26,
	CBOR_INFO_8 = 27,
	CBOR_INFO_INDEFINITE = 31,
	CBOR_BREAK = 0xff,
};

enum {
	CBOR_MAJOR_UINT,
	CBOR_MAJOR_NINT,
	CBOR_MAJOR_BYTES,
	CBOR_MAJOR_TEXT,
	CBOR_MAJOR_ARRAY,
	CBOR_MAJOR_MAP,
	CBOR_MAJOR_TAG,
	CBOR_MAJOR_OTHER, /* floats, simple values, break */
};

enum {
	CBOR_FALSE = 20,
	CBOR_TRUE = 21,
	CBOR_NULL = 22,
	CBOR_UNDEFINED = 23,
};

/* Kinds of frames: the major type of what is open, and whether a break closes it. */
enum {
	CBOR_FRAME_MAJOR = 7,
	CBOR_FRAME_OPEN = 8, /* a break closes it; `left` counts up */
};

/* cbor_half_to_double() - the value of a half-precision float, every one of which is a double */
double cbor_half_to_double(uint16_t half);

/* cbor_double_bits() and back - the bits of a double as a number */
uint64_t cbor_double_bits(double value);
double cbor_bits_double(uint64_t bits);
double cbor_float_bits_double(uint32_t bits);

/*
 * cbor_double_shrink() - the shortest float with this value, any NaN as the one NaN
 * Return: CBOR_INFO_2, CBOR_INFO_4 or CBOR_INFO_8; *ret_bits is the argument of that head.
 */
uint8_t cbor_double_shrink(double value, uint64_t *ret_bits);

/* cbor_reader_fail() - keep the first fault; returns -EBADMSG */
int cbor_reader_fail(struct tern_cbor_reader *r, uint32_t code, uint64_t offset);

/* cbor_reader_expect() - see to it that the next item is there and of this type; 0, -EBADMSG */
int cbor_reader_expect(struct tern_cbor_reader *r, uint8_t type);

/* cbor_reader_take() - the head is used up: count it where it lies */
void cbor_reader_take(struct tern_cbor_reader *r);

/* cbor_reader_done() - an item is complete, and with it the tags that were waiting for it */
void cbor_reader_done(struct tern_cbor_reader *r);

/* cbor_reader_push() - take the head and open a frame of this kind; 0, -EBADMSG */
int cbor_reader_push(struct tern_cbor_reader *r, uint8_t kind, uint64_t left);

/* cbor_reader_string() - take a TERN_CBOR_TEXT or TERN_CBOR_BYTES in one piece; 0, -EBADMSG */
int cbor_reader_string(
	struct tern_cbor_reader *r, uint8_t type, const void **ret, size_t *ret_size);

/* cbor_reader_is_key() - is the next item of a map a key? Only when something is open. */
bool cbor_reader_is_key(const struct tern_cbor_reader *r);

/*
 * cbor_reader_step() - go inside the next item if it has an inside, else past it, or out at an end
 *
 * Something must be open or there must be a next item. Return: 0, -EBADMSG.
 */
int cbor_reader_step(struct tern_cbor_reader *r);

/* cbor_check_at() - tern_cbor_check() of what shall lie `depth` levels deep */
int cbor_check_at(const void *buf, size_t size, uint32_t depth, uint32_t flags,
	struct tern_cbor_fault *ret_fault);
