/* SPDX-License-Identifier: MIT */

/*
 * loops: tern handles in somebody else's loop, by the adapters of <tern/glib.h>, <tern/uv.h>, <tern/sd-event.h>
 *
 * A service and a client sit in one loop of one thread, so nothing goes on but by the loop's turns: a
 * wake-up that is lost ends the test by its time limit, and one too many is counted.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attribute.h"
#include "outside.h"

#define SERVICE "org.example.Loops"

enum {
	N_CALLS = 200,
	N_EVENTS = 16, /* they have room in a new ring, while their reader is not running */
	MAX_IDLE = 20, /* turns for next to nothing: a loop that spins is over that at once */
};

static const char *const tags[] = {"loops", NULL};

static struct private_bus place;
static struct outside *outside;
static tern_bus *server, *client;
static struct outside_seat *server_seat, *client_seat;
static struct notes {
	unsigned int n_lost, n_errors;
} server_notes, client_notes;

static void
note(tern_bus *bus, uint32_t kind, tern_peer peer, void *user)
{
	struct notes *notes = user;

	notes->n_lost += kind == TERN_LOST && peer == TERN_PEER_BUS;
	notes->n_errors += kind == TERN_ERROR;
}

static void
setup(void)
{
	outside_prepare();
	fixture_setup();
	private_bus_start(&place, NULL);
	outside = outside_new();
	must_be(tern_open(place.address, &server), 0);
	must_be(tern_open(place.address, &client), 0);
	server_notes = client_notes = (struct notes){0};
	server_seat = outside_sit(outside, server, note, &server_notes);
	client_seat = outside_sit(outside, client, note, &client_notes);
}

static void
leave(struct outside_seat **seat)
{
	if (*seat)
		outside_leave(*seat);
	*seat = NULL;
}

static void
teardown(void)
{
	leave(&client_seat);
	leave(&server_seat);
	client = tern_close(client);
	server = tern_close(server);
	outside_free(outside);
	private_bus_stop(&place);
	fixture_teardown();
}

/* is_quiet() - after a few last turns no source is ready any more */
static bool
is_quiet(void)
{
	for (int i = 0; i < MAX_IDLE; i++)
		if (!outside_look(outside))
			return true;
	return false;
}

/* --- calls --- */

static int
method_double(tern_call *call, tern_message *m, void *user)
{
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	return tern_reply(call, "u", 2 * number);
}

static const struct tern_method methods[] = {{"Double", method_double}};

static void
take_answer(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	uint64_t *sum = user, number;

	must_be(result, 0);
	must_be(tern_message_unpack(reply, "u", &number), 0);
	*sum += number;
}

/* send() - Double(number), whose answer is added to a sum */
static tern_call *
send(uint64_t number, uint64_t *sum)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(client, SERVICE, "Double", &m), 0);
	must_be(tern_message_pack(m, "u", number), 0);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	must_be(tern_call_then(call, take_answer, sum), 0);
	(void)tern_message_unref(m);
	return call;
}

/* link_up() - make the link of the two, which takes both of them, so that no publish waits for it */
static tern_service *
link_up(void)
{
	tern_service *service;
	uint64_t sum = 0;
	tern_call *call;

	must_be(tern_serve(server, SERVICE, NULL, methods, 1, NULL, &service), 0);
	call = send(1, &sum);
	while (sum != 2)
		outside_turn(outside);
	(void)tern_call_unref(call);
	return service;
}

START_TEST(service_and_client_in_one_loop)
{
	tern_service *service = link_up();
	uint64_t sum = 0;

	for (uint64_t i = 1; i <= N_CALLS; i++) {
		uint64_t wanted = sum + 2 * i;
		tern_call *call = send(i, &sum);

		while (sum != wanted)
			outside_turn(outside);
		(void)tern_call_unref(call);
	}
	must(is_quiet());
	(void)tern_service_free(service);
}
END_TEST

/* The timer inside of the handle's descriptor. */
static void
take_timeout(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	*(int *)user = result;
}

static int
method_never(tern_call *call, tern_message *m, void *user)
{
	*(tern_call **)user = tern_call_ref(call);
	return 0;
}

START_TEST(deadline_of_a_call)
{
	const struct tern_method never[] = {{"Never", method_never}};
	tern_call *kept = NULL, *call;
	tern_service *service;
	tern_message *m;
	int result = 1;

	must_be(tern_serve(server, SERVICE, NULL, never, 1, &kept, &service), 0);
	must_be(tern_message_new_call(client, SERVICE, "Never", &m), 0);
	must_be(tern_send(m, SHORT_NS, 0, &call), 0);
	must_be(tern_call_then(call, take_timeout, &result), 0);
	while (result == 1)
		outside_turn(outside);
	must_be(result, -ETIME);
	(void)tern_call_unref(kept);
	(void)tern_call_unref(call);
	(void)tern_message_unref(m);
	(void)tern_service_free(service);
}
END_TEST

/* --- events --- */

struct heard {
	uint64_t n;
	uint64_t others_turns; /* what the other source had seen when the last event came */
	const uint64_t *others;
	bool leave_it;
};

static void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct heard *heard = user;
	uint64_t number;

	must(m != NULL);
	must_be(tern_message_unpack(m, "u", &number), 0);
	must_be(number, heard->n++);
	if (heard->others)
		heard->others_turns = *heard->others;
	if (heard->leave_it)
		leave(&client_seat);
}

