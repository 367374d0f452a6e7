/* SPDX-License-Identifier: MIT */

/*
 * rates: a rule that wants so many events a second and no more
 *
 * Time stands still but for what the test says (struct hook_clock), so no test hangs on how fast it runs.
 */

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/hook.h"
#include "hear.h"

#define RATE	 10u
#define INTERVAL (UINT64_C(1000000000) / RATE)

enum { BURST = 100 };

static struct hook_clock our_clock;

static void
clock_setup(void)
{
	our_clock.now = hook_time(clock_now_ns());
	our_clock.step = 1;
	hook_clock = &our_clock;
	scene_setup();
}

static void
clock_teardown(void)
{
	hook_clock = NULL;
	scene_teardown();
}

/* pass() - time goes by, and whoever waits for it sees to it */
static void
pass(uint64_t ns)
{
	our_clock.now += ns;
	while (tern_process(scene.bus) > 0)
		;
}

/* A reader of one rule, and a topic that it hears. */
struct pair {
	tern_bus *reader;
	tern_subscription *s;
	tern_topic *topic;
};

static struct pair
pair_new(struct tern_rule rule)
{
	const char *tags[] = {"tick", NULL};
	struct pair pair = {.reader = scene_open(), .topic = topic_new(scene.bus, "tick")};

	rule.size = sizeof(rule);
	rule.tags = tags;
	must_be(tern_subscribe(pair.reader, &rule, NULL, NULL, &pair.s), 0);
	return pair;
}

static void
pair_free(struct pair *pair)
{
	(void)tern_topic_free(pair->topic);
	(void)tern_subscription_free(pair->s);
	(void)tern_close(pair->reader);
}

static void
publish_burst(struct pair *pair)
{
	for (uint64_t i = 0; i < BURST; i++)
		must_be(tern_publish(pair->topic, "u", i), 0);
}

static void
must_lose(tern_bus *bus, uint64_t n)
{
	struct tern_event event = next_event(bus, TERN_GAP);

	must_be(event.lost, n);
	event_free(&event);
}

static struct tern_subscription_counts
counts_of(tern_subscription *s)
{
	struct tern_subscription_counts counts = {.size = sizeof(counts)};

	must_be(tern_subscription_count(s, &counts), 0);
	return counts;
}

/* The first of a burst comes at once, the newest when its time has come, and it takes no further event for that. */
START_TEST(latest)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_LATEST, .max_rate = RATE});

	for (int round = 0; round < 3; round++) {
		publish_burst(&pair);
		must_hear(pair.reader, 0);
		must_be_silent(pair.reader);
		pass(INTERVAL / 2);
		must_be_silent(pair.reader);
		pass(INTERVAL);
		must_hear(pair.reader, BURST - 1);
		must_be_silent(pair.reader);
		pass(INTERVAL);
	}
	must_be(counts_of(pair.s).replaced, 3 * (BURST - 2));
	must_be(counts_of(pair.s).late, 3);
	must_be(counts_of(pair.s).lost, 0);
	pair_free(&pair);
}
END_TEST

/* Of several topics each has its turn, however often the others change. */
START_TEST(in_turn)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_LATEST, .max_rate = RATE});
	tern_topic *topics[3];
	unsigned int n[3] = {0};

	for (int i = 0; i < 3; i++) {
		const char *tags[] = {"tick", (const char *[]){"a", "b", "c"}[i], NULL};

		must_be(tern_topic_new(scene.bus, tags, &topics[i]), 0);
	}
	for (int round = 0; round < 30; round++) {
		struct tern_event event = {.size = sizeof(event)};

		for (uint64_t i = 0; i < 3; i++)
			must_be(tern_publish(topics[i], "u", i), 0);
		pass(INTERVAL);
		while (tern_next(pair.reader, 0, &event) == 0) {
			if (event.kind == TERN_EVENT)
				n[number_of(event.message)]++;
			event_free(&event);
		}
	}
	for (int i = 0; i < 3; i++) {
		must(n[i] >= 8);
		(void)tern_topic_free(topics[i]);
	}
	pair_free(&pair);
}
END_TEST

