/* SPDX-License-Identifier: MIT */

/*
 * descriptor: tern_fd() in somebody else's loop
 *
 * One tern_process() for each time the loop wakes up, whatever the loop is, must be enough: nothing is left
 * lying, and when nothing is left the descriptor is quiet.
 */

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "client/bus.h"

enum {
	N_BURST = 1000,
	N_CALLS = 1000,
	N_WINDOW = 50,
	N_NOTICES = 70000,
	MAX_WAKES = 50, /* for next to nothing: a loop that spins is over that at once */
};

/* words of the ground */
enum {
	READY,
	GO,
	SEEN,
	DONE,
};

static const char *const burst_tags[] = {"burst", NULL};
static const struct tern_rule burst_rule = {
	.size = sizeof(burst_rule),
	.policy = TERN_WAIT,
	.tags = burst_tags,
};

/* --- loops --- */

enum loop {
	LOOP_POLL,
	LOOP_EDGE, /* epoll, edge-triggered */
	N_LOOPS,
};

struct outside {
	enum loop loop;
	tern_bus *bus;
	int fd, epoll;
	uint64_t n_wakes;
};

static void
outside_begin(struct outside *outside, enum loop loop, tern_bus *bus)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	*outside = (struct outside){.loop = loop, .bus = bus, .epoll = -1};
	outside->fd = tern_fd(bus);
	must(outside->fd >= 0);
	if (loop == LOOP_EDGE) {
		outside->epoll = epoll_create1(EPOLL_CLOEXEC);
		must_be(epoll_ctl(outside->epoll, EPOLL_CTL_ADD, outside->fd, &event), 0);
	}
	must(tern_process(bus) >= 0); /* as documented: once before the first wait */
}

static void
outside_end(struct outside *outside)
{
	outside->epoll = fd_close(outside->epoll);
}

/* outside_ready() - wait for the descriptor. Return: is it ready? */
static bool
outside_ready(struct outside *outside, uint64_t timeout_ns)
{
	int ms = (int)(timeout_ns / NSEC_PER_MSEC), n;

	if (outside->loop == LOOP_EDGE) {
		struct epoll_event event;

		n = epoll_wait(outside->epoll, &event, 1, ms);
	} else {
		struct pollfd pollfd = {.fd = outside->fd, .events = POLLIN};

		n = poll(&pollfd, 1, ms);
	}
	must(n >= 0);
	return n == 1;
}

/* outside_turn() - one wake-up, one tern_process() */
static void
outside_turn(struct outside *outside)
{
	must(outside_ready(outside, LONG_NS));
	outside->n_wakes++;
	must(tern_process(outside->bus) >= 0);
}

/* outside_is_quiet() - after a last turn or two nothing is told any more */
static void
outside_is_quiet(struct outside *outside)
{
	uint64_t before = outside->n_wakes;

	while (outside_ready(outside, SHORT_NS)) {
		must(tern_process(outside->bus) >= 0);
		must(++outside->n_wakes < before + MAX_WAKES);
	}
	must_be(tern_process(outside->bus), 0);
}

/* --- a burst of events --- */

