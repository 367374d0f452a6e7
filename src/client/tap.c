/* SPDX-License-Identifier: MIT */

/* tap: see tap.h */

#include "client/tap.h"

#include <stdlib.h>

#include "client/daemon.h"
#include "client/domain.h"
#include "client/message.h"
#include "shm/versions.h"

#define TAP_BYTES   65536u		  /* of a payload: the rest is left out */
#define TAP_LINK_NS (250 * NSEC_PER_MSEC) /* ternd has so long to make a link to a new tap */

/* A word that is not ternd's yet: its value is never the quiet one. */
static const _Atomic uint64_t unknown = 1;
/* On direct links nobody taps. */
static const _Atomic uint64_t none;

/* A message that is copied, however it was put together. */
struct tapped {
	const struct wire_header *header;
	const char *strings[3]; /* service, member, type */
	tern_peer to;
	uint32_t n_parts;
	struct {
		const uint8_t *bytes;
		uint64_t size;
	} parts[TERN_MAX_PARTS];
};

/* What all copies begin with: the header, no strings, the one tag. */
static const struct {
	alignas(8) struct wire_header header;
	char rest[16];
} HEAD = {
	.header = {.kind = WIRE_EVENT, .tags_size = sizeof(TERN_TAG_TAP) + 1, .n_tags = 1},
	.rest = "\0\0\0\x08" TERN_TAG_TAP,
};

static_assert(sizeof(TERN_TAG_TAP) == 8 + 1 && 3 + 1 + sizeof(TERN_TAG_TAP) <= sizeof(HEAD.rest), "it is all there");

void
tap_init(struct tap *tap)
{
	tap->word = &unknown;
}

void
tap_deinit(struct tap *tap)
{
	free(tap->peers);
}

/* --- who taps --- */

/* tap_plan() - anew; while it cannot be told it stays as it was */
static void
tap_plan(tern_bus *bus, struct tap *tap)
{
	uint64_t version = load_acq(tap->word); /* T7: before what it decides */
	struct plan_entry *entries;
	uint32_t n_peers = 0;
	tern_peer *peers;
	size_t n;

	if (daemon_match_taps(bus, &entries, &n) < 0)
		return;
	peers = calloc(n + 1, sizeof(*peers));
	for (size_t i = 0; peers && i < n; i++) {
		bool is_new = entries[i].peer != bus->id;

		for (uint32_t k = 0; k < n_peers; k++)
			is_new &= peers[k] != entries[i].peer;
		if (is_new)
			peers[n_peers++] = entries[i].peer;
	}
	free(entries);
	if (!peers)
		return;
	free(tap->peers);
	tap->peers = peers;
	tap->n_peers = n_peers;
	tap->planned = version;
	tap->quiet = n_peers ? version - 1 : version; /* words rise: it is never that again */
	tap->no_link = 0;
}

/* tap_link() - so that there is a link when the copy is pushed, and what it can take is known */
static void
tap_link(tern_bus *bus, struct tap *tap, tern_peer peer)
{
	struct partner *partner = partner_find(bus, peer);
	uint64_t deadline;

	if (!partner) {
		if (peer == tap->no_link || daemon_is_stalled(bus))
			return;
		deadline = clock_deadline_ns(bus_clock(bus), MIN(TAP_LINK_NS, bus->max_wait));
		if (daemon_introduce(bus, peer, deadline, &partner) < 0) {
			tap->no_link = peer;
			return;
		}
	}
	if (!partner->link->ready && bus->spinning)
		lead_pause(bus); /* to read its hello */
}

_cold_ void
tap_prepare_slow(tern_bus *bus, struct tap *tap)
{
	if (tap->word == &unknown) {
		if (!bus->daemon)
			tap->word = &none;
		else if (daemon_map_versions(bus) == 0)
			tap->word = &bus->versions.words[versions_of_tag(TERN_TAG_TAP, strlen(TERN_TAG_TAP))];
		if (tap->word == &unknown || load_acq(tap->word) == tap->quiet)
			return;
	}
	if (tap->n_peers == 0 || load_acq(tap->word) != tap->planned)
		tap_plan(bus, tap);
	for (uint32_t i = 0; i < tap->n_peers; i++)
		tap_link(bus, tap, tap->peers[i]); /* gives up the lock: the peers may be others then */
}

/* --- what they hear --- */

