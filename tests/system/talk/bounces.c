/* SPDX-License-Identifier: MIT */

/*
 * bounces: a name that changes hands while a call to it is under way
 *
 * All handles are the test's, and nobody takes in unless told to: the call lies in the ring of one that was the
 * owner when it was sent, and is no more. It is sent on four times, and not a fifth time.
 */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

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

/* --- a bounce of what was not sent yet --- */

enum { LENT_SIZE = 4096 }; /* lies in a block */

static void *
call_blocking(void *user)
{
	static uint8_t bytes[LENT_SIZE];

	memset(bytes, 7, sizeof(bytes));
	must_be(tern_call_sync(user, SERVICE, "Lent", NULL, NULL, "y", bytes, sizeof(bytes)), 0);
	return NULL;
}

/* fill_ring() - calls to one who takes nothing in, until there is no room */
static void
fill_ring(tern_bus *liar)
{
	tern_message *m;
	int r;

	do {
		must_be(tern_message_new_call(scene.bus, SERVICE, "Fill", &m), 0);
		r = tern_send(m, LONG_NS, TERN_NO_REPLY | TERN_NONBLOCK, NULL);
		(void)tern_message_unref(m); /* always NULL */
		if (!liar->partners)
			must(tern_process(liar) >= 0); /* until there is a link */
	} while (r == 0);
	must_be(r, -EAGAIN);
}

/* lie() - that the call with the next serial came to who is no owner */
static void
lie(tern_bus *liar, uint64_t serial)
{
	struct wire_header header = {.kind = WIRE_ERROR, .flags = WIRE_BOUNCED, .reference = serial};
	struct outgoing out = {.header = &header, .strings = {"", "", ""}};

	must_be(bus_enter(liar), 0);
	(void)link_plan(&out);
	must_be(send_record(liar->partners, &out, NULL, 0, TERN_NONBLOCK), 0);
	bus_leave(liar);
}

/* take_lent() - the call itself, whole, and answer it; what filled the ring is let go */
static void
take_lent(tern_bus *liar)
{
	bool taken = false;

	while (!taken) {
		struct tern_event event = next_event(liar, TERN_CALL);

		if (strcmp(tern_message_member(event.message), "Lent") == 0) {
			const uint8_t *bytes;
			size_t size;

			must_be(tern_message_unpack(event.message, "y", (const void **)&bytes, &size), 0);
			must(size == LENT_SIZE && bytes[0] == 7 && bytes[LENT_SIZE - 1] == 7);
			must_be(tern_reply(event.call, NULL), 0);
			taken = true;
		}
		event_free(&event);
	}
}

/* While a call waits for room nobody can have it; who says so would move its memory from under its sender. */
START_TEST(before_it_was_sent)
{
	tern_bus *liar = scene_open();
	uint32_t n_notices; /* of the call that did not fit */
	bool waits = false;
	pthread_t caller;
	uint64_t serial;

	must_be(tern_own(liar, SERVICE, 0, NULL), 0);
	fill_ring(liar);
	n_notices = scene.bus->n_want_room;
	must_be(pthread_create(&caller, NULL, call_blocking, scene.bus), 0);
	while (!waits) {
		must_be(bus_enter(scene.bus), 0);
		waits = scene.bus->n_want_room > n_notices;
		serial = scene.bus->last_serial;
		bus_leave(scene.bus);
	}
	for (uint64_t i = 0; i < 4; i++)
		lie(liar, serial + i - 1);
	(void)usleep(200000); /* time to be misled: what must not come cannot be waited for */
	take_lent(liar);
	must_be(pthread_join(caller, NULL), 0);
	(void)tern_close(liar);
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
	tcase_add_test(tcase, before_it_was_sent);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
