/* SPDX-License-Identifier: MIT */

/*
 * causal: what A said first to C arrives there before what B says because A told it
 *
 * In all of them A sends 1 to C, then tells B, and B reacts with 2 to C.
 */

#include "scene.h"

enum { MSEC = 1000000 };

/* three() - A, B, C, all linked; at C, A's link is looked at before B's */
static void
three(struct scene *scene)
{
	enter(scene, B); /* the lowest number: first wherever the order goes by link */
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, B);
	acquaint(scene, B, C);
	acquaint(scene, A, C); /* had traffic last: first in the list */
}

/* say_and_react() - the whole of the cause, while C does something else */
static void
say_and_react(struct scene *scene)
{
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	must_be(act(scene, A, tell_peer, id_of(scene, B), 100), 0);
	while (place_of(scene, B, 100) < 0)
		act(scene, B, take, 0);
	must_be(act(scene, B, tell_peer, id_of(scene, C), 2), 0);
}

static bool
cause_came_first(struct scene *scene)
{
	while (n_delivered(scene, C) < 2)
		act(scene, C, take, 0);
	return came_before(scene, C, 1, 2);
}

/* C has looked at A's ring, finds it empty, and before it looks at B's both are full. */
static bool
between_two_looks(struct scene *scene)
{
	three(scene);
	stop_at(scene, C, "look", 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	say_and_react(scene);
	go(scene, C);
	return cause_came_first(scene);
}

/* Both are there when C looks; only the stamps tell which was first. */
static bool
found_together(struct scene *scene)
{
	three(scene);
	say_and_react(scene);
	return cause_came_first(scene);
}

/*
 * A's clock is a millisecond ahead when it sends to C, and right again when it tells B. What it tells B is
 * stamped later all the same, so B, whose clock is right, waits before it believes it.
 */
static bool
clock_goes_back(struct scene *scene)
{
	scene_set_clock(scene, UINT64_C(1000) * MSEC, 1);
	three(scene);
	act(scene, A, set_clock_back, -MSEC);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	act(scene, A, set_clock_back, 0);
	must_be(act(scene, A, tell_peer, id_of(scene, B), 100), 0);
	act(scene, B, take, 0);
	if (place_of(scene, B, 100) < 0) {
		scene_add_clock(scene, MSEC);
		act(scene, B, take, 0);
	}
	must(place_of(scene, B, 100) >= 0);
	must_be(act(scene, B, tell_peer, id_of(scene, C), 2), 0);
	act(scene, C, take, 0);
	scene_add_clock(scene, MSEC);
	return cause_came_first(scene);
}

/* A's clock is an hour ahead: what it sends is delivered all the same, and soon. */
static bool
wrong_clock(struct scene *scene)
{
	scene_set_clock(scene, UINT64_C(1000) * MSEC, 1);
	three(scene);
	act(scene, A, set_clock_back, -(3600L * 1000 * MSEC));
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 2), 0);
	for (int i = 0; i < 4; i++) {
		act(scene, C, take, 0);
		scene_add_clock(scene, MSEC);
	}
	return came_before(scene, C, 1, 2);
}

/* A is introduced to C in the middle of C's round; what A said first waits in a link C does not know yet. */
static bool
introduced_meanwhile(struct scene *scene)
{
	enter(scene, B);
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, B);
	acquaint(scene, B, C);
	stop_at(scene, C, "before-horizon", 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	say_and_react(scene);
	go(scene, C);
	return cause_came_first(scene);
}

/* cold_link() - at C, A's link is cold and B's is not */
static void
cold_link(struct scene *scene)
{
	enter(scene, B);
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, B);
	acquaint(scene, A, C);
	acquaint(scene, B, C); /* had traffic last: stays hot */
	act(scene, C, set_max_hot, 1);
	while (act(scene, C, is_linked, id_of(scene, A)) != 2)
		act(scene, C, take, 0);
	must_be(act(scene, C, is_linked, id_of(scene, B)), 1);
}

