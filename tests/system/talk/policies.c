/* SPDX-License-Identifier: MIT */

/*
 * policies: what a slow reader gets of what it had no room for: the newest, the latest of each topic, or an end
 *
 * The test publishes and reads with two handles, so nothing is read before it says so. An event is its number.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hear.h"

enum {
	MANY = 5000, /* more than a ring takes */
	QUEUE = 10,
};

static tern_subscription *
subscribe_with(tern_bus *bus, const char *tag, struct tern_rule rule)
{
	const char *tags[] = {tag, NULL};
	tern_subscription *s;

	rule.size = sizeof(rule);
	rule.tags = tag ? tags : NULL;
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	return s;
}

static struct tern_subscription_counts
counts_of(tern_subscription *s)
{
	struct tern_subscription_counts counts = {.size = sizeof(counts)};

	must_be(tern_subscription_count(s, &counts), 0);
	return counts;
}

static void
publish_all(tern_topic *topic, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		must_be(tern_publish(topic, "u", i), 0);
}

/* next_here() - what is there for the reader; the publisher takes in meanwhile. Return: false, nothing more. */
static bool
next_here(tern_bus *reader, struct tern_event *event)
{
	for (int i = 0; i < 3; i++) {
		*event = (struct tern_event){.size = sizeof(*event)};
		while (tern_next(reader, 0, event) == 0) {
			if (event->kind == TERN_EVENT || event->kind == TERN_GAP)
				return true;
			event_free(event);
		}
		while (tern_process(scene.bus) > 0)
			;
	}
	return false;
}

/* What a reader heard: numbers that rise, and what was lost between them. */
struct heard {
	uint64_t n, lost, last, n_gaps;
	uint64_t since_gap; /* so many after the last gap */
	uint64_t at_gap;    /* the number that came first after it */
};

static void
hear_one(struct heard *heard, struct tern_event *event)
{
	if (event->kind == TERN_GAP) {
		must(event->lost > 0 && !event->message);
		heard->lost += event->lost;
		heard->n_gaps++;
		heard->since_gap = 0;
		return;
	}
	must(heard->n == 0 || number_of(event->message) > heard->last);
	heard->last = number_of(event->message);
	if (heard->since_gap++ == 0)
		heard->at_gap = heard->last;
	heard->n++;
}

static struct heard
hear_all(tern_bus *reader)
{
	struct heard heard = {0};
	struct tern_event event;

	while (next_here(reader, &event)) {
		hear_one(&heard, &event);
		event_free(&event);
	}
	return heard;
}

/* --- drop-oldest --- */

/* A burst: the ring's part, one gap, and the newest of the rest, all in order. */
START_TEST(drop_oldest)
{
	tern_bus *reader = scene_open();
	tern_subscription *s =
		subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_DROP_OLDEST, .queue = QUEUE});
	tern_topic *topic = topic_new(scene.bus, "tick");

	for (uint64_t round = 0; round < 3; round++) {
		struct heard heard;

		publish_all(topic, round * MANY, (round + 1) * MANY);
		heard = hear_all(reader);
		must_be(heard.n + heard.lost, MANY);
		must_be(heard.last, (round + 1) * MANY - 1);
		must_be(heard.since_gap, QUEUE);
		must_be(heard.at_gap, (round + 1) * MANY - QUEUE);
		must_be(counts_of(s).late, QUEUE * (round + 1));
	}
	must_be(counts_of(s).heard + counts_of(s).lost, 3 * MANY);
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

/* However long a queue is asked for, and however large the events are: no more than the quota is kept. */
START_TEST(hostile_queue)
{
	enum { SIZE = 1000, N = 12000 };
	tern_bus *reader = scene_open();
	tern_subscription *s =
		subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_DROP_OLDEST, .queue = UINT32_MAX});
	tern_topic *topic = topic_new(scene.bus, "tick");
	uint8_t bytes[SIZE] = {0};
	struct tern_event event;
	uint64_t n = 0, lost = 0, late;

	for (int i = 0; i < N; i++)
		must_be(tern_publish(topic, "y", bytes, sizeof(bytes)), 0);
	while (next_here(reader, &event)) {
		n += event.kind == TERN_EVENT;
		lost += event.lost;
		event_free(&event);
	}
	late = counts_of(s).late;
	must_be(n + lost, N);
	must(late * SIZE <= (4 << 20) && late * SIZE > (2 << 20));
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

