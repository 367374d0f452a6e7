/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * flat: a record of values and nothing else, packed where it is sent from, without a message
 *
 * Most answers and parts of streams have no names, no descriptors and a few small values. They are packed
 * before the lock is taken, which is what such a call costs most of its time.
 *
 * Threads: any; on the stack of who sends.
 */

#include <stdalign.h>
#include <stdarg.h>

#include "link/link.h"
#include "wire/cbor-flat.h"

#define FLAT_PAYLOAD ALIGN_TO((uint32_t)sizeof(struct wire_header) + 3u, 8u) /* behind three empty strings */

/* Large, and not written before it is needed. */
struct flat {
	alignas(16) uint8_t record[LINK_RECORD_MIN];
	size_t size; /* of the payload */
	bool is_empty;
};

/* flat_packv() - @format may be NULL. Return: false, these values need a message. */
static inline bool
flat_packv(struct flat *flat, const char *format, va_list ap)
{
	flat->is_empty = !format || !*format;
	flat->size = 0;
	if (!flat->is_empty)
		flat->size = cbor_pack_flat(flat->record + FLAT_PAYLOAD,
			sizeof(flat->record) - RING_ALIGN - FLAT_PAYLOAD, format, ap);
	return flat->is_empty || flat->size > 0;
}

/* flat_finish() - with this header, whose sizes are set. Return: the record, as link_push() takes it. */
static inline struct wire_header *
flat_finish(struct flat *flat, const struct wire_header *header)
{
	struct wire_header *ret = (struct wire_header *)flat->record;

	*ret = *header;
	memset(ret + 1, 0, FLAT_PAYLOAD - sizeof(*ret));
	link_finish_drawn(ret, FLAT_PAYLOAD, !flat->is_empty, (uint32_t)flat->size);
	return ret;
}
