/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * lap: what is too short for a clock of its own is timed 64 at a time
 *
 * The clock alone takes longer than a memory read. A lap is 64 times the same
 * thing between two clock reads; its mean counts as one time. So p50 and p99
 * are of laps: a single slow one among 64 fast ones shows as a 64th of itself.
 */

#include "run.h"

#define LAP_N 64

/**
 * struct lap - what is timed
 * @prepare: not timed, before each lap; NULL: nothing to prepare
 * @work: LAP_N times the thing
 * @settle: not timed, after each lap; NULL: nothing to do
 *
 * All return 0 or a negative errno.
 */
struct lap {
	int (*prepare)(void *user);
	int (*work)(void *user);
	int (*settle)(void *user);
	void *user;
};

/* lap_drive() - laps until told to stop. Return: 0 or a negative errno, told by run_fail(). */
int lap_drive(struct bench_run *run, const struct lap *lap);
