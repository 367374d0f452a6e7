/* SPDX-License-Identifier: MIT */

/*
 * The rules of a direct link: each end tells the other what it wants to hear, whatever the number
 * of its rules and the size of the ring that is there to tell them.
 */

#include <errno.h>
#include <stdio.h>

#include "client/bus.h"
#include "fixture.h"
#include "tern/tern.h"

#define N_RULES 500

static void
tag_of(char *to, size_t size, unsigned int i)
{
	(void)snprintf(to, size, "subject.of.rule.%u", i); /* fits */
}

/* publish_all() - dial, and say something on every subject at once */
static void
publish_all(void *user)
{
	const struct private_bus *place = user;
	tern_bus *bus;

	must_be(tern_dial(place->address, &bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	for (unsigned int i = 0; i < N_RULES; i++) {
		char tag[64];
		tern_topic *topic;

		tag_of(tag, sizeof(tag), i);
		must_be(tern_topic_new(bus, (const char *const[]){tag, NULL}, &topic), 0);
		must_be(tern_publish(topic, "u", (uint64_t)i), 0);
		(void)tern_topic_free(topic);
	}
	(void)tern_close(bus);
}

/* subscribe_all() - each waits for room, so that none is lost for want of it */
static void
subscribe_all(tern_bus *bus, tern_subscription **subscriptions)
{
	for (unsigned int i = 0; i < N_RULES; i++) {
		char tag[64];
		const char *const tags[] = {tag, NULL};
		struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};

		tag_of(tag, sizeof(tag), i);
		must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscriptions[i]), 0);
	}
}

START_TEST(more_rules_than_a_ring_holds_are_all_told)
{
	tern_subscription *subscriptions[N_RULES];
	struct tern_event event = {.size = sizeof(event)};
	struct private_bus place;
	unsigned int n = 0;
	tern_bus *bus;
	pid_t pid;

	private_bus_place(&place);
	must_be(tern_listen(place.address, &bus), 0);
	subscribe_all(bus, subscriptions);
	pid = child_start(publish_all, &place);
	do {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		must(event.kind != TERN_GAP);
		if (event.kind == TERN_EVENT) {
			must(event.subscription == subscriptions[n]);
			n++;
		}
		(void)tern_message_unref(event.message);
	} while (event.kind != TERN_LOST);
	must_be(n, N_RULES);
	child_end(pid);
	for (unsigned int i = 0; i < N_RULES; i++)
		(void)tern_subscription_free(subscriptions[i]);
	(void)tern_close(bus);
	private_bus_stop(&place);
}
END_TEST

