/* SPDX-License-Identifier: MIT */

/* live-offers: see live-offers.h */

#include "cli/live-offers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "base/hash.h"
#include "cli/payload.h"
#include "interface/check.h"

#define MOST_OFFERS 1024u
#define PATIENCE_NS (5 * NSEC_PER_SEC)

struct live_offer {
	tern_call *call;	     /* under way; NULL: answered */
	struct interface *interface; /* NULL: none, or none yet */
	UT_hash_handle hh;
	char service[];
};

void
live_offers_deinit(struct live_offers *offers)
{
	struct live_offer *offer, *next;

	HASH_ITER (hh, offers->offers, offer, next) {
		HASH_DEL(offers->offers, offer);
		(void)tern_call_unref(offer->call); /* always NULL, as the next */
		(void)interface_free(offer->interface);
		free(offer);
	}
}

/* ask() - without waiting. What goes wrong is as if it offered nothing. */
static tern_call *
ask(tern_bus *bus, const char *service)
{
	_cleanup_(message_unrefp) tern_message *m = NULL;
	tern_call *call = NULL;

	if (tern_message_new_call(bus, service, "tern.Interface", &m) == 0)
		(void)tern_send(m, PATIENCE_NS, TERN_PRIVATE | TERN_NONBLOCK | TERN_NO_ACTIVATE, &call);
	return call;
}

/* offer_find() - that of a service, which is asked now if it was not yet. NULL: too many, or no memory. */
static struct live_offer *
offer_find(struct live_offers *offers, tern_bus *bus, const char *service)
{
	size_t size = strlen(service);
	struct live_offer *offer;

	HASH_FIND(hh, offers->offers, service, size, offer);
	if (offer || HASH_COUNT(offers->offers) >= MOST_OFFERS)
		return offer;
	offer = calloc(1, sizeof(*offer) + size + 1);
	if (!offer)
		return NULL;
	memcpy(offer->service, service, size);
	HASH_ADD_KEYPTR(hh, offers->offers, offer->service, size, offer);
	if (!hash_added(offer, hh)) {
		free(offer);
		return NULL;
	}
	offer->call = ask(bus, service);
	return offer;
}

bool
live_offers_came(struct live_offers *offers, const struct tern_event *event)
{
	struct live_offer *offer, *next;
	const char *text;

	if (event->kind != TERN_REPLY && event->kind != TERN_ERROR)
		return false;
	HASH_ITER (hh, offers->offers, offer, next) {
		if (offer->call != event->call)
			continue;
		offer->call = tern_call_unref(offer->call);
		if (event->kind == TERN_REPLY && tern_message_unpack(event->message, "{text:s}", &text) == 0 && *text)
			(void)interface_parse(text, strlen(text), &offer->interface, NULL); /* wrong: none */
		return true;
	}
	return false;
}

/* type_of() - what the first part of a message of this method, or error, should be; NULL: not said */
static const struct interface_type *
type_of(const struct interface *interface, const struct traffic *t, const struct traffic_pair *pair)
{
	static const int types[TRAFFIC_N_KINDS] = {[TRAFFIC_CALL] = METHOD_IN, [TRAFFIC_REPLY] = METHOD_OUT};
	const char *name = t->kind == TRAFFIC_ERROR ? t->member : pair->member;
	const struct interface_member *member;
	size_t own = strlen(interface_name(interface, &interface->item));
	int type = types[t->kind];

	if (t->kind == TRAFFIC_ERROR) { /* INTERFACE.Name */
		if (strncmp(name, interface_name(interface, &interface->item), own) != 0 || name[own] != '.')
			return NULL;
		name += own + 1;
		type = 0;
	} else if (t->kind == TRAFFIC_PART) {
		type = t->is_back ? METHOD_OUT_STREAM : METHOD_IN_STREAM;
	} else if (t->kind != TRAFFIC_CALL && t->kind != TRAFFIC_REPLY) {
		return NULL;
	}
	member = interface_find(interface, name, strlen(name));
	if (!member || member->kind != (t->kind == TRAFFIC_ERROR ? MEMBER_ERROR : MEMBER_METHOD))
		return NULL;
	return member->types[type].kind == KIND_NONE ? NULL : &member->types[type];
}

bool
live_offers_check(struct live_offers *offers, tern_bus *bus, const struct traffic *t, const struct traffic_pair *pair,
	char ret[256])
{
	const struct live_offer *offer;
	struct check_fault fault;
	struct check check = {.n_fds = t->n_fds, .n_parts = t->n_parts ? t->n_parts : 1};

	if (!pair->number || !*pair->service || *pair->service == ':' || *t->type || traffic_is_cut(t))
		return false;
	offer = offer_find(offers, bus, pair->service);
	if (!offer || !offer->interface || strncmp(pair->member, "tern.", 5) == 0)
		return false;
	check.interface = offer->interface;
	check.type = type_of(offer->interface, t, pair);
	check.flags = t->is_back ? CHECK_OPEN : 0;
	if (!check.type || check_payload(&check, t->n_parts ? t->parts[0].bytes : NULL,
				   t->n_parts ? (size_t)t->parts[0].size : 0, &fault) == 0)
		return false;
	(void)snprintf(ret, 256, "%s", fault.text); /* fits */
	return true;
}
