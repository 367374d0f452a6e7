/* SPDX-License-Identifier: MIT */

/*
 * link-policies: what is kept for a slow reader comes to it whole, whoever's memory it lies in
 *
 * Events of every shape: in the record, in lent memory, in several parts, with a descriptor. The reader looks when all
 * were published; the publisher sleeps by then.
 */

#include "links.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const TAGS[] = {"link", "policies", NULL};

enum {
	N = 400,
	QUEUE = 20,
	LARGE = 70000,
	SMALL = 700,
	SHAPES = 4,
	/* words */
	SUBSCRIBED = 0,
	PUBLISHED = 1,
	HEARD = 2,
};

static void
add_part(tern_message *m, size_t size, uint64_t seed)
{
	void *bytes;

	must_be(tern_message_lend(m, size, &bytes), 0);
	fill(bytes, size, seed);
}

/* event_new() - the shape goes by the number */
static tern_message *
event_new(tern_topic *topic, uint64_t i)
{
	uint8_t small[SMALL];
	tern_message *m;
	int fd;

	must_be(tern_message_new_event(topic, &m), 0);
	if (i % SHAPES == 3) {
		fd = memfd_create("policies", MFD_CLOEXEC);
		must(fd >= 0);
		must_be(ftruncate(fd, (off_t)i), 0);
		must_be(tern_message_pack(m, "[u h]", i, fd), 0);
		(void)close(fd);
		return m;
	}
	must_be(tern_message_pack(m, "u", i), 0);
	if (i % SHAPES == 1)
		add_part(m, LARGE, i);
	if (i % SHAPES == 2) {
		fill(small, sizeof(small), i);
		must_be(tern_message_pack(m, "y", small, sizeof(small)), 0);
		add_part(m, LARGE / 7, i + 1);
	}
	return m;
}

static uint64_t
check_event(tern_message *m)
{
	static const size_t n_parts[] = {1, 2, 3};
	const void *bytes;
	uint64_t i;
	size_t size;
	int fd;

	if (tern_message_unpack(m, "[u h]", &i, &fd) == 0) {
		must_be(i % SHAPES, 3);
		must_be(lseek(fd, 0, SEEK_END), i);
		return i;
	}
	must_be(tern_message_unpack(m, "u", &i), 0);
	must_be(tern_message_n_parts(m), n_parts[i % SHAPES]);
	if (i % SHAPES > 0) {
		must_be(tern_message_part(m, i % SHAPES, &bytes, &size), 0);
		must(is_filled(bytes, size, i % SHAPES == 1 ? i : i + 1));
	}
	if (i % SHAPES == 2) {
		must_be(tern_message_part(m, 1, &bytes, &size), 0);
		must(size > SMALL && is_filled((const uint8_t *)bytes + size - SMALL, SMALL, i));
	}
	return i;
}

static void
publish(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	struct tern_event event;
	tern_topic *topic;

	wait_for(&ground->words[SUBSCRIBED], 1);
	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	for (uint64_t i = 0; i < N; i++) {
		tern_message *m = event_new(topic, i);

		must_be(tern_publish_message(m, 0), 0);
		(void)tern_message_unref(m);
	}
	tell(&ground->words[PUBLISHED]);
	while (ground->words[HEARD] == 0) {
		event = (struct tern_event){.size = sizeof(event)};
		if (tern_next(bus, LONG_NS, &event) == 0)
			let_go(&event);
	}
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}


START_TEST(kept_whole)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_DROP_OLDEST, .queue = QUEUE, .tags = TAGS};
	struct tern_subscription_counts counts = {.size = sizeof(counts)};
	uint64_t lost = 0, n = 0, last = 0, since_gap = 0;
	struct tern_event event;
	struct ground ground;
	tern_subscription *s;
	tern_bus *bus;
	pid_t child;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	child = ground_child(&ground, publish);
	tell(&ground.words[SUBSCRIBED]);
	if (ground.way == BY_DIAL)
		next_of(bus, TERN_LINKED, &event);
	wait_for(&ground.words[PUBLISHED], 1);
	while (n + lost < N) {
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
		if (event.kind == TERN_GAP) {
			lost += event.lost;
			since_gap = 0;
		} else if (event.kind == TERN_EVENT) {
			must_be(check_event(event.message), n + lost);
			last = n++ + lost;
			since_gap++;
		}
		let_go(&event);
	}
	must_be(last, N - 1);
	must(lost > 0);
	must_be(since_gap, QUEUE);
	must_be(tern_subscription_count(s, &counts), 0);
	must(counts.late >= QUEUE);
	must_be(counts.heard, n);
	must_be(counts.lost, lost);
	tell(&ground.words[HEARD]);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
	child_end(child);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policies");
	TCase *tcase = tcase_create("policies");

	tcase_set_timeout(tcase, is_long() ? 600 : 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, kept_whole, 0, N_WAYS);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
