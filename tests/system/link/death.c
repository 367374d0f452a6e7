/* SPDX-License-Identifier: MIT */

/*
 * link-death: what a program sent before it was killed arrives before its loss is told
 *
 * Publishers wait for room (TERN_WAIT), so that nothing is dropped, and kill themselves when the
 * last call returned. In the long form a thousand of them a way:
 *
 *     TERN_TEST_LONG=1 build/tests/system/link/link-death-test
 */

#include "links.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/attribute.h"

enum {
	N_MESSAGES = 100,
	N_SHORT = 50,
	N_LONG = 1000,
	LENT_EVERY = 10, /* of those messages that lend, and of those that bring a descriptor */
	FD_EVERY = 25,
	LENT_SIZE = 3000,
};

static const char *const TAGS[] = {"link", "death", NULL};

_Noreturn static void
die(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause(); /* not reached */
}

/* --- a hundred, and then nothing --- */

static void
add_extras(tern_message *m, uint64_t i)
{
	int fds[2];

	if (i % LENT_EVERY == LENT_EVERY - 1) {
		void *bytes;

		must_be(tern_message_lend(m, LENT_SIZE, &bytes), 0);
		fill(bytes, LENT_SIZE, i);
	}
	if (i % FD_EVERY == FD_EVERY - 1) {
		must_be(pipe(fds), 0);
		must_be(write(fds[1], &i, sizeof(i)), sizeof(i));
		must_be(tern_message_attach(m, fds[0]), 0);
		(void)fd_close(fds[0]);
		(void)fd_close(fds[1]);
	}
}