/* Parts in lent memory are kept with it; one event is kept however large it is. */
START_TEST(large_parts)
{
	enum { SIZE = 5 << 20, N = 200 };
	tern_bus *reader = scene_open();
	tern_subscription *s =
		subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_DROP_OLDEST, .queue = 4});
	tern_topic *topic = topic_new(scene.bus, "tick");
	struct tern_event event;
	uint8_t last = 0;
	uint64_t n = 0;

	for (int i = 0; i < N; i++) {
		tern_message *m;
		void *bytes;

		must_be(tern_message_new_event(topic, &m), 0);
		must_be(tern_message_lend(m, SIZE, &bytes), 0);
		memset(bytes, i, SIZE);
		must_be(tern_publish_message(m, 0), 0);
		(void)tern_message_unref(m);
	}
	while (next_here(reader, &event)) {
		const void *part;
		size_t size;

		if (event.kind == TERN_EVENT) {
			must_be(tern_message_part(event.message, 0, &part, &size), 0);
			must_be(size, SIZE);
			last = *(const uint8_t *)part;
			must_be(memcmp(part, (const uint8_t *)part + 1, SIZE - 1), 0);
			n++;
		}
		event_free(&event);
	}
	must_be(last, (uint8_t)(N - 1));
	must_be(n + counts_of(s).lost, N);
	must_be(counts_of(s).late, 1);
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

/* --- latest --- */

enum { TOPICS = 5 };

static void
topics_new(tern_topic *topics[TOPICS])
{
	for (int i = 0; i < TOPICS; i++) {
		const char *tags[] = {"tick", (const char *[]){"a", "b", "c", "d", "e"}[i], NULL};

		must_be(tern_topic_new(scene.bus, tags, &topics[i]), 0);
	}
}

/* Of each topic the newest comes, and nothing after it. What was replaced is counted, and no gap. */
START_TEST(latest)
{
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_LATEST});
	tern_topic *topics[TOPICS];
	uint64_t last[TOPICS] = {0};
	struct tern_event event;

	topics_new(topics);
	for (uint64_t i = 0; i < MANY; i++)
		must_be(tern_publish(topics[i % TOPICS], "u", i), 0);
	while (next_here(reader, &event)) {
		must_be(event.kind, TERN_EVENT);
		must(number_of(event.message) >= last[number_of(event.message) % TOPICS]);
		last[number_of(event.message) % TOPICS] = number_of(event.message);
		event_free(&event);
	}
	for (uint64_t i = 0; i < TOPICS; i++)
		must_be(last[i], MANY - TOPICS + i);
	must_be(counts_of(s).lost, 0);
	must_be(counts_of(s).late, TOPICS);
	must_be(counts_of(s).heard + counts_of(s).replaced, MANY);
	for (int i = 0; i < TOPICS; i++)
		(void)tern_topic_free(topics[i]);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

/* The same tags in another order are the same topic. */
START_TEST(latest_is_a_set)
{
	const char *one[] = {"tick", "x", NULL}, *other[] = {"x", "tick", NULL};
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_LATEST});
	tern_topic *topics[2];

	must_be(tern_topic_new(scene.bus, one, &topics[0]), 0);
	must_be(tern_topic_new(scene.bus, other, &topics[1]), 0);
	for (uint64_t i = 0; i < MANY; i++)
		must_be(tern_publish(topics[i % 2], "u", i), 0);
	must_be(hear_all(reader).last, MANY - 1);
	must_be(counts_of(s).late, 1);
	(void)tern_topic_free(topics[0]);
	(void)tern_topic_free(topics[1]);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

