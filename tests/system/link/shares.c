/* SPDX-License-Identifier: MIT */

/*
 * link-shares: what one user's programs may make another's hold, over all of their links; and that a third user has all it
 * asks for meanwhile
 *
 * Needs root, to be other users.
 */

#include "links.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attribute.h"
#include "client/bus.h"

enum {
	N_HANDLES = 3,
	MANY = 10000,
	LOT = 64,
	HONEST_CALLS = 100,
	/* words */
	FULL = 0,  /* the greedy one was refused */
	DONE = 1,  /* the honest one has had what it wanted */
	HELD = 2,  /* calls that the service has and does not answer */
	BUSY = 3,  /* the service waits, and takes in */
};

#define GLANCE_NS (SHORT_NS / 10)

static const struct shares *
shares_of(const tern_bus *bus, uint32_t uid)
{
	const struct user *user;

	DL_FOREACH (bus->users, user)
		if (user->uid == uid)
			return &user->shares;
	return NULL;
}

static uint64_t
used_by(const tern_bus *bus, uint32_t uid, enum share_kind kind)
{
	const struct shares *shares = shares_of(bus, uid);

	return shares ? shares->of[kind].used : 0;
}

/* expect_nothing() - the budgets are whole when everybody has gone */
static void
expect_nothing(tern_bus *bus)
{
	while (bus->users) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
	for (enum share_kind kind = 0; kind < N_SHARES; kind++) {
		must_be(bus->endpoint.budgets.of[kind].used, 0);
		must_be(bus->endpoint.budgets.of[kind].n, 0);
	}
}

/* --- calls that are not answered, streams --- */

static tern_call *held[2 * MANY];

static int
hold(tern_call *call, tern_message *m, void *user)
{
	struct ground *ground = user;

	held[ground->words[HELD]++] = tern_call_ref(call);
	return 0;
}

static int
echo(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "");
}

static const struct tern_method METHODS[] = {{"Hold", hold}, {"Echo", echo}};

static tern_call *
call_hold(const struct ground *ground, tern_bus *bus, uint32_t flags)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(bus, ground_service(ground), "Hold", &m), 0);
	must_be(tern_send(m, LONG_NS, flags, &call), 0);
	(void)tern_message_unref(m); /* always NULL */
	return call;
}

/* is_refused() - one of these; the others are held */
static bool
is_refused(tern_call *const *calls, size_t n, struct tern_error *ret)
{
	int r;

	for (size_t i = 0; i < n; i++) {
		r = tern_call_wait(calls[i], i ? 1 : GLANCE_NS, NULL, ret);
		if (r != -EAGAIN) {
			must_be(r, -EREMOTEIO);
			return true;
		}
	}
	return false;
}

/* ask_for_all() - by several handles, in turn, until one is refused */
static void
ask_for_all(struct ground *ground, uint32_t flags, const char *error, const char *words)
{
	struct tern_error failed;
	static tern_call *calls[MANY];
	tern_bus *buses[N_HANDLES];
	uint32_t n = 0;

	for (size_t i = 0; i < N_HANDLES; i++)
		buses[i] = ground_client(ground);
	do {
		must(n + LOT <= MANY);
		for (uint32_t i = 0; i < LOT; i++, n++)
			calls[n] = call_hold(ground, buses[n % N_HANDLES], flags);
	} while (!is_refused(calls + n - LOT, LOT, &failed));
	must(strcmp(failed.name, error) == 0);
	must(strstr(failed.text, words) != NULL);
	tell(&ground->words[FULL]);
	wait_for(&ground->words[DONE], 1);
	for (uint32_t i = 0; i < n; i++)
		(void)tern_call_unref(calls[i]); /* always NULL */
	for (size_t i = 0; i < N_HANDLES; i++)
		(void)tern_close(buses[i]);
}

static void
ask_for_all_calls(void *user)
{
	ask_for_all(user, 0, "tern.Quota", "user 65533 has 4096 of the 4096 calls");
}

static void
ask_for_all_streams(void *user)
{
	ask_for_all(user, TERN_STREAM, "tern.TooManyStreams", "and a user 512");
}

