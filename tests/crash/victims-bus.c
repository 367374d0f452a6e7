/* SPDX-License-Identifier: MIT */

/* victims-bus: what those do that are killed on a bus: come, own, ask for rules, be introduced,
 * keep a value; see kill.h */

#include "base/attribute.h"
#include "kill.h"

static void
prepare_nothing(struct victim *victim)
{
}

static void
prepare_open(struct victim *victim)
{
	victim_open(victim);
}

static void
prepare_to_say(struct victim *victim)
{
	victim_open(victim);
	say_before(victim, 2, 0);
}

static void
act_open(struct victim *victim)
{
	victim_open(victim);
}

/* One event for three: all of them hear it, or none. */
static void
act_say(struct victim *victim)
{
	say(victim, 2, 0, false, 0);
}

static void
act_lend(struct victim *victim)
{
	say(victim, 2, LENT_SIZE, false, 0);
}

/* The first to somebody: an introduction by ternd, and a link. */
static void
act_first_call(struct victim *victim)
{
	must_be(tern_call_sync(victim->bus, survivor_name(victim->stage, 0), "Take", NULL, NULL,
			"[uuuu]", (uint64_t)victim->number, UINT64_C(0), UINT64_C(0), UINT64_C(0)),
		0);
}

/* The first event: to three that there is no link with. */
static void
act_first_event(struct victim *victim)
{
	say(victim, 0, 0, false, 0);
}

static void
act_subscribe(struct victim *victim)
{
	static const char *const tags[] = {"sweep", "rule", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *s;

	must_be(tern_subscribe(victim->bus, &rule, NULL, NULL, &s), 0);
	(void)tern_subscription_free(s); /* always NULL */
	must_be(tern_flush(victim->bus), 0);
}

static void
act_own(struct victim *victim)
{
	must_be(tern_own(victim->bus, VICTIM_NAME, 0, NULL), 0);
	must_be(tern_disown(victim->bus, VICTIM_NAME), 0);
}

static void
act_close(struct victim *victim)
{
	victim->topic = tern_topic_free(victim->topic);
	victim->bus = tern_close(victim->bus);
}

/* --- a value --- */

static void
set(struct victim *victim, uint32_t number)
{
	must_be(tern_state_set(victim->state, "[uuuu]", (uint64_t)victim->number, (uint64_t)number,
			UINT64_C(0), UINT64_C(0)),
		0);
}

/* process_until() - what comes is handled until the director has done its part */
static void
process_until(struct victim *victim, const _Atomic uint32_t *word, uint32_t value)
{
	struct tern_event event = {.size = sizeof(event)};

	while (atomic_load(word) < value) {
		int r = tern_next(victim->bus, SHORT_NS / 50, &event);

		must(r == 0 || r == -ETIME || r == -EAGAIN);
		if (r == 0)
			(void)tern_message_unref(event.message); /* always NULL */
	}
}

static void
prepare_to_set(struct victim *victim)
{
	victim_open(victim);
	must_be(tern_serve(victim->bus, VICTIM_NAME, NULL, NULL, 0, victim, &victim->service), 0);
	must_be(tern_state_new(victim->service, "value", 64, &victim->state), 0);
	set(victim, 0);
	atomic_store(&victim->stage->ready, victim->number);
	process_until(victim, &victim->stage->go, victim->number);
	wait_for(&victim->stage->reports[0].whole[0], 1);
}

static void
act_set(struct victim *victim)
{
	set(victim, 1);
	set(victim, 2);
}

/* --- an answer --- */

static int
answer(tern_call *call, tern_message *m, void *user)
{
	struct victim *victim = user;

	atomic_store(&victim->stage->paused, victim->number);
	return tern_reply(
		call, "[uuuu]", (uint64_t)victim->number, UINT64_C(0), UINT64_C(0), UINT64_C(0));
}

static void
prepare_to_answer(struct victim *victim)
{
	static const struct tern_method methods[] = {{"Answer", answer}};

	victim_open(victim);
	must_be(tern_serve(victim->bus, VICTIM_NAME, NULL, methods, 1, victim, &victim->service),
		0);
	victim_wait(victim);
}

static void
act_answer(struct victim *victim)
{
	process_until(victim, &victim->stage->paused, victim->number); /* its handler has run */
}

const struct scene victims_of_bus[] = {
	{.name = "open",
		.by_bus = true,
		.around = true,
		.n_survivors = 1,
		.prepare = prepare_nothing,
		.act = act_open,
		.is_long = true},
	{.name = "publish-to-three",
		.by_bus = true,
		.n_survivors = 3,
		.n_before = 2,
		.n_act = 1,
		.prepare = prepare_to_say,
		.act = act_say,
		.n_links = 1},
	{.name = "lend-to-three",
		.by_bus = true,
		.n_survivors = 3,
		.n_before = 2,
		.n_act = 1,
		.prepare = prepare_to_say,
		.act = act_lend,
		.n_links = 1},
	{.name = "introduction",
		.by_bus = true,
		.around = true,
		.n_survivors = 1,
		.n_act = 1,
		.prepare = prepare_open,
		.act = act_first_call,
		.is_long = true},
	{.name = "introduction-to-three",
		.by_bus = true,
		.around = true,
		.n_survivors = 3,
		.n_act = 1,
		.prepare = prepare_open,
		.act = act_first_event,
		.is_long = true},
	{.name = "rule",
		.by_bus = true,
		.around = true,
		.n_survivors = 1,
		.prepare = prepare_open,
		.act = act_subscribe},
	{.name = "own",
		.by_bus = true,
		.around = true,
		.n_survivors = 1,
		.prepare = prepare_open,
		.act = act_own,
		.is_long = true},
	{.name = "state",
		.by_bus = true,
		.n_survivors = 1,
		.n_before = 1,
		.n_act = 2,
		.prepare = prepare_to_set,
		.act = act_set,
		.command = "OpenState",
		.n_links = 1},
	{.name = "answer",
		.by_bus = true,
		.around = true,
		.n_survivors = 1,
		.n_act = 1,
		.prepare = prepare_to_answer,
		.act = act_answer,
		.command = "CallVictim",
		.is_long = true},
	{.name = "close",
		.by_bus = true,
		.around = true,
		.n_survivors = 3,
		.n_before = 2,
		.prepare = prepare_to_say,
		.act = act_close,
		.n_links = 1},
	{.name = NULL},
};