static void
publish_burst(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;

	must_be(tern_topic_new(bus, burst_tags, &topic), 0);
	wait_for(&ground->words[GO], 1);
	for (uint64_t i = 0; i < N_BURST; i++)
		must_be(tern_publish(topic, "u", i), 0);
	tell(&ground->words[DONE]);
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

static void
count_event(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	uint64_t *expected = user, number;

	must(m != NULL);
	must_be(tern_message_unpack(m, "u", &number), 0);
	must_be(number, *expected);
	++*expected;
}

static void
burst(enum way way, enum loop loop, uint64_t budget)
{
	struct ground ground;
	struct outside outside;
	tern_subscription *s;
	uint64_t n = 0;
	tern_bus *bus;
	pid_t child;

	must(ground_begin(&ground, way));
	child = ground_child(&ground, publish_burst);
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	tell(&ground.words[READY]);
	must_be(tern_set_option(bus, TERN_OPT_BUDGET, budget), 0);
	must_be(tern_subscribe(bus, &burst_rule, count_event, &n, &s), 0);
	outside_begin(&outside, loop, bus);
	tell(&ground.words[GO]);
	while (n < N_BURST)
		outside_turn(&outside);
	outside_is_quiet(&outside);
	child_end(child);
	outside_is_quiet(&outside); /* that it went is told too */
	outside_end(&outside);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
	ground_end(&ground);
}

START_TEST(every_message_of_a_burst)
{
	static const struct {
		enum way way;
		enum loop loop;
		uint64_t budget;
	} cases[] = {
		{BY_BUS, LOOP_POLL, 1},
		{BY_BUS, LOOP_POLL, 256},
		{BY_BUS, LOOP_EDGE, 1},
		{BY_BUS, LOOP_EDGE, 256},
		{BY_USERS, LOOP_EDGE, 1},
	};

	if (cases[_i].way != BY_USERS || getuid() == 0)
		burst(cases[_i].way, cases[_i].loop, cases[_i].budget);
}
END_TEST

/* --- calls --- */

struct held {
	tern_call *calls[8];
	size_t n;
	struct ground *ground;
	bool stop;
};

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	return tern_reply(call, "u", number);
}

/* method_hold() - not answered before held_end() */
static int
method_hold(tern_call *call, tern_message *m, void *user)
{
	struct held *held = user;

	must(held->n < ARRAY_SIZE(held->calls));
	held->calls[held->n++] = tern_call_ref(call);
	tell(&held->ground->words[SEEN]);
	return 0;
}

static void
held_end(struct held *held)
{
	while (held->n > 0)
		(void)tern_call_unref(held->calls[--held->n]); /* always NULL */
}

static int
method_stop(tern_call *call, tern_message *m, void *user)
{
	((struct held *)user)->stop = true;
	return tern_reply(call, NULL);
}

static const struct tern_method methods[] = {
	{"Echo", method_echo},
	{"Hold", method_hold},
	{"Stop", method_stop},
};

static void
serve(void *user)
{
	struct ground *ground = user;
	struct held held = {.ground = ground};
	tern_service *service;
	tern_bus *bus;

	bus = ground_server(ground, methods, ARRAY_SIZE(methods), &held, &service);
	tell(&ground->words[READY]);
	while (!held.stop) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, SHORT_NS, &event) % ETIME, 0);
		let_go(&event);
	}
	held_end(&held);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

static tern_bus *
served_begin(struct ground *ground, enum way way, void (*fn)(void *), pid_t *ret_child)
{
	must(ground_begin(ground, way));
	*ret_child = ground_child(ground, fn);
	wait_for(&ground->words[READY], 1);
	return ground_client(ground);
}

static void
served_end(struct ground *ground, tern_bus *bus, pid_t child)
{
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	must_be(tern_call_sync(bus, ground_service(ground), "Stop", NULL, NULL, NULL), 0);
	child_end(child);
	(void)tern_close(bus);
	ground_end(ground);
}

struct answers {
	_Atomic uint32_t n; /* so many came, in their order; told last */
	uint64_t n_sent;
	int result;      /* of the last */
};

static void
count_answer(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	struct answers *answers = user;
	uint64_t number;

	answers->result = result;
	if (result == 0) {
		must_be(tern_message_unpack(reply, "u", &number), 0);
		must_be(number, load_rlx(&answers->n)); /* own */
	}
	tell(&answers->n);
}

static void
send_call(tern_bus *bus, struct ground *ground, const char *member, uint64_t timeout,
	struct answers *answers)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(bus, ground_service(ground), member, &m), 0);
	must_be(tern_message_pack(m, "u", answers->n_sent++), 0);
	must_be(tern_send(m, timeout, 0, &call), 0);
	must_be(tern_call_then(call, count_answer, answers), 0);
	(void)tern_call_unref(call);  /* always NULL: the handler keeps it */
	(void)tern_message_unref(m); /* always NULL */
}

