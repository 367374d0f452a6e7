/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * table: records that ternd writes and every peer reads, without a lock and
 * without asking
 *
 * Layout   segment head | state line | extra words | half 0 | half 1; a half is
 *          its seed and its high-water mark | buckets | units of 32 bytes. A
 *          record is 1 to n units in a row and never changes; bucket and record
 *          are chained by links {hash, unit + 1}.
 * Writers  ternd only. Readers have a read-only mapping of a sealed memfd.
 * Together any number of readers with the writer; the writer's operations
 *          exclude each other.
 * Edges    T1 store-release state LIVE -> load-acquire state: the record's words
 *             are visible
 *          T2 store-release link -> load-acquire link: what it leads to is
 *             visible
 *          T3 changes + 1, then a record dies -> load-acquire state or link,
 *             re-read of changes: who missed a record because it was replaced
 *             knows that it must look again. Then changes + 1 -> load-acquire
 *             changes, even: what died before is seen dead
 *          T4 flip, fence, first write into the old half -> relaxed copy,
 *             fence, re-read of the generation: who read a word of a half's
 *             next life finds it flipped
 *          T5 store-release moved -> load-acquire moved: the new descriptor is
 *             in the socket
 * Commit   T1. Killed before it, ternd leaves nothing; after it, a whole record.
 * Repair   none: a table has one writer and dies with it; table_valid() holds
 *          after every store.
 * Stale    a found record was live at some instant of the look-up. "Not found"
 *          is said only if the key was absent at some instant of it.
 * Trust    ternd is trusted, but bounded: unit numbers are checked, walks are
 *          counted, a copy is looked at only through its checked size. Garbage
 *          gives a wrong answer or TABLE_E_BUSY, never a crash.
 * Progress writer wait-free; a reader starts again at most TABLE_TRIES times,
 *          then says TABLE_E_BUSY, and its caller asks ternd.
 * Proof    table_test.c, tests/system/tables.c, tests/crash/tables.c
 *
 * An example with 4 buckets, after adding "a", "b" and replacing "a":
 *
 *      bucket 0   0
 *      bucket 1   {h(a), 5} --> unit 4 [LIVE a, new] --> 0
 *      bucket 2   {h(b), 3} --> unit 2 [LIVE b] --> 0
 *      bucket 3   0
 *      in no chain              unit 0 [DEAD a] --> 0, for who stands on it
 */

#include "base/atomic.h"
#include "base/attribute.h"
#include "shm/head.h"
#include "shm/segment.h"

/* The answers of all the tables: peers, names, tags, rules, versions, and their writers. */
enum {
	_TABLE_E_OK,
	TABLE_E_NOT_FOUND, /* there is no such record */
	TABLE_E_END,	   /* the cursor has seen all */
	TABLE_E_MOVED,	   /* the table lives elsewhere; its descriptor is in ternd's socket */
	TABLE_E_BUSY,	   /* changed too often under the reader: ask ternd */
	TABLE_E_RESTART,   /* compacted under the cursor: begin with a new one */
	TABLE_E_EXISTS,	   /* writer: the key is taken */
	TABLE_E_FULL,	   /* writer: grow, send the new descriptor, forward, try again */
	TABLE_E_SEGMENT,   /* open: not a sealed segment of a fitting size */
	TABLE_E_VERSION,   /* open: another major version of the format */
	TABLE_E_FORMAT,	   /* open: not such a table, or its parts do not fit in it */
};

enum {
	TABLE_UNIT = 32,	      /* bytes */
	TABLE_UNIT_WORDS = 4,	      /* 64-bit words */
	TABLE_TRIES = 64,	      /* how often a reader starts again */
	TABLE_WALK_MAX = 64,	      /* records of a chain, where keys are unique */
	TABLE_CAPACITY_MIN = 32,      /* units */
	TABLE_CAPACITY_MAX = 1 << 24, /* units */
	TABLE_RECORD_MAX = 1344,      /* bytes; a name with all its labels */
};

/* TABLE_SIZE_MAX - no table is larger, in bytes: offsets have 32 bits */
#define TABLE_SIZE_MAX (UINT64_C(3) << 30)

/* The life of a record. A half begins all zero. */
enum {
	RECORD_EMPTY,
	RECORD_LIVE,
	RECORD_DEAD,
};

