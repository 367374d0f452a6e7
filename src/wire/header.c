/* SPDX-License-Identifier: MIT */

/* header: lengths and places of a record's pieces; see header.h */

#include <errno.h>
#include <string.h>

#include "wire/header.h"

uint32_t
wire_size(const struct wire_header *header)
{
	struct wire_places places;

	wire_places(header, &places);
	return places.payload + ALIGN_TO(header->inline_size, 8u);
}

/* is_string() - n bytes without NUL, and a NUL behind them */
static bool
is_string(const uint8_t *bytes, uint32_t n)
{
	return bytes[n] == '\0' && (n == 0 || !memchr(bytes, '\0', n));
}

int
wire_check_tags(const uint8_t *tags, uint32_t size, uint32_t n_tags)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n_tags; i++) {
		uint32_t n;

		if (at >= size)
			return -EBADMSG;
		n = tags[at];
		if (n == 0 || at + n + 2 > size || !is_string(tags + at + 1, n))
			return -EBADMSG;
		at += n + 2;
	}
	return at == size ? 0 : -EBADMSG;
}

/* check_parts() - inline parts lie in the payload; others are the link's to check */
static int
check_parts(const uint8_t *table, const struct wire_header *header)
{
	for (uint32_t i = 0; i < header->n_parts; i++) {
		struct wire_part part;

		memcpy(&part, table + i * sizeof(part), sizeof(part));
		if (part.segment != 0)
			continue;
		if (part.offset > header->inline_size || part.size > header->inline_size - part.offset)
			return -EBADMSG;
	}
	return 0;
}

int
wire_check_pieces(const struct wire_header *header, const uint8_t *record, struct wire_places *ret)
{
	struct wire_places places;

	wire_places(header, &places);
	if (header->n_parts > WIRE_MAX_PARTS || header->n_fds > WIRE_MAX_FDS ||
		header->n_tags > WIRE_MAX_TAGS || places.parts - sizeof(*header) > WIRE_MAX_HEADER + 16)
		return -EBADMSG;
	if ((header->flags & WIRE_INLINE) && header->n_parts != 1)
		return -EBADMSG;
	if (header->inline_size > header->size || places.payload > header->size - header->inline_size)
		return -EBADMSG;
	if (!is_string(record + places.service, header->service_size) ||
		!is_string(record + places.member, header->member_size) ||
		!is_string(record + places.type, header->type_size) ||
		wire_check_tags(record + places.tags, header->tags_size, header->n_tags) < 0)
		return -EBADMSG;
	if (!(header->flags & WIRE_INLINE) && check_parts(record + places.parts, header) < 0)
		return -EBADMSG;
	*ret = places;
	return 0;
}

int
wire_check(const uint8_t *record, size_t size)
{
	struct wire_header header;
	struct wire_places places;

	if (size < sizeof(header))
		return -EBADMSG;
	memcpy(&header, record, sizeof(header));
	header.size = (uint32_t)size;
	return wire_check_pieces(&header, record, &places);
}

static uint8_t *
put_string(uint8_t *to, const char *text, uint32_t n)
{
	if (n)
		memcpy(to, text, n);
	to[n] = '\0';
	return to + n + 1;
}

void
wire_put_strings(uint8_t *to, const struct wire_header *header, const char *const strings[3],
	const uint8_t *tags)
{
	struct wire_places places;
	uint8_t *at = to + sizeof(*header);

	wire_places(header, &places);
	at = put_string(at, strings[0], header->service_size);
	at = put_string(at, strings[1], header->member_size);
	at = put_string(at, strings[2], header->type_size);
	if (header->tags_size)
		memcpy(at, tags, header->tags_size);
	at += header->tags_size;
	memset(at, 0, (size_t)(to + places.parts - at));
}
