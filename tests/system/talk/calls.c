/* SPDX-License-Identifier: MIT */

/* calls: how a call can end, and that it always does */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/bus.h"
#include "client/call.h"
#include "scene.h"

static int
call(const char *member, tern_message **ret, struct tern_error *error)
{
	return tern_call_sync(scene.bus, SERVICE, member, ret, error, NULL);
}

/* begin() - a call under way */
static tern_call *
begin(const char *member, uint64_t timeout)
{
	tern_message *m;
	tern_call *under_way;

	must_be(tern_message_new_call(scene.bus, SERVICE, member, &m), 0);
	must_be(tern_send(m, timeout, 0, &under_way), 0);
	(void)tern_message_unref(m);
	return under_way;
}

static uint64_t
ask_u(const char *member)
{
	tern_message *reply;
	uint64_t n;

	must_be(call(member, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &n), 0);
	(void)tern_message_unref(reply);
	return n;
}

START_TEST(answers)
{
	tern_message *reply;
	const char *text;

	scene_service();
	for (int64_t i = 0; i < 1000; i++)
		echo(scene.bus, SERVICE, i);
	must_be(call("Later", &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "s", &text), 0);
	must(strcmp(text, "later") == 0);
	(void)tern_message_unref(reply);
	must_be(ask_u("Sender"), tern_id(scene.bus));
}
END_TEST

START_TEST(errors)
{
	struct tern_error error = {"", ""};

	scene_service();
	must_be(call("Drop", NULL, &error), -EREMOTEIO);
	must(strcmp(error.name, "tern.NoReply") == 0);
	must_be(call("Fail", NULL, &error), -EREMOTEIO);
	must(strcmp(error.name, "tern.Failed") == 0 && strstr(error.text, "No such file"));
	must_be(tern_call_sync(scene.bus, SERVICE, "Echo", NULL, &error, "s", "no number"), -EREMOTEIO);
	must(strcmp(error.name, "tern.cbor.Type") == 0 && strstr(error.text, "another type"));
	must_be(call("Complain", NULL, &error), -EREMOTEIO);
	must(strcmp(error.name, "org.example.Scene.Complaint") == 0);
	must(strcmp(error.text, "not like this") == 0);
	must_be(call("Nonsense", NULL, &error), -EREMOTEIO);
	must(strcmp(error.name, "tern.NoSuchMember") == 0 && strstr(error.text, "Nonsense"));
	must_be(tern_call_sync(scene.bus, "org.example.Nobody", "X", NULL, &error, NULL), -ENXIO);
	must(strcmp(error.name, "tern.NoSuchService") == 0 && strstr(error.text, "org.example.Nobody"));
	must_be(tern_call_sync(scene.bus, ":999999", "X", NULL, &error, NULL), -ENXIO);
}
END_TEST

