/* SPDX-License-Identifier: MIT */

/* streams_ends: how streams end, in each state of each side; and ends that break their rules */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/call.h"
#include "client/stream.h"
#include "flow.h"

static uint32_t
word(int i)
{
	return __atomic_load_n((const uint32_t *)&scene.words[i], __ATOMIC_ACQUIRE);
}

/* --- the caller ends --- */

enum state {
	FEEDING,  /* the service waits for credit */
	CROWDING, /* it will wait for room on the link */
	DRAINING, /* it waits for parts */
	FOLLOWING,
	N_STATES,
};

enum end {
	CANCEL,
	LET_GO,
	DEADLINE,
	CLOSE,
	KILL,
	N_ENDS,
};

static const char *const MEMBERS[] = {"Feed", "Feed", "Drain", "Follow"};

/* reach() - a stream whose service is in that state */
static tern_call *
reach(tern_bus *bus, enum state state, uint64_t timeout)
{
	uint32_t begun = word(FLOW_BEGUN), parts = word(FLOW_PARTS);
	tern_call *call = flow_call(bus, MEMBERS[state], timeout, NULL);

	wait_for(&scene.words[FLOW_BEGUN], begun + 1);
	if (state == CROWDING)
		wait_for(&scene.words[FLOW_PARTS], parts + 4);
	while (state == FEEDING && word(FLOW_PARTS) < parts + STREAM_WINDOW / stream_cost_of(1003))
		(void)tern_process(bus);
	if (state == DRAINING) {
		must_be(tern_call_put(call, NULL), 0);
		wait_for(&scene.words[FLOW_PARTS], parts + 1);
	}
	return call;
}

static void
until_killed(void *state)
{
	(void)reach(scene_open(), *(enum state *)state, TERN_FOREVER);
	tell(&scene.words[0]);
	for (;;)
		(void)pause();
}

/* far_enough() - a deadline before which any state is reached, on slow machines too */
static uint64_t
far_enough(void)
{
	const char *slower = getenv("CK_TIMEOUT_MULTIPLIER");

	return 16 * SHORT_NS * (slower ? strtoull(slower, NULL, 10) : 1);
}

static void
end_it(tern_bus *bus, enum state state, enum end end)
{
	tern_call *call = NULL;
	pid_t pid;

	if (end == KILL) {
		uint32_t n = word(0);

		pid = child_start(until_killed, &state);
		wait_for(&scene.words[0], n + 1);
		child_kill(pid);
		return;
	}
	call = reach(bus, state, end == DEADLINE ? far_enough() : TERN_FOREVER);
	if (end == CANCEL) {
		must_be(tern_call_cancel(call), 0);
		must_be(tern_call_cancel(call), -EALREADY);
		must_be(tern_call_put(call, NULL), -ECANCELED);
		must_be(tern_call_wait(call, TERN_DEFAULT, NULL, NULL), -ECANCELED);
	}
	if (end == DEADLINE) {
		while (tern_call_wait(call, TERN_DEFAULT, NULL, NULL) == 0)
			;
		must(is_error("tern.Timeout"));
		must_be(tern_call_put(call, NULL), -ETIME);
	}
	if (end != CLOSE)
		(void)tern_call_unref(call);
	(void)tern_close(bus);
	if (end == CLOSE)
		(void)tern_call_unref(call);
}

START_TEST(caller_ends)
{
	static const int errnos[] = {[CANCEL] = ECANCELED, [LET_GO] = ECANCELED, [DEADLINE] = ETIME,
		[CLOSE] = EHOSTDOWN, [KILL] = EHOSTDOWN};

	flow_service();
	for (enum end end = 0; end < N_ENDS; end++) {
		uint32_t over = word(FLOW_OVER), cancels = word(FLOW_CANCELS);

		end_it(end == KILL ? NULL : scene_open(), (enum state)_i, end);
		if (_i == FOLLOWING) {
			wait_for(&scene.words[FLOW_CANCELS], cancels + 1);
			must_be(word(FLOW_CANCELS), cancels + 1);
			continue;
		}
		wait_for(&scene.words[FLOW_OVER], over + 1);
		/* a handle that goes at once may be gone before its cancel is read: that says the same */
		if (word(FLOW_ERRNO) != EHOSTDOWN || end >= CLOSE)
			must_be(word(FLOW_ERRNO), errnos[end]);
	}
}
END_TEST

