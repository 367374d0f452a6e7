/* SPDX-License-Identifier: MIT */

/*
 * broken: a partner that breaks the protocol
 *
 * Its link is closed and may be made again. What was in its ring is not trusted, so it is lost; whoever
 * listens is told that, before anything of the new link.
 */

#include <unistd.h>
#include <utlist.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "client/bus.h"

enum {
	N_BEFORE = 10,
	N_AFTER = 10,
	FIRST_AFTER = 1000,
	N_TRIES = 100000,
};

/* words of the ground */
enum {
	READY,
	BROKEN,
	GO,
	SEEN,
};

static const char *const tags[] = {"news", NULL};

/* break_link() - claim to have produced what no ring holds */
static void
break_link(tern_bus *bus)
{
	struct link *link;

	must_be(bus_enter(bus), 0);
	DL_FOREACH (bus->endpoint.links, link)
		store_rel(&link->words->produced, UINT64_C(1) << 40);
	bus_leave(bus);
}

/* publish_on() - without ever asking for what comes in */
static void
publish_and_break(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;

	must_be(tern_topic_new(bus, tags, &topic), 0);
	wait_for(&ground->words[READY], 1);
	for (uint64_t i = 0; i < N_BEFORE; i++)
		must_be(tern_publish(topic, "u", i), 0);
	break_link(bus);
	tell(&ground->words[BROKEN]);
	wait_for(&ground->words[GO], 1); /* the other end has hung up */
	for (uint64_t i = 0; !load_acq(&ground->words[SEEN]); i++) {
		must(i < N_TRIES);
		must_be(tern_publish(topic, "u", i + FIRST_AFTER), 0);
		if (i % N_AFTER == 0)
			(void)usleep(100); /* nothing is proved by going faster */
	}
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

START_TEST(what_was_in_the_ring_is_told)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct tern_event event = {.size = sizeof(event)};
	uint64_t number, n_gap = 0, n_lost = 0, n_linked = 0;
	struct ground ground;
	tern_subscription *s;
	tern_bus *bus;
	pid_t child;

	rule.policy = _i ? TERN_WAIT : TERN_DROP_NEWEST;
	must(ground_begin(&ground, BY_BUS));
	child = ground_child(&ground, publish_and_break);
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	tell(&ground.words[READY]);
	/* the link must be accepted for the child to go on; nothing else is taken out of the ring */
	while (!load_acq(&ground.words[BROKEN])) {
		must_be(bus_enter(bus), 0);
		(void)take_poll(bus, 0);
		bus_leave(bus);
	}
	for (;;) {
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
		n_linked += event.kind == TERN_LINKED;
		n_lost += event.kind == TERN_LOST;
		n_gap += event.kind == TERN_GAP ? event.lost : 0;
		if (event.kind == TERN_LOST && n_lost == 1)
			tell(&ground.words[GO]);
		if (event.kind == TERN_EVENT)
			break;
	}
	must_be(tern_message_unpack(event.message, "u", &number), 0);
	must(number >= FIRST_AFTER);
	must_be(n_lost, 1);
	must_be(n_linked, 2);
	must(n_gap >= N_BEFORE + number - FIRST_AFTER); /* told before, and of all */
	tell(&ground.words[SEEN]);
	let_go(&event);
	while (event.kind != TERN_LOST) { /* the child has left */
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
		let_go(&event);
	}
	child_end(child);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
broken_suite(void)
{
	Suite *suite = suite_create("broken");
	TCase *tcase = tcase_create("broken");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, what_was_in_the_ring_is_told, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(broken_suite());
}
