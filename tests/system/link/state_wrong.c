/* SPDX-License-Identifier: MIT */

/*
 * link-state-wrong: values where something is wrong with their owner, their name, or the order of things
 *
 * The test is the owner, honest or not; a child reads. That a reader believes nothing of it is tested word by word in
 * shm/value_test.c; here is what the library does with it.
 */

#include "links.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "shm/head.h"
#include "shm/value.h"

enum {
	/* words */
	READY,
	GO,
	DONE,
};

static const struct tern_method methods[] = {{"Nothing", NULL}};

/* --- what is handed over is none --- */

enum lie {
	NO_VALUE,
	NO_NUMBER,
	A_PIPE,
	A_DEVICE,
	UNSEALED,
	OF_ANOTHER_KIND,
	A_STRIDE_OF_NOTHING,
	N_LIES,
};

static int
null_device(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* lying_fd() - what this lie hands over */
static int
lying_fd(enum lie lie, struct value *value)
{
	struct shm_part part = {.off = {192}, .size = 0};
	struct shm_head *head = (struct shm_head *)value->memory.base;
	int fds[2];

	switch (lie) {
	case A_PIPE:
		must_be(pipe2(fds, O_CLOEXEC), 0);
		(void)close(fds[1]);
		return fds[0];
	case UNSEALED:
		fds[0] = memfd_create("not-sealed", MFD_CLOEXEC);
		must_be(ftruncate(fds[0], 4096), 0);
		must_be(write(fds[0], head, sizeof(*head)), sizeof(*head));
		return fds[0];
	case OF_ANOTHER_KIND:
		store_rlx(&head->kind, SHM_KIND_BLOCKS);
		break;
	case A_STRIDE_OF_NOTHING:
		store_rlx(&head->parts[VALUE_PART_PLACES], part);
		break;
	default:
		return null_device();
	}
	return fcntl(value->memory.fd, F_DUPFD_CLOEXEC, 0);
}

static void
answer_with(tern_call *call, enum lie lie)
{
	struct value value;
	int fd;

	must_be(value_create(&value, 64), 0);
	fd = lying_fd(lie, &value);
	must(fd >= 0);
	if (lie == NO_VALUE)
		must_be(tern_reply(call, "{number:u}", (uint64_t)1), 0);
	else if (lie == NO_NUMBER)
		must_be(tern_reply(call, "{value:h, number:s}", fd, "one"), 0);
	else
		must_be(tern_reply(call, "{value:h, number:u}", fd, (uint64_t)1), 0);
	(void)close(fd);
	value_deinit(&value);
}

static void
open_lies(void *user)
{
	struct ground *ground = user;
	tern_state *state;
	tern_bus *bus;
	int n_fds = 0;

	wait_for(&ground->words[READY], 1);
	bus = ground_client(ground);
	for (int lie = 0; lie < N_LIES; lie++) {
		must_be(tern_state_open(bus, ground_service(ground), "x", &state), -EPROTO);
		must(lie == 0 || count_open_fds() == n_fds); /* the first makes the link */
		n_fds = count_open_fds();
	}
	(void)tern_close(bus);
}

/* own_name() - without a service: so the calls come out of tern_next() */
static tern_bus *
own_name(struct ground *ground)
{
	tern_bus *bus = ground_server(ground, NULL, 0, NULL, NULL);

	if (ground_service(ground))
		must_be(tern_own(bus, ground_service(ground), 0, NULL), 0);
	return bus;
}

START_TEST(what_is_handed_over_is_none)
{
	struct ground ground;
	struct tern_event event;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	pid = ground_child(&ground, open_lies);
	bus = own_name(&ground);
	tell(&ground.words[READY]);
	for (int lie = 0; lie < N_LIES; lie++) {
		next_of(bus, TERN_CALL, &event);
		answer_with(event.call, (enum lie)lie);
		let_go(&event);
	}
	child_end(pid);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- what is in it lies --- */

static unsigned int n_heard;

static void
count_heard(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	n_heard += m != NULL;
}

static void
read_lies(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_subscription *subscriptions[2];
	tern_state *state;
	uint8_t buf[256];
	uint64_t version;
	size_t size;

	must_be(tern_state_open(bus, ground_service(ground), "x", &state), 0);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), -EPROTO);
	must_be(tern_state_subscribe(state, TERN_WAIT, count_heard, NULL, &subscriptions[0]), 0);
	must_be(tern_state_subscribe(state, TERN_LATEST, count_heard, NULL, &subscriptions[1]), 0);
	tell(&ground->words[READY]);
	while (load_acq(&ground->words[DONE]) == 0) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0) /* notices of the link alone */
			must(event.kind != TERN_EVENT && event.kind != TERN_GAP);
		let_go(&event);
	}
	while (tern_process(bus) > 0)
		;
	must_be(n_heard, 0); /* what has no version is no value */
	for (size_t i = 0; i < ARRAY_SIZE(subscriptions); i++)
		(void)tern_subscription_free(subscriptions[i]); /* always NULL, as below */
	(void)tern_state_free(state);
	(void)tern_close(bus);
}

