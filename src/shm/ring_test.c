/* SPDX-License-Identifier: MIT */

/*
 * Tests of shm/ring: whole records in order whatever the sizes, room that is never overestimated,
 * nothing half-written after a kill, and a partner that lies found out by its first lie.
 */

#include "shm/ring.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/atomic.h"
#include "base/attribute.h"

enum {
	SIZE = 1024,
	N_RANDOM = 200000,
	N_KILLS = 30,
};

/* hot() - ck_assert() notes each place it passes in a file, which is too slow where it passes
 * millions */
#define hot(x) ((x) ? (void)0 : ck_abort_msg("%s", #x))

/* Both ends over one memory; the words are where the partners' control lines would have them. */
struct pair {
	_Atomic uint64_t produced, consumed;
	struct ring_out out;
	struct ring_in in;
	_Alignas(RING_ALIGN) uint8_t bytes[SIZE];
};

static struct pair *pair;

static void
setup(void)
{
	pair = mmap(NULL, sizeof(*pair), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(pair, MAP_FAILED);
	pair->out = (struct ring_out){
		.base = pair->bytes,
		.size = SIZE,
		.produced = &pair->produced,
		.consumed = &pair->consumed,
	};
	pair->in = (struct ring_in){
		.base = pair->bytes,
		.size = SIZE,
		.produced = &pair->produced,
		.consumed = &pair->consumed,
	};
}

static void
teardown(void)
{
	(void)munmap(pair, sizeof(*pair));
}

/* put() - a record whose bytes are all its number's; tag says the number too */
static void
put(uint32_t size, uint16_t number)
{
	struct shm_ring_record record = {.size = size, .tag = number, .flags = 7};
	uint8_t *to;

	hot(ring_out_room(&pair->out, size, 0) == 1);
	to = ring_out_begin(&pair->out, size);
	memset(to, (uint8_t)number, size);
	memcpy(to, &record, sizeof(record));
	ring_out_end(&pair->out, size);
}

/* get() - the next record, which must be this one */
static void
get(uint32_t size, uint16_t number)
{
	struct shm_ring_record record;
	const uint8_t *bytes;

	hot(ring_in_look(&pair->in) == 1);
	hot(ring_in_peek(&pair->in, &record, &bytes) == 1);
	hot(record.size == size);
	hot(record.tag == number);
	hot(record.flags == 7);
	for (uint32_t i = sizeof(record); i < size; i++)
		hot(bytes[i] == (uint8_t)number);
	ring_in_pop(&pair->in, size);
}

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

START_TEST(empty_has_nothing)
{
	struct shm_ring_record record;
	const uint8_t *bytes;

	ck_assert(ring_out_valid(&pair->out));
	ck_assert(ring_in_valid(&pair->in));
	ck_assert_int_eq(ring_in_look(&pair->in), 0);
	ck_assert_int_eq(ring_in_peek(&pair->in, &record, &bytes), 0);
	ck_assert(ring_in_is_empty(&pair->in));
	ck_assert(!ring_in_publish(&pair->in));
	ck_assert_int_eq(ring_out_room(&pair->out, SIZE, 0), 1);
	ck_assert_int_eq(ring_out_room(&pair->out, SIZE, RING_ALIGN), 0);
}
END_TEST

START_TEST(begun_is_not_seen)
{
	memset(ring_out_begin(&pair->out, 64), 0xff, 64);
	ck_assert_int_eq(ring_in_look(&pair->in), 0);
	put(64, 1); /* the same place again: nothing had been published */
	get(64, 1);
}
END_TEST

START_TEST(full_waits_for_published_consumption)
{
	for (uint16_t i = 0; i < SIZE / 64; i++) {
		ck_assert_int_eq(ring_out_room(&pair->out, 64, 0), 1);
		put(64, i);
	}
	ck_assert_uint_eq(ring_out_used(&pair->out), SIZE);
	ck_assert_int_eq(ring_out_room(&pair->out, 16, 0), 0);
	get(64, 0);
	ck_assert_int_eq(ring_out_room(&pair->out, 16, 0), 0); /* taken, not told */
	ck_assert(ring_in_publish(&pair->in));
	ck_assert(!ring_in_publish(&pair->in));
	ck_assert_int_eq(ring_out_room(&pair->out, 64, 0), 1);
	ck_assert_int_eq(ring_out_room(&pair->out, 64, 16), 0); /* the reserve counts */
	ck_assert_int_eq(ring_out_room(&pair->out, 80, 0), 0);
	put(64, 99);
	for (uint16_t i = 1; i < SIZE / 64; i++)
		get(64, i);
	get(64, 99);
}
END_TEST

START_TEST(no_record_is_split)
{
	struct shm_ring_record pad;

	put(SIZE - 48, 1);
	get(SIZE - 48, 1);
	(void)ring_in_publish(&pair->in);
	/* 48 bytes are left before the end: 64 need a pad, and room for it */
	ck_assert_int_eq(ring_out_room(&pair->out, 64, SIZE - 64 - 48), 1);
	ck_assert_int_eq(ring_out_room(&pair->out, 64, SIZE - 64 - 32), 0);
	put(64, 2);
	memcpy(&pad, pair->bytes + SIZE - 48, sizeof(pad));
	ck_assert_uint_eq(pad.tag, RING_PAD);
	ck_assert_uint_eq(pad.size, 48);
	ck_assert_uint_eq(pair->produced, SIZE + 64);
	get(64, 2);
	(void)ring_in_publish(&pair->in);
	put(SIZE - 64, 3); /* ends just at the end: no pad */
	ck_assert_uint_eq(pair->produced, 2 * SIZE);
	get(SIZE - 64, 3);
}
END_TEST

START_TEST(positions_are_long)
{
	uint64_t at = (UINT64_C(1) << 32) - 512; /* then over 32 bits; 64 last for ever */

	pair->out.head = pair->out.tail = pair->out.published = at;
	pair->in.tail = pair->in.seen = pair->in.published = at;
	pair->produced = pair->consumed = at;
	for (uint16_t i = 0; i < 12; i++) {
		put(112, i);
		get(112, i);
		ck_assert(ring_in_valid(&pair->in));
		ck_assert(ring_out_valid(&pair->out));
		(void)ring_in_publish(&pair->in);
	}
}
END_TEST

/* Random sizes, random turns; a list of numbers is the model. */
START_TEST(random_sizes_stay_in_order)
{
	uint64_t random = (uint64_t)_i + 1;
	uint32_t sizes[SIZE / RING_ALIGN];
	uint64_t n_put = 0, n_got = 0;

	for (int i = 0; i < N_RANDOM; i++) {
		uint32_t size = (uint32_t)(1 + next_random(&random) % 16) * RING_ALIGN;
		uint32_t reserve = (uint32_t)(next_random(&random) % 4) * RING_ALIGN;

		if (next_random(&random) % 2 && ring_out_room(&pair->out, size, reserve) == 1) {
			sizes[n_put % ARRAY_SIZE(sizes)] = size;
			put(size, (uint16_t)(n_put & 0x7fff));
			n_put++;
			hot(ring_out_used(&pair->out) + reserve <= SIZE);
		} else if (n_got < n_put) {
			get(sizes[n_got % ARRAY_SIZE(sizes)], (uint16_t)(n_got & 0x7fff));
			n_got++;
		}
		if (next_random(&random) % 3 == 0)
			(void)ring_in_publish(&pair->in);
		hot(ring_out_valid(&pair->out));
		hot(ring_in_valid(&pair->in));
	}
	ck_assert_uint_gt(n_got, N_RANDOM / 8);
}
END_TEST

/* --- lies --- */

START_TEST(consumed_that_lies)
{
	static const int64_t lies[] = {-1, -16, -64, 16, 1, SIZE, INT64_MAX, INT64_MIN};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint64_t base = 4096; /* 64 bytes are out, consumed up to here */
		struct ring_out before;

		pair->out.head = pair->out.published = base + SIZE - 64;
		pair->out.tail = base;
		pair->produced = pair->out.head;
		pair->consumed =
			lies[i] > 0 ? pair->out.head + (uint64_t)lies[i] : base + (uint64_t)lies[i];
		before = pair->out;
		ck_assert_int_eq(ring_out_room(&pair->out, 128, 0), -EBADMSG);
		ck_assert_int_eq(ring_out_look(&pair->out), -EBADMSG);
		ck_assert_mem_eq(&before, &pair->out, sizeof(before)); /* not believed */
	}
}
END_TEST

