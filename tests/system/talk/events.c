/* SPDX-License-Identifier: MIT */

/* events: who hears what, and what becomes of that for which there is no room */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "scene.h"

#define MS_NS UINT64_C(1000000)

static tern_topic *
topic_new(tern_bus *bus, const char *tag)
{
	const char *tags[] = {tag, NULL};
	tern_topic *topic;

	must_be(tern_topic_new(bus, tags, &topic), 0);
	return topic;
}

/* subscribe() - to one tag, or to all with NULL */
static tern_subscription *
subscribe(tern_bus *bus, const char *tag, const char *sender, uint32_t policy)
{
	const char *tags[] = {tag, NULL};
	struct tern_rule rule = {
		.size = sizeof(rule), .tags = tags, .sender = sender, .policy = policy};
	tern_subscription *s;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	return s;
}

static uint64_t
number_of(tern_message *m)
{
	uint64_t n;

	must_be(tern_message_unpack(m, "u", &n), 0);
	return n;
}

/* must_hear() - the next event has this number */
static void
must_hear(tern_bus *bus, uint64_t number)
{
	struct tern_event event = next_event(bus, TERN_EVENT);

	must_be(number_of(event.message), number);
	event_free(&event);
}

/* must_be_silent() - nothing but news of peers is there */
static void
must_be_silent(tern_bus *bus)
{
	struct tern_event event = {.size = sizeof(event)};

	while (tern_next(bus, 0, &event) == 0) {
		must(event.kind == TERN_LINKED || event.kind == TERN_UNLINKED || event.kind == TERN_LOST);
		event_free(&event);
	}
}

/* --- random rules and events beside a naive model --- */

enum {
	N_HANDLES = 4, /* the first is the publisher's own */
	N_RULES = 6,   /* of each */
	N_TAGS = 6,
	TAG_END = 1u << N_TAGS, /* one tag more: "that was all" */
	MAX_EVENTS = 2000,
};

struct model_rule {
	uint32_t tags; /* a set */
	tern_subscription *subscription;
	uint64_t next;  /* the first event that it may hear */
	uint64_t heard; /* events below this were heard or did not match */
};

struct model_handle {
	tern_bus *bus;
	struct model_rule rules[N_RULES];
	tern_subscription *end;
	tern_message *last; /* what came last: other subscriptions get the same message */
	uint64_t last_number;
};

static struct model {
	uint64_t random;
	struct model_handle handles[N_HANDLES];
	uint32_t published[MAX_EVENTS]; /* the tags of each */
	uint64_t n_published;
} model;

static uint32_t
random_below(uint32_t n)
{
	model.random ^= model.random << 13;
	model.random ^= model.random >> 7;
	model.random ^= model.random << 17;
	return (uint32_t)(model.random >> 20) % n;
}

/* model_tags() - the set in words, in an order of chance */
static void
model_tags(uint32_t set, const char *ret[N_TAGS + 2])
{
	static const char *const words[] = {"a", "ab", "b", "org.example.player", "\xc3\xa4", "c", "end"};
	size_t n = 0, first = random_below(N_TAGS + 1);

	for (size_t i = 0; i <= N_TAGS; i++) {
		size_t k = (i + first) % (N_TAGS + 1);

		if (set & 1u << k)
			ret[n++] = words[k];
	}
	ret[n] = NULL;
}

/* skip() - up to this event none was for the rule */
static void
skip(struct model_rule *rule, uint64_t number)
{
	for (; rule->heard < number; rule->heard++)
		must((model.published[rule->heard] & rule->tags) != rule->tags);
}

static void
model_hears(struct model_handle *handle, struct model_rule *rule, tern_message *m)
{
	uint64_t number = number_of(m);

	must(number >= rule->heard);
	skip(rule, number);
	must((model.published[number] & rule->tags) == rule->tags);
	rule->heard = number + 1;
	if (handle->last && handle->last_number == number)
		must(handle->last == m); /* one record, whatever number of rules match */
	(void)tern_message_unref(handle->last);
	handle->last = tern_message_ref(m);
	handle->last_number = number;
}

