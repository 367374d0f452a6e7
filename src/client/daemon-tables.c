/* SPDX-License-Identifier: MIT */

/* daemon-tables: ternd's tables, mapped and read; contracts in daemon.h */

#include <stdlib.h>

#include "client/daemon-state.h"
#include "client/error.h"
#include "io/process.h"

#define TABLE_READS 8 /* of a table that moves under the reader */

/* --- mapping --- */

/* keep_peers() - for who looks without the lock: those that were there stay, too */
_cold_ static int
keep_peers(tern_bus *bus, const struct peers *peers)
{
	struct peers *lives;

	if (!peers_life(peers))
		return -EPROTO;
	lives = reallocarray(bus->lives, bus->n_lives + 1, sizeof(*lives));
	if (!lives)
		return -ENOMEM;
	bus->lives = lives;
	lives[bus->n_lives++] = *peers;
	store_rel(&bus->life, peers_life(peers));
	return 0;
}

/* open_table() - map what ternd sent in place of what was there */
_cold_ static int
open_table(tern_bus *bus, uint32_t kind, int fd)
{
	struct daemon *daemon = bus->daemon, new = {0};
	int r;

	switch (kind) {
	case CONTROL_TABLE_PEERS:
		r = peers_open(&new.peers, fd);
		if (r == 0)
			r = keep_peers(bus, &new.peers);
		if (r == 0)
			daemon->peers = new.peers;
		else
			peers_deinit(&new.peers);
		break;
	case CONTROL_TABLE_NAMES:
		r = names_open(&new.names, fd);
		if (r == 0) {
			names_deinit(&daemon->names);
			owners_deinit(&daemon->owners);
			daemon->names = new.names;
		}
		break;
	case CONTROL_TABLE_RULES:
		r = rules_open(&new.rules, fd);
		if (r == 0) {
			rules_deinit(&daemon->rules);
			daemon->rules = new.rules;
		}
		break;
	case CONTROL_TABLE_TAGS:
		r = tags_open(&new.tags, fd);
		if (r == 0) {
			tags_deinit(&daemon->tags);
			daemon->tags = new.tags;
		}
		break;
	case CONTROL_TABLE_VERSIONS:
		/* They never move: who looks at them does so without the lock. */
		r = bus->versions.words ? versions_replace(&bus->versions, fd) : versions_open(&bus->versions, fd);
		break;
	default:
		return 0; /* of a later minor version */
	}
	return r > 0 ? -EPROTO : r;
}

_cold_ int
daemon_take_table(tern_bus *bus, uint32_t kind, int *fd)
{
	struct daemon *daemon = bus->daemon;

	if (kind >= N_TABLES || daemon_has_table(daemon, kind))
		return open_table(bus, kind, *fd);
	(void)fd_close(daemon->unmapped[kind]);
	daemon->unmapped[kind] = fd_steal(fd);
	return 0;
}

int
daemon_need_table(tern_bus *bus, uint32_t kind)
{
	struct daemon *daemon = bus->daemon;
	int r;

	if (likely(daemon_has_table(daemon, kind)))
		return 0;
	r = open_table(bus, kind, daemon->unmapped[kind]);
	if (r < 0)
		return r;
	daemon->read_tables |= UINT32_C(1) << kind;
	daemon->unmapped[kind] = fd_close(daemon->unmapped[kind]);
	return 0;
}

int
daemon_map_rules(tern_bus *bus)
{
	static const uint32_t kinds[] = {
		CONTROL_TABLE_RULES, CONTROL_TABLE_TAGS, CONTROL_TABLE_VERSIONS};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++)
		r = daemon_need_table(bus, kinds[i]);
	return r < 0 ? error_set(r, ERROR_PROTOCOL, "a table of ternd could not be mapped") : 0;
}

/* --- reading --- */

bool
daemon_refresh(tern_bus *bus, int answer, int *tries)
{
	if (answer != TABLE_E_MOVED && answer != TABLE_E_BUSY)
		return false;
	if (++*tries > TABLE_READS)
		return false;
	lead_pause(bus);
	if (daemon_read(bus))
		lead_kick(bus); /* new links are hot, and nobody looks at them yet */
	return true;
}

