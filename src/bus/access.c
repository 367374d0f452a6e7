/* SPDX-License-Identifier: MIT */

/* access: what the policy lets one peer do to another; see the header */

#include "bus/access.h"
#include "bus/name.h"

/* One of two policies, where one follows the other. */
struct view {
	const struct policy *policy;
	bool is_next; /* whose groups are in peer->next_groups */
};

static struct view
present(const struct bus *bus)
{
	return (struct view){.policy = bus->policy};
}

static struct policy_subject
subject(const struct view *view, const struct bus_peer *peer)
{
	return (struct policy_subject){
		.uid = peer->uid,
		.groups = view->is_next ? peer->next_groups : peer->groups,
	};
}

static bool
may(const struct view *view, enum policy_right right, const struct bus_peer *peer, const char *name, size_t size,
	uint32_t same)
{
	struct policy_subject who = subject(view, peer);

	return !view->policy || policy_entry_allows(policy_find(view->policy, name, size), right, &who, same);
}

static bool
is_owner(const struct bus_owner *owner)
{
	return owner->name && bus_name_owner(owner->name) == owner;
}

static bool
may_call(const struct view *view, const struct bus_peer *peer, const struct bus_owner *owner)
{
	return may(view, POLICY_CALL, peer, owner->name->text, owner->name->size, owner->peer->uid);
}

/* What is not about one name is about all that the other owns; or about "*", where it owns none. */
static uint32_t
withheld(const struct view *view, const struct bus_peer *peer, const struct bus_peer *other)
{
	const struct bus_owner *owner;
	uint32_t bits = 0, n_owned = 0, n_denied = 0;

	if (!view->policy || policy_is_open(view->policy))
		return 0;
	DL_FOREACH2 (other->owners, owner, peer_next) {
		if (!is_owner(owner))
			continue;
		n_owned++;
		n_denied += !may_call(view, peer, owner);
		if (!may(view, POLICY_HEAR, peer, owner->name->text, owner->name->size, other->uid))
			bits |= CONTROL_NO_HEAR;
	}
	if (n_denied > 0 || (n_owned == 0 && !may(view, POLICY_CALL, peer, NULL, 0, other->uid)))
		bits |= CONTROL_NO_ID;
	if (n_owned == 0 && !may(view, POLICY_HEAR, peer, NULL, 0, other->uid))
		bits |= CONTROL_NO_HEAR;
	return n_denied > ACCESS_MAX_DENIED ? bits | CONTROL_NO_NAMES : bits;
}

/* May it call any name of the other, or anything else? */
static bool
may_any(const struct view *view, const struct bus_peer *peer, const struct bus_peer *other)
{
	uint32_t bits = withheld(view, peer, other);
	const struct bus_owner *owner;

	if ((bits & (CONTROL_NO_ID | CONTROL_NO_HEAR)) != (CONTROL_NO_ID | CONTROL_NO_HEAR))
		return true;
	DL_FOREACH2 (other->owners, owner, peer_next)
		if (is_owner(owner) && !(bits & CONTROL_NO_NAMES) && may_call(view, peer, owner))
			return true;
	return false;
}

/* An entry that does not let it tap; NULL: all do. */
static const struct policy_entry *
no_tap(const struct view *view, const struct bus_peer *peer, uint32_t uid)
{
	struct policy_subject who = subject(view, peer);
	const struct policy_entry *entry, *next;

	HASH_ITER (hh, view->policy->entries, entry, next)
		if (!policy_entry_allows(entry, POLICY_TAP, &who, uid))
			return entry;
	return policy_entry_allows(view->policy->all, POLICY_TAP, &who, uid) ? NULL : view->policy->all;
}

static bool
may_tap(const struct view *view, const struct bus_peer *peer, uint32_t uid)
{
	return !view->policy || !no_tap(view, peer, uid);
}

static bool
may_link(const struct view *view, const struct bus_peer *a, const struct bus_peer *b)
{
	return may_any(view, a, b) || may_any(view, b, a) || may_tap(view, a, b->uid) || may_tap(view, b, a->uid);
}

