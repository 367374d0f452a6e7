/* SPDX-License-Identifier: MIT */

/* edges: a publisher hears when the first begins to listen, and when the last one has gone */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "hear.h"

/* What the handler was told. */
struct told {
	uint32_t n;
	bool any;
};

static void
note(tern_topic *topic, bool any, void *user)
{
	struct told *told = user;

	must(topic != NULL);
	must(told->any != any); /* it alternates, and begins with true */
	told->any = any;
	told->n++;
}

static struct told
no_told(void)
{
	return (struct told){0};
}

/* until_told() - the publisher runs its loop until it was told this often */
static void
until_told(tern_bus *bus, const struct told *told, uint32_t n)
{
	while (told->n < n) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(bus, SHORT_NS, &event);

		must(r == 0 || r == -ETIME);
		if (r == 0)
			event_free(&event);
	}
	must_be(told->n, n);
}

/* idle() - there is nothing to do for it, and nothing comes */
static void
idle(tern_bus *bus)
{
	struct pollfd pollfd = {.fd = tern_fd(bus), .events = POLLIN};

	while (tern_process(bus) > 0)
		;
	must_be(tern_own(bus, "org.example.Idle", 0, NULL), 0); /* what ternd was asked before is answered */
	must_be(tern_disown(bus, "org.example.Idle"), 0);
	do {
		while (tern_process(bus) > 0)
			;
	} while (poll(&pollfd, 1, 50) > 0);
}

START_TEST(first_and_last)
{
	tern_bus *readers[2] = {scene_open(), scene_open()};
	tern_topic *topic = topic_new(scene.bus, "tick");
	struct told told = no_told();

	must_be(tern_watch_listeners(topic, note, &told), 0);
	idle(scene.bus);
	must_be(told.n, 0); /* nobody: nothing to tell */
	for (uint32_t round = 0; round < 3; round++) {
		tern_subscription *s[2];

		s[0] = subscribe(readers[0], "tick", NULL, TERN_DROP_NEWEST);
		until_told(scene.bus, &told, 2 * round + 1);
		s[1] = subscribe(readers[1], round ? "tick" : NULL, NULL, TERN_DROP_NEWEST);
		idle(scene.bus);
		(void)tern_subscription_free(s[round & 1]);
		idle(scene.bus);
		must_be(told.n, 2 * round + 1);
		(void)tern_subscription_free(s[!(round & 1)]);
		until_told(scene.bus, &told, 2 * round + 2);
	}
	(void)tern_topic_free(topic);
	for (int i = 0; i < 2; i++)
		(void)tern_close(readers[i]);
}
END_TEST

/* Somebody listens already, maybe the program itself; a new handler begins anew; none is none. */
START_TEST(already)
{
	tern_topic *topic = topic_new(scene.bus, "tick");
	tern_subscription *s = subscribe(scene.bus, "tick", NULL, TERN_DROP_NEWEST);
	struct told told = no_told(), again = no_told();

	must_be(tern_watch_listeners(topic, note, &told), 0);
	until_told(scene.bus, &told, 1);
	must_be(tern_watch_listeners(topic, note, &again), 0);
	until_told(scene.bus, &again, 1);
	must_be(tern_watch_listeners(topic, NULL, NULL), 0);
	(void)tern_subscription_free(s);
	idle(scene.bus);
	must_be(told.n + again.n, 2);
	(void)tern_topic_free(topic);
}
END_TEST

/* A rule on other tags costs the publisher nothing: it is not woken. */
START_TEST(others)
{
	tern_bus *reader = scene_open();
	tern_topic *topic = topic_new(scene.bus, "tick");
	struct told told = no_told();
	struct pollfd pollfd = {.events = POLLIN};

	must_be(tern_watch_listeners(topic, note, &told), 0);
	idle(scene.bus);
	pollfd.fd = tern_fd(scene.bus);
	for (int i = 0; i < 5; i++)
		(void)tern_subscription_free(subscribe(reader, "tock", NULL, TERN_DROP_NEWEST));
	must_be(poll(&pollfd, 1, 0), 0); /* ternd tells before it answers who subscribes */
	(void)tern_subscription_free(subscribe(reader, "tick", NULL, TERN_DROP_NEWEST));
	must_be(poll(&pollfd, 1, 60000), 1);
	(void)tern_topic_free(topic);
	(void)tern_close(reader);
}
END_TEST