START_TEST(deadlines)
{
	struct tern_error error;
	tern_call *one;
	uint64_t ms;

	scene_service();
	must_be(tern_set_option(scene.bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	ms = ask_u("Remaining");
	must(ms > 0 && ms <= LONG_NS / 1000000);
	one = begin("Hold", SHORT_NS);
	must_be(tern_call_wait(one, TERN_FOREVER, NULL, &error), -ETIME);
	must(strcmp(error.name, "tern.Timeout") == 0);
	(void)tern_call_unref(one);
	must_be(ask_u("Held"), 1); /* the service was told that nobody waits any more */
	one = begin("Hold", LONG_NS);
	must_be(tern_call_wait(one, SHORT_NS, NULL, NULL), -EAGAIN); /* not yet; it goes on */
	wait_for(&scene.words[0], 2);
	must_be(ask_u("Held"), 1);
	(void)tern_call_unref(one); /* given up: cancelled */
	must_be(ask_u("Held"), 2);
}
END_TEST

/* A server that dies with many calls in flight: each fails at once, none before its answers came. */
START_TEST(death)
{
	enum { N = 1000 };
	static tern_call *calls[N];
	tern_peer peer;

	scene_service();
	must_be(tern_lookup(scene.bus, SERVICE, &peer), 0);
	echo(scene.bus, SERVICE, 1);
	for (int i = 0; i < N; i++)
		calls[i] = begin(i < 10 ? "Hold" : "Count", TERN_FOREVER);
	wait_for(&scene.words[0], 10);
	child_kill(scene.service);
	scene.service = 0;
	for (int i = 0; i < N; i++) {
		int r = tern_call_wait(calls[i], LONG_NS, NULL, NULL);

		must(r == -EHOSTDOWN || (r == 0 && i >= 10));
		(void)tern_call_unref(calls[i]);
	}
	must_be(next_event(scene.bus, TERN_LOST).peer, peer);
	/* once ternd knows too, there is no such service */
	for (int r = 0; r != -ENXIO;) {
		r = call("Echo", NULL, NULL);
		must(r == -ENXIO || r == -EHOSTDOWN);
	}
}
END_TEST

/* fill_up() - send to who takes nothing in, until there is no room */
static void
fill_up(void)
{
	tern_message *m;
	int r;

	do {
		must_be(tern_message_new_call(scene.bus, SERVICE, "Count", &m), 0);
		r = tern_send(m, LONG_NS, TERN_NONBLOCK | TERN_NO_REPLY, NULL);
		(void)tern_message_unref(m);
	} while (r == 0);
	must_be(r, -EAGAIN);
}

/* is_waiting() - does a thread lead and sleep, and does one wait for room? */
static bool
is_waiting(bool for_room)
{
	struct waiter *waiter;
	bool found = false;

	must_be(bus_enter(scene.bus), 0);
	DL_FOREACH (scene.bus->waiters, waiter)
		found = found || waiter->kind == WAIT_ROOM;
	found = scene.bus->sleeping && found == for_room;
	bus_leave(scene.bus);
	return found;
}

static void *
send_in_vain(void *user)
{
	tern_message *m;
	tern_call *none = NULL;

	while (!is_waiting(false))
		(void)poll(NULL, 0, 1);
	must_be(tern_message_new_call(scene.bus, SERVICE, "Count", &m), 0);
	must_be(tern_send(m, LONG_NS, 0, &none), -EHOSTDOWN);
	must(none == NULL);
	(void)tern_message_unref(m);
	return NULL;
}

static void *
kill_service(void *user)
{
	while (!is_waiting(true))
		(void)poll(NULL, 0, 1);
	must_be(kill(scene.service, SIGKILL), 0);
	return NULL;
}

/* Who waits for room is told how it ended, and nobody else: no call came of it that tern_next() could tell of. */
START_TEST(ended_before_sent)
{
	struct tern_event event = {.size = sizeof(event)};
	pthread_t sender, killer;

	scene_service();
	echo(scene.bus, SERVICE, 1);
	must_be(kill(scene.service, SIGSTOP), 0);
	fill_up();
	while (tern_next(scene.bus, 0, &event) == 0)
		;
	must_be(pthread_create(&sender, NULL, send_in_vain, NULL), 0);
	must_be(pthread_create(&killer, NULL, kill_service, NULL), 0);
	do {
		must_be(tern_next(scene.bus, LONG_NS, &event), 0);
		must(event.kind != TERN_ERROR);
	} while (event.kind != TERN_LOST);
	while (tern_next(scene.bus, 0, &event) == 0)
		must(event.kind != TERN_ERROR);
	must_be(pthread_join(sender, NULL), 0);
	must_be(pthread_join(killer, NULL), 0);
	child_killed(scene.service);
	scene.service = 0;
}
END_TEST

static void
on_reply(tern_call *under_way, int result, tern_message *reply, const struct tern_error *error,
	void *user)
{
	int *n = user;

	must_be(result, 0);
	must(reply);
	++*n;
}

START_TEST(async)
{
	enum { N = 500 };
	int n = 0;

	scene_service();
	for (int i = 0; i < N; i++) {
		tern_call *one = begin("Count", TERN_DEFAULT);

		must_be(tern_call_then(one, on_reply, &n), 0);
		must_be(tern_call_then(one, on_reply, &n), -EALREADY);
		(void)tern_call_unref(one); /* the handler keeps it going */
	}
	while (n < N) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(scene.bus, SHORT_NS, &event);

		must(r == 0 || r == -ETIME);
		if (r == 0)
			event_free(&event);
	}
	for (int i = 0; i < N; i++) {
		tern_call *one = begin("Count", TERN_DEFAULT);
		struct tern_event event = next_event(scene.bus, TERN_REPLY);

		must(event.call == one && event.message && event.result == 0);
		must_be(tern_call_wait(one, SHORT_NS, NULL, NULL), -EALREADY);
		event_free(&event);
		(void)tern_call_unref(one);
	}
	must_be(atomic_load(&scene.words[1]), 2 * N);
}
END_TEST

START_TEST(one_way_and_trace)
{
	tern_message *m, *reply;
	tern_call *one;
	uint64_t trace;

	scene_service();
	for (int i = 0; i < 100; i++) {
		must_be(tern_message_new_call(scene.bus, SERVICE, "Count", &m), 0);
		must_be(tern_send(m, TERN_DEFAULT, 0, NULL), -EINVAL);
		must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
		must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), -EBUSY);
		must(is_error("tern.InvalidArgument"));
		(void)tern_message_unref(m);
	}
	wait_for(&scene.words[1], 100);
	must_be(tern_message_new_call(scene.bus, SERVICE, "Trace", &m), 0);
	must_be(tern_message_set_trace(m, 4711), 0);
	must_be(tern_send(m, TERN_DEFAULT, 0, &one), 0);
	must_be(tern_call_wait(one, TERN_FOREVER, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &trace), 0);
	must_be(trace, 4711);
	must_be(tern_message_trace(reply), 4711);
	(void)tern_message_unref(reply);
	(void)tern_message_unref(m);
	(void)tern_call_unref(one);
}
END_TEST

