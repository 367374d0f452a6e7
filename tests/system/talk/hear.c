/* SPDX-License-Identifier: MIT */

/* hear: see hear.h */

#include <unistd.h>

#include "hear.h"

tern_topic *
topic_new(tern_bus *bus, const char *tag)
{
	const char *tags[] = {tag, NULL};
	tern_topic *topic;

	must_be(tern_topic_new(bus, tags, &topic), 0);
	return topic;
}

tern_subscription *
subscribe(tern_bus *bus, const char *tag, const char *sender, uint32_t policy)
{
	const char *tags[] = {tag, NULL};
	struct tern_rule rule = {
		.size = sizeof(rule), .tags = tags, .sender = sender, .policy = policy};
	tern_subscription *s;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	return s;
}

uint64_t
number_of(tern_message *m)
{
	uint64_t n;

	must_be(tern_message_unpack(m, "u", &n), 0);
	return n;
}

void
must_hear(tern_bus *bus, uint64_t number)
{
	struct tern_event event = next_event(bus, TERN_EVENT);

	must_be(number_of(event.message), number);
	event_free(&event);
}

void
must_be_silent(tern_bus *bus)
{
	struct tern_event event = {.size = sizeof(event)};

	while (tern_next(bus, 0, &event) == 0) {
		must(event.kind == TERN_LINKED || event.kind == TERN_UNLINKED || event.kind == TERN_LOST);
		event_free(&event);
	}
}

void
until_nobody_listens(tern_topic *topic)
{
	while (tern_has_listeners(topic))
		(void)usleep(1000);
}

int
hear_run(const char *name, const TTest *const *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, is_long() ? 600 : 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
