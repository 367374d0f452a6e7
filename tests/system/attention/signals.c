/* SPDX-License-Identifier: MIT */

/*
 * signals: each thread is interrupted a thousand times a second, whatever it does in the library
 *
 * Nothing fails for it, nothing is lost or cut short, and no function says -EINTR that was not woken. Handlers
 * without SA_RESTART, which end a sleep in the kernel, and with it.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "client/bus.h"

enum {
	N_SIGNALS = 200, /* that each thread has at least */
	N_ROUNDS = 500,  /* of the publisher; the events are numbered */
	SIZE = 300000,
	/* words */
	READY = 0,
	EVENTS = 1, /* heard by the server */
	DONE = 2,
	FIRST_THREAD = 8, /* signals of each thread of the child */
};

static const char *const tags[] = {"signals", NULL};
static struct ground *ground;
static int flags; /* of the signal's action */
static _Thread_local _Atomic uint32_t *n_signals;

static void
interrupted(int number)
{
	if (n_signals)
		tell(n_signals);
}

/* interrupt() - this thread, from here on, counted in this word */
static timer_t
interrupt(_Atomic uint32_t *count)
{
	static const struct itimerspec each = {{0, 1000000}, {0, 1000000}};
	struct sigaction action = {.sa_handler = interrupted, .sa_flags = flags};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	timer_t timer;

	n_signals = count;
	must_be(sigaction(SIGUSR1, &action, NULL), 0);
	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	must_be(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	must_be(timer_settime(timer, 0, &each, NULL), 0);
	return timer;
}

static void
calm_down(timer_t timer)
{
	must_be(timer_delete(timer), 0);
	n_signals = NULL;
}

/* --- the server, interrupted as well --- */

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	const void *bytes;
	size_t size;

	must_be(tern_message_unpack(m, "y", &bytes, &size), 0);
	return tern_reply(call, "y", bytes, size);
}

static tern_call *held;

/* method_hold() - answered when the caller has had its signals */
static int
method_hold(tern_call *call, tern_message *m, void *user)
{
	held = tern_call_ref(call);
	return 0;
}

static void
heard(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	uint64_t number;

	must(m != NULL); /* no gap: it is waited for */
	must_be(tern_message_unpack(m, "u", &number), 0);
	must_be(number, load_rlx(&ground->words[EVENTS]));
	tell(&ground->words[EVENTS]);
}

static const struct tern_method methods[] = {{"Echo", method_echo}, {"Hold", method_hold}};

static void
serve(tern_bus *bus)
{
	while (!load_acq(&ground->words[DONE])) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, SHORT_NS, &event) % ETIME, 0);
		let_go(&event);
		if (held && load_acq(&ground->words[FIRST_THREAD]) >= N_SIGNALS) {
			must_be(tern_reply(held, ""), 0);
			held = tern_call_unref(held);
		}
	}
}

/* --- the client: threads, of one handle where they can --- */

struct worker {
	tern_bus *bus;
	int number;
	pthread_t thread;
};

static bool
is_enough(const struct worker *w)
{
	return load_acq(&ground->words[FIRST_THREAD + w->number]) >= N_SIGNALS;
}

static void
echo(tern_bus *bus, size_t size, uint64_t seed)
{
	static _Thread_local uint8_t bytes[SIZE];
	tern_message *reply;
	const void *answer;
	size_t n;

	fill(bytes, size, seed);
	must_be(tern_call_sync(bus, LINKS_SERVICE, "Echo", &reply, NULL, "y", bytes, size), 0);
	must_be(tern_message_unpack(reply, "y", &answer, &n), 0);
	must_be(n, size);
	must(memcmp(answer, bytes, size) == 0);
	(void)tern_message_unref(reply); /* always NULL */
}

/* wait_long() - for one answer; a signal ends one sleep, and no more */
static void
wait_long(struct worker *w)
{
	uint64_t sleeps = w->bus->counters.sleeps;

	must_be(tern_call_sync(w->bus, LINKS_SERVICE, "Hold", NULL, NULL, NULL), 0);
	must(w->bus->counters.sleeps - sleeps < 4 * load_acq(&ground->words[FIRST_THREAD + w->number]));
}

