/* SPDX-License-Identifier: MIT */

/*
 * one-mapping: two handles in one process, each with a thread, at full speed
 *
 * It shows that programs in one process can talk. What it is for is
 * ThreadSanitizer, in whose build both ends of a link have one mapping (shm/segment-twin.h):
 * there it sees every unordered access to a ring, a block or a table as a race.
 */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "fixture.h"
#include "tern/tern.h"

#define SERVICE "org.example.Twin"

enum {
	N_ROUNDS = 1500,
	SMALL = 64,
	LARGE = 6000, /* lies in a block */
	N_EVENTS = 1500,
};

static struct private_bus place;
static _Atomic uint32_t n_taken, n_heard, over;
static const void *_Atomic lent;     /* where the client built its part */
static _Atomic uint32_t n_in_place;  /* parts that the server saw at that address */
static const char *const tags[] = {"twin", "tick", NULL};

static void
check_filled(const volatile uint8_t *bytes, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++)
		must_be(bytes[i], value);
}

/* Take: parts of any size, all of one byte; the answer is their number, in as many bytes. */
static int
take(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	void *room;
	const volatile void *bytes;
	size_t size;

	must_be(tern_message_view(m, 0, &bytes, &size), 0);
	check_filled(bytes, size, ((const volatile uint8_t *)bytes)[0]);
	if (bytes == atomic_load(&lent))
		n_in_place++;
	must_be(tern_message_new_reply(call, &reply), 0);
	must_be(tern_message_lend(reply, size, &room), 0);
	memset(room, (int)(uint8_t)++n_taken, size);
	must_be(tern_reply_message(reply), 0);
	(void)tern_message_unref(reply);
	return 0;
}

static void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	uint64_t number;

	must(m); /* the publisher waits: there is no gap */
	must_be(tern_message_unpack(m, "u", &number), 0);
	must_be(number, n_heard++);
}

static void *
serve(void *user)
{
	const struct tern_method methods[] = {{"Take", take}};
	const struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};
	struct tern_event event = {.size = sizeof(event)};
	tern_bus *bus = user;
	tern_subscription *subscription;
	tern_service *service;

	must_be(tern_subscribe(bus, &rule, hear, NULL, &subscription), 0);
	must_be(tern_serve(bus, SERVICE, NULL, methods, 1, NULL, &service), 0);
	while (!over || n_heard < N_EVENTS) {
		int r = tern_next(bus, SHORT_NS, &event);

		must(r == 0 || r == -ETIME);
		if (r == 0) {
			(void)tern_message_unref(event.message);
			(void)tern_call_unref(event.call);
		}
	}
	tern_service_free(service);
	tern_subscription_free(subscription);
	return NULL;
}

static void
call(tern_bus *bus, uint32_t round)
{
	size_t size = round % 2 ? SMALL : LARGE;
	const volatile void *bytes;
	tern_message *m, *reply;
	tern_call *c;
	void *room;

	must_be(tern_message_new_call(bus, SERVICE, "Take", &m), 0);
	must_be(tern_message_lend(m, size, &room), 0);
	memset(room, (int)(uint8_t)round, size);
	atomic_store(&lent, room);
	must_be(tern_send(m, LONG_NS, 0, &c), 0);
	(void)tern_message_unref(m);
	must_be(tern_call_wait(c, LONG_NS, &reply, NULL), 0);
	(void)tern_call_unref(c);
	must_be(tern_message_view(reply, 0, &bytes, &size), 0);
	check_filled(bytes, size, (uint8_t)(round + 1));
	(void)tern_message_unref(reply);
}

static void
wait_for_service(tern_bus *bus)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	tern_peer peer;

	while (tern_lookup(bus, SERVICE, &peer) != 0)
		(void)nanosleep(&pause, NULL);
}

START_TEST(two_handles_talk)
{
	tern_bus *one, *other;
	tern_topic *topic;
	pthread_t server;

	must_be(tern_open(place.address, &one), 0);
	must_be(tern_open(place.address, &other), 0);
	must_be(tern_set_option(other, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(pthread_create(&server, NULL, serve, one), 0);
	wait_for_service(other);

	must_be(tern_topic_new(other, tags, &topic), 0);
	for (uint32_t i = 0; i < N_ROUNDS; i++) {
		call(other, i);
		if (i < N_EVENTS)
			must_be(tern_publish(topic, "u", (uint64_t)i), 0);
	}
	over = 1;
	must_be(pthread_join(server, NULL), 0);
	must_be(n_taken, N_ROUNDS);
	must_be(n_heard, N_EVENTS);
#ifdef __SANITIZE_THREAD__
	must(n_in_place >= N_ROUNDS / 2); /* else the sanitizer was blind */
#else
	must_be(n_in_place, 0);
#endif
	tern_topic_free(topic);
	(void)tern_close(other);
	(void)tern_close(one);
}
END_TEST

static void
bus_setup(void)
{
	fixture_setup();
	private_bus_start(&place, NULL);
}

static void
bus_teardown(void)
{
	private_bus_stop(&place);
	fixture_teardown();
}

int
main(void)
{
	Suite *suite = suite_create("one-mapping");
	TCase *one = tcase_create("one");

	tcase_add_checked_fixture(one, bus_setup, bus_teardown);
	tcase_set_timeout(one, 60);
	tcase_add_test(one, two_handles_talk);
	suite_add_tcase(suite, one);
	return fixture_run(suite);
}