/* More topics than are kept: those that changed first are lost, and told. */
START_TEST(latest_too_many)
{
	tern_bus *reader = scene_open();
	tern_subscription *s =
		subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_LATEST, .queue = TOPICS - 2});
	tern_topic *topics[TOPICS];
	struct heard heard;

	topics_new(topics);
	publish_all(topics[0], 0, MANY);
	for (uint64_t i = 1; i < TOPICS; i++)
		must_be(tern_publish(topics[i], "u", MANY + i), 0);
	heard = hear_all(reader);
	must_be(heard.last, MANY + TOPICS - 1);
	must_be(heard.lost, 2);
	must_be(heard.since_gap, TOPICS - 2);
	for (int i = 0; i < TOPICS; i++)
		(void)tern_topic_free(topics[i]);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

/* --- disconnect --- */

/* All up to the loss, the gap, and nothing more; what else goes over the link goes on. */
START_TEST(disconnect)
{
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_DISCONNECT});
	tern_subscription *other = subscribe_with(reader, "tock", (struct tern_rule){.policy = TERN_DROP_NEWEST});
	tern_topic *topic = topic_new(scene.bus, "tick"), *tock = topic_new(scene.bus, "tock");
	struct tern_event event;
	uint64_t n = 0;

	publish_all(topic, 0, 10);
	must_be(hear_all(reader).n, 10);
	must_be(counts_of(s).has_ended, 0);
	publish_all(topic, 0, MANY);
	while (next_here(reader, &event)) {
		if (event.subscription == s && event.kind == TERN_EVENT) {
			must(counts_of(s).lost == 0);
			must_be(number_of(event.message), n++);
		}
		event_free(&event);
	}
	must(n > 0 && n < MANY);
	must_be(counts_of(s).has_ended, 1);
	must_be(counts_of(s).lost, MANY - n);
	until_nobody_listens(topic);
	publish_all(topic, 0, 10);
	publish_all(tock, 7, 8);
	must(next_here(reader, &event));
	must(event.subscription == other && number_of(event.message) == 7);
	event_free(&event);
	must(!next_here(reader, &event));
	(void)tern_subscription_free(s);
	(void)tern_subscription_free(other);
	(void)tern_topic_free(topic);
	(void)tern_topic_free(tock);
	(void)tern_close(reader);
}
END_TEST

/* --- several rules --- */

/* Who wants all is told what was replaced for one that wants the latest. */
START_TEST(latest_and_all)
{
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_LATEST});
	tern_subscription *all = subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_DROP_NEWEST});
	tern_topic *topic = topic_new(scene.bus, "tick");
	struct heard heard = {0};
	struct tern_event event;

	publish_all(topic, 0, MANY);
	while (next_here(reader, &event)) {
		if (event.subscription == all)
			hear_one(&heard, &event);
		event_free(&event);
	}
	must_be(heard.n + heard.lost, MANY);
	must_be(heard.last, MANY - 1);
	must_be(counts_of(s).heard, heard.n);
	(void)tern_subscription_free(all);
	(void)tern_subscription_free(s);
	(void)tern_topic_free(topic);
	(void)tern_close(reader);
}
END_TEST

/* What waits goes before what is published later, whatever the rule of that. */
START_TEST(in_order)
{
	tern_bus *reader = scene_open();
	tern_subscription *s =
		subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_DROP_OLDEST, .queue = QUEUE});
	tern_subscription *other = subscribe_with(reader, "tock", (struct tern_rule){.policy = TERN_WAIT});
	tern_topic *topic = topic_new(scene.bus, "tick"), *tock = topic_new(scene.bus, "tock");
	struct heard heard = {0};
	struct tern_event event;

	must_be(tern_publish(tock, "u", UINT64_C(0)), 0);
	publish_all(topic, 1, MANY);
	while (tern_process(reader) > 0) /* takes the ring in, and hands nothing out */
		;
	must_be(tern_publish(tock, "u", (uint64_t)MANY), 0);
	publish_all(topic, MANY + 1, MANY + 3);
	while (next_here(reader, &event)) {
		if (event.kind == TERN_EVENT || event.subscription == s) /* each is told of the gap */
			hear_one(&heard, &event);
		event_free(&event);
	}
	must_be(heard.n + heard.lost, MANY + 3);
	must_be(heard.last, MANY + 2);
	must_be(heard.n_gaps, 1);
	(void)tern_subscription_free(other);
	(void)tern_subscription_free(s);
	(void)tern_topic_free(topic);
	(void)tern_topic_free(tock);
	(void)tern_close(reader);
}
END_TEST

