/* SPDX-License-Identifier: MIT */

/*
 * link-taps: who is shown the calls of whom
 *
 * A service and its caller are of user A. Taps of user A and of root see them, that of user B does not.
 * Needs root, to be other users.
 */

#include "links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/attribute.h"

enum {
	N_CALLS = 20,
	/* words */
	SERVING = 0,
	TAPPING,
	SEEN,
	DONE,
};

static int
answer(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "s", "yes");
}

static const struct tern_method methods[] = {{"Call", answer}};

static void
serve(void *user)
{
	struct ground *ground = user;
	tern_service *service;
	tern_bus *bus = ground_server(ground, methods, 1, NULL, &service);

	tell(&ground->words[SERVING]);
	for (;;) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		let_go(&event);
	}
}

static void
call_once(tern_bus *bus)
{
	must_be(tern_call_sync(bus, LINKS_SERVICE, "Call", NULL, NULL, "s", "is it?"), 0);
}

static void
call_often(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	wait_for(&ground->words[TAPPING], 3);
	for (int i = 0; i < N_CALLS; i++)
		call_once(bus);
	wait_for(&ground->words[DONE], 1); /* it can be asked who this was */
	(void)tern_close(bus);
}

static tern_subscription *
tap(struct ground *ground, tern_bus *bus)
{
	static const char *const tags[] = {TERN_TAG_TAP, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *subscription;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	tell(&ground->words[TAPPING]);
	return subscription;
}

/* next_copy() - callers come and go */
static void
next_copy(tern_bus *bus, struct tern_event *ret)
{
	for (;;) {
		*ret = (struct tern_event){.size = sizeof(*ret)};
		must_be(tern_next(bus, LONG_NS, ret), 0);
		if (ret->kind == TERN_EVENT)
			return;
		must(ret->kind != TERN_GAP);
		let_go(ret);
	}
}

/* must_see() - the next copy is of this kind, and its sender of this user */
static void
must_see(tern_bus *bus, const char *kind, uint32_t uid)
{
	struct tern_identity who = {.size = sizeof(who)};
	struct tern_event event;
	const char *seen;

	next_copy(bus, &event);
	must_be(tern_message_unpack(event.message, "{kind:s}", &seen), 0);
	must(strcmp(seen, kind) == 0);
	must_be(tern_identify(bus, event.peer, &who), 0);
	must_be(who.uid, uid);
	let_go(&event);
}

static void
see_all(struct ground *ground, tern_bus *bus)
{
	for (int i = 0; i < N_CALLS; i++) {
		must_see(bus, "call", USER_A);
		must_see(bus, "reply", USER_A);
	}
	tell(&ground->words[SEEN]);
}

static void
tap_same(void *user)
{
	tern_bus *bus = ground_client(user);
	tern_subscription *subscription = tap(user, bus);

	see_all(user, bus);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
}

/* tap_other() - sees its own user's call, and neither what others said before nor their answer to it */
static void
tap_other(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground), *own = ground_client(ground);
	tern_subscription *subscription = tap(ground, bus);
	struct tern_event event = {.size = sizeof(event)};

	wait_for(&ground->words[SEEN], 2);
	call_once(own);
	must_see(bus, "call", USER_B);
	call_once(own);
	must_see(bus, "call", USER_B);
	while (tern_next(bus, SHORT_NS, &event) == 0) {
		must(event.kind != TERN_EVENT);
		let_go(&event);
	}
	wait_for(&ground->words[DONE], 1);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(own);
	(void)tern_close(bus);
}

START_TEST(who_sees_what)
{
	tern_subscription *subscription;
	struct ground ground;
	pid_t service, pids[3];
	tern_bus *bus;

	if (!ground_begin(&ground, BY_USERS))
		return;
	service = child_start_as(USER_A, serve, &ground);
	wait_for(&ground.words[SERVING], 1);
	bus = ground_client(&ground);
	subscription = tap(&ground, bus);
	pids[0] = child_start_as(USER_A, tap_same, &ground);
	pids[1] = child_start_as(USER_B, tap_other, &ground);
	pids[2] = child_start_as(USER_A, call_often, &ground);
	see_all(&ground, bus);
	must_see(bus, "call", USER_B);
	must_see(bus, "reply", USER_A);
	tell(&ground.words[DONE]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	child_kill(service);
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-taps");
	TCase *tcase = tcase_create("taps");

	if (getuid() != 0) {
		(void)printf("only root can be several users\n");
		return 77;
	}
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, who_sees_what);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
