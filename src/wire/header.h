/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * header: what a message says before its payload
 *
 * A record is: 80 bytes of struct wire_header · service NUL · member NUL · type NUL · each tag as a length
 * byte, its bytes, NUL · zeros to a multiple of 8 · the table of parts · the inline payload, each part padded to 8.
 * Strings carry their NUL so that a private copy can be used as it is. A single inline part has
 * no table entry (WIRE_INLINE). Time, stack: one pass, no recursion; nothing is allocated.
 *
 * Trust: wire_check() and its kin are for a private copy only; it says whether every length fits.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"

/* What a record is; 1 to 8 are those of the protocol's page, the rest is the link's own. */
enum wire_kind {
	WIRE_CALL = 1,
	WIRE_REPLY = 2,
	WIRE_ERROR = 3,
	WIRE_EVENT = 4,
	WIRE_CANCEL = 5,
	WIRE_PART = 6, /* stream part */
	WIRE_END = 7,  /* end of a stream */
	WIRE_CREDIT = 8,
	WIRE_MOVED = 32, /* the ring goes on in segment `reference` */
};

enum wire_flag {
	WIRE_NO_REPLY = 1,
	WIRE_NO_ACTIVATE = 2,
	WIRE_PRIVATE = 4,
	WIRE_SHARED = 8,   /* has other receivers too: not before commit reaches `reference` */
	WIRE_INLINE = 16,  /* the payload is one inline part without a table entry */
	WIRE_BOUNCED = 32, /* error: the name is no longer here, ask again who has it */
	WIRE_LIBRARY = 64, /* call: for the library, not for a service */
	WIRE_BACK = 128,   /* part, credit: of a call that the receiver made */
	WIRE_LATE = 256,   /* event: it waited at its publisher for room or time; credit: so many before it had its place */
};

struct wire_header {
	uint32_t size; /* the first 8 bytes are those of struct shm_ring_record */
	uint16_t kind;
	uint16_t flags;
	uint64_t serial;    /* of calls: counts up on its link */
	uint64_t reference; /* serial of the call that is answered; shared number of an event; segment */
	uint64_t stamp;     /* when it was sent, host monotonic ns, a hybrid clock */
	uint64_t deadline;  /* host monotonic ns; 0 none */
	uint64_t trace;
	uint64_t lost;      /* events dropped on this link before this record */
	uint32_t credit;    /* streams: what the receiver may send more; of late events see WIRE_LATE */
	uint32_t first_fd;  /* sequence number of the first descriptor */
	uint32_t inline_size;
	uint16_t tags_size;
	uint8_t n_tags;
	uint8_t n_parts;
	uint8_t n_fds;
	uint8_t service_size; /* without the NUL, as the next two */
	uint8_t member_size;
	uint8_t type_size;
	uint32_t reserved;
};

static_assert(sizeof(struct wire_header) == 80, "docs/shm-format.md");

/* Where a part is. segment 0: in the record, at offset from the inline payload's beginning. */
struct wire_part {
	uint32_t segment;
	uint32_t slot; /* what to give back: place and generation in the sender's list of lent blocks */
	uint32_t generation;
	uint32_t reserved;
	uint64_t offset;
	uint64_t size;
};

static_assert(sizeof(struct wire_part) == 32, "docs/shm-format.md");

#define WIRE_MAX_PARTS  8u
#define WIRE_MAX_FDS    16u
#define WIRE_MAX_TAGS   16u
#define WIRE_MAX_STRING 255u
#define WIRE_MAX_HEADER 1024u /* service, member, type and tags with their NULs and lengths */

/* Where the pieces of one record begin, from its first byte. */
struct wire_places {
	uint32_t service, member, type, tags, parts, payload;
};

/* wire_places() - compute them from the header's lengths */
static inline void
wire_places(const struct wire_header *header, struct wire_places *ret)
{
	uint32_t at = sizeof(*header);

	ret->service = at;
	at += header->service_size + 1u;
	ret->member = at;
	at += header->member_size + 1u;
	ret->type = at;
	at += header->type_size + 1u;
	ret->tags = at;
	at += header->tags_size;
	at = ALIGN_TO(at, 8u);
	ret->parts = at;
	if (!(header->flags & WIRE_INLINE))
		at += header->n_parts * (uint32_t)sizeof(struct wire_part);
	ret->payload = at;
}

/*
 * wire_size() - bytes of the whole record, before alignment to the ring's
 *
 * The header's lengths are set, size is not.
 */
uint32_t wire_size(const struct wire_header *header);

/*
 * wire_check() - does everything that the header promises lie inside of these bytes?
 * @record: private memory, header->size bytes, beginning with the header itself
 *
 * Return: 0 or -EBADMSG.
 */
int wire_check(const uint8_t *record, size_t size);

/*
 * wire_check_pieces() - the same where the header is apart, and where the pieces are
 * @record: private memory, header->size bytes, of which those of the header are not read
 *
 * Return: 0, or -EBADMSG with *ret untouched.
 */
int wire_check_pieces(const struct wire_header *header, const uint8_t *record, struct wire_places *ret);

/* wire_check_tags() - are these n_tags encoded tags, and nothing else? Return: 0 or -EBADMSG. */
int wire_check_tags(const uint8_t *tags, uint32_t size, uint32_t n_tags);

/* wire_tag_next() - the tag at *cursor, which moves on; NULL after n_tags by the caller's count */
static inline const char *
wire_tag_next(const uint8_t **cursor, uint8_t *ret_size)
{
	const char *tag = (const char *)*cursor + 1;

	*ret_size = **cursor;
	*cursor += *ret_size + 2u;
	return tag;
}

/* wire_put_strings() - write what stands between header and parts; to must have room, wire_places() tells */
void wire_put_strings(uint8_t *to, const struct wire_header *header, const char *const strings[3],
	const uint8_t *tags);
