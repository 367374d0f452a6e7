/* SPDX-License-Identifier: MIT */

/* pool: buddy blocks in sealed segments; see pool.h */

#include <stdlib.h>

#include "base/attribute.h"
#include "link/endpoint.h"
#include "link/pool.h"
#include "shm/head.h"

static uint32_t
log2_ceil(uint64_t n)
{
	return n <= 1 ? 0 : 64u - (uint32_t)__builtin_clzll(n - 1);
}

/* The payload begins behind the head, a page in: blocks stay page-aligned where they are large. */
#define POOL_PAYLOAD_AT 4096u

static struct pool_segment *
pool_segment_free(struct pool_segment *segment)
{
	struct endpoint *endpoint = segment->endpoint;

	endpoint->pool_bytes -= segment->memory.size;
	endpoint_drop_segment(endpoint, segment->id);
	segment_deinit(&segment->memory);
	free(segment->tree);
	free(segment);
	return NULL;
}

/* tree_init() - everything is free: a node on level l has 2^(levels - l) leaves below it */
static void
tree_init(struct pool_segment *segment)
{
	uint32_t levels = log2_ceil(segment->n_leaves);

	for (uint32_t l = 0; l <= levels; l++)
		memset(segment->tree + (1u << l), (int)(levels - l + 1), 1u << l);
}

static int
pool_segment_new(struct pool *pool, uint64_t payload, bool whole, struct pool_segment **ret)
{
	struct endpoint *endpoint = pool->endpoint;
	struct pool_segment *segment;
	uint64_t size = ALIGN_TO(payload, (uint64_t)4096) + POOL_PAYLOAD_AT;
	int r;

	if (size > POOL_BYTES_MAX - endpoint->pool_bytes)
		return -EDQUOT;
	segment = calloc(1, sizeof(*segment));
	if (!segment)
		return -ENOMEM;
	segment->endpoint = endpoint;
	segment->pool = whole ? NULL : pool;
	if (!whole) {
		segment->leaf_size = (uint32_t)MAX(POOL_BLOCK_MIN, payload / 4096);
		segment->n_leaves = (uint32_t)(payload / segment->leaf_size);
		segment->tree = malloc((size_t)segment->n_leaves * 2);
		if (!segment->tree) {
			free(segment);
			return -ENOMEM;
		}
		tree_init(segment);
	}
	r = segment_create(&segment->memory, "tern-blocks", size);
	if (r < 0) {
		free(segment->tree);
		free(segment);
		return error_trace(r);
	}
	head_init((struct shm_head *)segment->memory.base, SHM_KIND_BLOCKS, segment->memory.size);
	endpoint->pool_bytes += segment->memory.size;
	segment->id = endpoint_next_segment(endpoint);
	*ret = segment;
	return 0;
}

/* tree_take() - the leaf at which a free run of 2^order leaves begins; the root says there is one */
static uint32_t
tree_take(struct pool_segment *segment, uint32_t order)
{
	uint32_t levels = log2_ceil(segment->n_leaves);
	uint32_t node = 1, depth = 0, leaf;

	while (levels - depth > order) {
		node *= 2;
		if (segment->tree[node] < order + 1)
			node++;
		depth++;
	}
	segment->tree[node] = 0;
	leaf = (node - (1u << depth)) << (levels - depth);
	while (node > 1) {
		node /= 2;
		segment->tree[node] = MAX(segment->tree[2 * node], segment->tree[2 * node + 1]);
	}
	return leaf;
}

static void
tree_give(struct pool_segment *segment, uint32_t leaf, uint32_t order)
{
	uint32_t levels = log2_ceil(segment->n_leaves);
	uint32_t node = (1u << (levels - order)) + (leaf >> order);

	segment->tree[node] = (uint8_t)(order + 1);
	while (node > 1) {
		uint8_t full, left, right;

		node /= 2;
		order++;
		full = (uint8_t)order; /* both halves whole: they merge */
		left = segment->tree[2 * node];
		right = segment->tree[2 * node + 1];
		segment->tree[node] = left == full && right == full ? full + 1 : MAX(left, right);
	}
}

