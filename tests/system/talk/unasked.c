/* SPDX-License-Identifier: MIT */

/* unasked: what comes and nobody takes does not pile up */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

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

enum {
	N_LARGE = 48, /* three times what is taken in of a partner and not handled */
	LARGE = 1 << 20,
};

static void *
wait_long(void *user)
{
	must_be(tern_call_sync(scene.bus, SERVICE, "Hold", NULL, NULL, NULL), -EHOSTDOWN);
	return NULL;
}

static tern_bus *
publish_large(const char *const *tags)
{
	static const uint8_t bytes[LARGE];
	tern_bus *publisher = scene_open();
	tern_topic *topic;

	must_be(tern_topic_new(publisher, tags, &topic), 0);
	for (int i = 0; i < N_LARGE; i++)
		must_be(tern_publish(topic, "y", bytes, sizeof(bytes)), 0);
	(void)tern_topic_free(topic); /* always NULL */
	return publisher;
}

/* The thread that takes in sleeps, with records left in a ring since the queue was full: who makes room wakes it. */
START_TEST(room_in_the_queue_wakes_who_left_records)
{
	static const char *const tags[] = {"large", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *s;
	tern_bus *publisher;
	pthread_t thread;

	scene_service();
	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &s), 0);
	must_be(pthread_create(&thread, NULL, wait_long, NULL), 0);
	wait_for(&scene.words[0], 1); /* it is held */
	publisher = publish_large(tags);
	for (int i = 0; i < N_LARGE; i++) {
		struct tern_event event = next_event(scene.bus, TERN_EVENT);

		event_free(&event);
	}
	(void)tern_close(publisher);
	child_kill(scene.service);
	scene.service = 0;
	must_be(pthread_join(thread, NULL), 0);
	(void)tern_subscription_free(s);
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
