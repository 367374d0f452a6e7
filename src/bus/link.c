/* SPDX-License-Identifier: MIT */

/* link: which peers have been introduced to each other */

#include "bus/access.h"

static struct bus_link_key
make_key(uint64_t a, uint64_t b)
{
	return (struct bus_link_key){MIN(a, b), MAX(a, b)};
}

static struct bus_link *
find_link(struct bus *bus, uint64_t a, uint64_t b)
{
	struct bus_link_key key = make_key(a, b);
	struct bus_link *link;

	HASH_FIND(hh, bus->links, &key, sizeof(key), link);
	return link;
}

static int
add_link(struct bus_link *link)
{
	struct bus *bus = link->bus;

	HASH_ADD(hh, bus->links, key, sizeof(link->key), link);
	if (!hash_added(link, hh))
		return -ENOMEM;
	for (size_t i = 0; i < 2; i++) {
		link->ends[i].link = link;
		DL_APPEND(link->peers[i]->links, &link->ends[i]);
		link->peers[i]->n_links++;
	}
	bus->counts.links++;
	return 0;
}

int
bus_introduce(struct bus_peer *peer, struct bus_peer *target, struct bus_link **ret)
{
	struct bus *bus = peer->bus;
	struct bus_link *link;
	int r;

	if (peer == target)
		return BUS_E_ITSELF;
	if (find_link(bus, peer->id, target->id))
		return BUS_E_LINKED;
	if (!access_link(peer, target))
		return BUS_E_DENIED;
	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link->bus = bus;
	link->key = make_key(peer->id, target->id);
	link->number = bus->last_link + 1;
	link->peers[0] = peer;
	link->peers[1] = target;
	r = bus_charge(bus, &link->charge, peer->user, QUOTA_LINKS, 1);
	if (!r)
		r = add_link(link);
	if (r) {
		quota_release(&link->charge);
		free(link);
		return r;
	}
	bus->last_link++;
	access_introduced(link);
	*ret = link;
	return 0;
}

void
bus_unlink(struct bus_peer *peer, uint64_t other, uint64_t number)
{
	struct bus_link *link = find_link(peer->bus, peer->id, other);

	if (link && link->number == number)
		(void)bus_link_free(link); /* always NULL */
}

struct bus_link *
bus_link_free(struct bus_link *link)
{
	if (!link)
		return NULL;
	for (size_t i = 0; i < 2; i++) {
		DL_DELETE(link->peers[i]->links, &link->ends[i]);
		link->peers[i]->n_links--;
	}
	HASH_DEL(link->bus->links, link);
	link->bus->counts.links--;
	quota_release(&link->charge);
	free(link);
	return NULL;
}
