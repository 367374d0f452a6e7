/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * peers: who is connected, and each peer's inbox word
 *
 * The records are a table by peer id. The inbox words are the table's extra
 * words, outside the halves, so that compaction never moves them: a peer that
 * is about to sleep looks at the same word for the life of the segment. They
 * are packed, eight to a cache line: ternd bumps one only when it has news for
 * that peer, which is rare, and what a bump costs the seven neighbours is one
 * cache miss; a line each would cost 64 bytes a peer, for ever.
 *
 * T6  store-release inbox -> load-acquire inbox: what ternd sent before the
 *     bump is in the peer's socket. A new owner of a slot finds the word as it
 *     was left: it is compared, never counted. When the table moves every old
 *     word is bumped, and every new word begins at a value that no old one had,
 *     so that each peer looks into its socket.
 *
 * The first of these words is not an inbox: it tells whether ternd lives. Its
 * lower half is a robust futex of ternd's one thread, and so it is the kernel
 * that writes it when ternd ends, however that happens: who only reads memory
 * learns of it as well. (After set_robust_list(2), here without a lock.)
 */

#include "shm/table.h"

/* struct shm_peer - one record, two units */
struct shm_peer {
	struct shm_record record;
	uint64_t id;
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;
	uint32_t domain;
	uint32_t flags;
	uint32_t slot;
	uint64_t process; /* which one has the number pid, as ternd found out; 0: not known */
	uint64_t reserved;
};

struct peers {
	struct table table;
};

enum {
	PEERS_SLOT_LIFE = 0, /* of the word that tells whether ternd lives */
};

#define PEERS_LIFE_OVER UINT64_C(0x40000000) /* in it; the kernel's FUTEX_OWNER_DIED */

/* struct peer_entry - what the table tells of a peer */
struct peer_entry {
	uint64_t id;
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;
	uint32_t domain; /* trust domain */
	uint32_t flags;	 /* none yet */
	uint32_t slot;	 /* of its inbox word */
	uint64_t process; /* io/process.h */
};

extern const struct table_type peers_type;

/* peers_open() - map the table that ternd sent; as table_open() */
int peers_open(struct peers *ret, int fd);

/* peers_deinit() - unmap; a zeroed one is fine */
void peers_deinit(struct peers *peers);

/**
 * peers_find() - who is this?
 *
 * Return: 0, TABLE_E_NOT_FOUND (gone, or never there), TABLE_E_MOVED,
 * TABLE_E_BUSY, or -EBADMSG (the table is broken). Threads: any.  Blocks:
 * never.
 */
int peers_find(const struct peers *peers, uint64_t id, struct peer_entry *ret);

/* peers_next() - iterate; as table_next(), and -EBADMSG */
int peers_next(const struct peers *peers, struct table_cursor *cursor, struct peer_entry *ret);

/* peers_life() - where the word is that tells whether ternd lives: PEERS_LIFE_OVER in it, it does not */
static inline const _Atomic uint64_t *
peers_life(const struct peers *peers)
{
	return table_extra_at(&peers->table, PEERS_SLOT_LIFE);
}

/* peers_inbox() - the inbox word of a slot, load-acquire (T6); another value than before: news */
static inline uint64_t
peers_inbox(const struct peers *peers, uint32_t slot)
{
	return table_extra(&peers->table, slot);
}