START_TEST(what_is_in_it_lies)
{
	static const char *const tags[] = {"tern.state#1", NULL};
	struct ground ground;
	struct tern_event event;
	struct value value;
	tern_topic *topic;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = own_name(&ground);
	pid = ground_child(&ground, read_lies);
	must_be(value_create(&value, 64), 0);
	store_rlx(&value.word->sizes[3], UINT64_MAX);
	store_rlx(&value.word->version, UINT64_MAX);
	next_of(bus, TERN_CALL, &event);
	must_be(tern_reply(event.call, "{value:h, number:u}", value.memory.fd, (uint64_t)1), 0);
	let_go(&event);
	while (load_acq(&ground.words[READY]) == 0) {
		event = (struct tern_event){.size = sizeof(event)};
		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
	must_be(tern_topic_new(bus, tags, &topic), 0);
	for (int i = 0; i < 10; i++)
		must_be(tern_publish(topic, "u", (uint64_t)7), 0);
	(void)tern_topic_free(topic); /* always NULL */
	tell(&ground.words[DONE]);
	child_end(pid);
	value_deinit(&value);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- its owner is killed --- */

static void
keep_and_be_killed(void *user)
{
	struct ground *ground = user;
	tern_service *service;
	tern_state *state;
	tern_bus *bus = ground_server(ground, methods, 0, NULL, &service);

	must_be(tern_state_new(service, "x", 64, &state), 0);
	must_be(tern_state_set(state, "u", (uint64_t)1), 0);
	tell(&ground->words[READY]);
	for (uint64_t i = 2;;) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
		if (load_acq(&ground->words[GO]) == 0 || i > 5)
			continue;
		for (; i <= 5; i++)
			must_be(tern_state_set(state, "u", i), 0);
		tell(&ground->words[DONE]);
	}
}

START_TEST(killed_while_it_is_followed)
{
	struct ground ground;
	struct tern_event event;
	tern_subscription *s;
	tern_state *state;
	uint8_t buf[64];
	uint64_t version;
	tern_bus *bus;
	size_t size;
	pid_t pid;

	must(ground_begin(&ground, BY_BUS));
	pid = child_start(keep_and_be_killed, &ground);
	wait_for(&ground.words[READY], 1);
	bus = ground_client(&ground);
	must_be(tern_state_open(bus, ground_service(&ground), "x", &state), 0);
	must_be(tern_state_subscribe(state, TERN_WAIT, NULL, NULL, &s), 0);
	tell(&ground.words[GO]);
	wait_for(&ground.words[DONE], 1);
	child_kill(pid);
	for (version = 1; version <= 5; version++) { /* all that it set */
		next_of(bus, TERN_EVENT, &event);
		must_be(tern_message_version(event.message), version);
		let_go(&event);
	}
	next_of(bus, TERN_LOST, &event);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), -ESTALE);
	must_be(tern_state_version(state), 5);
	(void)tern_close(bus); /* before what is its */
	(void)tern_state_free(state);
	(void)tern_subscription_free(s);
	ground_end(&ground);
}
END_TEST

/* --- values and services come and go in one program --- */

struct heard {
	uint64_t n, last;
};

static void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct heard *heard = user;

	must(m != NULL);
	heard->n++;
	must_be(tern_message_unpack(m, "u", &heard->last), 0);
}

static void
run_all(tern_bus *bus)
{
	struct tern_event event = {.size = sizeof(event)};

	must_be(tern_next(bus, SHORT_NS, &event), -ETIME);
}

