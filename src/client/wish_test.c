/* SPDX-License-Identifier: MIT */

#include <check.h>

#include "base/attribute.h"
#include "client/wish.h"
#include "tern/event.h"

#define MS UINT64_C(1000000)

/* What makes no sense is as if it were not said, however large. */
START_TEST(hostile)
{
	struct wish wish = wish_of(1, TERN_LATEST, UINT32_MAX, UINT32_MAX);

	ck_assert_uint_eq(wish.queue, WISH_MAX_QUEUE);
	ck_assert_uint_eq(wish.interval, 0);
	wish = wish_of(1, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	ck_assert_uint_eq(wish.policy, TERN_DROP_NEWEST);
	ck_assert_uint_eq(wish.queue, WISH_MAX_QUEUE);
	wish = wish_of(1, TERN_DROP_OLDEST, 0, 0);
	ck_assert_uint_eq(wish.queue, WISH_QUEUE);
	ck_assert_uint_eq(wish_of(1, TERN_WAIT, 0, 1).interval, 0);
	ck_assert_uint_eq(wish_of(1, TERN_DISCONNECT, 0, 1).interval, 0);
	ck_assert_uint_eq(wish_of(1, TERN_LATEST, 0, 100).interval, 10 * MS);
}
END_TEST

static struct wish
merged(struct wish a, struct wish b)
{
	struct wish ab = a, ba = b;

	wish_merge(&ab, &b);
	wish_merge(&ba, &a);
	ck_assert_uint_eq(ab.rule, ba.rule);
	ck_assert_uint_eq(ab.interval, ba.interval);
	ck_assert_uint_eq(ab.queue, ba.queue);
	ck_assert_uint_eq(ab.policy, ba.policy);
	ck_assert_uint_eq(ab.is_loud, ba.is_loud);
	return ab;
}

/* Each policy gives way to the one that preserves more. */
START_TEST(most_preserving)
{
	static const uint32_t order[] = {
		TERN_DISCONNECT, TERN_DROP_NEWEST, TERN_LATEST, TERN_DROP_OLDEST, TERN_WAIT};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t j = 0; j < ARRAY_SIZE(order); j++) {
			struct wish wish = merged(wish_of(i + 1, order[i], 3, 0), wish_of(j + 1, order[j], 3, 0));

			ck_assert_uint_eq(wish.policy, order[MAX(i, j)]);
			ck_assert_uint_eq(wish.rule, MAX(i, j) + 1);
			ck_assert_uint_eq(wish.is_loud, i != j);
		}
}
END_TEST

/* The rate is what all of them can do with; a queue is not that of another policy. */
START_TEST(rates)
{
	struct wish slow = wish_of(1, TERN_LATEST, 7, 1), fast = wish_of(2, TERN_LATEST, 9, 100);
	struct wish wish = merged(slow, fast);

	ck_assert_uint_eq(wish.interval, 10 * MS);
	ck_assert_uint_eq(wish.queue, 9);
	ck_assert_uint_eq(wish.rule, 1);
	ck_assert(!wish.is_loud);
	wish = merged(wish, wish_of(3, TERN_DROP_NEWEST, 60, 0));
	ck_assert_uint_eq(wish.interval, 0);
	ck_assert_uint_eq(wish.queue, 9);
	ck_assert_uint_eq(wish.policy, TERN_LATEST);
	ck_assert(wish.is_loud);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wish");
	TCase *tcase = tcase_create("wish");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, hostile);
	tcase_add_test(tcase, most_preserving);
	tcase_add_test(tcase, rates);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
