/* SPDX-License-Identifier: MIT */

/*
 * again-load: one ternd after another, while programs talk
 *
 * Some are killed, some replaced by another one that is started with --replace. TERN_TEST_LONG=1: a thousand of
 * them each, and how long it takes is shown. With TERND_OTHER, of another minor version, the two take turns.
 */

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "scene.h"

enum {
	N_RESTARTS = 10,
	N_LONG = 1000,
	N_PROGRAMS = 16,
	N_NAMES = 8, /* of each */
	WORD_STOP = 1,
	WORD_THERE = 2,
};

static int
n_restarts(void)
{
	return is_long() ? N_LONG : N_RESTARTS;
}

/* after() - another ternd; the one before is killed, or makes room */
static void
after(bool killed)
{
	static const char *const replace[] = {"--replace", NULL};
	static uint32_t n;
	pid_t before = scene.place.ternd;

	if (getenv("TERND_OTHER"))
		scene.place.program = n++ / 2 % 2 ? NULL : getenv("TERND_OTHER");

	if (killed) {
		must_be(kill(before, SIGKILL), 0);
		child_killed(before);
	}
	private_bus_again(&scene.place, killed ? NULL : replace);
	if (!killed)
		child_end(before);
}

/* --- events --- */

static void
publish_numbers(void *user)
{
	static const char *const tags[] = {"number", NULL};
	tern_bus *bus = scene_open();
	tern_topic *topic;
	uint64_t n = 0;

	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(tern_topic_new(bus, tags, &topic), 0);
	while (scene.words[WORD_STOP] == 0) {
		must_be(tern_publish(topic, "u", n++), 0);
		if (n % 64 == 0)
			(void)usleep(200);
	}
	must_be(tern_publish(topic, "u", n), 0);
	must_be(tern_publish(topic, "u", UINT64_MAX), 0);
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

static void *
hear_numbers(void *user)
{
	uint64_t n, expected = UINT64_MAX;

	for (;;) {
		struct tern_event event = next_event(scene.bus, TERN_EVENT);

		must_be(tern_message_unpack(event.message, "u", &n), 0);
		event_free(&event);
		if (n == UINT64_MAX)
			return NULL;
		must(expected == UINT64_MAX || n == expected);
		expected = n + 1;
	}
}

/* Between two that are connected nothing is lost or doubled, however often ternd dies, or is replaced. */
START_TEST(events_in_order)
{
	static const char *const tags[] = {"number", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	tern_subscription *s;
	pid_t publisher;
	pthread_t thread;

	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &s), 0);
	publisher = child_start(publish_numbers, NULL);
	must_be(pthread_create(&thread, NULL, hear_numbers, NULL), 0);
	for (int i = 0; i < n_restarts(); i++) {
		(void)usleep(50000); /* so that there is something to go on with */
		after(i % 2 == 0);
	}
	tell(&scene.words[WORD_STOP]);
	must_be(pthread_join(thread, NULL), 0);
	child_end(publisher);
}
END_TEST

/* --- names --- */

static const char *
name_of(uint64_t program, int i)
{
	static char name[64];

	(void)snprintf(name, sizeof(name), "org.example.Program%" PRIu64 ".Name%d", program, i);
	return name;
}

/* keep_names() - a program with names, which calls another one all the time */
static void
keep_names(void *user)
{
	tern_bus *bus = scene_open();
	tern_peer id = tern_id(bus), owner;

	for (int i = 0; i < N_NAMES; i++)
		must_be(tern_own(bus, name_of((uintptr_t)user, i), 0, NULL), 0);
	tell(&scene.words[WORD_THERE]);
	for (int64_t n = 0; scene.words[WORD_STOP] == 0; n++) {
		echo(bus, SERVICE, n);
		(void)usleep(1000);
	}
	must(tern_id(bus) == id);
	for (int i = 0; i < N_NAMES; i++) {
		must_be(tern_lookup(bus, name_of((uintptr_t)user, i), &owner), 0);
		must(owner == id);
	}
	(void)tern_close(bus);
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
show(const char *what, uint64_t *ns, size_t n)
{
	if (!is_long())
		return;
	qsort(ns, n, sizeof(*ns), by_size);
	printf("all back after it was %s: %zu times, p50 %.1f ms, p99 %.1f ms, most %.1f ms\n", what, n,
		(double)ns[n / 2] / 1e6, (double)ns[n - 1 - n / 100] / 1e6, (double)ns[n - 1] / 1e6);
}

/* From the kill on: the next ternd does what it is asked only when all are back with what they had. */
static uint64_t
time_back(bool killed, tern_bus *bus)
{
	uint64_t begun = clock_now_ns();
	tern_peer owner;

	after(killed);
	must_be(tern_own(bus, "org.example.Watcher", 0, NULL), 0);
	must_be(tern_disown(bus, "org.example.Watcher"), 0);
	begun = clock_now_ns() - begun;
	for (uint64_t program = 0; program < N_PROGRAMS; program++)
		for (int i = 0; i < N_NAMES; i++)
			must_be(tern_lookup(bus, name_of(program, i), &owner), 0);
	return begun;
}

/* Programs that call each other do not notice, and their names are theirs. */
START_TEST(names_and_calls)
{
	static uint64_t killed[N_LONG], replaced[N_LONG];
	pid_t programs[N_PROGRAMS];
	int n = n_restarts() / 2;

	scene_service();
	for (uintptr_t i = 0; i < N_PROGRAMS; i++)
		programs[i] = child_start(keep_names, (void *)i);
	wait_for(&scene.words[WORD_THERE], N_PROGRAMS);
	for (int i = 0; i < n; i++) {
		killed[i] = time_back(true, scene.bus);
		replaced[i] = time_back(false, scene.bus);
	}
	show("killed", killed, (size_t)n);
	show("replaced", replaced, (size_t)n);
	tell(&scene.words[WORD_STOP]);
	for (int i = 0; i < N_PROGRAMS; i++)
		child_end(programs[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("again-load");
	TCase *tcase = tcase_create("again-load");

	tcase_set_timeout(tcase, 600);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, events_in_order);
	tcase_add_test(tcase, names_and_calls);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
