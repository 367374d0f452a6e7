/* SPDX-License-Identifier: MIT */

/*
 * scenes of programs on a bus: what libtern does between stamp and bell, and between the last look and sleep
 *
 * Each actor has a handle of its own, at a real ternd, which has nothing more to say once all know each other.
 */

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "base/hook.h"
#include "client/bus.h"
#include "client/daemon.h"
#include "fixture.h"
#include "scenes.h"
#include "tern/tern.h"

enum who { A, B, C };

enum {
	FIRST = 1000, /* numbers of a schedule: FIRST * schedule + 1, 2, ...; their reactions + REACTION */
	REACTION = 500,
	AFTERTHOUGHT = 600,
	PADDED = 1800, /* bytes: nearly a quarter of the ring */
	N_FLOOD = 6,
};

const char *scenes_address;

static tern_bus *programs[MAX_ACTORS];
static tern_peer ids[MAX_ACTORS]; /* asked for once: that takes the lock, and others may hold theirs */
static tern_topic *topic;
static tern_subscription *subscriptions[MAX_ACTORS];
static struct hook_clock clock_of_all;
static uint64_t sent, taken[MAX_ACTORS];
static const char *const tags[] = {"news", NULL};

/* --- what programs do --- */

/* take_number() - wait for the next message. Return: its number. */
static uint64_t
take_number(enum who who)
{
	struct tern_event event = {.size = sizeof(event)};
	uint64_t number = 0;
	int r;

	do {
		r = tern_next(programs[who], TERN_FOREVER, &event);
		promise(r == 0 && event.kind != TERN_GAP && event.kind != TERN_LOST);
		if (event.kind == TERN_CALL || event.kind == TERN_EVENT)
			promise(tern_message_unpack(event.message, "u", &number) == 0);
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
	} while (number == 0);
	return number;
}

static void
publish(uint64_t number)
{
	tern_message *m;

	promise(tern_message_new_event(topic, &m) == 0);
	promise(tern_message_pack(m, "u", number) == 0);
	promise(tern_publish_message(m, 0) == 0);
	(void)tern_message_unref(m); /* always NULL */
}

static void
send_number(enum who who, enum who other, uint64_t number, size_t padding)
{
	static const char zeroes[PADDED];
	char service[32];
	tern_message *m;

	(void)snprintf(service, sizeof(service), ":%llu", (unsigned long long)ids[other]);
	promise(tern_message_new_call(programs[who], service, "n", &m) == 0);
	promise(tern_message_pack(m, "u", number) == 0);
	if (padding)
		promise(tern_message_append(m, zeroes, padding) == 0);
	promise(tern_send(m, TERN_FOREVER, TERN_NO_REPLY, NULL) == 0);
	(void)tern_message_unref(m); /* always NULL */
}

/* --- a batch --- */

/* clock_begin() - from now on it stands still, nearly */
static void
clock_begin(void)
{
	hook_clock = NULL;
	clock_of_all = (struct hook_clock){.now = clock_now_ns(), .step = 100};
	hook_clock = &clock_of_all;
}

static void
program_open(enum who who)
{
	int r;

	while ((r = tern_open(scenes_address, &programs[who])) == -EPROTO)
		clock_begin(); /* its hello was a second old: the machine is busy */
	must_be(r, 0);
	must_be(tern_set_option(programs[who], TERN_OPT_SPIN, 0), 0);
	must_be(bus_enter(programs[who]), 0);
	programs[who]->ring_again = UINT64_MAX / 4; /* a second bell would hide a lost one */
	bus_leave(programs[who]);
	ids[who] = tern_id(programs[who]);
}

static void
subscribe(enum who who)
{
	const struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_DROP_NEWEST, .tags = tags};

	must_be(tern_subscribe(programs[who], &rule, NULL, NULL, &subscriptions[who]), 0);
}

static bool
is_linked(enum who who, enum who other)
{
	struct partner *partner = partner_find(programs[who], ids[other]);

	return partner && partner->link->ready;
}

/* acquaint() - a link, with both hellos read */
static void
acquaint(enum who who, enum who other)
{
	send_number(who, other, 1, 0);
	must_be(take_number(other), 1);
	while (!is_linked(who, other))
		(void)tern_process(programs[who]);
}