/* What was put before the caller went is read; so it is of one that says all and is gone. */
static void
say_all(void *user)
{
	tern_bus *bus = scene_open();
	tern_call *call = flow_call(bus, "Slow", TERN_FOREVER, NULL);

	for (int i = 0; i < 100; i++)
		must_be(tern_call_put(call, "u", (uint64_t)i), 0);
	must_be(tern_call_end(call), 0);
	tell(&scene.words[0]);
	for (;;)
		(void)pause();
}

START_TEST(parts_outlive_the_caller)
{
	pid_t pid;

	flow_service();
	pid = child_start(say_all, NULL);
	wait_for(&scene.words[0], 1);
	child_kill(pid);
	for (int i = 0; i < 101; i++)
		tell(&scene.words[FLOW_GO]);
	wait_for(&scene.words[FLOW_PARTS], 101); /* all, and the end */
}
END_TEST

/* --- the service ends --- */

struct waiting {
	tern_call *call;
	bool puts;
	_Atomic bool waits;
	int r;
};

static void *
wait_thread(void *user)
{
	static const char bytes[10000];
	struct waiting *w = user;

	do {
		w->waits = true;
		w->r = w->puts ? tern_call_put(w->call, "y", bytes, sizeof(bytes))
			       : tern_call_wait(w->call, TERN_DEFAULT, NULL, NULL);
	} while (w->r == 0);
	return NULL;
}

/* is_waiting() - so many threads, for what a stream brings */
static bool
is_waiting(unsigned int n)
{
	struct waiter *waiter;

	must_be(bus_enter(scene.bus), 0);
	DL_FOREACH (scene.bus->waiters, waiter)
		n -= waiter->kind == WAIT_CREDIT || waiter->kind == WAIT_ANSWER;
	n += !scene.bus->sleeping;
	bus_leave(scene.bus);
	return n == 0;
}

/* One thread puts without credit, one waits for parts, and then the service dies, or somebody gives up. */
START_TEST(both_wait)
{
	struct waiting w[2] = {{.puts = true}, {.puts = false}};
	pthread_t threads[2];
	tern_call *call;

	flow_service();
	call = flow_call(scene.bus, "Slow", _i == 2 ? 8 * SHORT_NS : TERN_FOREVER, NULL);
	for (int i = 0; i < 2; i++) {
		w[i].call = call;
		must_be(pthread_create(&threads[i], NULL, wait_thread, &w[i]), 0);
	}
	while (_i < 2 && !is_waiting(2))
		(void)poll(NULL, 0, 1);
	if (_i == 0)
		must_be(kill(scene.service, SIGKILL), 0);
	else if (_i == 1)
		must_be(tern_call_cancel(call), 0);
	for (int i = 0; i < 2; i++) {
		must_be(pthread_join(threads[i], NULL), 0);
		must_be(w[i].r, _i == 0 ? -EHOSTDOWN : _i == 1 ? -ECANCELED : -ETIME);
	}
	(void)tern_call_unref(call);
}
END_TEST

START_TEST(parts_outlive_the_service)
{
	uint32_t n = STREAM_WINDOW / stream_cost_of(1003), n_read = 0;
	struct tern_event event;
	tern_call *call, *followed;
	int r;

	flow_service();
	call = reach(scene.bus, FEEDING, TERN_FOREVER);
	followed = flow_call(scene.bus, "Follow", TERN_FOREVER, NULL);
	must_be(tern_call_follow(followed, NULL, NULL), 0);
	wait_for(&scene.words[FLOW_BEGUN], 2);
	must_be(kill(scene.service, SIGKILL), 0);
	while ((r = tern_call_wait(call, TERN_DEFAULT, NULL, NULL)) == 0)
		n_read++;
	must_be(r, -EHOSTDOWN);
	must_be(n_read, n);
	event = next_event(scene.bus, TERN_ERROR);
	must(event.call == followed);
	must_be(event.result, -EHOSTDOWN);
	event_free(&event);
	(void)tern_call_unref(call);
	(void)tern_call_unref(followed);
}
END_TEST