/* publish_blindly() - dial, and publish at once without waiting for what the other end wants */
static void
publish_blindly(void *user)
{
	static const char *const tags[] = {"subject", NULL};
	const struct private_bus *place = user;
	struct tern_event event = {.size = sizeof(event)};
	tern_topic *topic;
	tern_message *m;
	tern_bus *bus;

	must_be(tern_dial(place->address, &bus), 0);
	must_be(tern_topic_new(bus, tags, &topic), 0);
	must_be(tern_message_new_event(topic, &m), 0);
	must_be(tern_publish_message(m, TERN_NONBLOCK), 0);
	do {
		must_be(tern_next(bus, LONG_NS, &event), 0);
	} while (event.kind != TERN_LOST); /* until the other end has heard of it */
	(void)tern_message_unref(m); /* always NULL, as the next */
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

START_TEST(what_is_published_before_rules_are_told_is_a_gap)
{
	static const char *const tags[] = {"subject", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};
	struct tern_event event = {.size = sizeof(event)};
	tern_subscription *subscription;
	struct private_bus place;
	tern_bus *bus;
	pid_t pid;

	private_bus_place(&place);
	must_be(tern_listen(place.address, &bus), 0);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	pid = child_start(publish_blindly, &place);
	do {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		must(event.kind == TERN_GAP || event.kind == TERN_LINKED);
	} while (event.kind != TERN_GAP);
	must(event.subscription == subscription);
	must_be(event.lost, 1);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
	child_end(pid);
	private_bus_stop(&place);
}
END_TEST

/* must_read_anew() - a deadline or a stamp begins with what the clock says now, not when somebody was here before */
static void
must_read_anew(tern_bus *bus)
{
	must_be(bus_enter(bus), 0);
	must_be(bus->clock, 0);
	bus_leave(bus);
}

static void
come_and_go(void *user)
{
	static const char *const tags[] = {"subject", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	const struct private_bus *place = user;
	tern_subscription *subscription;
	tern_bus *bus;

	must_be(tern_dial(place->address, &bus), 0);
	must_read_anew(bus);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	must_read_anew(bus);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	must_read_anew(bus);
	(void)tern_close(bus);
}

START_TEST(who_idled_after_telling_rules_begins_with_a_new_clock)
{
	struct tern_event event = {.size = sizeof(event)};
	struct private_bus place;
	tern_bus *bus;
	pid_t pid;

	private_bus_place(&place);
	must_be(tern_listen(place.address, &bus), 0);
	pid = child_start(come_and_go, &place);
	do {
		must_be(tern_next(bus, LONG_NS, &event), 0);
	} while (event.kind != TERN_LOST);
	child_end(pid);
	(void)tern_close(bus); /* always NULL */
	private_bus_stop(&place);
}
END_TEST

/* --- more rules than the other end keeps --- */

#define N_KEPT 4096

static int
subscribe_to(tern_bus *bus, unsigned int i, tern_subscription **ret)
{
	char tag[64];
	const char *const tags[] = {tag, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};

	tag_of(tag, sizeof(tag), i);
	return tern_subscribe(bus, &rule, NULL, NULL, ret);
}

/* until_lost() - take in until the other end is gone */
static void
until_lost(tern_bus *bus)
{
	struct tern_event event = {.size = sizeof(event)};

	do {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		(void)tern_message_unref(event.message);
	} while (event.kind != TERN_LOST);
}

static void
dial_and_keep(void *user)
{
	const struct private_bus *place = user;
	tern_bus *bus;

	must_be(tern_dial(place->address, &bus), 0);
	until_lost(bus);
	(void)tern_close(bus);
}

START_TEST(a_rule_too_many_is_refused)
{
	static tern_subscription *subscriptions[N_KEPT + 1];
	struct tern_event event = {.size = sizeof(event)};
	struct private_bus place;
	tern_bus *bus;
	pid_t pid;

	private_bus_place(&place);
	must_be(tern_listen(place.address, &bus), 0);
	pid = child_start(dial_and_keep, &place);
	must_be(tern_next(bus, LONG_NS, &event), 0);
	must_be(event.kind, TERN_LINKED);
	for (unsigned int i = 0; i < N_KEPT; i++)
		must_be(subscribe_to(bus, i, &subscriptions[i]), 0);
	must_be(subscribe_to(bus, N_KEPT, &subscriptions[N_KEPT]), -EDQUOT);
	(void)tern_subscription_free(subscriptions[0]);
	must_be(subscribe_to(bus, N_KEPT, &subscriptions[0]), 0);
	for (unsigned int i = 0; i < N_KEPT; i++)
		(void)tern_subscription_free(subscriptions[i]);
	(void)tern_close(bus);
	child_end(pid);
	private_bus_stop(&place);
}
END_TEST

/* publish_unheard() - on the subject of the one rule that there was no place for */
static void
publish_unheard(void *user)
{
	const struct private_bus *place = user;
	struct tern_event event = {.size = sizeof(event)};
	char tag[64];
	tern_topic *topic;
	tern_bus *bus;

	tag_of(tag, sizeof(tag), N_KEPT);
	must_be(tern_dial(place->address, &bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(tern_topic_new(bus, (const char *const[]){tag, NULL}, &topic), 0);
	for (int i = 0; i < 3; i++)
		must_be(tern_publish(topic, NULL), 0);
	while (tern_has_listeners(topic)) { /* until it is withdrawn */
		if (tern_next(bus, SHORT_NS / 10, &event) == 0)
			(void)tern_message_unref(event.message);
	}
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

START_TEST(what_no_rule_was_kept_for_is_a_gap)
{
	static tern_subscription *subscriptions[N_KEPT + 1];
	struct tern_event event = {.size = sizeof(event)};
	struct private_bus place;
	uint64_t lost = 0;
	tern_bus *bus;
	pid_t pid;

	private_bus_place(&place);
	must_be(tern_listen(place.address, &bus), 0);
	for (unsigned int i = 0; i <= N_KEPT; i++)
		must_be(subscribe_to(bus, i, &subscriptions[i]), 0);
	pid = child_start(publish_unheard, &place);
	while (lost < 3) {
		must_be(tern_next(bus, LONG_NS, &event), 0);
		if (event.kind == TERN_GAP && event.subscription == subscriptions[N_KEPT])
			lost += event.lost;
		must(event.kind != TERN_EVENT && event.kind != TERN_LOST);
	}
	must_be(lost, 3);
	(void)tern_subscription_free(subscriptions[N_KEPT]);
	until_lost(bus);
	for (unsigned int i = 0; i < N_KEPT; i++)
		(void)tern_subscription_free(subscriptions[i]);
	(void)tern_close(bus);
	child_end(pid);
	private_bus_stop(&place);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-rules");
	TCase *tcase = tcase_create("rules");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, more_rules_than_a_ring_holds_are_all_told);
	tcase_add_test(tcase, what_is_published_before_rules_are_told_is_a_gap);
	tcase_add_test(tcase, who_idled_after_telling_rules_begins_with_a_new_clock);
	tcase_add_test(tcase, a_rule_too_many_is_refused);
	tcase_add_test(tcase, what_no_rule_was_kept_for_is_a_gap);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
