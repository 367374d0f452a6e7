/* SPDX-License-Identifier: MIT */

/* events: to oneself, and with values of any size */

#include <string.h>

#include "hear.h"

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

/* Private events are not for rules without tags: of others, with a tag besides, or of oneself. */
START_TEST(private_events)
{
	tern_topic *topic = topic_new(scene.bus, "tick");
	tern_bus *tap = scene_open(), *both = scene_open();
	tern_subscription *heard[] = {
		subscribe(tap, NULL, NULL, TERN_WAIT),
		subscribe(both, NULL, NULL, TERN_DROP_OLDEST),
		subscribe(both, "tick", NULL, TERN_DROP_NEWEST),
		subscribe(scene.bus, NULL, NULL, TERN_DROP_NEWEST),
	};
	struct tern_subscription_counts count = {.size = sizeof(count)};
	tern_message *m;

	for (uint64_t i = 0; i < 2; i++) {
		must_be(tern_message_new_event(topic, &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		must_be(tern_publish_message(m, i == 0 ? TERN_PRIVATE : 0), 0);
		(void)tern_message_unref(m);
	}
	must_hear(tap, 1);
	must_hear(scene.bus, 1);
	must_hear(both, 0);
	must_hear(both, 1);
	must_hear(both, 1);
	must_be_silent(tap);
	must_be_silent(both);
	must_be_silent(scene.bus);
	must_be(tern_subscription_count(heard[0], &count), 0);
	must_be(count.lost, 0);
	for (size_t k = 0; k < 4; k++)
		(void)tern_subscription_free(heard[k]);
	(void)tern_topic_free(topic);
	(void)tern_close(tap);
	(void)tern_close(both);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {to_oneself, big_values, private_events};

	return hear_run("events", tests, sizeof(tests) / sizeof(*tests));
}
