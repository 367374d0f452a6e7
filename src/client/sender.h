/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * sender: whose events a rule is about
 *
 * A rule about a name hears the name's owner, and of a former owner what that one had pushed before it was heard here
 * that the name had passed on:
 *
 *      ternd says         P owns it ─────────────── it went from P to Q ────────────────►
 *      heard of P's ring  all ──────────────────── what lies in it now, no more
 *      heard of Q's ring  what the tables say at that time ──── all
 *
 * To be told, each such rule has another one, hidden, for the events of that name. Whoever disowns a name, or dies,
 * has pushed before ternd told of it; so nothing of an owner's is missed. Where ternd's word may have been
 * dropped the tables are asked about every event, until it speaks again.
 *
 * Threads: all with the lock. Blocks: sender_follow() alone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/bus.h"

#define SENDER_FORMERS 8u /* former owners with something left to hear; beyond, the oldest is forgotten */

struct former_owner {
	tern_peer peer;
	uint64_t position; /* up to here it pushed as the owner; of oneself, the stamp */
	uint64_t lost;     /* and so many of its events were dropped by then */
};

struct sender {
	char *text;      /* NULL anybody, "tern", ":ID", or a name */
	uint64_t rule;   /* number of the hidden rule, 0 none */
	tern_peer owner; /* as ternd said; 0 nobody, or not known */
	struct former_owner formers[SENDER_FORMERS];
	uint32_t n_formers;
};

/* Where an event, or word of some that were dropped, came from. */
struct origin {
	tern_peer peer;
	const struct partner *partner; /* NULL: not over a link */
	uint64_t stamp;
	uint64_t n_dropped; /* 0: an event, the one that was taken last */
};

/* sender_init() - @text is copied; NULL anybody. Return: 0 or -ENOMEM. */
int sender_init(struct sender *sender, const char *text);
void sender_deinit(struct sender *sender);

/* sender_follow() - have ternd tell who owns the name, from now on; nothing to do where it is none. Recorded. */
int sender_follow(tern_bus *bus, struct sender *sender);
void sender_unfollow(tern_bus *bus, struct sender *sender);

/* sender_matches() - is this for the rule? Return: 1, 0, -EAGAIN the tables could not be read. */
int sender_matches(tern_bus *bus, const struct sender *sender, const struct origin *origin);

/* sender_changed() - a name has passed on. Return: false, a former owner was forgotten that may be missed. */
bool sender_changed(tern_bus *bus, struct sender *sender, const char *name, size_t size, tern_peer old, tern_peer new);
/* sender_uncertain() - ternd's word may have been dropped. Return: may something be missed? */
bool sender_uncertain(tern_bus *bus, struct sender *sender);
