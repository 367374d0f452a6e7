/* SPDX-License-Identifier: MIT */

/*
 * spin: looking before sleep stays away where it cannot pay, and stops for who waits for it
 *
 * What is counted is how often it was begun, not how long it took.
 */

#include <sched.h>
#include <string.h>

#include "../link/links.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "base/hook.h"
#include "base/processors.h"
#include "client/bus.h"

enum {
	N_WAITS = 300,
	N_VAIN = 40,  /* 50, 25, … 1 us in pieces of 20, and again after each 32 sleeps; without learning 900 */
	N_AGAIN = 33, /* sleeps after which the processors have been counted again */
	N_CALLS = 50,
	N_PAUSES = 2000,
};

enum { READY };

static unsigned int n_spins;

static void
count_spins(const char *point)
{
	n_spins += strcmp(point, "spin") == 0;
}

/* wait_in_vain() - Return: how often it was spun for that */
static unsigned int
wait_in_vain(tern_bus *bus, unsigned int n)
{
	n_spins = 0;
	for (unsigned int i = 0; i < n; i++) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, NSEC_PER_MSEC, &event), -ETIME);
	}
	return n_spins;
}

/* run_on() - the first n of the processors there are. Return: false, there are fewer */
static bool
run_on(int n)
{
	static cpu_set_t all;
	cpu_set_t set;

	if (CPU_COUNT(&all) == 0)
		must_be(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&set) < n; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &set);
	return CPU_COUNT(&set) == n && sched_setaffinity(0, sizeof(set), &set) == 0;
}

START_TEST(less_after_each_in_vain)
{
	struct ground ground;
	unsigned int n = 0;
	tern_bus *bus;

	if (!run_on(2))
		return;
	must(ground_begin(&ground, BY_BUS));
	bus = ground_client(&ground);
	bus->one_processor = false; /* though a quota may leave one */
	for (unsigned int i = 0; i < N_PAUSES && n == 0; i++) /* a busy machine's wait may be over before it began */
		n = wait_in_vain(bus, 1);
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(wait_in_vain(bus, N_WAITS), N_VAIN);
	must_be(tern_set_option(bus, TERN_OPT_SPIN, 0), 0);
	ck_assert_uint_eq(wait_in_vain(bus, N_WAITS), 0);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

START_TEST(never_on_one_processor)
{
	struct ground ground;
	tern_bus *bus;

	must(run_on(1));
	must(ground_begin(&ground, BY_BUS));
	bus = ground_client(&ground);
	ck_assert_uint_eq(wait_in_vain(bus, N_WAITS), 0);
	if (run_on(2) && processors_usable(clock_now_ns()) > 1) {
		ck_assert_uint_ge(wait_in_vain(bus, N_AGAIN), 1); /* it has got another one */
		must(run_on(1));
		(void)wait_in_vain(bus, N_AGAIN);
		ck_assert_uint_eq(wait_in_vain(bus, N_WAITS), 0); /* and lost it */
	}
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, NULL);
}

static int
method_stop(tern_call *call, tern_message *m, void *user)
{
	*(bool *)user = true;
	return tern_reply(call, NULL);
}

static const struct tern_method methods[] = {{"Echo", method_echo}, {"Stop", method_stop}};

static void
serve(void *user)
{
	struct ground *ground = user;
	tern_service *service;
	bool stop = false;
	tern_bus *bus = ground_server(ground, methods, ARRAY_SIZE(methods), &stop, &service);

	tell(&ground->words[READY]);
	while (!stop) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0) /* handlers run in it */
			let_go(&event);
	}
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

START_TEST(never_against_who_needs_this_processor)
{
	struct ground ground;
	tern_bus *bus;
	pid_t child;

	must(run_on(1));
	must(ground_begin(&ground, BY_BUS));
	child = ground_child(&ground, serve);
	wait_for(&ground.words[READY], 1);
	bus = ground_client(&ground);
	must_be(tern_call_sync(bus, LINKS_SERVICE, "Echo", NULL, NULL, NULL), 0);
	bus->one_processor = false; /* as if others were free */
	n_spins = 0;
	for (unsigned int i = 0; i < N_CALLS; i++)
		must_be(tern_call_sync(bus, LINKS_SERVICE, "Echo", NULL, NULL, NULL), 0);
	ck_assert_uint_eq(n_spins, 0);
	must_be(tern_call_sync(bus, LINKS_SERVICE, "Stop", NULL, NULL, NULL), 0);
	child_end(child);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- who has to change what the leader looks at without the lock --- */

static void *
lead_for_ever(void *user)
{
	struct tern_event event = {.size = sizeof(event)};

	must_be(tern_next(user, TERN_FOREVER, &event), -EINTR);
	return NULL;
}

START_TEST(a_leader_that_never_sleeps_gives_way)
{
	struct ground ground;
	pthread_t leader;
	tern_bus *bus;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_client(&ground);
	must_be(tern_set_option(bus, TERN_OPT_SPIN, TERN_FOREVER), 0);
	must_be(pthread_create(&leader, NULL, lead_for_ever, bus), 0);
	for (unsigned int i = 0; i < N_PAUSES; i++) {
		must_be(bus_enter(bus), 0);
		lead_pause(bus);
		must(!bus->spinning);
		bus_leave(bus);
	}
	must_be(tern_wake(bus), 0);
	must_be(pthread_join(leader, NULL), 0);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
spin_suite(void)
{
	Suite *suite = suite_create("spin");
	TCase *tcase = tcase_create("spin");

	hook_stop = count_spins;
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, less_after_each_in_vain);
	tcase_add_test(tcase, never_on_one_processor);
	tcase_add_test(tcase, never_against_who_needs_this_processor);
	tcase_add_test(tcase, a_leader_that_never_sleeps_gives_way);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(spin_suite());
}