/* The parts of every table, as numbered in the segment's head. */
enum {
	TABLE_PART_STATE,  /* struct shm_table */
	TABLE_PART_EXTRA,  /* extra words; absent if there are none */
	TABLE_PART_HALF_0, /* struct shm_half, buckets, units */
	TABLE_PART_HALF_1,
};

/* struct shm_table - the words that say where a table is in its life; one cache line */
struct shm_table {
	_Atomic uint64_t generation; /* & 1: the half in use; T4 */
	_Atomic uint64_t changes;    /* two for each record that died; odd while one does; T3 */
	_Atomic uint64_t moved;	     /* not 0: the table lives elsewhere; T5 */
	_Atomic uint64_t complete;   /* not 0: holds all that ternd knows */
	_Atomic uint32_t capacity;   /* units in a half; a power of two; never changes */
	uint32_t reserved[7];
};

/* struct shm_half - followed by capacity / 2 buckets (links) and the units */
struct shm_half {
	_Atomic uint64_t seed;
	_Atomic uint64_t used; /* units appended so far */
	uint64_t reserved[6];
};

/* struct shm_record - how every record begins, laid over copies: shared memory has words only */
struct shm_record {
	uint64_t link;	/* hash << 32 | unit + 1 of the next in the chain, or 0 */
	uint64_t state; /* units << 32 | RECORD_* */
};

/* struct table_text - a borrowed string with its length */
struct table_text {
	const char *text;
	size_t size;
};

/**
 * struct table_type - what a kind of table knows of its records
 * @walk_max: no chain is longer (unique keys); 0: as long as it takes (several
 * records a key)
 * @key: finds the key in a private copy of @size bytes, garbage perhaps; NULL:
 * there is none
 * @valid: is this copy a sound record?
 */
struct table_type {
	uint32_t kind; /* of the segment head */
	uint32_t walk_max;
	const void *(*key)(const void *record, size_t size, size_t *ret_size);
	bool (*valid)(const void *record, size_t size);
};

/* struct table - a reader's view; its geometry was checked and copied when it was opened */
struct table {
	struct segment segment; /* none for a view of a mapping that is another's */
	const struct table_type *type;
	const struct shm_table *shm;
	const _Atomic uint64_t *half[2];
	const _Atomic uint64_t *extra;
	uint32_t capacity;
	uint32_t n_extra;
};

/* struct table_walk - one attempt of a reader; table_begin() sets it up */
struct table_walk {
	const struct table *table;
	const _Atomic uint64_t *half;
	uint64_t generation;
	uint64_t changes;
	uint64_t seed;
	const void *key;
	size_t key_size;
	uint64_t link;	  /* to the next record of the chain */
	uint32_t hash;	  /* of the key, its upper half */
	uint32_t unit;	  /* of the record that table_step() gave last */
	uint32_t n_steps; /* since the seek */
	uint32_t limit;	  /* for them */
	bool lost;	  /* a walk did not end: something changed under it */
};

/* struct table_cursor - a place in the records of one generation; begin with zeroes */
struct table_cursor {
	uint64_t generation;
	uint32_t next;
	uint32_t begun;
};

/* life cycle */

/**
 * table_open() - map a table that ternd sent
 * @fd: borrowed, may be closed afterwards
 *
 * Return: 0, TABLE_E_SEGMENT, TABLE_E_VERSION, TABLE_E_FORMAT, or a negative
 * errno. Threads: any.  Blocks: never.
 */
int table_open(struct table *ret, const struct table_type *type, int fd);

/**
 * table_view() - read a mapping of this process, which must outlive the view
 *
 * For the writer's own look-ups, and for tests that want both ends in one
 * mapping.
 *
 * Return: 0, TABLE_E_VERSION or TABLE_E_FORMAT.  Threads: any.  Blocks: never.
 */
int table_view(struct table *ret, const struct table_type *type, const void *base, size_t size);

/* table_deinit() - unmap; a zeroed one is fine */
void table_deinit(struct table *table);

/* reading; any thread, never blocks */

/**
 * table_find() - copy the record with this key
 * @ret_record: TABLE_RECORD_MAX bytes, aligned for words; meaningful only on
 * success
 * @ret_size: bytes of it that are the record
 *
 * For tables with unique keys. A key that is present throughout the call is
 * found.
 *
 * Return: 0, TABLE_E_NOT_FOUND, TABLE_E_MOVED or TABLE_E_BUSY.  Threads: any.
 * Blocks: never.
 */
int table_find(const struct table *table, const void *key, size_t key_size, void *ret_record,
	size_t *ret_size);