START_TEST(answered_while_putting)
{
	static const char bytes[1000];
	tern_call *call;
	int r;

	flow_service();
	call = flow_begin("Refuse", 1, 0);
	do
		r = tern_call_put(call, "y", bytes, sizeof(bytes));
	while (r == 0);
	must_be(r, -EPIPE);
	must_be(flow_number(call), 0);
	must_be(tern_call_wait(call, TERN_DEFAULT, NULL, NULL), -EREMOTEIO);
	(void)tern_call_unref(call);
}
END_TEST

/* --- two handles of this process, turn by turn --- */

static tern_call *served; /* the call that the service has */
static tern_bus *owner;
static uint32_t n_parts, n_ends, n_cancels;
static int last_fd = -1;

static void
served_fn(tern_call *call, const struct tern_event *event, void *user)
{
	n_parts += event->kind == TERN_PART;
	n_ends += event->kind == TERN_END;
	n_cancels += event->kind == TERN_CANCEL;
	if (event->kind == TERN_PART && tern_message_fd(event->message, 0) >= 0)
		last_fd = fcntl(tern_message_fd(event->message, 0), F_DUPFD_CLOEXEC, 0);
}

static int
serve_method(tern_call *call, tern_message *m, void *user)
{
	served = tern_call_ref(call);
	if (tern_call_is_stream(call) && !user)
		must_be(tern_call_follow(call, served_fn, NULL), 0);
	return 0;
}

/* turn() - both take in what there is */
static void
turn(tern_bus *one, tern_bus *other)
{
	for (int i = 0; i < 20; i++) {
		(void)tern_process(one);
		(void)tern_process(other);
	}
}

static tern_service *
serve_here(tern_bus *bus, bool follows)
{
	static const struct tern_method method = {"Serve", serve_method};

	served = NULL;
	n_parts = n_ends = n_cancels = 0;
	owner = bus;
	return scene_serve(bus, &method, 1, follows ? NULL : &served);
}

/* call_here() - a call that the service has */
static tern_call *
call_here(tern_bus *bus, uint32_t flags)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(bus, SERVICE, "Serve", &m), 0);
	must_be(tern_send(m, TERN_FOREVER, flags, &call), 0);
	(void)tern_message_unref(m);
	while (!served)
		turn(bus, owner);
	turn(bus, owner);
	return call;
}

static int
put_now(tern_call *call, int fd)
{
	tern_message *part;
	int r;

	must_be(tern_message_new_part(call, &part), 0);
	if (fd >= 0)
		must(tern_message_attach(part, fd) >= 0);
	r = tern_call_put_message(part, TERN_DEFAULT, TERN_NONBLOCK);
	(void)tern_message_unref(part);
	return r;
}

/* A call of the service to its caller, which hears why the link ended. */
static tern_call *
counter_call(tern_bus *from, tern_bus *to)
{
	char id[32];
	tern_message *m;
	tern_call *call;

	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)tern_id(to));
	must_be(tern_message_new_call(from, id, "Never", &m), 0);
	must_be(tern_send(m, TERN_FOREVER, 0, &call), 0);
	(void)tern_message_unref(m);
	turn(from, to);
	return call;
}

enum lie {
	NO_CREDIT,
	TOO_MUCH_CREDIT,
	AFTER_THE_END,
	NO_STREAM,
	N_LIES,
};

static const char *const SAID[N_LIES] = {"had credit for", "more credit", "behind its end", "no stream"};

