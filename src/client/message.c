/* SPDX-License-Identifier: MIT */

/* message: life, parts, and the way into and out of records */

#include <fcntl.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "client/bus.h"
#include "client/call.h"
#include "client/error.h"
#include "client/message.h"
#include "client/topic.h"
#include "wire/control.h"

#define PAYLOAD_SPACE 256u /* of small payloads, in the message itself */
#define SMALL_SPACE   448u /* with that and its names a small message has no more */

static_assert(sizeof(struct wire_header) + TERN_MAX_HEADER + PAYLOAD_SPACE + 2 * RING_ALIGN <= LINK_RECORD_MIN,
	"what is drawn in a message fits in every ring");

/* message_alloc() - with the lock of the handle, if there is one; the header is not written */
static tern_message *
message_alloc(tern_bus *bus, uint32_t space)
{
	bool is_small = bus && space <= SMALL_SPACE;
	size_t size = sizeof(tern_message) + RING_ALIGN; /* for the zeros that a record ends with */
	tern_message *m;

	m = is_small ? spare_take(&bus->spare_messages, size + SMALL_SPACE) : malloc(size + space);
	if (!m)
		return NULL;
	memset(m, 0, offsetof(tern_message, first)); /* the rest is written when it is used */
	m->refs = 1;
	m->home = is_small ? bus : NULL;
	m->space = space;
	m->parts = &m->first;
	m->strings[0] = m->strings[1] = m->strings[2] = "";
	return m;
}

