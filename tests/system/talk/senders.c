/* SPDX-License-Identifier: MIT */

/* senders: rules about one sender, and about who has a name */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hear.h"

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

int
main(void)
{
	const TTest *const tests[] = {sender_of_many_names, sender_by_id, sender_by_name, sender_was_owner, sender_of_unread_names};

	return hear_run("senders", tests, sizeof(tests) / sizeof(*tests));
}