START_TEST(answers_of_asynchronous_calls)
{
	enum loop loop = _i & 1 ? LOOP_EDGE : LOOP_POLL;
	struct answers answers = {0};
	struct outside outside;
	struct ground ground;
	tern_bus *bus;
	pid_t child;

	bus = served_begin(&ground, _i & 4 ? BY_DIAL : BY_BUS, serve, &child);
	must_be(tern_set_option(bus, TERN_OPT_BUDGET, _i & 2 ? 1 : 256), 0);
	outside_begin(&outside, loop, bus);
	while (answers.n < N_CALLS) {
		while (answers.n_sent < N_CALLS && answers.n_sent < answers.n + N_WINDOW)
			send_call(bus, &ground, "Echo", LONG_NS, &answers);
		outside_turn(&outside);
	}
	must_be(answers.result, 0);
	outside_is_quiet(&outside);
	outside_end(&outside);
	served_end(&ground, bus, child);
}
END_TEST

/* --- deadlines --- */

START_TEST(deadline_by_the_timer_alone)
{
	enum loop loop = _i & 1 ? LOOP_EDGE : LOOP_POLL;
	struct answers answers = {0}, late = {0};
	struct outside outside;
	struct ground ground;
	tern_bus *bus;
	pid_t child;

	bus = served_begin(&ground, BY_BUS, serve, &child);
	outside_begin(&outside, loop, bus);
	if (_i & 2) /* one that is due later is not in the way */
		send_call(bus, &ground, "Hold", LONG_NS, &late);
	send_call(bus, &ground, "Hold", SHORT_NS, &answers);
	while (answers.n == 0) {
		outside_turn(&outside);
		must(outside.n_wakes < MAX_WAKES);
	}
	must_be(answers.result, -ETIME);
	must_be(late.n, 0);
	outside_is_quiet(&outside);
	outside_end(&outside);
	served_end(&ground, bus, child);
}
END_TEST

static void *
sleep_in_next(void *user)
{
	struct tern_event event = {.size = sizeof(event)};
	int r;

	while ((r = tern_next(user, LONG_NS, &event)) == 0)
		let_go(&event); /* notices */
	must_be(r, -EINTR);
	return NULL;
}

/* A leader that sleeps knows nothing of the deadline of a call that another thread makes. */
START_TEST(deadline_while_another_thread_leads)
{
	struct answers answers = {0};
	struct ground ground;
	pthread_t thread;
	tern_bus *bus;
	pid_t child;

	bus = served_begin(&ground, BY_BUS, serve, &child);
	must_be(tern_call_sync(bus, ground_service(&ground), "Echo", NULL, NULL, "u", 1), 0);
	must_be(pthread_create(&thread, NULL, sleep_in_next, bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, SHORT_NS), 0);
	for (int i = 0; i < 3; i++)
		must_be(tern_call_sync(bus, ground_service(&ground), "Hold", NULL, NULL, "u", 1), -ETIME);
	send_call(bus, &ground, "Hold", SHORT_NS, &answers); /* its handler runs in the thread */
	wait_for(&answers.n, 1);
	must_be(answers.result, -ETIME);
	must_be(tern_wake(bus), 0);
	must_be(pthread_join(thread, NULL), 0);
	served_end(&ground, bus, child);
}
END_TEST

START_TEST(deadline_of_one_that_spins_for_ever)
{
	struct ground ground;
	tern_bus *bus;
	pid_t child;

	bus = served_begin(&ground, BY_BUS, serve, &child);
	must_be(tern_set_option(bus, TERN_OPT_SPIN, TERN_FOREVER), 0);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, SHORT_NS), 0);
	must_be(tern_call_sync(bus, ground_service(&ground), "Hold", NULL, NULL, "u", 1), -ETIME);
	must_be(tern_set_option(bus, TERN_OPT_SPIN, 0), 0);
	served_end(&ground, bus, child);
}
END_TEST

/* --- what ternd tells, and losses --- */

struct told {
	uint64_t n_new, n_gone, n_lost, n_linked;
};

static void
count_name(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct told *told = user;

	must(m != NULL);
	for (size_t i = 0; tern_message_tag(m, i); i++) {
		told->n_new += strcmp(tern_message_tag(m, i), "new") == 0;
		told->n_gone += strcmp(tern_message_tag(m, i), "gone") == 0;
	}
}