/* What comes too early is dropped, and told when the next may come; nobody is woken for it before. */
START_TEST(drop_newest)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_DROP_NEWEST, .max_rate = RATE});
	struct pollfd pollfd = {.events = POLLIN};

	publish_burst(&pair);
	must_hear(pair.reader, 0);
	pollfd.fd = tern_fd(pair.reader);
	while (tern_process(pair.reader) > 0)
		;
	must_be(poll(&pollfd, 1, 0), 0);
	publish_burst(&pair);
	must_be(poll(&pollfd, 1, 0), 0);
	pass(INTERVAL); /* silence: the loss is told nevertheless */
	must_be(poll(&pollfd, 1, 0), 1);
	must_lose(pair.reader, 2 * BURST - 1);
	must_be_silent(pair.reader);
	publish_burst(&pair);
	must_hear(pair.reader, 0);
	our_clock.now += INTERVAL; /* no silence: it is told with the next event, before it */
	publish_burst(&pair);
	must_lose(pair.reader, BURST - 1);
	must_hear(pair.reader, 0);
	pair_free(&pair);
}
END_TEST

/* The newest few of a burst, one at a time. */
START_TEST(drop_oldest)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_DROP_OLDEST, .max_rate = RATE, .queue = 3});

	publish_burst(&pair);
	must_hear(pair.reader, 0);
	must_be_silent(pair.reader); /* nor is it told yet what was lost */
	pass(INTERVAL);
	must_lose(pair.reader, BURST - 4);
	for (uint64_t i = 0; i < 3; i++) {
		must_hear(pair.reader, BURST - 3 + i);
		must_be_silent(pair.reader);
		pass(INTERVAL);
	}
	must_be_silent(pair.reader);
	must_be(counts_of(pair.s).late, 3);
	pair_free(&pair);
}
END_TEST

/* One's rate is not another's: who wants all gets all, and what waits for a rate holds nobody up. */
START_TEST(beside_others)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_LATEST, .max_rate = RATE});
	tern_subscription *all = subscribe(pair.reader, "tock", NULL, TERN_DROP_NEWEST);
	tern_topic *tock = topic_new(scene.bus, "tock");

	publish_burst(&pair);
	must_hear(pair.reader, 0);
	for (uint64_t i = 0; i < BURST; i++) {
		must_be(tern_publish(tock, "u", i), 0);
		must_hear(pair.reader, i);
	}
	pass(INTERVAL);
	must_hear(pair.reader, BURST - 1);
	(void)tern_subscription_free(all);
	(void)tern_topic_free(tock);
	pair_free(&pair);
}
END_TEST

/* Another rule comes that wants all of the topic, while one event of it waits: that goes first. */
START_TEST(then_all)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_LATEST, .max_rate = RATE});
	tern_subscription *all;
	struct tern_event event;
	uint64_t last = 0;

	publish_burst(&pair);
	all = subscribe(pair.reader, "tick", NULL, TERN_DROP_NEWEST);
	must_be(tern_publish(pair.topic, "u", (uint64_t)BURST), 0);
	while (last < BURST) { /* twice from when there are two rules */
		event = next_event(pair.reader, TERN_EVENT);
		must(number_of(event.message) >= last);
		last = number_of(event.message);
		event_free(&event);
	}
	must_hear(pair.reader, BURST);
	pass(INTERVAL);
	must_be_silent(pair.reader);
	(void)tern_subscription_free(all);
	pair_free(&pair);
}
END_TEST

/* --- events that get old --- */

