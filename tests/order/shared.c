/* SPDX-License-Identifier: MIT */

/*
 * shared: an event reaches all its receivers at one instant, or none
 *
 * A publishes 1 to B and C; where it matters, B reacts with 2 to C.
 */

#include "scene.h"

/* two_strangers() - A will publish, B and C will hear it, and nobody has a link; B is the first of them */
static void
two_strangers(struct scene *scene)
{
	enter(scene, A);
	enter(scene, B);
	enter(scene, C);
	must_be(act(scene, C, subscribe, TERN_DROP_NEWEST), 0);
	must_be(act(scene, B, subscribe, TERN_DROP_NEWEST), 0);
}

/* two_listeners() - the same, and all know each other */
static void
two_listeners(struct scene *scene)
{
	two_strangers(scene);
	acquaint(scene, A, B);
	acquaint(scene, A, C);
	acquaint(scene, B, C);
}

/* publish_until() - A publishes and is held at this point */
static void
publish_until(struct scene *scene, const char *point)
{
	stop_at(scene, A, point, 1);
	begin(scene, A, publish, 1);
	must(is_held(scene, A));
}

/* lost_and_none() - both have heard that A is dead, and neither of the event */
static bool
lost_and_none(struct scene *scene)
{
	while (place_of(scene, B, LOG_LOST) < 0)
		act(scene, B, take, 0);
	while (place_of(scene, C, LOG_LOST) < 0)
		act(scene, C, take, 0);
	return place_of(scene, B, 1) < 0 && place_of(scene, C, 1) < 0;
}

/* A is killed when B's ring has the event and C's has not. */
static bool
killed_between_pushes(struct scene *scene)
{
	two_listeners(scene);
	publish_until(scene, "pushed");
	act(scene, B, take, 0);
	act(scene, C, take, 0);
	die(scene, A);
	return lost_and_none(scene);
}

/* A is killed when all rings have it, and it is not committed: none gets it. */
static bool
killed_before_commit(struct scene *scene)
{
	two_listeners(scene);
	publish_until(scene, "uncommitted");
	act(scene, B, take, 0);
	die(scene, A);
	return lost_and_none(scene);
}

/* A is killed when it is committed and nobody was rung: all get it, and then the loss. */
static bool
killed_before_bell(struct scene *scene)
{
	two_listeners(scene);
	act(scene, C, sleep_tight, 0);
	publish_until(scene, "committed");
	die(scene, A);
	while (act(scene, C, is_woken, 0) == 0) /* by the hang-up; ternd may hold the socket a while */
		;
	(void)lost_and_none(scene);
	return came_before(scene, B, 1, LOG_LOST) && came_before(scene, C, 1, LOG_LOST);
}

/* B could hear of it, and react, before it is in C's ring. */
static bool
reaction_between_pushes(struct scene *scene)
{
	two_listeners(scene);
	publish_until(scene, "pushed");
	act(scene, B, take, 0);
	if (place_of(scene, B, 1) >= 0)
		act(scene, B, tell_peer, id_of(scene, C), 2);
	act(scene, C, take, 0);
	must_be(go(scene, A), 0);
	act(scene, B, take, 0);
	if (place_of(scene, C, 2) < 0)
		act(scene, B, tell_peer, id_of(scene, C), 2);
	while (n_delivered(scene, C) < 2)
		act(scene, C, take, 0);
	return came_before(scene, C, 1, 2);
}

/* C's link to A is cold: it must have been rung when B can react. (A's page is there since 3, and wakes nobody.) */
static bool
cold_listener(struct scene *scene)
{
	two_listeners(scene);
	must_be(act(scene, A, publish, 3), 0);
	while (place_of(scene, C, 3) < 0)
		act(scene, C, take, 0);
	must_be(act(scene, B, tell_peer, id_of(scene, C), 4), 0); /* else B's link had no traffic for longer */
	while (place_of(scene, C, 4) < 0)
		act(scene, C, take, 0);
	act(scene, C, set_max_hot, 1);
	while (act(scene, C, is_linked, id_of(scene, A)) != 2)
		act(scene, C, take, 0);
	must_be(act(scene, C, is_linked, id_of(scene, B)), 1);
	publish_until(scene, "committed");
	while (place_of(scene, B, 1) < 0)
		act(scene, B, take, 0);
	must_be(act(scene, B, tell_peer, id_of(scene, C), 2), 0);
	act(scene, C, take, 0);
	must_be(go(scene, A), 0);
	while (n_delivered(scene, C) < 4)
		act(scene, C, take, 0);
	return came_before(scene, C, 1, 2);
}

/* C sleeps. Rung before the commit, it would find nothing it may take, and sleep on. */
static bool
dozing_listener(struct scene *scene)
{
	two_listeners(scene);
	act(scene, C, sleep_tight, 0);
	publish_until(scene, "uncommitted");
	act(scene, C, sleep_tight, 0);
	must_be(go(scene, A), 0);
	return act(scene, C, is_woken, 0) > 0;
}

/* A has not read C's hello, and C has read A's: rung before the commit alone, it would sleep on, too. */
static bool
unknown_listener(struct scene *scene)
{
	two_strangers(scene);
	publish_until(scene, "uncommitted");
	act(scene, C, sleep_tight, 0);
	must_be(act(scene, C, is_linked, id_of(scene, A)), 1);
	must_be(go(scene, A), 0);
	return act(scene, C, is_woken, 0) > 0;
}

/* C would make its link to A cold while the event lies in it; only dozing ones are rung after the commit. */
static bool
cold_before_commit(struct scene *scene)
{
	two_listeners(scene);
	publish_until(scene, "uncommitted");
	act(scene, C, set_max_hot, 1);
	act(scene, C, take, 0);
	act(scene, C, sleep_tight, 0);
	must_be(go(scene, A), 0);
	return act(scene, C, is_woken, 0) > 0;
}

/* Two threads of A publish. The commit word of the second must not cover the half-done event of the first. */
static bool
two_publishers(struct scene *scene)
{
	two_listeners(scene);
	publish_until(scene, "pushed");
	begin_on(scene, A, 1, publish, 3);
	(void)is_over_on(scene, A, 1, scene_is_off(scene)); /* it must wait: then it is not */
	act(scene, B, take, 0);
	act(scene, B, tell_peer, id_of(scene, C), 2);
	act(scene, C, take, 0);
	must_be(go(scene, A), 0);
	must_be(finish_on(scene, A, 1), 0);
	while (n_delivered(scene, B) < 2)
		act(scene, B, take, 0);
	while (n_delivered(scene, C) < 3)
		act(scene, C, take, 0);
	return came_before(scene, B, 1, 3) && came_before(scene, C, 1, 3);
}

const struct story stories_shared[] = {
	{"killed between pushes", RULE_COMMIT, killed_between_pushes},
	{"killed before the commit", N_RULES, killed_before_commit},
	{"killed before the bell", N_RULES, killed_before_bell},
	{"a reaction between pushes", RULE_COMMIT, reaction_between_pushes},
	{"a cold listener", RULE_COLD_FIRST, cold_listener},
	{"a dozing listener", RULE_DOZING_AFTER, dozing_listener},
	{"an unknown listener", RULE_UNKNOWN_DOZING, unknown_listener},
	{"cold before the commit", RULE_UNCOMMITTED_HOT, cold_before_commit},
	{"two publishers", RULE_SEND_LOCK, two_publishers},
	{0},
};
