/* SPDX-License-Identifier: MIT */

/*
 * state-read: a value of 64 bytes of another process, read again and again
 *
 * Its owner rests, or sets it without a pause. Beside it the least that gives a whole value: a sequence lock around
 * one cache line, whose writer rests or writes without a pause, too.
 *
 * Edges    B1 odd sequence, release fence, words; words, store-release even sequence -> load-acquire sequence; words,
 *             acquire fence, sequence again: unchanged and even, so they are of one writing
 */

#include "lap.h"
#include "tern_bus.h"

enum {
	SIZE = 64, /* as CBOR: a byte string of 62 */
	N_WORDS = SIZE / sizeof(uint64_t),
	SETS_A_LOOK = 1024,
};

struct reading {
	struct bench_run *run;
	tern_state *state;
	uint8_t value[SIZE];
	struct lock *lock; /* of the limit */
};

/* --- tern --- */

static void
fill(uint8_t value[SIZE], uint8_t with)
{
	memset(value, with, SIZE);
	value[0] = 0x58; /* a byte string, its length in the next byte */
	value[1] = SIZE - 2;
}

static int
is_whole(void *user)
{
	struct reading *reading = user;

	for (size_t i = 3; i < SIZE; i++)
		if (reading->value[i] != reading->value[2])
			return run_fail(reading->run, -EBADMSG, "a torn value");
	return 0;
}

/* set_on() - in a child: be ready, and set it without a pause, looking now and then who asks for it */
static int
set_on(struct bench_run *run, tern_bus *bus, tern_state *state)
{
	uint8_t value[SIZE];
	int r = 0;

	run_ready(run);
	for (uint64_t i = 0; r >= 0; i++) {
		fill(value, (uint8_t)i);
		r = tern_state_put(state, value, SIZE);
		if (r == 0 && i % SETS_A_LOOK == 0)
			r = tern_process(bus);
	}
	return tern_bus_fail(run, r, "tern_state_put");
}

static int
keep(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	tern_service *service;
	tern_state *state;
	uint8_t value[SIZE];
	int r, none = 0;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	fill(value, 1);
	r = tern_serve(bus, TERN_BENCH_NAME, NULL, NULL, 0, NULL, &service);
	if (r == 0)
		r = tern_state_new(service, "value", SIZE, &state);
	if (r == 0)
		r = tern_state_put(state, value, SIZE);
	if (r < 0)
		return tern_bus_fail(run, r, "keeping a value");
	return run->subject->setting ? set_on(run, bus, state) : tern_bus_serve(run, bus, &none);
}

static int
work_read(void *user)
{
	struct reading *reading = user;
	uint64_t version;
	size_t size;
	int r = 0;

	for (size_t i = 0; i < LAP_N && r == 0; i++)
		r = tern_state_read(reading->state, reading->value, SIZE, &size, &version);
	return r < 0 ? run_fail(reading->run, r, "tern_state_read") : 0;
}

static int
read_drive(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct reading reading = {.run = run};
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	r = tern_state_open(bus, TERN_BENCH_NAME, "value", &reading.state);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_state_open");
	r = lap_drive(run, &(struct lap){.work = work_read, .settle = is_whole, .user = &reading});
	(void)tern_state_free(reading.state); /* always NULL */
	return r;
}

/* --- limit:seqlock --- */

struct lock {
	alignas(CACHE_LINE) _Atomic uint64_t sequence; /* odd: it is being written */
	alignas(CACHE_LINE) _Atomic uint64_t words[N_WORDS];
};

static struct lock *
run_lock(const struct bench_run *run)
{
	return (struct lock *)run->shared->scratch;
}

static int
write_on(struct bench_run *run)
{
	struct lock *lock = run_lock(run);

	run_ready(run);
	for (uint64_t i = 0; run_phase(run) != PHASE_STOP; i += 2) {
		store_rlx(&lock->sequence, i + 1);
		fence_rel(); /* B1 */
		for (size_t w = 0; w < N_WORDS; w++)
			store_rlx(&lock->words[w], (i & 0xff) * UINT64_C(0x0101010101010101));
		store_rel(&lock->sequence, i + 2); /* B1 */
	}
	return run_rest(run);
}

static void
lock_read(struct lock *lock, uint8_t to[SIZE])
{
	uint64_t before, word;

	do {
		before = load_acq(&lock->sequence); /* B1 */
		for (size_t w = 0; w < N_WORDS; w++) {
			word = load_rlx(&lock->words[w]);
			memcpy(to + w * sizeof(word), &word, sizeof(word));
		}
		fence_acq(); /* B1 */
	} while (before % 2 || load_rlx(&lock->sequence) != before);
}

static int
work_lock(void *user)
{
	struct reading *reading = user;

	for (size_t i = 0; i < LAP_N; i++)
		lock_read(reading->lock, reading->value);
	return 0;
}

static int
lock_drive(struct bench_run *run)
{
	struct reading reading = {.run = run, .lock = run_lock(run)};

	return lap_drive(run, &(struct lap){.work = work_lock, .settle = is_whole, .user = &reading});
}

#define STATE(variable, called, busy)                                                              \
	static const struct subject variable = {                                                   \
		.name = (called),                                                                  \
		.open = tern_bus_open,                                                             \
		.serve = keep,                                                                     \
		.drive = read_drive,                                                               \
		.setting = (busy),                                                                 \
	}

STATE(tern_idle, "tern:idle", 0);
STATE(tern_busy, "tern:busy", 1);

static const struct subject lock_idle = {.name = "limit:seqlock-idle", .serve = run_rest, .drive = lock_drive};
static const struct subject lock_busy = {.name = "limit:seqlock-busy", .serve = write_on, .drive = lock_drive};

const struct workload workload_state_read = {
	.name = "state-read",
	.what = "read a 64-byte value of another process, which rests or sets it without a pause",
	.subjects =
		(const struct subject *const[]){
			&tern_idle,
			&tern_busy,
			&lock_idle,
			&lock_busy,
			NULL,
		},
};