bool
access_own(const struct bus_peer *peer, const struct control_text *name)
{
	struct view view = present(peer->bus);

	return peer->is_guessed || may(&view, POLICY_OWN, peer, name->text, name->size, peer->bus->own_uid);
}

bool
access_call(const struct bus_peer *peer, const struct bus_peer *owner, const struct control_text *name)
{
	struct view view = present(peer->bus);

	return may(&view, POLICY_CALL, peer, name->text, name->size, owner->uid);
}

bool
access_tap(const struct bus_peer *peer, uint32_t uid)
{
	struct view view = present(peer->bus);

	return may_tap(&view, peer, uid);
}

const struct policy_entry *
access_no_tap(const struct bus_peer *peer, uint32_t uid)
{
	struct view view = present(peer->bus);

	return view.policy ? no_tap(&view, peer, uid) : NULL;
}

/* Groups of that user are not known, as a domain has many programs: they are taken to be all. */
bool
access_hear_user(const struct bus_peer *peer, uint32_t uid)
{
	const struct policy *policy = peer->bus->policy;
	const struct policy_subject publisher = {.uid = uid, .groups = UINT64_MAX};
	struct view view = present(peer->bus);
	struct policy_subject who = subject(&view, peer);
	const struct policy_entry *entry, *next;

	if (!policy || policy_entry_allows(policy->all, POLICY_HEAR, &who, uid))
		return true;
	HASH_ITER (hh, policy->entries, entry, next)
		if (policy_entry_allows(entry, POLICY_HEAR, &who, uid) &&
			policy_entry_allows(entry, POLICY_OWN, &publisher, peer->bus->own_uid))
			return true;
	return false;
}

bool
access_link(const struct bus_peer *a, const struct bus_peer *b)
{
	struct view view = present(a->bus);

	return may_link(&view, a, b);
}

uint32_t
access_withheld(const struct bus_peer *peer, const struct bus_peer *other)
{
	struct view view = present(peer->bus);

	return withheld(&view, peer, other);
}

void
access_denied(const struct bus_peer *peer, const struct bus_peer *other, struct control_event_tags *ret)
{
	struct view view = present(peer->bus);
	const struct bus_owner *owner;

	ret->n = 0;
	if (!view.policy || policy_is_open(view.policy))
		return;
	DL_FOREACH2 (other->owners, owner, peer_next)
		if (is_owner(owner) && ret->n < ACCESS_MAX_DENIED && !may_call(&view, peer, owner))
			ret->items[ret->n++] = (struct control_text){owner->name->text, owner->name->size};
}

/* --- what changes --- */

/* @whose: of the link's peers, whose rights these are; the other one is told. @name: NULL: of none in particular */
static void
tell(struct bus_link *link, unsigned int whose, const struct control_text *name, bool is_denied)
{
	link->bus->host->rights_changed(link->bus->user, link, whose, name, is_denied);
}

/* Before not all names are withheld any more: those that were not told one by one. */
static void
tell_each(struct bus_link *link, unsigned int whose, uint32_t bits, const struct view *view)
{
	const struct bus_owner *owner;

	if (!(link->withheld[whose] & ~bits & CONTROL_NO_NAMES))
		return;
	DL_FOREACH2 (link->peers[!whose]->owners, owner, peer_next)
		if (is_owner(owner) && !may_call(view, link->peers[whose], owner))
			tell(link, whose, &(struct control_text){owner->name->text, owner->name->size}, true);
}

/* The bits may be others; and, where there is one, the right to call a name. */
static void
look_again(struct bus_link *link, unsigned int whose, const struct control_text *name, bool is_denied)
{
	uint32_t bits = access_withheld(link->peers[whose], link->peers[!whose]);
	bool is_same = bits == link->withheld[whose];
	struct view view = present(link->bus);

	tell_each(link, whose, bits, &view);
	link->withheld[whose] = bits;
	if (name || !is_same)
		tell(link, whose, name, is_denied);
}

/* @is_owned: @name is the peer's now; else it was */
static void
look_at_links(struct bus_peer *peer, const struct bus_name *name, bool is_owned)
{
	const struct control_text text = {name->text, name->size};
	struct bus_link_end *end;

	DL_FOREACH (peer->links, end) {
		unsigned int whose = end->link->peers[0] == peer;
		bool is_denied = !access_call(end->link->peers[whose], peer, &text);

		look_again(end->link, whose, is_denied ? &text : NULL, is_owned);
	}
}

