/* SPDX-License-Identifier: MIT */

/*
 * watch: the program's own descriptors in the loop; switches between two of them; tern_wake()
 *
 * No partner is needed for any of this: a listening handle that nobody dials has the loop.
 */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"

enum {
	N_SWITCHED = 4u << 20, /* more than all buffers in between */
	N_TURNS = 200,         /* for next to nothing: a loop that spins is over that at once */
	N_WATCH_RACES = 2000,
};

static struct ground ground;
static tern_bus *bus;

static void
setup(void)
{
	fixture_setup();
	must(ground_begin(&ground, BY_DIAL));
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
}

static void
teardown(void)
{
	bus = tern_close(bus);
	ground_end(&ground);
	fixture_teardown();
}

/* turn() - let handlers run, so long; nothing comes out that has none */
static void
turn(uint64_t timeout)
{
	struct tern_event event = {.size = sizeof(event)};

	must_be(tern_next(bus, timeout, &event), -ETIME);
}

/* --- watches --- */

struct seen {
	uint32_t ready;
	uint64_t n;
	bool free_it;
	int fd; /* >= 0: read what is there */
};

static void
note(tern_watch *watch, uint32_t ready, void *user)
{
	struct seen *seen = user;
	char byte;

	seen->ready = ready;
	seen->n++;
	if (seen->fd >= 0)
		must_be(read(seen->fd, &byte, 1), 1);
	if (seen->free_it)
		must(tern_watch_free(watch) == NULL);
}

START_TEST(readable_with_a_handler)
{
	struct seen seen = {0};
	tern_watch *watch;
	int fds[2];

	must_be(_i ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) : pipe2(fds, O_CLOEXEC), 0);
	seen.fd = fds[0];
	must_be(tern_watch_fd(bus, fds[0], POLLIN, note, &seen, &watch), 0);
	turn(SHORT_NS);
	must_be(seen.n, 0);
	must_be(write(fds[1], "abc", 3), 3);
	while (seen.n < 3) /* level-triggered: told as long as something is there */
		turn(SHORT_NS);
	must_be(seen.ready, POLLIN);
	turn(SHORT_NS);
	must_be(seen.n, 3);
	seen.fd = -1;
	seen.free_it = true; /* in its own handler */
	must_be(close(fds[1]), 0);
	while (seen.n < 4)
		turn(SHORT_NS);
	must(seen.ready & POLLHUP);
	turn(SHORT_NS);
	must_be(seen.n, 4);
	must_be(close(fds[0]), 0);
}
END_TEST

