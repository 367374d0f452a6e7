/* SPDX-License-Identifier: MIT */

/* Tests of link-send: what a record is planned to take, of which no part is counted short. */

#include "link/link.h"
#include "shm/ring.h"

#include <check.h>

/* planned() - the size of a record with these parts, none of them in a block */
static uint32_t
planned(const uint64_t *sizes, uint8_t n_parts, struct outgoing *ret)
{
	static struct out_part parts[WIRE_MAX_PARTS];

	for (uint8_t i = 0; i < n_parts; i++)
		parts[i] = (struct out_part){.bytes = "", .size = sizes[i]};
	*ret = (struct outgoing){.header = {.n_parts = n_parts}, .parts = parts};
	return link_plan(ret);
}

START_TEST(one_part_needs_no_table)
{
	struct outgoing out;

	ck_assert_uint_eq(planned((uint64_t[]){5}, 1, &out), 96); /* 80 + 3 NULs, to 88, and 5 */
	ck_assert(out.header.flags & WIRE_INLINE);
	ck_assert_uint_eq(out.header.inline_size, 5);
}
END_TEST

START_TEST(several_parts_are_padded)
{
	struct outgoing out;

	ck_assert_uint_eq(planned((uint64_t[]){5, 8, 0}, 3, &out), 88 + 3 * 32 + 24); /* 8 to align */
	ck_assert(!(out.header.flags & WIRE_INLINE));
	ck_assert_uint_eq(out.header.inline_size, 16);
}
END_TEST

START_TEST(what_a_word_cannot_count_fits_in_no_ring)
{
	const uint64_t word = UINT64_C(1) << 32;
	struct outgoing out;

	ck_assert_uint_gt(planned((uint64_t[]){word}, 1, &out), LINK_MAX_RING);
	ck_assert_uint_gt(planned((uint64_t[]){word - 1}, 1, &out), LINK_MAX_RING);
	ck_assert_uint_gt(planned((uint64_t[]){word + 16}, 1, &out), LINK_MAX_RING);
	ck_assert_uint_gt(planned((uint64_t[]){word / 2, word / 2}, 2, &out), LINK_MAX_RING);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-send");
	TCase *tcase = tcase_create("plan");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, one_part_needs_no_table);
	tcase_add_test(tcase, several_parts_are_padded);
	tcase_add_test(tcase, what_a_word_cannot_count_fits_in_no_ring);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
