/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * cbor-unpack: the state of one unpacking, which its three steps share
 *
 * cbor-unpack.c leads the cursor through the buffer and finds the node of each item;
 * cbor-unpack-value.c checks an item and keeps what it found in the slot of that node;
 * cbor-unpack-output.c sets what the caller wanted, once all is known to be good. All this is not
 * needed where format and data go side by side: cbor-unpack-flat.c.
 */

#include <stdarg.h>

#include "wire/cbor-format.h"
#include "wire/cbor.h"

struct string {
	const uint8_t *bytes; /* in pieces: the whole item as it is encoded */
	size_t size;	      /* joined */
	size_t raw_size;      /* in pieces: of the item; else 0 */
};

struct slot {
	void *ret, *ret_size;
	tern_cbor_get_fn *fn; /* f */
	bool is_seen;  /* the member was there, if only as null */
	bool is_found; /* it has a value */
	union {
		int64_t i;
		uint64_t u;
		double d;
		struct string s;
	};
};

struct unpacker {
	struct tern_cbor_reader reader;
	const struct tern_cbor_hooks *hooks;
	struct format format;
	struct slot slots[TERN_CBOR_MAX_VALUES];
	uint8_t next_child[TERN_CBOR_MAX_VALUES]; /* of an array: whose turn it is */
	size_t memory_needed;
	char *memory, *memory_end; /* what is left of it */
	uint8_t node;		   /* whom the fault is about */
	uint8_t open;		   /* the container we are in */
};

/* unpack_describe() - the fault of a reader, which is about u->node */
void unpack_describe(const struct unpacker *u, const struct tern_cbor_fault *fault);

/* unpack_fail() - a fault of the item that was looked at last; returns -EBADMSG */
int unpack_fail(struct unpacker *u, uint32_t code);

/*
 * unpack_scalar() - take the next item as the letter says, all but [ { *, into a slot
 *
 * A text or byte string that needs memory is only counted. Return: 0, -EBADMSG.
 */
int unpack_scalar(struct unpacker *u, char letter, struct slot *slot);

/* unpack_next_piece() - a piece of a string that was entered. Return: 0; 1: no more; -EBADMSG. */
int unpack_next_piece(struct tern_cbor_reader *r, bool is_text, const void **ret, size_t *ret_size);

/* unpack_fetch_outputs() - where everything goes; -EINVAL: this cannot work with any data */
int unpack_fetch_outputs(struct unpacker *u, va_list *ap);

/* unpack_set_outputs() - set what was found; the buffer was checked. Return: 0; -ENOMEM; what an f returned. */
int unpack_set_outputs(struct unpacker *u);
