/* SPDX-License-Identifier: MIT */

/*
 * cancel: pthread_cancel() while a thread is anywhere in the library
 *
 * No function of it is a cancellation point, nor is a handler that it runs: what was begun is finished, nothing stays
 * locked, and the thread ends where the program itself comes by such a point.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"

enum {
	N_CANCELS = 20, /* of each kind of work */
	N_CANCELS_LONG = 2000,
	MAX_PAUSE_US = 2000,
	/* words */
	READY = 0,
	DONE = 1,
};

static const char *const tags[] = {"cancel", NULL};

/* What threads do over and over, each time to its end. */
struct work {
	struct ground *ground;
	tern_bus *bus;
	tern_topic *topic;
	void (*once)(struct work *);
	_Atomic uint32_t n_begun, n_done;
	bool is_inside; /* of the library */
};

/* --- the other end --- */

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	(void)usleep(100); /* the caller sleeps meanwhile */
	return tern_reply(call, "u", number);
}

static const struct tern_method methods[] = {{"Echo", method_echo}};

static void
serve(void *user)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_WAIT};
	struct ground *ground = user;
	tern_subscription *s;
	tern_service *service;
	tern_bus *bus = ground_server(ground, methods, ARRAY_SIZE(methods), NULL, &service);

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	tell(&ground->words[READY]);
	while (!load_acq(&ground->words[DONE])) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, SHORT_NS, &event) % ETIME, 0);
		let_go(&event);
	}
	(void)tern_subscription_free(s); /* always NULL, as the next */
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

/* --- work --- */

static void
call(struct work *w)
{
	must_be(tern_call_sync(w->bus, LINKS_SERVICE, "Echo", NULL, NULL, "u", UINT64_C(1)), 0);
}

static void
send_and_wait(struct work *w)
{
	tern_message *m;
	tern_call *sent;

	must_be(tern_message_new_call(w->bus, LINKS_SERVICE, "Echo", &m), 0);
	must_be(tern_message_pack(m, "u", UINT64_C(2)), 0);
	must_be(tern_send(m, LONG_NS, 0, &sent), 0);
	must_be(tern_call_wait(sent, LONG_NS, NULL, NULL), 0);
	(void)tern_call_unref(sent); /* always NULL, as the next */
	(void)tern_message_unref(m);
}

static void
publish(struct work *w)
{
	static const uint8_t bytes[1500];

	for (int i = 0; i < 64; i++)
		must_be(tern_publish(w->topic, "y", bytes, sizeof(bytes)), 0); /* waits for room */
}

static void
look(struct work *w)
{
	struct tern_event event = {.size = sizeof(event)};
	int r = tern_next(w->bus, 500000, &event);

	must(r == 0 || r == -ETIME);
	let_go(&event);
}

static void
come_and_go(struct work *w)
{
	tern_bus *brief;

	must_be(tern_open(w->ground->place.address, &brief), 0);
	must_be(tern_call_sync(brief, LINKS_SERVICE, "Echo", NULL, NULL, "u", UINT64_C(3)), 0);
	(void)tern_close(brief); /* always NULL */
}

static void
ask_ternd(struct work *w)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *s;

	must_be(tern_own(w->bus, "org.example.Cancelled", 0, NULL), 0);
	must_be(tern_subscribe(w->bus, &rule, NULL, NULL, &s), 0);
	(void)tern_subscription_free(s); /* always NULL */
	must_be(tern_disown(w->bus, "org.example.Cancelled"), 0);
}

/* on_pipe() - a handler that comes by a cancellation point */
static void
on_pipe(tern_watch *watch, uint32_t ready, void *user)
{
	(void)usleep(50);
}