static uint32_t
block_order(const struct pool_segment *segment, uint64_t size)
{
	return log2_ceil((size + segment->leaf_size - 1) / segment->leaf_size);
}

/* block_new() - cut a block out of a segment that has room */
static int
block_new(struct pool_segment *segment, uint64_t size, struct block **ret)
{
	struct block *block = calloc(1, sizeof(*block));

	if (!block)
		return -ENOMEM;
	block->segment = segment;
	block->refs = 1;
	block->size = size;
	block->offset = POOL_PAYLOAD_AT;
	if (segment->n_leaves) {
		uint32_t order = block_order(segment, size);

		block->offset += (uint64_t)tree_take(segment, order) * segment->leaf_size;
		block->size = (uint64_t)segment->leaf_size << order;
	}
	block->memory = segment->memory.base + block->offset;
	segment->n_out++;
	*ret = block;
	return 0;
}

static bool
segment_has_room(const struct pool_segment *segment, uint64_t size)
{
	return segment->n_leaves && size <= (uint64_t)segment->leaf_size * segment->n_leaves &&
		segment->tree[1] >= block_order(segment, size) + 1;
}

/* pool_take_whole() - a segment for one block, not in the pool's list */
static int
pool_take_whole(struct pool *pool, uint64_t size, struct block **ret)
{
	struct pool_segment *segment;
	int r;

	r = pool_segment_new(pool, size, true, &segment);
	if (r < 0)
		return error_trace(r);
	r = block_new(segment, size, ret);
	if (r < 0)
		(void)pool_segment_free(segment); /* always NULL */
	return r;
}

int
pool_take(struct pool *pool, uint64_t size, struct block **ret)
{
	struct pool_segment **end = &pool->segments;
	uint64_t payload = POOL_SEGMENT_MIN;
	int r;

	if (size > POOL_PART_MAX)
		return -E2BIG;
	if (size > POOL_BLOCK_MAX)
		return pool_take_whole(pool, size, ret);
	for (; *end; end = &(*end)->next) {
		if (segment_has_room(*end, MAX(size, 1u)))
			return block_new(*end, MAX(size, 1u), ret);
		payload = (uint64_t)(*end)->leaf_size * (*end)->n_leaves * 2;
	}
	while (payload < 2 * size)
		payload *= 2;
	r = pool_segment_new(pool, MIN(payload, POOL_SEGMENT_MAX), false, end);
	if (r < 0)
		return error_trace(r);
	return block_new(*end, MAX(size, 1u), ret);
}

struct block *
block_ref(struct block *block)
{
	block->refs++;
	return block;
}

/*
 * segment_retire() - an empty segment goes: at once without a pool, else when another one becomes empty
 *
 * The first stays, and of the others the one that became empty last: a load that comes and goes by a block would
 * otherwise make, fill with zeros and unmap a segment each time.
 */
static void
segment_retire(struct pool_segment *segment)
{
	struct pool *pool = segment->pool;
	struct pool_segment **at;

	if (!pool) {
		(void)pool_segment_free(segment); /* always NULL */
		return;
	}
	if (segment == pool->segments)
		return;
	for (at = &pool->segments->next; *at;) {
		struct pool_segment *next = (*at)->next;

		if (*at == segment || (*at)->n_out > 0) {
			at = &(*at)->next;
			continue;
		}
		(void)pool_segment_free(*at); /* always NULL */
		*at = next;
	}
}

struct block *
block_unref(struct block *block)
{
	struct pool_segment *segment;

	if (!block || --block->refs > 0)
		return NULL;
	segment = block->segment;
	if (segment->n_leaves)
		tree_give(segment, (uint32_t)((block->offset - POOL_PAYLOAD_AT) / segment->leaf_size),
			block_order(segment, block->size));
	free(block);
	if (--segment->n_out == 0)
		segment_retire(segment);
	return NULL;
}

void
pool_deinit(struct pool *pool)
{
	while (pool->segments) {
		struct pool_segment *segment = pool->segments;

		pool->segments = segment->next;
		segment->pool = NULL; /* the last block out takes it along */
		if (segment->n_out == 0)
			(void)pool_segment_free(segment); /* always NULL */
	}
}
