/* SPDX-License-Identifier: MIT */

/*
 * link-state: values that a service keeps, read and followed by another program
 *
 * Over each way (links.h): the test keeps, a child reads.
 */

#include "links.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"

enum {
	N_VERSIONS = 20000,
	SIZE = 200,
	/* words */
	READY = 0,
	DONE,
	FOLLOWING,
	N_READERS_DONE,
	/* numbers */
	LAST = 0,
};

static const struct tern_method methods[] = {{"Nothing", NULL}};

/* put() - a value that shows whether it is whole */
static void
put(tern_state *state, uint64_t i)
{
	uint8_t bytes[SIZE];

	fill(bytes, SIZE - i % 64, i);
	must_be(tern_state_set(state, "[u y]", i, bytes, (size_t)(SIZE - i % 64)), 0);
}

/* value_of() - it is whole; which one? */
static uint64_t
value_of(const void *cbor, size_t size)
{
	const void *bytes;
	uint64_t i;
	size_t n;

	must_be(tern_cbor_unpack(cbor, size, NULL, "[u y]", &i, &bytes, &n), 0);
	must_be(n, SIZE - i % 64);
	must(is_filled(bytes, n, i));
	return i;
}

static uint64_t
value_in(tern_message *m)
{
	const void *part;
	size_t size;

	must_be(tern_message_part(m, 0, &part, &size), 0);
	return value_of(part, size);
}

static tern_state *
open_it(const struct ground *ground, tern_bus *bus)
{
	tern_state *state;

	must_be(tern_state_open(bus, ground_service(ground), "volume", &state), 0);
	return state;
}

/* serve_until() - the word is there, doing something each time */
static void
serve_until(tern_bus *bus, const _Atomic uint32_t *word, uint32_t value, void (*each)(void *), void *user)
{
	while (load_acq(word) < value) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, each ? 0 : SHORT_NS, &event) == 0)
			let_go(&event);
		if (each)
			each(user);
	}
}

/* --- read --- */

static void
read_it(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_state *state, *none;
	uint8_t buf[2 * SIZE];
	uint64_t version = 7;
	size_t size = 7;

	must_be(tern_state_open(bus, ground_service(ground), "nothing", &none), -ENOENT);
	must(strstr(tern_last_error()->text, "\"nothing\"") != NULL);
	must_be(tern_state_open(bus, ground_service(ground), "", &none), -EINVAL);
	state = open_it(ground, bus);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), -ENODATA);
	must_be(tern_state_version(state), 0);
	must_be(tern_state_put(state, "\x01", 1), -EINVAL); /* not ours */
	tell(&ground->words[READY]);
	wait_for(&ground->words[DONE], 1);
	must_be(tern_state_read(state, buf, 10, &size, &version), -ENOBUFS);
	must(size > 10 && version == 7);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), 0);
	must_be(value_of(buf, size), 42);
	must_be(version, 1);
	must_be(tern_state_version(state), 1);
	(void)tern_state_free(state); /* always NULL */
	(void)tern_close(bus);
}

START_TEST(read_without_its_owner)
{
	struct ground ground;
	struct tern_event event;
	tern_service *service;
	tern_state *state, *again;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 0, NULL, &service);
	must_be(tern_state_new(service, "volume", SIZE + 16, &state), 0);
	must_be(tern_state_new(service, "volume", 1, &again), -EEXIST);
	must_be(tern_state_new(service, "huge", (size_t)1 << 40, &again), -E2BIG);
	pid = ground_child(&ground, read_it);
	serve_until(bus, &ground.words[READY], 1, NULL, NULL);
	put(state, 42);
	must_be(tern_state_put(state, "\xff", 1), -EBADMSG);
	must_be(tern_state_set(state, "y", ground.words, (size_t)(SIZE + 16)), -E2BIG); /* with its head it is longer */
	tell(&ground.words[DONE]); /* nobody here takes anything in any more until it has read */
	child_end(pid);
	next_of(bus, TERN_LOST, &event);
	(void)tern_state_free(state);
	must_be(tern_state_new(service, "volume", 1, &again), 0); /* its name is free */
	(void)tern_service_free(service);
	(void)tern_state_free(again); /* after its service */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- no system call --- */

