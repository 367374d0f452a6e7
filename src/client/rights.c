/* SPDX-License-Identifier: MIT */

/* rights: what ternd's policy lets the other end of a link do here; see rights.h */

#include "client/rights.h"

#include <stdlib.h>

#include "client/backlog.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/reply.h"

#define MAX_UNHEARD 65536u

/* A name of this program that the partner may not call. */
struct denied {
	UT_hash_handle hh;
	char name[];
};

struct rights {
	uint32_t withheld; /* enum control_withheld */
	bool is_over;
	struct denied *denied;
};

/* A peer that ternd makes no link to. */
struct unheard {
	tern_peer peer;
	UT_hash_handle hh;
};

/* --- of partners --- */

static struct rights *
rights_get(struct partner *partner)
{
	if (!partner->rights)
		partner->rights = calloc(1, sizeof(*partner->rights));
	return partner->rights;
}

static struct denied *
denied_find(const struct rights *rights, const char *name, size_t size)
{
	struct denied *denied;

	HASH_FIND(hh, rights->denied, name, size, denied);
	return denied;
}

static int
deny(struct rights *rights, const struct control_text *name)
{
	struct denied *denied;

	if (denied_find(rights, name->text, name->size))
		return 0;
	denied = calloc(1, sizeof(*denied) + name->size + 1);
	if (!denied)
		return -ENOMEM;
	memcpy(denied->name, name->text, name->size);
	HASH_ADD_KEYPTR(hh, rights->denied, denied->name, name->size, denied);
	if (hash_added(denied, hh))
		return 0;
	free(denied);
	return -ENOMEM;
}

static void
allow(struct rights *rights, const struct control_text *name)
{
	struct denied *denied = denied_find(rights, name->text, name->size);

	if (!denied)
		return;
	HASH_DEL(rights->denied, denied);
	free(denied);
}

struct rights *
rights_free(struct rights *rights)
{
	struct denied *denied, *next;

	if (!rights)
		return NULL;
	HASH_ITER (hh, rights->denied, denied, next) {
		HASH_DEL(rights->denied, denied);
		free(denied);
	}
	free(rights);
	return NULL;
}

int
rights_begin(struct partner *partner, const struct control_link *link)
{
	struct rights *rights;
	int r = 0;

	if (likely(!link->withheld && link->denied.n == 0))
		return 0;
	rights = rights_get(partner);
	if (!rights)
		return -ENOMEM;
	rights->withheld = link->withheld;
	for (size_t i = 0; i < link->denied.n && r == 0; i++)
		r = deny(rights, &link->denied.items[i]);
	bus_plans_end(partner->bus);
	return r;
}

/* change() - without memory for what it may not do it may do nothing */
static void
change(struct partner *partner, const struct control_rights *news)
{
	struct rights *rights = rights_get(partner);
	int r = rights ? 0 : -ENOMEM;

	if (rights) {
		rights->withheld = news->withheld;
		rights->is_over = news->over;
		if (news->withheld & CONTROL_NO_HEAR)
			backlog_drop_all(partner);
	}
	if (rights && news->name.text && news->denied)
		r = deny(rights, &news->name);
	else if (rights && news->name.text)
		allow(rights, &news->name);
	if (r < 0 || news->over)
		partner_broke(partner);
	else if (!rights->withheld && !rights->denied)
		partner->rights = rights_free(rights);
}

void
rights_news(tern_bus *bus, const struct control_rights *news)
{
	struct partner *partner = partner_find(bus, news->peer);

	if (news->peer == 0)
		rights_forget(bus);
	else if (partner && partner->link_number == news->link)
		change(partner, news);
	bus_plans_end(bus);
}

bool
rights_are_over(const struct partner *partner)
{
	return partner->rights && partner->rights->is_over;
}

/*
 * Who may not call all names is told name by name, and before anybody sees that this program owns it: so
 * a name that is not its own by the tables has not been told about.
 */
bool
rights_may_call(struct partner *partner, const char *service)
{
	const struct rights *rights = partner->rights;
	tern_peer owner;

	if (rights->is_over)
		return false;
	if (!(rights->withheld & CONTROL_NO_ID))
		return true;
	if (!*service || *service == ':' || rights->withheld & CONTROL_NO_NAMES ||
		denied_find(rights, service, strlen(service)))
		return false;
	return daemon_owner(partner->bus, service, &owner) == 0 && owner == partner->bus->id;
}

void
rights_refuse(struct partner *partner, const struct wire_header *call)
{
	struct wire_header header = {
		.kind = WIRE_ERROR,
		.reference = call->serial,
		.member_size = sizeof(ERROR_NOT_ALLOWED) - 1,
	};
	struct outgoing out = {
		.header = &header,
		.strings = {"", ERROR_NOT_ALLOWED, ""},
	};

	if (call->flags & WIRE_NO_REPLY)
		return;
	(void)link_plan(&out);
	(void)reply_send(partner, &out, NULL, call->deadline ? call->deadline : UINT64_MAX, false); /* else gone */
}

/* --- of peers without a link --- */

bool
rights_refused(tern_bus *bus, tern_peer peer)
{
	struct unheard *unheard;
	bool is_noted;

	if (HASH_COUNT(bus->unheard) >= MAX_UNHEARD)
		rights_forget(bus); /* and ternd refuses again */
	unheard = calloc(1, sizeof(*unheard));
	if (!unheard)
		return false;
	unheard->peer = peer;
	HASH_ADD(hh, bus->unheard, peer, sizeof(unheard->peer), unheard);
	is_noted = hash_added(unheard, hh);
	if (!is_noted)
		free(unheard);
	bus_plans_end(bus);
	return is_noted;
}

void
rights_forget(tern_bus *bus)
{
	struct unheard *unheard, *next;

	HASH_ITER (hh, bus->unheard, unheard, next) {
		HASH_DEL(bus->unheard, unheard);
		free(unheard);
	}
}

bool
rights_may_hear(tern_bus *bus, tern_peer peer)
{
	const struct partner *partner = partner_find(bus, peer);
	const struct unheard *unheard;

	if (partner)
		return !partner->rights || !(partner->rights->withheld & CONTROL_NO_HEAR);
	HASH_FIND(hh, bus->unheard, &peer, sizeof(peer), unheard);
	return !unheard;
}
