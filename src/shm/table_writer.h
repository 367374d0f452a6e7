/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * table_writer: the one process that writes a table
 *
 * table.h says what readers may rely on. A full half is compacted into the
 * other one, with a new key for the hash, or, if it is more than three quarters
 * live, answers TABLE_E_FULL. Then the caller grows the table in three steps,
 * because only it has sockets:
 *
 *      table_grow(writer)                   a new segment of twice the size
 *      send table_fd(writer) to every peer table_forward(writer)
 *      the old one is marked moved, and unmapped
 *
 * Nothing else may be done with the writer between the first and the last.
 */

#include "shm/table.h"

struct table_writer;

/**
 * typedef table_relocated_fn - a record has a new place
 * @record: the whole record, a private copy
 *
 * Called for every live record when the table was compacted or grown.
 */
typedef void (*table_relocated_fn)(struct table_writer *writer, uint32_t unit, const void *record);

struct table_writer {
	struct table view; /* of the writer's own mapping: look-ups, and table_valid() */
	struct segment segment;
	const char *name;
	struct shm_table *shm;
	_Atomic uint64_t *extra;
	_Atomic uint64_t *half[2];
	struct segment old; /* between table_grow() and table_forward() */
	struct shm_table *old_shm;
	_Atomic uint64_t *old_extra;
	uint32_t *previous;	      /* of each unit: unit + 1 of the one before it in its chain */
	uint32_t used;		      /* units of this half */
	uint32_t n_units;	      /* of them in live records */
	uint32_t n_records;	      /* live */
	bool full;		      /* table_reserve() said so, and it was not grown since */
	table_relocated_fn relocated; /* may be NULL */
};

#define TABLE_WRITER_INIT ((struct table_writer){.segment = SEGMENT_INIT, .old = SEGMENT_INIT})

/**
 * table_writer_init() - make an empty table
 * @name: of the memfd, for who looks; a literal
 * @capacity: units of a half; made a power of two
 * @n_extra: extra words, all 0; table_grow() doubles them
 *
 * Return: 0 or a negative errno.  Threads: owner.  Blocks: never.
 */
int table_writer_init(struct table_writer *ret, const struct table_type *type, const char *name,
	uint32_t capacity, uint32_t n_extra);

/* table_writer_deinit() - unmap and close; a zeroed or half-built one is fine */
void table_writer_deinit(struct table_writer *writer);

/* table_fd() - the descriptor to send to peers; borrowed, and another one after table_grow() */
int table_fd(const struct table_writer *writer);

/* table_bytes() - how much memory the table has */
size_t table_bytes(const struct table_writer *writer);

/* table_complete() - everything that is known is in it */
void table_complete(struct table_writer *writer);

/**
 * table_reserve() - make sure that records of @n_units units in all can be
 * appended
 *
 * May compact. Return: 0 or TABLE_E_FULL.  Threads: owner.  Blocks: never.
 */
int table_reserve(struct table_writer *writer, uint32_t n_units);

/**
 * table_put() - add a record, instead of the one with its key if there is one
 * @record: begins with a struct shm_record, which is filled in; copied
 * @size: bytes of it
 * @ret_unit: where it is; may be NULL
 *
 * For unique keys. Readers find the old record or the new one, never none. May
 * compact.
 *
 * Return: 0 or TABLE_E_FULL (never after table_reserve()).  Threads: owner.
 * Blocks: never.
 */
int table_put(struct table_writer *writer, const void *record, size_t size, uint32_t *ret_unit);

/**
 * table_append() - add a record to those with its key
 *
 * As table_put(), for several records a key; there must be room:
 * table_reserve().
 *
 * Return: its unit.  Threads: owner.  Blocks: never.
 */
uint32_t table_append(struct table_writer *writer, const void *record, size_t size);

/* table_remove() - a record dies; @unit is a live one */
void table_remove(struct table_writer *writer, uint32_t unit);

/**
 * table_locate() - where the live record with this key is, for unique keys
 *
 * Return: 0 or TABLE_E_NOT_FOUND.  Threads: owner.  Blocks: never.
 */
int table_locate(
	const struct table_writer *writer, const void *key, size_t key_size, uint32_t *ret_unit);

/* table_copy() - the record at a unit that is in use; returns its bytes */
size_t table_copy(const struct table_writer *writer, uint32_t unit, void *ret_record);

/* table_extra_add() - extra word + 1, store-release */
void table_extra_add(struct table_writer *writer, uint32_t index);

/* table_extra_own() - an extra word, to write; until table_grow() */
_Atomic uint64_t *table_extra_own(struct table_writer *writer, uint32_t index);

/* table_compact() - move the live records to the other half, under a new key */
void table_compact(struct table_writer *writer);

/**
 * table_grow() - go on in a new segment of twice the size
 *
 * Extra words keep their values plus 2^32, so that no reader takes a new one
 * for an old one.
 *
 * Return: 0 or a negative errno (-ENOSPC: it is as large as can be); then
 * nothing has changed.  Threads: owner.  Blocks: never.
 */
int table_grow(struct table_writer *writer);

/**
 * table_forward() - every peer has been sent the new one: readers of the old
 * are told
 *
 * Each of the old extra words is bumped as well. Without a table_grow() before:
 * nothing.
 */
void table_forward(struct table_writer *writer);