static void
bus_begin(unsigned int n)
{
	clock_begin();
	sent = 0;
	for (unsigned int i = 0; i < n; i++) {
		program_open(i);
		taken[i] = 0;
	}
}

/* listen_all() - A publishes, the others hear it */
static void
listen_all(unsigned int n)
{
	must_be(tern_topic_new(programs[A], tags, &topic), 0);
	for (unsigned int i = n; i-- > B;)
		subscribe(i);
	for (unsigned int i = B; i < n; i++)
		acquaint(A, i);
	publish(1);
	for (unsigned int i = B; i < n; i++)
		must_be(take_number(i), 1);
}

static void
bus_end(void)
{
	for (unsigned int i = 0; i < MAX_ACTORS; i++)
		subscriptions[i] = tern_subscription_free(subscriptions[i]);
	topic = tern_topic_free(topic);
	for (unsigned int i = 0; i < MAX_ACTORS; i++)
		programs[i] = tern_close(programs[i]);
	hook_max_hot = 0;
	hook_alone = true;
	hook_clock = NULL;
}

/* --- wake: one publishes, one sleeps --- */

static void
wake_begin(void)
{
	bus_begin(2);
	listen_all(2);
}

static void
publish_two(void)
{
	for (int i = 1; i <= 2; i++)
		publish(++sent * FIRST);
}

static void
hear_two(void)
{
	for (int i = 1; i <= 2; i++)
		promise(take_number(B) == ++taken[B] * FIRST);
}

static const int wake_rules[] = {RULE_SEND_FENCE, RULE_SLEEP_FENCE, RULE_SLEEP_LOOK, RULE_NEW_EPOCH, -1};

const struct scene scene_wake = {
	.name = "wake",
	.n_actors = 2,
	.actors = {publish_two, hear_two},
	.begin = wake_begin,
	.end = bus_end,
	.batch = 2000,
	.faults = 1 << FAULT_RELEASE | 1 << FAULT_ACQUIRE | 1 << FAULT_FENCE_SEQ,
	.rules = wake_rules,
};

/* --- order: an event to two, of whom one reacts to the other --- */

static void
order_begin(void)
{
	bus_begin(3);
	listen_all(3);
	acquaint(B, C);
}

static void
publish_one(void)
{
	publish(++sent * FIRST);
}

static void
hear_and_react(void)
{
	uint64_t number = take_number(B);

	promise(number == ++taken[B] * FIRST);
	send_number(B, C, number + REACTION, 0);
}

static void
hear_cause_first(void)
{
	taken[C]++;
	promise(take_number(C) == taken[C] * FIRST);
	promise(take_number(C) == taken[C] * FIRST + REACTION);
}

static const int order_rules[] = {RULE_COMMIT, RULE_DOZING_AFTER, RULE_SLEEP_LOOK, RULE_OTHERS_AFTER, -1};

const struct scene scene_order = {
	.name = "order",
	.n_actors = 3,
	.actors = {publish_one, hear_and_react, hear_cause_first},
	.begin = order_begin,
	.end = bus_end,
	.batch = 2000,
	.faults = 1 << FAULT_RELEASE | 1 << FAULT_ACQUIRE | 1 << FAULT_FENCE_SEQ,
	.rules = order_rules,
};

/* --- horizon: the same, and each round is one with a horizon --- */

static void
horizon_begin(void)
{
	order_begin();
	hook_alone = false;
}

/* Which of the two C has heard last, and looks at first, is then not always the same. */
static void
publish_and_tell(void)
{
	publish(++sent * FIRST);
	send_number(A, C, sent * FIRST + AFTERTHOUGHT, 0);
}

static void
hear_three(void)
{
	uint64_t cause = ++taken[C] * FIRST;
	bool heard = false;

	for (int i = 0; i < 3; i++) {
		uint64_t number = take_number(C);

		heard = heard || number == cause;
		promise(heard);
		promise(number >= cause && number < cause + FIRST);
	}
}

static const int horizon_rules[] = {RULE_COMMIT, RULE_HORIZON, RULE_LOOK_AFTER_H, -1};

const struct scene scene_horizon = {
	.name = "horizon",
	.n_actors = 3,
	.actors = {publish_and_tell, hear_and_react, hear_three},
	.begin = horizon_begin,
	.end = bus_end,
	.batch = 2000,
	.faults = 1 << FAULT_RELEASE | 1 << FAULT_ACQUIRE | 1 << FAULT_FENCE_SEQ,
	.rules = horizon_rules,
};