static void
listen_on(void *user)
{
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe(bus, "tick", NULL, TERN_DROP_NEWEST);

	(void)user;
	tell(&scene.words[0]);
	(void)pause(); /* until it is killed */
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

START_TEST(killed)
{
	tern_topic *topic = topic_new(scene.bus, "tick");
	struct told told = no_told();
	pid_t reader;

	must_be(tern_watch_listeners(topic, note, &told), 0);
	reader = child_start(listen_on, NULL);
	until_told(scene.bus, &told, 1);
	must_be(kill(reader, SIGKILL), 0);
	child_killed(reader);
	until_told(scene.bus, &told, 2);
	(void)tern_topic_free(topic);
}
END_TEST

/* come_and_go() - and stay */
static void
come_and_go(void *user)
{
	tern_bus *bus = scene_open();
	tern_subscription *s = NULL;

	(void)user;
	for (int i = 0; i < 300; i++) {
		s = tern_subscription_free(s);
		s = subscribe(bus, "tick", NULL, TERN_DROP_NEWEST);
	}
	tell(&scene.words[0]);
	wait_for(&scene.words[1], 1);
	s = tern_subscription_free(s);
	wait_for(&scene.words[2], 1);
	(void)tern_close(bus);
}

/* Rules come and go while it is asked, told, and asked anew: what was told last is so in the end. */
START_TEST(race)
{
	struct told told = no_told();
	pid_t reader = child_start(come_and_go, NULL);
	tern_topic *topic = topic_new(scene.bus, "tick");
	uint32_t watched = 0;

	while (scene.words[0] == 0) {
		told = no_told();
		must_be(tern_watch_listeners(topic, note, &told), 0);
		for (uint32_t i = 0; i < watched % 4; i++)
			(void)tern_process(scene.bus);
		watched++;
	}
	while (!told.any) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(scene.bus, SHORT_NS, &event) == 0) /* handlers alone do not end it */
			event_free(&event);
	}
	idle(scene.bus);
	must(told.any);
	tell(&scene.words[1]);
	until_told(scene.bus, &told, told.n + 1);
	must(!told.any);
	tell(&scene.words[2]);
	child_end(reader);
	(void)tern_topic_free(topic);
}
END_TEST

/* The topic is freed inside of the handler, and the handle closed with a watch on it. */
static void
free_it(tern_topic *topic, bool any, void *user)
{
	uint32_t *n = user;

	must(any);
	++*n;
	(void)tern_topic_free(topic);
}

START_TEST(freed)
{
	tern_bus *publisher = scene_open();
	tern_topic *topic = topic_new(publisher, "tick"), *kept = topic_new(publisher, "tick"), *late;
	tern_subscription *s = subscribe(scene.bus, "tick", NULL, TERN_DROP_NEWEST);
	struct told told = no_told();
	uint32_t n = 0;

	must_be(tern_watch_listeners(topic, free_it, &n), 0);
	must_be(tern_watch_listeners(kept, note, &told), 0);
	until_told(publisher, &told, 1);
	must_be(n, 1);
	late = topic_new(publisher, "tick");
	must_be(tern_watch_listeners(late, note, &told), 0);
	(void)tern_close(publisher);
	must_be(tern_watch_listeners(late, note, &told), -ESHUTDOWN);
	(void)tern_topic_free(late);
	(void)tern_topic_free(kept);
	(void)tern_subscription_free(s);
}
END_TEST

/* Without a bus: the other end tells its rules. */
static void
dial_and_hear(void *user)
{
	const struct private_bus *place = user;
	tern_subscription *s;
	tern_bus *bus;

	must_be(tern_dial(place->address, &bus), 0);
	s = subscribe(bus, "tick", NULL, TERN_DROP_NEWEST);
	tell(&scene.words[0]);
	wait_for(&scene.words[1], 1);
	(void)tern_subscription_free(s);
	tell(&scene.words[2]);
	wait_for(&scene.words[3], 1);
	(void)tern_close(bus);
}

START_TEST(direct)
{
	struct private_bus place;
	struct told told = no_told();
	tern_topic *topic;
	tern_bus *bus;
	pid_t reader;

	private_bus_place(&place);
	must_be(tern_listen(place.address, &bus), 0);
	topic = topic_new(bus, "tick");
	must_be(tern_watch_listeners(topic, note, &told), 0);
	reader = child_start(dial_and_hear, &place);
	until_told(bus, &told, 1);
	tell(&scene.words[1]);
	until_told(bus, &told, 2);
	tell(&scene.words[3]);
	child_end(reader);
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
	private_bus_stop(&place);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {first_and_last, already, others, killed, race, freed, direct};

	return hear_run("edges", tests, sizeof(tests) / sizeof(*tests));
}