START_TEST(produced_that_lies)
{
	static const int64_t lies[] = {-1, -16, -64, 1, 8, SIZE + 16, INT64_MAX, INT64_MIN};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct ring_in before;

		pair->in.tail = pair->in.seen = pair->in.published = 4096;
		pair->produced = 4096 + (uint64_t)lies[i];
		before = pair->in;
		ck_assert_int_eq(ring_in_look(&pair->in), -EBADMSG);
		ck_assert_mem_eq(&before, &pair->in, sizeof(before));
	}
}
END_TEST

START_TEST(sizes_that_lie)
{
	static const uint32_t lies[] = {
		0, 1, 15, 17, 63, 80, 96, SIZE, SIZE + 16, UINT32_MAX, UINT32_MAX - 15, 1u << 31};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(lies); i++) {
		struct shm_ring_record record = {
			.size = lies[i / 2],
			.tag = i % 2 ? RING_PAD : 1,
		};
		const uint8_t *bytes;

		teardown();
		setup();
		put(64, 1); /* 64 bytes are there */
		memcpy(pair->bytes, &record, sizeof(record));
		ck_assert_int_eq(ring_in_look(&pair->in), 1);
		ck_assert_int_eq(ring_in_peek(&pair->in, &record, &bytes), -EBADMSG);
		ck_assert_uint_eq(pair->in.tail, 0);
	}
}
END_TEST

