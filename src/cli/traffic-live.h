/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * traffic-live: what is said on a bus now
 *
 * Hears all events, and by a tap the calls of those whose calls may be seen. Who the senders are is remembered, so that
 * they have names after they have gone.
 */

#include <tern/loop.h>

#include "cli/command.h"
#include "cli/live-offers.h"
#include "cli/traffic.h"

/* A program on the bus. */
struct live_peer;

struct live {
	tern_bus *bus;
	tern_subscription *events, *taps; /* NULL: not wanted */
	tern_message *message;		  /* what was given out last; NULL none */
	struct live_peer *peers;	  /* uthash by id */
	struct live_offers offers;
	uint64_t since;			  /* what was published before is not told: owners of names at the beginning */
	int64_t to_realtime;		  /* what to add to a stamp */
};

/*
 * live_open() - connect and begin to listen
 * @filter: what will be wanted: nothing else is asked for
 *
 * When this returns nothing that is said later can be missed. Return: STATUS_*; if not 0 it is said why.
 */
int live_open(struct live *live, const struct cli *cli, const struct traffic_filter *filter);

void live_close(struct live *live);

/*
 * live_next() - wait for what comes next
 * @ret: borrowed until the next call
 *
 * Return: 0; -ETIME; -EINTR after tern_wake(); -ECONNRESET ternd is gone and nobody is left; a negative errno.
 */
int live_next(struct live *live, uint64_t timeout_ns, struct traffic *ret);

/* live_until_interrupted() - from here on SIGINT and SIGTERM make live_next() return -EINTR, once each */
void live_until_interrupted(struct live *live);

/* live_owns() - for a filter, with struct live as its user */
bool live_owns(void *live, const char *service, tern_peer peer);

/* live_peer_words() - what to call a peer: "program[pid]", or ":id"; borrowed until the next call of live_next() */
const char *live_peer_words(struct live *live, tern_peer peer);
