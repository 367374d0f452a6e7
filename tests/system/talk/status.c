/* SPDX-License-Identifier: MIT */

/* status: programs tell how they are: what they did is counted, who holds memory is named, others are refused */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "hear.h"

enum {
	N_CALLS = 50,
	N_EVENTS = 30,
	LARGE = 100000, /* bytes: not in a record */
	OTHER_USER = 12345,
	/* words */
	READY = 1,
	OVER = 2,
	ID_LOW = 3,
	ID_HIGH = 4,
};

/* ask() - how a program is */
static tern_message *
ask(tern_bus *bus, const char *whom)
{
	tern_message *reply;

	must_be(tern_call_sync(bus, whom, "tern.Status", &reply, NULL, ""), 0);
	return reply;
}

/* number() - of a group of what was told */
static uint64_t
number(tern_message *reply, const char *group, const char *key)
{
	uint64_t n = UINT64_MAX;
	char format[64];

	(void)snprintf(format, sizeof(format), "{%s:{%s:u}}", group, key); /* fits */
	must_be(tern_message_unpack(reply, format, &n), 0);
	return n;
}

static uint64_t
number_now(const char *whom, const char *group, const char *key)
{
	tern_message *reply = ask(scene.bus, whom);
	uint64_t n = number(reply, group, key);

	(void)tern_message_unref(reply); /* always NULL, as all here */
	return n;
}

/* sum_of() - of a histogram */
static uint64_t
sum_of(tern_message *reply, const char *key)
{
	uint64_t list[40], sum = 0;
	size_t n = ARRAY_SIZE(list);
	char format[64];

	(void)snprintf(format, sizeof(format), "{calls:{%s:*u}}", key); /* fits */
	must_be(tern_message_unpack(reply, format, list, &n), 0);
	for (size_t i = 0; i < n; i++)
		sum += list[i];
	return sum;
}

START_TEST(calls_are_counted_on_both_sides)
{
	char self[32];
	tern_message *there, *here;
	const void *list;
	const char *name;
	size_t size, name_size;
	uint64_t n_calls;

	scene_service();
	for (int64_t i = 0; i < N_CALLS; i++)
		echo(scene.bus, SERVICE, i);
	must_be(tern_call_sync(scene.bus, SERVICE, "Nonsense", NULL, NULL, ""), -EREMOTEIO);
	there = ask(scene.bus, SERVICE);
	must_be(number(there, "calls", "arrived"), N_CALLS + 1);
	must_be(number(there, "calls", "answered"), N_CALLS + 1);
	must_be(sum_of(there, "served_ns"), N_CALLS + 1);
	must_be(number(there, "calls", "made"), 0);
	must(number(there, "links", "received") > N_CALLS * 64);
	must_be(tern_message_unpack(there, "{services:v}", &list, &size), 0);
	must_be(tern_cbor_unpack(list, size, NULL, "[{name:t, calls:u}]", &name, &name_size, &n_calls), 0);
	must(name_size == strlen(SERVICE) && memcmp(name, SERVICE, name_size) == 0);
	must_be(n_calls, N_CALLS + 1);
	(void)tern_message_unref(there);

	(void)snprintf(self, sizeof(self), ":%llu", (unsigned long long)tern_id(scene.bus)); /* fits */
	here = ask(scene.bus, self);
	must_be(number(here, "calls", "made"), N_CALLS + 3); /* itself, and to the service the first */
	must_be(number(here, "calls", "failed"), 1);
	must_be(sum_of(here, "made_ns"), N_CALLS + 1);
	must_be(number(here, "links", "hot") + number(here, "links", "cold"), 1);
	(void)tern_message_unref(here);
}
END_TEST

