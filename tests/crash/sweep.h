/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * sweep: what the kill sweep and the flip sweep count, in one line in the end
 *
 *      sweep-test                                 some places of each scene, by a seed
 *      TERN_TEST_LONG=1 sweep-test                all of them (make sweep)
 *      TERN_TEST_LONG=1 TERN_TEST_PLACES=1000 …   of each scene about so many
 *      TERN_TEST_LONG=1 TERN_TEST_FROM=1000 …     those from there on: to go on with what was ended
 *      TERN_TEST_LONG=1 TERN_TEST_EVERY=1 …       at every instruction, also where that can make no
 *                                                 difference (around.h)
 *      TERN_TEST_LONG=1 TERN_TEST_EACH=2 …        so many flips at each place, not 16
 *      TERN_TEST_SEED=7 CK_RUN_CASE=publish …     others; one scene
 */

#include <check.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of all scenes, in memory that their processes share. */
struct totals {
	_Atomic uint64_t points, points_there, points_missed;
	_Atomic uint64_t flips, flips_missed, flip_places, flip_places_there;
	_Atomic uint64_t violations;
	_Atomic uint64_t slowest_ns; /* from a kill until all survivors are as before */
};

extern struct totals *totals;

/* violation() - say what, and count */
void violation(const char *scene, const char *what, const char *where);

/* sweep_picks() - is this one of n to be tried? All in the long form, else some `wanted` of them,
 * by the seed. */
bool sweep_picks(uint64_t i, uint64_t n, uint64_t wanted);
/* sweep_seed() - of this run; with a number, one of many */
uint64_t sweep_seed(uint64_t number);

/* kills_add(), daemon_kills_add(), flips_add() - a case for each scene */
void kills_add(Suite *suite);
void daemon_kills_add(Suite *suite);
void flips_add(Suite *suite);
