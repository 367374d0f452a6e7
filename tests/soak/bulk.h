/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * bulk: numbered, checksummed messages in all forms, as fast as it goes
 *
 * One program publishes to two that it waits for and to one that is slow on purpose, with each policy in turn. Another
 * one calls a service, has a stream with it that goes both ways, and follows and reads a value of its. Some messages have
 * a second part, copied or lent, and a descriptor. Every message says which it is (struct stamp), so nothing may be lost
 * where nobody said so, doubled, out of turn, or damaged.
 */

#include <stdalign.h>

#include "base/clock.h"
#include "soak.h"

#define BULK_SERVICE "org.example.Bulk"
#define BULK_HANG_NS (5 * LONG_NS) /* nothing comes: at the lowest priority on a busy machine it may take a while */

enum {
	N_RUN = 64, /* messages between two bells */
	N_HEARERS = 3,
};

enum role { SPEAKER, HEARER, OTHER_HEARER, SLOW_HEARER, SERVER, ASKER, N_ROLES };

enum form { EVENTS, TOLD_LOST, CALLS, REPLIES, PARTS, VERSIONS, READS, N_FORMS };

/* What a role has taken in; it alone writes it. */
struct tally {
	alignas(64) _Atomic uint64_t n[N_FORMS];
};

/* What all see. */
struct bulk {
	const char *address;
	_Atomic uint32_t ready, stop, heard, asked; /* roles that are so far */
	_Atomic uint64_t begun;                     /* the event that is being published */
	_Atomic uint64_t n_spoken;                  /* once it is over */
	_Atomic uint64_t n_set;                     /* versions of the value */
	struct tally tallies[N_ROLES];
};

/* bulk_run() - until so many were taken in and checked (0: any number), or so long; say: tell of it each minute */
void bulk_run(uint64_t n_messages, uint64_t time_ns, bool say);

/* --- for the roles --- */

tern_bus *bulk_open(const struct bulk *bulk);
/* bulk_ready() - so are the others */
void bulk_ready(struct bulk *bulk);
void bulk_count(enum form form, uint64_t n);
/* bulk_counted() - by this role */
uint64_t bulk_counted(enum form form);
/* bulk_write(), bulk_read() - a number, and what it brings with it */
void bulk_write(tern_message *m, uint64_t number);
uint64_t bulk_read(tern_message *m);
/* bulk_flags() - of the n-th message of a run */
uint32_t bulk_flags(uint32_t n);

/* bulk_events.c */
void bulk_speak(struct bulk *bulk);
void bulk_hear_all(struct bulk *bulk);
/* bulk_hear_some() - with each policy in turn, and slowly */
void bulk_hear_some(struct bulk *bulk);
/* bulk_calls.c */
void bulk_serve(struct bulk *bulk);
void bulk_ask(struct bulk *bulk);