static void
lie(tern_call *call, enum lie what)
{
	switch (what) {
	case NO_CREDIT:
		call->stream->credit = STREAM_CREDIT_MAX;
		for (uint32_t i = 0; i <= STREAM_WINDOW / STREAM_PART_LEAST; i++) {
			must_be(put_now(call, -1), 0);
			turn(scene.bus, owner);
		}
		break;
	case TOO_MUCH_CREDIT:
		call->stream->owed = UINT32_MAX;
		must_be(put_now(call, -1), 0);
		break;
	case AFTER_THE_END:
		must_be(tern_call_end(call), 0);
		call->stream->ended = false;
		must_be(put_now(call, -1), 0);
		break;
	default:
		must_be(bus_enter(owner), 0);
		must_be(stream_begin(served, STREAM_WINDOW), 0);
		bus_leave(owner);
		must_be(put_now(served, -1), 0);
	}
}

START_TEST(liars_are_hung_up_on)
{
	struct tern_error error = {"", ""};
	tern_bus *server = scene_open();
	tern_service *service = serve_here(server, _i != NO_CREDIT);
	tern_call *call = call_here(scene.bus, _i == NO_STREAM ? 0 : TERN_STREAM);
	tern_call *told = _i == NO_STREAM ? tern_call_ref(call) : counter_call(server, scene.bus);

	lie(call, (enum lie)_i);
	turn(scene.bus, server);
	must_be(tern_call_wait(told, LONG_NS, NULL, &error), -ECONNRESET);
	must(strstr(error.text, SAID[_i]));
	(void)tern_call_unref(told);
	(void)tern_call_unref(call);
	(void)tern_call_unref(served);
	(void)tern_service_free(service);
	(void)tern_close(server);
}
END_TEST

START_TEST(too_many)
{
	static tern_call *calls[STREAMS_MAX + 1];
	struct tern_error error = {"", ""};
	tern_bus *server = scene_open();
	static tern_call *all[STREAMS_MAX];
	tern_service *service = serve_here(server, true);

	for (uint32_t i = 0; i < STREAMS_MAX; i++) {
		served = NULL;
		calls[i] = call_here(scene.bus, TERN_STREAM);
		all[i] = served;
	}
	served = (tern_call *)all; /* none will come */
	calls[STREAMS_MAX] = call_here(scene.bus, TERN_STREAM);
	must_be(tern_call_wait(calls[STREAMS_MAX], LONG_NS, NULL, &error), -EREMOTEIO);
	must(strcmp(error.name, "tern.TooManyStreams") == 0);
	must_be(tern_reply(all[7], NULL), 0); /* one less */
	served = NULL;
	(void)tern_call_unref(calls[STREAMS_MAX]);
	calls[STREAMS_MAX] = call_here(scene.bus, TERN_STREAM);
	(void)tern_call_unref(served);
	for (uint32_t i = 0; i <= STREAMS_MAX; i++)
		(void)tern_call_unref(calls[i]);
	for (uint32_t i = 0; i < STREAMS_MAX; i++)
		(void)tern_call_unref(all[i]);
	(void)tern_service_free(service);
	(void)tern_close(server);
}
END_TEST

/* A name that moves before the call arrives takes the stream with it, and nothing of it gets lost. */
START_TEST(bounced)
{
	tern_bus *first = scene_open(), *second = scene_open();
	tern_service *service = serve_here(first, true);
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(scene.bus, SERVICE, "Serve", &m), 0);
	turn(scene.bus, first);
	(void)tern_service_free(service);
	service = serve_here(second, true);
	must_be(tern_send(m, TERN_FOREVER, TERN_STREAM, &call), 0);
	(void)tern_message_unref(m);
	must_be(put_now(call, -1), -EAGAIN); /* not before it is taken */
	while (!served) {
		turn(scene.bus, first);
		turn(scene.bus, second);
	}
	turn(scene.bus, second);
	for (int i = 0; i < 10; i++)
		must_be(put_now(call, -1), 0);
	must_be(tern_call_end(call), 0);
	turn(scene.bus, second);
	must_be(n_parts, 10);
	must_be(n_ends, 1);
	must_be(tern_reply(served, "u", UINT64_C(3)), 0);
	must_be(flow_answer(call), 3);
	(void)tern_call_unref(served);
	(void)tern_service_free(service);
	(void)tern_close(first);
	(void)tern_close(second);
}
END_TEST

