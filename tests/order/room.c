/* SPDX-License-Identifier: MIT */

/*
 * room: who waits for room is woken when there is some, and takes no more than there is
 *
 * A fills its ring to C with records of nearly a quarter of it.
 */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scene.h"

enum { FULL = 4 }; /* so many fit */

static void
two(struct scene *scene)
{
	enter(scene, A);
	enter(scene, C);
	acquaint(scene, A, C);
}

/* knows_room() - is A awake, or was it told already? */
static bool
knows_room(struct scene *scene)
{
	return place_of(scene, A, LOG_WRITABLE) >= 0 || act(scene, A, is_woken, 0) > 0;
}

static void
take_all(struct scene *scene)
{
	while (act(scene, C, take, 0) > 0)
		;
}

/* C makes room after A has looked for it and before it says that it waits. */
static bool
room_before_word(struct scene *scene)
{
	two(scene);
	must_be(act(scene, A, fill, id_of(scene, C)), FULL);
	stop_at(scene, A, "room-full", 1);
	begin(scene, A, sleep_tight, 0);
	must(is_held(scene, A));
	take_all(scene);
	go(scene, A);
	return knows_room(scene);
}

/* C makes room, and does not see yet that A waits; A has looked already. */
static bool
waited_without_fence(struct scene *scene)
{
	two(scene);
	must_be(act(scene, A, fill, id_of(scene, C)), FULL);
	stop_at(scene, A, "room-looked", 1);
	begin(scene, A, sleep_tight, 0);
	must(is_held(scene, A));
	take_all(scene);
	go(scene, A);
	return knows_room(scene);
}

/* A looks for room before it can see what C gave back, and C has seen nobody waiting. */
static bool
given_without_fence(struct scene *scene)
{
	bool has_room;

	two(scene);
	for (int i = 0; i < FULL; i++)
		must_be(act(scene, A, tell_nonblock, id_of(scene, C), 1, QUARTER), 0);
	stop_at(scene, C, "room-read", 2); /* the last time */
	begin(scene, C, take, 0);
	must(is_held(scene, C));
	has_room = act(scene, A, tell_nonblock, id_of(scene, C), 2, QUARTER) == 0;
	act(scene, A, sleep_tight, 0);
	go(scene, C);
	return has_room || knows_room(scene);
}

/* C takes everything and sleeps: A has been told. */
static bool
room_before_sleep(struct scene *scene)
{
	two(scene);
	must_be(act(scene, A, fill, id_of(scene, C)), FULL);
	act(scene, A, sleep_tight, 0);
	act(scene, C, sleep_tight, 0);
	return knows_room(scene);
}

/* says_overrun() - what it said before it died, which is closed: that its ring would have been overrun, and no more */
static bool
says_overrun(int said)
{
	char text[512] = "";

	must(pread(said, text, sizeof(text) - 1, 0) >= 0);
	(void)close(said);
	/* clang says ring_out_begin(...) */
	return strstr(text, "ring_out_begin") && strstr(text, ": Assertion") && strchr(text, '\n') == strrchr(text, '\n');
}

/* One thread of A was told that there is room; the other takes it first. */
static bool
room_taken_by_another(struct scene *scene)
{
	int n = 0, said = memfd_create("said", MFD_CLOEXEC);

	must(said >= 0);
	two(scene);
	if (scene_is_off(scene))
		must_be(act(scene, A, say_into, said), 0);
	n = (int)act(scene, A, fill, id_of(scene, C));
	stop_at(scene, A, "room-full", 1);
	begin(scene, A, tell_padded, id_of(scene, C), 1, QUARTER);
	must(is_held(scene, A));
	take_all(scene);
	stop_at(scene, A, "room-came", 1);
	resume(scene, A);
	must(is_held(scene, A));
	begin_on(scene, A, 1, fill, id_of(scene, C));
	n += (int)finish_on(scene, A, 1);
	resume(scene, A);
	if (is_over_on(scene, A, 0, scene_is_off(scene)) && finish(scene, A) < 0) {
		must(says_overrun(said)); /* it did not survive what it did */
		return false;
	}
	(void)close(said);
	while (n_delivered(scene, C) < n + 1)
		act(scene, C, take, 0);
	return finish(scene, A) == 0;
}

