/* SPDX-License-Identifier: MIT */

/* drops: a segment that is gone is let go of by its reader, also where the socket was full when it went */

#include <stdlib.h>

#include "client/bus.h"
#include "link/packet.h"
#include "links.h"

static const char *const tags[] = {"large", NULL};

/* turn() - take in what is there; an event is given back at once */
static bool
turn(tern_bus *bus, uint64_t timeout)
{
	struct tern_event event = {.size = sizeof(event)};
	bool is_event;

	if (tern_next(bus, timeout, &event) < 0)
		return false;
	is_event = event.kind == TERN_EVENT;
	let_go(&event);
	return is_event;
}

START_TEST(a_full_socket_keeps_nothing_mapped)
{
	enum { SIZE = POOL_BLOCK_MAX + 1 }; /* has a segment of its own */
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	tern_bus *reader, *bus;
	struct ground ground;
	tern_subscription *s;
	struct link *link;
	tern_topic *topic;
	uint8_t *bytes = calloc(1, SIZE);

	must(bytes && ground_begin(&ground, BY_BUS));
	must_be(tern_open(ground.place.address, &bus), 0);
	must_be(tern_open(ground.place.address, &reader), 0);
	must_be(tern_subscribe(reader, &rule, NULL, NULL, &s), 0);
	must_be(tern_topic_new(bus, tags, &topic), 0);
	must_be(tern_publish(topic, "y", bytes, (size_t)SIZE), 0);
	while (!turn(reader, LONG_NS))
		;
	must_be(reader->partners->link->n_remotes, 1);
	link = bus->partners->link;
	while (!link->ready)
		(void)turn(bus, 0);
	while (packet_send_bell(link) == 0)
		;
	must_be(link_collect(link), 0);
	must_be(link->n_known, 0);
	for (int i = 0; i < 100 && reader->partners->link->n_remotes > 0; i++) {
		(void)turn(bus, SHORT_NS / 50);
		(void)turn(reader, SHORT_NS / 50);
	}
	must_be(reader->partners->link->n_remotes, 0);
	(void)tern_topic_free(topic);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
	(void)tern_close(reader);
	ground_end(&ground);
	free(bytes);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-drops");
	TCase *tcase = tcase_create("drops");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, a_full_socket_keeps_nothing_mapped);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
