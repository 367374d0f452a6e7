/* SPDX-License-Identifier: MIT */

/*
 * growth: ternd's tables grow and are compacted while others read them, and nobody gets a wrong answer
 *
 * A restless client adds and drops names and rules by the thousand. Meanwhile a name that stays is found
 * by the same owner, one that never was is never found, every event reaches who listens, and calls are
 * answered.
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

enum {
	N_NAMES = 2000, /* at a time: more than the first tables hold */
	N_RULES = 1000,
	/* words */
	READY = 2,
	ROUNDS,
	STOP,
	HEARD,
	LATE,
};

static void
name_number(char name[64], int i)
{
	(void)snprintf(name, 64, "org.example.restless.n%d", i);
}

static void
late_number(char name[64], uint32_t i)
{
	(void)snprintf(name, 64, "org.example.late.n%u", i);
}

/* own_late() - a name that stays; from the word on everybody finds it */
static void
own_late(tern_bus *bus)
{
	char name[64];

	late_number(name, atomic_load(&scene.words[LATE]));
	must_be(tern_own(bus, name, 0, NULL), 0);
	tell(&scene.words[LATE]);
}

static void
names_round(tern_bus *bus)
{
	char name[64];

	for (int i = 0; i < N_NAMES; i++) {
		name_number(name, i);
		must_be(tern_own(bus, name, 0, NULL), 0);
		if (i % 250 == 0)
			own_late(bus);
	}
	for (int i = 0; i < N_NAMES; i++) {
		name_number(name, i);
		must_be(tern_disown(bus, name), 0);
	}
}

static void
rules_round(tern_bus *bus)
{
	static tern_subscription *subscriptions[N_RULES];

	for (int i = 0; i < N_RULES; i++) {
		char tag[64];
		const char *tags[] = {tag, "rare", NULL};
		const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};

		name_number(tag, i);
		must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscriptions[i]), 0);
	}
	for (int i = 0; i < N_RULES; i++)
		(void)tern_subscription_free(subscriptions[i]);
}

/* restless() - adds and drops until the others have seen enough */
static void
restless(void *user)
{
	tern_bus *bus = scene_open();

	tell(&scene.words[READY]);
	while (atomic_load(&scene.words[STOP]) == 0) {
		names_round(bus);
		rules_round(bus);
		tell(&scene.words[ROUNDS]);
	}
	(void)tern_close(bus);
}

/* looker() - reads tables and nothing else: no message ever tells it that they grew */
static void
looker(void *user)
{
	tern_bus *bus = scene_open();
	tern_peer service, peer;
	char name[64];

	must_be(tern_lookup(bus, SERVICE, &service), 0);
	tell(&scene.words[READY]);
	while (atomic_load(&scene.words[STOP]) == 0) {
		uint32_t n_late = atomic_load(&scene.words[LATE]);

		must_be(tern_lookup(bus, SERVICE, &peer), 0);
		must_be(peer, service);
		late_number(name, n_late - 1);
		must_be(tern_lookup(bus, name, &peer), n_late ? 0 : -ENXIO);
		late_number(name, n_late + N_NAMES);
		must_be(tern_lookup(bus, name, &peer), -ENXIO);
	}
	(void)tern_close(bus);
}

/* listener() - hears each event once, in order */
static void
listener(void *user)
{
	static const char *const tags[] = {"tick", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	tern_bus *bus = scene_open();
	tern_subscription *s;
	uint64_t number = 0, next = 0;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	tell(&scene.words[READY]);
	do {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		must(event.kind != TERN_GAP);
		if (event.kind != TERN_EVENT)
			continue;
		must_be(tern_message_unpack(event.message, "u", &number), 0);
		must(number == next || number == UINT64_MAX);
		next++;
		tell(&scene.words[HEARD]);
		event_free(&event);
	} while (number != UINT64_MAX);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
}

/* Of a list: the one that stays is there once, the others have the names and the owner that they may have. */
struct seen {
	int here;
	tern_peer restless; /* 0: not seen yet */
};

static int
see_name(const struct tern_name *name, void *user)
{
	struct seen *seen = user;

	if (strcmp(name->name, SERVICE) == 0) {
		seen->here++;
		return 0;
	}
	if (strncmp(name->name, "org.example.late.n", 18) != 0) {
		must(strncmp(name->name, "org.example.restless.n", 22) == 0);
		must(atoi(name->name + 22) < N_NAMES);
	}
	must(seen->restless == 0 || seen->restless == name->owner);
	seen->restless = name->owner;
	return 0;
}

/* read_all() - one of each question, whose answers are known */
static void
read_all(tern_topic *tick, tern_topic *unheard, tern_peer service, struct seen *seen)
{
	static uint64_t n;
	tern_peer peer;
	char name[64];
	int r;

	must_be(tern_lookup(scene.bus, SERVICE, &peer), 0);
	must_be(peer, service);
	must_be(tern_lookup(scene.bus, "org.example.Nobody", &peer), -ENXIO);
	name_number(name, (int)(n % N_NAMES));
	r = tern_lookup(scene.bus, name, &peer);
	must(r == -ENXIO || r == 0);
	must(r < 0 || seen->restless == 0 || peer == seen->restless);
	if (r == 0)
		seen->restless = peer;
	must(tern_has_listeners(tick));
	must(!tern_has_listeners(unheard));
	must_be(tern_publish(tick, "u", n++), 0);
	echo(scene.bus, SERVICE, (int64_t)n);
	if (n % 64 != 0)
		return;
	seen->here = 0;
	must_be(tern_list(scene.bus, see_name, seen), 0);
	must_be(seen->here, 1);
}

START_TEST(under_readers)
{
	static const char *const tick_tags[] = {"tick", NULL}, *const unheard_tags[] = {"rare", NULL};
	uint32_t n_rounds = is_long() ? 100 : 4;
	struct seen seen = {0};
	tern_topic *tick, *unheard;
	tern_peer service;
	pid_t children[3];

	scene_service();
	must_be(tern_lookup(scene.bus, SERVICE, &service), 0);
	children[0] = child_start(listener, NULL);
	wait_for(&scene.words[READY], 1);
	children[1] = child_start(looker, NULL);
	wait_for(&scene.words[READY], 2);
	children[2] = child_start(restless, NULL);
	wait_for(&scene.words[READY], 3);
	must_be(tern_topic_new(scene.bus, tick_tags, &tick), 0);
	must_be(tern_topic_new(scene.bus, unheard_tags, &unheard), 0);
	while (atomic_load(&scene.words[ROUNDS]) < n_rounds)
		read_all(tick, unheard, service, &seen);
	tell(&scene.words[STOP]);
	must_be(tern_publish(tick, "u", UINT64_MAX), 0);
	for (int i = 0; i < 3; i++)
		child_end(children[i]);
	must(seen.restless != 0); /* else it was never looked at in time */
	(void)tern_topic_free(tick);
	(void)tern_topic_free(unheard);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("growth");
	TCase *tcase = tcase_create("growth");

	tcase_set_timeout(tcase, is_long() ? 900 : 200);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, under_readers);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
