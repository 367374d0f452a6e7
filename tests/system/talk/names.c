/* SPDX-License-Identifier: MIT */

/* names: owned, queued for, replaced, given up, and gone with a dead owner; and the events that tell it */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scene.h"

#define NAME "org.example.Name"

static tern_subscription *
subscribe(tern_bus *bus, const char *one, const char *two)
{
	const char *tags[] = {one, two, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = "tern", .tags = tags};
	tern_subscription *s;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	return s;
}

static bool
has_tag(tern_message *m, const char *tag)
{
	for (size_t i = 0; tern_message_tag(m, i); i++)
		if (strcmp(tern_message_tag(m, i), tag) == 0)
			return true;
	return false;
}

/* must_tell() - the next event is `new` or `gone`, of this name, which went from one to the other */
static void
must_tell(tern_bus *bus, const char *tag, const char *name, tern_peer old, tern_peer new)
{
	struct tern_event event = next_event(bus, TERN_EVENT);
	const char *told;
	uint64_t was, is;

	must_be(tern_message_sender(event.message), TERN_PEER_BUS);
	must_be(tern_message_unpack(event.message, "{name:s, old:u, new:u}", &told, &was, &is), 0);
	must(strcmp(told, name) == 0);
	must_be(was, old);
	must_be(is, new);
	must(has_tag(event.message, tag) && has_tag(event.message, name));
	must(!has_tag(event.message, strcmp(tag, "new") ? "new" : "gone"));
	event_free(&event);
}

/* must_change() - it is told so; 0 nobody. One that passes on is gone first. */
static void
must_change(tern_bus *bus, const char *name, tern_peer old, tern_peer new)
{
	if (old)
		must_tell(bus, "gone", name, old, new);
	if (new)
		must_tell(bus, "new", name, old, new);
}

/* must_own() - who looks it up finds this owner; 0 nobody */
static void
must_own(const char *name, tern_peer owner)
{
	tern_peer found = 0;

	must_be(tern_lookup(scene.bus, name, &found), owner ? 0 : -ENXIO);
	must_be(found, owner);
}

START_TEST(own_and_disown)
{
	tern_bus *a = scene_open(), *b = scene_open();

	must_own(NAME, 0);
	must_be(tern_own(a, NAME, 0, NULL), 0);
	must_own(NAME, tern_id(a));
	must_be(tern_own(a, NAME, 0, NULL), 0); /* it was already */
	must_be(tern_own(b, NAME, 0, NULL), -EEXIST);
	must_be(tern_own(b, NAME, TERN_NAME_REPLACE, NULL), -EEXIST); /* not allowed */
	must_be(tern_disown(b, NAME), -ENXIO);
	must_own(NAME, tern_id(a));
	must_be(tern_disown(a, NAME), 0);
	must_own(NAME, 0);
	must_be(tern_own(b, NAME, 0, NULL), 0);
	must_own(NAME, tern_id(b));
	b = tern_close(b);
	while (tern_own(a, NAME, 0, NULL) == -EEXIST)
		(void)usleep(1000); /* until ternd has seen it */
	must_own(NAME, tern_id(a));
	(void)tern_close(a);
}
END_TEST

/* A line of three; who gives his place up is passed by, and who dies too. */
START_TEST(line)
{
	tern_bus *buses[4];
	tern_peer ids[4];
	tern_subscription *s = subscribe(scene.bus, NAME, NULL);

	for (int i = 0; i < 4; i++) {
		buses[i] = scene_open();
		ids[i] = tern_id(buses[i]);
		must_be(tern_own(buses[i], NAME, TERN_NAME_QUEUE, NULL), i ? -EINPROGRESS : 0);
	}
	must_change(scene.bus, NAME, 0, ids[0]);
	must_be(tern_disown(buses[1], NAME), 0); /* only a place in the line */
	must_own(NAME, ids[0]);
	must_be(tern_disown(buses[0], NAME), 0);
	must_change(scene.bus, NAME, ids[0], ids[2]);
	must_own(NAME, ids[2]);
	(void)tern_close(buses[2]);
	must_change(scene.bus, NAME, ids[2], ids[3]);
	must_own(NAME, ids[3]);
	(void)tern_close(buses[3]);
	must_change(scene.bus, NAME, ids[3], 0);
	must_own(NAME, 0);
	(void)tern_subscription_free(s);
	(void)tern_close(buses[0]);
	(void)tern_close(buses[1]);
}
END_TEST

START_TEST(replace)
{
	tern_bus *a = scene_open(), *b = scene_open();
	tern_subscription *s = subscribe(scene.bus, NAME, NULL);

	must_be(tern_own(a, NAME, TERN_NAME_REPLACEABLE, NULL), 0);
	must_be(tern_own(b, NAME, 0, NULL), -EEXIST); /* allowed, but not asked for */
	must_be(tern_own(b, NAME, TERN_NAME_REPLACE, NULL), 0);
	must_own(NAME, tern_id(b));
	must_be(tern_disown(a, NAME), -ENXIO); /* it has no place in the line */
	must_be(tern_own(a, NAME, TERN_NAME_REPLACE, NULL), -EEXIST);
	must_change(scene.bus, NAME, 0, tern_id(a));
	must_change(scene.bus, NAME, tern_id(a), tern_id(b));
	(void)tern_subscription_free(s);
	(void)tern_close(a);
	(void)tern_close(b);
}
END_TEST

