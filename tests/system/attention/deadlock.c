/* SPDX-License-Identifier: MIT */

/*
 * deadlock: none between programs that call each other, and none with oneself
 *
 * Who waits, for an answer or for room, takes in what comes meanwhile.
 */

#include <pthread.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"

enum {
	N_FLOOD = 3000,
	FLOOD_SIZE = 1000, /* together more than a ring ever holds */
	N_PROGRAMS = 3,
};

enum {
	READY,
	HEARD,
	LEAVE,
};

static const char *const names[N_PROGRAMS] = {"org.example.A", "org.example.B", "org.example.C"};
static struct ground ground;

struct program {
	tern_bus *bus;
	int number;
	uint64_t n_heard;
	int calls_self;
};

static int
method_push(tern_call *call, tern_message *m, void *user)
{
	struct program *program = user;
	const void *bytes;
	uint64_t number;
	size_t size;

	must_be(tern_message_unpack(m, "[uy]", &number, &bytes, &size), 0);
	must_be(number, program->n_heard);
	must_be(size, FLOOD_SIZE);
	program->n_heard++;
	return 0;
}

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	return tern_reply(call, "u", number);
}

/* method_relay() - ask the next program and answer with what it says */
static int
method_relay(tern_call *call, tern_message *m, void *user)
{
	struct program *program = user;
	tern_message *reply;
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	must_be(tern_call_sync(program->bus, names[program->number + 1],
			program->number + 2 < N_PROGRAMS ? "Relay" : "Echo", &reply, NULL, "u", number + 1),
		0);
	must_be(tern_message_unpack(reply, "u", &number), 0);
	(void)tern_message_unref(reply); /* always NULL */
	return tern_reply(call, "u", number);
}

/* method_self() - all that a handler cannot do with its own program */
static int
method_self(tern_call *call, tern_message *m, void *user)
{
	struct program *program = user;
	struct tern_event event = {.size = sizeof(event)};
	tern_bus *bus = program->bus;
	tern_message *own;
	tern_call *sent;

	must_be(tern_call_sync(bus, names[program->number], "Echo", NULL, NULL, "u", UINT64_C(1)), -EDEADLK);
	must_be(tern_message_new_call(bus, names[program->number], "Echo", &own), 0);
	must_be(tern_message_pack(own, "u", UINT64_C(1)), 0);
	must_be(tern_send(own, LONG_NS, 0, &sent), 0); /* sending it is all right */
	must_be(tern_call_wait(sent, LONG_NS, NULL, NULL), -EDEADLK);
	(void)tern_call_unref(sent);   /* always NULL */
	(void)tern_message_unref(own); /* always NULL */
	must_be(tern_next(bus, 0, &event), -EDEADLK);
	must_be(tern_process(bus), -EDEADLK);
	return tern_reply(call, NULL);
}

static const struct tern_method methods[] = {
	{"Push", method_push},
	{"Echo", method_echo},
	{"Relay", method_relay},
	{"Self", method_self},
};

