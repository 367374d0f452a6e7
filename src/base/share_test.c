/* SPDX-License-Identifier: MIT */

/* share: what each of several users may have, and that nobody is kept out */

#include <check.h>
#include <stdlib.h>

#include "base/attribute.h"
#include "base/share.h"

enum {
	N = 16,
};

static struct budget budget;
static struct share users[N];

static void
begin(uint64_t max, uint32_t expected)
{
	budget = (struct budget){.max = max, .expected = expected};
	for (size_t i = 0; i < N; i++)
		users[i] = (struct share){.budget = &budget};
}

static void
fill(struct share *share)
{
	while (share_has(share, 1))
		share_take(share, 1);
}

START_TEST(halves_and_thirds)
{
	static const uint64_t parts[] = {60, 20, 10};

	begin(120, 1);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		ck_assert_uint_eq(share_max(&users[i]), parts[i]);
		ck_assert(share_has(&users[i], parts[i]));
		ck_assert(!share_has(&users[i], parts[i] + 1));
		fill(&users[i]);
		ck_assert_uint_eq(users[i].used, parts[i]);
	}
	ck_assert_uint_eq(budget.n, 3);
	ck_assert_uint_eq(budget.used, 90);
}
END_TEST

START_TEST(one_user_alone)
{
	begin(100, 0);
	fill(&users[0]);
	ck_assert_uint_eq(users[0].used, 100);
	begin(100, 1);
	fill(&users[0]);
	ck_assert_uint_eq(users[0].used, 50);
}
END_TEST

/* Whoever comes gets 1/(n (n + 1)) at least, after all before took what they could. */
START_TEST(nobody_is_kept_out)
{
	begin(100000, 1);
	for (uint64_t n = 1; n <= N; n++) {
		fill(&users[n - 1]);
		ck_assert_uint_ge(users[n - 1].used, budget.max / (n * (n + 1)) - n);
		ck_assert_uint_le(budget.used, budget.max);
	}
}
END_TEST

START_TEST(who_has_too_much_gets_no_more)
{
	begin(120, 1);
	fill(&users[0]);
	fill(&users[1]);
	ck_assert(!share_has(&users[0], 0)); /* 60 of 100, by three */
	share_give(&users[0], 40);
	ck_assert(share_has(&users[0], 1));
	share_give(&users[0], 20);
	ck_assert_uint_eq(budget.n, 1);
	share_give(&users[1], 20);
	ck_assert_uint_eq(budget.n, 0);
	ck_assert_uint_eq(budget.used, 0);
}
END_TEST

START_TEST(at_random)
{
	uint64_t sum;
	uint32_t n;

	srand(1);
	begin(1000, 1);
	for (int i = 0; i < 100000; i++) {
		struct share *share = &users[rand() % N];
		uint64_t amount = (uint64_t)rand() % 100;

		if (rand() % 2 && share_has(share, amount))
			share_take(share, amount);
		else if (share->used)
			share_give(share, (uint64_t)rand() % (share->used + 1));
		sum = n = 0;
		for (size_t j = 0; j < N; j++) {
			sum += users[j].used;
			n += users[j].used > 0;
		}
		ck_assert_uint_eq(sum, budget.used);
		ck_assert_uint_eq(n, budget.n);
		ck_assert_uint_le(sum, budget.max);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("share");
	TCase *tcase = tcase_create("share");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, halves_and_thirds);
	tcase_add_test(tcase, one_user_alone);
	tcase_add_test(tcase, nobody_is_kept_out);
	tcase_add_test(tcase, who_has_too_much_gets_no_more);
	tcase_add_test(tcase, at_random);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
