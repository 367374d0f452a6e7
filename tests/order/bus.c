/* SPDX-License-Identifier: MIT */

/* bus: fairness, death, names and rules in the order of things */

#include "scene.h"

enum {
	MANY = 70,   /* more than the budget of a round, and small enough for the first ring */
	BUDGET = 64,
};

static void
send_many(struct scene *scene, enum who who, long first)
{
	for (int i = 0; i < MANY; i++)
		must_be(act(scene, who, tell_nonblock, id_of(scene, C), first + i, 0), 0);
}

/* A dies with more in its ring than C takes in a round: all of it comes, then the loss. */
static bool
last_words(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, C);
	send_many(scene, A, 1);
	die(scene, A);
	while (act(scene, C, is_linked, id_of(scene, A)) != 3) /* ternd may hold the socket a while */
		act(scene, C, take_ready, 0);
	while (place_of(scene, C, LOG_LOST) < 0)
		act(scene, C, take, 0);
	return n_delivered(scene, C) == MANY + 1 && came_before(scene, C, MANY, LOG_LOST);
}

/* A is gone before C has taken the link between them. */
static bool
one_shot(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	die(scene, A);
	while (place_of(scene, C, LOG_LOST) < 0)
		act(scene, C, take, 0);
	return came_before(scene, C, 1, LOG_LOST);
}

/* B floods C; what A says later is not kept waiting for all of it. */
static bool
flooded(struct scene *scene)
{
	enter(scene, A);
	enter(scene, B);
	enter(scene, C);
	acquaint(scene, A, C);
	acquaint(scene, B, C);
	send_many(scene, B, 1);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1000), 0);
	while (n_delivered(scene, C) < MANY + 1)
		act(scene, C, take, 0);
	return place_of(scene, C, 1000) <= BUDGET;
}

/* C learns that the name has no owner any more, and in the same round what its owner said before. */
static bool
owner_gone(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, C);
	must_be(act(scene, A, own_name, 0), 0);
	must_be(act(scene, C, hear_names, 0), 0);
	while (place_of(scene, C, LOG_NAME) < 0)
		act(scene, C, take, 0);
	stop_at(scene, C, "before-horizon", 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	must_be(act(scene, A, disown_name, 0), 0);
	go(scene, C);
	while (place_of(scene, C, 1) < 0 || place_of(scene, C, LOG_NAME_GONE) < 0)
		act(scene, C, take, 0);
	return came_before(scene, C, 1, LOG_NAME_GONE);
}

/* ternd is slow. When C has subscribed, A's event reaches it all the same. */
static bool
subscribed(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, C);
	scene_stop_ternd(scene);
	begin(scene, C, subscribe, TERN_DROP_NEWEST);
	if (!is_over_on(scene, C, 0, scene_is_off(scene)))
		scene_continue_ternd(scene);
	must_be(finish(scene, C), 0);
	must_be(act(scene, A, publish, 1), 0);
	scene_continue_ternd(scene);
	act(scene, C, take, 0);
	return place_of(scene, C, 1) >= 0;
}

/* A calls a name; before the call is there, the name has moved from B to C. */
static bool
name_moved(struct scene *scene)
{
	enter(scene, A);
	enter(scene, B);
	enter(scene, C);
	acquaint(scene, A, B);
	acquaint(scene, A, C);
	must_be(act(scene, B, own_name, 0), 0);
	stop_at(scene, A, "stamped", 1);
	begin(scene, A, call_name, 1);
	must(is_held(scene, A));
	must_be(act(scene, B, disown_name, 0), 0);
	must_be(act(scene, C, serve_name, 0), 0);
	must_be(go(scene, A), 0);
	act(scene, B, take, 0);
	for (int i = 0; i < 8 && place_of(scene, C, 1) < 0; i++) {
		act(scene, A, take, 0); /* it is told, asks ternd, sends again */
		act(scene, C, take, 0);
	}
	return place_of(scene, C, 1) >= 0 && place_of(scene, B, 1) < 0;
}

/* One link, everything in it: calls and events in the order in which they were sent. */
static bool
one_after_another(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	must_be(act(scene, C, subscribe, TERN_DROP_NEWEST), 0);
	acquaint(scene, A, C);
	for (int i = 1; i <= 40; i += 4) {
		must_be(act(scene, A, publish, i), 0);
		must_be(act(scene, A, tell_peer, id_of(scene, C), i + 1), 0);
		must_be(act(scene, A, publish, i + 2, TERN_BATCH), 0);
		must_be(act(scene, A, tell_peer, id_of(scene, C), i + 3, TERN_BATCH), 0);
	}
	while (n_delivered(scene, C) < 40)
		act(scene, C, take, 0);
	for (int i = 0; i < 40; i++)
		must_be(delivered(scene, C, i), i + 1);
	return true;
}

const struct story stories_bus[] = {
	{"last words", RULE_DRAIN, last_words},
	{"a one-shot sender", N_RULES, one_shot},
	{"flooded", RULE_BUDGET, flooded},
	{"the owner is gone", RULE_NAME_STAMP, owner_gone},
	{"subscribed", RULE_SUBSCRIBE_WAIT, subscribed},
	{"the name moved", RULE_BOUNCE, name_moved},
	{"one after another", N_RULES, one_after_another},
	{0},
};