/* --- cold: the same, and one link alone stays hot --- */

static void
cold_begin(void)
{
	order_begin();
	hook_max_hot = 1;
}

static const int cold_rules[] = {RULE_COLD_FIRST, RULE_ASK_COLD, RULE_CHILL_LOOK, -1};

const struct scene scene_cold = {
	.name = "cold",
	.n_actors = 3,
	.actors = {publish_one, hear_and_react, hear_cause_first},
	.begin = cold_begin,
	.end = bus_end,
	.batch = 2000,
	.faults = 1 << FAULT_FENCE_SEQ,
	.rules = cold_rules,
};

/* --- unknown: an event to two, and then a call to one, over links that are new each time --- */

static void
unknown_begin(void)
{
	bus_begin(3);
	must_be(tern_topic_new(programs[A], tags, &topic), 0);
	subscribe(B);
	subscribe(C);
}

/* part() - A ends its link to the other, who has seen that when it returns */
static void
part(enum who other)
{
	struct partner *partner;
	bool came;

	must_be(bus_enter(programs[A]), 0);
	partner = partner_find(programs[A], ids[other]);
	if (partner)
		partner_end(partner);
	bus_leave(programs[A]);
	do {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t timeout = partner_find(programs[other], ids[A]) ? NSEC_PER_MSEC : 0;

		came = tern_next(programs[other], timeout, &event) == 0;
		must(!came || event.kind == TERN_LINKED || event.kind == TERN_LOST);
	} while (came || partner_find(programs[other], ids[A]));
}

/* unknown_before() - what ternd says of its new link is there for each of them, and is read by nobody but A */
static void
unknown_before(void)
{
	struct partner *partner;

	for (unsigned int i = B; i <= C; i++)
		part(i);
	must_be(bus_enter(programs[A]), 0);
	for (unsigned int i = B; i <= C; i++)
		must_be(daemon_introduce(programs[A], ids[i], TERN_FOREVER, &partner), 0);
	bus_leave(programs[A]);
}

static void
hear_cause_and_afterthought(void)
{
	taken[C]++;
	promise(take_number(C) == taken[C] * FIRST);
	promise(take_number(C) == taken[C] * FIRST + AFTERTHOUGHT);
}

static void
hear_one(void)
{
	promise(take_number(B) == ++taken[B] * FIRST);
}

static const int unknown_rules[] = {RULE_UNKNOWN_COLD, RULE_UNKNOWN_DOZING, -1};

const struct scene scene_unknown = {
	.name = "unknown",
	.n_actors = 3,
	.actors = {publish_and_tell, hear_one, hear_cause_and_afterthought},
	.begin = unknown_begin,
	.end = bus_end,
	.before = unknown_before,
	.batch = 50, /* after CLIENT_MAX_LINKS ternd waits until a program has read them all, and nobody reads in between */
	.rules = unknown_rules,
};

/* --- room: more than the ring holds, and it cannot be left for a larger one --- */

static struct rlimit usual_files;

static void
room_begin(void)
{
	struct rlimit none;

	bus_begin(2);
	acquaint(A, B);
	must_be(getrlimit(RLIMIT_NOFILE, &usual_files), 0);
	none = usual_files;
	none.rlim_cur = 3; /* there is no descriptor for a larger ring */
	must_be(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void
room_end(void)
{
	must_be(setrlimit(RLIMIT_NOFILE, &usual_files), 0);
	bus_end();
}

static void
flood(void)
{
	for (int i = 0; i < N_FLOOD; i++)
		send_number(A, B, ++sent * FIRST, PADDED);
}

static void
take_flood(void)
{
	for (int i = 0; i < N_FLOOD; i++)
		promise(take_number(B) == ++taken[B] * FIRST);
}

static const int room_rules[] = {RULE_ROOM_LOOK, RULE_ROOM_FENCE, RULE_GIVE_FENCE, RULE_PUBLISH_ROOM, -1};

const struct scene scene_room = {
	.name = "room",
	.n_actors = 2,
	.actors = {flood, take_flood},
	.begin = room_begin,
	.end = room_end,
	.batch = 2000,
	.faults = 1 << FAULT_RELEASE | 1 << FAULT_ACQUIRE | 1 << FAULT_FENCE_SEQ,
	.rules = room_rules,
};