static void
call(struct worker *w)
{
	for (uint64_t i = 0; !is_enough(w); i++)
		echo(w->bus, i % 8 ? 1 + i % 500 : SIZE, i);
}

static void
publish(struct worker *w)
{
	tern_topic *topic;

	must_be(tern_topic_new(w->bus, tags, &topic), 0);
	must_be(tern_set_option(w->bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	for (uint64_t i = 0; i < N_ROUNDS || !is_enough(w); i++)
		must_be(tern_publish(topic, "u", i), 0);
	(void)tern_topic_free(topic); /* always NULL */
}

static void
listen_now_and_then(struct worker *w)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};

	while (!is_enough(w)) {
		struct tern_event event = {.size = sizeof(event)};
		tern_subscription *s;
		tern_peer owner;
		int r;

		must_be(tern_subscribe(w->bus, &rule, NULL, NULL, &s), 0);
		must_be(tern_own(w->bus, "org.example.Interrupted", 0, NULL), 0);
		must_be(tern_lookup(w->bus, "org.example.Interrupted", &owner), 0);
		must_be(owner, tern_id(w->bus));
		r = tern_next(w->bus, 2000000, &event);
		must(r == 0 || r == -ETIME);
		let_go(&event);
		must_be(tern_disown(w->bus, "org.example.Interrupted"), 0);
		(void)tern_subscription_free(s); /* always NULL */
	}
}

static void
come_and_go(struct worker *w)
{
	while (!is_enough(w)) {
		tern_bus *brief;

		must_be(tern_open(ground->place.address, &brief), 0);
		echo(brief, SIZE, 1);
		(void)tern_close(brief); /* always NULL */
	}
}

/* The first is alone on its handle, and its signals are what the server waits for. */
static void (*const works[])(struct worker *) = {wait_long, call, publish, listen_now_and_then, come_and_go};

static void *
work(void *user)
{
	struct worker *w = user;
	timer_t timer = interrupt(&ground->words[FIRST_THREAD + w->number]);

	works[w->number](w);
	calm_down(timer);
	return NULL;
}

static void
client(void *user)
{
	struct worker workers[ARRAY_SIZE(works)];
	tern_bus *buses[2];

	for (size_t i = 0; i < ARRAY_SIZE(buses); i++)
		buses[i] = ground_client(ground);
	for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
		workers[i] = (struct worker){.bus = buses[i > 0], .number = (int)i};
		must_be(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(works); i++)
		must_be(pthread_join(workers[i].thread, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(buses); i++)
		(void)tern_close(buses[i]); /* always NULL */
	tell(&ground->words[DONE]);
}

START_TEST(every_millisecond)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	tern_subscription *s;
	tern_service *service;
	struct ground here;
	timer_t timer;
	tern_bus *bus;
	pid_t pid;

	if (getenv("TERN_TEST_SUPERVISED"))
		return; /* a signal ends a system call that another process answers, also one that a kernel always ends itself */
	flags = _i ? SA_RESTART : 0;
	ground = &here;
	must(ground_begin(&here, BY_BUS));
	bus = ground_server(&here, methods, ARRAY_SIZE(methods), NULL, &service);
	must_be(tern_subscribe(bus, &rule, heard, NULL, &s), 0);
	pid = ground_child(&here, client);
	timer = interrupt(&here.words[READY]);
	serve(bus);
	calm_down(timer);
	child_end(pid);
	must(here.words[EVENTS] >= N_ROUNDS);
	must(here.words[READY] >= N_SIGNALS / 2);
	(void)tern_subscription_free(s); /* always NULL, as the next */
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&here);
}
END_TEST

static Suite *
signals_suite(void)
{
	Suite *suite = suite_create("signals");
	TCase *tcase = tcase_create("signals");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, every_millisecond, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(signals_suite());
}
