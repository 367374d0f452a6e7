/* SPDX-License-Identifier: MIT */

/*
 * threads: four threads on one handle, at both ends
 *
 * Two of them take in and run handlers, two call the other end, call the own program and publish, all at
 * once. Every answer belongs to its call, no event is lost, and everything closes cleanly. Between two
 * processes; and between two handles of one process, which is what ThreadSanitizer can see.
 */

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"

enum {
	N_CALLERS = 2,
	N_TAKERS = 2,
	N_SIDES = 2,
	N_ROUNDS = 1000,
	N_ROUNDS_LONG = 50000,
};

/* words of the ground, shared by both sides */
enum {
	LISTENING,
	READY,
	DONE, /* sides that have all their answers and events */
};

struct side {
	struct ground *ground;
	int number;
	tern_bus *bus;
	_Atomic uint32_t n_events;           /* heard here, of both sides */
	_Atomic uint64_t next[N_SIDES][N_CALLERS];
	_Atomic uint32_t n_late;             /* answers to what was sent without waiting */
	_Atomic uint32_t leave;
};

struct caller {
	struct side *side;
	int number;
	pthread_t thread;
};

static const char *const names[N_SIDES] = {"org.example.Left", "org.example.Right"};
static const char *const tags[] = {"threads", NULL};
static uint64_t n_rounds;

static int
method_twice(tern_call *call, tern_message *m, void *user)
{
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	return tern_reply(call, "u", 2 * number);
}

static const struct tern_method methods[] = {{"Twice", method_twice}};

/* heard() - two threads run handlers, so the order is not theirs to keep; that none is missing shows at the end */
static void
heard(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct side *side = user;
	uint64_t from, caller, number;

	must(m != NULL); /* no gap: they wait */
	must_be(tern_message_unpack(m, "[uuu]", &from, &caller, &number), 0);
	must(from < N_SIDES && caller < N_CALLERS && number < n_rounds);
	(void)add_rlx(&side->next[from][caller], number + 1); /* a sum, asked for after all is done */
	tell(&side->n_events);
}

static void
answered(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	uint64_t number;

	must_be(result, 0);
	must_be(tern_message_unpack(reply, "u", &number), 0);
	must_be(number % 2, 0);
	tell(&((struct side *)user)->n_late);
}

/* service_of() - what a side is called; a direct link has no names */
static const char *
service_of(const struct side *side, int number, char *storage, size_t size)
{
	if (side->ground->way != BY_DIAL)
		return names[number];
	if (side->number == 1)
		return NULL;
	(void)snprintf(storage, size, ":2"); /* the first that dialled */
	return storage;
}

static void
call_once(struct side *side, const char *service, uint64_t number)
{
	tern_message *reply;
	uint64_t twice;

	must_be(tern_call_sync(side->bus, service, "Twice", &reply, NULL, "u", number), 0);
	must_be(tern_message_unpack(reply, "u", &twice), 0);
	must_be(twice, 2 * number);
	(void)tern_message_unref(reply); /* always NULL */
}

/* call_later() - the answer may be quicker than tern_call_then(): then a taker's tern_next() has it */
static void
call_later(struct side *side, const char *service, uint64_t number)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(side->bus, service, "Twice", &m), 0);
	must_be(tern_message_pack(m, "u", number), 0);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	must_be(tern_call_then(call, answered, side) % EALREADY, 0);
	(void)tern_call_unref(call);  /* always NULL */
	(void)tern_message_unref(m); /* always NULL */
}

static void *
run_caller(void *user)
{
	struct caller *caller = user;
	struct side *side = caller->side;
	char storage[32];
	const char *other = service_of(side, !side->number, storage, sizeof(storage));
	tern_topic *topic;

	must_be(tern_topic_new(side->bus, tags, &topic), 0);
	for (uint64_t i = 0; i < n_rounds; i++) {
		uint64_t number = i * N_CALLERS + (uint64_t)caller->number;

		call_once(side, other, number);
		must_be(tern_publish(topic, "[uuu]", (uint64_t)side->number, (uint64_t)caller->number, i), 0);
		call_later(side, other, number);
		if (side->ground->way != BY_DIAL)
			call_once(side, names[side->number], number);
	}
	(void)tern_topic_free(topic); /* always NULL */
	return NULL;
}

