/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * ring: records from one writer process to one reader process
 *
 * Layout   size bytes (a power of two) in the producer's segment. Records lie at positions that are
 *          multiples of 16 and are never split; a pad record fills what is left before the wrap.
 *          Positions count bytes since the beginning, free-running, 64 bits; index = position mod size.
 *
 *              consumed           produced
 *                 v                  v
 *          ....[size|tag|…][size|tag|…]..........
 *
 * Writers  produced, bytes: producer, in its segment. consumed: consumer, in its own segment.
 * Together push | pop may run at once; push | push and pop | pop are excluded by the caller.
 * Edges    R1 store-release produced -> R2 load-acquire produced: the bytes of the record are visible
 *          R3 store-release consumed -> R4 load-acquire consumed: the bytes may be written again
 * Commit   R1. A producer killed before it leaves nothing; after it, a whole record.
 * Repair   none: ring_out_valid() and ring_in_valid() hold between any two instructions.
 * Stale    the producer's picture of consumed may be old: it sees less room than there is, never more.
 * Trust    the other side may write anything into its words: a consumed outside of what was produced, or a
 *          produced that goes back or further than the ring is long, is -EBADMSG; a record's head is
 *          copied once and checked against what is there before a byte of it is used.
 * Progress push and pop are wait-free.
 * Proof    ring_test.c; the killed producer and the lying consumer there too.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/hook.h"

#define RING_ALIGN    16u
#define RING_PREFETCH 192u /* bytes: a small call with its names */

/* What every record begins with. */
struct shm_ring_record {
	uint32_t size; /* of the whole record, a multiple of RING_ALIGN */
	uint16_t tag;  /* the user's, but for RING_PAD */
	uint16_t flags;
};

#define RING_PAD UINT16_C(0xffff)

/* The producer's side. Room is what may be used; the last eighth is kept for those who say so. */
struct ring_out {
	uint8_t *base;
	uint32_t size;
	uint64_t head;      /* position of the next record */
	uint64_t published; /* what the consumer was told */
	uint64_t tail;      /* consumed, as last seen and checked */
	_Atomic uint64_t *produced;
	const _Atomic uint64_t *consumed; /* NULL: the partner's segment is not here yet */
};

/* The consumer's side. */
struct ring_in {
	const uint8_t *base;
	uint32_t size;
	uint64_t tail;      /* position of the next record to take */
	uint64_t seen;      /* produced, as last seen and checked */
	uint64_t published; /* what the producer was told */
	const _Atomic uint64_t *produced;
	_Atomic uint64_t *consumed;
};

/*
 * ring_out_look() - see how far the consumer is (edge R4); its word is hostile
 *
 * Return: 0, -EBADMSG the consumer's word is impossible.
 */
int ring_out_look(struct ring_out *ring);

/*
 * ring_out_room() - is there room for a record of size bytes?
 * @reserve: bytes that must stay free behind it
 *
 * Return: 1 yes, 0 no, -EBADMSG the consumer's word is impossible.
 */
int ring_out_room(struct ring_out *ring, uint32_t size, uint32_t reserve);

/* ring_out_is_roomy() - is there, as far as known, room for the record and a pad before it? */
static inline bool
ring_out_is_roomy(const struct ring_out *ring, uint32_t size, uint32_t reserve)
{
	return ring->size - (ring->head - ring->tail) >= 2 * (uint64_t)size + reserve;
}

/* ring_out_used() - bytes not consumed yet, as far as known */
static inline uint64_t
ring_out_used(const struct ring_out *ring)
{
	return ring->head - ring->tail;
}

/* ring_out_pad() - bytes to fill so that a record of this size is not split at this position */
static inline uint32_t
ring_out_pad(uint64_t position, uint32_t ring_size, uint32_t size)
{
	uint32_t left = ring_size - (uint32_t)(position & (ring_size - 1));

	return left < size ? left : 0;
}

/* ring_out_put_pad() - fill the ring to its end; size bytes, by ring_out_pad() */
void ring_out_put_pad(struct ring_out *ring, uint32_t size);

/*
 * ring_out_begin() - where to write the next record; room was asked for
 *
 * Writes a pad record first where the record would be split. Nothing is visible before
 * ring_out_end(). Return: size bytes, aligned.
 */
static inline void *
ring_out_begin(struct ring_out *ring, uint32_t size)
{
	uint32_t pad = ring_out_pad(ring->head, ring->size, size);

	assert(ring->size - ring_out_used(ring) >= (uint64_t)size + pad);
	if (unlikely(pad))
		ring_out_put_pad(ring, pad);
	about_to_write(ring->base + (ring->head & (ring->size - 1)), size);
	return ring->base + (ring->head & (ring->size - 1));
}

/* ring_out_end() - publish what was begun (edge R1) */
static inline void
ring_out_end(struct ring_out *ring, uint32_t size)
{
	uint64_t next;

	ring->head += size;
	ring->published = ring->head;
	STORE_FENCED(SEND_FENCE, store_rel, ring->produced, ring->head); /* R1 */
	/* The next record will lie in lines that the consumer read a round ago. */
	next = ring->head & (ring->size - 1);
	if (next + RING_PREFETCH <= ring->size)
		prefetch_write(ring->base + next, RING_PREFETCH);
}

/*
 * ring_in_look() - see what was produced (edge R2)
 *
 * Return: 1 something waits, 0 nothing, -EBADMSG.
 */
int ring_in_look(struct ring_in *ring);

/*
 * ring_in_peek() - the head of the next record, checked; pads are passed over
 * @ret: its bytes lie at the returned place, ret->size of them, whole, in foreign memory
 *
 * Return: 1 there is one, 0 none, -EBADMSG.
 */
int ring_in_peek(struct ring_in *ring, struct shm_ring_record *ret, const uint8_t **ret_bytes);

/* ring_in_prefetch() - the next record is about to be read; a hint, without a look */
static inline void
ring_in_prefetch(const struct ring_in *ring)
{
	prefetch_read(ring->base + (ring->tail & (ring->size - 1)), RING_PREFETCH);
}

/* ring_in_pop() - the record that was peeked is done with; published later */
static inline void
ring_in_pop(struct ring_in *ring, uint32_t size)
{
	ring->tail += size;
}

/* ring_in_publish() - give the room back (edge R3). Return: was there any? */
bool ring_in_publish(struct ring_in *ring);

/* ring_in_is_empty() - nothing left of what was seen */
static inline bool
ring_in_is_empty(const struct ring_in *ring)
{
	return ring->tail == ring->seen;
}

/* total on garbage: asserts, tests and fuzzers ask these */
bool ring_out_valid(const struct ring_out *ring);
bool ring_in_valid(const struct ring_in *ring);
