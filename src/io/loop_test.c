/* SPDX-License-Identifier: MIT */

/* loop: who is ready is called; who was removed is not, also in the same turn */

#include <check.h>
#include <sys/eventfd.h>

#include "io/loop.h"

struct counter {
	struct loop_source source;
	int n_calls;
	uint32_t events;
	struct counter *removes; /* when called */
};

static struct loop loop;
static struct counter one, two;

static void
count(struct loop_source *source, uint32_t events)
{
	struct counter *counter = container_of(source, struct counter, source);

	counter->n_calls++;
	counter->events = events;
	if (counter->removes)
		loop_remove(&loop, &counter->removes->source);
}

static void
setup(void)
{
	ck_assert_int_eq(loop_init(&loop), 0);
	one = two = (struct counter){.source.ready = count};
	one.source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	two.source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(loop_add(&loop, &one.source, EPOLLIN), 0);
	ck_assert_int_eq(loop_add(&loop, &two.source, EPOLLIN), 0);
}

static void
teardown(void)
{
	loop_remove(&loop, &one.source);
	loop_remove(&loop, &two.source);
	one.source.fd = fd_close(one.source.fd);
	two.source.fd = fd_close(two.source.fd);
	loop_deinit(&loop);
}

START_TEST(ready)
{
	ck_assert_int_eq(loop_turn(&loop, 0), 0);
	ck_assert_int_eq(eventfd_write(two.source.fd, 1), 0);
	ck_assert_int_eq(loop_turn(&loop, -1), 1);
	ck_assert_int_eq(one.n_calls, 0);
	ck_assert_int_eq(two.n_calls, 1);
	ck_assert_uint_eq(two.events, EPOLLIN);
	ck_assert_int_eq(loop_turn(&loop, 0), 1); /* level-triggered */
}
END_TEST

START_TEST(watch)
{
	loop_watch(&loop, &one.source, EPOLLOUT);
	ck_assert_int_eq(loop_turn(&loop, 0), 1);
	ck_assert_uint_eq(one.events, EPOLLOUT);
	loop_watch(&loop, &one.source, 0);
	ck_assert_int_eq(loop_turn(&loop, 0), 0);
}
END_TEST

START_TEST(removed_in_a_handler)
{
	one.removes = &two;
	two.removes = &one;
	ck_assert_int_eq(eventfd_write(one.source.fd, 1), 0);
	ck_assert_int_eq(eventfd_write(two.source.fd, 1), 0);
	ck_assert_int_eq(loop_turn(&loop, 0), 2);
	ck_assert_int_eq(one.n_calls + two.n_calls, 1);
	one.removes = &one;
	two.removes = &two;
	ck_assert_int_eq(loop_turn(&loop, 0), 1);
	ck_assert_int_eq(loop_turn(&loop, 0), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("loop");
	Suite *suite = suite_create("loop");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, ready);
	tcase_add_test(tcase, watch);
	tcase_add_test(tcase, removed_in_a_handler);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
