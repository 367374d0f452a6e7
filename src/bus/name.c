/* SPDX-License-Identifier: MIT */

/* name: who owns a name, and who waits for it */

#include "bus/access.h"
#include "bus/name.h"
#include "bus/rule.h"

static const struct bus_host *
host(const struct bus_name *name)
{
	return name->bus->host;
}

/* --- names --- */

struct bus_name *
bus_find_name(struct bus *bus, const struct control_text *text)
{
	struct bus_name *name;

	HASH_FIND(hh, bus->names, text->text, text->size, name);
	return name;
}

static struct bus_name *
new_name(struct bus *bus, const struct control_text *text)
{
	struct bus_name *name = calloc(1, sizeof(*name) + text->size);

	if (!name)
		return NULL;
	name->bus = bus;
	name->number = ++bus->last_name;
	name->size = text->size;
	memcpy(name->text, text->text, text->size);
	HASH_ADD_KEYPTR(hh, bus->names, name->text, name->size, name);
	if (!hash_added(name, hh)) {
		free(name);
		return NULL;
	}
	bus->counts.names++;
	return name;
}

static void
free_name(struct bus_name *name)
{
	assert(!name->queue);
	HASH_DEL(name->bus->names, name);
	name->bus->counts.names--;
	free(name);
}

/* --- owners --- */

/* What labels take in memory: the list, and what it points into. */
static size_t
labels_size(const struct control_tags *labels)
{
	size_t size = labels->n * sizeof(labels->items[0]);

	for (size_t i = 0; i < labels->n; i++)
		size += labels->items[i].size;
	return size;
}

static struct control_text
copy_text(char **to, const struct control_text *from)
{
	struct control_text copy = {*to, from->size};

	memcpy(*to, from->text, from->size);
	*to += from->size;
	return copy;
}

/* The labels of a request, in memory of our own: few names have any. Nothing is changed on failure. */
static int
set_labels(struct bus_owner *owner, const struct control_tags *from)
{
	struct control_text *labels = NULL;
	char *to;

	if (from->n > 0) {
		labels = malloc(labels_size(from));
		if (!labels)
			return -ENOMEM;
		to = (char *)(labels + from->n);
		for (size_t i = 0; i < from->n; i++)
			labels[i] = copy_text(&to, &from->items[i]);
	}
	free(owner->labels);
	owner->labels = labels;
	owner->n_labels = from->n;
	return 0;
}

static bool
is_same_labels(const struct bus_owner *owner, const struct control_tags *labels)
{
	if (owner->n_labels != labels->n)
		return false;
	for (size_t i = 0; i < labels->n; i++)
		if (owner->labels[i].size != labels->items[i].size ||
			memcmp(owner->labels[i].text, labels->items[i].text, labels->items[i].size))
			return false;
	return true;
}

static struct bus_owner *
find_owner(const struct bus_name *name, const struct bus_peer *peer)
{
	struct bus_owner *owner;

	DL_FOREACH (name->queue, owner)
		if (owner->peer == peer)
			return owner;
	return NULL;
}

/* Takes the owner out of all lists but the queue, in which it is no more. */
static struct bus_owner *
free_owner(struct bus_owner *owner)
{
	if (!owner)
		return NULL;
	if (owner->peer_prev) {
		DL_DELETE2(owner->peer->owners, owner, peer_prev, peer_next);
		owner->peer->n_owners--;
	}
	quota_release(&owner->bytes);
	quota_release(&owner->charge);
	free(owner->labels);
	free(owner);
	return NULL;
}

static int
charge_owner(struct bus_owner *owner, const struct control_own *own)
{
	struct bus_peer *peer = owner->peer;
	size_t size = sizeof(*owner) + sizeof(struct bus_name) + own->name.size +
		      labels_size(&own->labels);
	int r;

	r = bus_charge(peer->bus, &owner->charge, peer->user, QUOTA_NAMES, 1);
	if (r)
		return r;
	return bus_charge(peer->bus, &owner->bytes, peer->user, QUOTA_BYTES, size);
}

/* An owner that is in no queue yet. */
static int
new_owner(struct bus_peer *peer, const struct control_own *own, struct bus_owner **ret)
{
	struct bus_owner *owner = calloc(1, sizeof(*owner));
	int r;

	if (!owner)
		return -ENOMEM;
	owner->peer = peer;
	owner->flags = own->flags;
	r = charge_owner(owner, own);
	if (!r)
		r = set_labels(owner, &own->labels);
	if (r) {
		(void)free_owner(owner); /* always NULL */
		return r;
	}
	DL_APPEND2(peer->owners, owner, peer_prev, peer_next);
	peer->n_owners++;
	*ret = owner;
	return 0;
}

/* --- changes --- */

static void
name_changed(struct bus_name *name)
{
	name->serial = ++name->bus->last_serial;
	host(name)->name_changed(name->bus->user, name);
}