/* of_record() - a drawn record has its pieces behind the header */
static void
of_record(struct tapped *t, const struct wire_header *header)
{
	const uint8_t *record = (const uint8_t *)header;
	struct wire_places places;

	wire_places(header, &places);
	t->header = header;
	t->strings[0] = (const char *)record + places.service;
	t->strings[1] = (const char *)record + places.member;
	t->strings[2] = (const char *)record + places.type;
	t->n_parts = header->n_parts;
	t->parts[0].bytes = record + places.payload;
	t->parts[0].size = header->inline_size;
	for (uint32_t i = 0; i < t->n_parts && !(header->flags & WIRE_INLINE); i++) {
		struct wire_part part;

		memcpy(&part, record + places.parts + i * sizeof(part), sizeof(part));
		t->parts[i].bytes = record + places.payload + part.offset; /* drawn: all is in the record */
		t->parts[i].size = part.size;
	}
}

static void
of_outgoing(struct tapped *t, const struct outgoing *out)
{
	if (out->is_drawn) {
		of_record(t, out->header);
		return;
	}
	t->header = out->header;
	memcpy(t->strings, out->strings, sizeof(t->strings));
	t->n_parts = out->header->n_parts;
	for (uint32_t i = 0; i < t->n_parts; i++) {
		const struct out_part *part = &out->parts[i];

		t->parts[i].bytes = part->block ? part->block->memory : part->bytes;
		t->parts[i].size = part->size;
	}
}

static void
of_message(struct tapped *t, const tern_message *m)
{
	t->header = &m->header;
	memcpy(t->strings, m->strings, sizeof(t->strings));
	t->n_parts = m->n_parts;
	for (uint32_t i = 0; i < t->n_parts; i++) {
		t->parts[i].bytes = m->parts[i].bytes;
		t->parts[i].size = m->parts[i].size;
	}
}

/* kind_of() - in words; NULL: taps do not see such */
static const char *
kind_of(const struct wire_header *header)
{
	static const char *const kinds[] = {
		[WIRE_CALL] = "call",
		[WIRE_REPLY] = "reply",
		[WIRE_ERROR] = "error",
		[WIRE_CANCEL] = "cancel",
		[WIRE_PART] = "part",
		[WIRE_END] = "end",
	};

	if (header->flags & (WIRE_PRIVATE | WIRE_LIBRARY | WIRE_BOUNCED) || header->kind >= ARRAY_SIZE(kinds))
		return NULL;
	return kinds[header->kind];
}

/* describe() - the first part of a copy: what <tern/event.h> says. Return: 0, or a negative errno. */
static int
describe(const struct tapped *t, const char *kind, void *to, size_t *size)
{
	static const char *const names[3] = {"service", "member", "type"};
	const struct wire_header *header = t->header;
	struct tern_cbor_writer w;

	tern_cbor_writer_init(&w, to, *size);
	tern_cbor_put_map(&w, 14);
	tern_cbor_put_string(&w, "kind");
	tern_cbor_put_string(&w, kind);
	tern_cbor_put_string(&w, "to");
	tern_cbor_put_uint(&w, t->to);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		tern_cbor_put_string(&w, names[i]);
		tern_cbor_put_string(&w, t->strings[i]);
	}
	tern_cbor_put_string(&w, "serial");
	tern_cbor_put_uint(&w, header->serial);
	tern_cbor_put_string(&w, "reference");
	tern_cbor_put_uint(&w, header->reference);
	tern_cbor_put_string(&w, "deadline");
	tern_cbor_put_uint(&w, header->deadline);
	tern_cbor_put_string(&w, "trace");
	tern_cbor_put_uint(&w, header->trace);
	tern_cbor_put_string(&w, "no_reply");
	tern_cbor_put_bool(&w, header->flags & WIRE_NO_REPLY);
	tern_cbor_put_string(&w, "stream");
	tern_cbor_put_bool(&w, header->kind == WIRE_CALL && header->credit);
	tern_cbor_put_string(&w, "back");
	tern_cbor_put_bool(&w, header->flags & WIRE_BACK || header->kind == WIRE_REPLY || header->kind == WIRE_ERROR);
	tern_cbor_put_string(&w, "fds");
	tern_cbor_put_uint(&w, header->n_fds);
	tern_cbor_put_string(&w, "sizes");
	tern_cbor_put_array(&w, t->n_parts);
	for (uint32_t i = 0; i < t->n_parts; i++)
		tern_cbor_put_uint(&w, t->parts[i].size);
	return tern_cbor_writer_finish(&w, size);
}

/* gather() - the parts one behind the other, as much as a copy has of them */
static void
gather(const struct tapped *t, uint8_t *to, size_t size)
{
	for (uint32_t i = 0; i < t->n_parts && size > 0; i++) {
		size_t n = (size_t)MIN(t->parts[i].size, (uint64_t)size);

		if (n)
			memcpy(to, t->parts[i].bytes, n);
		to += n;
		size -= n;
	}
}

/* add_part() - of memory that the message frees then. Return: 0, -ENOMEM. */
static int
add_part(tern_message *m, size_t size, uint8_t **ret)
{
	uint8_t *owned = malloc(MAX(size, (size_t)1));

	if (!owned)
		return -ENOMEM;
	m->parts[m->n_parts++] = (struct message_part){.bytes = owned, .size = size, .owned = owned};
	*ret = owned;
	return 0;
}