static void
publish_and_die(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;

	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	for (uint64_t i = 0; i < N_MESSAGES; i++) {
		tern_message *m;

		must_be(tern_message_new_event(topic, &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		add_extras(m, i);
		must_be(tern_publish_message(m, 0), 0);
		(void)tern_message_unref(m); /* always NULL */
	}
	die();
}

static void
check_extras(tern_message *m, uint64_t i)
{
	if (i % LENT_EVERY == LENT_EVERY - 1) {
		const void *bytes;
		size_t size;

		must_be(tern_message_part(m, 1, &bytes, &size), 0);
		must_be(size, LENT_SIZE);
		must(is_filled(bytes, size, i));
	}
	if (i % FD_EVERY == FD_EVERY - 1) {
		uint64_t told;

		must_be(read(tern_message_fd(m, 0), &told, sizeof(told)), sizeof(told));
		must_be(told, i);
	}
}

/* hear_hundred() - all of them in order, then the loss, and nothing else of that peer */
static void
hear_hundred(tern_bus *bus)
{
	struct tern_event event;
	tern_peer peer = 0;
	uint64_t n;

	for (uint64_t i = 0; i < N_MESSAGES; i++) {
		next_of(bus, TERN_EVENT, &event); /* a loss or a gap before its time fails here */
		peer = i == 0 ? event.peer : peer;
		must(peer != 0);
		must_be(event.peer, peer);
		must_be(tern_message_unpack(event.message, "u", &n), 0);
		must_be(n, i);
		check_extras(event.message, i);
		let_go(&event);
	}
	next_of(bus, TERN_LOST, &event);
	must_be(event.peer, peer);
	let_go(&event);
}

START_TEST(all_arrive_before_the_loss)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	int n = is_long() ? N_LONG : N_SHORT;
	tern_subscription *subscription;
	struct ground ground;
	tern_bus *bus;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	for (int i = 0; i < n; i++) {
		pid_t pid = ground_child(&ground, publish_and_die);

		hear_hundred(bus);
		child_killed(pid);
	}
	(void)tern_subscription_free(subscription);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- gone before it is accepted --- */

enum {
	N_SHOTS = 5,
};

/* shoot() - a few calls that want no answer, with all that may go along, then death */
static void
shoot(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	for (uint64_t i = 0; i < N_SHOTS; i++) {
		tern_message *m;

		must_be(tern_message_new_call(bus, ground_service(ground), "Shot", &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		add_extras(m, (i + 1) * LENT_EVERY - 1);
		must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
		(void)tern_message_unref(m); /* always NULL */
	}
	die();
}

static int
shot(tern_call *call, tern_message *m, void *user)
{
	uint64_t *n = user, i;

	must_be(tern_message_unpack(m, "u", &i), 0);
	must_be(i, *n);
	check_extras(m, (i + 1) * LENT_EVERY - 1);
	(*n)++;
	return 0;
}

START_TEST(one_shot_arrives)
{
	static const struct tern_method methods[] = {{"Shot", shot}};
	struct ground ground;
	struct tern_event event;
	tern_service *service;
	uint64_t n = 0;
	tern_bus *bus;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 1, &n, &service);
	for (int i = 0; i < 3; i++) {
		n = 0;
		child_killed(ground_child(&ground, shoot)); /* nothing was taken in meanwhile */
		next_of(bus, TERN_LOST, &event);
		let_go(&event);
		must_be(n, N_SHOTS);
	}
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* publish_once() - to a subscriber that never had a link to this one */
static void
publish_once(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;

	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	must_be(tern_publish(topic, "u", UINT64_C(7)), 0);
	die();
}

START_TEST(one_event_arrives)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	tern_subscription *subscription;
	struct ground ground;
	struct tern_event event;
	tern_bus *bus;
	uint64_t n;

	/* on a direct link the publisher waits for the rules, so it cannot be gone before */
	if (_i == BY_DIAL || !ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	for (int i = 0; i < 3; i++) {
		child_killed(ground_child(&ground, publish_once));
		next_of(bus, TERN_EVENT, &event);
		must_be(tern_message_unpack(event.message, "u", &n), 0);
		must_be(n, 7);
		let_go(&event);
		next_of(bus, TERN_LOST, &event);
		let_go(&event);
	}
	(void)tern_subscription_free(subscription);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- more than is taken at once --- */

enum {
	N_REST = 150, /* a round takes 64 of one link */
	SLEEP_US = 20000,
};

/* leave_much() - make the ring larger, let the reader sleep, fill it without a bell, die: that
 * wakes it */
static void
leave_much(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	unsigned int n_rings = 0;
	tern_message *m;

	for (int i = 0; n_rings == 0; i++) {
		must_be(tern_message_new_call(bus, ground_service(ground), "Warm", &m), 0);
		must_be(tern_send(m, TERN_DEFAULT, TERN_NO_REPLY, NULL), 0);
		(void)tern_message_unref(m); /* always NULL, as the next */
		if (i % 50 == 0)
			(void)mapped_as("tern-ring", &n_rings);
	}
	must_be(tern_call_sync(bus, ground_service(ground), "Done", NULL, NULL, NULL), 0);
	(void)usleep(
		SLEEP_US); /* a reader that is awake still makes the test less sharp, not wrong */
	for (uint64_t i = 0; i < N_REST; i++) {
		must_be(tern_message_new_call(bus, ground_service(ground), "Rest", &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		must_be(tern_send(
				m, TERN_DEFAULT, TERN_NO_REPLY | TERN_NONBLOCK | TERN_BATCH, NULL),
			0);
		(void)tern_message_unref(m);
	}
	die();
}

static int
warm(tern_call *call, tern_message *m, void *user)
{
	return 0;
}

static int
done(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, NULL);
}

static int
rest_came(tern_call *call, tern_message *m, void *user)
{
	uint64_t *n = user, i;

	must_be(tern_message_unpack(m, "u", &i), 0);
	must_be(i, *n);
	(*n)++;
	return 0;
}

START_TEST(a_long_rest_arrives)
{
	static const struct tern_method methods[] = {
		{"Warm", warm}, {"Done", done}, {"Rest", rest_came}};
	struct ground ground;
	uint64_t n = 0;
	struct tern_event event;
	tern_service *service;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 3, &n, &service);
	must_be(tern_set_option(bus, TERN_OPT_SPIN, 0), 0);
	pid = ground_child(&ground, leave_much);
	next_of(bus, TERN_LOST, &event);
	child_killed(pid);
	must_be(n, N_REST);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- an orderly end --- */

static void
publish_and_close(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;

	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	for (uint64_t i = 0; i < N_MESSAGES; i++) {
		tern_message *m;

		must_be(tern_message_new_event(topic, &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		add_extras(m, i);
		must_be(tern_publish_message(m, 0), 0);
		(void)tern_message_unref(m); /* always NULL */
	}
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
}

START_TEST(what_was_sent_before_closing_arrives)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	tern_subscription *subscription;
	struct ground ground;
	tern_bus *bus;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, NULL, 0, NULL, NULL);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	for (int i = 0; i < 5; i++) {
		pid_t pid = ground_child(&ground, publish_and_close);

		hear_hundred(bus);
		child_end(pid);
	}
	(void)tern_subscription_free(subscription);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-death");
	TCase *tcase = tcase_create("death");

	tcase_set_timeout(tcase, is_long() ? 3600 : 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, one_shot_arrives, 0, N_WAYS);
	tcase_add_loop_test(tcase, one_event_arrives, 0, N_WAYS);
	tcase_add_loop_test(tcase, a_long_rest_arrives, 0, N_WAYS);
	tcase_add_loop_test(tcase, what_was_sent_before_closing_arrives, 0, N_WAYS);
	tcase_add_loop_test(tcase, all_arrive_before_the_loss, 0, N_WAYS);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