START_TEST(big_replies)
{
	static const uint64_t sizes[] = {1, 2000, 8000, 100000, 3000000, 40000000};

	scene_service();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		tern_message *reply;
		const void *bytes;
		size_t size;

		must_be(tern_call_sync(scene.bus, SERVICE, "Big", &reply, NULL, "u", sizes[i]), 0);
		must_be(tern_message_part(reply, 0, &bytes, &size), 0);
		must_be(size, sizes[i]);
		must(((const char *)bytes)[0] == 'x' && ((const char *)bytes)[size - 1] == 'x');
		(void)tern_message_unref(reply);
	}
}
END_TEST

/* Values of any size, packed while the library has its lock. */
START_TEST(big_values)
{
	static const size_t sizes[] = {0, 1, 255, 2000, 8000, 9000, 100000, 1000000, 1000001};
	static char sent[1000001];

	scene_service();
	memset(sent, 'v', sizeof(sent));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct tern_error error;
		tern_message *reply = NULL;
		const void *bytes;
		size_t size;
		int r;

		r = tern_call_sync(scene.bus, SERVICE, "Mirror", &reply, &error, "y", sent, sizes[i]);
		if (sizes[i] > 1000000) {
			must_be(r, -EREMOTEIO);
			must(strcmp(error.name, "org.example.Scene.Complaint") == 0 && error.text[0] == 'x');
			continue;
		}
		must_be(r, 0);
		must_be(tern_message_unpack(reply, "y", &bytes, &size), 0);
		must_be(size, sizes[i]);
		must(memcmp(bytes, sent, size) == 0);
		(void)tern_message_unref(reply);
	}
}
END_TEST

/* --- oneself --- */

static int
self_method(tern_call *under_way, tern_message *m, void *user)
{
	struct tern_error error;

	/* a handler that waits for its own program would wait for ever */
	must_be(tern_call_sync(user, SERVICE, "Self", NULL, &error, NULL), -EDEADLK);
	must(strcmp(error.name, "tern.Deadlock") == 0);
	return tern_reply(under_way, "s", "self");
}

START_TEST(to_oneself)
{
	static const struct tern_method methods[] = {{"Self", self_method}};
	tern_service *service = scene_serve(scene.bus, methods, 1, scene.bus);
	tern_call *one = begin("Self", TERN_DEFAULT);
	struct tern_event event = next_event(scene.bus, TERN_REPLY);
	const char *text;

	must_be(tern_message_unpack(event.message, "s", &text), 0);
	must(strcmp(text, "self") == 0);
	event_free(&event);
	(void)tern_call_unref(one);
	(void)tern_service_free(service);
}
END_TEST