int
daemon_owner(tern_bus *bus, const char *name, tern_peer *ret)
{
	size_t size;
	int r, tries = 0;

	if (!bus->daemon)
		return -ENXIO;
	if (unlikely(daemon_need_table(bus, CONTROL_TABLE_NAMES) < 0))
		return -EAGAIN;
	size = strlen(name);
	if (unlikely(size == 4) && memcmp(name, "tern", 4) == 0) {
		*ret = TERN_PEER_BUS;
		return 0;
	}
	do {
		r = owners_find(&bus->daemon->owners, &bus->daemon->names, name, size, ret);
	} while (daemon_refresh(bus, r, &tries));
	if (r == TABLE_E_NOT_FOUND && strcmp(name, CONTROL_INTERFACE) != 0)
		return -ENXIO;
	if (r == TABLE_E_NOT_FOUND)
		*ret = TERN_PEER_BUS; /* its interface */
	return r == 0 || r == TABLE_E_NOT_FOUND ? 0 : -EAGAIN;
}

_cold_ int
daemon_identify(tern_bus *bus, tern_peer peer, struct tern_identity *ret)
{
	struct peer_entry entry, self;
	int r, tries = 0;

	do {
		r = peers_find(&bus->daemon->peers, peer, &entry);
	} while (daemon_refresh(bus, r, &tries));
	if (r)
		return -ENXIO;
	ret->uid = entry.uid;
	ret->gid = entry.gid;
	ret->pid = entry.pid;
	ret->same_domain = peers_find(&bus->daemon->peers, bus->id, &self) == 0 &&
		self.domain == entry.domain;
	ret->reserved = 0;
	ret->label[0] = '\0'; /* told with a link only */
	return 0;
}

/* That the table still has the peer proves nothing: another process may hold its connection. So its id is compared. */
_cold_ int
daemon_pidfd(tern_bus *bus, tern_peer peer, int *ret)
{
	struct peer_entry entry;
	int r, tries = 0;

	do {
		r = peers_find(&bus->daemon->peers, peer, &entry);
	} while (daemon_refresh(bus, r, &tries));
	return r ? -ENXIO : process_open(entry.pid, entry.process, ret);
}

/* list_one() - hand an entry to the program; the lock is held, so it gets a copy and may not call back */
_cold_ static int
list_one(tern_bus *bus, const struct name_entry *entry, tern_name_fn *fn, void *user)
{
	char text[NAMES_LABELS_SIZE + NAMES_LABELS_MAX];
	const char *labels[NAMES_LABELS_MAX + 1] = {NULL};
	struct tern_identity identity = {0};
	struct table_text label;
	size_t at = 0, n = 0, used = 0;
	struct tern_name name = {
		.size = sizeof(name),
		.owner = entry->owner,
		.name = entry->name,
		.labels = labels,
	};
	int r;

	while (n < NAMES_LABELS_MAX && name_label(entry, &at, &label)) {
		labels[n++] = memcpy(text + used, label.text, label.size);
		text[used + label.size] = '\0';
		used += label.size + 1;
	}
	(void)daemon_identify(bus, entry->owner, &identity); /* gone meanwhile: zeroes */
	name.uid = identity.uid;
	name.pid = identity.pid;
	name.n_labels = (uint32_t)n;
	bus_leave(bus);
	r = fn(&name, user);
	bus_lock(bus);
	return bus->closed && r == 0 ? -ESHUTDOWN : r;
}

_cold_ int
daemon_list(tern_bus *bus, tern_name_fn *fn, void *user)
{
	struct table_cursor cursor = {0};
	struct name_entry entry;
	struct name_entry *all = NULL;
	size_t n = 0, room = 0;
	int r, tries = 0;

	r = daemon_need_table(bus, CONTROL_TABLE_NAMES);
	if (r < 0)
		return error_set(r, ERROR_PROTOCOL, "the table of names could not be mapped");
	for (;;) {
		r = names_next(&bus->daemon->names, &cursor, &entry);
		if (r == TABLE_E_RESTART || daemon_refresh(bus, r, &tries)) {
			cursor = (struct table_cursor){0};
			n = 0;
			continue;
		}
		if (r)
			break;
		if (n == room) {
			struct name_entry *more = reallocarray(all, room = 2 * room + 16, sizeof(*all));

			if (!more) {
				free(all);
				return error_errno(-ENOMEM, "names");
			}
			all = more;
		}
		all[n++] = entry;
	}
	r = r == TABLE_E_END ? 0 : error_set(-EAGAIN, ERROR_NO_BUS, "the table of names could not be read");
	for (size_t i = 0; i < n && r == 0; i++)
		r = list_one(bus, &all[i], fn, user);
	free(all);
	return r;
}
