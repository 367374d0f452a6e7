/* SPDX-License-Identifier: MIT */

/* again: ternd is killed and another one comes, and programs go on as if nothing had been */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"
#include "io/listener.h"
#include "io/socket.h"
#include "scene.h"
#include "wire/control.h"

#define NAME  "org.example.Again"
#define OTHER "org.example.Other"

static void
kill_ternd(void)
{
	must_be(kill(scene.place.ternd, SIGKILL), 0);
	child_killed(scene.place.ternd);
}

static void
another(void)
{
	private_bus_again(&scene.place, NULL);
}

/* another_impatient() - one that waits for less long until those come back who were there */
static void
another_impatient(void)
{
	if (getenv("TERND_IMPATIENT"))
		scene.place.program = getenv("TERND_IMPATIENT");
	another();
}

static void
restart(void)
{
	kill_ternd();
	another();
}

static tern_subscription *
subscribe(tern_bus *bus, const char *sender, const char *tag)
{
	const char *const tags[] = {tag, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = sender, .tags = tags, .policy = TERN_WAIT};
	tern_subscription *s;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	return s;
}

/* Calls go on while there is no ternd, and afterwards; id and name are the same. */
START_TEST(calls_go_on)
{
	tern_peer id = tern_id(scene.bus), owner;

	scene_service();
	echo(scene.bus, SERVICE, 1);
	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
	kill_ternd();
	must_be(next_event(scene.bus, TERN_LOST).peer, TERN_PEER_BUS);
	echo(scene.bus, SERVICE, 2);
	must_be(tern_lookup(scene.bus, NAME, &owner), 0);
	another();
	must_be(next_event(scene.bus, TERN_LINKED).peer, TERN_PEER_BUS);
	echo(scene.bus, SERVICE, 3);
	must(tern_id(scene.bus) == id);
	must_be(tern_lookup(scene.bus, NAME, &owner), 0);
	must(owner == id);
	must_be(tern_own(scene.bus, OTHER, 0, NULL), 0);
	must_be(tern_disown(scene.bus, NAME), 0);
	must_be(tern_lookup(scene.bus, NAME, &owner), -ENXIO);
}
END_TEST

/* meanwhile() - fn, in a thread, while there is no ternd for some time */
static void
meanwhile(void *(*fn)(void *user))
{
	pthread_t thread;

	kill_ternd();
	must_be(pthread_create(&thread, NULL, fn, NULL), 0);
	(void)usleep(200000); /* so that it waits */
	another();
	must_be(pthread_join(thread, NULL), 0);
}

static tern_bus *late;

static void *
own(void *user)
{
	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
	return NULL;
}

static void *
join(void *user)
{
	late = scene_open();
	return NULL;
}

static void *
call(void *user)
{
	echo(late, SERVICE, 1); /* a new link */
	return NULL;
}

/* What needs ternd waits for the next one: who was there, and who comes. */
START_TEST(requests_wait)
{
	tern_peer owner;

	scene_service();
	meanwhile(own);
	meanwhile(join);
	must_be(tern_lookup(late, NAME, &owner), 0);
	must(owner == tern_id(scene.bus));
	meanwhile(call);
	late = tern_close(late);
}
END_TEST

