/* SPDX-License-Identifier: MIT */

/*
 * limit_touch: bare reading of memory that another processor has just written
 *
 * As a call: the client fills a block, the server reads it, and only the reading
 * is timed, by who reads; with memcpy the client fills memory of its own and
 * copies it into the block, and that is timed too. As a stream: a few blocks in
 * turn, one side fills, the other reads. Who waits polls.
 *
 * Edges    T1 store-release filled -> T2 load-acquire filled: the block is there
 *          T3 store-release taken -> T4 load-acquire taken: the block may be filled again
 */

#include <sys/mman.h>

#include "base/clock.h"
#include "rpc.h"
#include "stream.h"

#define TOUCH_DEPTH 4u

struct touch {
	alignas(CACHE_LINE) _Atomic uint64_t filled; /* client: blocks so far */
	alignas(CACHE_LINE) _Atomic uint64_t taken;  /* server */
	alignas(CACHE_LINE) uint64_t read_ns;	     /* server: of the last one */
	alignas(4096) unsigned char blocks[];
};

static size_t
touch_size(const struct bench_run *run)
{
	return sizeof(struct touch) + TOUCH_DEPTH * run_size(run);
}

static int
touch_open(struct bench_run *run)
{
	void *memory = mmap(NULL, touch_size(run), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		return run_fail(run, -errno, "mmap");
	run->daemon = memory;
	return 0;
}

static void
touch_close(struct bench_run *run)
{
	if (run->daemon)
		(void)munmap(run->daemon, touch_size(run)); /* cannot fail: it is ours */
	run->daemon = NULL;
}

static struct payload *
touch_block(const struct bench_run *run, uint64_t nth)
{
	struct touch *touch = run->daemon;

	return (struct payload *)(touch->blocks + nth % TOUCH_DEPTH * run_size(run));
}

static void
touch_await(_Atomic uint64_t *word, uint64_t n)
{
	while (load_acq(word) < n) /* T2, T4 */
		cpu_relax();
}

/* The block is always the same, as it is with a pool from which one at a time is taken. */
static int
touch_serve(struct bench_run *run)
{
	struct touch *touch = run->daemon;

	run_ready(run);
	for (uint64_t serial = 1;; serial++) {
		uint64_t begin;

		touch_await(&touch->filled, serial);
		begin = clock_now_ns();
		if (!payload_read(touch_block(run, 0), run_size(run), PAYLOAD_CALL, serial))
			return run_fail_at(run, -EBADMSG, "block", serial);
		touch->read_ns = clock_now_ns() - begin;
		store_rel(&touch->taken, serial); /* T3 */
	}
}

/* One block: filled, or filled elsewhere and copied. Return: the time that counts, ns. */
static uint64_t
touch_once(struct bench_run *run, struct payload *own, uint64_t serial)
{
	struct touch *touch = run->daemon;
	struct payload *block = touch_block(run, 0);
	uint64_t begin, copied_ns = 0;

	payload_fill(own ? own : block, run_size(run), PAYLOAD_CALL, serial);
	if (own) {
		begin = clock_now_ns();
		memcpy(block, own, run_size(run));
		copied_ns = clock_now_ns() - begin;
	}
	store_rel(&touch->filled, serial); /* T1 */
	touch_await(&touch->taken, serial);
	return copied_ns + touch->read_ns;
}

static int
touch_loop(struct bench_run *run, struct payload *own)
{
	struct bench_shared *shared = run->shared;
	uint32_t phase;

	for (uint64_t serial = 1; (phase = run_phase(run)) != PHASE_STOP; serial++) {
		uint64_t time_ns = touch_once(run, own, serial);

		if (phase == PHASE_MEASURE)
			hist_add(&shared->hist, time_ns);
		store_rlx(
			&shared->count[0].n, serial); /* Relaxed: a count and nothing behind it. */
		run_ready(run);
	}
	return 0;
}

static int
touch_drive(struct bench_run *run)
{
	return touch_loop(run, NULL);
}

static int
touch_drive_memcpy(struct bench_run *run)
{
	_cleanup_(freep) struct payload *own = aligned_alloc(CACHE_LINE, run_size(run));

	if (!own)
		return run_fail(run, -ENOMEM, "memory to copy from");
	return touch_loop(run, own);
}

static int
touch_take(struct bench_run *run)
{
	struct touch *touch = run->daemon;
	int r;

	run_ready(run);
	for (uint64_t serial = 1;; serial++) {
		touch_await(&touch->filled, serial);
		r = stream_take(run, touch_block(run, serial));
		if (r < 0)
			return r;
		store_rel(&touch->taken, serial); /* T3 */
	}
}

static int
touch_send(void *link, const struct payload *event)
{
	struct bench_run *run = link;
	struct touch *touch = run->daemon;

	if (event->serial > TOUCH_DEPTH)
		touch_await(&touch->taken, event->serial - TOUCH_DEPTH);
	payload_fill(touch_block(run, event->serial), run_size(run), PAYLOAD_EVENT, event->serial);
	store_rel(&touch->filled, event->serial); /* T1 */
	return 0;
}

static int
touch_drive_stream(struct bench_run *run)
{
	return stream_drive(run, touch_send, run);
}

const struct subject limit_touch = {
	.name = "limit:touch",
	.open = touch_open,
	.serve = touch_serve,
	.drive = touch_drive,
	.close = touch_close,
};

const struct subject limit_touch_memcpy = {
	.name = "limit:touch-memcpy",
	.open = touch_open,
	.serve = touch_serve,
	.drive = touch_drive_memcpy,
	.close = touch_close,
};

const struct subject limit_touch_stream = {
	.name = "limit:touch",
	.open = touch_open,
	.serve = touch_take,
	.drive = touch_drive_stream,
	.close = touch_close,
};
