/* SPDX-License-Identifier: MIT */

/* losses: what becomes of events for which there is no room: dropped and counted, or waited for */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "hear.h"

#define MS_NS UINT64_C(1000000)

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

int
main(void)
{
	const TTest *const tests[] = {burst_then_silence, slow_readers, before_the_link, max_wait, nobody_got_it};

	return hear_run("losses", tests, sizeof(tests) / sizeof(*tests));
}