/* want_some() - as another user, when the first one has all it may */
static void
want_some(struct ground *ground, uint32_t flags)
{
	tern_bus *bus;
	tern_call *calls[HONEST_CALLS];
	tern_message *reply;

	wait_for(&ground->words[FULL], 1);
	bus = ground_client(ground);
	for (size_t i = 0; i < HONEST_CALLS; i++)
		calls[i] = call_hold(ground, bus, flags);
	must_be(tern_call_sync(bus, ground_service(ground), "Echo", &reply, NULL, ""), 0);
	(void)tern_message_unref(reply); /* always NULL */
	for (size_t i = 0; i < HONEST_CALLS; i++)
		must_be(tern_call_wait(calls[i], 1, NULL, NULL), -EAGAIN); /* held, and not refused */
	tell(&ground->words[DONE]);
	for (size_t i = 0; i < HONEST_CALLS; i++)
		(void)tern_call_unref(calls[i]); /* always NULL */
	(void)tern_close(bus);
}

static void
want_some_calls(void *user)
{
	want_some(user, 0);
}

static void
want_some_streams(void *user)
{
	want_some(user, TERN_STREAM);
}

/* serve_until() - both have ended */
static void
serve_until(struct ground *ground, tern_bus *bus, enum share_kind kind, uint64_t *ret_most)
{
	*ret_most = 0;
	while (ground->words[DONE] == 0) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
		*ret_most = MAX(*ret_most, used_by(bus, USER_A, kind));
	}
}

static const struct {
	enum share_kind kind;
	uint64_t most; /* of one user alone */
	void (*greedy)(void *user), (*honest)(void *user);
} KINDS[] = {
	{SHARE_CALLS, 4096, ask_for_all_calls, want_some_calls},
	{SHARE_STREAMS, 512, ask_for_all_streams, want_some_streams},
};

