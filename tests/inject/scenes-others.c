/* SPDX-License-Identifier: MIT */

/* scenes-others: a program of another user, one that does not read, many that hear; see scenes.h */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "scenes.h"

#define STRANGER "org.example.Stranger"
#define SECOND	 STRANGER ".Second"

#define _stranger_ _cleanup_(stranger_end)

/* What goes between two users is copied: an event once for each, and a part by who looks at it. */
static int
run_stranger(void)
{
	const char *const tags[] = {"tortured.says", NULL};
	_stranger_ struct stranger stranger = stranger_begin(STRANGER);
	_bus_ tern_bus *bus = NULL;
	_message_ tern_message *reply = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;
	const void *back;
	size_t size;

	TRY(open_bus(&bus));
	TRY(tern_topic_new(bus, tags, &topic));
	TRY(publish_large(topic));
	TRY(tern_publish(topic, "u", UINT64_C(1)));
	TRY(tern_call_sync(bus, STRANGER, "Give", &reply, NULL, NULL));
	TRY(tern_message_part(reply, 0, &back, &size));
	MUST(size == LARGE && ((const uint8_t *)back)[size - 1] == 9);
	return 0;
}

/* --- descriptors --- */

enum {
	N_HANDED = 9, /* events, with 16 descriptors each: of both more than one user may have waiting, of one not */
	FEW_FDS = 1024,
};

static int
take_all(tern_bus *bus, const struct hearing *hearing, unsigned int n)
{
	uint64_t end = clock_now_ns() + WAIT_NS;

	while (hearing->n < n) {
		TRY(tern_process(bus));
		if (clock_now_ns() > end)
			return -ETIME;
	}
	return 0;
}

static int
be_handed(const struct stranger *first, const struct stranger *second)
{
	const char *const tags[] = {"stranger.hands", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct hearing hearing = {0};
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;

	TRY(open_bus(&bus));
	TRY(tern_subscribe(bus, &rule, hear, &hearing, &s));
	TRY(echo_once(bus, STRANGER, 1));
	TRY(echo_once(bus, SECOND, 2));
	stranger_do(first, N_HANDED);
	stranger_do(second, N_HANDED);
	return take_all(bus, &hearing, 2 * N_HANDED);
}

/* Two links of one user, with more descriptors than he may have waiting here: some wait in the socket. */
static int
run_handed(void)
{
	_stranger_ struct stranger first = stranger_begin(STRANGER), second = stranger_begin(SECOND);
	struct rlimit limit, few;
	int r;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= FEW_FDS);
	few = (struct rlimit){FEW_FDS, limit.rlim_max};
	MUST(setrlimit(RLIMIT_NOFILE, &few) == 0); /* what users share is a part of that */
	r = be_handed(&first, &second);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	return r;
}

/* --- one that does not read --- */

enum { N_FILLED = 300 };

static int
fill_method(tern_call *call, tern_message *m, void *user)
{
	static uint8_t bytes[1500];

	return tern_reply(call, "y", bytes, sizeof(bytes));
}

static int
hand_method(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "h", STDIN_FILENO);
}

/* ask() - without taking the answer; who answers does so now */
static int
ask(tern_bus *asks, tern_bus *answers, const char *member, unsigned int *n_answers)
{
	_message_ tern_message *m = NULL;
	_call_ tern_call *call = NULL;
	int r;

	TRY(tern_message_new_call(asks, SELF, member, &m));
	TRY(tern_send(m, 4 * WAIT_NS, 0, &call));
	TRY(tern_call_then(call, count_answer, n_answers));
	while ((r = tern_process(answers)) == 1)
		;
	return r;
}

/* Answers that find no room are kept, with what they carry; a child has none of them. */
static int
run_kept(void)
{
	static const struct tern_method methods[] = {{"Fill", fill_method}, {"Hand", hand_method}};
	unsigned int n_answers = 0;
	_bus_ tern_bus *bus = NULL, *other = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	uint64_t end;

	TRY(open_bus(&bus));
	TRY(tern_set_option(bus, TERN_OPT_MAX_WAIT, 0));
	TRY(tern_serve(bus, SELF, NULL, methods, ARRAY_SIZE(methods), NULL, &service));
	TRY(open_bus(&other));
	for (unsigned int i = 0; i < N_FILLED; i++)
		TRY(ask(other, bus, "Fill", &n_answers));
	TRY(ask(other, bus, "Hand", &n_answers));
	fork_once(bus);
	end = clock_now_ns() + WAIT_NS;
	while (n_answers < N_FILLED + 1) {
		TRY(tern_process(other));
		TRY(tern_process(bus));
		if (clock_now_ns() > end)
			return -ETIME;
	}
	return 0;
}

/* --- many that hear --- */

/* More than a publisher has room for without asking for memory. */
static int
run_heard(void)
{
	const char *const tags[] = {"tortured.shouts", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *s[18] = {0};
	tern_bus *others[ARRAY_SIZE(s)] = {0};
	struct hearing hearing = {0};
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;
	int r = open_bus(&bus);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(others); i++) {
		r = open_bus(&others[i]);
		if (r >= 0)
			r = tern_subscribe(others[i], &rule, hear, &hearing, &s[i]);
	}
	if (r >= 0)
		r = tern_topic_new(bus, tags, &topic);
	if (r >= 0)
		r = tern_publish(topic, "u", UINT64_C(1));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		(void)tern_subscription_free(s[i]); /* always NULL, both */
		(void)tern_close(others[i]);
	}
	return r;
}

const struct scene scenes_of_others[] = {
	{"stranger", run_stranger},
	{"handed", run_handed},
	{"kept", run_kept},
	{"heard", run_heard},
	{NULL},
};