/* The name has passed from one to the other, either of whom may be nobody. */
static void
owner_changed(struct bus_name *name, const struct bus_owner *old, const struct bus_owner *new)
{
	uint64_t old_id = old ? old->peer->id : 0, new_id = new ? new->peer->id : 0;

	access_owner_changed(name, old ? old->peer : NULL, new ? new->peer : NULL);
	name_changed(name);
	if (old)
		bus_tell(old, true, old_id, new_id);
	if (new)
		bus_tell(new, false, old_id, new_id);
}

static void
replace_owner(struct bus_name *name, struct bus_owner *owner)
{
	struct bus_owner *old = name->queue;

	DL_PREPEND(name->queue, owner);
	if (!(old->flags & CONTROL_OWN_QUEUE))
		DL_DELETE(name->queue, old);
	owner_changed(name, old, owner);
	host(name)->owner_lost(name->bus->user, old->peer, name);
	if (!(old->flags & CONTROL_OWN_QUEUE))
		(void)free_owner(old); /* always NULL */
}

/* The owner, or one who waits, leaves; the next comes up. */
static void
leave_queue(struct bus_owner *owner)
{
	struct bus_name *name = owner->name;
	bool was_first = name->queue == owner;

	DL_DELETE(name->queue, owner);
	if (was_first) {
		owner_changed(name, owner, name->queue);
		if (name->queue)
			host(name)->owner_gained(name->bus->user, name->queue->peer, name);
	}
	(void)free_owner(owner); /* always NULL */
	if (!name->queue)
		free_name(name);
}

/* --- requests --- */

/* Who has it, or waits for it, asks again: flags and labels may be others. */
static int
update_owner(struct bus_owner *owner, const struct control_own *own)
{
	struct bus_peer *peer = owner->peer;
	struct quota_charge bytes = {0};
	bool is_same = is_same_labels(owner, &own->labels);
	int r;

	if (!is_same) {
		r = bus_charge(peer->bus, &bytes, peer->user, QUOTA_BYTES,
			sizeof(*owner) + own->name.size + labels_size(&own->labels));
		if (r)
			return r;
		r = set_labels(owner, &own->labels);
		if (r) {
			quota_release(&bytes);
			return r;
		}
		quota_release(&owner->bytes);
		owner->bytes = bytes;
	}
	owner->flags = own->flags;
	if (!is_same && owner->name->queue == owner)
		name_changed(owner->name);
	return 0;
}

static int
own_free_name(struct bus_peer *peer, const struct control_own *own)
{
	struct bus_name *name;
	struct bus_owner *owner;
	int r;

	r = new_owner(peer, own, &owner);
	if (r)
		return r;
	name = new_name(peer->bus, &own->name);
	if (!name) {
		(void)free_owner(owner); /* always NULL */
		return -ENOMEM;
	}
	owner->name = name;
	DL_APPEND(name->queue, owner);
	owner_changed(name, NULL, owner);
	return 0;
}

/* Somebody else has it; @mine is the place that the peer has in the queue already, or NULL. */
static int
own_taken_name(struct bus_name *name, struct bus_peer *peer, const struct control_own *own,
	struct bus_owner *mine)
{
	bool replaces = (own->flags & CONTROL_OWN_REPLACE) &&
			(name->queue->flags & CONTROL_OWN_REPLACEABLE);
	int r;

	if (!replaces && !(own->flags & CONTROL_OWN_QUEUE)) {
		if (mine)
			leave_queue(mine);
		return BUS_E_TAKEN;
	}
	r = mine ? update_owner(mine, own) : new_owner(peer, own, &mine);
	if (r)
		return r;
	if (mine->name && replaces)
		DL_DELETE(name->queue, mine);
	if (replaces) {
		mine->name = name;
		replace_owner(name, mine);
		return 0;
	}
	if (!mine->name) {
		mine->name = name;
		DL_APPEND(name->queue, mine);
	}
	return BUS_E_QUEUED;
}

int
bus_own(struct bus_peer *peer, const struct control_own *own)
{
	struct bus_name *name = bus_find_name(peer->bus, &own->name);
	struct bus_owner *mine;

	assert(own->labels.n <= CONTROL_MAX_TAGS);
	if (!access_own(peer, &own->name))
		return BUS_E_DENIED;
	if (!name)
		return own_free_name(peer, own);
	mine = find_owner(name, peer);
	if (mine == name->queue)
		return update_owner(mine, own);
	return own_taken_name(name, peer, own, mine);
}

int
bus_disown(struct bus_peer *peer, const struct control_text *text)
{
	struct bus_name *name = bus_find_name(peer->bus, text);
	struct bus_owner *owner = name ? find_owner(name, peer) : NULL;

	if (!owner)
		return BUS_E_NOT_OWNER;
	leave_queue(owner);
	return 0;
}

void
bus_disown_all(struct bus_peer *peer)
{
	while (peer->owners)
		leave_queue(peer->owners);
}
