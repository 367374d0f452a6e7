/* SPDX-License-Identifier: MIT */

/* listeners: does anybody listen? */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "hear.h"

static void
mortal_subscriber(void *user)
{
	tern_bus *bus = scene_open();

	(void)subscribe(bus, user, NULL, TERN_DROP_NEWEST);
	tell(&scene.words[0]);
	for (;;)
		(void)pause();
}

START_TEST(has_listeners)
{
	tern_bus *reader = scene_open();
	tern_topic *topic = topic_new(scene.bus, "tick");
	static const char *const tags[] = {"tick", NULL, "other"};
	pid_t mortal;

	must(!tern_has_listeners(topic));
	for (size_t i = 0; i < 3; i++) { /* its tag, no tag, another's tag */
		tern_subscription *s = subscribe(reader, tags[i], NULL, TERN_DROP_NEWEST);

		must_be(tern_has_listeners(topic), i < 2);
		(void)tern_subscription_free(s);
		until_nobody_listens(topic);
	}
	for (size_t i = 0; i < 2; i++) { /* a rule dies with its peer */
		mortal = child_start(mortal_subscriber, (void *)tags[i]);
		wait_for(&scene.words[0], (uint32_t)i + 1);
		must(tern_has_listeners(topic));
		must_be(tern_publish(topic, NULL), 0);
		child_kill(mortal);
		until_nobody_listens(topic);
	}
	(void)tern_close(reader);
	(void)tern_topic_free(topic);
}
END_TEST

START_TEST(topic_again)
{
	tern_bus *reader = scene_open();
	tern_topic *topic = topic_new(scene.bus, "tick");
	tern_subscription *s;

	must(!tern_has_listeners(topic));
	(void)tern_topic_free(topic);
	s = subscribe(reader, "tick", NULL, TERN_WAIT);
	topic = topic_new(scene.bus, "tick"); /* whatever was remembered of the one before */
	must(tern_has_listeners(topic));
	must_be(tern_publish(topic, "u", UINT64_C(7)), 0);
	must_hear(reader, 7);
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

START_TEST(topic_of_a_closed_handle)
{
	tern_bus *bus = scene_open();
	tern_topic *topic = topic_new(bus, "tick");

	must_be(tern_publish(topic, NULL), 0);
	(void)tern_close(bus);
	must_be(tern_publish(topic, NULL), -ESHUTDOWN); /* also where nobody listens */
	must(!tern_has_listeners(topic));
	(void)tern_topic_free(topic);
}
END_TEST

struct asker {
	tern_topic *topic;
	_Atomic uint32_t n_asked, done;
};

static void *
ask_on(void *user)
{
	struct asker *asker = user;

	while (!atomic_load(&asker->done)) {
		(void)tern_has_listeners(asker->topic);
		(void)atomic_fetch_add(&asker->n_asked, 1);
	}
	return NULL;
}

/* Asking takes no lock: rules change meanwhile, and in the end the handle is closed. */
START_TEST(asked_from_a_thread)
{
	tern_bus *reader = scene_open(), *bus = scene_open();
	struct asker asker = {.topic = topic_new(bus, "tick")};
	pthread_t thread;

	must_be(pthread_create(&thread, NULL, ask_on, &asker), 0);
	for (size_t i = 0; i < 50; i++) {
		tern_subscription *s = subscribe(reader, "tick", NULL, TERN_DROP_NEWEST);

		must(tern_has_listeners(asker.topic));
		(void)tern_subscription_free(s);
		until_nobody_listens(asker.topic);
	}
	(void)tern_close(bus);
	for (uint32_t n = atomic_load(&asker.n_asked) + 100; atomic_load(&asker.n_asked) < n;)
		(void)usleep(1000);
	atomic_store(&asker.done, 1);
	must_be(pthread_join(thread, NULL), 0);
	(void)tern_topic_free(asker.topic);
	(void)tern_close(reader);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {has_listeners, topic_again, topic_of_a_closed_handle, asked_from_a_thread};

	return hear_run("listeners", tests, sizeof(tests) / sizeof(*tests));
}