START_TEST(writable_and_hang_up_from_next)
{
	struct tern_event event = {.size = sizeof(event)};
	char bytes[4096] = {0};
	tern_watch *watch;
	int fds[2];

	must_be(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	while (write(fds[0], bytes, sizeof(bytes)) > 0)
		;
	must_be(tern_watch_fd(bus, fds[0], POLLIN | POLLOUT, NULL, NULL, &watch), 0);
	turn(SHORT_NS);
	while (read(fds[1], bytes, sizeof(bytes)) > 0)
		;
	must_be(tern_next(bus, LONG_NS, &event), 0);
	must_be(event.kind, TERN_FD);
	must(event.watch == watch);
	must_be(event.ready, POLLOUT);
	must_be(close(fds[1]), 0);
	do {
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
		must_be(event.kind, TERN_FD);
	} while (!(event.ready & POLLHUP));
	must(event.ready & POLLIN); /* of an end, too */
	(void)tern_watch_free(watch);
	turn(SHORT_NS);
	must_be(close(fds[0]), 0);
}
END_TEST

START_TEST(readable_under_poll)
{
	struct seen seen = {0};
	struct pollfd pollfd = {.events = POLLIN};
	tern_watch *watch;
	int fds[2];

	must_be(pipe2(fds, O_CLOEXEC), 0);
	seen.fd = fds[0];
	pollfd.fd = tern_fd(bus);
	must_be(tern_watch_fd(bus, fds[0], POLLIN, note, &seen, &watch), 0);
	must_be(tern_set_option(bus, TERN_OPT_BUDGET, 1), 0);
	while (tern_process(bus) > 0)
		;
	must_be(poll(&pollfd, 1, 0), 0);
	must_be(write(fds[1], "abc", 3), 3);
	while (seen.n < 3) {
		must_be(poll(&pollfd, 1, (int)(LONG_NS / NSEC_PER_MSEC)), 1);
		must(tern_process(bus) >= 0);
	}
	while (tern_process(bus) > 0)
		;
	must_be(poll(&pollfd, 1, 0), 0);
	(void)tern_watch_free(watch);
	must_be(close(fds[0]) | close(fds[1]), 0);
}
END_TEST

START_TEST(what_cannot_be_watched)
{
	tern_watch *watch;
	int fds[2], folder = open("/", O_RDONLY | O_CLOEXEC);

	must(folder >= 0);
	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(tern_watch_fd(bus, fds[0], POLLIN | POLLPRI, note, NULL, &watch), -EINVAL);
	must_be(tern_watch_fd(bus, -1, POLLIN, note, NULL, &watch), -EBADF);
	must_be(tern_watch_fd(bus, folder, POLLIN, note, NULL, &watch), -EPERM); /* always ready */
	must_be(close(folder) | close(fds[0]) | close(fds[1]), 0);
}
END_TEST

/* --- a watch that goes while another thread is told of it --- */

static _Atomic uint32_t stop;

static void *
loop(void *user)
{
	struct tern_event event = {.size = sizeof(event)};

	while (!load_acq(&stop))
		must_be(tern_next(bus, LONG_NS, &event), -EINTR);
	return NULL;
}

static void
note_only(tern_watch *watch, uint32_t ready, void *user)
{
	(void)add_rlx((_Atomic uint32_t *)user, 1); /* counted, no more */
}

START_TEST(freed_while_it_is_ready)
{
	static _Atomic uint32_t n;
	pthread_t thread;
	int fds[2];

	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(write(fds[1], "x", 1), 1); /* ready from the start */
	must_be(pthread_create(&thread, NULL, loop, NULL), 0);
	for (int i = 0; i < N_WATCH_RACES; i++) {
		tern_watch *watch;

		must_be(tern_watch_fd(bus, fds[0], POLLIN, note_only, &n, &watch), 0);
		if (i % 2) {
			uint32_t before = load_rlx(&n);

			while (load_rlx(&n) == before)
				;
		}
		(void)tern_watch_free(watch);
	}
	store_rel(&stop, 1);
	must_be(tern_wake(bus), 0);
	must_be(pthread_join(thread, NULL), 0);
	must_be(close(fds[0]) | close(fds[1]), 0);
}
END_TEST

/* --- switches --- */

struct bridge {
	int near[2], far[2]; /* the program's ends; the switch has [1] of each */
	tern_watch *watch;
	int n_ended, result;
	uint64_t passed[2];
	bool free_it;
};

static ssize_t
upper(void *user, void *buf, size_t n)
{
	struct bridge *bridge = user;

	bridge->passed[0] += n;
	for (size_t i = 0; i < n; i++)
		if (((char *)buf)[i] >= 'a' && ((char *)buf)[i] <= 'z')
			((char *)buf)[i] -= 'a' - 'A';
	return (ssize_t)n;
}

/* without_x() - swallows some */
static ssize_t
without_x(void *user, void *buf, size_t n)
{
	struct bridge *bridge = user;
	char *bytes = buf;
	size_t kept = 0;

	bridge->passed[1] += n;
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 'x')
			bytes[kept++] = bytes[i];
	if (bridge->free_it)
		bridge->watch = tern_watch_free(bridge->watch);
	return (ssize_t)kept;
}

static ssize_t
refuse(void *user, void *buf, size_t n)
{
	return -EPROTO;
}

static void
ended(void *user, int result)
{
	struct bridge *bridge = user;

	bridge->n_ended++;
	bridge->result = result;
}

static void
bridge_begin(struct bridge *bridge, tern_switch_fn *there, tern_switch_fn *back)
{
	*bridge = (struct bridge){0};
	must_be(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, bridge->near), 0);
	must_be(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, bridge->far), 0);
	must_be(tern_switch(bus, bridge->near[1], bridge->far[1], there, back, ended, bridge, &bridge->watch), 0);
}

