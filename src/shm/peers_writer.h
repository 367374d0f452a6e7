/* SPDX-License-Identifier: MIT */
#pragma once

/* peers_writer: ternd's side of the table of peers; gives out inbox slots and bumps them */

#include "shm/peers.h"
#include "shm/table_writer.h"

enum {
	PEERS_CAPACITY = 128, /* units of the first segment: 64 peers */
};

struct peers_writer {
	struct table_writer table;
	uint32_t *free_slots; /* a stack */
	uint32_t n_free;
};

#define PEERS_WRITER_INIT ((struct peers_writer){.table = TABLE_WRITER_INIT})

/* peers_writer_init() - an empty table; 0 or a negative errno */
int peers_writer_init(struct peers_writer *ret, uint32_t capacity);

/**
 * peers_live() - have the kernel tell the readers when this thread ends; again after peers_grow()
 * @instance: another one for each ternd
 *
 * Takes the thread's robust list: it must have no robust mutexes. Where the kernel refuses, readers of memory
 * alone learn nothing.
 *
 * Threads: owner, which stays the same.  Blocks: never.
 */
void peers_live(struct peers_writer *peers, uint32_t instance);

/* peers_writer_deinit() - unmap, close and free; a zeroed or half-built one is fine */
void peers_writer_deinit(struct peers_writer *peers);

/**
 * peers_add() - enter a peer
 * @entry: its slot is not looked at
 *
 * Return: 0, TABLE_E_EXISTS (the id), TABLE_E_FULL (then peers_grow()).
 * Threads: owner.  Blocks: never.
 */
int peers_add(struct peers_writer *peers, const struct peer_entry *entry, uint32_t *ret_slot);

/* peers_remove() - a peer is gone, its slot is free for the next; 0 or TABLE_E_NOT_FOUND */
int peers_remove(struct peers_writer *peers, uint64_t id);

/**
 * peers_inbox_bump() - there is something for this peer in its socket
 *
 * After it was sent, before whoever asked is answered. Fences by itself (T6).
 */
void peers_inbox_bump(struct peers_writer *peers, uint32_t slot);

/**
 * peers_grow() - as table_grow()
 *
 * Then table_fd(&peers->table) goes to every peer, then
 * table_forward(&peers->table), which bumps every inbox word of the old
 * segment, so that each peer looks into its socket.
 */
int peers_grow(struct peers_writer *peers);