/* enter_cage() - who makes any system call but exit() is killed; also where there is a filter already (old-kernel) */
static void
enter_cage(void)
{
#ifndef __SANITIZE_THREAD__ /* it has a thread of its own, which such an end leaves */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};

	must_be(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	must_be(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
#endif
}

static void
leave_cage(int status)
{
#ifdef __SANITIZE_THREAD__
	_exit(status);
#else
	(void)syscall(SYS_exit, status); /* _exit() would be exit_group(); does not return */
#endif
}

static void
read_in_a_cage(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_state *state = open_it(ground, bus);
	uint8_t buf[2 * SIZE];
	uint64_t version;
	size_t size;

	enter_cage();
	for (unsigned int i = 0; i < 1000; i++)
		if (tern_state_read(state, buf, sizeof(buf), &size, &version) != 0 || version != tern_state_version(state))
			leave_cage(1);
	leave_cage(0);
}

START_TEST(without_a_system_call)
{
	struct ground ground;
	struct tern_event event;
	tern_service *service;
	tern_state *state;
	tern_bus *bus;
	pid_t pid;

	if (getenv("TERN_TEST_VALGRIND"))
		return; /* it makes system calls of its own in that cage */
	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, methods, 0, NULL, &service);
	must_be(tern_state_new(service, "volume", SIZE + 16, &state), 0);
	must(tern_state_set(state, "h", 0) < 0); /* a descriptor is no value */
	put(state, 1);
	must_be(tern_state_version(state), 1);
	pid = ground_child(&ground, read_in_a_cage);
	next_of(bus, TERN_LOST, &event);
	child_end(pid);
	(void)tern_state_free(state); /* always NULL, as all of these */
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- its owner dies --- */

static void
read_of_the_dead(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_state *state = open_it(ground, bus);
	tern_subscription *s;
	struct tern_event event;
	uint8_t buf[2 * SIZE];
	uint64_t version;
	size_t size;

	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), 0);
	tell(&ground->words[READY]);
	next_of(bus, TERN_LOST, &event);
	must_be(tern_state_read(state, buf, sizeof(buf), &size, &version), -ESTALE);
	must_be(tern_state_subscribe(state, TERN_WAIT, NULL, NULL, &s), -ESTALE);
	(void)tern_state_free(state); /* always NULL */
	(void)tern_close(bus);
}

START_TEST(stale_when_its_owner_is_gone)
{
	struct ground ground;
	tern_service *service;
	tern_state *state;
	tern_bus *bus;
	pid_t pid;

	if (!ground_begin(&ground, (enum way)_i))
		return;
	bus = ground_server(&ground, methods, 0, NULL, &service);
	must_be(tern_state_new(service, "volume", SIZE + 16, &state), 0);
	put(state, 1);
	pid = ground_child(&ground, read_of_the_dead);
	serve_until(bus, &ground.words[READY], 1, NULL, NULL);
	(void)tern_state_free(state);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	child_end(pid);
	ground_end(&ground);
}
END_TEST

/* --- followed --- */

struct follower {
	struct ground *ground;
	uint64_t last, n, lost;
};

static void
follow(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct follower *follower = user;

	if (!m) {
		follower->lost += lost;
		return;
	}
	must_be(value_in(m), tern_message_version(m));
	must(tern_message_version(m) > follower->last); /* none twice, none before a lower one */
	if (follower->n++ == 0)
		tell(&follower->ground->words[FOLLOWING]);
	else
		follower->lost += tern_message_version(m) - follower->last - 1;
	follower->last = tern_message_version(m);
}

static bool
is_last(struct ground *ground, uint64_t version)
{
	uint64_t last = load_rlx((_Atomic uint64_t *)&ground->numbers[LAST]);

	must(!last || version <= last);
	return last && version == last;
}

static void
follow_to_the_end(struct ground *ground, uint32_t policy, struct follower *follower)
{
	tern_bus *bus = ground_client(ground);
	tern_state *state = open_it(ground, bus);
	tern_subscription *s;

	*follower = (struct follower){.ground = ground};
	must_be(tern_state_subscribe(state, policy, follow, follower, &s), 0);
	(void)tern_state_free(state); /* the subscription keeps what it needs */
	while (!is_last(ground, follower->last)) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
	(void)tern_subscription_free(s); /* always NULL */
	tell(&ground->words[N_READERS_DONE]);
	(void)tern_close(bus);
}

static void
follow_all(void *user)
{
	struct follower follower;

	follow_to_the_end(user, TERN_WAIT, &follower);
	must_be(follower.lost, 0); /* each version from the first one on */
}

static void
follow_latest(void *user)
{
	struct follower follower;

	follow_to_the_end(user, TERN_LATEST, &follower);
}

static void
follow_with_gaps(void *user)
{
	struct ground *ground = user;
	struct follower follower;

	follow_to_the_end(ground, TERN_DROP_NEWEST, &follower); /* ends: the last version comes, lost or not */
}

enum { N_FOLLOWERS = 2 };

struct setter {
	struct ground *ground;
	tern_state *state;
	uint64_t next, last; /* last 0: not known yet */
};