static void
count_notice(tern_bus *bus, uint32_t kind, tern_peer peer, void *user)
{
	struct told *told = user;

	told->n_lost += kind == TERN_LOST;
	told->n_linked += kind == TERN_LINKED;
}

static void
own_and_be_killed(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	char service[32];

	wait_for(&ground->words[GO], 1);
	must_be(tern_own(bus, "org.example.Brief", 0, NULL), 0);
	(void)snprintf(service, sizeof(service), ":%llu", (unsigned long long)ground->numbers[0]);
	(void)tern_call_sync(bus, service, "Nothing", NULL, NULL, NULL); /* never answered */
	must(false);
}

START_TEST(names_and_losses)
{
	static const char *const tags[] = {"org.example.Brief", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = "tern", .tags = tags};
	struct told told = {0};
	struct outside outside;
	struct ground ground;
	tern_subscription *s;
	tern_bus *bus;
	pid_t child;

	must(ground_begin(&ground, BY_BUS));
	child = ground_child(&ground, own_and_be_killed);
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	ground.numbers[0] = tern_id(bus);
	must_be(tern_subscribe(bus, &rule, count_name, &told, &s), 0);
	must_be(tern_on_peer(bus, count_notice, &told), 0);
	outside_begin(&outside, _i ? LOOP_EDGE : LOOP_POLL, bus);
	tell(&ground.words[GO]);
	while (told.n_new == 0 || told.n_linked == 0)
		outside_turn(&outside);
	must_be(told.n_gone + told.n_lost, 0);
	outside_is_quiet(&outside);
	child_kill(child);
	while (told.n_gone == 0 || told.n_lost == 0)
		outside_turn(&outside);
	must_be(told.n_new, 1);
	must_be(told.n_gone, 1);
	must_be(told.n_lost, 1);
	outside_is_quiet(&outside);
	outside_end(&outside);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- both styles --- */

/* After each wake-up tern_next() takes all there is, tern_process() is never called again. */
START_TEST(next_alone_under_poll)
{
	struct ground ground;
	struct outside outside;
	tern_subscription *s;
	uint64_t n = 0;
	tern_bus *bus;
	pid_t child;

	must(ground_begin(&ground, BY_BUS));
	child = ground_child(&ground, publish_burst);
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &burst_rule, NULL, NULL, &s), 0);
	outside_begin(&outside, _i ? LOOP_EDGE : LOOP_POLL, bus);
	tell(&ground.words[GO]);
	while (n < N_BURST) {
		struct tern_event event = {.size = sizeof(event)};

		must(outside_ready(&outside, LONG_NS));
		while (tern_next(bus, 0, &event) == 0) {
			if (event.kind == TERN_EVENT)
				count_event(s, event.message, 0, &n);
			let_go(&event);
		}
	}
	outside_is_quiet(&outside);
	child_end(child);
	outside_end(&outside);
	(void)tern_subscription_free(s);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* tern_process() keeps what has no handler, in its order, for a tern_next() that looks. */
START_TEST(process_keeps_for_next)
{
	struct ground ground;
	struct outside outside;
	tern_subscription *kept, *handled;
	uint64_t n_kept = 0, n_handled = 0;
	tern_bus *bus;
	pid_t child;

	must(ground_begin(&ground, BY_BUS));
	child = ground_child(&ground, publish_burst);
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &burst_rule, NULL, NULL, &kept), 0);
	must_be(tern_subscribe(bus, &burst_rule, count_event, &n_handled, &handled), 0);
	outside_begin(&outside, LOOP_EDGE, bus);
	tell(&ground.words[GO]);
	while (n_kept < N_BURST || n_handled < N_BURST) {
		struct tern_event event = {.size = sizeof(event)};

		if (n_kept == n_handled)
			outside_turn(&outside);
		while (n_kept < n_handled && tern_next(bus, 0, &event) == 0) {
			if (event.kind == TERN_EVENT)
				count_event(kept, event.message, 0, &n_kept);
			let_go(&event);
		}
	}
	outside_is_quiet(&outside);
	child_end(child);
	outside_end(&outside);
	(void)tern_subscription_free(kept);
	(void)tern_subscription_free(handled);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- a loop in one thread, a blocking call in another --- */

