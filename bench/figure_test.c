/* SPDX-License-Identifier: MIT */

/* figure: what the bench makes of many times, and of many repeats */

#include <check.h>

#include "hist.h"
#include "report.h"

static struct hist hist;

START_TEST(an_empty_histogram_has_no_quantile)
{
	ck_assert_uint_eq(hist_quantile(&hist, 0.5), 0);
}
END_TEST

START_TEST(short_times_are_exact)
{
	for (uint64_t i = 1; i <= 1000; i++)
		hist_add(&hist, i);
	ck_assert_uint_eq(hist_quantile(&hist, 0.5), 500);
	ck_assert_uint_eq(hist_quantile(&hist, 0.99), 990);
	ck_assert_uint_eq(hist_quantile(&hist, 0.999), 999);
	ck_assert_uint_eq(hist_quantile(&hist, 1), 1000);
}
END_TEST

START_TEST(long_times_are_at_most_two_in_a_thousand_low)
{
	for (uint64_t value = 1024; value < UINT64_C(1) << 40; value += value / 3) {
		uint64_t found;

		memset(&hist, 0, sizeof(hist));
		hist_add(&hist, value);
		found = hist_quantile(&hist, 0.5);
		ck_assert_uint_le(found, value);
		ck_assert_uint_le(value - found, value / 500);
	}
}
END_TEST

START_TEST(slots_rise_with_the_value_and_end)
{
	uint32_t before = 0;

	for (unsigned int bit = 1; bit < 64; bit++) {
		ck_assert_uint_ge(hist_slot(UINT64_C(1) << bit), before);
		before = hist_slot((UINT64_C(1) << bit) + 1);
		ck_assert_uint_lt(before, HIST_N_SLOTS);
	}
	ck_assert_uint_eq(hist_slot(UINT64_MAX), HIST_N_SLOTS - 1);
	ck_assert_uint_eq(hist_slot((UINT64_C(1) << HIST_MAX_BITS) - 1), HIST_N_SLOTS - 1);
}
END_TEST

START_TEST(two_in_a_thousand_show_in_p999_only)
{
	for (int i = 0; i < 998; i++)
		hist_add(&hist, 10);
	hist_add(&hist, 900);
	hist_add(&hist, 900);
	ck_assert_uint_eq(hist_quantile(&hist, 0.99), 10);
	ck_assert_uint_eq(hist_quantile(&hist, 0.999), 900);
}
END_TEST

START_TEST(a_median_sorts_and_halves)
{
	double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};

	ck_assert(report_median(odd, 3) == 2.0);
	ck_assert(odd[0] == 1.0 && odd[2] == 3.0);
	ck_assert(report_median(even, 4) == 2.5);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bench figures");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 10);
	tcase_add_test(tcase, an_empty_histogram_has_no_quantile);
	tcase_add_test(tcase, short_times_are_exact);
	tcase_add_test(tcase, long_times_are_at_most_two_in_a_thousand_low);
	tcase_add_test(tcase, slots_rise_with_the_value_and_end);
	tcase_add_test(tcase, two_in_a_thousand_show_in_p999_only);
	tcase_add_test(tcase, a_median_sorts_and_halves);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