/* --- to oneself --- */

START_TEST(to_oneself)
{
	tern_service *service = serve_here(scene.bus, true);
	tern_call *call = call_here(scene.bus, TERN_STREAM);
	uint32_t n = 0;
	int fds[2];

	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(put_now(call, fds[1]), 0);
	while (put_now(call, -1) == 0)
		n++;
	must_be(n + 1, STREAM_WINDOW / STREAM_PART_LEAST);
	turn(scene.bus, scene.bus);
	must_be(n_parts, n + 1);
	must(last_fd >= 0);
	(void)close(last_fd);
	must_be(put_now(call, -1), 0);
	must_be(tern_call_end(call), 0);
	for (uint64_t i = 0; i < 100; i++)
		must_be(put_now(served, -1), 0);
	turn(scene.bus, scene.bus);
	must_be(n_ends, 1);
	must_be(tern_reply(served, "u", UINT64_C(7)), 0);
	must_be(put_now(served, -1), -EALREADY);
	for (uint64_t i = 0; i < 100; i++)
		must_be(tern_call_wait(call, TERN_DEFAULT, NULL, NULL), 0);
	must_be(flow_answer(call), 7);
	(void)tern_call_unref(served);
	served = NULL;
	call = call_here(scene.bus, TERN_STREAM);
	must_be(put_now(served, -1), 0);
	(void)tern_call_unref(call);
	turn(scene.bus, scene.bus);
	must_be(n_cancels, 1);
	must_be(put_now(served, -1), -ECANCELED);
	(void)tern_call_unref(served);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)tern_service_free(service);
}
END_TEST

/* Parts that wait to be read have descriptors, which a forked child must not keep. */
START_TEST(forked)
{
	tern_bus *server = scene_open();
	tern_service *service = serve_here(server, true);
	tern_call *call = call_here(scene.bus, TERN_STREAM);
	struct pollfd ready = {.events = POLLIN};
	int fds[2], status;
	pid_t pid;

	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(put_now(served, fds[1]), 0);
	(void)close(fds[1]);
	turn(scene.bus, server);
	pid = fork();
	if (pid == 0) {
		must_be(tern_call_wait(call, TERN_DEFAULT, NULL, NULL), -ECHILD);
		must_be(tern_call_put(call, NULL), -ECHILD);
		must_be(tern_call_cancel(call), -ECHILD);
		(void)tern_call_unref(call);
		(void)pause();
		_exit(0);
	}
	must_be(tern_call_wait(call, TERN_DEFAULT, NULL, NULL), 0);
	ready.fd = fds[0];
	must_be(poll(&ready, 1, 60000), 1); /* nobody has the other end any more */
	must(ready.revents & POLLHUP);
	must_be(waitpid(pid, &status, WNOHANG), 0);
	must_be(kill(pid, SIGKILL), 0);
	must_be(waitpid(pid, &status, 0), pid);
	(void)close(fds[0]);
	(void)tern_call_unref(call);
	(void)tern_call_unref(served);
	(void)tern_service_free(service);
	(void)tern_close(server);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("streams_ends");
	TCase *tcase = tcase_create("streams_ends");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_loop_test(tcase, caller_ends, 0, N_STATES);
	tcase_add_test(tcase, parts_outlive_the_caller);
	tcase_add_loop_test(tcase, both_wait, 0, 3);
	tcase_add_test(tcase, parts_outlive_the_service);
	tcase_add_test(tcase, answered_while_putting);
	tcase_add_loop_test(tcase, liars_are_hung_up_on, 0, N_LIES);
	tcase_add_test(tcase, too_many);
	tcase_add_test(tcase, bounced);
	tcase_add_test(tcase, to_oneself);
	tcase_add_test(tcase, forked);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
