/* SPDX-License-Identifier: MIT */

/*
 * replies: a caller that sends and does not read holds up nobody, and still gets its answers
 *
 * The test serves, with one thread. One child calls and takes nothing in for a long time, another one
 * calls as one should.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "client/reply.h"
#include "scene.h"

enum {
	N_DEAF = 3000, /* calls of the one who does not read: their answers fill any ring */
	N_POLITE = 200,
	SMALL = 200,
	LARGE = 1900, /* fits into a record: such answers are kept whole */
	N_FLOOD = 20000, /* calls whose answers are more than may be kept */
	/* words */
	SERVED = 0,
	SENT = 1,  /* the deaf one has called */
	POLITE = 2, /* the polite one was answered */
	DONE = 3,
	HUNG_UP = 4, /* on the greedy one */
};

static int
same(tern_call *call, tern_message *m, void *user)
{
	static const uint8_t bytes[LARGE];
	size_t size = *(size_t *)user;
	uint64_t n;

	must_be(tern_message_unpack(m, "u", &n), 0);
	(void)tern_reply(call, "[u y]", n, bytes, size); /* gone: told as TERN_LOST */
	return 0;
}

/* call_blindly() - never waits, so takes nothing in. Return: how many were sent. */
static unsigned int
call_blindly(tern_bus *bus, tern_call **calls, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		tern_message *m;
		int r;

		if (tern_message_new_call(bus, SERVICE, "Same", &m) < 0)
			return i;
		must_be(tern_message_pack(m, "u", (uint64_t)i), 0);
		while ((r = tern_send(m, TERN_FOREVER, TERN_NONBLOCK, &calls[i])) == -EAGAIN &&
			!load_acq(&scene.words[HUNG_UP]))
			(void)usleep(100); /* between two attempts */
		(void)tern_message_unref(m); /* always NULL */
		if (r < 0)
			return i;
	}
	return n;
}

static void
be_deaf(void *user)
{
	tern_call **calls = calloc(N_DEAF, sizeof(*calls));
	tern_bus *bus = scene_open();

	wait_for(&scene.words[SERVED], 1);
	must_be(call_blindly(bus, calls, N_DEAF), N_DEAF);
	tell(&scene.words[SENT]);
	wait_for(&scene.words[POLITE], 1);
	for (unsigned int i = 0; i < N_DEAF; i++) { /* now it reads: nothing was lost */
		tern_message *reply;
		const void *bytes;
		uint64_t n;
		size_t size;

		must_be(tern_call_wait(calls[i], LONG_NS, &reply, NULL), 0);
		must_be(tern_message_unpack(reply, "[u y]", &n, &bytes, &size), 0);
		must_be(n, i);
		(void)tern_message_unref(reply); /* always NULL, as the next */
		(void)tern_call_unref(calls[i]);
	}
	tell(&scene.words[DONE]);
	(void)tern_close(bus);
	free(calls);
}

static void
be_polite(void *user)
{
	tern_bus *bus = scene_open();

	wait_for(&scene.words[SENT], 1);
	for (unsigned int i = 0; i < N_POLITE; i++) {
		tern_message *reply;

		must_be(tern_call_sync(bus, SERVICE, "Same", &reply, NULL, "u", (uint64_t)i), 0);
		(void)tern_message_unref(reply); /* always NULL */
	}
	tell(&scene.words[POLITE]);
	tell(&scene.words[DONE]);
	(void)tern_close(bus);
}

/* serve_until() - with one thread, until this word is there */
static void
serve_until(size_t size, const _Atomic uint32_t *word, uint32_t value)
{
	const struct tern_method method = {"Same", same};
	tern_service *service = scene_serve(scene.bus, &method, 1, &size);
	struct tern_event event = {.size = sizeof(event)};

	tell(&scene.words[SERVED]);
	while (load_acq(word) < value)
		if (tern_next(scene.bus, SHORT_NS, &event) == 0)
			event_free(&event);
	(void)tern_service_free(service); /* always NULL */
}

START_TEST(a_deaf_caller_holds_up_nobody)
{
	pid_t pids[] = {child_start(be_deaf, NULL), child_start(be_polite, NULL)};

	serve_until(SMALL, &scene.words[DONE], 2);
	child_end(pids[0]);
	child_end(pids[1]);
}
END_TEST

/* be_greedy() - never reads: it is hung up on, and each of its calls ends */
static void
be_greedy(void *user)
{
	tern_call **calls = calloc(N_FLOOD, sizeof(*calls));
	unsigned int n, n_failed = 0;
	tern_bus *bus = scene_open();

	wait_for(&scene.words[SERVED], 1);
	n = call_blindly(bus, calls, N_FLOOD);
	wait_for(&scene.words[HUNG_UP], 1);
	for (unsigned int i = 0; i < n; i++) {
		tern_message *reply = NULL;
		int r = tern_call_wait(calls[i], LONG_NS, &reply, NULL);

		must(r == 0 || r == -EHOSTDOWN || r == -ECONNRESET);
		n_failed += r < 0;
		(void)tern_message_unref(reply); /* always NULL, as the next */
		(void)tern_call_unref(calls[i]);
	}
	must(n_failed > 0);
	tell(&scene.words[DONE]);
	(void)tern_close(bus);
	free(calls);
}

static void
notice(tern_bus *bus, uint32_t kind, tern_peer peer, void *user)
{
	if (kind == TERN_LOST)
		tell(&scene.words[HUNG_UP]);
}

START_TEST(what_is_kept_is_bounded)
{
	pid_t pid = child_start(be_greedy, NULL);

	must_be(tern_on_peer(scene.bus, notice, NULL), 0);
	serve_until(LARGE, &scene.words[DONE], 1);
	child_end(pid);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("talk-replies");
	TCase *tcase = tcase_create("replies");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, a_deaf_caller_holds_up_nobody);
	tcase_add_test(tcase, what_is_kept_is_bounded);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
