/* SPDX-License-Identifier: MIT */

/* streams: parts in each direction, and both; read by threads, handlers and loops; nobody outruns a reader */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/stream.h"
#include "flow.h"

START_TEST(many_replies)
{
	enum { N = 5000 };
	tern_call *call;

	flow_service();
	call = flow_begin("Count", N, 100);
	for (uint64_t i = 0; i < N; i++)
		must_be(flow_number(call), i);
	must_be(flow_answer(call), N);
	must_be(flow_answer(flow_begin("Count", 0, 0)), 0);
}
END_TEST

START_TEST(many_requests)
{
	enum { N = 5000 };
	tern_call *call;

	flow_service();
	call = flow_begin("Sum", 0, 0);
	for (uint64_t i = 1; i <= N; i++)
		must_be(tern_call_put(call, "u", i), 0);
	must_be(tern_call_end(call), 0);
	must_be(tern_call_put(call, "u", UINT64_C(1)), -EALREADY);
	must_be(tern_call_end(call), -EALREADY);
	must_be(flow_answer(call), (uint64_t)N * (N + 1) / 2);
	call = flow_begin("Sum", 0, 0);
	must_be(tern_call_end(call), 0); /* before the service had it */
	must_be(flow_answer(call), 0);
}
END_TEST

static void *
put_thread(void *user)
{
	for (uint64_t i = 0; i < 20000; i++)
		must_be(tern_call_put(user, "u", i), 0);
	must_be(tern_call_end(user), 0);
	return NULL;
}

/* More than fits on the way: one thread puts, the other one reads. */
START_TEST(both_ways)
{
	static const char *const members[] = {"Mirror", "Loop"};
	pthread_t thread;
	tern_call *call;

	flow_service();
	call = flow_begin(members[_i], 0, 0);
	must_be(pthread_create(&thread, NULL, put_thread, call), 0);
	for (uint64_t i = 0; i < 20000; i++)
		must_be(flow_number(call), i);
	must_be(pthread_join(thread, NULL), 0);
	must_be(flow_answer(call), 20000);
}
END_TEST

/* What a loop has of its stream. */
struct looped {
	uint64_t n, put, n_parts, answer;
	bool blocked, ended, done;
	int result;
};

/* put_on() - as much as there is credit for */
static void
put_on(tern_call *call, struct looped *looped)
{
	while (looped->put < looped->n) {
		tern_message *part;
		int r;

		must_be(tern_message_new_part(call, &part), 0);
		must_be(tern_message_pack(part, "u", looped->put), 0);
		r = tern_call_put_message(part, TERN_DEFAULT, TERN_NONBLOCK);
		(void)tern_message_unref(part);
		if (r == -EAGAIN)
			return;
		must_be(r, 0);
		looped->put++;
	}
	if (!looped->ended)
		must_be(tern_call_end(call), 0);
	looped->ended = true;
}

static void
looped_event(tern_call *call, const struct tern_event *event, void *user)
{
	struct looped *looped = user;
	uint64_t n;

	switch (event->kind) {
	case TERN_PART:
		must_be(tern_message_unpack(event->message, "u", &n), 0);
		must_be(n, looped->n_parts++);
		break;
	case TERN_WRITABLE:
		looped->blocked = true;
		put_on(call, looped);
		break;
	default:
		looped->done = true;
		looped->result = event->result;
		if (event->kind == TERN_REPLY)
			must_be(tern_message_unpack(event->message, "u", &looped->answer), 0);
	}
}

/* followed() - the same by handlers, out of tern_next(), and with poll(); put from inside the loop */
static void
followed(int how, const char *member, uint64_t n)
{
	struct looped looped = {.n = n};
	tern_call *call = flow_begin(member, 0, 0);

	must_be(tern_call_follow(call, how == 0 ? NULL : looped_event, how == 0 ? NULL : &looped), 0);
	must_be(tern_call_wait(call, TERN_DEFAULT, NULL, NULL), -EALREADY);
	must_be(tern_call_follow(call, looped_event, NULL), -EALREADY);
	put_on(call, &looped);
	while (!looped.done) {
		struct tern_event event = {.size = sizeof(event)};
		struct pollfd ready = {.fd = tern_fd(scene.bus), .events = POLLIN};

		if (how == 2) {
			must_be(poll(&ready, 1, 60000), 1);
			while (tern_process(scene.bus) == 1)
				;
			while (tern_next(scene.bus, 0, &event) == 0)
				event_free(&event);
			continue;
		}
		if (tern_next(scene.bus, SHORT_NS, &event) < 0)
			continue;
		if (event.call == call)
			looped_event(call, &event, &looped);
		event_free(&event);
	}
	must_be(looped.result, 0);
	must(looped.blocked);
	must_be(looped.n_parts, n);
	must_be(looped.answer, n);
	(void)tern_call_unref(call);
}

START_TEST(in_loops)
{
	flow_service();
	followed(_i, "Mirror", 10000);
	followed(_i, "Loop", 10000);
}
END_TEST

static uint32_t
word(int i)
{
	return __atomic_load_n((const uint32_t *)&scene.words[i], __ATOMIC_ACQUIRE);
}

/* put_until_full() - @must_go so many go, however slowly; more of them at a glance. Return: how many went */
static uint32_t
put_until_full(tern_call *call, const void *bytes, size_t size, uint32_t must_go)
{
	uint32_t n = 0;
	int r;

	do {
		tern_message *part;

		must_be(tern_message_new_part(call, &part), 0);
		must_be(tern_message_append(part, bytes, size), 0);
		r = tern_call_put_message(part, n < must_go ? LONG_NS : SHORT_NS, 0);
		(void)tern_message_unref(part);
		n += r == 0;
	} while (r == 0);
	must_be(r, -EAGAIN);
	return n;
}

