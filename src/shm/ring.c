/* SPDX-License-Identifier: MIT */

/* ring: see ring.h for the layout and the edges */

#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/hook.h"
#include "shm/ring.h"

static bool
is_ring_size(uint32_t size)
{
	return size >= 4 * RING_ALIGN && (size & (size - 1)) == 0;
}

bool
ring_out_valid(const struct ring_out *ring)
{
	return ring->base && is_ring_size(ring->size) && ring->produced &&
		ring->head % RING_ALIGN == 0 && ring->tail <= ring->published &&
		ring->published <= ring->head && ring->head - ring->tail <= ring->size;
}

bool
ring_in_valid(const struct ring_in *ring)
{
	return ring->base && is_ring_size(ring->size) && ring->produced && ring->consumed &&
		ring->tail % RING_ALIGN == 0 && ring->published <= ring->tail &&
		ring->tail <= ring->seen && ring->seen - ring->tail <= ring->size;
}

int
ring_out_look(struct ring_out *ring)
{
	uint64_t consumed;

	if (!ring->consumed)
		return 0;
	consumed = load_acq(ring->consumed);
	if (consumed < ring->tail || consumed > ring->published)
		return -EBADMSG;
	ring->tail = consumed;
	return 0;
}

int
ring_out_room(struct ring_out *ring, uint32_t size, uint32_t reserve)
{
	uint64_t need;
	int r;

	assert(size % RING_ALIGN == 0 && size <= ring->size);
	need = (uint64_t)size + ring_out_pad(ring->head, ring->size, size) + reserve;
	if (likely(ring->size - ring_out_used(ring) >= need))
		return 1;
	r = ring_out_look(ring);
	if (r < 0)
		return error_trace(r);
	return ring->size - ring_out_used(ring) >= need;
}

void
ring_out_put_pad(struct ring_out *ring, uint32_t size)
{
	struct shm_ring_record record = {.size = size, .tag = RING_PAD};

	about_to_write(ring->base + (ring->head & (ring->size - 1)), sizeof(record));
	memcpy(ring->base + (ring->head & (ring->size - 1)), &record, sizeof(record));
	ring->head += size;
}

int
ring_in_look(struct ring_in *ring)
{
	uint64_t produced = load_acq(ring->produced); /* R2 */

	if (likely(produced == ring->seen))
		return ring->tail != ring->seen;
	if (produced < ring->seen || produced - ring->tail > ring->size ||
		produced % RING_ALIGN != 0)
		return -EBADMSG;
	ring->seen = produced;
	return 1;
}

int
ring_in_peek(struct ring_in *ring, struct shm_ring_record *ret, const uint8_t **ret_bytes)
{
	while (ring->tail != ring->seen) {
		uint64_t index = ring->tail & (ring->size - 1);
		struct shm_ring_record record;

		copy_once(&record, ring->base + index, sizeof(record));
		if (record.size < RING_ALIGN || record.size % RING_ALIGN != 0 ||
			record.size > ring->size - index || record.size > ring->seen - ring->tail)
			return -EBADMSG;
		if (record.tag != RING_PAD) {
			*ret = record;
			*ret_bytes = ring->base + index;
			return 1;
		}
		ring->tail += record.size;
	}
	return 0;
}

bool
ring_in_publish(struct ring_in *ring)
{
	if (ring->published == ring->tail)
		return false;
	ring->published = ring->tail;
	STORE_FENCED(GIVE_FENCE, store_rel, ring->consumed, ring->tail); /* R3 */
	return true;
}
