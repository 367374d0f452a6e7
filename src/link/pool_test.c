/* SPDX-License-Identifier: MIT */

/*
 * Tests of link/pool: blocks that never overlap and hold what was written, neighbours that merge
 * again, segments that go when nothing is out, and a charge that is given back to the byte.
 */

#include "link/pool.h"

#include <check.h>
#include <dirent.h>

#include "base/attribute.h"
#include "link/endpoint.h"

static struct endpoint endpoint;
static struct pool pool;
static int n_fds_before;

static int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void
setup(void)
{
	n_fds_before = count_fds();
	ck_assert_int_eq(endpoint_init(&endpoint), 0);
	pool = POOL_INIT(&endpoint);
}

static void
teardown(void)
{
	pool_deinit(&pool);
	ck_assert_uint_eq(endpoint.pool_bytes, 0);
	endpoint_deinit(&endpoint);
	ck_assert_int_eq(count_fds(), n_fds_before);
}

static struct block *
take(uint64_t size)
{
	struct block *block = NULL;

	ck_assert_int_eq(pool_take(&pool, size, &block), 0);
	ck_assert_uint_ge(block->size, size);
	ck_assert_ptr_eq(block->memory, block->segment->memory.base + block->offset);
	ck_assert_uint_le(block->offset + block->size, block->segment->memory.size);
	return block;
}

static unsigned int
n_segments(void)
{
	unsigned int n = 0;

	for (struct pool_segment *segment = pool.segments; segment; segment = segment->next)
		n++;
	return n;
}

START_TEST(a_block_of_any_size)
{
	static const uint64_t sizes[] = {0, 1, POOL_BLOCK_MIN, POOL_BLOCK_MIN + 1, 4096, 65536,
		65537, 1u << 20, POOL_BLOCK_MAX, POOL_BLOCK_MAX + 1, 40u << 20};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct block *block = take(sizes[i]);

		memset(block->memory, 0xa5, sizes[i]);
		ck_assert_ptr_null(block_unref(block));
	}
	ck_assert_ptr_null(block_unref(NULL));
}
END_TEST

START_TEST(what_is_refused)
{
	struct block *block = NULL;

	ck_assert_int_eq(pool_take(&pool, POOL_PART_MAX + 1, &block), -E2BIG);
	ck_assert_int_eq(pool_take(&pool, UINT64_MAX, &block), -E2BIG);
	ck_assert_ptr_null(block);
	ck_assert_uint_eq(endpoint.pool_bytes, 0);
}
END_TEST

START_TEST(the_charge_is_one_for_all)
{
	struct pool other = POOL_INIT(&endpoint);
	struct block *large, *block = NULL;

	endpoint.pool_bytes += POOL_BYTES_MAX - POOL_PART_MAX; /* as if so much were out */
	large = take(1000u << 20);
	ck_assert_int_eq(pool_take(&pool, 30u << 20, &block), -EDQUOT);
	ck_assert_int_eq(pool_take(&other, 30u << 20, &block), -EDQUOT);
	ck_assert_int_eq(pool_take(&other, 4096, &block), 0);
	ck_assert_ptr_null(block_unref(block));
	ck_assert_ptr_null(block_unref(large));
	ck_assert_int_eq(pool_take(&other, 30u << 20, &block), 0);
	ck_assert_ptr_null(block_unref(block));
	endpoint.pool_bytes -= POOL_BYTES_MAX - POOL_PART_MAX;
	pool_deinit(&other);
}
END_TEST

START_TEST(large_blocks_have_a_segment_of_their_own)
{
	struct block *block = take(POOL_BLOCK_MAX + 1);

	ck_assert_uint_eq(n_segments(), 0);
	ck_assert_uint_ge(endpoint.pool_bytes, POOL_BLOCK_MAX + 1);
	ck_assert_ptr_null(block_unref(block));
	ck_assert_uint_eq(endpoint.pool_bytes, 0); /* it went at once */
}
END_TEST

START_TEST(neighbours_merge)
{
	struct block *blocks[POOL_SEGMENT_MIN / POOL_BLOCK_MIN], *all;

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = take(POOL_BLOCK_MIN);
	ck_assert_uint_eq(n_segments(), 1); /* full to the last byte */
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i += 2)
		(void)block_unref(blocks[i]);
	for (size_t i = 1; i < ARRAY_SIZE(blocks); i += 2)
		(void)block_unref(blocks[i]);
	all = take(POOL_SEGMENT_MIN);
	ck_assert_uint_eq(n_segments(), 1); /* one run again */
	ck_assert_ptr_null(block_unref(all));
}
END_TEST

START_TEST(segments_grow_and_retire)
{
	struct block *blocks[64];

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = take(POOL_SEGMENT_MIN);
	ck_assert_uint_gt(n_segments(), 1);
	ck_assert_uint_lt(n_segments(), 10); /* each doubles the last */
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		(void)block_unref(blocks[ARRAY_SIZE(blocks) - 1 - i]);
	ck_assert_uint_le(n_segments(), 2); /* the first and the one used last are kept for the next */
}
END_TEST

