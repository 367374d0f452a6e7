/* SPDX-License-Identifier: MIT */

/* peers: the reader's side; a table by peer id, with an inbox word a slot */

#include "shm/peers.h"

static_assert(sizeof(struct shm_peer) == 2 * TABLE_UNIT, "two units, no padding");
static_assert(offsetof(struct shm_peer, process) == 48, "no padding");

static const void *
peer_key(const void *record, size_t size, size_t *ret_size)
{
	const struct shm_peer *peer = record;

	if (size < sizeof(*peer))
		return NULL;
	*ret_size = sizeof(peer->id);
	return &peer->id;
}

static bool
peer_valid(const void *record, size_t size)
{
	const struct shm_peer *peer = record;

	return size >= sizeof(*peer) && peer->id != 0 && peer->slot < TABLE_CAPACITY_MAX;
}

const struct table_type peers_type = {
	.kind = SHM_KIND_PEERS,
	.walk_max = TABLE_WALK_MAX,
	.key = peer_key,
	.valid = peer_valid,
};

int
peers_open(struct peers *ret, int fd)
{
	return table_open(&ret->table, &peers_type, fd);
}

void
peers_deinit(struct peers *peers)
{
	table_deinit(&peers->table);
}

static int
peer_read(const void *record, size_t size, struct peer_entry *ret)
{
	const struct shm_peer *peer = record;

	if (!peer_valid(record, size))
		return -EBADMSG;
	*ret = (struct peer_entry){
		.id = peer->id,
		.uid = peer->uid,
		.gid = peer->gid,
		.pid = peer->pid,
		.domain = peer->domain,
		.flags = peer->flags,
		.slot = peer->slot,
		.process = peer->process,
	};
	return 0;
}

int
peers_find(const struct peers *peers, uint64_t id, struct peer_entry *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	size_t size;
	int r;

	r = table_find(&peers->table, &id, sizeof(id), copy, &size);
	return r ? r : peer_read(copy, size, ret);
}

int
peers_next(const struct peers *peers, struct table_cursor *cursor, struct peer_entry *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	size_t size;
	int r;

	r = table_next(&peers->table, cursor, copy, &size);
	return r ? r : peer_read(copy, size, ret);
}