/* No other one comes: the time is over, and the error says why. */
START_TEST(none_comes)
{
	kill_ternd();
	must_be(tern_set_option(scene.bus, TERN_OPT_TIMEOUT, 2 * SHORT_NS), 0);
	must_be(tern_own(scene.bus, NAME, 0, NULL), -ENOTCONN);
	must(is_error("tern.NoBus") && strstr(tern_last_error()->text, "no other came"));
	another();
	must_be(tern_set_option(scene.bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
}
END_TEST

/* Rules hold, old ones and new ones, for publishers that were there and those that come. */
START_TEST(rules_hold)
{
	static const char *const tags[] = {"old", NULL}, *const new_tags[] = {"new-rule", NULL};
	tern_bus *other = scene_open();
	tern_topic *topic, *new_topic;
	int64_t n;

	(void)subscribe(scene.bus, NULL, "old");
	must_be(tern_topic_new(other, tags, &topic), 0);
	must_be(tern_topic_new(other, new_tags, &new_topic), 0);
	must_be(tern_publish(topic, "i", INT64_C(1)), 0);
	for (int64_t i = 1; i <= 4; i++) {
		struct tern_event event = next_event(scene.bus, TERN_EVENT);

		must_be(tern_message_unpack(event.message, "i", &n), 0);
		must_be(n, i);
		event_free(&event);
		if (i == 1)
			kill_ternd();
		if (i == 2)
			another();
		if (i == 3)
			(void)subscribe(scene.bus, NULL, "new-rule"); /* all have come back when this returns */
		must_be(tern_publish(i < 3 ? topic : new_topic, "i", i + 1), 0);
		if (i == 2)
			must_be(tern_publish(topic, "i", i + 1), 0);
		if (i == 2) {
			event = next_event(scene.bus, TERN_EVENT);
			event_free(&event);
		}
	}
	(void)tern_topic_free(topic);
	(void)tern_topic_free(new_topic);
	(void)tern_close(other);
}
END_TEST

/* What was given up while there was none to be told is given up. */
START_TEST(given_up_meanwhile)
{
	tern_subscription *s = subscribe(scene.bus, NULL, "tick");
	static const char *const tags[] = {"tick", NULL};
	tern_bus *other = scene_open();
	tern_service *service;
	tern_topic *topic;
	tern_peer owner;

	must_be(tern_serve(scene.bus, NAME, NULL, NULL, 0, NULL, &service), 0);
	must_be(tern_topic_new(other, tags, &topic), 0);
	must(tern_has_listeners(topic));
	kill_ternd();
	must_be(next_event(scene.bus, TERN_LOST).peer, TERN_PEER_BUS);
	(void)tern_subscription_free(s);
	(void)tern_service_free(service);
	another();
	must_be(next_event(scene.bus, TERN_LINKED).peer, TERN_PEER_BUS);
	must_be(tern_own(scene.bus, OTHER, 0, NULL), 0); /* what was sent before was done before */
	must_be(tern_own(other, "org.example.Third", 0, NULL), 0); /* it is back, too */
	must_be(tern_lookup(other, NAME, &owner), -ENXIO);
	must(!tern_has_listeners(topic));
	(void)tern_topic_free(topic);
	(void)tern_close(other);
}
END_TEST

/* A handle that was closed while there was no ternd keeps its names from no other one of the process. */
START_TEST(closed_meanwhile)
{
	tern_bus *other = scene_open(), *third;

	must_be(tern_own(other, NAME, 0, NULL), 0);
	must_be(tern_own(other, OTHER, 0, NULL), 0);
	kill_ternd();
	(void)tern_close(other);
	another_impatient();
	third = scene_open();
	must_be(tern_own(third, NAME, 0, NULL), 0);
	must_be(tern_own(scene.bus, OTHER, 0, NULL), 0);
	(void)tern_close(third);
	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
}
END_TEST

/* forget_all() - the journal is lost */
static void
forget_all(void)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s.journal", scene.place.address + strlen("unix:")); /* fits */
	must_be(unlink(path), 0);
}

/* The journal is lost: all is told anew, under another id. */
START_TEST(stranger)
{
	static const char *const tags[] = {"tick", NULL};
	tern_bus *other = scene_open();
	tern_peer id = tern_id(scene.bus), owner;
	struct tern_event event;
	tern_topic *topic;

	must_be(tern_own(scene.bus, NAME, TERN_NAME_QUEUE, NULL), 0);
	(void)subscribe(scene.bus, NULL, "tick");
	kill_ternd();
	forget_all();
	another();
	must_be(next_event(scene.bus, TERN_LINKED).peer, TERN_PEER_BUS);
	must(tern_id(scene.bus) != id);
	must_be(tern_own(scene.bus, OTHER, 0, NULL), 0); /* after what was told again */
	must_be(tern_topic_new(other, tags, &topic), 0);
	must_be(next_event(other, TERN_LINKED).peer, TERN_PEER_BUS);
	must_be(tern_lookup(other, NAME, &owner), 0);
	must(owner == tern_id(scene.bus));
	must_be(tern_publish(topic, NULL), 0);
	event = next_event(scene.bus, TERN_EVENT);
	event_free(&event);
	(void)tern_topic_free(topic);
	(void)tern_close(other);
}
END_TEST

/* refuse() - in the place of a ternd that has nothing left for who comes, and says so before it has read a word */
static void
refuse(void)
{
	static const char name[] = "tern.NoDescriptors", why[] = "there are none left";
	const struct control control = {
		.type = CONTROL_FAILED,
		.failed = {.code = EMFILE, .error = {name, sizeof(name) - 1}, .text = {why, sizeof(why) - 1}},
	};
	struct listener listener = LISTENER_INIT;
	uint8_t packet[CONTROL_MAX_PACKET];
	size_t size;
	int fd, r;

	must_be(control_encode(&control, packet, sizeof(packet), &size), 0);
	must_be(listener_open(&listener, scene.place.address + strlen("unix:"), 0666), 0);
	while ((r = socket_accept(listener.fd, &fd)) == SOCKET_E_EMPTY)
		must(tern_process(scene.bus) >= 0);
	must_be(r, 0);
	must(send(fd, packet, size, MSG_NOSIGNAL) == (ssize_t)size);
	(void)close(fd);
	listener_deinit(&listener);
}

/* Who is not let in at first has what it had when it is. */
START_TEST(refused_first)
{
	tern_peer owner;

	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
	kill_ternd();
	must_be(next_event(scene.bus, TERN_LOST).peer, TERN_PEER_BUS);
	forget_all();
	refuse();
	another();
	must_be(next_event(scene.bus, TERN_LINKED).peer, TERN_PEER_BUS);
	must_be(tern_own(scene.bus, OTHER, 0, NULL), 0); /* after what was told again */
	must_be(tern_lookup(scene.bus, NAME, &owner), 0);
	must(owner == tern_id(scene.bus));
}
END_TEST

static int
plus_one(tern_call *call, tern_message *m, void *user)
{
	int64_t n;

	must_be(tern_message_unpack(m, "i", &n), 0);
	return tern_reply(call, "i", n + 1);
}

struct asker {
	tern_bus *bus;
	_Atomic(bool) is_done;
};

static void *
ask(void *user)
{
	struct asker *asker = user;

	echo(asker->bus, OTHER, 1);
	store_rel(&asker->is_done, true);
	return NULL;
}

/* must_serve() - OTHER answers, while this thread looks after the test's handle */
static void
must_serve(tern_bus *caller)
{
	struct asker asker = {.bus = caller};
	struct tern_event event;
	pthread_t thread;

	must_be(pthread_create(&thread, NULL, ask, &asker), 0);
	while (!load_acq(&asker.is_done)) {
		event = (struct tern_event){.size = sizeof(event)};
		if (tern_next(scene.bus, SHORT_NS, &event) == 0)
			event_free(&event);
	}
	must_be(pthread_join(thread, NULL), 0);
}

/* must_be_lost() - it was away for so long that ternd waits for it no more */
static void
must_be_lost(tern_bus *other, tern_subscription *gone)
{
	struct tern_event event = next_event(other, TERN_EVENT);
	tern_peer owner;

	must(strcmp(tern_message_tag(event.message, 0), "new") == 0);
	event_free(&event);
	event = next_event(other, TERN_EVENT);
	must(strcmp(tern_message_tag(event.message, 0), "gone") == 0);
	event_free(&event);
	(void)tern_subscription_free(gone);
	must_be(tern_lookup(other, NAME, &owner), -ENXIO);
	while (tern_lookup(other, OTHER, &owner) == 0) /* it goes in the same round of ternd */
		(void)usleep(1000);
}

/* In neither call nor loop for so long that it is given up: it is a stranger then, and claims all it had by itself. */
START_TEST(away_for_long)
{
	static const struct tern_method methods[] = {{"Echo", plus_one}};
	static const char *const tags[] = {"tick", NULL};
	tern_bus *other = scene_open();
	tern_subscription *gone = subscribe(other, "tern", NAME);
	tern_peer id = tern_id(scene.bus), owner;
	tern_service *service;
	struct tern_event event;
	tern_topic *topic;

	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
	must_be(tern_serve(scene.bus, OTHER, NULL, methods, 1, NULL, &service), 0);
	(void)subscribe(scene.bus, NULL, "tick");
	must_be(tern_topic_new(other, tags, &topic), 0);
	must(tern_has_listeners(topic));
	kill_ternd();
	another_impatient();
	must_be_lost(other, gone);
	must(!tern_has_listeners(topic));
	must_be(next_event(scene.bus, TERN_LINKED).peer, TERN_PEER_BUS);
	must(tern_id(scene.bus) != id);
	must_be(tern_own(scene.bus, "org.example.Third", 0, NULL), 0); /* after what was told again */
	must_be(tern_lookup(other, NAME, &owner), 0);
	must(owner == tern_id(scene.bus));
	must_be(tern_publish(topic, NULL), 0);
	event = next_event(scene.bus, TERN_EVENT);
	event_free(&event);
	must_serve(other);
	(void)tern_service_free(service);
	(void)tern_topic_free(topic);
	(void)tern_close(other);
}
END_TEST

/* Names that came and went while one was away are told when it is back. */
START_TEST(name_events)
{
	tern_bus *other = scene_open();
	struct tern_event event;

	(void)subscribe(scene.bus, "tern", NAME);
	restart();
	must_be(tern_own(other, NAME, 0, NULL), 0);
	event = next_event(scene.bus, TERN_EVENT);
	must(strcmp(tern_message_tag(event.message, 0), "new") == 0);
	event_free(&event);
	restart();
	(void)tern_close(other);
	event = next_event(scene.bus, TERN_EVENT);
	must(strcmp(tern_message_tag(event.message, 0), "gone") == 0);
	event_free(&event);
}
END_TEST

/* Who only looks names up meets the next ternd, too, and does not read the last one's names for ever. */
START_TEST(only_looks)
{
	tern_bus *other = scene_open();
	tern_peer owner;

	must_be(tern_own(other, NAME, 0, NULL), 0);
	restart();
	(void)tern_close(other);
	while (tern_lookup(scene.bus, NAME, &owner) == 0)
		(void)usleep(1000);
}
END_TEST

/* A program with a loop of its own is woken to look for the next one. */
START_TEST(own_loop)
{
	struct pollfd poll_fd = {.fd = tern_fd(scene.bus), .events = POLLIN};
	struct tern_event event = {.size = sizeof(event)};
	tern_peer id = tern_id(scene.bus);
	bool is_back = false;

	must(poll_fd.fd >= 0);
	must(tern_process(scene.bus) >= 0);
	kill_ternd();
	another();
	while (!is_back) {
		must(poll(&poll_fd, 1, 60000) == 1);
		must(tern_process(scene.bus) >= 0);
		while (tern_next(scene.bus, 0, &event) == 0)
			is_back |= event.kind == TERN_LINKED;
	}
	must(tern_id(scene.bus) == id);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("again");
	TCase *tcase = tcase_create("again");

	tcase_set_timeout(tcase, 600);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, calls_go_on);
	tcase_add_test(tcase, requests_wait);
	tcase_add_test(tcase, none_comes);
	tcase_add_test(tcase, rules_hold);
	tcase_add_test(tcase, given_up_meanwhile);
	tcase_add_test(tcase, closed_meanwhile);
	tcase_add_test(tcase, stranger);
	tcase_add_test(tcase, refused_first);
	tcase_add_test(tcase, away_for_long);
	tcase_add_test(tcase, name_events);
	tcase_add_test(tcase, only_looks);
	tcase_add_test(tcase, own_loop);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