static void
bridge_end(struct bridge *bridge)
{
	bridge->watch = tern_watch_free(bridge->watch);
	for (int i = 0; i < 2; i++) {
		if (bridge->near[i] >= 0)
			must_be(close(bridge->near[i]), 0);
		if (bridge->far[i] >= 0)
			must_be(close(bridge->far[i]), 0);
	}
}

/* expect() - these bytes arrive at fd */
static void
expect(int fd, const char *text)
{
	size_t n = 0, size = strlen(text);
	char bytes[64];

	for (int i = 0; n < size; i++) {
		ssize_t got = read(fd, bytes + n, sizeof(bytes) - n);

		must(got != 0);
		n += got > 0 ? (size_t)got : 0;
		if (got < 0)
			turn(SHORT_NS);
		must(i < N_TURNS);
	}
	must_be(n, size);
	must(memcmp(bytes, text, size) == 0);
}

START_TEST(both_ways_changed)
{
	struct bridge bridge;

	bridge_begin(&bridge, upper, without_x);
	must_be(write(bridge.near[0], "there", 5), 5);
	expect(bridge.far[0], "THERE");
	must_be(write(bridge.far[0], "xbaxckx", 7), 7);
	expect(bridge.near[0], "back");
	must_be(write(bridge.far[0], "xxx", 3), 3); /* nothing of it is left: no end-of-file */
	turn(SHORT_NS);
	must_be(write(bridge.far[0], "more", 4), 4);
	expect(bridge.near[0], "more");
	must_be(bridge.n_ended, 0);
	bridge_end(&bridge);
	must_be(bridge.n_ended, 0); /* it was freed first */
}
END_TEST

START_TEST(half_closed_then_closed)
{
	struct bridge bridge;
	char byte;

	bridge_begin(&bridge, NULL, NULL);
	must_be(write(bridge.near[0], "last", 4), 4);
	must_be(shutdown(bridge.near[0], SHUT_WR), 0);
	expect(bridge.far[0], "last");
	turn(SHORT_NS);
	must_be(read(bridge.far[0], &byte, 1), 0); /* the end went through */
	must_be(write(bridge.far[0], "still", 5), 5);
	expect(bridge.near[0], "still"); /* the other way is open */
	must_be(bridge.n_ended, 0);
	must_be(shutdown(bridge.far[0], SHUT_WR), 0);
	turn(SHORT_NS);
	must_be(read(bridge.near[0], &byte, 1), 0);
	must_be(bridge.n_ended, 1);
	must_be(bridge.result, 0);
	bridge_end(&bridge);
	must_be(bridge.n_ended, 1);
}
END_TEST

/* A slow reader: no more is read than can be passed on, nothing is lost, and the loop is not kept busy. */
START_TEST(slow_reader)
{
	static char out[65536], in[65536];
	uint64_t sent = 0, got = 0, stuck = 0;
	struct bridge bridge;

	bridge_begin(&bridge, upper, NULL);
	memset(out, 'q', sizeof(out));
	while (stuck < 3) { /* nobody reads: it fills up */
		ssize_t n = write(bridge.near[0], out, sizeof(out));

		sent += n > 0 ? (uint64_t)n : 0;
		stuck += n < 0;
		turn(1);
	}
	must(sent < N_SWITCHED);
	turn(SHORT_NS);
	while (got < N_SWITCHED) {
		ssize_t n = MIN(sizeof(out), N_SWITCHED - sent);

		n = n ? write(bridge.near[0], out, (size_t)n) : 0;
		sent += n > 0 ? (uint64_t)n : 0;
		n = read(bridge.far[0], in, sizeof(in));
		for (ssize_t i = 0; i < n; i++)
			must_be(in[i], 'Q');
		got += n > 0 ? (uint64_t)n : 0;
		turn(1);
	}
	must_be(bridge.passed[0], N_SWITCHED);
	must_be(read(bridge.far[0], in, 1), -1);
	bridge_end(&bridge);
}
END_TEST