/* draw_copy() - the event. Return: 0, or a negative errno. */
static int
draw_copy(tern_bus *bus, const struct tapped *t, const char *kind, tern_message **ret)
{
	uint8_t text[WIRE_MAX_HEADER + 512], *bytes;
	size_t size = sizeof(text), total = 0;
	tern_message *m;
	int r;

	r = describe(t, kind, text, &size);
	if (r == 0)
		r = message_new_event(bus, &HEAD.header, sizeof(HEAD), &m);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < t->n_parts; i++)
		total += (size_t)MIN(t->parts[i].size, (uint64_t)TAP_BYTES);
	total = MIN(total, (size_t)TAP_BYTES);
	r = message_reserve(m, 2);
	if (r == 0)
		r = add_part(m, size, &bytes);
	if (r == 0)
		memcpy(bytes, text, size);
	if (r == 0 && total > 0)
		r = add_part(m, total, &bytes);
	if (r < 0) {
		(void)message_unref_locked(m); /* always NULL */
		return r;
	}
	if (total > 0)
		gather(t, bytes, total);
	*ret = m;
	return 0;
}

/* --- sending it --- */

/*
 * has_room() - without waiting for anything
 * Answers that wait for room go before it, and are not tried here: they would be copied in turn.
 * @behind: what it is a copy of, where that goes to the tap itself, and has its room already; else NULL
 */
static bool
has_room(struct partner *partner, const struct outgoing *out, const struct outgoing *behind)
{
	struct wire_header header = {.size = out->header->size};
	struct outgoing both = {.header = &header, .load = out->load};

	if (partner->replies || partner->dead || (!partner->link->ready && partner->bus->spinning))
		return false;
	if (behind) {
		header.size += 2 * behind->header->size; /* and a pad before it */
		both.load.n_lent += behind->load.n_lent;
		both.load.lent_bytes += behind->load.lent_bytes;
	}
	return send_room(partner, &both, true) == 0;
}

/* push_to() - a copy for one tap, in memory that it may see. Return: it has it. */
static bool
push_to(struct partner *partner, tern_message *m, uint32_t max, const struct outgoing *behind)
{
	tern_bus *bus = partner->bus;
	bool is_own = partner->domain == &bus->own;
	struct block *blocks[TERN_MAX_PARTS] = {NULL};
	struct out_part parts[TERN_MAX_PARTS];
	struct wire_header header;
	struct outgoing out = {.header = &header};
	bool good;

	if (!partner->domain)
		return false;
	good = message_out(m, max, &partner->domain->pool, is_own ? NULL : blocks, &out, parts) == 0 &&
		has_room(partner, &out, behind) && send_try(partner, &out, NULL, TERN_BATCH) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		(void)block_unref(blocks[i]); /* its reader has a reference */
	return good;
}

static void
count_lost(tern_bus *bus, tern_peer peer)
{
	struct partner *partner = partner_find(bus, peer);

	if (!partner) {
		partner_missed(bus, peer);
		return;
	}
	link_count_lost(partner->link, 1);
	fence_seq(); /* the counter is part of every look, so it is rung for as a record is */
	link_ring(partner->link, true, true);
}

/* tap_send() - to all of them; the bells come with the message itself, which is out, or one to oneself */
static void
tap_send(tern_bus *bus, const struct tapped *t, const struct outgoing *out)
{
	const struct tap *tap = &bus->tap;
	const char *kind = kind_of(t->header);
	tern_message *m = NULL;

	if (!kind)
		return;
	(void)draw_copy(bus, t, kind, &m); /* NULL: it is lost */
	for (uint32_t i = 0; i < tap->n_peers; i++) {
		struct partner *partner = partner_find(bus, tap->peers[i]);
		uint32_t max = partner && tap->n_peers == 1 ? link_record_max(partner->link) : LINK_RECORD_MIN;

		if (!m || !partner || !push_to(partner, m, max, partner->id == t->to ? out : NULL))
			count_lost(bus, tap->peers[i]);
	}
	(void)message_unref_locked(m); /* always NULL */
}

_cold_ void
tap_copy(struct partner *to, const struct outgoing *out)
{
	struct tapped t = {.to = to->id};

	if (out->header->kind == WIRE_EVENT)
		return;
	of_outgoing(&t, out);
	tap_send(to->bus, &t, out);
}

_cold_ void
tap_copy_self(tern_bus *bus, const tern_message *m)
{
	struct tapped t = {.to = bus->id};

	if (m->header.kind == WIRE_EVENT)
		return;
	of_message(&t, m);
	tap_send(bus, &t, NULL);
	send_flush(bus);
}
