/* SPDX-License-Identifier: MIT */

/* peers_writer: records by peer id, and a stack of the inbox slots that nobody has */

#include <linux/futex.h>
#include <sys/syscall.h>

#include "shm/peers_writer.h"

/* Slots from @begin to the end are free; the lowest is given first. */
static void
slots_push(struct peers_writer *peers, uint32_t begin)
{
	for (uint32_t slot = peers->table.view.n_extra; slot-- > begin;)
		peers->free_slots[peers->n_free++] = slot;
}

int
peers_writer_init(struct peers_writer *ret, uint32_t capacity)
{
	struct peers_writer peers = PEERS_WRITER_INIT;
	int r;

	/* One slot for two units, which is what a record takes. */
	r = table_writer_init(&peers.table, &peers_type, "tern-peers", capacity,
		MAX(capacity, (uint32_t)TABLE_CAPACITY_MIN) / 2);
	if (r)
		return error_trace(r);
	peers.free_slots = calloc(peers.table.view.n_extra, sizeof(*peers.free_slots));
	if (!peers.free_slots) {
		table_writer_deinit(&peers.table);
		return -ENOMEM;
	}
	slots_push(&peers, PEERS_SLOT_LIFE + 1);
	*ret = peers;
	return 0;
}

void
peers_writer_deinit(struct peers_writer *peers)
{
	table_writer_deinit(&peers->table);
	free(peers->free_slots);
	*peers = PEERS_WRITER_INIT;
}

void
peers_live(struct peers_writer *peers, uint32_t instance)
{
	static struct robust_list_head robust; /* of the thread, as long as it lives */
	_Atomic uint64_t *word = table_extra_own(&peers->table, PEERS_SLOT_LIFE);
	uint64_t life = (uint64_t)instance << 32 | (uint32_t)gettid();

	if (load_rlx(word) == 0)
		store_rel(word, life);
	robust.list.next = &robust.list; /* empty: what counts is pending for ever */
	robust.list_op_pending = (void *)((uint32_t *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__));
	(void)syscall(SYS_set_robust_list, &robust, sizeof(robust)); /* else it is not told */
}

int
peers_add(struct peers_writer *peers, const struct peer_entry *entry, uint32_t *ret_slot)
{
	struct shm_peer record = {
		.id = entry->id,
		.uid = entry->uid,
		.gid = entry->gid,
		.pid = entry->pid,
		.domain = entry->domain,
		.flags = entry->flags,
		.process = entry->process,
	};
	uint32_t unit;
	int r;

	assert(entry->id != 0);
	if (MINOR_AHEAD)
		record.reserved = UINT64_MAX;

	if (table_locate(&peers->table, &entry->id, sizeof(entry->id), &unit) == 0)
		return TABLE_E_EXISTS;
	if (peers->n_free == 0) {
		peers->table.full = true;
		return TABLE_E_FULL;
	}
	record.slot = peers->free_slots[peers->n_free - 1];
	r = table_put(&peers->table, &record, sizeof(record), NULL);
	if (r)
		return r; /* same answers as ours */
	peers->n_free--;
	*ret_slot = record.slot;
	return 0;
}

int
peers_remove(struct peers_writer *peers, uint64_t id)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	const struct shm_peer *record = (const void *)copy;
	uint32_t unit;

	if (table_locate(&peers->table, &id, sizeof(id), &unit))
		return TABLE_E_NOT_FOUND;
	(void)table_copy(&peers->table, unit, copy); /* as long as every peer's */
	assert(record->slot < peers->table.view.n_extra &&
		peers->n_free < peers->table.view.n_extra);
	table_remove(&peers->table, unit);
	peers->free_slots[peers->n_free++] = record->slot;
	return 0;
}

void
peers_inbox_bump(struct peers_writer *peers, uint32_t slot)
{
	/*
	 * T6: the send is seen before the bump, and the bump before whatever is
	 * answered next. A receiver that reads the old word and then sleeps is
	 * woken by its socket; one that takes a message sent in reaction to the
	 * answer reads the new word first. Release alone would let the answer
	 * (a store in another segment, a system call) pass the bump.
	 */
	fence_seq();
	table_extra_add(&peers->table, slot);
	fence_seq();
}

int
peers_grow(struct peers_writer *peers)
{
	uint32_t n_old = peers->table.view.n_extra, *slots;
	int r;

	slots = realloc(peers->free_slots, 2 * (size_t)n_old * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	peers->free_slots = slots;
	r = table_grow(&peers->table);
	if (r)
		return error_trace(r);
	slots_push(peers, n_old);
	return 0;
}