/* A's link is cold at C: C hears of it from the socket only, B's it sees. */
static bool
cold_cause(struct scene *scene)
{
	cold_link(scene);
	stop_at(scene, C, "before-horizon", 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	say_and_react(scene);
	go(scene, C);
	return cause_came_first(scene);
}

/* The same, and A sends in a batch, whose end is far. */
static bool
cold_cause_in_batch(struct scene *scene)
{
	cold_link(scene);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1, TERN_BATCH), 0);
	must_be(act(scene, A, tell_peer, id_of(scene, B), 100, TERN_BATCH), 0);
	while (place_of(scene, B, 100) < 0)
		act(scene, B, take, 0);
	must_be(act(scene, B, tell_peer, id_of(scene, C), 2), 0);
	act(scene, C, take, 0);
	act(scene, A, flush, 0);
	return cause_came_first(scene);
}

/* Without TERN_OPT_ORDER what is found is delivered at once. */
static bool
order_turned_off(struct scene *scene)
{
	three(scene);
	must_be(act(scene, C, set_order, 0), 0);
	stop_at(scene, C, "look", 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	say_and_react(scene);
	go(scene, C);
	return !cause_came_first(scene);
}

/* held_until() - cause and reaction come when C's round is here; it takes neither */
static bool
held_until(struct scene *scene, const char *point)
{
	three(scene);
	stop_at(scene, C, point, 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	say_and_react(scene);
	go(scene, C);
	must_be(n_delivered(scene, C), 0); /* both are younger than its horizon */
	return cause_came_first(scene);
}

static bool
after_horizon(struct scene *scene)
{
	return held_until(scene, "horizon");
}

static bool
after_looks(struct scene *scene)
{
	return held_until(scene, "looked");
}

/*
 * held_before() - B has said something, and C is held before it looks at B's ring
 *
 * Then A speaks, and B reacts: the look at B's ring finds the reaction too.
 */
static bool
held_before(struct scene *scene, const char *point)
{
	must_be(act(scene, C, set_alone, 1), 0);
	must_be(act(scene, B, tell_peer, id_of(scene, C), 3), 0);
	stop_at(scene, C, point, 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	say_and_react(scene);
	go(scene, C);
	while (n_delivered(scene, C) < 3)
		act(scene, C, take, 0);
	return came_before(scene, C, 3, 1) && came_before(scene, C, 1, 2);
}

/* That A's ring was empty before C looked at B's says nothing. */
static bool
alone_no_more(struct scene *scene)
{
	three(scene);
	return held_before(scene, "alone");
}

/* A is introduced to C meanwhile. */
static bool
alone_and_introduced(struct scene *scene)
{
	enter(scene, B);
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, B);
	acquaint(scene, B, C);
	return held_before(scene, "alone");
}

/* A's link is cold at C: its bell is in the epoll set, which a round alone does not ask. */
static bool
alone_but_cold(struct scene *scene)
{
	cold_link(scene);
	return held_before(scene, scene_is_off(scene) ? "alone" : "before-horizon");
}

/* A's clock is half a microsecond ahead, which B's round without a clock does not see; what B sends is later still. */
static bool
alone_and_ahead(struct scene *scene)
{
	scene_set_clock(scene, UINT64_C(1000) * MSEC, 1);
	three(scene);
	must_be(act(scene, B, set_alone, 1), 0);
	act(scene, A, set_clock_back, -500);
	say_and_react(scene);
	act(scene, C, take, 0);
	scene_add_clock(scene, MSEC);
	return cause_came_first(scene);
}

const struct story stories_causal[] = {
	{"between two looks", RULE_HORIZON, between_two_looks},
	{"looked before the horizon", RULE_LOOK_AFTER_H, between_two_looks},
	{"found together", RULE_SORT, found_together},
	{"the clock goes back", RULE_HYBRID, clock_goes_back},
	{"a wrong clock", RULE_CLAMP, wrong_clock},
	{"introduced meanwhile", RULE_INBOX, introduced_meanwhile},
	{"a hello in the socket", RULE_HELLO_LOOK, introduced_meanwhile},
	{"after the horizon", N_RULES, after_horizon},
	{"after the looks", N_RULES, after_looks},
	{"a cold cause", RULE_ASK_COLD, cold_cause},
	{"a cold cause in a batch", RULE_BATCH_COLD, cold_cause_in_batch},
	{"alone no more", RULE_OTHERS_AFTER, alone_no_more},
	{"alone, but for a cold link", RULE_ASK_COLD, alone_but_cold},
	{"alone, and introduced", RULE_INBOX, alone_and_introduced},
	{"alone, and ahead", RULE_HYBRID, alone_and_ahead},
	{"order turned off", N_RULES, order_turned_off},
	{0},
};
