/* SPDX-License-Identifier: MIT */

/*
 * limit_ring: a bare ring of 64 B slots, one producer, one consumer, both polling
 *
 * The plain one is what memory between two processors allows. The fenced one
 * adds what no bus with sleeping readers and ordered messages can do without: a
 * fence before the look whether somebody sleeps, and a clock read for the stamp.
 *
 * Edges    R1 store-release head -> R2 load-acquire head: slot contents visible
 *          R3 store-release tail -> R4 load-acquire tail: slot may be reused
 */

#include "base/clock.h"
#include "stream.h"

#define RING_N_SLOTS 2048u

struct ring {
	alignas(CACHE_LINE) _Atomic uint64_t head;	/* producer */
	alignas(CACHE_LINE) _Atomic uint64_t tail;	/* consumer */
	alignas(CACHE_LINE) _Atomic uint32_t is_asleep; /* nobody ever is */
	alignas(CACHE_LINE) struct payload slots[RING_N_SLOTS];
};

_Static_assert(sizeof(struct ring) <= BENCH_SCRATCH_SIZE, "room for the ring");

struct producer {
	struct ring *ring;
	uint64_t head, tail; /* own position; the other's as last seen */
	uint64_t stamp;
};

static struct ring *
run_ring(const struct bench_run *run)
{
	return (struct ring *)run->shared->scratch;
}

static int
ring_send(void *link, const struct payload *event)
{
	struct producer *p = link;

	while (p->head - p->tail == RING_N_SLOTS) {
		p->tail = load_acq(&p->ring->tail); /* R4 */
		if (p->head - p->tail == RING_N_SLOTS)
			cpu_relax();
	}
	p->ring->slots[p->head % RING_N_SLOTS] = *event;
	store_rel(&p->ring->head, ++p->head); /* R1 */
	return 0;
}

static int
ring_send_fenced(void *link, const struct payload *event)
{
	struct producer *p = link;
	uint64_t now = clock_now_ns();
	struct payload stamped = *event;

	p->stamp = MAX(now, p->stamp + 1);
	memcpy(stamped.rest, &p->stamp, sizeof(p->stamp));
	(void)ring_send(p, &stamped); /* always 0 */
	/* The record before the look: a sleeper that this look misses finds the record itself. */
	fence_seq();
	/* Relaxed: the fence orders it, and nothing is read through it. */
	return load_rlx(&p->ring->is_asleep) ? -EIO : 0;
}

static int
ring_drive_with(struct bench_run *run, stream_send_fn *send)
{
	struct producer producer = {.ring = run_ring(run)};

	return stream_drive(run, send, &producer);
}

static int
ring_drive(struct bench_run *run)
{
	return ring_drive_with(run, ring_send);
}

static int
ring_drive_fenced(struct bench_run *run)
{
	return ring_drive_with(run, ring_send_fenced);
}

static int
ring_serve(struct bench_run *run)
{
	struct ring *ring = run_ring(run);
	uint64_t head = 0;
	int r;

	run_ready(run);
	for (uint64_t tail = 0;; tail++) {
		while (head == tail) {
			head = load_acq(&ring->head); /* R2 */
			if (head == tail)
				cpu_relax();
		}
		r = stream_take(run, &ring->slots[tail % RING_N_SLOTS]);
		if (r < 0)
			return r;
		store_rel(&ring->tail, tail + 1); /* R3 */
	}
}

const struct subject limit_ring = {
	.name = "limit:ring",
	.serve = ring_serve,
	.drive = ring_drive,
};

const struct subject limit_ring_fenced = {
	.name = "limit:ring-fenced",
	.serve = ring_serve,
	.drive = ring_drive_fenced,
};