static tern_service *
program_begin(struct program *program, int number)
{
	tern_service *service;

	*program = (struct program){.number = number};
	must_be(tern_open(ground.place.address, &program->bus), 0);
	must_be(tern_set_option(program->bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	must_be(tern_serve(program->bus, names[number], NULL, methods, ARRAY_SIZE(methods), program, &service), 0);
	return service;
}

static void
run_until(struct program *program, unsigned int word, uint32_t value)
{
	while (load_acq(&ground.words[word]) < value) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(program->bus, SHORT_NS / 10, &event);

		must(r == 0 || r == -ETIME);
		if (r == 0)
			let_go(&event);
	}
}

static void
program_end(struct program *program, tern_service *service)
{
	tell(&ground.words[LEAVE]);
	run_until(program, LEAVE, 2);
	(void)tern_service_free(service);
	(void)tern_close(program->bus);
}

/* flood_each_other() - each fills the other's ring, and handles nothing before it has sent all */
static void
flood_each_other(void *user)
{
	static const char bytes[FLOOD_SIZE];
	int number = (int)(intptr_t)user;
	struct program program;
	tern_service *service = program_begin(&program, number);

	tell(&ground.words[READY]);
	run_until(&program, READY, 2);
	for (uint64_t i = 0; i < N_FLOOD; i++) {
		tern_message *m;

		must_be(tern_message_new_call(program.bus, names[!number], "Push", &m), 0);
		must_be(tern_message_pack(m, "[uy]", i, bytes, sizeof(bytes)), 0);
		must_be(tern_send(m, LONG_NS, TERN_NO_REPLY, NULL), 0);
		(void)tern_message_unref(m); /* always NULL */
	}
	while (program.n_heard < N_FLOOD) {
		struct tern_event event = {.size = sizeof(event)};
		int r = tern_next(program.bus, SHORT_NS / 10, &event);

		must(r == 0 || r == -ETIME);
		if (r == 0)
			let_go(&event);
	}
	program_end(&program, service);
}

START_TEST(two_with_full_rings)
{
	pid_t other;

	must(ground_begin(&ground, BY_BUS));
	other = child_start(flood_each_other, (void *)1);
	flood_each_other((void *)0);
	child_end(other);
	ground_end(&ground);
}
END_TEST

static void
serve_number(void *user)
{
	struct program program;
	tern_service *service = program_begin(&program, (int)(intptr_t)user);

	tell(&ground.words[READY]);
	run_until(&program, HEARD, 1);
	(void)tern_service_free(service);
	(void)tern_close(program.bus);
}

START_TEST(handlers_call_others)
{
	pid_t others[N_PROGRAMS];
	tern_message *reply;
	uint64_t number;
	tern_bus *bus;

	must(ground_begin(&ground, BY_BUS));
	for (intptr_t i = 0; i < N_PROGRAMS; i++)
		others[i] = child_start(serve_number, (void *)i);
	wait_for(&ground.words[READY], N_PROGRAMS);
	must_be(tern_open(ground.place.address, &bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	for (uint64_t i = 0; i < 100; i++) {
		must_be(tern_call_sync(bus, names[0], "Relay", &reply, NULL, "u", i), 0);
		must_be(tern_message_unpack(reply, "u", &number), 0);
		must_be(number, i + N_PROGRAMS - 1);
		(void)tern_message_unref(reply); /* always NULL */
	}
	must_be(tern_call_sync(bus, names[1], "Self", NULL, NULL, NULL), 0);
	must_be(tern_call_sync(bus, names[1], "Echo", NULL, NULL, "u", UINT64_C(1)), 0); /* it goes on */
	tell(&ground.words[HEARD]);
	for (int i = 0; i < N_PROGRAMS; i++)
		child_end(others[i]);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* Outside of a handler one may call oneself, where another thread handles it. */
static void *
handle(void *user)
{
	struct tern_event event = {.size = sizeof(event)};
	int r;

	while ((r = tern_next(user, LONG_NS, &event)) == 0)
		let_go(&event);
	must_be(r, -EINTR);
	return NULL;
}

START_TEST(calls_to_oneself)
{
	struct program program;
	tern_service *service;
	pthread_t thread;

	must(ground_begin(&ground, BY_BUS));
	service = program_begin(&program, 0);
	must_be(pthread_create(&thread, NULL, handle, program.bus), 0);
	for (uint64_t i = 0; i < 1000; i++)
		must_be(tern_call_sync(program.bus, names[0], "Echo", NULL, NULL, "u", i), 0);
	must_be(tern_wake(program.bus), 0);
	must_be(pthread_join(thread, NULL), 0);
	(void)tern_service_free(service);
	(void)tern_close(program.bus);
	ground_end(&ground);
}
END_TEST

static Suite *
deadlock_suite(void)
{
	Suite *suite = suite_create("deadlock");
	TCase *tcase = tcase_create("deadlock");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, two_with_full_rings);
	tcase_add_test(tcase, handlers_call_others);
	tcase_add_test(tcase, calls_to_oneself);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(deadlock_suite());
}