START_TEST(record_past_the_end)
{
	struct shm_ring_record record = {.size = 64, .tag = 1};
	const uint8_t *bytes;

	/* 32 bytes before the end of the memory; as much was produced as it says */
	pair->in.tail = pair->in.seen = pair->in.published = SIZE - 32;
	memcpy(pair->bytes + SIZE - 32, &record, sizeof(record));
	pair->produced = SIZE + 32;
	ck_assert_int_eq(ring_in_look(&pair->in), 1);
	ck_assert_int_eq(ring_in_peek(&pair->in, &record, &bytes), -EBADMSG);
}
END_TEST

/* Whatever stands in the memory and the words: an answer, no more than the ring read, valid ends.
 */
START_TEST(garbage_is_survived)
{
	uint64_t random = (uint64_t)_i + 77;

	for (int i = 0; i < 20000; i++) {
		struct shm_ring_record record;
		const uint8_t *bytes;
		int r;

		if (i % 50 == 0) {
			teardown();
			setup();
		}
		for (int k = 0; k < 40; k++) {
			struct shm_ring_record garbage = {
				.size = (uint32_t)next_random(&random) % 160,
				.tag = next_random(&random) % 3 ? 1 : RING_PAD,
			};

			memcpy(pair->bytes + next_random(&random) % (SIZE / 8) * 8, &garbage, 8);
		}
		pair->produced = pair->in.seen + next_random(&random) % 8 * RING_ALIGN;
		if (ring_in_look(&pair->in) < 0)
			continue;
		while ((r = ring_in_peek(&pair->in, &record, &bytes)) == 1) {
			hot(bytes >= pair->bytes);
			hot(bytes + record.size <= pair->bytes + SIZE);
			ring_in_pop(&pair->in, record.size);
		}
		hot(r == 0 || r == -EBADMSG);
		hot(ring_in_valid(&pair->in));
	}
}
END_TEST

START_TEST(valid_is_total)
{
	uint64_t random = 5;
	int n_valid = 0;

	for (int i = 0; i < 100000; i++) {
		struct ring_out out = pair->out;
		struct ring_in in = pair->in;
		uint8_t *bytes = i % 2 ? (uint8_t *)&out : (uint8_t *)&in;

		bytes[next_random(&random) % (i % 2 ? sizeof(out) : sizeof(in))] ^=
			(uint8_t)(1u << next_random(&random) % 8);
		n_valid += i % 2 ? ring_out_valid(&out) : ring_in_valid(&in);
	}
	ck_assert_int_lt(n_valid, 100000);
	pair->out.size = 1000;
	ck_assert(!ring_out_valid(&pair->out));
	pair->in.size = 0;
	ck_assert(!ring_in_valid(&pair->in));
	ck_assert(!ring_out_valid(&(struct ring_out){0}));
	ck_assert(!ring_in_valid(&(struct ring_in){0}));
	teardown();
	setup();
	pair->out.produced = NULL;
	ck_assert(!ring_out_valid(&pair->out));
	pair->in.consumed = NULL;
	ck_assert(!ring_in_valid(&pair->in));
	pair->in.produced = NULL;
	ck_assert(!ring_in_valid(&pair->in));
}
END_TEST