/**
 * table_next() - copy the next live record
 *
 * Whatever is live throughout the iteration is seen; what is replaced meanwhile
 * may be seen twice, the later one being the newer.
 *
 * Return: 0, TABLE_E_END, TABLE_E_RESTART or TABLE_E_MOVED.  Threads: any, each
 * with its own cursor.  Blocks: never.
 */
int table_next(
	const struct table *table, struct table_cursor *cursor, void *ret_record, size_t *ret_size);

/**
 * table_begin() - start an attempt, for walks over several keys
 *
 * Then table_seek() and table_step() as often as wanted; what they gave counts
 * only if table_settled() says so in the end, else all of it is forgotten and
 * begun again.
 *
 * Return: 0 or TABLE_E_MOVED.  Threads: any.  Blocks: never.
 */
int table_begin(struct table_walk *ret, const struct table *table);

/* table_seek() - go to the chain of a key; @key is borrowed until the next seek */
void table_seek(struct table_walk *walk, const void *key, size_t key_size);

/* table_step() - copy the next live record with the key; false: none, or the walk is lost */
bool table_step(struct table_walk *walk, void *ret_record, size_t *ret_size);

/**
 * table_step_part() - copy the first @max_units units of the next live record that may have the key
 *
 * For who wants less than the record, and compares the key itself.
 *
 * Return: bytes copied; 0 as table_step() says false.
 */
size_t table_step_part(struct table_walk *walk, void *ret_part, uint32_t max_units);

/**
 * table_settled() - was all of this attempt read from one generation?
 * @missed: something was looked for and not found; then no record may have died
 * meanwhile
 */
bool table_settled(const struct table_walk *walk, bool missed);

/* table_has_moved() - does it live elsewhere? Then what is in here is not news any more. */
static inline bool
table_has_moved(const struct table *table)
{
	return load_acq(&table->shm->moved) != 0; /* T5 */
}

/*
 * table_changes() - counted up before a record dies and after, load-acquire
 *
 * What is found after an even count was read lives as long as that count stands, in a table that has not moved.
 * After an odd one it may be what is dying.
 */
static inline uint64_t
table_changes(const struct table *table)
{
	return load_acq(&table->shm->changes); /* T3 */
}

/* table_is_complete() - has ternd put in all that it knows? (Just after a restart it has not.) */
bool table_is_complete(const struct table *table);

/* table_extra() - an extra word, load-acquire; 0 if there is no such word */
uint64_t table_extra(const struct table *table, uint32_t index);

/* table_extra_at() - where it is, as long as the table is open; NULL: there is no such word */
const _Atomic uint64_t *table_extra_at(const struct table *table, uint32_t index);

/**
 * table_valid() - does everything that must hold, hold? Total on garbage.
 *
 * Holds after every single store of the writer, not while the writer runs
 * beside it.
 *
 * Return: true if so.  Threads: excludes the writer.  Blocks: never.
 */
bool table_valid(const struct table *table);

/* the words of a half, for table.c and table_writer.c */

enum {
	HALF_SEED = 0, /* words of struct shm_half */
	HALF_USED = 1,
	RECORD_LINK = 0, /* words of struct shm_record */
	RECORD_STATE = 1,
};

static inline uint32_t
table_n_buckets(uint32_t capacity)
{
	return capacity / 2;
}

/* table_half_size() - bytes of one half */
static inline uint64_t
table_half_size(uint32_t capacity)
{
	return sizeof(struct shm_half) + UINT64_C(8) * table_n_buckets(capacity) +
	       (uint64_t)TABLE_UNIT * capacity;
}

/* table_bucket_word() - where in a half, in words, the bucket of a hash is */
static inline size_t
table_bucket_word(uint32_t capacity, uint64_t hash)
{
	return sizeof(struct shm_half) / 8 + (size_t)(hash & (table_n_buckets(capacity) - 1));
}

/* table_unit_word() - where in a half, in words, a unit begins */
static inline size_t
table_unit_word(uint32_t capacity, uint32_t unit)
{
	return sizeof(struct shm_half) / 8 + table_n_buckets(capacity) +
	       (size_t)unit * TABLE_UNIT_WORDS;
}

/* table_link() - the word that leads to a record; it has the half of the hash buckets do not use */
static inline uint64_t
table_link(uint64_t hash, uint32_t unit)
{
	return (hash & UINT64_C(0xffffffff00000000)) | (unit + 1);
}