static void
serve_and_publish(void *user)
{
	struct ground *ground = user;
	struct held held = {.ground = ground};
	tern_service *service;
	tern_topic *topic;
	tern_bus *bus;

	bus = ground_server(ground, methods, ARRAY_SIZE(methods), &held, &service);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(tern_topic_new(bus, burst_tags, &topic), 0);
	tell(&ground->words[READY]);
	while (!held.stop) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, SHORT_NS, &event) % ETIME, 0);
		let_go(&event);
		if (held.n == 0)
			continue;
		for (uint64_t i = 0; i < N_BURST; i++)
			must_be(tern_publish(topic, "u", i), 0);
		wait_for(&ground->words[DONE], 1); /* the answer comes when the other thread has all of them */
		must_be(tern_reply(held.calls[0], "u", UINT64_C(0)), 0);
		held_end(&held);
	}
	(void)tern_topic_free(topic);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

struct caller {
	tern_bus *bus;
	struct ground *ground;
};

static void *
call_and_wait(void *user)
{
	struct caller *caller = user;

	must_be(tern_call_sync(caller->bus, ground_service(caller->ground), "Hold", NULL, NULL, "u", 1), 0);
	return NULL;
}

START_TEST(loop_beside_a_blocked_call)
{
	struct caller caller;
	struct outside outside;
	struct ground ground;
	tern_subscription *s;
	pthread_t thread;
	uint64_t n = 0;
	tern_bus *bus;
	pid_t child;

	bus = served_begin(&ground, BY_BUS, serve_and_publish, &child);
	must_be(tern_subscribe(bus, &burst_rule, count_event, &n, &s), 0);
	outside_begin(&outside, _i ? LOOP_EDGE : LOOP_POLL, bus);
	outside_is_quiet(&outside);
	caller = (struct caller){bus, &ground};
	must_be(pthread_create(&thread, NULL, call_and_wait, &caller), 0);
	while (n < N_BURST)
		outside_turn(&outside);
	tell(&ground.words[DONE]);
	must_be(pthread_join(thread, NULL), 0);
	outside_is_quiet(&outside);
	outside_end(&outside);
	(void)tern_subscription_free(s);
	served_end(&ground, bus, child);
}
END_TEST

/* --- notices that nobody asks for --- */

START_TEST(notices_do_not_pile_up)
{
	struct tern_event event = {.size = sizeof(event)};
	struct ground ground;
	uint64_t n = 0;
	tern_bus *bus;

	must(ground_begin(&ground, BY_DIAL));
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	for (tern_peer i = 1; i <= N_NOTICES; i++) {
		must_be(bus_enter(bus), 0);
		queue_notice(bus, TERN_LINKED, i);
		bus_leave(bus);
		must(tern_process(bus) >= 0);
	}
	must(bus->kept.n <= KEPT_NOTICES); /* else nothing more would be taken in */
	while (tern_next(bus, 0, &event) == 0)
		must_be(event.peer, N_NOTICES - KEPT_NOTICES + ++n); /* the newest */
	must_be(n, KEPT_NOTICES);
	must_be(bus->n_kept_notices, 0);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
descriptor_suite(void)
{
	Suite *suite = suite_create("descriptor");
	TCase *tcase = tcase_create("descriptor");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, every_message_of_a_burst, 0, 5);
	tcase_add_loop_test(tcase, answers_of_asynchronous_calls, 0, 8);
	tcase_add_loop_test(tcase, deadline_by_the_timer_alone, 0, 4);
	tcase_add_test(tcase, deadline_while_another_thread_leads);
	tcase_add_test(tcase, deadline_of_one_that_spins_for_ever);
	tcase_add_loop_test(tcase, names_and_losses, 0, 2);
	tcase_add_loop_test(tcase, next_alone_under_poll, 0, 2);
	tcase_add_test(tcase, process_keeps_for_next);
	tcase_add_loop_test(tcase, loop_beside_a_blocked_call, 0, 2);
	tcase_add_test(tcase, notices_do_not_pile_up);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(descriptor_suite());
}
