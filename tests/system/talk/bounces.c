/* SPDX-License-Identifier: MIT */

/*
 * bounces: a name that changes hands while a call to it is under way
 *
 * All handles are the test's, and nobody takes in unless told to: the call lies in the ring of one that was the
 * owner when it was sent, and is no more. It is sent on four times, and not a fifth time.
 */

#include <errno.h>
#include <string.h>

#include "client/bus.h"
#include "client/call.h"
#include "scene.h"

enum {
	N_BOUNCES = 4, /* it is sent on so often, and no more */
	N_OWNERS = N_BOUNCES + 2,
	FLAGS = TERN_NAME_REPLACE | TERN_NAME_REPLACEABLE,
};

static tern_call *
begin(void)
{
	tern_message *m;
	tern_call *call;

	must_be(tern_message_new_call(scene.bus, SERVICE, "Who", &m), 0);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	(void)tern_message_unref(m); /* always NULL */
	return call;
}

/* must_be_at() - until the call was sent to this one; it may have to be introduced first */
static void
must_be_at(tern_call *call, tern_bus *owner)
{
	struct tern_event event = {.size = sizeof(event)};

	while (!call->done && (!call->partner || call->partner->id != tern_id(owner)))
		if (tern_next(scene.bus, SHORT_NS, &event) == 0)
			must_be(event.kind, TERN_LINKED);
	must(!call->done);
}

/* must_bounce() - it lies here, and this is no longer the one */
static void
must_bounce(tern_bus *owner)
{
	struct tern_event event = {.size = sizeof(event)};

	while (owner->partners == NULL)
		must(tern_process(owner) >= 0); /* until ternd's news is read */
	while (tern_next(owner, 0, &event) == 0)
		must_be(event.kind, TERN_LINKED);
}

/* pass() - from owner to owner, n times, while the call is on its way to each of them */
static tern_call *
pass(tern_bus *owners[], int n)
{
	tern_call *call;

	must_be(tern_own(owners[0], SERVICE, FLAGS, NULL), 0);
	call = begin();
	for (int i = 0; i < n; i++) {
		must_be_at(call, owners[i]);
		must_be(call->bounces, i);
		must_be(tern_own(owners[i + 1], SERVICE, FLAGS, NULL), 0);
		must_bounce(owners[i]);
	}
	return call;
}

static void
owners_open(tern_bus *owners[N_OWNERS])
{
	for (int i = 0; i < N_OWNERS; i++)
		owners[i] = scene_open();
}

static void
owners_close(tern_bus *owners[N_OWNERS])
{
	for (int i = 0; i < N_OWNERS; i++)
		owners[i] = tern_close(owners[i]);
}

/* Four times: the fifth owner has it, and answers. */
START_TEST(four_times)
{
	tern_bus *owners[N_OWNERS];
	struct tern_event event;
	tern_message *reply;
	tern_call *call;
	uint64_t who;

	owners_open(owners);
	call = pass(owners, N_BOUNCES);
	must_be_at(call, owners[N_BOUNCES]);
	must_be(call->bounces, N_BOUNCES);
	event = next_event(owners[N_BOUNCES], TERN_CALL);
	must_be(tern_reply(event.call, "u", tern_id(owners[N_BOUNCES])), 0);
	event_free(&event);
	must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &who), 0);
	must_be(who, tern_id(owners[N_BOUNCES]));
	(void)tern_message_unref(reply); /* always NULL, as the next */
	(void)tern_call_unref(call);
	owners_close(owners);
}
END_TEST

/* Five times: it is not sent on any more, and the error says why. The last owner never sees it. */
START_TEST(five_times)
{
	tern_bus *owners[N_OWNERS];
	struct tern_event event = {.size = sizeof(event)};
	struct tern_error error;
	tern_call *call;

	owners_open(owners);
	call = pass(owners, N_BOUNCES + 1);
	must_be(tern_call_wait(call, LONG_NS, NULL, &error), -ENXIO);
	must(strcmp(error.name, "tern.NoSuchService") == 0);
	must(strstr(error.text, "changes hands") != NULL);
	must_be(tern_next(owners[N_OWNERS - 1], SHORT_NS, &event), -ETIME);
	(void)tern_call_unref(call); /* always NULL */
	owners_close(owners);
}
END_TEST

/* The same between two that are known already, where nobody is introduced in between. */
START_TEST(to_and_fro)
{
	tern_bus *owners[N_OWNERS], *a = scene_open(), *b = scene_open();
	struct tern_error error;
	tern_call *call;

	for (int i = 0; i < N_OWNERS; i++)
		owners[i] = i % 2 ? b : a;
	call = pass(owners, N_BOUNCES + 1);
	must_be(tern_call_wait(call, LONG_NS, NULL, &error), -ENXIO);
	must(strcmp(error.name, "tern.NoSuchService") == 0);
	(void)tern_call_unref(call); /* always NULL */
	(void)tern_close(a);
	(void)tern_close(b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bounces");
	TCase *tcase = tcase_create("bounces");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, four_times);
	tcase_add_test(tcase, five_times);
	tcase_add_test(tcase, to_and_fro);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