static tern_subscription *
subscribe(struct heard *heard)
{
	const struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};
	tern_subscription *s;

	must_be(tern_subscribe(client, &rule, hear, heard, &s), 0);
	return s;
}

static void
publish(uint64_t from, uint64_t to)
{
	tern_topic *topic;

	must_be(tern_topic_new(server, tags, &topic), 0);
	for (; from < to; from++)
		must_be(tern_publish(topic, "u", from), 0);
	(void)tern_topic_free(topic);
}

static void
count(void *user)
{
	++*(uint64_t *)user; /* the byte stays: ready in every turn */
}

START_TEST(others_have_their_turn_while_more_waits)
{
	uint64_t n_others = 0;
	struct heard heard = {.others = &n_others};
	tern_service *service = link_up();
	tern_subscription *s;
	int fds[2];

	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(write(fds[1], "x", 1), 1);
	outside_watch(outside, fds[0], count, &n_others);
	must_be(tern_set_option(client, TERN_OPT_BUDGET, 1), 0); /* so tern_process() returns 1 all the time */
	s = subscribe(&heard);
	publish(0, N_EVENTS);
	while (heard.n < N_EVENTS)
		outside_turn(outside);
	must(heard.others_turns >= N_EVENTS / 2);
	must(heard.others_turns <= 4 * N_EVENTS);
	leave(&client_seat);
	leave(&server_seat);
	outside_free(outside);
	outside = outside_new();
	must_be(close(fds[0]) | close(fds[1]), 0);
	(void)tern_subscription_free(s);
	(void)tern_service_free(service);
}
END_TEST

/* _i: from outside, or in the handler of the first one */
START_TEST(detached_while_events_wait)
{
	struct heard heard = {.leave_it = _i == 1};
	tern_service *service = link_up();
	tern_subscription *s = subscribe(&heard);

	must_be(tern_set_option(client, TERN_OPT_BUDGET, 1), 0);
	publish(0, N_EVENTS);
	while (heard.n < 1)
		outside_turn(outside);
	leave(&client_seat);
	must(is_quiet());
	must_be(heard.n, 1);
	heard.leave_it = false;
	client_seat = outside_sit(outside, client, note, &client_notes);
	while (heard.n < N_EVENTS)
		outside_turn(outside);
	must(is_quiet());
	(void)tern_subscription_free(s);
	(void)tern_service_free(service);
}
END_TEST

/* What came before the handle was attached rings nothing any more. */
START_TEST(attached_after_events_came)
{
	struct tern_event event = {.size = sizeof(event)};
	struct heard heard = {0};
	tern_service *service = link_up();
	tern_subscription *s = subscribe(&heard);

	leave(&client_seat);
	publish(0, 1);
	while (heard.n < 1)
		must_be(tern_next(client, SHORT_NS, &event), -ETIME);
	publish(1, N_EVENTS); /* the links are hot */
	client_seat = outside_sit(outside, client, note, &client_notes);
	while (heard.n < N_EVENTS)
		outside_turn(outside);
	must(is_quiet());
	(void)tern_subscription_free(s);
	(void)tern_service_free(service);
}
END_TEST

/* --- ends --- */

START_TEST(bus_dies)
{
	tern_service *service = link_up();
	uint64_t sum = 0;
	tern_call *call;

	child_kill(place.ternd);
	place.ternd = 0;
	while (server_notes.n_lost < 1 || client_notes.n_lost < 1)
		outside_turn(outside);
	call = send(2, &sum); /* the link goes on, and so does the loop */
	while (sum != 4)
		outside_turn(outside);
	(void)tern_call_unref(call);
	must(is_quiet());
	must_be(client_notes.n_lost + server_notes.n_lost, 2);
	must_be(client_notes.n_errors + server_notes.n_errors, 0);
	must_be(unlink(place.address + sizeof("unix:") - 1), 0);
	(void)tern_service_free(service);
}
END_TEST

/* turn_inside() - a handler that runs the loop in which it should have been run */
static void
turn_inside(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	must_be(tern_wake(client), 0); /* its descriptor is readable */
	while (client_notes.n_errors < 1)
		outside_turn(outside);
	++*(int *)user;
}

START_TEST(process_fails)
{
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct tern_event event = {.size = sizeof(event)};
	tern_service *service = link_up();
	tern_subscription *s;
	int n = 0;

	must_be(tern_subscribe(client, &rule, turn_inside, &n, &s), 0);
	publish(0, 1);
	while (n < 1) {
		int r = tern_next(client, SHORT_NS, &event);

		must(r == -ETIME || r == -EINTR);
	}
	publish(1, 2);
	must(is_quiet()); /* it is heard no more */
	must_be(n, 1);
	must_be(client_notes.n_errors, 1);
	(void)tern_subscription_free(s);
	(void)tern_service_free(service);
}
END_TEST

static Suite *
loops_suite(void)
{
	Suite *suite = suite_create("loops");
	TCase *tcase = tcase_create("loops");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, service_and_client_in_one_loop);
	tcase_add_test(tcase, deadline_of_a_call);
	tcase_add_test(tcase, others_have_their_turn_while_more_waits);
	tcase_add_loop_test(tcase, detached_while_events_wait, 0, 2);
	tcase_add_test(tcase, attached_after_events_came);
	tcase_add_test(tcase, bus_dies);
	tcase_add_test(tcase, process_fails);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(loops_suite());
}