static void *
run_taker(void *user)
{
	struct side *side = user;

	while (!load_acq(&side->leave)) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(side->bus, SHORT_NS, &event);

		must(r == 0 || r == -ETIME || r == -EINTR);
		if (r == 0 && event.kind == TERN_REPLY)
			answered(event.call, event.result, event.message, NULL, side);
		else if (r == 0)
			must_be(event.kind, TERN_LINKED);
		if (r == 0)
			let_go(&event);
	}
	return NULL;
}

static void
side_open(struct side *side)
{
	const char *address = side->ground->place.address;

	if (side->ground->way != BY_DIAL)
		must_be(tern_open(address, &side->bus), 0);
	else if (side->number == 0)
		must_be(tern_listen(address, &side->bus), 0);
	else
		wait_for(&side->ground->words[LISTENING], 1);
	if (!side->bus)
		must_be(tern_dial(address, &side->bus), 0);
	tell(&side->ground->words[LISTENING]);
	must_be(tern_set_option(side->bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	must_be(tern_set_option(side->bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
}

/* run_side() - one end, from opening to closing */
static void
run_side(struct ground *ground, int number)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = tags};
	uint64_t sum = n_rounds * (n_rounds + 1) / 2;
	struct side side = {.ground = ground, .number = number};
	struct caller callers[N_CALLERS];
	pthread_t takers[N_TAKERS];
	tern_service *service;
	tern_subscription *s;

	side_open(&side);
	must_be(tern_serve(side.bus, ground->way == BY_DIAL ? NULL : names[number], NULL, methods, 1, NULL, &service), 0);
	for (int i = 0; i < N_TAKERS; i++)
		must_be(pthread_create(&takers[i], NULL, run_taker, &side), 0);
	must_be(tern_subscribe(side.bus, &rule, heard, &side, &s), 0);
	tell(&ground->words[READY]);
	wait_for(&ground->words[READY], N_SIDES);
	for (int i = 0; i < N_CALLERS; i++) {
		callers[i] = (struct caller){.side = &side, .number = i};
		must_be(pthread_create(&callers[i].thread, NULL, run_caller, &callers[i]), 0);
	}
	for (int i = 0; i < N_CALLERS; i++)
		must_be(pthread_join(callers[i].thread, NULL), 0);
	wait_for(&side.n_late, (uint32_t)(N_CALLERS * n_rounds));
	wait_for(&side.n_events, (uint32_t)(N_SIDES * N_CALLERS * n_rounds));
	tell(&ground->words[DONE]);
	wait_for(&ground->words[DONE], N_SIDES); /* the takers serve until the other side is done too */
	store_rel(&side.leave, 1);
	for (int i = 0; i < N_TAKERS; i++)
		must_be(pthread_join(takers[i], NULL), 0);
	for (int from = 0; from < N_SIDES; from++)
		for (int i = 0; i < N_CALLERS; i++)
			must_be(load_rlx(&side.next[from][i]), sum); /* each once */
	(void)tern_subscription_free(s);
	(void)tern_service_free(service);
	tell(&ground->words[READY]);
	wait_for(&ground->words[READY], 2 * N_SIDES); /* nobody sees the other leave: it is checked above */
	(void)tern_close(side.bus);
}

static void
run_right(void *user)
{
	run_side(user, 1);
}

static void *
run_right_thread(void *user)
{
	run_side(user, 1);
	return NULL;
}

START_TEST(between_two_processes)
{
	struct ground ground;
	pid_t child;

	must(ground_begin(&ground, BY_BUS));
	child = child_start(run_right, &ground);
	run_side(&ground, 0);
	child_end(child);
	ground_end(&ground);
}
END_TEST

START_TEST(between_two_handles)
{
	struct ground ground;
	pthread_t thread;

	must(ground_begin(&ground, _i ? BY_DIAL : BY_BUS));
	must_be(pthread_create(&thread, NULL, run_right_thread, &ground), 0);
	run_side(&ground, 0);
	must_be(pthread_join(thread, NULL), 0);
	ground_end(&ground);
}
END_TEST

static Suite *
threads_suite(void)
{
	Suite *suite = suite_create("threads");
	TCase *tcase = tcase_create("threads");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, is_long() ? 1200 : 240);
	tcase_add_test(tcase, between_two_processes);
	tcase_add_loop_test(tcase, between_two_handles, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	n_rounds = is_long() ? N_ROUNDS_LONG : N_ROUNDS;
	return fixture_run(threads_suite());
}