/* A call to oneself is given up like any other: the service is told, and its answer goes nowhere. */
START_TEST(to_oneself_given_up)
{
	struct tern_event event = {.size = sizeof(event)}, incoming;

	must_be(tern_own(scene.bus, SERVICE, 0, NULL), 0);
	for (int before = 0; before < 2; before++) {
		tern_call *one = begin("Self", LONG_NS);

		if (before)
			one = tern_call_unref(one);
		incoming = next_event(scene.bus, TERN_CALL);
		must_be(tern_call_is_cancelled(incoming.call), before);
		(void)tern_call_unref(one);
		must_be(tern_call_is_cancelled(incoming.call), 1);
		must_be(tern_reply(incoming.call, NULL), 0);
		must_be(tern_next(scene.bus, SHORT_NS, &event), -ETIME);
		event_free(&incoming);
	}
}
END_TEST

/* --- a name that moves while calls to it are under way --- */

static int
owner_method(tern_call *under_way, tern_message *m, void *user)
{
	return tern_reply(under_way, "u", *(uint64_t *)user);
}

/* mover() - own the name in turns with another of its kind; each call must reach one of the two */
static void
mover(void *user)
{
	static const struct tern_method methods[] = {{"Who", owner_method}};
	uint64_t number = (uint64_t)(uintptr_t)user;
	tern_bus *bus = scene_open();
	tern_service *service = NULL;
	struct tern_event event = {.size = sizeof(event)};

	while (atomic_load(&scene.words[2]) == 0) {
		int r = service ? 0
				: tern_serve(bus, SERVICE, NULL, methods, 1, &number, &service);

		must(r == 0 || r == -EEXIST);
		for (int i = 0; i < 3; i++)
			if (tern_next(bus, 1000000, &event) == 0)
				event_free(&event);
		service = tern_service_free(service);
		tell(&scene.words[3]);
	}
	(void)tern_close(bus);
}

START_TEST(bounced)
{
	pid_t a = child_start(mover, (void *)(uintptr_t)1), b = child_start(mover, (void *)(uintptr_t)2);
	int answered = 0, n = is_long() ? 5000 : 300;

	wait_for(&scene.words[3], 2);
	while (answered < n) {
		int r = call("Who", NULL, NULL);

		/* nobody has it now, or it changed hands too often; never lost, never a wrong answer */
		must(r == 0 || r == -ENXIO || r == -EREMOTEIO || r == -EAGAIN);
		answered += r == 0;
	}
	tell(&scene.words[2]);
	child_end(a);
	child_end(b);
}
END_TEST

/* --- ternd stopped --- */

static bool
is_linked(void)
{
	return call("Count", NULL, NULL) == 0;
}

START_TEST(ternd_stopped)
{
	const char *tags[] = {"tick", NULL};
	tern_bus *other = scene_open();
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	tern_subscription *s;
	tern_topic *topic;
	tern_peer peer;
	int64_t n;

	scene_service();
	must(is_linked());
	must_be(tern_topic_new(other, tags, &topic), 0);
	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &s), 0);
	must_be(tern_publish(topic, "i", INT64_C(-1)), 0); /* makes the link */
	must_be(kill(scene.place.ternd, SIGSTOP), 0);
	for (int64_t i = 0; i < 100; i++) {
		echo(scene.bus, SERVICE, i);
		must_be(tern_lookup(other, SERVICE, &peer), 0);
		must_be(tern_lookup(other, "org.example.Nobody", &peer), -ENXIO);
		must(tern_has_listeners(topic));
		must_be(tern_publish(topic, "i", i), 0);
	}
	for (int64_t i = -1; i < 100; i++) {
		struct tern_event event = next_event(scene.bus, TERN_EVENT);

		must_be(tern_message_unpack(event.message, "i", &n), 0);
		must_be(n, i);
		event_free(&event);
	}
	/* what needs ternd says so, and does not hang */
	must_be(tern_set_option(other, TERN_OPT_TIMEOUT, SHORT_NS), 0);
	must_be(tern_call_sync(other, SERVICE, "Echo", NULL, NULL, "i", INT64_C(1)), -ETIME);
	must(is_error("tern.Timeout"));
	must_be(kill(scene.place.ternd, SIGCONT), 0);
	must_be(tern_set_option(other, TERN_OPT_TIMEOUT, LONG_NS), 0);
	while (tern_call_sync(other, SERVICE, "Echo", NULL, NULL, "i", INT64_C(1)) != 0)
		must(is_error("tern.Timeout")); /* until ternd has said something again */
	(void)tern_subscription_free(s);
	(void)tern_topic_free(topic);
	(void)tern_close(other);
}
END_TEST

