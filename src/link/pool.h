/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * pool: memory of this process that is lent to readers, block by block
 *
 * A pool is a few sealed segments of doubling size, each cut by the buddy method. All bookkeeping is
 * private to the owner: nothing in the segments but payload, nothing a reader could corrupt. A
 * link has a pool of its own, for that partner's eyes only; events lie in one pool a trust domain. A
 * block too large for the pool gets a segment of its own, which goes with it.
 *
 *      segment 64 KiB          segment 128 KiB
 *      [####|  |#|        ]    [################|                ]
 *
 * When load falls segments go whole. The first stays, and the one that became empty last, for a load
 * that comes and goes.
 *
 * Charge: every segment's bytes are charged to the endpoint before they are made (POOL_BYTES_MAX), and
 * returned when the segment goes. (Buddy tree after Knuth, TAOCP 2.5; a byte a node.)
 */

#include <stddef.h>
#include <stdint.h>

#include "shm/segment.h"

struct endpoint;
struct link;

#define POOL_SEGMENT_MIN (64u << 10)
#define POOL_SEGMENT_MAX (64u << 20)
#define POOL_BLOCK_MIN   256u
#define POOL_BLOCK_MAX   (16u << 20) /* larger blocks have a segment of their own */
#define POOL_PART_MAX    (UINT64_C(1) << 30)
#define POOL_BYTES_MAX   (UINT64_C(4) << 30) /* as much as a partner maps */

struct pool {
	struct endpoint *endpoint;
	struct pool_segment *segments; /* small ones first */
};

#define POOL_INIT(e) ((struct pool){.endpoint = (e)})

struct pool_segment {
	struct pool_segment *next;
	struct endpoint *endpoint;
	struct pool *pool; /* NULL: of a single block, or its pool is gone */
	struct segment memory;
	uint32_t id;        /* what readers know it by, unique in this process */
	uint32_t n_out;     /* blocks in use */
	uint32_t leaf_size; /* bytes of the smallest block */
	uint32_t n_leaves;  /* a power of two; 0: one block fills the segment */
	uint8_t *tree;      /* log2 + 1 of the largest free run below each node; 0: none */
};

/* One lent piece. Counted: by the message that fills it, and once by every link it is out on. */
struct block {
	struct pool_segment *segment;
	uint8_t *memory; /* the owner's writable view */
	uint64_t offset;
	uint64_t size; /* usable bytes */
	uint32_t refs;
};

/*
 * pool_take() - a block of at least size bytes
 *
 * Return: 0, -E2BIG over POOL_PART_MAX, -EDQUOT the endpoint's charge is used up, -ENOMEM, -EMFILE.
 * The caller has the one reference. Threads: the owner's lock.
 */
int pool_take(struct pool *pool, uint64_t size, struct block **ret);

/* pool_deinit() - free what is not out; a segment with blocks out goes with the last of them */
void pool_deinit(struct pool *pool);

struct block *block_ref(struct block *block);
/* block_unref() - the last one returns the memory; returns NULL */
struct block *block_unref(struct block *block);