/* Labels and dotted prefixes are tags; who comes later is told the present owners first. */
START_TEST(labels_and_prefixes)
{
	static const char *const labels[] = {"player", "loud", NULL};
	static const char *const heard[][2] = {
		{"org", NULL}, {"org.example", NULL}, {NAME, NULL}, {"player", "loud"}, {NULL, NULL}};
	static const char *const unheard[][2] = {
		{"org.exam", NULL}, {"player", "silent"}, {"gone", NAME}};
	tern_bus *a = scene_open();
	tern_peer id = tern_id(a);

	must_be(tern_own(a, NAME, 0, labels), 0);
	for (size_t i = 0; i < sizeof(heard) / sizeof(*heard); i++) {
		tern_subscription *s = subscribe(scene.bus, heard[i][0], heard[i][1]);
		struct tern_event event = {.size = sizeof(event)};

		must_change(scene.bus, NAME, 0, id); /* the present owner */
		must_be(tern_next(scene.bus, 0, &event), -ETIME);
		must_be(tern_disown(a, NAME), 0);
		must_change(scene.bus, NAME, id, 0);
		must_be(tern_own(a, NAME, 0, labels), 0);
		must_change(scene.bus, NAME, 0, id);
		(void)tern_subscription_free(s);
	}
	for (size_t i = 0; i < sizeof(unheard) / sizeof(*unheard); i++) {
		tern_subscription *s = subscribe(scene.bus, unheard[i][0], unheard[i][1]);
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(scene.bus, 0, &event), -ETIME);
		(void)tern_subscription_free(s);
	}
	(void)tern_close(a);
}
END_TEST

/* --- of a dead owner nothing stays --- */

enum { N_NAMES = 300 };

static void
name_number(char name[64], int i)
{
	(void)snprintf(name, 64, "org.example.of-the-dead.n%d", i);
}

static void
mortal(void *user)
{
	static const char *const tags[] = {"tick", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_bus *bus = scene_open();
	tern_subscription *s;
	char name[64];

	for (int i = 0; i < N_NAMES; i++) {
		name_number(name, i);
		must_be(tern_own(bus, name, 0, NULL), 0);
		must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	}
	must_be(tern_own(bus, NAME, TERN_NAME_QUEUE, NULL), -EINPROGRESS);
	tell(&scene.words[0]);
	for (;;)
		(void)pause();
}

/* When tern_close() has returned the names are free: for the same program, however soon. */
START_TEST(closed_owner)
{
	tern_bus *other;

	for (int i = 0; i < 300; i++) {
		other = scene_open();
		must_be(tern_own(other, NAME, 0, NULL), 0);
		(void)tern_close(other);
		must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
		must_be(tern_disown(scene.bus, NAME), 0);
	}
}
END_TEST

static int
count_name(const struct tern_name *name, void *user)
{
	must(name->size == sizeof(*name) && name->labels && name->owner);
	++*(int *)user;
	return 0;
}

static int
n_names(void)
{
	int n = 0;

	must_be(tern_list(scene.bus, count_name, &n), 0);
	return n;
}

START_TEST(dead_owner)
{
	static const char *const tags[] = {"tick", NULL};
	tern_subscription *s = subscribe(scene.bus, "gone", "org.example.of-the-dead");
	tern_bus *third = scene_open();
	tern_topic *topic;
	tern_peer peer;
	pid_t child;
	char name[64];

	must_be(tern_topic_new(scene.bus, tags, &topic), 0);
	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
	child = child_start(mortal, NULL);
	wait_for(&scene.words[0], 1);
	must_be(tern_own(third, NAME, TERN_NAME_QUEUE, NULL), -EINPROGRESS);
	name_number(name, 0);
	must_be(tern_lookup(scene.bus, name, &peer), 0);
	must_be(n_names(), N_NAMES + 1);
	must(tern_has_listeners(topic));
	child_kill(child);
	for (int i = 0; i < N_NAMES; i++) { /* in no order: each once, or told as lost */
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(scene.bus, LONG_NS, &event), 0);
		must(event.kind == TERN_EVENT || event.kind == TERN_GAP);
		if (event.kind == TERN_GAP)
			i += (int)event.lost - 1;
		event_free(&event);
	}
	must_be(n_names(), 1);
	while (tern_has_listeners(topic)) /* its rules went in the same round of ternd */
		(void)usleep(1000);
	must_be(tern_disown(scene.bus, NAME), 0);
	must_own(NAME, tern_id(third)); /* the dead one stands in no line */
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(third);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("names");
	TCase *tcase = tcase_create("names");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, own_and_disown);
	tcase_add_test(tcase, line);
	tcase_add_test(tcase, replace);
	tcase_add_test(tcase, labels_and_prefixes);
	tcase_add_test(tcase, closed_owner);
	tcase_add_test(tcase, dead_owner);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