static void
handle(struct work *w)
{
	struct tern_event event = {.size = sizeof(event)};
	tern_watch *watch;
	int fds[2], state;

	must_be(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state), 0); /* the pipe is the test's own */
	must_be(pipe2(fds, O_CLOEXEC), 0);
	must(write(fds[1], "x", 1) == 1);
	must_be(pthread_setcancelstate(state, NULL), 0);
	must_be(tern_watch_fd(w->bus, fds[0], POLLIN, on_pipe, NULL, &watch), 0);
	must_be(tern_next(w->bus, 1000000, &event), -ETIME);
	(void)tern_watch_free(watch); /* always NULL */
	(void)fd_close(fds[0]);	      /* no cancellation point, as close() is */
	(void)fd_close(fds[1]);
}

static void (*const works[])(struct work *) = {call, send_and_wait, publish, look, come_and_go, ask_ternd, handle};

/* ended() - the thread was cancelled; here, and nowhere else */
static void
ended(void *user)
{
	must(!((struct work *)user)->is_inside);
}

static void *
work_on(void *user)
{
	struct work *w = user;

	pthread_cleanup_push(ended, w);
	for (;;) {
		w->is_inside = true;
		tell(&w->n_begun);
		w->once(w);
		tell(&w->n_done);
		w->is_inside = false;
		pthread_testcancel();
	}
	pthread_cleanup_pop(0);
}

static void
cancel_one(struct work *w, unsigned int pause_us)
{
	pthread_t thread;
	void *result;

	must_be(pthread_create(&thread, NULL, work_on, w), 0);
	(void)usleep(pause_us); /* anywhere */
	must_be(pthread_cancel(thread), 0);
	must_be(pthread_join(thread, &result), 0);
	must(result == PTHREAD_CANCELED);
	must_be(load_acq(&w->n_begun), load_acq(&w->n_done));
}

START_TEST(anywhere)
{
	unsigned int n = is_long() ? N_CANCELS_LONG : N_CANCELS;
	struct ground ground;
	struct work w = {.ground = &ground, .once = works[_i]};
	pid_t pid;

	must(ground_begin(&ground, BY_BUS));
	pid = ground_child(&ground, serve);
	wait_for(&ground.words[READY], 1);
	w.bus = ground_client(&ground);
	must_be(tern_set_option(w.bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(tern_set_option(w.bus, TERN_OPT_SPIN, 0), 0);
	must_be(tern_topic_new(w.bus, tags, &w.topic), 0);
	for (unsigned int i = 0; i < n; i++)
		cancel_one(&w, i * MAX_PAUSE_US / n);
	must(w.n_done >= n);
	call(&w); /* others go on */
	publish(&w);
	ask_ternd(&w);
	(void)tern_topic_free(w.topic); /* always NULL, as the next */
	(void)tern_close(w.bus);
	tell(&ground.words[DONE]);
	child_end(pid);
	ground_end(&ground);
}
END_TEST

/* Two that wait for answers, one of them the leader: the other is not left alone, and what was asked for comes later. */
START_TEST(who_waits)
{
	struct ground ground;
	struct work w = {.ground = &ground, .once = call};
	struct work other = {.ground = &ground, .once = send_and_wait};
	pid_t pid;

	must(ground_begin(&ground, BY_BUS));
	pid = ground_child(&ground, serve);
	wait_for(&ground.words[READY], 1);
	w.bus = other.bus = ground_client(&ground);
	for (unsigned int i = 0; i < N_CANCELS; i++) {
		pthread_t thread;

		must_be(pthread_create(&thread, NULL, work_on, &other), 0);
		cancel_one(&w, i * 50);
		must_be(pthread_cancel(thread), 0);
		must_be(pthread_join(thread, NULL), 0);
		must_be(load_acq(&other.n_begun), load_acq(&other.n_done));
	}
	call(&w);
	(void)tern_close(w.bus); /* always NULL */
	tell(&ground.words[DONE]);
	child_end(pid);
	ground_end(&ground);
}
END_TEST

static Suite *
cancel_suite(void)
{
	Suite *suite = suite_create("cancel");
	TCase *tcase = tcase_create("cancel");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, is_long() ? 1200 : 120);
	tcase_add_loop_test(tcase, anywhere, 0, (int)ARRAY_SIZE(works));
	tcase_add_test(tcase, who_waits);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(cancel_suite());
}