/* --- ended while it is given up --- */

static struct {
	tern_bus *server;
	tern_call *call, *kept; /* as the caller, and as the service has it */
	int how;
	bool was_held;
} given_up;

enum { ANSWERED, LET_GO, CLOSED, N_MEANWHILE };

static int
keep_method(tern_call *call, tern_message *m, void *user)
{
	given_up.kept = tern_call_ref(call);
	return 0;
}

/* end_meanwhile() - where another thread could */
static void
end_meanwhile(const char *point)
{
	if (strcmp(point, "given-up") != 0 || given_up.was_held)
		return;
	given_up.was_held = true;
	switch (given_up.how) {
	case ANSWERED:
		must_be(tern_reply(given_up.kept, "i", INT64_C(7)), 0);
		while (!given_up.call->done)
			must(tern_process(scene.bus) >= 0);
		break;
	case LET_GO:
		given_up.call = tern_call_unref(given_up.call);
		break;
	default:
		scene.bus = tern_close(scene.bus);
	}
}

/* Its deadline comes, and while its service is told another thread ends it: that counts, and is all that happens. */
START_TEST(ended_while_given_up)
{
	static const struct tern_method methods[] = {{"Keep", keep_method}};
	tern_service *service;
	tern_message *reply;
	int64_t n = 0;

	memset(&given_up, 0, sizeof(given_up));
	given_up.server = scene_open();
	given_up.how = _i;
	service = scene_serve(given_up.server, methods, 1, NULL);
	given_up.call = begin("Keep", SHORT_NS);
	while (!given_up.kept)
		must(tern_process(given_up.server) >= 0);
	must_be(tern_set_option(scene.bus, TERN_OPT_SPIN, 0), 0); /* who spins sees to deadlines as the leader */
	hook_stop = end_meanwhile;
	if (_i != LET_GO)
		must_be(tern_call_wait(given_up.call, LONG_NS, &reply, NULL), _i == ANSWERED ? 0 : -ECANCELED);
	while (!given_up.was_held)
		must(tern_process(scene.bus) >= 0);
	hook_stop = NULL;
	if (_i == ANSWERED) {
		must_be(tern_message_unpack(reply, "i", &n), 0);
		must_be(n, 7);
		(void)tern_message_unref(reply);
	}
	(void)tern_call_unref(given_up.call);
	(void)tern_call_unref(given_up.kept);
	(void)tern_service_free(service);
	(void)tern_close(given_up.server);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("calls");
	TCase *tcase = tcase_create("calls");

	tcase_set_timeout(tcase, is_long() ? 600 : 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, answers);
	tcase_add_test(tcase, errors);
	tcase_add_test(tcase, deadlines);
	tcase_add_test(tcase, death);
	tcase_add_test(tcase, ended_before_sent);
	tcase_add_test(tcase, async);
	tcase_add_test(tcase, one_way_and_trace);
	tcase_add_test(tcase, big_replies);
	tcase_add_test(tcase, big_values);
	tcase_add_test(tcase, to_oneself);
	tcase_add_test(tcase, to_oneself_given_up);
	tcase_add_test(tcase, bounced);
	tcase_add_test(tcase, ternd_stopped);
	tcase_add_loop_test(tcase, ended_while_given_up, 0, N_MEANWHILE);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