/* Two services of one program have values whose names are those of the services: none is taken for another. */
START_TEST(names_across)
{
	static const char *const other = "org.example.Other";
	struct ground ground;
	tern_service *services[2];
	tern_subscription *subscriptions[2];
	tern_state *states[3], *none, *opened[2];
	struct heard heard[2] = {0};
	tern_bus *bus;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, methods, 0, NULL, &services[0]);
	must_be(tern_serve(bus, other, NULL, methods, 0, NULL, &services[1]), 0);
	must_be(tern_state_new(services[0], other, 64, &states[0]), 0);
	must_be(tern_state_new(services[1], LINKS_SERVICE, 64, &states[1]), 0);
	must_be(tern_state_new(services[1], other, 64, &states[2]), 0);
	must_be(tern_state_new(services[0], "tern.state#1", 64, &none), -EINVAL);
	must_be(tern_state_new(services[0], "", 64, &none), -EINVAL);
	must_be(tern_state_new(services[0], "\xff", 64, &none), -EINVAL);
	must_be(tern_state_open(bus, LINKS_SERVICE, other, &opened[0]), 0);
	must_be(tern_state_open(bus, other, LINKS_SERVICE, &opened[1]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(opened); i++)
		must_be(tern_state_subscribe(opened[i], TERN_DROP_NEWEST, hear, &heard[i], &subscriptions[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		must_be(tern_state_set(states[i], "u", (uint64_t)i), 0);
	run_all(bus);
	for (size_t i = 0; i < ARRAY_SIZE(opened); i++) {
		must_be(heard[i].n, 1);
		must_be(heard[i].last, i);
		(void)tern_subscription_free(subscriptions[i]); /* always NULL, as all of these */
		(void)tern_state_free(opened[i]);
		(void)tern_service_free(services[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		(void)tern_state_free(states[i]);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* A value that is kept no more is stale; one of the same name after it is another one. */
START_TEST(kept_no_more)
{
	struct ground ground;
	tern_service *service;
	tern_subscription *s, *none;
	tern_state *state, *opened;
	struct heard heard = {0};
	uint8_t buf[64];
	tern_bus *bus;
	size_t size;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, methods, 0, NULL, &service);
	must_be(tern_state_new(service, "x", 64, &state), 0);
	must_be(tern_state_open(bus, LINKS_SERVICE, "x", &opened), 0);
	must_be(tern_state_subscribe(opened, TERN_DROP_NEWEST, hear, &heard, &s), 0);
	must_be(tern_state_set(state, "u", (uint64_t)1), 0);
	must_be(tern_state_read(opened, buf, sizeof(buf), &size, NULL), 0);
	(void)tern_state_free(state); /* always NULL, as all of these */
	must_be(tern_state_read(opened, buf, sizeof(buf), &size, NULL), -ESTALE);
	must_be(tern_state_subscribe(opened, TERN_DROP_NEWEST, hear, &heard, &none), -ESTALE);
	must_be(tern_state_new(service, "x", 64, &state), 0);
	for (uint64_t i = 10; i < 20; i++)
		must_be(tern_state_set(state, "u", i), 0);
	run_all(bus);
	must_be(heard.n, 1); /* what was set before it ended is heard, and nothing of the other one */
	must_be(heard.last, 1);
	(void)tern_state_free(opened);
	must_be(tern_state_open(bus, LINKS_SERVICE, "x", &opened), 0);
	must_be(tern_state_read(opened, buf, sizeof(buf), &size, NULL), 0);
	(void)tern_close(bus); /* before all that is its */
	must_be(tern_state_new(service, "y", 64, &state), -ESHUTDOWN);
	must_be(tern_state_subscribe(opened, TERN_DROP_NEWEST, hear, &heard, &none), -ESHUTDOWN);
	must_be(tern_state_read(opened, buf, sizeof(buf), &size, NULL), 0); /* nobody says that it is gone */
	(void)tern_service_free(service);
	(void)tern_subscription_free(s);
	(void)tern_state_free(opened);
	(void)tern_state_free(state);
	(void)tern_state_free(NULL);
	ground_end(&ground);
}
END_TEST

/* --- set by several, and inside of handlers --- */

enum {
	N_SETTERS = 3,
	N_SETS = 2000,
};

static void *
set_often(void *user)
{
	for (uint64_t i = 0; i < N_SETS; i++)
		must_be(tern_state_set(user, "u", i), 0);
	return NULL;
}

/* follower - counts versions, and says how far it is by setting a value of its own, inside of the handler */
struct follower {
	tern_state *own;
	uint64_t version;
};

static void
follow(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct follower *follower = user;

	must(m != NULL);
	must_be(tern_message_version(m), follower->version + 1);
	follower->version++;
	must_be(tern_state_set(follower->own, "u", follower->version), 0);
}

START_TEST(set_by_several)
{
	struct ground ground;
	struct follower follower = {0};
	tern_service *service;
	tern_subscription *s;
	tern_state *state;
	uint8_t buf[64];
	pthread_t threads[N_SETTERS];
	uint64_t version;
	tern_bus *bus;
	size_t size;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, methods, 0, NULL, &service);
	must_be(tern_state_new(service, "x", 64, &state), 0);
	must_be(tern_state_new(service, "y", 64, &follower.own), 0);
	must_be(tern_state_subscribe(state, TERN_WAIT, follow, &follower, &s), 0);
	for (size_t i = 0; i < N_SETTERS; i++)
		must_be(pthread_create(&threads[i], NULL, set_often, state), 0);
	while (follower.version < (uint64_t)N_SETTERS * N_SETS) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, 1, &event), -ETIME);
	}
	for (size_t i = 0; i < N_SETTERS; i++)
		must_be(pthread_join(threads[i], NULL), 0);
	must_be(tern_state_read(follower.own, buf, sizeof(buf), &size, &version), 0);
	must_be(version, follower.version);
	(void)tern_subscription_free(s); /* always NULL, as all of these */
	(void)tern_state_free(follower.own);
	(void)tern_state_free(state);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
state_wrong_suite(void)
{
	Suite *suite = suite_create("state-wrong");
	TCase *tcase = tcase_create("state-wrong");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, what_is_handed_over_is_none, 0, N_WAYS);
	tcase_add_loop_test(tcase, what_is_in_it_lies, 0, N_WAYS);
	tcase_add_test(tcase, killed_while_it_is_followed);
	tcase_add_test(tcase, names_across);
	tcase_add_test(tcase, kept_no_more);
	tcase_add_test(tcase, set_by_several);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(state_wrong_suite());
}