/* What is old when it would be handed out is not, whether a handler or tern_next() asks for it. */
START_TEST(expired_here)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_DROP_NEWEST});
	tern_message *m;

	must_be(tern_topic_set_expiry(pair.topic, INTERVAL), 0);
	for (uint64_t i = 0; i < 3; i++)
		must_be(tern_publish(pair.topic, "u", i), 0);
	must_hear(pair.reader, 0);
	our_clock.now += 2 * INTERVAL;
	for (uint64_t i = 3; i < 5; i++) {
		must_be(tern_message_new_event(pair.topic, &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		must_be(tern_message_set_expiry(m, i == 3 ? 5 * INTERVAL : UINT64_MAX), 0);
		must_be(tern_publish_message(m, 0), 0);
		must_be(tern_message_set_expiry(m, 1), -EBUSY);
		(void)tern_message_unref(m);
	}
	while (tern_process(pair.reader) > 0) /* they wait in the program, too */
		;
	our_clock.now += 3 * INTERVAL;
	must_hear(pair.reader, 3);
	must_hear(pair.reader, 4);
	must_be_silent(pair.reader);
	must_be(counts_of(pair.s).expired, 2);
	must_be(counts_of(pair.s).heard, 3);
	must_be(counts_of(pair.s).lost, 0);
	pair_free(&pair);
}
END_TEST

/* What gets old while it waits for its time is dropped, and told. */
START_TEST(expired_there)
{
	struct pair pair = pair_new((struct tern_rule){.policy = TERN_DROP_OLDEST, .max_rate = RATE});

	must_be(tern_topic_set_expiry(pair.topic, INTERVAL * 3 / 2), 0);
	for (uint64_t i = 0; i < 4; i++)
		must_be(tern_publish(pair.topic, "u", i), 0);
	must_hear(pair.reader, 0);
	pass(INTERVAL);
	must_hear(pair.reader, 1);
	pass(2 * INTERVAL);
	must_lose(pair.reader, 2);
	must_be_silent(pair.reader);
	must_be(tern_publish(pair.topic, "u", UINT64_C(4)), 0);
	must_hear(pair.reader, 4);
	must_be(counts_of(pair.s).expired, 0);
	pair_free(&pair);
}
END_TEST

/* --- by the real clock --- */

/* Somebody else's loop is told when the time has come. */
START_TEST(polled)
{
	struct pollfd pollfd = {.events = POLLIN};
	struct pair pair;

	hook_clock = NULL;
	pair = pair_new((struct tern_rule){.policy = TERN_LATEST, .max_rate = 50});
	pollfd.fd = tern_fd(scene.bus);
	publish_burst(&pair);
	must_hear(pair.reader, 0);
	while (counts_of(pair.s).late == 0) {
		struct tern_event event = {.size = sizeof(event)};

		while (tern_process(scene.bus) > 0)
			;
		if (tern_next(pair.reader, 0, &event) == 0)
			event_free(&event);
		else
			must(poll(&pollfd, 1, 60000) > 0);
	}
	pair_free(&pair);
}
END_TEST

/* Who sleeps in tern_next() wakes when the time has come. */
static void
publish_and_sleep(void *user)
{
	tern_bus *bus = scene_open();
	tern_topic *topic = topic_new(bus, "tick");
	struct tern_event event;

	(void)user;
	for (uint64_t i = 0; i <= BURST; i++)
		must_be(tern_publish(topic, "u", i), 0);
	event = next_event(bus, TERN_LOST);
	event_free(&event);
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

START_TEST(asleep)
{
	struct pair pair;
	pid_t publisher;

	hook_clock = NULL;
	pair = pair_new((struct tern_rule){.policy = TERN_LATEST, .max_rate = 50});
	publisher = child_start(publish_and_sleep, NULL);
	for (uint64_t last = 0; last < BURST;) {
		struct tern_event event = next_event(pair.reader, TERN_EVENT);

		last = number_of(event.message);
		event_free(&event);
	}
	pair_free(&pair);
	child_end(publisher);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		latest, in_turn, drop_newest, drop_oldest, beside_others, then_all, expired_here, expired_there, polled, asleep};
	Suite *suite = suite_create("rates");
	TCase *tcase = tcase_create("rates");

	tcase_set_timeout(tcase, is_long() ? 600 : 120);
	tcase_add_checked_fixture(tcase, clock_setup, clock_teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
