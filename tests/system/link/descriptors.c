/* SPDX-License-Identifier: MIT */

/*
 * link-descriptors: they come with the message that names them, and none is left anywhere
 *
 * Each descriptor is the reading end of a pipe in which stands whose it is. The fixture counts
 * what the test has open at the end; children count for themselves.
 */

#include "links.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/attribute.h"
#include "base/hook.h"

static unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	must(dir != NULL);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void
attach_pipe(tern_message *m, uint64_t says)
{
	int fds[2];

	must_be(pipe2(fds, O_CLOEXEC), 0);
	must_be(write(fds[1], &says, sizeof(says)), sizeof(says));
	must(tern_message_attach(m, fds[0]) >= 0);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

static void
check_pipe(int fd, uint64_t says)
{
	uint64_t said;

	must(fd >= 0);
	must_be(fcntl(fd, F_GETFD), FD_CLOEXEC);
	must_be(read(fd, &said, sizeof(said)), sizeof(said));
	must_be(said, says);
	must_be(read(fd, &said, 1), 0); /* nobody else holds the writing end */
}

/* --- with the right message --- */

enum {
	N_CALLS = 150,
};

static size_t
n_with(uint64_t i)
{
	return i * 5 % (TERN_MAX_FDS + 1);
}

static void
call_with_fds(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	unsigned int n_before = 0;

	for (uint64_t i = 0; i < N_CALLS; i++) {
		tern_message *m, *reply;
		tern_call *call;

		must_be(tern_message_new_call(bus, ground_service(ground), "Check", &m), 0);
		for (size_t k = 0; k < n_with(i); k++)
			attach_pipe(m, i * 100 + k);
		if (n_with(i) == TERN_MAX_FDS)
			must_be(tern_message_attach(m, 0), -E2BIG);
		else
			must_be(tern_message_attach(m, 9999), -EBADF);
		must_be(tern_message_set_trace(m, i), 0);
		must_be(tern_send(m, TERN_DEFAULT, 0, &call), 0);
		must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
		for (size_t k = 0; k < n_with(i); k++)
			check_pipe(tern_message_fd(reply, k), i * 100 + 50 + k);
		must_be(tern_message_fd(reply, n_with(i)), -ENOENT);
		(void)tern_message_unref(reply); /* always NULL, as here all the next */
		(void)tern_call_unref(call);
		(void)tern_message_unref(m);
		n_before = i == 1 ? count_fds() : n_before; /* the second looks its service up: one table less to keep */
	}
	must_be(count_fds(), n_before);
	(void)tern_close(bus);
}

static int
check(tern_call *call, tern_message *m, void *user)
{
	uint64_t i = tern_message_trace(m);
	tern_message *reply;

	must_be(tern_message_new_reply(call, &reply), 0);
	for (size_t k = 0; k < n_with(i); k++) {
		if (i % 3) /* every third is not looked at */
			check_pipe(tern_message_fd(m, k), i * 100 + k);
		attach_pipe(reply, i * 100 + 50 + k);
	}
	must_be(tern_message_fd(m, n_with(i)), -ENOENT);
	must_be(tern_reply_message(reply), 0);
	(void)tern_message_unref(reply);
	return 0;
}

START_TEST(they_come_with_their_message)
{
	static const struct tern_method methods[] = {{"Check", check}};
	struct ground ground;
	struct tern_event event;
	tern_service *service;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 1, NULL, &service);
	pid = ground_child(&ground, call_with_fds);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- many at once, faster than they are taken --- */

static const char *const TAGS[] = {"link", "descriptors", NULL};

enum {
	N_BURST = 1200, /* messages with one descriptor; with sixteen an eighth of them */
	FULL = 0,	/* words: the child has no room left */
	SUBSCRIBED = 1,
	CHECKED = 2,
	EACH = 0, /* numbers: descriptors a message */
};

static uint64_t
n_burst(const struct ground *ground)
{
	return ground->numbers[EACH] == 1 ? N_BURST : N_BURST / 8;
}

/* burst_one() - a call or an event, by turns. Return: 0, or -EAGAIN with TERN_NONBLOCK. */
static int
burst_one(struct ground *ground, tern_bus *bus, tern_topic *topic, uint64_t i, uint32_t flags)
{
	tern_message *m;
	int r;

	if (i % 2)
		must_be(tern_message_new_event(topic, &m), 0);
	else
		must_be(tern_message_new_call(bus, ground_service(ground), "Burst", &m), 0);
	for (size_t k = 0; k < ground->numbers[EACH]; k++)
		attach_pipe(m, i * 100 + k);
	r = i % 2 ? tern_publish_message(m, flags)
		  : tern_send(m, TERN_DEFAULT, TERN_NO_REPLY | flags, NULL);
	(void)tern_message_unref(m); /* always NULL */
	return r;
}

static void
burst(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;
	bool full = false;

	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	must_be(tern_call_sync(bus, ground_service(ground), "Hello", NULL, NULL, NULL), 0);
	for (uint64_t i = 0; i < n_burst(ground); i++) {
		int r = burst_one(ground, bus, topic, i, full ? 0 : TERN_NONBLOCK);

		if (r == -EAGAIN) {
			must(!full);
			must(i > 2);
			full = true;
			tell(&ground->words[FULL]);
			r = burst_one(ground, bus, topic, i, 0);
		}
		must_be(r, 0);
	}
	must(full);
	(void)tern_topic_free(topic); /* always NULL */
	(void)tern_close(bus);
}

struct bursts {
	struct ground *ground;
	uint64_t n;
};

static int
hello(tern_call *call, tern_message *m, void *user)
{
	struct bursts *bursts = user;

	must_be(tern_reply(call, NULL), 0);
	wait_for(&bursts->ground->words[FULL], 1); /* nothing is taken in meanwhile */
	return 0;
}

static void
burst_came(struct bursts *bursts, tern_message *m)
{
	must(m != NULL); /* no gap */
	for (size_t k = 0; k < bursts->ground->numbers[EACH]; k++)
		check_pipe(tern_message_fd(m, k), bursts->n * 100 + k);
	bursts->n++;
}

static int
burst_call(tern_call *call, tern_message *m, void *user)
{
	burst_came(user, m);
	return 0;
}

static void
burst_event(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	burst_came(user, m);
}

static void
take_bursts(struct bursts *bursts)
{
	static const struct tern_method methods[] = {{"Hello", hello}, {"Burst", burst_call}};
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	struct ground *ground = bursts->ground;
	struct tern_event event;
	tern_subscription *subscription;
	tern_service *service;
	tern_bus *bus = ground_server(ground, methods, 2, bursts, &service);
	pid_t pid;

	must_be(tern_subscribe(bus, &rule, burst_event, bursts, &subscription), 0);
	pid = ground_child(ground, burst);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	must_be(bursts->n, n_burst(ground));
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

START_TEST(more_than_are_taken_wait)
{
	struct ground ground;
	struct bursts bursts = {.ground = &ground};

	if (!ground_begin(&ground, (enum way)(_i / 2)))
		return;
	ground.numbers[EACH] = _i % 2 ? TERN_MAX_FDS : 1;
	take_bursts(&bursts);
	ground_end(&ground);
}
END_TEST

/* --- an event for two, of which no one may hear --- */

static void
die_before_commit(const char *point)
{
	if (strcmp(point, "uncommitted") == 0)
		(void)kill(getpid(), SIGKILL);
}

static void
publish_fds(struct ground *ground, bool commit)
{
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;
	tern_message *m;

	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	must_be(tern_message_new_event(topic, &m), 0);
	for (size_t k = 0; k < TERN_MAX_FDS; k++)
		attach_pipe(m, 7000 + k);
	hook_stop = commit ? NULL : die_before_commit;
	must_be(tern_publish_message(m, 0), 0);
	must(commit);
	(void)tern_message_unref(m); /* always NULL */
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

static void
publish_and_die(void *user)
{
	publish_fds(user, false);
}

static void
publish_well(void *user)
{
	publish_fds(user, true);
}

/* hear() - first a publisher that died before the commit, then one that did not */
static void
hear(tern_bus *bus)
{
	struct tern_event event;
	unsigned int n_before = count_fds();

	next_of(bus, TERN_LOST, &event); /* and no event before it */
	let_go(&event);
	must_be(count_fds(), n_before);
}

static void
hear_both(tern_bus *bus)
{
	struct tern_event event;

	next_of(bus, TERN_EVENT, &event);
	for (size_t k = 0; k < TERN_MAX_FDS; k++)
		must(tern_message_fd(event.message, k) >= 0);
	let_go(&event);
	next_of(bus, TERN_LOST, &event);
	let_go(&event);
}

static void
second_subscriber(void *user)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_subscription *subscription;
	struct tern_event event;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	tell(&ground->words[SUBSCRIBED]);
	hear(bus);
	tell(&ground->words[CHECKED]);
	next_of(bus, TERN_EVENT, &event);
	let_go(&event);
	(void)tern_subscription_free(subscription); /* always NULL */
	(void)tern_close(bus);
}

START_TEST(those_of_an_event_never_committed_go)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	tern_subscription *subscription;
	struct ground ground;
	tern_bus *bus;
	pid_t pid;

	if (_i == BY_DIAL || !ground_begin(&ground, (enum way)_i))
		return; /* dialled, a publisher has one receiver: nothing is shared */
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	pid = ground_child(&ground, second_subscriber);
	wait_for(&ground.words[SUBSCRIBED], 1);
	child_killed(ground_child(&ground, publish_and_die));
	hear(bus);
	wait_for(&ground.words[CHECKED], 1);
	child_end(ground_child(&ground, publish_well));
	hear_both(bus);
	child_end(pid);
	(void)tern_subscription_free(subscription);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-descriptors");
	TCase *tcase = tcase_create("descriptors");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, they_come_with_their_message, 0, N_WAYS);
	tcase_add_loop_test(tcase, more_than_are_taken_wait, 0, 2 * N_WAYS);
	tcase_add_loop_test(tcase, those_of_an_event_never_committed_go, 0, N_WAYS);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
