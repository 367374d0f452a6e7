/* SPDX-License-Identifier: MIT */

#include <check.h>

#include "shm/map.h"

START_TEST(test_put_get_remove)
{
	struct map map = MAP_INIT;

	ck_assert_ptr_null(map_get(&map, 7));
	ck_assert(!map_remove(&map, 7));
	ck_assert_int_eq(map_put(&map, 7, 70), 0);
	ck_assert_int_eq(map_put(&map, 8, 80), 0);
	ck_assert_int_eq(map_put(&map, 7, 71), 0);
	ck_assert_uint_eq(map.n, 2);
	ck_assert_uint_eq(*map_get(&map, 7), 71);
	ck_assert(map_remove(&map, 7));
	ck_assert_ptr_null(map_get(&map, 7));
	ck_assert_ptr_null(map_get(&map, 0));
	ck_assert_uint_eq(*map_get(&map, 8), 80);
	map_deinit(&map);
}
END_TEST

/* Random changes beside a plain array that says what must be there. */
START_TEST(test_against_array)
{
	enum { N = 512 };
	uint64_t expected[N] = {0};
	struct map map = MAP_INIT;

	srand(1);
	for (int round = 0; round < 100000; round++) {
		/* Mostly growing in one half of the rounds, mostly shrinking in the other. */
		bool adding = rand() % 8 < (round / 10000 % 2 ? 2 : 6);
		size_t i = 1 + (size_t)rand() % (N - 1);
		uint64_t *value;

		if (adding)
			ck_assert_int_eq(map_put(&map, i, (uint64_t)round + 1), 0);
		else
			ck_assert_int_eq(map_remove(&map, i), expected[i] != 0);
		expected[i] = adding ? (uint64_t)round + 1 : 0;
		i = 1 + (size_t)rand() % (N - 1);
		value = map_get(&map, i);
		ck_assert_uint_eq(value ? *value : 0, expected[i]);
		if (round % 1000 == 0)
			ck_assert(map_valid(&map));
	}
	map_deinit(&map);
}
END_TEST

START_TEST(test_shrinks)
{
	struct map map = MAP_INIT;

	for (uint64_t key = 1; key <= 10000; key++)
		ck_assert_int_eq(map_put(&map, key, key), 0);
	for (uint64_t key = 1; key <= 10000; key++)
		ck_assert(map_remove(&map, key));
	ck_assert_uint_eq(map.n, 0);
	ck_assert_uint_le(map.capacity, 16);
	ck_assert(map_valid(&map));
	map_deinit(&map);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("map");
	TCase *tcase = tcase_create("map");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, test_put_get_remove);
	tcase_add_test(tcase, test_against_array);
	tcase_add_test(tcase, test_shrinks);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