/* --- who publishes sleeps, or dies; who reads dies --- */

/* A publisher that sleeps in its loop is woken by room, and sends what it has kept. */
struct sleeper {
	bool polls; /* in somebody else's loop */
	uint32_t policy;
	_Atomic uint32_t *words; /* published, heard */
};

static void
publish_and_sleep(void *user)
{
	const struct sleeper *sleeper = user;
	tern_bus *bus = scene_open();
	tern_topic *topic = topic_new(bus, "tick");
	struct tern_event event;

	publish_all(topic, 0, MANY);
	tell(&sleeper->words[0]);
	if (sleeper->polls) {
		struct pollfd pollfd = {.fd = tern_fd(bus), .events = POLLIN};

		for (;;) {
			while (tern_process(bus) > 0)
				;
			if (sleeper->words[1]) /* before the reader's end, which wakes it once */
				break;
			must(poll(&pollfd, 1, 60000) > 0);
		}
	} else {
		event = next_event(bus, TERN_LOST);
		event_free(&event);
	}
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

static void
be_woken(struct sleeper *sleeper)
{
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe_with(reader, "tick", (struct tern_rule){.policy = sleeper->policy});
	pid_t publisher = child_start(publish_and_sleep, sleeper);
	struct tern_event event = {.size = sizeof(event)};
	uint64_t last = 0;

	wait_for(&sleeper->words[0], 1);
	while (last != MANY - 1) {
		must_be(tern_next(reader, LONG_NS, &event), 0);
		if (event.kind == TERN_EVENT)
			last = number_of(event.message);
		event_free(&event);
	}
	must(counts_of(s).late > 0);
	tell(&sleeper->words[1]);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
	child_end(publisher);
}

START_TEST(woken_by_room)
{
	for (int i = 0; i < 4; i++)
		be_woken(&(struct sleeper){
			.polls = i & 1,
			.policy = i & 2 ? TERN_LATEST : TERN_DROP_OLDEST,
			.words = &scene.words[2 * i],
		});
}
END_TEST

static void
read_nothing(void *user)
{
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe_with(bus, "tick", (struct tern_rule){.policy = (uint32_t)(uintptr_t)user});

	tell(&scene.words[0]);
	(void)pause(); /* until it is killed */
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

/* What is kept for the dead goes with them; others have lost nothing by it. */
START_TEST(dead_with_a_queue)
{
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe_with(reader, "tick", (struct tern_rule){.policy = TERN_WAIT});
	tern_topic *topic = topic_new(scene.bus, "tick");
	pid_t dead[2];
	struct tern_event event;
	uint64_t n = 0;

	dead[0] = child_start(read_nothing, (void *)(uintptr_t)TERN_LATEST);
	dead[1] = child_start(read_nothing, (void *)(uintptr_t)TERN_DROP_OLDEST);
	wait_for(&scene.words[0], 2);
	for (uint64_t i = 0; i < MANY; i++) {
		must_be(tern_publish(topic, "u", i), 0);
		must_hear(reader, n++);
		if (i == MANY / 2)
			must_be(kill(dead[0], SIGKILL), 0);
	}
	child_killed(dead[0]);
	must_be(kill(dead[1], SIGKILL), 0);
	child_killed(dead[1]);
	for (int i = 0; i < 2; i++) {
		event = next_event(scene.bus, TERN_LOST);
		event_free(&event);
	}
	publish_all(topic, n, n + 1);
	must_hear(reader, n);
	must_be(counts_of(s).lost, 0);
	(void)tern_subscription_free(s);
	(void)tern_topic_free(topic);
	(void)tern_close(reader);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {drop_oldest, hostile_queue, large_parts, latest, latest_is_a_set, latest_too_many,
		disconnect, latest_and_all, in_order, dead_with_a_queue, woken_by_room};

	return hear_run("policies", tests, sizeof(tests) / sizeof(*tests));
}
