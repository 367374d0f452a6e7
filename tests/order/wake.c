/* SPDX-License-Identifier: MIT */

/*
 * wake: nobody sleeps on what was sent
 *
 * A and B send to C, which sleeps in somebody else's loop: it is awake when its descriptor is
 * readable. Bells are system calls of the sender, so there is nothing to wait for.
 */

#include "scene.h"

static void
two(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, C);
}

/* hears() - is C awake, or has it got it already? */
static bool
hears(struct scene *scene, long number)
{
	return place_of(scene, C, number) >= 0 || act(scene, C, is_woken, 0) > 0;
}

/* sleep_until() - C goes to sleep and is held on the way */
static void
sleep_until(struct scene *scene, const char *point)
{
	act(scene, C, sleep_tight, 0);
	stop_at(scene, C, point, 1);
	begin(scene, C, sleep_tight, 0);
	must(is_held(scene, C));
}

/* A sends after C's last round, while it is hot still: no bell. C must look once more. */
static bool
sent_before_doze(struct scene *scene)
{
	two(scene);
	sleep_until(scene, "before-doze");
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	go(scene, C);
	return hears(scene, 1);
}

/* A sends when C has said that it sleeps, and has not looked for the last time: at worst a bell too many. */
static bool
sent_while_dozing_off(struct scene *scene)
{
	two(scene);
	sleep_until(scene, "dozing");
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	go(scene, C);
	return hears(scene, 1);
}

/* A's record is not visible yet when C looks for the last time, and A has read that C is hot. */
static bool
sent_without_fence(struct scene *scene)
{
	two(scene);
	stop_at(scene, A, "attention-read", 1);
	begin(scene, A, tell_peer, id_of(scene, C), 1);
	must(is_held(scene, A));
	act(scene, C, sleep_tight, 0);
	must_be(go(scene, A), 0);
	return hears(scene, 1);
}

/* C looks for the last time before A can see that it sleeps. */
static bool
slept_without_fence(struct scene *scene)
{
	two(scene);
	sleep_until(scene, "doze-looked");
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	go(scene, C);
	return hears(scene, 1);
}

/* C sleeps, is woken, and sleeps again: A rings again. */
static bool
woken_twice(struct scene *scene)
{
	two(scene);
	act(scene, C, sleep_tight, 0);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	must(hears(scene, 1));
	act(scene, C, sleep_tight, 0);
	must(place_of(scene, C, 1) >= 0);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 2), 0);
	return hears(scene, 2);
}

/* The same, and the link that is rung the second time is not the one that ended the sleep. */
static bool
woken_by_both(struct scene *scene)
{
	two(scene);
	enter(scene, B);
	acquaint(scene, B, C);
	act(scene, C, sleep_tight, 0);
	must_be(act(scene, B, tell_peer, id_of(scene, C), 1), 0);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 2), 0);
	act(scene, C, sleep_tight, 0);
	must(place_of(scene, C, 2) >= 0);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 3), 0);
	return hears(scene, 3);
}

/* A has not read C's hello, so it knows nothing of its attention; C has read A's, and sleeps. */
static bool
unknown_partner(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	stop_at(scene, A, "stamped", 1);
	begin(scene, A, tell_peer, id_of(scene, C), 1);
	must(is_held(scene, A));
	act(scene, C, sleep_tight, 0);
	must_be(act(scene, C, is_linked, id_of(scene, A)), 1);
	must_be(go(scene, A), 0);
	if (!hears(scene, 1))
		return false;
	act(scene, C, sleep_tight, 0);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 2), 0); /* each push is a new epoch */
	return hears(scene, 2);
}

/* A sends after C's last round, and C makes the link cold: it must look once more. */
static bool
sent_before_cold(struct scene *scene)
{
	two(scene);
	enter(scene, B);
	acquaint(scene, B, C);
	act(scene, C, set_max_hot, 1);
	stop_at(scene, C, "before-chill", 1);
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1), 0);
	go(scene, C);
	act(scene, C, sleep_tight, 0);
	return hears(scene, 1);
}

/* A sends to C in a batch, then has to wait for room at B: C hears of it meanwhile. */
static bool
batch_and_wait(struct scene *scene)
{
	bool heard;

	two(scene);
	enter(scene, B);
	acquaint(scene, A, B);
	must(act(scene, A, fill, id_of(scene, B)) > 0);
	act(scene, C, sleep_tight, 0);
	must_be(act(scene, A, tell_peer, id_of(scene, C), 1, TERN_BATCH), 0);
	stop_at(scene, A, "room-full", 2); /* the first is the notice that fill() asked for */
	begin(scene, A, tell_padded, id_of(scene, B), 2, QUARTER);
	must(is_held(scene, A));
	heard = hears(scene, 1);
	resume(scene, A);
	while (place_of(scene, B, 2) < 0)
		act(scene, B, take, 0);
	must_be(finish(scene, A), 0);
	return heard;
}

const struct story stories_wake[] = {
	{"sent before doze", RULE_SLEEP_LOOK, sent_before_doze},
	{"sent while dozing off", N_RULES, sent_while_dozing_off},
	{"sent without fence", RULE_SEND_FENCE, sent_without_fence},
	{"slept without fence", RULE_SLEEP_FENCE, slept_without_fence},
	{"woken twice", RULE_NEW_EPOCH, woken_twice},
	{"woken by both", RULE_HEAT_ALL, woken_by_both},
	{"an unknown partner", RULE_UNKNOWN_COLD, unknown_partner},
	{"sent before cold", RULE_CHILL_LOOK, sent_before_cold},
	{"a batch and a wait", RULE_FLUSH_WAIT, batch_and_wait},
	{0},
};
