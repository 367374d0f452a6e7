/* SPDX-License-Identifier: MIT */

/* scenes-link: links without a bus, streams both ways, threads, a bus that is started anew; see
 * scenes.h */

#include "scenes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static int
run_direct(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_plain}};
	unsigned int n_calls = 0, n_answers = 0;
	char address[256];
	_bus_ tern_bus *bus = NULL, *direct = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	_call_ tern_call *call = NULL;
	struct tern_event event = {.size = sizeof(event)};
	int r;

	(void)snprintf(address, sizeof(address), "%s.direct", scene_address); /* fits */
	TRY(tern_listen(address, &direct));
	TRY(tern_set_option(direct, TERN_OPT_SPIN, 0));
	TRY(tern_serve(direct, NULL, NULL, methods, 1, &n_calls, &service));
	TRY(open_bus(&bus));
	TRY(send_echo(bus, "Dial", 0, 0, &call));
	TRY(tern_call_then(call, count_answer, &n_answers));
	while (n_answers == 0) {
		r = tern_next(direct, 5000000, &event);
		if (r == 0)
			let_go(&event);
		else if (r != -ETIME)
			return r;
		r = tern_next(bus, 5000000, &event);
		if (r == 0)
			let_go(&event);
		else if (r != -ETIME)
			return r;
	}
	return 0;
}

/* know_process() - of who answers, where the kernel tells it */
static int
know_process(tern_bus *direct)
{
	_message_ tern_message *reply = NULL;
	_cleanup_(fd_closep) int fd = -1;
	int r;

	TRY(tern_call_sync(direct, NULL, "Echo", &reply, NULL, "i", INT64_C(1)));
	r = tern_peer_pidfd(direct, tern_message_sender(reply), &fd);
	return r == -ENODATA ? 0 : r;
}

/* The other way round: the partner listens, hears, and says something. */
static int
run_dial(void)
{
	const char *const says[] = {"tortured.says", NULL}, *const hears[] = {"partner.says", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = hears, .policy = TERN_WAIT};
	struct hearing hearing = {0};
	char address[256];
	_bus_ tern_bus *direct = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;

	(void)snprintf(address, sizeof(address), "%s.partner", scene_address); /* fits */
	TRY(tern_dial(address, &direct));
	TRY(tern_set_option(direct, TERN_OPT_TIMEOUT, WAIT_NS));
	TRY(tern_set_option(direct, TERN_OPT_SPIN, 0));
	TRY(know_process(direct));
	TRY(tern_subscribe(direct, &rule, hear, &hearing, &s));
	TRY(tern_topic_new(direct, says, &topic));
	TRY(tern_publish(topic, "u", UINT64_C(1)));
	TRY(tern_call_sync(direct, NULL, "Say", NULL, NULL, "u", UINT64_C(2)));
	return next_until(direct, &hearing.n, 2);
}

/* --- streams --- */

struct parts {
	unsigned int n, n_ends;
	int result;
};

static void
on_part(tern_call *call, const struct tern_event *event, void *user)
{
	struct parts *parts = user;

	if (event->kind == TERN_PART)
		parts->n++;
	else if (event->kind == TERN_REPLY || event->kind == TERN_ERROR)
		parts->n_ends++;
	if (event->kind == TERN_ERROR)
		parts->result = event->result;
}

static int
put_large(tern_call *call)
{
	_message_ tern_message *part = NULL;
	void *lent;

	TRY(tern_message_new_part(call, &part));
	TRY(tern_message_pack(part, "u", UINT64_C(1)));
	TRY(tern_message_lend(part, LARGE, &lent));
	memset(lent, 5, LARGE);
	return tern_call_put_message(part, WAIT_NS, 0);
}

static int
put_descriptor(tern_call *call)
{
	_message_ tern_message *part = NULL;

	TRY(tern_message_new_part(call, &part));
	TRY(tern_message_pack(part, "u", UINT64_C(1)));
	TRY(tern_message_attach(part, STDIN_FILENO));
	return tern_call_put_message(part, WAIT_NS, 0);
}

/* Parts that are lent, a descriptor, more than there is credit for; the answers come by a handler.
 */
static int
run_parts_put(void)
{
	struct parts parts = {0};
	_bus_ tern_bus *bus = NULL;
	_message_ tern_message *m = NULL;
	_call_ tern_call *call = NULL;

	TRY(open_bus(&bus));
	TRY(tern_message_new_call(bus, PARTNER, "Count", &m));
	TRY(tern_send(m, 5 * WAIT_NS, TERN_STREAM, &call));
	TRY(tern_call_follow(call, on_part, &parts));
	for (int i = 0; i < 6; i++)
		TRY(put_large(call));
	TRY(put_descriptor(call));
	TRY(tern_call_end(call));
	TRY(next_until(bus, &parts.n_ends, 1));
	TRY(parts.result);
	MUST(parts.n == 7);
	return 0;
}