/* Whatever the order in which they come back, the first segment and one more stay at most. */
START_TEST(segments_retire_in_any_order)
{
	struct block *blocks[64];

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = take(POOL_SEGMENT_MIN);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		(void)block_unref(blocks[_i ? i : i * 37 % ARRAY_SIZE(blocks)]);
	ck_assert_uint_le(n_segments(), 2);
}
END_TEST

/* A large block now and then, beside small ones: its segment is not made anew each time. */
START_TEST(a_segment_that_is_used_again_stays)
{
	struct block *small = take(POOL_BLOCK_MIN), *large = take(POOL_SEGMENT_MIN * 4);
	uint32_t id = large->segment->id;

	for (size_t i = 0; i < 8; i++) {
		(void)block_unref(large);
		(void)block_unref(small);
		small = take(POOL_BLOCK_MIN);
		large = take(POOL_SEGMENT_MIN * 4);
		ck_assert_uint_eq(large->segment->id, id);
	}
	(void)block_unref(large);
	(void)block_unref(small);
}
END_TEST

START_TEST(numbers_are_never_used_twice)
{
	uint32_t last = 0;

	for (int i = 0; i < 100; i++) {
		struct block *block = take(POOL_BLOCK_MAX + 1);

		ck_assert_uint_gt(block->segment->id, last);
		last = block->segment->id;
		(void)block_unref(block);
	}
	endpoint.last_segment = UINT32_MAX;
	ck_assert_uint_eq(endpoint_next_segment(&endpoint), 1); /* 0 means: in the record */
}
END_TEST

START_TEST(references_are_counted)
{
	struct block *block = take(POOL_BLOCK_MAX + 1);

	ck_assert_ptr_eq(block_ref(block), block);
	ck_assert_ptr_null(block_unref(block));
	ck_assert_uint_gt(endpoint.pool_bytes, 0);
	ck_assert_ptr_null(block_unref(block));
	ck_assert_uint_eq(endpoint.pool_bytes, 0);
}
END_TEST

START_TEST(blocks_outlive_their_pool)
{
	struct block *small = take(4096), *large = take(1u << 20);

	memset(small->memory, 1, 4096);
	pool_deinit(&pool);
	ck_assert_uint_eq(n_segments(), 0);
	memset(large->memory, 2, 1u << 20);
	ck_assert_uint_eq(small->memory[4095], 1);
	(void)block_unref(large);
	ck_assert_uint_gt(endpoint.pool_bytes, 0);
	(void)block_unref(small);
	ck_assert_uint_eq(endpoint.pool_bytes, 0);
}
END_TEST

/* --- against a model: every byte of every block is its own --- */

enum {
	N_STEPS = 20000,
	N_OUT = 200,
};

struct piece {
	struct block *block;
	uint64_t size;
	uint8_t mark;
};

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static void
check_piece(const struct piece *piece)
{
	const uint8_t *bytes = piece->block->memory;
	bool whole = piece->size == 0 ||
		     (bytes[0] == piece->mark && memcmp(bytes, bytes + 1, piece->size - 1) == 0);

	if (!whole)
		ck_abort_msg("a block of %lu bytes was written over", (unsigned long)piece->size);
}

static uint64_t
random_size(uint64_t *random)
{
	uint64_t order = next_random(random) % 15; /* many small ones, some up to 64 KiB */

	return next_random(random) % (8u << order) + 1;
}

START_TEST(random_blocks_never_overlap)
{
	uint64_t random = (uint64_t)_i + 1, n_left = 0;
	struct piece pieces[N_OUT] = {0};

	for (int i = 0; i < N_STEPS; i++) {
		struct piece *piece = &pieces[next_random(&random) % N_OUT];

		if (piece->block) {
			check_piece(piece);
			piece->block = block_unref(piece->block);
			continue;
		}
		piece->size = random_size(&random);
		piece->mark = (uint8_t)next_random(&random);
		if (pool_take(&pool, piece->size, &piece->block) < 0)
			ck_abort_msg("no memory");
		memset(piece->block->memory, piece->mark, piece->size);
	}
	for (int i = 0; i < N_OUT; i++) {
		if (!pieces[i].block)
			continue;
		check_piece(&pieces[i]);
		n_left++;
		(void)block_unref(pieces[i].block);
	}
	ck_assert_uint_gt(n_left, 0);
	ck_assert_uint_le(n_segments(), 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pool");
	TCase *tcase = tcase_create("pool");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_block_of_any_size);
	tcase_add_test(tcase, what_is_refused);
	tcase_add_test(tcase, the_charge_is_one_for_all);
	tcase_add_test(tcase, large_blocks_have_a_segment_of_their_own);
	tcase_add_test(tcase, neighbours_merge);
	tcase_add_test(tcase, segments_grow_and_retire);
	tcase_add_loop_test(tcase, segments_retire_in_any_order, 0, 2);
	tcase_add_test(tcase, a_segment_that_is_used_again_stays);
	tcase_add_test(tcase, numbers_are_never_used_twice);
	tcase_add_test(tcase, references_are_counted);
	tcase_add_test(tcase, blocks_outlive_their_pool);
	tcase_add_loop_test(tcase, random_blocks_never_overlap, 0, 4);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