START_TEST(calls_and_streams)
{
	tern_service *service;
	struct ground ground;
	tern_bus *bus;
	uint64_t most;
	pid_t pids[2];

	must(ground_begin(&ground, BY_USERS));
	bus = ground_server(&ground, METHODS, ARRAY_SIZE(METHODS), &ground, &service);
	pids[0] = child_start_as(USER_A, KINDS[_i].greedy, &ground);
	pids[1] = child_start_as(USER_B, KINDS[_i].honest, &ground);
	serve_until(&ground, bus, KINDS[_i].kind, &most);
	must_be(most, KINDS[_i].most);
	for (uint32_t i = 0; i < ground.words[HELD]; i++)
		held[i] = tern_call_unref(held[i]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	expect_nothing(bus);
	(void)tern_service_free(service); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- messages that the program does not handle --- */

enum {
	SIZE = 1500,
	N_EVENTS = 40000, /* nearly four times what one user may have in the queue, and more than one link may */
	MOST_QUEUED = 16 << 20,
};

static const char *const FLOOD[] = {"flood", NULL};

/* flood() - on several links */
static void
flood(void *user)
{
	static const uint8_t bytes[SIZE];
	struct ground *ground = user;
	tern_topic *topics[N_HANDLES];
	tern_bus *buses[N_HANDLES];

	for (size_t i = 0; i < N_HANDLES; i++) {
		must_be(tern_open(ground->place.address, &buses[i]), 0);
		must_be(tern_topic_new(buses[i], FLOOD, &topics[i]), 0);
	}
	wait_for(&ground->words[BUSY], 1);
	for (uint32_t i = 0; i < N_EVENTS; i++) {
		must_be(tern_publish(topics[i % N_HANDLES], "y", bytes, sizeof(bytes)), 0);
		if (i % 64 == 0)
			(void)usleep(200); /* the reader needs a processor, too */
	}
	tell(&ground->words[FULL]);
	wait_for(&ground->words[DONE], 1);
	for (size_t i = 0; i < N_HANDLES; i++) {
		(void)tern_topic_free(topics[i]); /* always NULL, as the next */
		(void)tern_close(buses[i]);
	}
}

/* keep_waiting() - the reader, who takes in meanwhile and runs no handler */
static int
keep_waiting(tern_call *call, tern_message *m, void *user)
{
	struct ground *ground = user;

	tell(&ground->words[BUSY]);
	wait_for(&ground->words[FULL], 1);
	return tern_reply(call, "");
}

/* serve_late() - as another user, who calls the reader, too */
static void
serve_late(void *user)
{
	static const struct tern_method methods[] = {{"Wait", keep_waiting}};
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	struct tern_event event;
	tern_service *service;
	tern_message *m;
	tern_call *call;

	must_be(tern_serve(bus, "org.example.Late", NULL, methods, ARRAY_SIZE(methods), ground, &service), 0);
	tell(&ground->words[HELD]); /* it serves */
	while (ground->words[FULL] == 0) {
		event = (struct tern_event){.size = sizeof(event)};
		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
	must_be(tern_message_new_call(bus, ground_service(ground), "Echo", &m), 0);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), 0);
	tell(&ground->words[DONE]);
	(void)tern_message_unref(m); /* always NULL, as the next */
	(void)tern_call_unref(call);
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

START_TEST(messages)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = FLOOD};
	tern_subscription *subscription;
	tern_service *service;
	struct ground ground;
	tern_bus *bus;
	uint64_t most;
	pid_t pids[2];

	must(ground_begin(&ground, BY_USERS));
	bus = ground_server(&ground, METHODS, ARRAY_SIZE(METHODS), &ground, &service);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	pids[0] = child_start_as(USER_A, flood, &ground);
	pids[1] = child_start_as(USER_B, serve_late, &ground);
	wait_for(&ground.words[HELD], 1);
	must_be(tern_call_sync(bus, "org.example.Late", "Wait", NULL, NULL, ""), 0);
	most = used_by(bus, USER_A, SHARE_QUEUED);
	must(most >= MOST_QUEUED / 2);
	must(most < MOST_QUEUED + N_HANDLES * 2 * SIZE); /* each link may have one more */
	serve_until(&ground, bus, SHARE_QUEUED, &most);
	must(most < MOST_QUEUED + N_HANDLES * 2 * SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	expect_nothing(bus);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- descriptors: another user has so many waiting that there is no room for those of one message --- */

enum {
	N_EACH = 10,
	N_ROUNDS = 30,
};

static void
send_fds(const struct ground *ground, tern_bus *bus, tern_call **ret)
{
	tern_message *m;

	must_be(tern_message_new_call(bus, ground_service(ground), "Take", &m), 0);
	for (int i = 0; i < N_EACH; i++)
		must(tern_message_attach(m, STDOUT_FILENO) >= 0);
	must_be(tern_send(m, LONG_NS, 0, ret), 0);
	(void)tern_message_unref(m); /* always NULL */
}

static int
take_fds(tern_call *call, tern_message *m, void *user)
{
	struct ground *ground = user;

	must(tern_message_fd(m, N_EACH - 1) >= 0);
	tell(&ground->words[HELD]);
	return tern_reply(call, "");
}

/* send_all() - one by one, so that the receiver sleeps between them; all at once; and one when it hangs up */
static void
send_all(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_call *calls[N_ROUNDS];

	for (size_t i = 0; i < N_ROUNDS; i++) {
		send_fds(ground, bus, &calls[0]);
		must_be(tern_call_wait(calls[0], LONG_NS, NULL, NULL), 0);
		(void)tern_call_unref(calls[0]); /* always NULL */
		(void)usleep(5000);
	}
	for (size_t i = 0; i < N_ROUNDS; i++)
		send_fds(ground, bus, &calls[i]);
	for (size_t i = 0; i < N_ROUNDS; i++) {
		must_be(tern_call_wait(calls[i], LONG_NS, NULL, NULL), 0);
		(void)tern_call_unref(calls[i]); /* always NULL */
	}
	send_fds(ground, bus, &calls[0]);
	(void)tern_call_unref(calls[0]); /* always NULL */
	(void)tern_close(bus);
}

START_TEST(descriptors)
{
	static const struct tern_method methods[] = {{"Take", take_fds}};
	struct budget *budget;
	tern_service *service;
	struct shares other;
	struct ground ground;
	tern_bus *bus;
	pid_t pid;

	must(ground_begin(&ground, BY_USERS));
	bus = ground_server(&ground, methods, ARRAY_SIZE(methods), &ground, &service);
	budget = &bus->endpoint.budgets.of[SHARE_FDS];
	budget->max = 512;
	shares_init(&other, &bus->endpoint.budgets);
	shares_take(&other, SHARE_FDS, 500);
	pid = child_start_as(USER_A, send_all, &ground);
	while (ground.words[HELD] < 2 * N_ROUNDS + 1) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		must(event.kind != TERN_LOST || ground.words[HELD] == 2 * N_ROUNDS + 1);
		let_go(&event);
	}
	child_end(pid);
	shares_give(&other, SHARE_FDS, 500);
	expect_nothing(bus);
	(void)tern_service_free(service); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-shares");
	TCase *tcase = tcase_create("shares");

	if (getuid() != 0) {
		(void)printf("only root can be several users\n");
		return 77;
	}
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, calls_and_streams, 0, ARRAY_SIZE(KINDS));
	tcase_add_test(tcase, messages);
	tcase_add_test(tcase, descriptors);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