/* A reader that takes nothing gets its window and no more; each part that it reads makes room for others. */
START_TEST(slow_reader)
{
	static char bytes[100000];
	tern_call *call;
	uint32_t n, more, size = _i == 0 ? 0 : _i == 1 ? 1000 : sizeof(bytes);

	flow_service();
	call = flow_begin("Slow", 0, 0);
	n = put_until_full(call, bytes, size, STREAM_WINDOW / stream_cost_of(size));
	must_be(n, STREAM_WINDOW / stream_cost_of(size));
	must_be(word(FLOW_PARTS), 0);
	for (uint32_t i = 0; i < n; i++)
		tell(&scene.words[FLOW_GO]);
	wait_for(&scene.words[FLOW_PARTS], n);
	more = put_until_full(call, bytes, size, n - n / 4);
	must(more <= n);
	must_be(word(FLOW_PARTS), n);
	must_be(tern_call_end(call), 0);
	for (uint32_t i = 0; i <= more; i++)
		tell(&scene.words[FLOW_GO]);
	must_be(flow_answer(call), n + more);
}
END_TEST

START_TEST(errors_in_the_middle)
{
	struct tern_error error;
	tern_call *call;

	flow_service();
	call = flow_begin("Refuse", 3, 0);
	for (uint64_t i = 0; i < 3; i++)
		must_be(flow_number(call), i);
	must_be(tern_call_wait(call, TERN_DEFAULT, NULL, &error), -EREMOTEIO);
	must(strcmp(error.name, "org.example.Scene.Enough") == 0);
	must_be(tern_call_put(call, NULL), -EPIPE);
	must_be(tern_call_wait(call, TERN_DEFAULT, NULL, NULL), -ENODATA);
	(void)tern_call_unref(call);
	call = flow_begin("NoSuch", 3, 0);
	must_be(tern_call_wait(call, TERN_DEFAULT, NULL, &error), -EREMOTEIO);
	must(strcmp(error.name, "tern.NoSuchMember") == 0);
	(void)tern_call_unref(call);
}
END_TEST

/* Who streams and who does not find out in words. */
START_TEST(plain_calls)
{
	struct tern_error error;
	tern_message *m, *reply;
	tern_call *call;
	uint64_t n;

	flow_service();
	must_be(tern_call_sync(scene.bus, SERVICE, "Count", NULL, &error, "[uu]", UINT64_C(1), UINT64_C(1)), -EREMOTEIO);
	must(strcmp(error.name, "tern.NeedsStream") == 0 && strstr(error.text, "TERN_STREAM"));
	must_be(tern_call_sync(scene.bus, SERVICE, "Sum", NULL, &error, NULL), -EREMOTEIO);
	must(strcmp(error.name, "tern.NeedsStream") == 0);
	must_be(tern_call_sync(scene.bus, SERVICE, "Follow", NULL, &error, NULL), -EREMOTEIO);
	must(strcmp(error.name, "tern.NeedsStream") == 0);
	must_be(tern_call_sync(scene.bus, SERVICE, "Both", &reply, NULL, "[uu]", UINT64_C(1), UINT64_C(1)), 0);
	must_be(tern_message_unpack(reply, "u", &n), 0);
	must_be(n, 0);
	(void)tern_message_unref(reply);
	call = flow_begin("Both", 1, 1);
	must_be(flow_number(call), 0);
	must_be(flow_answer(call), 1);
	must_be(flow_answer(flow_begin("Plain", 0, 0)), 1);

	must_be(tern_message_new_call(scene.bus, SERVICE, "Plain", &m), 0);
	must_be(tern_send(m, LONG_NS, TERN_STREAM | TERN_NO_REPLY, NULL), -EINVAL);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	(void)tern_message_unref(m);
	must_be(tern_call_is_stream(call), 0);
	must_be(tern_message_new_part(call, &m), -EOPNOTSUPP);
	must_be(tern_call_put(call, NULL), -EOPNOTSUPP);
	must_be(tern_call_end(call), -EOPNOTSUPP);
	must_be(tern_call_follow(call, looped_event, NULL), -EOPNOTSUPP);
	must(is_error("tern.NeedsStream"));
	(void)tern_call_unref(call);
}
END_TEST

/* Lent parts are read in place, in turn, and those of 2 MiB as well. */
START_TEST(lent_parts)
{
	enum { N = 200 };
	tern_message *part;
	const void *bytes;
	size_t size;

	flow_service();
	for (int k = 0; k < 2; k++) {
		uint64_t wanted = k ? 2 << 20 : 65536;
		tern_call *call = flow_begin("Frames", k ? N / 10 : N, wanted);

		for (int i = 0; i < (k ? N / 10 : N); i++) {
			must_be(tern_call_wait(call, TERN_DEFAULT, &part, NULL), 0);
			must_be(tern_message_part(part, 0, &bytes, &size), 0);
			must_be(size, wanted);
			must_be(((const uint8_t *)bytes)[0], i % 251);
			must_be(((const uint8_t *)bytes)[size - 1], i % 251);
			(void)tern_message_unref(part);
		}
		(void)flow_answer(call);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("streams");
	TCase *tcase = tcase_create("streams");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, scene_setup, scene_teardown);
	tcase_add_test(tcase, many_replies);
	tcase_add_test(tcase, many_requests);
	tcase_add_loop_test(tcase, both_ways, 0, 2);
	tcase_add_loop_test(tcase, in_loops, 0, 3);
	tcase_add_loop_test(tcase, slow_reader, 0, 3);
	tcase_add_test(tcase, errors_in_the_middle);
	tcase_add_test(tcase, plain_calls);
	tcase_add_test(tcase, lent_parts);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