int
message_reserve(tern_message *m, uint32_t n)
{
	struct message_part *parts;

	if (n <= 1 || m->parts != &m->first)
		return 0;
	parts = malloc(TERN_MAX_PARTS * sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	parts[0] = m->first; /* written or not */
	m->parts = parts;
	return 0;
}

static const char *
put_string(tern_message *m, const char *text, size_t size)
{
	char *at = (char *)m->data + m->used;

	memcpy(at, text, size);
	at[size] = '\0';
	m->used += (uint32_t)size + 1;
	return at;
}

/* put_strings_end() - all are there; zeros up to the payload */
static void
put_strings_end(tern_message *m)
{
	m->payload = ALIGN_TO(m->used, 8u);
	memset(m->data + m->used, 0, 8); /* a few more are nothing yet */
}

int
message_new(tern_bus *bus, uint32_t kind, const char *service, const char *member, tern_message **ret)
{
	size_t service_size = service ? strlen(service) : 0;
	size_t member_size = member ? strlen(member) : 0;
	tern_message *m;

	if (service_size > TERN_MAX_TAG || member_size > TERN_MAX_TAG)
		return error_set(-E2BIG, ERROR_TOO_BIG, "names and members have at most 255 bytes");
	m = message_alloc(bus, (uint32_t)(service_size + member_size) + 16 + PAYLOAD_SPACE);
	if (!m)
		return error_errno(-ENOMEM, "message");
	m->bus = bus_hold(bus);
	m->header = (struct wire_header){
		.kind = (uint16_t)kind,
		.service_size = (uint8_t)service_size,
		.member_size = (uint8_t)member_size,
	};
	m->strings[0] = put_string(m, service ? service : "", service_size);
	m->strings[1] = put_string(m, member ? member : "", member_size);
	m->strings[2] = put_string(m, "", 0);
	put_strings_end(m);
	*ret = m;
	return 0;
}

int
message_new_event(tern_bus *bus, const struct wire_header *head, uint32_t size, tern_message **ret)
{
	tern_message *m = message_alloc(bus, size - sizeof(*head) + PAYLOAD_SPACE);

	if (!m)
		return error_errno(-ENOMEM, "event");
	m->bus = bus_hold(bus);
	memcpy(message_record(m), head, size);
	m->used = m->payload = size - sizeof(*head);
	m->tags = m->data + 3; /* behind three empty strings */
	*ret = m;
	return 0;
}

int
message_new_local(const uint8_t *tags, uint16_t tags_size, uint8_t n_tags, const uint8_t *payload,
	size_t size, tern_peer sender, tern_message **ret)
{
	tern_message *m = message_alloc(NULL, (uint32_t)(tags_size + size));

	if (!m)
		return -ENOMEM;
	m->sealed = true;
	m->sender = sender;
	m->header = (struct wire_header){
		.kind = WIRE_EVENT,
		.size = m->space,
		.tags_size = tags_size,
		.n_tags = n_tags,
	};
	m->tags = memcpy(m->data, tags, tags_size);
	memcpy(m->data + tags_size, payload, size);
	m->used = m->space;
	m->parts[0] = (struct message_part){.bytes = m->data + tags_size, .size = size};
	m->n_parts = 1;
	*ret = m;
	return 0;
}

int
message_new_from_daemon(const struct control_event *event, tern_message **ret)
{
	uint8_t tags[CONTROL_MAX_EVENT_TAGS * (CONTROL_MAX_TEXT + 2)], *at = tags;
	uint8_t n = 0;

	for (size_t i = 0; i < event->tags.n && i < UINT8_MAX; i++, n++) {
		const struct control_text *tag = &event->tags.items[i];

		*at++ = (uint8_t)tag->size;
		memcpy(at, tag->text, tag->size);
		at += tag->size;
		*at++ = '\0';
	}
	return message_new_local(tags, (uint16_t)(at - tags), n, event->payload.bytes, event->payload.size,
		TERN_PEER_BUS, ret);
}

/* --- the end --- */

static void
message_drop_part(tern_message *m, struct message_part *part)
{
	if (part->foreign) {
		link_release(m->partner->link, part->slot, (uint32_t)part->generation);
		part->remote = remote_unref(part->remote);
	} else {
		part->block = block_unref(part->block);
	}
	free(part->owned);
}

/* message_free() - with the lock, if the message has a handle; home: whose lock is held, where the memory may go */
static void
message_free(tern_message *m, tern_bus *home)
{
	for (uint32_t i = 0; i < m->n_parts; i++)
		message_drop_part(m, &m->parts[i]);
	for (uint32_t i = 0; i < m->n_known_fds; i++)
		(void)fd_close(m->fds[i]); /* ours */
	while (m->memory) {
		struct message_memory *memory = m->memory;

		m->memory = memory->next;
		free(memory);
	}
	(void)partner_unref(m->partner);    /* always NULL, as all here */
	if (m->call)
		(void)call_let_go(m->call);
	(void)topic_unref_locked(m->topic);
	if (m->bus)
		bus_drop(m->bus);
	free(m->type_owned);
	if (m->parts != &m->first)
		free(m->parts);
	if (home)
		(void)spare_put(&home->spare_messages, m); /* NULL */
	else
		free(m);
}

tern_message *
message_unref_locked(tern_message *m)
{
	if (m && unref_is_last(&m->refs))
		message_free(m, m->home);
	return NULL;
}

_public_ tern_message *
tern_message_unref(tern_message *m)
{
	tern_bus *bus;

	if (!m || !unref_is_last(&m->refs))
		return NULL;
	bus = m->bus;
	if (bus && bus_is_forked(bus))
		return NULL; /* the parent's */
	if (bus)
		bus_lock(bus);
	message_free(m, bus ? m->home : NULL);
	if (bus)
		bus_leave(bus);
	return NULL;
}

_public_ tern_message *
tern_message_ref(tern_message *m)
{
	(void)add_rlx(&m->refs, 1); /* whoever refs has a reference: nothing to order */
	return m;
}

/* --- in --- */

static int
receive_part(struct partner *partner, tern_message *m, const struct wire_places *places,
	const struct wire_part *part)
{
	struct message_part *to = &m->parts[m->n_parts];
	int r;

	*to = (struct message_part){.size = part->size};
	if (part->segment == 0) {
		to->bytes = message_record(m) + places->payload + part->offset;
		m->n_parts++;
		return 0;
	}
	r = link_part(partner->link, part, &to->remote, &to->bytes);
	if (r < 0)
		return error_trace(r);
	to->foreign = true;
	to->slot = part->slot;
	to->generation = part->generation;
	if (!m->partner) {
		m->partner = partner_ref(partner);
		m->bus = bus_hold(partner->bus);
		m->foreign = !partner->link->same_domain;
	}
	m->n_parts++;
	return 0;
}

static int
receive_parts(struct partner *partner, tern_message *m, const struct wire_places *places)
{
	const uint8_t *record = message_record(m);
	int r;

	m->strings[0] = (const char *)record + places->service;
	m->strings[1] = (const char *)record + places->member;
	m->strings[2] = (const char *)record + places->type;
	m->tags = record + places->tags;
	if (m->header.flags & WIRE_INLINE) {
		m->parts[0] = (struct message_part){
			.bytes = record + places->payload,
			.size = m->header.inline_size,
		};
		m->n_parts = 1;
		return 0;
	}
	for (uint32_t i = 0; i < m->header.n_parts; i++) {
		struct wire_part part;

		memcpy(&part, record + places->parts + i * sizeof(part), sizeof(part));
		r = receive_part(partner, m, places, &part);
		if (r < 0)
			return error_trace(r);
	}
	return 0;
}

int
message_receive(struct partner *partner, tern_message **ret)
{
	tern_message *m = message_alloc(partner->bus, partner->head.size - (uint32_t)sizeof(partner->head));
	struct wire_places places;
	int r;

	if (!m)
		return -ENOMEM;
	if (message_reserve(m, partner->head.n_parts) < 0) { /* of a lying header: as many as there may be */
		(void)message_unref_locked(m); /* always NULL */
		return -ENOMEM;
	}
	m->sealed = true;
	m->header = partner->head;
	m->sender = partner->id;
	m->used = m->space;
	r = link_take(partner->link, &m->header, message_record(m), &places);
	if (r == 0)
		r = receive_parts(partner, m, &places);
	if (r == 0 && m->header.n_fds) {
		r = link_take_fds(partner->link, &m->header, m->fds);
		if (r == 0)
			m->n_fds = m->n_known_fds = m->header.n_fds;
	}
	if (r < 0) {
		(void)message_unref_locked(m); /* always NULL */
		return error_trace(r);
	}
	*ret = m;
	return 0;
}

int
message_from_record(tern_bus *bus, const struct wire_header *record, tern_message **ret)
{
	tern_message *m = message_alloc(bus, record->size - (uint32_t)sizeof(*record));
	struct wire_places places;

	if (!m)
		return -ENOMEM;
	m->sealed = true;
	m->used = m->space;
	memcpy(message_record(m), record, record->size);
	wire_places(&m->header, &places);
	*ret = m;
	return receive_parts(NULL, m, &places); /* 0: all it has is in it */
}

/* --- out --- */

bool
message_draw(tern_message *m, struct outgoing *ret)
{
	const struct message_part *part = &m->parts[0];
	uint32_t size = 0;

	if (m->n_parts > 1 || m->n_fds > 0 || m->type_owned)
		return false;
	if (m->n_parts == 1) {
		if (part->bytes != m->data + m->payload || part->block)
			return false;
		size = (uint32_t)part->size; /* it is in the message's own space */
	}
	link_finish_drawn(&m->header, (uint32_t)sizeof(m->header) + m->payload, (uint8_t)m->n_parts, size);
	*ret = (struct outgoing){.header = &m->header, .is_drawn = true};
	return true;
}

/* part_to_block() - move a part's bytes into memory that this receiver may see */
static int
part_to_block(const struct message_part *part, struct pool *pool, struct block **block)
{
	int r;

	if (*block)
		return 0;
	r = pool_take(pool, part->size, block);
	if (r < 0)
		return error_trace(r);
	memcpy((*block)->memory, part->bytes, part->size);
	return 0;
}

/* largest_inline() - which part to move out of the record next; n_parts: none is left */
static uint32_t
largest_inline(const struct out_part *parts, uint32_t n)
{
	uint32_t best = n;

	for (uint32_t i = 0; i < n; i++)
		if (!parts[i].block && parts[i].size > 0 &&
			(best == n || parts[i].size > parts[best].size))
			best = i;
	return best;
}

int
message_out(tern_message *m, uint32_t max, struct pool *pool, struct block **blocks,
	struct outgoing *out, struct out_part *parts)
{
	struct wire_header *header = out->header;
	struct block **block;
	int r;

	if (likely(message_draw(m, out)))
		return 0;
	*header = m->header;
	*out = (struct outgoing){.header = header, .tags = m->tags, .parts = parts};
	memcpy(out->strings, m->strings, sizeof(out->strings));
	header->n_parts = (uint8_t)m->n_parts;
	header->n_fds = m->n_fds;
	for (uint32_t i = 0; i < m->n_parts; i++) {
		struct message_part *part = &m->parts[i];

		parts[i] = (struct out_part){.bytes = part->bytes, .size = part->size};
		if (!part->lent)
			continue;
		block = blocks ? &blocks[i] : &part->block;
		r = part_to_block(part, pool, block);
		if (r < 0)
			return error_trace(r);
		parts[i].block = *block;
	}
	while (link_plan(out) > max) {
		uint32_t i = largest_inline(parts, m->n_parts);

		if (i == m->n_parts)
			return error_set(-E2BIG, ERROR_TOO_BIG, "the message's header is too large");
		block = blocks ? &blocks[i] : &m->parts[i].block;
		r = part_to_block(&m->parts[i], pool, block);
		if (r < 0)
			return error_trace(r);
		parts[i].block = *block;
	}
	return 0;
}

int
message_move(tern_message *m, struct partner *to)
{
	int r;

	for (uint32_t i = 0; i < m->n_parts; i++) {
		struct message_part *part = &m->parts[i];
		struct block *old = part->block;

		if (!old)
			continue;
		part->block = NULL;
		r = part->lent && to ? part_to_block(part, &to->link->pool, &part->block) : 0;
		if (r < 0) {
			part->block = old;
			return error_trace(r);
		}
		if (part->lent && !to) { /* to oneself: the old block stays readable here */
			part->block = old;
			continue;
		}
		if (part->lent)
			part->bytes = part->block->memory;
		(void)block_unref(old); /* always NULL */
	}
	if (to)
		(void)partner_ref(to); /* itself */
	(void)partner_unref(m->partner); /* always NULL */
	m->partner = to;
	return 0;
}