/* One side hung up for good and the other lingers: that is no reason to spin. */
START_TEST(hung_up_on_one_side)
{
	struct pollfd pollfd = {.events = POLLIN};
	struct bridge bridge;
	int n = 0;

	bridge_begin(&bridge, NULL, NULL);
	pollfd.fd = tern_fd(bus);
	must_be(close(bridge.near[0]), 0);
	bridge.near[0] = -1;
	while (poll(&pollfd, 1, (int)(SHORT_NS / NSEC_PER_MSEC)) == 1) {
		must(tern_process(bus) >= 0);
		must(++n < N_TURNS);
	}
	must_be(bridge.n_ended, 0);
	if (_i) {
		must_be(shutdown(bridge.far[0], SHUT_WR), 0);
	} else {
		must_be(write(bridge.far[0], "to nobody", 9), 9);
	}
	while (bridge.n_ended == 0)
		turn(SHORT_NS);
	must_be(bridge.result, _i ? 0 : -EPIPE);
	bridge_end(&bridge);
}
END_TEST

START_TEST(ended_by_the_program)
{
	struct bridge bridge;

	bridge_begin(&bridge, refuse, without_x);
	must_be(write(bridge.near[0], "no", 2), 2);
	while (bridge.n_ended == 0)
		turn(SHORT_NS);
	must_be(bridge.result, -EPROTO);
	bridge_end(&bridge);
	must_be(bridge.n_ended, 1);

	bridge_begin(&bridge, NULL, without_x);
	bridge.free_it = true; /* in the middle of it */
	must_be(write(bridge.far[0], "y", 1), 1);
	while (bridge.watch)
		turn(SHORT_NS);
	turn(SHORT_NS);
	must_be(bridge.n_ended, 0);
	bridge_end(&bridge);
}
END_TEST