/* A stream that this side serves: what it takes comes back, until it ends. */
static int
count_method(tern_call *call, tern_message *m, void *user)
{
	_message_ tern_message *part = NULL;
	uint64_t n, sum = 0;
	int r;

	while ((r = tern_call_wait(call, TERN_DEFAULT, &part, NULL)) == 0) {
		r = tern_message_unpack(part, "u", &n);
		part = tern_message_unref(part);
		TRY(r);
		sum += n;
		TRY(tern_call_put(call, "u", sum));
	}
	return r == -ENODATA ? tern_reply(call, "u", sum) : r;
}

static int
run_parts_taken(void)
{
	static const struct tern_method methods[] = {{"Count", count_method}};
	unsigned int n_answers = 0;
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	_call_ tern_call *call = NULL;

	TRY(open_bus(&bus));
	TRY(tern_serve(bus, SELF, NULL, methods, 1, NULL, &service));
	TRY(send_echo(bus, "StreamBack", 3, 0, &call));
	TRY(tern_call_then(call, count_answer, &n_answers));
	return next_until(bus, &n_answers, 1);
}

/* --- threads --- */

static void *
echo_often(void *user)
{
	tern_bus *bus = user;
	intptr_t r = 0;

	for (int64_t i = 0; i < 5 && r == 0; i++)
		r = echo_once(bus, PARTNER, i);
	return (void *)r;
}

/* One leads, the others are handed what is theirs. */
static int
run_threads(void)
{
	_bus_ tern_bus *bus = NULL;
	pthread_t threads[3];
	void *result;
	int r = 0;

	TRY(open_bus(&bus));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		MUST(pthread_create(&threads[i], NULL, echo_often, bus) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		MUST(pthread_join(threads[i], &result) == 0);
		if (!r)
			r = (int)(intptr_t)result;
	}
	return r;
}

/* --- one ternd after another --- */

/* try_again() - for a while: who comes again takes a while to have everything */
static int
try_again(tern_bus *bus, int (*what)(tern_bus *bus))
{
	uint64_t end = clock_now_ns() + 4 * WAIT_NS;
	int r;

	while ((r = what(bus)) < 0 && clock_now_ns() < end)
		(void)usleep(2000);
	if (r < 0 && getenv("TORTURE_LOUD"))
		(void)fprintf(stderr, "again: %s\n", tern_last_error()->text);
	return r;
}

static int
echo_partner(tern_bus *bus)
{
	return echo_once(bus, PARTNER, 3);
}

static int
own_more(tern_bus *bus)
{
	static unsigned int n;
	char name[48];

	(void)snprintf(name, sizeof(name), "org.example.Tortured.More%u", n++); /* fits */
	return tern_own(bus, name, 0, NULL);
}

static int
run_again(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_plain}};
	const char *const hears[] = {"partner.says", NULL}, *const tags[] = {"tortured.says", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = hears, .policy = TERN_WAIT};
	struct hearing hearing = {0};
	unsigned int n_calls = 0;
	_bus_ tern_bus *bus = NULL, *other = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;

	TRY(open_bus(&bus));
	TRY(tern_serve(bus, SELF ".Again", NULL, methods, 1, &n_calls, &service));
	TRY(tern_subscribe(bus, &rule, hear, &hearing, &s));
	TRY(echo_once(bus, PARTNER, 1));
	scene_again();
	TRY(try_again(bus, echo_partner));
	TRY(try_again(bus, own_more));
	TRY(tern_topic_new(bus, tags, &topic));
	TRY(tern_publish(topic, "u", UINT64_C(1)));
	TRY(open_bus(&other));
	return try_again(other, echo_partner);
}

/* One that comes while there is none. */
static int
run_late(void)
{
	_bus_ tern_bus *bus = NULL, *first = NULL;

	TRY(open_bus(&first));
	scene_again();
	TRY(open_bus(&bus));
	return try_again(bus, echo_partner);
}

const struct scene scenes_of_links[] = {
	{"direct", run_direct},
	{"dial", run_dial},
	{"parts-put", run_parts_put},
	{"parts-taken", run_parts_taken},
	{"threads", run_threads},
	{"again", run_again, .ends_ternd = true},
	{"late", run_late, .ends_ternd = true},
	{NULL},
};
