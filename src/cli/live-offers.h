/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * live-offers: what the services that are seen say they offer, to tell what does not fit that
 *
 * A service is asked once, in private, when it is first called, and nobody waits for its answer: until it has come
 * nothing is said of its messages.
 */

#include <tern/loop.h>

#include "cli/traffic.h"

struct live_offer;

struct live_offers {
	struct live_offer *offers; /* uthash by the service's name */
};

void live_offers_deinit(struct live_offers *offers);

/* live_offers_came() - an answer came out of tern_next(). Return: it was to a question of ours. */
bool live_offers_came(struct live_offers *offers, const struct tern_event *event);

/*
 * live_offers_check() - does this message fit what its service says?
 * @ret: what is wrong, where this is true
 *
 * Return: false, it does, or that cannot be told.
 */
bool live_offers_check(struct live_offers *offers, tern_bus *bus, const struct traffic *t, const struct traffic_pair *pair,
	char ret[256]);