/* set_next() - changes go on while the followers begin, and then for a while */
static void
set_next(void *user)
{
	struct setter *setter = user;

	if (setter->last && setter->next > setter->last)
		return;
	if (!setter->last && load_acq(&setter->ground->words[FOLLOWING]) == N_FOLLOWERS) {
		setter->last = setter->next + (is_long() ? 20 * N_VERSIONS : N_VERSIONS);
		store_rlx((_Atomic uint64_t *)&setter->ground->numbers[LAST], setter->last); /* a hint */
	}
	put(setter->state, setter->next++);
}

static void
keep_followed(struct ground *ground, void (*child)(void *))
{
	struct setter setter = {.ground = ground, .next = 1};
	tern_service *service;
	tern_bus *bus;
	pid_t pids[N_FOLLOWERS];

	bus = ground_server(ground, methods, 0, NULL, &service);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	must_be(tern_state_new(service, "volume", SIZE + 16, &setter.state), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = ground_child(ground, child);
	serve_until(bus, &ground->words[N_READERS_DONE], N_FOLLOWERS, set_next, &setter);
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	(void)tern_state_free(setter.state);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

START_TEST(followed_by_all_policies)
{
	static void (*const children[])(void *) = {follow_all, follow_latest, follow_with_gaps};
	struct ground ground;

	if (!ground_begin(&ground, (enum way)(_i % N_WAYS)))
		return;
	keep_followed(&ground, children[_i / N_WAYS]);
	ground_end(&ground);
}
END_TEST

/* --- one's own --- */

START_TEST(ones_own)
{
	struct ground ground;
	struct follower follower = {.ground = &ground};
	tern_subscription *s;
	tern_service *service;
	tern_state *state, *mine;
	uint8_t buf[2 * SIZE];
	struct tern_event event = {.size = sizeof(event)};
	tern_bus *bus;
	size_t size;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, methods, 0, NULL, &service);
	must_be(tern_state_new(service, "volume", SIZE + 16, &state), 0);
	put(state, 1);
	must_be(tern_state_open(bus, ground_service(&ground), "other", &mine), -ENOENT);
	must_be(tern_state_open(bus, ground_service(&ground), "volume", &mine), 0);
	must_be(tern_state_read(mine, buf, sizeof(buf), &size, NULL), 0);
	must_be(value_of(buf, size), 1);
	must_be(tern_state_subscribe(mine, TERN_DROP_NEWEST, follow, &follower, &s), 0);
	for (uint64_t i = 2; i < 10; i++)
		put(state, i);
	while (follower.last < 9)
		must_be(tern_next(bus, 1, &event), -ETIME);
	must_be(follower.n, 9);
	(void)tern_subscription_free(s);
	(void)tern_state_free(mine);
	(void)tern_state_free(state);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* What no handler takes comes out of tern_next(), and of a value that is followed by TERN_LATEST nothing twice. */
START_TEST(without_a_handler)
{
	struct ground ground;
	tern_subscription *s;
	tern_service *service;
	tern_state *state;
	struct tern_event event = {.size = sizeof(event)};
	tern_bus *bus;

	must(ground_begin(&ground, BY_BUS));
	bus = ground_server(&ground, methods, 0, NULL, &service);
	must_be(tern_state_new(service, "volume", SIZE + 16, &state), 0);
	must_be(tern_state_subscribe(state, TERN_LATEST, NULL, NULL, &s), 0);
	must_be(tern_next(bus, 1, &event), -ETIME); /* there is none yet */
	put(state, 1);
	must(tern_process(bus) >= 0); /* it is put aside: nobody handles it */
	put(state, 2);
	put(state, 3);
	must_be(tern_next(bus, LONG_NS, &event), 0);
	must_be(event.kind, TERN_EVENT);
	must_be(value_in(event.message), 3);
	let_go(&event);
	must_be(tern_next(bus, SHORT_NS, &event), -ETIME);
	put(state, 4);
	must_be(tern_next(bus, LONG_NS, &event), 0);
	must_be(value_in(event.message), 4);
	let_go(&event);
	(void)tern_subscription_free(s);
	(void)tern_state_free(state);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
state_suite(void)
{
	Suite *suite = suite_create("state");
	TCase *tcase = tcase_create("state");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, is_long() ? 600 : 120);
	tcase_add_loop_test(tcase, read_without_its_owner, 0, N_WAYS);
	tcase_add_test(tcase, without_a_system_call);
	tcase_add_loop_test(tcase, stale_when_its_owner_is_gone, 0, N_WAYS);
	tcase_add_loop_test(tcase, followed_by_all_policies, 0, 3 * N_WAYS);
	tcase_add_test(tcase, ones_own);
	tcase_add_test(tcase, without_a_handler);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(state_suite());
}