static void
on_model(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct model_handle *handle = user;

	must(m);
	for (size_t i = 0; i < N_RULES; i++)
		if (handle->rules[i].subscription == s)
			model_hears(handle, &handle->rules[i], m);
}

/* model_change() - another rule instead of this one; half of them have a handler */
static void
model_change(struct model_handle *handle, size_t i)
{
	struct model_rule *rule = &handle->rules[i];
	const char *tags[N_TAGS + 2];
	struct tern_rule wish = {.size = sizeof(wish), .tags = tags, .policy = TERN_WAIT};

	(void)tern_subscription_free(rule->subscription);
	rule->tags = random_below(8) ? 1u << random_below(N_TAGS) | 1u << random_below(N_TAGS) : 0;
	rule->heard = model.n_published;
	model_tags(rule->tags, tags);
	must_be(tern_subscribe(handle->bus, &wish, i % 2 ? on_model : NULL, handle, &rule->subscription), 0);
}

static bool
model_has_listeners(uint32_t tags)
{
	for (size_t i = 0; i < N_HANDLES; i++)
		for (size_t k = 0; k < N_RULES; k++)
			if ((tags & model.handles[i].rules[k].tags) == model.handles[i].rules[k].tags)
				return true;
	return tags & TAG_END;
}

static void
model_publish(uint32_t set)
{
	const char *tags[N_TAGS + 2];
	tern_topic *topic;

	model_tags(set, tags);
	must_be(tern_topic_new(model.handles[0].bus, tags, &topic), 0);
	must_be(tern_has_listeners(topic), model_has_listeners(set));
	model.published[model.n_published] = set;
	must_be(tern_publish(topic, "u", model.n_published++), 0);
	(void)tern_topic_free(topic);
}

/* model_drain() - all until the event that says it is the last */
static void
model_drain(struct model_handle *handle)
{
	struct tern_event event = {.size = sizeof(event)};
	bool ended = false;

	for (;;) {
		int r = tern_next(handle->bus, ended ? 0 : LONG_NS, &event);

		if (r == -ETIME && ended)
			break;
		must_be(r, 0);
		must(event.kind != TERN_GAP);
		if (event.kind == TERN_EVENT) {
			ended = ended || event.subscription == handle->end;
			on_model(event.subscription, event.message, 0, handle);
		}
		event_free(&event);
	}
	for (size_t i = 0; i < N_RULES; i++)
		skip(&handle->rules[i], model.n_published);
}

static void
model_round(void)
{
	model_change(&model.handles[random_below(N_HANDLES)], random_below(N_RULES));
	for (int i = 0; i < 20; i++) {
		uint32_t set = random_below(1u << N_TAGS);

		model_publish(set ? set : 1);
	}
	model_publish(TAG_END);
	for (size_t i = 0; i < N_HANDLES; i++)
		model_drain(&model.handles[i]);
}

static void
model_run(uint64_t seed, int n_rounds)
{
	model = (struct model){.random = seed};
	for (size_t i = 0; i < N_HANDLES; i++) {
		struct model_handle *handle = &model.handles[i];

		handle->bus = i ? scene_open() : scene.bus;
		handle->end = subscribe(handle->bus, "end", NULL, TERN_WAIT);
		for (size_t k = 0; k < N_RULES; k++)
			model_change(handle, k);
	}
	for (int i = 0; i < n_rounds; i++)
		model_round();
	for (size_t i = 0; i < N_HANDLES; i++) {
		struct model_handle *handle = &model.handles[i];

		(void)tern_message_unref(handle->last);
		(void)tern_subscription_free(handle->end);
		for (size_t k = 0; k < N_RULES; k++)
			(void)tern_subscription_free(handle->rules[k].subscription);
		if (i)
			(void)tern_close(handle->bus);
	}
}

START_TEST(subsets)
{
	for (uint64_t seed = 1; seed <= (is_long() ? 100 : 3); seed++)
		model_run(seed * UINT64_C(0x9e3779b97f4a7c15), 40);
}
END_TEST

/* --- dropped and counted --- */

/* tally() - what a slow reader heard; a gap stands where the events were that it counts */
struct tally {
	uint64_t heard, lost;
};