/* Bytes that come back for ever do not keep the others out. */
START_TEST(endless_switch_lets_others_in)
{
	struct seen seen = {.fd = -1};
	tern_watch *endless, *watch;
	int fds[2], pair[2];

	must_be(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(write(pair[0], "round and round", 15), 15);
	must_be(write(pair[1], "and round", 9), 9);
	/* both ends of one pair: what is read at one is written to the other, and comes back */
	must_be(tern_switch(bus, pair[0], pair[1], NULL, NULL, NULL, NULL, &endless), 0);
	must_be(tern_watch_fd(bus, fds[1], POLLOUT, note, &seen, &watch), 0);
	while (seen.n < 3)
		turn(SHORT_NS / 50);
	(void)tern_watch_free(endless);
	(void)tern_watch_free(watch);
	must_be(close(fds[0]) | close(fds[1]) | close(pair[0]) | close(pair[1]), 0);
}
END_TEST

/* --- tern_wake() --- */

static tern_bus *to_wake;

static void
wake_by_signal(int number)
{
	(void)tern_wake(to_wake); /* async-signal-safe, as promised */
}

static void *
wake_soon(void *user)
{
	wait_for(user, 1);
	must_be(tern_wake(bus), 0);
	return NULL;
}

START_TEST(woken_by_a_thread)
{
	struct tern_event event = {.size = sizeof(event)};
	pthread_t thread;

	must_be(tern_set_option(bus, TERN_OPT_SPIN, _i == 2 ? TERN_FOREVER : 0), 0);
	must_be(pthread_create(&thread, NULL, wake_soon, &ground.words[0]), 0);
	tell(&ground.words[0]);
	must_be(tern_next(bus, LONG_NS, &event), -EINTR); /* whether it slept already or not yet */
	must_be(pthread_join(thread, NULL), 0);
	turn(1); /* once */
	must_be(tern_set_option(bus, TERN_OPT_SPIN, 0), 0);
}
END_TEST

static void
raise_soon(void *user)
{
	int status;

	do { /* until the parent sleeps, as far as one can see: it does not matter when */
		char state[64] = "", path[64];
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/wchan", getppid());
		file = fopen(path, "re");
		status = file && fgets(state, sizeof(state), file) && strstr(state, "poll");
		if (file)
			(void)fclose(file);
		(void)usleep(200);
	} while (!status && --((uint64_t *)user)[0]);
	must_be(kill(getppid(), SIGUSR1), 0);
}

START_TEST(woken_by_a_signal)
{
	struct sigaction action = {.sa_handler = wake_by_signal}, before;
	struct tern_event event = {.size = sizeof(event)};
	uint64_t tries = 1000;
	pid_t child;

	to_wake = bus;
	must_be(sigaction(SIGUSR1, &action, &before), 0);
	must_be(raise(SIGUSR1), 0); /* before it sleeps: remembered */
	must_be(tern_next(bus, LONG_NS, &event), -EINTR);
	child = child_start(raise_soon, &tries);
	must_be(tern_next(bus, LONG_NS, &event), -EINTR);
	child_end(child);
	must_be(sigaction(SIGUSR1, &before, NULL), 0);
}
END_TEST

/* stop_and_raise() - what wakes the parent and what it watches are there when it runs on */
static void
stop_and_raise(void *user)
{
	int fd = *(int *)user;

	must_be(kill(getppid(), SIGSTOP), 0);
	must_be(kill(getppid(), SIGUSR1), 0);
	must_be(write(fd, "x", 1), 1);
	must_be(kill(getppid(), SIGCONT), 0);
}

START_TEST(woken_while_something_came)
{
	struct sigaction action = {.sa_handler = wake_by_signal}, before;
	struct tern_event event = {.size = sizeof(event)};
	tern_watch *watch;
	pid_t child;
	int fds[2];
	char byte;

	to_wake = bus;
	must_be(sigaction(SIGUSR1, &action, &before), 0);
	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(tern_watch_fd(bus, fds[0], POLLIN, NULL, NULL, &watch), 0);
	for (int i = 0; i < 20; i++) {
		bool was_ready = false, was_woken = false;

		child = child_start(stop_and_raise, &fds[1]);
		while (!was_ready || !was_woken) { /* in either order, neither is lost */
			int r = tern_next(bus, LONG_NS, &event);

			must(r == 0 || r == -EINTR);
			was_woken |= r == -EINTR;
			if (r == 0 && event.kind == TERN_FD && !was_ready)
				was_ready = read(fds[0], &byte, 1) == 1;
		}
		child_end(child);
	}
	(void)tern_watch_free(watch);
	must_be(close(fds[0]) | close(fds[1]), 0);
	must_be(sigaction(SIGUSR1, &before, NULL), 0);
}
END_TEST

/* A signal without tern_wake() is none of tern_next()'s business. */
static void
ignore(int number)
{
}

START_TEST(other_signals_do_not_end_a_wait)
{
	struct sigaction action = {.sa_handler = ignore}, before;
	uint64_t tries = 1000;
	pid_t child;

	must_be(sigaction(SIGUSR1, &action, &before), 0);
	child = child_start(raise_soon, &tries);
	turn(10 * SHORT_NS);
	child_end(child);
	must_be(sigaction(SIGUSR1, &before, NULL), 0);
}
END_TEST

static Suite *
watch_suite(void)
{
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, readable_with_a_handler, 0, 2);
	tcase_add_test(tcase, writable_and_hang_up_from_next);
	tcase_add_test(tcase, readable_under_poll);
	tcase_add_test(tcase, what_cannot_be_watched);
	tcase_add_test(tcase, freed_while_it_is_ready);
	tcase_add_test(tcase, both_ways_changed);
	tcase_add_test(tcase, half_closed_then_closed);
	tcase_add_test(tcase, slow_reader);
	tcase_add_loop_test(tcase, hung_up_on_one_side, 0, 2);
	tcase_add_test(tcase, ended_by_the_program);
	tcase_add_test(tcase, endless_switch_lets_others_in);
	tcase_add_loop_test(tcase, woken_by_a_thread, 0, 3);
	tcase_add_test(tcase, woken_by_a_signal);
	tcase_add_test(tcase, woken_while_something_came);
	tcase_add_test(tcase, other_signals_do_not_end_a_wait);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(watch_suite());
}