/* listen_only() - a program without a service, that hears; it answers how it is all the same */
static void
listen_only(void *user)
{
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe(bus, "tick", NULL, TERN_WAIT);
	struct tern_event event = {.size = sizeof(event)};

	store_rel(&scene.words[ID_LOW], (uint32_t)tern_id(bus));
	store_rel(&scene.words[ID_HIGH], (uint32_t)(tern_id(bus) >> 32));
	tell(&scene.words[READY]);
	while (!load_acq(&scene.words[OVER]))
		if (tern_next(bus, SHORT_NS, &event) == 0)
			event_free(&event);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

static void
listener_name(char ret[32])
{
	uint64_t id = (uint64_t)load_acq(&scene.words[ID_HIGH]) << 32 | load_acq(&scene.words[ID_LOW]);

	(void)snprintf(ret, 32, ":%llu", (unsigned long long)id); /* fits */
}

START_TEST(events_are_counted_on_both_sides)
{
	pid_t child = child_start(listen_only, NULL);
	tern_topic *topic;
	tern_message *m;
	char whom[32], self[32];

	wait_for(&scene.words[READY], 1);
	listener_name(whom);
	(void)snprintf(self, sizeof(self), ":%llu", (unsigned long long)tern_id(scene.bus)); /* fits */
	topic = topic_new(scene.bus, "tick");
	for (uint64_t i = 0; i < N_EVENTS; i++)
		must_be(tern_publish(topic, "u", i), 0);
	m = ask(scene.bus, whom); /* behind the events: they have been taken in */
	must_be(number(m, "events", "heard"), N_EVENTS);
	must_be(number(m, "events", "lost"), 0);
	(void)tern_message_unref(m);
	m = ask(scene.bus, self);
	must_be(number(m, "events", "published"), N_EVENTS);
	must_be(number(m, "events", "delivered"), N_EVENTS);
	(void)tern_message_unref(m);
	store_rel(&scene.words[OVER], 1);
	child_end(child);
	(void)tern_topic_free(topic);
}
END_TEST

/* keeper() - hears large events and gives none back */
static void
keeper(void *user)
{
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe(bus, "tick", NULL, TERN_WAIT);
	struct tern_event event = next_event(bus, TERN_EVENT);

	store_rel(&scene.words[ID_LOW], (uint32_t)tern_id(bus));
	store_rel(&scene.words[ID_HIGH], (uint32_t)(tern_id(bus) >> 32));
	tell(&scene.words[READY]);
	wait_for(&scene.words[OVER], 1);
	event_free(&event);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

START_TEST(who_keeps_memory_is_named)
{
	tern_topic *topic = topic_new(scene.bus, "tick");
	pid_t child = child_start(keeper, NULL);
	uint64_t peer = 0, out = 0;
	tern_message *m;
	const void *list;
	size_t size;
	char self[32], whom[32];
	void *memory;

	while (!tern_has_listeners(topic))
		(void)usleep(1000);
	must_be(tern_message_new_event(topic, &m), 0);
	must_be(tern_message_lend(m, LARGE, &memory), 0);
	must_be(tern_publish_message(m, 0), 0);
	(void)tern_message_unref(m);
	wait_for(&scene.words[READY], 1);
	(void)snprintf(self, sizeof(self), ":%llu", (unsigned long long)tern_id(scene.bus)); /* fits */
	listener_name(whom);
	m = ask(scene.bus, self);
	must(number(m, "memory", "out") >= LARGE);
	must(number(m, "memory", "lent") >= LARGE);
	must_be(tern_message_unpack(m, "{partners:v}", &list, &size), 0);
	must_be(tern_cbor_unpack(list, size, NULL, "[{peer:u, out:u}]", &peer, &out), 0);
	must_be(peer, strtoull(whom + 1, NULL, 10));
	must(out >= LARGE);
	(void)tern_message_unref(m);
	store_rel(&scene.words[OVER], 1);
	child_end(child);
	(void)tern_topic_free(topic);
}
END_TEST

START_TEST(what_a_link_carried_stays_when_it_ends)
{
	char self[32];
	uint64_t before;

	scene_service();
	for (int64_t i = 0; i < N_CALLS; i++)
		echo(scene.bus, SERVICE, i);
	(void)snprintf(self, sizeof(self), ":%llu", (unsigned long long)tern_id(scene.bus)); /* fits */
	before = number_now(self, "links", "sent");
	must(before > N_CALLS * 64);
	child_kill(scene.service);
	scene.service = 0;
	(void)next_event(scene.bus, TERN_LOST);
	must_be(number_now(self, "links", "hot") + number_now(self, "links", "cold"), 0);
	must_be(number_now(self, "links", "sent"), before);
}
END_TEST

static void
stranger(void *user)
{
	tern_bus *bus = scene_open();

	must_be(tern_call_sync(bus, SERVICE, "tern.Status", NULL, NULL, ""), -EREMOTEIO);
	must(is_error("tern.AccessDenied"));
	echo(bus, SERVICE, 1); /* it may call, all the same */
	(void)tern_close(bus);
}

START_TEST(other_users_are_refused)
{
	static const char *const options[] = {"--allow-uid", "12345", NULL};

	if (geteuid() != 0)
		return;
	(void)tern_close(scene.bus);
	private_bus_stop(&scene.place);
	private_bus_start(&scene.place, options);
	scene.bus = scene_open();
	scene_service();
	child_end(child_start_as(OTHER_USER, stranger, NULL));
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		calls_are_counted_on_both_sides,
		events_are_counted_on_both_sides,
		who_keeps_memory_is_named,
		what_a_link_carried_stays_when_it_ends,
		other_users_are_refused,
	};

	return hear_run("status", tests, ARRAY_SIZE(tests));
}