/* tally_add() - Return: false, it was neither */
static bool
tally_add(struct tally *tally, struct tern_event *event)
{
	if (event->kind == TERN_EVENT) {
		must_be(number_of(event->message), tally->heard + tally->lost);
		tally->heard++;
	} else if (event->kind == TERN_GAP) {
		must(event->lost > 0 && event->subscription && !event->message);
		tally->lost += event->lost;
	} else {
		return false;
	}
	return true;
}

static struct tally
tally_until(tern_bus *bus, uint64_t n)
{
	struct tally tally = {0};
	struct tern_event event = {.size = sizeof(event)};

	while (tally.heard + tally.lost < n) {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		(void)tally_add(&tally, &event);
		event_free(&event);
	}
	must_be(tally.heard + tally.lost, n);
	must_be_silent(bus); /* nothing twice, nothing counted twice */
	return tally;
}

/* A burst that does not fit, then silence: the loss is told nevertheless, and the counts add up. */
START_TEST(burst_then_silence)
{
	enum { N = 50000 };
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe(reader, "tick", NULL, TERN_DROP_NEWEST);
	tern_topic *topic = topic_new(scene.bus, "tick");

	for (int round = 0; round < 3; round++) {
		struct tally tally = {0};

		for (uint64_t i = 0; i < N; i++)
			must_be(tern_publish(topic, "u", i), 0);
		tally = tally_until(reader, N);
		must(tally.lost > 0 && tally.heard > 0);
	}
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

enum { SLOW_N = 60000 };

/* slow_reader() - at times it stops for a while, whether the publisher is at work or not */
static void
slow_reader(void *user)
{
	struct tally tally = {0};
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe(bus, "tick", NULL, (uint32_t)(uintptr_t)user);
	struct tern_event event = {.size = sizeof(event)};

	tell(&scene.words[0]);
	while (tally.heard + tally.lost < SLOW_N) {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		if (tally_add(&tally, &event) && tally.heard % 5000 == 0)
			(void)usleep(3000); /* no condition: this is the slowness */
		event_free(&event);
	}
	must_be(tally.heard + tally.lost, SLOW_N);
	must_be_silent(bus);
	must(user == NULL || tally.lost == 0);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

/* Two that drop and one that waits: to each its own counts. The one that waits loses nothing. */
START_TEST(slow_readers)
{
	pid_t readers[3];
	tern_topic *topic = topic_new(scene.bus, "tick");

	must_be(tern_set_option(scene.bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	for (size_t i = 0; i < 3; i++)
		readers[i] = child_start(slow_reader, (void *)(uintptr_t)(i == 2 ? TERN_WAIT : 0));
	wait_for(&scene.words[0], 3);
	for (uint64_t i = 0; i < SLOW_N; i++)
		must_be(tern_publish(topic, "u", i), 0);
	for (size_t i = 0; i < 3; i++)
		child_end(readers[i]);
	(void)tern_topic_free(topic);
}
END_TEST

/* What is published without waiting, before there is a link, counts as lost. */
START_TEST(before_the_link)
{
	tern_bus *reader = scene_open();
	tern_subscription *s = subscribe(reader, "tick", NULL, TERN_DROP_NEWEST);
	tern_topic *topic = topic_new(scene.bus, "tick");
	tern_message *m;
	uint64_t i = 0;

	for (; i < 100; i++) {
		must_be(tern_message_new_event(topic, &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		must_be(tern_publish_message(m, TERN_NONBLOCK), 0);
		(void)tern_message_unref(m);
	}
	must_be(tern_publish(topic, "u", i), 0);
	(void)tally_until(reader, i + 1);
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(reader);
}
END_TEST

/* --- waiting --- */

enum { STOPPED_N = 20000 };

/* stopped_reader() - the test stops it; then it finds what there was room for, and the count of the rest */
static void
stopped_reader(void *user)
{
	struct tally tally;
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe(bus, "tick", NULL, TERN_WAIT);

	tell(&scene.words[0]);
	wait_for(&scene.words[1], 1);
	tally = tally_until(bus, STOPPED_N);
	must(tally.lost > 0 && tally.heard > 0);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

/* A subscriber that wants to be waited for may hold the publisher up once, as long as that allows. */
START_TEST(max_wait)
{
	pid_t reader = child_start(stopped_reader, NULL);
	tern_topic *topic = topic_new(scene.bus, "tick");
	uint64_t longest = 0;

	must_be(tern_set_option(scene.bus, TERN_OPT_MAX_WAIT, 300 * MS_NS), 0);
	wait_for(&scene.words[0], 1);
	must_be(kill(reader, SIGSTOP), 0);
	for (uint64_t i = 0; i < STOPPED_N; i++) { /* would take an hour, if each waited */
		uint64_t begin = clock_now_ns();

		must_be(tern_publish(topic, "u", i), 0);
		longest = clock_now_ns() - begin > longest ? clock_now_ns() - begin : longest;
	}
	must(longest >= 290 * MS_NS);
	must_be(kill(reader, SIGCONT), 0);
	tell(&scene.words[1]);
	child_end(reader);
	(void)tern_topic_free(topic);
}
END_TEST

/* publish_nonblock() - a message that stays the caller's after -EAGAIN */
static tern_message *
publish_nonblock(tern_topic *topic, uint64_t number)
{
	tern_message *m;
	int r;

	must_be(tern_message_new_event(topic, &m), 0);
	must_be(tern_message_pack(m, "u", number), 0);
	r = tern_publish_message(m, TERN_NONBLOCK);
	must(r == 0 || r == -EAGAIN);
	if (r == 0)
		return tern_message_unref(m);
	must(is_error("tern.NoRoom"));
	return m;
}

/* Who waits has no room: nobody gets the event, not even who has room; a notice tells when it may be tried. */
START_TEST(nobody_got_it)
{
	tern_bus *slow = scene_open(), *fast = scene_open();
	tern_subscription *at_slow = subscribe(slow, "tick", NULL, TERN_WAIT);
	tern_subscription *at_fast = subscribe(fast, "tick", NULL, TERN_DROP_NEWEST);
	tern_topic *topic = topic_new(scene.bus, "tick");
	tern_message *m = NULL;
	uint64_t n = 0;

	must_be(tern_publish(topic, "u", n), 0); /* makes the links */
	must_hear(fast, n++);
	for (; !(m = publish_nonblock(topic, n)); n++)
		must_hear(fast, n);
	for (int i = 0; i < 10; i++)
		must_be(tern_publish_message(m, TERN_NONBLOCK), -EAGAIN);
	must_be_silent(fast);
	must_be_silent(scene.bus); /* not writable yet */
	for (uint64_t i = 0; i < n; i++)
		must_hear(slow, i);
	must_be(tern_next(slow, 0, &(struct tern_event){.size = sizeof(struct tern_event)}), -ETIME);
	must_be(next_event(scene.bus, TERN_WRITABLE).peer, tern_id(slow));
	must_be(tern_publish_message(m, TERN_NONBLOCK), 0);
	must_be(tern_publish_message(m, TERN_NONBLOCK), -EBUSY);
	(void)tern_message_unref(m);
	must_hear(slow, n);
	must_hear(fast, n);
	must_be_silent(slow);
	must_be_silent(fast);
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(at_slow);
	(void)tern_subscription_free(at_fast);
	(void)tern_close(slow);
	(void)tern_close(fast);
}
END_TEST

/* --- does anybody listen? --- */

/* until_nobody_listens() - who withdraws a rule, or dies, does not wait for ternd to hear of it */
static void
until_nobody_listens(tern_topic *topic)
{
	while (tern_has_listeners(topic))
		(void)usleep(1000);
}

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

/* --- rules about one sender --- */

/* More names than a topic looks at one by one. */
START_TEST(sender_of_many_names)
{
	tern_bus *reader = scene_open();
	tern_topic *topic = topic_new(scene.bus, "tick");
	char name[40];

	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "org.example.many.n%d", i);
		must_be(tern_own(scene.bus, name, 0, NULL), 0);
	}
	for (int i = 0; i < 40; i++) {
		tern_subscription *s;

		(void)snprintf(name, sizeof(name), "org.example.many.n%d", i);
		must(!tern_has_listeners(topic));
		s = subscribe(reader, "tick", name, TERN_DROP_NEWEST);
		must(tern_has_listeners(topic));
		(void)tern_subscription_free(s);
		until_nobody_listens(topic);
	}
	(void)tern_topic_free(topic);
	(void)tern_close(reader);
}
END_TEST


START_TEST(sender_by_id)
{
	char id[32];
	tern_bus *other = scene_open(), *reader = scene_open();
	tern_topic *mine = topic_new(scene.bus, "tick"), *others = topic_new(other, "tick");
	tern_subscription *s;

	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)tern_id(scene.bus));
	s = subscribe(reader, "tick", id, TERN_WAIT);
	must(tern_has_listeners(mine));
	must(!tern_has_listeners(others));
	for (uint64_t i = 0; i < 20; i++) {
		must_be(tern_publish(others, "u", i + 1000), 0);
		must_be(tern_publish(mine, "u", i), 0);
	}
	for (uint64_t i = 0; i < 20; i++)
		must_hear(reader, i);
	must_be_silent(reader);
	(void)tern_subscription_free(s);
	until_nobody_listens(mine);
	s = subscribe(reader, NULL, "tern", TERN_DROP_NEWEST); /* ternd's own only */
	must(!tern_has_listeners(mine));
	(void)tern_subscription_free(s);
	(void)tern_topic_free(mine);
	(void)tern_topic_free(others);
	(void)tern_close(other);
	(void)tern_close(reader);
}
END_TEST

#define PUBLISHER "org.example.Publisher"

/* The rule follows the name; what its owner published while it was that still comes afterwards. */
START_TEST(sender_by_name)
{
	tern_bus *buses[] = {scene.bus, scene_open()}, *reader = scene_open();
	tern_topic *topics[] = {topic_new(buses[0], "tick"), topic_new(buses[1], "tick")};
	tern_subscription *s = subscribe(reader, "tick", PUBLISHER, TERN_WAIT);
	uint64_t n = 0, heard = 0;

	must(!tern_has_listeners(topics[0]) && !tern_has_listeners(topics[1]));
	for (int i = 0; i < 50; i++) {
		must_be(tern_own(buses[i % 2], PUBLISHER, 0, NULL), 0);
		must(tern_has_listeners(topics[i % 2]));
		must(!tern_has_listeners(topics[1 - i % 2]));
		for (int k = 0; k < 5; k++) {
			must_be(tern_publish(topics[i % 2], "u", n++), 0);
			must_be(tern_publish(topics[1 - i % 2], "u", UINT64_MAX), 0);
		}
		while (heard < n)
			must_hear(reader, heard++);
		must_be(tern_disown(buses[i % 2], PUBLISHER), 0);
		must(!tern_has_listeners(topics[i % 2]));
	}
	must_be_silent(reader);
	(void)tern_subscription_free(s);
	for (int i = 0; i < 2; i++)
		(void)tern_topic_free(topics[i]);
	(void)tern_close(buses[1]);
	(void)tern_close(reader);
}
END_TEST

/* A reader with a rule about a name, and one about anybody. */
struct listener {
	tern_bus *bus;
	tern_subscription *by_name, *any;
	uint64_t n_gaps; /* of the first */
};

static struct listener
listener_new(void)
{
	tern_bus *bus = scene_open();

	return (struct listener){
		.bus = bus,
		.by_name = subscribe(bus, "tick", PUBLISHER, TERN_WAIT),
		.any = subscribe(bus, "tick", NULL, TERN_WAIT),
	};
}

static void
listener_free(struct listener *listener)
{
	(void)tern_subscription_free(listener->by_name);
	(void)tern_subscription_free(listener->any);
	(void)tern_close(listener->bus);
}

/* listen_until() - take in until the event of this number. Return: which of those below 64 were heard by name. */
static uint64_t
listen_until(struct listener *listener, uint64_t last)
{
	struct tern_event event = {.size = sizeof(event)};
	uint64_t heard = 0, number = UINT64_MAX;

	do {
		must_be(tern_next(listener->bus, number == last ? 0 : LONG_NS, &event), 0);
		if (event.kind == TERN_EVENT) {
			number = number_of(event.message);
			heard |= event.subscription == listener->by_name ? UINT64_C(1) << number : 0;
		}
		listener->n_gaps += event.kind == TERN_GAP && event.subscription == listener->by_name;
		event_free(&event);
	} while (number != last || event.subscription != listener->any);
	return heard;
}

/* Who was the owner is heard with what it published as such, however late that is taken in, and no more. */
START_TEST(sender_was_owner)
{
	tern_bus *old = scene.bus, *new = scene_open();
	tern_topic *olds = topic_new(old, "tick"), *news = topic_new(new, "tick");
	struct listener listener = listener_new();

	must_be(tern_own(old, PUBLISHER, TERN_NAME_REPLACEABLE, NULL), 0);
	must_be(tern_publish(olds, "u", UINT64_C(0)), 0);
	must_be(listen_until(&listener, 0), 1u << 0);
	must_be(tern_publish(olds, "u", UINT64_C(1)), 0);
	must_be(tern_own(new, PUBLISHER, TERN_NAME_REPLACE, NULL), 0);
	must_be(tern_publish(news, "u", UINT64_C(2)), 0);
	must_be(listen_until(&listener, 2), 1u << 1 | 1u << 2);
	must_be(tern_publish(olds, "u", UINT64_C(3)), 0);
	must_be(tern_publish(news, "u", UINT64_C(4)), 0);
	must_be(listen_until(&listener, 4), 1u << 4);
	must_be(tern_own(new, PUBLISHER, TERN_NAME_REPLACEABLE, NULL), 0);
	must_be(tern_own(old, PUBLISHER, TERN_NAME_REPLACE, NULL), 0);
	must_be(tern_publish(olds, "u", UINT64_C(5)), 0);
	must_be(tern_disown(old, PUBLISHER), 0);
	must_be(listen_until(&listener, 5), 1u << 5);
	must_be(tern_publish(olds, "u", UINT64_C(6)), 0);
	must_be(tern_publish(news, "u", UINT64_C(7)), 0);
	must_be(listen_until(&listener, 7), 0);
	must_be(listener.n_gaps, 0);
	listener_free(&listener);
	(void)tern_topic_free(olds);
	(void)tern_topic_free(news);
	(void)tern_close(new);
}
END_TEST

/* ternd drops its word of owners where nobody reads: then the tables tell, and a gap. */
START_TEST(sender_of_unread_names)
{
	tern_bus *other = scene_open();
	tern_topic *mine = topic_new(scene.bus, "tick"), *others = topic_new(other, "tick");
	struct listener listener = listener_new();
	char label[251] = "";
	const char *labels[] = {label, label + 1, label + 2, NULL};

	must_be(tern_publish(mine, "u", UINT64_C(10)), 0); /* makes the links: none is made to who does not read */
	must_be(tern_publish(others, "u", UINT64_C(11)), 0);
	must_be(listen_until(&listener, 11), 0);
	(void)memset(label, 'x', 250); /* long, so that fewer fill ternd's memory, and no other fits in where they do not */
	must_be(tern_own(scene.bus, PUBLISHER, 0, labels), 0);
	must_be(tern_publish(mine, "u", UINT64_C(12)), 0);
	must_be(listen_until(&listener, 12), 1u << 12);
	for (int i = 0; i < 2000; i++) { /* with the tags of the other name */
		must_be(tern_own(scene.bus, PUBLISHER ".more", 0, labels), 0);
		must_be(tern_disown(scene.bus, PUBLISHER ".more"), 0);
	}
	must_be(tern_disown(scene.bus, PUBLISHER), 0);
	must_be(tern_own(other, PUBLISHER, 0, labels), 0);
	while (listener.n_gaps == 0) { /* it is told when there is room for it */
		struct tern_event event = next_event(listener.bus, TERN_GAP);

		listener.n_gaps += event.subscription == listener.by_name;
		event_free(&event);
	}
	must_be(tern_publish(others, "u", UINT64_C(0)), 0);
	must_be(listen_until(&listener, 0), 1u << 0);
	must_be(tern_publish(mine, "u", UINT64_C(1)), 0);
	must_be(tern_publish(others, "u", UINT64_C(2)), 0);
	must_be(listen_until(&listener, 2), 1u << 2);
	must_be(tern_disown(other, PUBLISHER), 0);
	must_be(tern_publish(others, "u", UINT64_C(3)), 0);
	must_be(listen_until(&listener, 3) & ~(UINT64_C(1) << 3), 0); /* pushed before that was heard of, or not */
	must_be(tern_publish(others, "u", UINT64_C(4)), 0);
	must_be(listen_until(&listener, 4), 0);
	listener_free(&listener);
	(void)tern_topic_free(mine);
	(void)tern_topic_free(others);
	(void)tern_close(other);
}
END_TEST

/* --- to oneself --- */

struct chain {
	tern_topic *topic;
	uint64_t n;
};

/* on_chain() - each event begets the next one */
static void
on_chain(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct chain *chain = user;

	must_be(number_of(m), chain->n++);
	must_be(tern_message_sender(m), tern_id(scene.bus));
	if (chain->n < 100)
		must_be(tern_publish(chain->topic, "u", chain->n), 0);
}

START_TEST(to_oneself)
{
	static const char *const tags[] = {"tick", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	struct chain chain = {.topic = topic_new(scene.bus, "tick")};
	tern_subscription *with_handler, *without;

	must_be(tern_subscribe(scene.bus, &rule, on_chain, &chain, &with_handler), 0);
	without = subscribe(scene.bus, NULL, NULL, TERN_DROP_NEWEST);
	must_be(tern_publish(chain.topic, "u", UINT64_C(0)), 0);
	for (uint64_t i = 0; i < 100; i++)
		must_hear(scene.bus, i);
	must_be_silent(scene.bus);
	must_be(chain.n, 100);
	(void)tern_subscription_free(with_handler);
	(void)tern_subscription_free(without);
	(void)tern_topic_free(chain.topic);
}
END_TEST

/* Values of any size, packed while the library has its lock; to another handle and to oneself. */
START_TEST(big_values)
{
	static const size_t sizes[] = {0, 2000, 9000, 1000000};
	static char sent[1000000];
	tern_topic *topic = topic_new(scene.bus, "tick");
	tern_bus *others[] = {scene_open(), scene.bus};
	tern_subscription *heard[2];

	memset(sent, 'v', sizeof(sent));
	for (size_t k = 0; k < 2; k++)
		heard[k] = subscribe(others[k], "tick", NULL, TERN_DROP_NEWEST);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		must_be(tern_publish(topic, "y", sent, sizes[i]), 0);
		for (size_t k = 0; k < 2; k++) {
			struct tern_event event = next_event(others[k], TERN_EVENT);
			const void *bytes;
			size_t size;

			must_be(tern_message_unpack(event.message, "y", &bytes, &size), 0);
			must_be(size, sizes[i]);
			must(memcmp(bytes, sent, size) == 0);
			event_free(&event);
		}
	}
	for (size_t k = 0; k < 2; k++)
		(void)tern_subscription_free(heard[k]);
	(void)tern_topic_free(topic);
	(void)tern_close(others[0]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("events");
	TCase *tcase = tcase_create("events");

	tcase_set_timeout(tcase, is_long() ? 600 : 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, subsets);
	tcase_add_test(tcase, burst_then_silence);
	tcase_add_test(tcase, slow_readers);
	tcase_add_test(tcase, before_the_link);
	tcase_add_test(tcase, max_wait);
	tcase_add_test(tcase, nobody_got_it);
	tcase_add_test(tcase, has_listeners);
	tcase_add_test(tcase, topic_again);
	tcase_add_test(tcase, topic_of_a_closed_handle);
	tcase_add_test(tcase, asked_from_a_thread);
	tcase_add_test(tcase, sender_of_many_names);
	tcase_add_test(tcase, sender_by_id);
	tcase_add_test(tcase, sender_by_name);
	tcase_add_test(tcase, sender_was_owner);
	tcase_add_test(tcase, sender_of_unread_names);
	tcase_add_test(tcase, to_oneself);
	tcase_add_test(tcase, big_values);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
