/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * message: one call, reply, error or event, built here or received
 *
 *      [struct … header][service\0member\0type\0tags, padded][payload, while it is small]
 *
 * From the header on it is a record: received, as it came (a private copy); built, as it will be copied into the
 * rings, if what it carries is one small part and nothing else. What is large, lent, or has a type or descriptors is
 * put together of its pieces when it is sent.
 *
 * Counted atomically. What needs the handle's lock to be freed (blocks, lent parts) makes the last
 * reference take it; a plain received message is freed without.
 */

#include <stdalign.h>

#include "client/bus.h"
#include "wire/header.h"

struct message_part {
	const uint8_t *bytes; /* where it can be read */
	uint64_t size;
	uint8_t *owned; /* private memory: what was packed, or a stable copy; NULL none */
	bool lent;      /* built: the maker fills the block in place */
	bool foreign;   /* received: lies in the partner's memory */
	uint32_t slot;
	union {
		struct block *block; /* built: for the destination, or for the own domain */
		struct {
			struct remote *remote;
			uint64_t generation;
		};
	};
};

struct message_memory {
	struct message_memory *next;
	uint64_t bytes[];
};

struct tern_message {
	_Atomic uint32_t refs;
	bool sealed;
	bool foreign;  /* lent parts are of another trust domain */
	bool to_ternd; /* a call of ternd itself */
	bool to_start; /* a call of a service that does not run yet; so there is no partner */
	uint8_t n_fds;
	uint8_t n_known_fds; /* handed over to the message */
	uint32_t space, used; /* bytes of data[] */
	uint32_t payload;     /* built: where in data[] it begins */
	tern_bus *bus;           /* counted; NULL where not needed */
	tern_bus *home;          /* not counted: of small ones, whose memory it is from; looked at under its lock alone */
	struct partner *partner; /* counted: destination, or owner of lent parts; NULL: oneself, or not needed */
	tern_call *call;         /* reply being built: what it answers, counted */
	tern_topic *topic;       /* event being built, counted */
	uint64_t expiry;	 /* of an event, ns; 0: the topic's */
	tern_peer sender;
	const char *strings[3]; /* service, member, type */
	const uint8_t *tags;
	char *type_owned;
	struct message_memory *memory; /* of unpacked strings, and what tern_cbor_memory() gave */
	uint64_t memory_size;
	uint32_t n_parts;
	struct message_part *parts; /* the first one here; several in memory of their own */
	struct message_part first;
	int fds[TERN_MAX_FDS];
	alignas(8) struct wire_header header; /* built: lengths, serial, …; received: as it came */
	uint8_t data[];
};

static_assert(offsetof(struct tern_message, data) == offsetof(struct tern_message, header) + sizeof(struct wire_header),
	"the record is in one piece");

/* message_weight() - what it counts for while it waits for the program: 256 descriptors are as much as a link may have */
static inline uint32_t
message_weight(const tern_message *m)
{
	return m->header.size + 256 + m->n_fds * (QUEUE_MAX_BYTES / 256);
}

/* message_record() - header and what follows it */
static inline uint8_t *
message_record(tern_message *m)
{
	return (uint8_t *)m + offsetof(struct tern_message, header);
}

/*
 * message_new() - one to be built, without tags
 * @service, @member: copied; NULL: none
 * Return: 0, -E2BIG, -ENOMEM.
 */
int message_new(tern_bus *bus, uint32_t kind, const char *service, const char *member, tern_message **ret);

/*
 * message_new_event() - one to be built that begins with what all of its topic do
 * @head: their header, empty strings, tags, zeros: size bytes, a multiple of 8
 * Return: 0, -ENOMEM.
 */
int message_new_event(tern_bus *bus, const struct wire_header *head, uint32_t size, tern_message **ret);

/* message_from_record() - a sealed one of a drawn record of our own, copied. Return: 0, -ENOMEM. */
int message_from_record(tern_bus *bus, const struct wire_header *record, tern_message **ret);

/*
 * message_reserve() - so that n parts have room
 * Return: 0, -ENOMEM.
 */
int message_reserve(tern_message *m, uint32_t n);

/* message_new_local() - an event that came otherwise than over a link; tags and payload are copied. Return: 0, -ENOMEM. */
int message_new_local(const uint8_t *tags, uint16_t tags_size, uint8_t n_tags, const uint8_t *payload,
	size_t size, tern_peer sender, tern_message **ret);

struct control_event;
/* message_new_from_daemon() - a name event of ternd, as a message like others */
int message_new_from_daemon(const struct control_event *event, tern_message **ret);

/*
 * message_receive() - take the record that was peeked on a partner's link
 * Return: 0, -EBADMSG (the partner is to be hung up), -ENOMEM (nothing was taken).
 */
int message_receive(struct partner *partner, tern_message **ret);

/*
 * message_out() - the record to be written, for one link or several
 * @max: largest record; @pool: where blocks come from
 * @blocks: NULL: the message's own; else TERN_MAX_PARTS of another domain's, which stay the caller's
 * @out: its header is where the record's is to be: the message's own, or, with blocks, another one
 * @parts: TERN_MAX_PARTS of them, filled; what does not fit into the record goes to blocks
 * Return: 0, -EDQUOT, -E2BIG, -ENOMEM.
 */
int message_out(tern_message *m, uint32_t max, struct pool *pool, struct block **blocks,
	struct outgoing *out, struct out_part *parts);

/*
 * message_packv() - tern_message_packv(), with the lock or without
 * message_pack_locked() - tern_message_pack() with the lock
 */
int message_packv(tern_message *m, bool locked, const char *format, va_list ap);
int message_pack_locked(tern_message *m, const char *format, ...);

/*
 * message_draw() - the same for any link, if it is a record already, as most small ones are
 * Return: is it? Then *ret is set, and its header is the message's.
 */
bool message_draw(tern_message *m, struct outgoing *ret);

/* message_move() - another destination: what lies in blocks of the old one is copied */
int message_move(tern_message *m, struct partner *to);

/* message_unref_locked() - the same as tern_message_unref(), with the lock held */
tern_message *message_unref_locked(tern_message *m);
