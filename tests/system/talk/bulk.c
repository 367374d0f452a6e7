/* SPDX-License-Identifier: MIT */

/*
 * bulk: large events to a subscriber that is waited for
 *
 * The publisher stays close to what is taken in, so that few blocks go round. What the subscriber keeps on purpose
 * holds up nobody, whether it sleeps between its messages or never.
 */

#include <errno.h>
#include <string.h>

#include "scene.h"

enum {
	SIZE = 1 << 20,
	N_EVENTS = 24,
	N_AHEAD = 8, /* more than a publisher is ahead, and much less than may be lent out */
	/* words */
	READY = 0,
	GO,
	HEARD,
};

static const char *const tags[] = {"org.example.Bulk", NULL};

static tern_subscription *
subscribe(tern_bus *bus)
{
	const struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};
	tern_subscription *s;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	tell(&scene.words[READY]);
	return s;
}

static void
check_event(tern_message *m, int i)
{
	const uint8_t *bytes;
	size_t size;

	must_be(tern_message_part(m, 0, (const void **)&bytes, &size), 0);
	must_be(size, SIZE);
	must_be(bytes[0], i);
	must_be(bytes[SIZE - 1], i);
}

/* publish() - Return: as tern_publish_message(). */
static int
publish(tern_topic *topic, int i, uint32_t flags)
{
	tern_message *m;
	void *bytes;
	int r;

	must_be(tern_message_new_event(topic, &m), 0);
	must_be(tern_message_lend(m, SIZE, &bytes), 0);
	memset(bytes, i, SIZE);
	r = tern_publish_message(m, flags);
	(void)tern_message_unref(m);
	return r;
}

/* --- one that stops after the first --- */

static void
stopper(void *user)
{
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe(bus);

	for (int i = 0; i < N_EVENTS; i++) {
		struct tern_event event = next_event(bus, TERN_EVENT);

		check_event(event.message, i);
		event_free(&event);
		tell(&scene.words[HEARD]);
		wait_for(&scene.words[GO], 1);
	}
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

START_TEST(not_far_ahead)
{
	tern_topic *topic;
	pid_t child = child_start(stopper, NULL);
	struct tern_event event;
	int i = 0;

	wait_for(&scene.words[READY], 1);
	must_be(tern_topic_new(scene.bus, tags, &topic), 0);
	must_be(publish(topic, i++, 0), 0); /* the link is made */
	wait_for(&scene.words[HEARD], 1);
	while (i < N_EVENTS && publish(topic, i, TERN_NONBLOCK) == 0)
		i++;
	must(i > 1 && i <= N_AHEAD);
	tell(&scene.words[GO]);
	while (i < N_EVENTS) {
		int r = publish(topic, i, TERN_NONBLOCK);

		if (r == 0) {
			i++;
			continue;
		}
		must_be(r, -EAGAIN);
		event = next_event(scene.bus, TERN_WRITABLE);
		event_free(&event);
	}
	child_end(child);
	(void)tern_topic_free(topic);
}
END_TEST

/* --- one that keeps all --- */

/* keeper() - gives nothing back before it has everything; user: it never sleeps */
static void
keeper(void *user)
{
	tern_bus *bus = scene_open();
	tern_subscription *s = subscribe(bus);
	tern_message *kept[N_EVENTS];
	uint64_t timeout = user ? 0 : LONG_NS;

	for (int i = 0; i < N_EVENTS;) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(bus, timeout, &event);

		must(r == 0 || (user && r == -ETIME));
		if (r == 0 && event.kind == TERN_EVENT) {
			check_event(event.message, i);
			kept[i++] = tern_message_ref(event.message);
		}
		if (r == 0)
			event_free(&event);
	}
	for (int i = 0; i < N_EVENTS; i++) {
		check_event(kept[i], i);
		(void)tern_message_unref(kept[i]);
	}
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

START_TEST(who_keeps_holds_up_nobody)
{
	tern_topic *topic;
	pid_t child = child_start(keeper, _i ? &scene : NULL);

	wait_for(&scene.words[READY], 1);
	must_be(tern_set_option(scene.bus, TERN_OPT_MAX_WAIT, 10 * LONG_NS), 0); /* the test would time out */
	must_be(tern_topic_new(scene.bus, tags, &topic), 0);
	for (int i = 0; i < N_EVENTS; i++)
		must_be(publish(topic, i, 0), 0);
	child_end(child);
	(void)tern_topic_free(topic);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bulk");
	TCase *tcase = tcase_create("bulk");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, not_far_ahead);
	tcase_add_loop_test(tcase, who_keeps_holds_up_nobody, 0, 2);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