void
access_owner_changed(const struct bus_name *name, struct bus_peer *old, struct bus_peer *new)
{
	const struct policy *policy = name->bus->policy;

	if (!policy || policy_is_open(policy))
		return;
	if (new)
		look_at_links(new, name, true);
	if (old)
		look_at_links(old, name, false);
}

void
access_introduced(struct bus_link *link)
{
	for (unsigned int i = 0; i < 2; i++)
		link->withheld[i] = access_withheld(link->peers[i], link->peers[!i]);
}

/* From one policy to the next, name by name: what is allowed by both is not interrupted. */
static void
turn_link(struct bus_link *link, unsigned int whose, const struct view *old, const struct view *new)
{
	const struct bus_peer *peer = link->peers[whose], *other = link->peers[!whose];
	uint32_t bits = withheld(new, peer, other);
	bool is_same = bits == link->withheld[whose];
	const struct bus_owner *owner;

	tell_each(link, whose, bits, new);
	link->withheld[whose] = bits;
	DL_FOREACH2 (other->owners, owner, peer_next) {
		bool is_denied;

		if (!is_owner(owner) || may_call(old, peer, owner) == may_call(new, peer, owner))
			continue;
		is_denied = !may_call(new, peer, owner);
		is_same = true; /* told with it */
		tell(link, whose, &(struct control_text){owner->name->text, owner->name->size}, is_denied);
	}
	if (!is_same)
		tell(link, whose, NULL, false);
}

static void
turn_all_links(struct bus *bus, const struct view *old, const struct view *new)
{
	struct bus_link *link, *next;

	HASH_ITER (hh, bus->links, link, next) {
		if (may_link(new, link->peers[0], link->peers[1])) {
			turn_link(link, 0, old, new);
			turn_link(link, 1, old, new);
			continue;
		}
		bus->host->link_forbidden(bus->user, link);
		(void)bus_link_free(link); /* always NULL */
	}
}

static void
take_names(struct bus_peer *peer)
{
	struct bus_owner *owner, *next;

	DL_FOREACH_SAFE2 (peer->owners, owner, next, peer_next) {
		const struct control_text text = {owner->name->text, owner->name->size};

		if (access_own(peer, &text))
			continue;
		peer->bus->host->owner_lost(peer->bus->user, peer, owner->name);
		(void)bus_disown(peer, &text); /* it has it, or waits for it */
	}
}

void
access_apply(struct bus *bus, const struct policy *policy, uint64_t (*groups)(struct bus_peer *peer))
{
	struct view old = present(bus), new = {policy, true};
	struct bus_peer *peer, *next;

	HASH_ITER (hh, bus->peers, peer, next)
		peer->next_groups = groups(peer);
	turn_all_links(bus, &old, &new);
	bus->policy = policy;
	HASH_ITER (hh, bus->peers, peer, next)
		peer->groups = peer->next_groups;
	HASH_ITER (hh, bus->peers, peer, next)
		take_names(peer);
}

void
access_regroup(struct bus_peer *peer, uint64_t groups)
{
	struct view old = present(peer->bus), new = {peer->bus->policy, true};
	struct bus_link_end *end, *next;

	peer->is_guessed = false;
	if (!peer->bus->policy)
		return;
	peer->next_groups = groups;
	DL_FOREACH (peer->links, end)
		end->link->peers[end->link->peers[0] == peer]->next_groups =
			end->link->peers[end->link->peers[0] == peer]->groups;
	DL_FOREACH_SAFE (peer->links, end, next) {
		struct bus_link *link = end->link;

		if (may_link(&new, link->peers[0], link->peers[1])) {
			turn_link(link, link->peers[1] == peer, &old, &new);
			continue;
		}
		peer->bus->host->link_forbidden(peer->bus->user, link);
		(void)bus_link_free(link); /* always NULL */
	}
	peer->groups = groups;
	take_names(peer);
}
