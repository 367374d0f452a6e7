/* SPDX-License-Identifier: MIT */

/*
 * many: 10,000 calls under way from one handle, to several services
 *
 * The services hold them until all are there, and then answer in no order. Each call is answered once, with what
 * is its own; and nothing is left of it.
 */

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "client/bus.h"
#include "client/call.h"
#include "scene.h"

enum {
	N_SERVICES = 4,
	N_CALLS = 10000,
	N_EACH = N_CALLS / N_SERVICES,
	N_ROUNDS = 3,
	SLACK = 64 << 10, /* bytes that may differ from round to round; the calls take over a hundred times that */
	/* words */
	SERVED = 0,
	START, /* rounds in which the services take in */
	THERE, /* calls held, of all services */
	STOP,
};

static void
service_name(char name[32], uintptr_t n)
{
	(void)snprintf(name, 32, "org.example.Many.n%u", (unsigned int)n);
}

/* --- a service --- */

static tern_call *held[N_EACH];
static uint64_t numbers[N_EACH];

static void
hold_all(tern_bus *bus)
{
	for (int n = 0; n < N_EACH; n++) {
		struct tern_event event = next_event(bus, TERN_CALL);

		must_be(tern_message_unpack(event.message, "u", &numbers[n]), 0);
		held[n] = tern_call_ref(event.call);
		event_free(&event);
		tell(&scene.words[THERE]);
	}
}

/* answer_all() - each time the one that is so far behind the last: a prime, and so all of them */
static void
answer_all(void)
{
	for (int i = 0, n = 0; i < N_EACH; i++, n = (n + 1009) % N_EACH) {
		must_be(tern_reply(held[n], "u", numbers[n] * 3), 0);
		held[n] = tern_call_unref(held[n]);
	}
}

static void
serve(void *user)
{
	tern_bus *bus = scene_open();
	struct tern_event event = {.size = sizeof(event)};
	char name[32];

	service_name(name, (uintptr_t)user);
	must_be(tern_own(bus, name, 0, NULL), 0);
	tell(&scene.words[SERVED]);
	for (uint32_t round = 1; round <= N_ROUNDS; round++) {
		wait_for(&scene.words[START], round); /* nobody takes in: the ring fills */
		hold_all(bus);
		wait_for(&scene.words[THERE], round * N_CALLS);
		answer_all();
	}
	while (!load_acq(&scene.words[STOP]))
		if (tern_next(bus, SHORT_NS, &event) == 0)
			event_free(&event);
	(void)tern_close(bus);
}

/* --- the caller --- */

struct caller {
	tern_call *calls[N_CALLS];
	uint8_t answered[N_CALLS];
	uint32_t n_answered, n_full;
};

static struct caller caller;

/* answer() - to one of them, whose it is */
static void
answer(tern_call *call, int result, tern_message *reply)
{
	uint64_t number;

	must_be(result, 0);
	must_be(tern_message_unpack(reply, "u", &number), 0);
	must_be(number % 3, 0);
	number /= 3;
	must(number < N_CALLS && caller.calls[number] == call);
	must_be(caller.answered[number]++, 0);
	caller.n_answered++;
}

static void
answered(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	must(error == NULL);
	must(user == &caller.calls[tern_message_trace(reply)]);
	answer(call, result, reply);
}

/* wait_writable() - -EAGAIN is followed by that; nothing is answered yet */
static void
wait_writable(tern_peer peer)
{
	struct tern_event event = {.size = sizeof(event)};

	caller.n_full++;
	must(is_error("tern.NoRoom"));
	do {
		must_be(tern_next(scene.bus, LONG_NS, &event), 0);
		must(event.kind == TERN_WRITABLE || event.kind == TERN_LINKED);
	} while (event.kind != TERN_WRITABLE || event.peer != peer);
}

static void
send_one(int i, uint32_t round)
{
	tern_message *m;
	tern_peer peer;
	char name[32];
	int r;

	service_name(name, (uintptr_t)(i % N_SERVICES));
	must_be(tern_message_new_call(scene.bus, name, "Hold", &m), 0);
	must_be(tern_message_pack(m, "u", (uint64_t)i), 0);
	must_be(tern_message_set_trace(m, (uint64_t)i), 0);
	must_be(tern_lookup(scene.bus, name, &peer), 0);
	while ((r = tern_send(m, LONG_NS, TERN_NONBLOCK, &caller.calls[i])) == -EAGAIN) {
		if (load_acq(&scene.words[START]) < round)
			tell(&scene.words[START]);
		wait_writable(peer);
	}
	must_be(r, 0);
	if (i % 3)
		must_be(tern_call_then(caller.calls[i], answered, &caller.calls[i]), 0);
	(void)tern_message_unref(m); /* always NULL */
}

/* take_answers() - with handlers and without; and no more than there are */
static void
take_answers(void)
{
	struct tern_event event = {.size = sizeof(event)};
	int r;

	while (caller.n_answered < N_CALLS) {
		r = tern_next(scene.bus, SHORT_NS, &event);
		must(r == 0 || r == -ETIME);
		if (r < 0)
			continue; /* handlers ran */
		must(event.kind == TERN_REPLY || event.kind == TERN_WRITABLE);
		if (event.kind == TERN_REPLY)
			answer(event.call, event.result, event.message);
		event_free(&event);
	}
	while ((r = tern_next(scene.bus, SHORT_NS / 10, &event)) == 0)
		must_be(event.kind, TERN_WRITABLE);
	must_be(r, -ETIME);
}

static void
one_round(uint32_t round)
{
	caller = (struct caller){0};
	for (int i = 0; i < N_CALLS; i++)
		send_one(i, round);
	must(caller.n_full > 0);
	must_be(scene.bus->n_calls, N_CALLS); /* none is answered before all are under way */
	take_answers();
	for (int i = 0; i < N_CALLS; i++) {
		must_be(caller.answered[i], 1);
		must_be(tern_call_wait(caller.calls[i], 0, NULL, NULL), -EALREADY);
		caller.calls[i] = tern_call_unref(caller.calls[i]);
	}
	must(scene.bus->n_calls == 0 && scene.bus->deadlines == NULL);
	must_be(scene.bus->queue.n + scene.bus->kept.n, 0);
}

START_TEST(each_is_answered_once)
{
	pid_t services[N_SERVICES];
	size_t used[N_ROUNDS];
	int fds[N_ROUNDS];

	must_be(tern_set_option(scene.bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	for (uintptr_t i = 0; i < N_SERVICES; i++)
		services[i] = child_start(serve, (void *)i);
	wait_for(&scene.words[SERVED], N_SERVICES);
	for (uint32_t round = 0; round < N_ROUNDS; round++) {
		one_round(round + 1);
		used[round] = mallinfo2().uordblks; /* under a sanitizer 0: that looks for leaks itself */
		fds[round] = count_open_fds();
	}
	must(used[N_ROUNDS - 1] < used[0] + SLACK);
	must_be(fds[N_ROUNDS - 1], fds[0]);
	tell(&scene.words[STOP]);
	for (int i = 0; i < N_SERVICES; i++)
		child_end(services[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("many");
	TCase *tcase = tcase_create("many");

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, each_is_answered_once);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
