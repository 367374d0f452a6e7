/* SPDX-License-Identifier: MIT */

/* bus: peers and their domains */

#include "bus/bus.h"
#include "bus/link.h"
#include "bus/name.h"
#include "bus/rule.h"
#include "wire/name.h"


void
bus_init(struct bus *bus, uint64_t instance, const struct bus_host *host, void *user)
{
	assert(instance > 0);
	*bus = (struct bus){
		.host = host,
		.user = user,
		.instance = instance,
		.last_peer = instance << 32,
	};
	quota_init(&bus->quota);
}

void
bus_deinit(struct bus *bus)
{
	assert(!bus->peers && !bus->names && !bus->domains && !bus->links && !bus->rules);
	assert(!bus->heard && !bus->tagless && !bus->shared);
	quota_deinit(&bus->quota);
}

/* --- domains --- */

static void
make_key(const struct bus_identity *identity, struct bus_domain_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->userns = identity->userns;
	ret->uid = identity->uid;
	memcpy(ret->label, identity->label, strnlen(identity->label, sizeof(ret->label) - 1));
}

static int
get_domain(struct bus *bus, const struct bus_identity *identity, struct bus_domain **ret)
{
	struct bus_domain *domain = NULL;
	struct bus_domain_key key;

	make_key(identity, &key);
	if (key.userns)
		HASH_FIND(hh, bus->shared, &key, sizeof(key), domain);
	if (!domain) {
		domain = calloc(1, sizeof(*domain));
		if (!domain)
			return -ENOMEM;
		domain->key = key;
		if (key.userns) {
			HASH_ADD(hh, bus->shared, key, sizeof(domain->key), domain);
			if (!hash_added(domain, hh)) {
				free(domain);
				return -ENOMEM;
			}
		}
		domain->number = ++bus->last_domain;
		DL_APPEND(bus->domains, domain);
		bus->counts.domains++;
	}
	domain->n_peers++;
	*ret = domain;
	return 0;
}

static void
put_domain(struct bus *bus, struct bus_domain *domain)
{
	if (--domain->n_peers > 0)
		return;
	assert(!domain->tables);
	if (domain->key.userns)
		HASH_DEL(bus->shared, domain);
	DL_DELETE(bus->domains, domain);
	bus->counts.domains--;
	free(domain);
}

/* --- peers --- */

static struct bus_peer *
free_peer(struct bus_peer *peer)
{
	if (peer->domain)
		put_domain(peer->bus, peer->domain);
	quota_release(&peer->charge);
	peer->user = quota_user_unref(peer->user);
	free(peer);
	return NULL;
}

static int
fill_peer(struct bus_peer *peer, const struct bus_identity *identity)
{
	struct bus *bus = peer->bus;
	int r;

	r = quota_user_get(&bus->quota, peer->uid, &peer->user);
	if (r)
		return r;
	r = bus_charge(bus, &peer->charge, peer->user, QUOTA_PEERS, 1);
	if (r)
		return r;
	r = get_domain(bus, identity, &peer->domain);
	if (r)
		return r;
	HASH_ADD(hh, bus->peers, id, sizeof(peer->id), peer);
	return hash_added(peer, hh) ? 0 : -ENOMEM;
}

int
bus_connect_again(struct bus *bus, const struct bus_identity *identity, uint64_t id, struct bus_peer **ret)
{
	struct bus_peer *peer = calloc(1, sizeof(*peer));
	int r;

	if (!peer)
		return -ENOMEM;
	peer->bus = bus;
	peer->id = id;
	peer->uid = identity->uid;
	peer->gid = identity->gid;
	peer->pid = identity->pid;
	peer->process = identity->process;
	r = fill_peer(peer, identity);
	if (r) {
		(void)free_peer(peer); /* always NULL */
		return r;
	}
	bus->counts.peers++;
	*ret = peer;
	return 0;
}

int
bus_connect(struct bus *bus, const struct bus_identity *identity, struct bus_peer **ret)
{
	int r = bus_connect_again(bus, identity, bus->last_peer + 1, ret);

	if (r == 0)
		bus->last_peer++;
	return r;
}

struct bus_peer *
bus_disconnect(struct bus_peer *peer)
{
	if (!peer)
		return NULL;
	while (peer->rules)
		(void)bus_rule_free(peer->rules); /* always NULL */
	while (peer->links)
		(void)bus_link_free(peer->links->link); /* always NULL */
	bus_disown_all(peer);
	HASH_DEL(peer->bus->peers, peer);
	peer->bus->counts.peers--;
	return free_peer(peer);
}

struct bus_peer *
bus_find_peer(struct bus *bus, uint64_t id)
{
	struct bus_peer *peer;

	HASH_FIND(hh, bus->peers, &id, sizeof(id), peer);
	return peer;
}

int
bus_resolve(struct bus *bus, const struct control_text *text, struct bus_peer **ret)
{
	struct bus_name *name;
	struct bus_peer *peer;
	uint64_t id;

	if (name_is_id(text->text, text->size)) {
		if (!name_get_id(text->text, text->size, &id))
			return BUS_E_NO_SUCH_PEER;
		peer = bus_find_peer(bus, id);
		if (!peer)
			return BUS_E_NO_SUCH_PEER;
		*ret = peer;
		return 0;
	}
	name = bus_find_name(bus, text);
	if (!name)
		return BUS_E_NO_SUCH_NAME;
	*ret = bus_name_owner(name)->peer;
	return 0;
}

int
bus_charge(struct bus *bus, struct quota_charge *charge, struct quota_user *user,
	enum quota_kind kind, uint64_t amount)
{
	if (quota_charge(charge, user, kind, amount) == 0)
		return 0;
	bus->exceeded = (struct bus_exceeded){
		.uid = user->uid,
		.kind = kind,
		.used = user->held[kind].used,
		.limit = quota_max(user, kind),
	};
	return BUS_E_QUOTA;
}