/* A had to wait: its stamp is of after that, for others were taken in meanwhile. */
static bool
stamped_after_wait(struct scene *scene)
{
	uint64_t room_at;

	scene_set_clock(scene, UINT64_C(1000000000), 1);
	two(scene);
	must_be(act(scene, A, fill, id_of(scene, C)), FULL);
	stop_at(scene, A, "room-full", 1);
	begin(scene, A, tell_padded, id_of(scene, C), 1, QUARTER);
	must(is_held(scene, A));
	scene_add_clock(scene, 1000);
	room_at = scene_now(scene);
	take_all(scene);
	resume(scene, A);
	while (place_of(scene, C, 1) < 0)
		act(scene, C, take, 0);
	must_be(finish(scene, A), 0);
	return (uint64_t)act(scene, C, last_stamp, 0) > room_at;
}

/* --- events that are kept for a slow reader --- */

/* keep_one() - A publishes until it keeps an event for C, the last. Return: its number. */
static long
keep_one(struct scene *scene)
{
	two(scene);
	must_be(act(scene, C, subscribe, TERN_DROP_OLDEST), 0);
	for (long i = 1; i < FULL; i++)
		must_be(act(scene, A, publish_padded, i, QUARTER), 0);
	must_be(act(scene, A, publish_padded, FULL, QUARTER), 0);
	return FULL;
}

/* C makes room, of which A has not heard; then A publishes something small. */
static bool
kept_goes_first(struct scene *scene)
{
	long kept = keep_one(scene);

	take_all(scene);
	must(place_of(scene, C, kept) < 0);
	must_be(act(scene, A, publish, kept + 1), 0);
	act(scene, A, sleep_tight, 0);
	take_all(scene);
	return came_before(scene, C, kept, kept + 1);
}

/* C makes room after A has found none and before it says that it waits; A does nothing further by itself. */
static bool
room_before_kept_word(struct scene *scene)
{
	bool woken;

	two(scene);
	must_be(act(scene, C, subscribe, TERN_LATEST), 0);
	act(scene, A, sleep_tight, 0);
	for (long i = 1; i < FULL; i++)
		must_be(act(scene, A, publish_padded, i, QUARTER), 0);
	act(scene, A, sleep_tight, 0);
	stop_at(scene, A, "kept-full", 1);
	begin(scene, A, publish_padded, FULL, QUARTER);
	must(is_held(scene, A));
	take_all(scene);
	must_be(go(scene, A), 0);
	woken = act(scene, A, is_woken, 0) > 0;
	take_all(scene);
	return woken || place_of(scene, C, FULL) >= 0;
}

/* An event that waited is stamped when it goes: it comes after what its publisher had taken in by then. */
static bool
stamped_when_it_goes(struct scene *scene)
{
	uint64_t room_at;
	long kept;

	scene_set_clock(scene, UINT64_C(1000000000), 1);
	kept = keep_one(scene);
	scene_add_clock(scene, 1000);
	room_at = scene_now(scene);
	take_all(scene);
	act(scene, A, sleep_tight, 0);
	while (place_of(scene, C, kept) < 0)
		act(scene, C, take, 0);
	return (uint64_t)act(scene, C, last_stamp, 0) > room_at;
}

const struct story stories_room[] = {
	{"room before the word", RULE_ROOM_LOOK, room_before_word},
	{"waited without fence", RULE_ROOM_FENCE, waited_without_fence},
	{"given without fence", RULE_GIVE_FENCE, given_without_fence},
	{"room before sleep", RULE_PUBLISH_ROOM, room_before_sleep},
	{"stamped after the wait", N_RULES, stamped_after_wait},
	{"room taken by another", RULE_ROOM_RECHECK, room_taken_by_another},
	{"kept goes first", RULE_KEPT_FIRST, kept_goes_first},
	{"room before the word of what is kept", RULE_ROOM_LOOK, room_before_kept_word},
	{"stamped when it goes", N_RULES, stamped_when_it_goes},
	{0},
};
