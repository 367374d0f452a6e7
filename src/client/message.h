/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * message: one call, reply, error or event, built here or received
 *
 *      built:    [struct][service\0member\0tags][payload, while it is small]
 *      received: [struct][the record as it came, private copy]
 *
 * Counted atomically. What needs the handle's lock to be freed (blocks, lent parts) makes the last
 * reference take it; a plain received message is freed without.
 */

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
	uint8_t n_fds;
	uint8_t n_known_fds; /* handed over to the message */
	uint32_t space, used; /* bytes of data[] */
	tern_bus *bus;           /* counted; NULL where not needed */
	tern_bus *home;          /* not counted: of small ones, whose memory it is from; looked at under its lock alone */
	struct partner *partner; /* counted: destination, or owner of lent parts; NULL: oneself, or not needed */
	tern_call *call;         /* reply being built: what it answers, counted */
	tern_topic *topic;       /* event being built, counted */
	tern_peer sender;
	struct wire_header header; /* built: lengths, serial, …; received: as it came */
	const char *strings[3];    /* service, member, type */
	const uint8_t *tags;
	char *type_owned;
	struct message_memory *memory; /* of unpacked strings */
	uint32_t n_parts;
	struct message_part *parts; /* the first one here; several in memory of their own */
	struct message_part first;
	int fds[TERN_MAX_FDS];
	uint8_t data[];
};

/*
 * message_new() - one to be built
 * @service, @member: copied; NULL: none
 * @tags_size: room for tags, see message_set_tags()
 * Return: 0, -EINVAL, -E2BIG, -ENOMEM.
 */
int message_new(tern_bus *bus, uint32_t kind, const char *service, const char *member,
	uint16_t tags_size, tern_message **ret);
int message_set_tags(tern_message *m, const uint8_t *tags, uint16_t size, uint8_t n);

/*
 * message_reserve() - so that n parts have room
 * Return: 0, -ENOMEM.
 */
int message_reserve(tern_message *m, uint32_t n);

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

/* message_move() - another destination: what lies in blocks of the old one is copied */
int message_move(tern_message *m, struct partner *to);

/* message_unref_locked() - the same as tern_message_unref(), with the lock held */
tern_message *message_unref_locked(tern_message *m);
