/* SPDX-License-Identifier: MIT */

/* unasked: what comes and nobody takes does not pile up */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/bus.h"
#include "scene.h"

enum { N_CALLS = KEPT_NOTICES + 1000 };

/* A program that serves nothing and runs handlers alone: calls to its number are kept for a tern_next() to come. */
START_TEST(calls_that_nobody_takes_do_not_pile_up)
{
	static tern_call *calls[N_CALLS];
	tern_bus *caller = scene_open();
	struct tern_error error;
	char number[32];
	int r, n_answered = 0;

	must_be(tern_set_option(caller, TERN_OPT_SPIN, 0), 0); /* whoever yields waits for all others of this machine, each time */
	(void)snprintf(number, sizeof(number), ":%llu", (unsigned long long)tern_id(scene.bus)); /* fits */
	for (unsigned int i = 0; i < N_CALLS; i++) {
		tern_message *m;

		must_be(tern_message_new_call(caller, number, "Nothing", &m), 0);
		while ((r = tern_send(m, LONG_NS, TERN_NONBLOCK, &calls[i])) == -EAGAIN)
			must(tern_process(scene.bus) >= 0);
		must_be(r, 0);
		(void)tern_message_unref(m);
	}
	while ((r = tern_process(scene.bus)) > 0)
		;
	must_be(r, 0);
	must_be(scene.bus->kept.n, KEPT_NOTICES);
	for (unsigned int i = 0; i < N_CALLS; i++) {
		r = tern_call_wait(calls[i], 1, NULL, &error);
		if (r != -EAGAIN) {
			must_be(r, -EREMOTEIO);
			must(strcmp(error.name, "tern.NoReply") == 0);
			n_answered++;
		}
		calls[i] = tern_call_unref(calls[i]);
	}
	must(n_answered > 0); /* those whose answers had room */
	(void)tern_close(caller);
}
END_TEST

enum { N_WITH_FDS = 256 }; /* of 64 KiB each for the queue, which is full before the last; more are not on their way to one program */

static void *
wait_long(void *user)
{
	must_be(tern_call_sync(scene.bus, SERVICE, "Hold", NULL, NULL, NULL), -EHOSTDOWN);
	return NULL;
}

static void
publish_with_fds(tern_bus *publisher, const char *const *tags)
{
	tern_message *m;
	tern_topic *topic;

	must_be(tern_topic_new(publisher, tags, &topic), 0);
	for (int i = 0; i < N_WITH_FDS; i++) {
		must_be(tern_message_new_event(topic, &m), 0);
		must(tern_message_attach(m, STDIN_FILENO) >= 0);
		must_be(tern_publish_message(m, 0), 0);
		(void)tern_message_unref(m);
	}
	(void)tern_topic_free(topic); /* always NULL */
}

/* has_left_records() - the leader sleeps, and took no more of this peer for want of room */
static bool
has_left_records(tern_bus *bus, tern_peer peer)
{
	struct partner *partner;
	bool has;

	must_be(bus_enter(bus), 0);
	partner = partner_find(bus, peer);
	has = bus->sleeping && partner && queue_is_full(bus, partner) && link_look(partner->link) > 0;
	bus_leave(bus);
	return has;
}

/* Nothing rings who sleeps so: whoever makes room wakes it. */
START_TEST(room_in_the_queue_wakes_who_left_records)
{
	static const char *const tags[] = {"with", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	tern_bus *publisher = scene_open();
	tern_subscription *s;
	pthread_t thread;

	scene_service();
	must_be(tern_set_option(publisher, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(tern_set_option(scene.bus, TERN_OPT_TIMEOUT, 2 * LONG_NS), 0);
	must_be(tern_set_option(scene.bus, TERN_OPT_SPIN, 0), 0);
	scene.bus->ring_again = UINT64_MAX / 4; /* it looks by itself no more */
	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &s), 0);
	must_be(pthread_create(&thread, NULL, wait_long, NULL), 0);
	wait_for(&scene.words[0], 1); /* it is held */
	publish_with_fds(publisher, tags);
	while (!has_left_records(scene.bus, tern_id(publisher)))
		(void)usleep(1000);
	for (int i = 0; i < N_WITH_FDS; i++) {
		struct tern_event event = next_event(scene.bus, TERN_EVENT);

		event_free(&event);
	}
	child_kill(scene.service);
	scene.service = 0;
	must_be(pthread_join(thread, NULL), 0);
	(void)tern_subscription_free(s);
	(void)tern_close(publisher);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("talk-unasked");
	TCase *tcase = tcase_create("unasked");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, calls_that_nobody_takes_do_not_pile_up);
	tcase_add_test(tcase, room_in_the_queue_wakes_who_left_records);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
