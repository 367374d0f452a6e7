/* SPDX-License-Identifier: MIT */

/*
 * wakeups: none is lost
 *
 * Both sides sleep as soon as they have nothing to do, and nobody rings twice: a wake-up that is lost is a
 * program that sleeps until the test's time is over.
 *
 * TERN_TEST_TIMES=n: n times the rounds. Each test then says how often its two programs slept, 400,000 times in a round
 * of all of them: what the kernel counts as switches that a program wanted.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "client/bus.h"

enum {
	N_ROUNDS = 100000,
	N_ROUNDS_LONG = 10,  /* times as many */
	N_COLD = 100,        /* links of one program: more than stay hot */
	N_COLD_ROUNDS = 20000,
	N_FLOOD = 100000,
};

enum {
	READY,
	STOP,
};

/* rounds() - n, or TERN_TEST_TIMES as many */
static uint64_t
rounds(uint64_t n)
{
	const char *times = getenv("TERN_TEST_TIMES");

	return n * (times ? strtoull(times, NULL, 10) : is_long() ? N_ROUNDS_LONG : 1);
}

/* say() - of the long forms: how often it slept, and the child that has ended */
static void
say(const char *what, int number)
{
	struct rusage own, child;

	if (!is_long() && !getenv("TERN_TEST_TIMES"))
		return;
	must_be(getrusage(RUSAGE_SELF, &own), 0);
	must_be(getrusage(RUSAGE_CHILDREN, &child), 0);
	(void)printf("%s %d: slept %ld times\n", what, number, own.ru_nvcsw + child.ru_nvcsw);
	(void)fflush(stdout);
}

/* calm() - no spinning, and no second ring that would hide a lost one */
static void
calm(tern_bus *bus)
{
	must_be(tern_set_option(bus, TERN_OPT_SPIN, 0), 0);
	must_be(bus_enter(bus), 0);
	bus->ring_again = UINT64_MAX / 4;
	bus_leave(bus);
}

static unsigned int
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned int)(*state >> 33);
}

/* dawdle() - for up to some 10 us: around the time the other side goes to sleep */
static void
dawdle(uint64_t *state)
{
	unsigned int n = next_random(state) % 200;

	for (unsigned int i = 0; i < n; i++)
		cpu_relax();
}

struct server {
	struct ground *ground;
	bool dawdles, stop;
	uint64_t random;
};

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	struct server *server = user;

	if (server->dawdles)
		dawdle(&server->random);
	return tern_reply(call, NULL);
}

static int
method_stop(tern_call *call, tern_message *m, void *user)
{
	((struct server *)user)->stop = true;
	return tern_reply(call, NULL);
}

static const struct tern_method methods[] = {{"Echo", method_echo}, {"Stop", method_stop}};

static void
serve_as(struct ground *ground, bool dawdles)
{
	struct server server = {.ground = ground, .dawdles = dawdles, .random = 1};
	tern_service *service;
	tern_bus *bus = ground_server(ground, methods, ARRAY_SIZE(methods), &server, &service);

	calm(bus);
	tell(&ground->words[READY]);
	while (!server.stop) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(bus, server.stop ? 1 : 10 * SHORT_NS, &event);

		must(r == 0 || r == -ETIME);
		let_go(&event);
	}
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

static void
serve_at_once(void *user)
{
	serve_as(user, false);
}

static void
serve_dawdling(void *user)
{
	serve_as(user, true);
}

START_TEST(ping_pong)
{
	bool dawdles = _i & 1;
	enum way way = _i & 2 ? BY_DIAL : BY_BUS;
	uint64_t random = 2, n = rounds(_i ? N_ROUNDS / 4 : N_ROUNDS);
	struct ground ground;
	tern_bus *bus;
	pid_t child;

	must(ground_begin(&ground, way));
	child = ground_child(&ground, dawdles ? serve_dawdling : serve_at_once);
	wait_for(&ground.words[READY], 1);
	bus = ground_client(&ground);
	calm(bus);
	for (uint64_t i = 0; i < n; i++) {
		must_be(tern_call_sync(bus, ground_service(&ground), "Echo", NULL, NULL, NULL), 0);
		if (dawdles)
			dawdle(&random);
	}
	must_be(tern_call_sync(bus, ground_service(&ground), "Stop", NULL, NULL, NULL), 0);
	child_end(child);
	say("ping_pong", _i);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* More links than stay hot: each is cold again when its turn comes, or is just being made so. */
START_TEST(ping_pong_over_cold_links)
{
	static tern_bus *all[N_COLD];
	uint64_t random = 3, n = rounds(N_COLD_ROUNDS);
	struct ground ground;
	pid_t child;

	must(ground_begin(&ground, BY_DIAL));
	child = ground_child(&ground, serve_at_once);
	wait_for(&ground.words[READY], 1);
	for (int i = 0; i < N_COLD; i++) {
		all[i] = ground_client(&ground);
		calm(all[i]);
	}
	for (uint64_t i = 0; i < n; i++) {
		tern_bus *bus = all[i & 1 ? i / 2 % N_COLD : next_random(&random) % N_COLD];

		must_be(tern_call_sync(bus, NULL, "Echo", NULL, NULL, NULL), 0);
	}
	must_be(tern_call_sync(all[0], NULL, "Stop", NULL, NULL, NULL), 0);
	child_end(child);
	say("ping_pong_over_cold_links", _i);
	for (int i = 0; i < N_COLD; i++)
		(void)tern_close(all[i]);
	ground_end(&ground);
}
END_TEST

/* --- a ring that is kept full --- */

static const char *const tags[] = {"flood", NULL};

static void
flood(void *user)
{
	static const char bytes[1000];
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;

	calm(bus);
	must_be(tern_topic_new(bus, tags, &topic), 0);
	wait_for(&ground->words[READY], 1);
	for (uint64_t i = 0; i < rounds(N_FLOOD); i++)
		must_be(tern_publish(topic, "[uy]", i, bytes, sizeof(bytes)), 0);
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

START_TEST(full_ring)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};
	uint64_t n = 0, random = 4;
	struct ground ground;
	tern_subscription *s;
	tern_bus *bus;
	pid_t child;

	must(ground_begin(&ground, BY_BUS));
	child = ground_child(&ground, flood);
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	calm(bus);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	tell(&ground.words[READY]);
	while (n < rounds(N_FLOOD)) {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t number;
		const void *bytes;
		size_t size;

		must_be(tern_next(bus, LONG_NS, &event), 0);
		must(event.kind != TERN_GAP);
		if (event.kind == TERN_EVENT) {
			must_be(tern_message_unpack(event.message, "[uy]", &number, &bytes, &size), 0);
			must_be(number, n);
			n++;
		}
		let_go(&event);
		if (_i)
			dawdle(&random);
	}
	child_end(child);
	say("full_ring", _i);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
wakeups_suite(void)
{
	Suite *suite = suite_create("wakeups");
	TCase *tcase = tcase_create("wakeups");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, getenv("TERN_TEST_TIMES") ? 0 : is_long() ? 1200 : 240);
	tcase_add_loop_test(tcase, ping_pong, 0, 4);
	tcase_add_test(tcase, ping_pong_over_cold_links);
	tcase_add_loop_test(tcase, full_ring, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(wakeups_suite());
}