/* Whoever is not told what is consumed has one ring full, and no more. */
START_TEST(nobody_tells_what_is_consumed)
{
	pair->out.consumed = NULL;
	put(SIZE, 1);
	ck_assert_int_eq(ring_out_look(&pair->out), 0);
	ck_assert_int_eq(ring_out_room(&pair->out, RING_ALIGN, 0), 0);
}
END_TEST

/* --- two at once --- */

enum {
	N_FLOW = 50000,
};

static uint32_t
flow_size(uint64_t i)
{
	return (uint32_t)(1 + i * 7 % 13) * RING_ALIGN;
}

static void *
produce(void *unused)
{
	for (uint64_t i = 0; i < N_FLOW; i++) {
		int r;

		while ((r = ring_out_room(&pair->out, flow_size(i), 0)) == 0)
			(void)sched_yield();
		hot(r == 1);
		put(flow_size(i), (uint16_t)(i & 0x7fff));
	}
	return NULL;
}

START_TEST(both_at_once)
{
	pthread_t producer;

	hot(pthread_create(&producer, NULL, produce, NULL) == 0);
	for (uint64_t i = 0; i < N_FLOW; i++) {
		while (ring_in_look(&pair->in) == 0)
			(void)sched_yield();
		get(flow_size(i), (uint16_t)(i & 0x7fff));
		(void)ring_in_publish(&pair->in);
	}
	hot(pthread_join(producer, NULL) == 0);
}
END_TEST

/* A producer killed anywhere leaves whole records, and as many as it published. */
START_TEST(killed_producer_leaves_nothing_half)
{
	for (int k = 0; k < N_KILLS; k++) {
		uint64_t n = 0;
		pid_t pid;

		teardown();
		setup();
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			for (uint64_t i = 0;; i++) {
				while (ring_out_room(&pair->out, flow_size(i), 0) == 0)
					(void)sched_yield();
				put(flow_size(i), (uint16_t)(i & 0x7fff));
			}
		}
		while (n < 50 + (uint64_t)k * 37) { /* some way, each time another */
			if (ring_in_look(&pair->in) == 0)
				(void)sched_yield();
			for (; !ring_in_is_empty(&pair->in); n++)
				get(flow_size(n), (uint16_t)(n & 0x7fff));
			(void)ring_in_publish(&pair->in);
		}
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		ck_assert_int_ge(ring_in_look(&pair->in), 0);
		for (; !ring_in_is_empty(&pair->in); n++)
			get(flow_size(n), (uint16_t)(n & 0x7fff));
		ck_assert_uint_eq(pair->in.tail, pair->produced);
		ck_assert(ring_in_valid(&pair->in));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tcase = tcase_create("ring");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, empty_has_nothing);
	tcase_add_test(tcase, begun_is_not_seen);
	tcase_add_test(tcase, full_waits_for_published_consumption);
	tcase_add_test(tcase, no_record_is_split);
	tcase_add_test(tcase, positions_are_long);
	tcase_add_loop_test(tcase, random_sizes_stay_in_order, 0, 4);
	tcase_add_test(tcase, consumed_that_lies);
	tcase_add_test(tcase, produced_that_lies);
	tcase_add_test(tcase, sizes_that_lie);
	tcase_add_test(tcase, record_past_the_end);
	tcase_add_loop_test(tcase, garbage_is_survived, 0, 4);
	tcase_add_test(tcase, valid_is_total);
	tcase_add_test(tcase, nobody_tells_what_is_consumed);
	tcase_add_test(tcase, both_at_once);
	tcase_add_test(tcase, killed_producer_leaves_nothing_half);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
