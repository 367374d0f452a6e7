/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * schedule: the real code, one program at a time, in orders that a seed decides
 *
 * A scene has up to four actors, which are programs as far as the code knows: each has its own end of what is
 * shared. They run in one thread. At each access to shared memory (base/atomic.h) another may go on, and a load may give
 * any value that C11 allows it to: memory.c keeps what was stored lately, with what each actor has to have seen.
 * So a fence or a release that is missing shows on any processor, and a seed that failed fails again.
 *
 *      many schedules ── a batch: the scene begins anew, and has its seed
 *                        └── a schedule: each actor runs to its end, from a state where nothing is on its way
 *
 * What is found: a promise() that is broken, bytes that are read while they may be written, all actors asleep, and
 * an actor that does not come to its end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/schedule.h"

enum {
	MAX_ACTORS = 4,
};

/* What may be taken out of the memory, to see that a scene can fail. */
enum memory_fault {
	FAULT_NONE,
	FAULT_RELEASE,     /* every release store is relaxed */
	FAULT_ACQUIRE,     /* every acquire load is relaxed */
	FAULT_FENCE_SEQ,   /* fence_seq() does nothing */
	FAULT_FENCE_ACQ,
	FAULT_FENCE_REL,
	N_FAULTS,
};

struct scene {
	const char *name;
	unsigned int n_actors;
	void (*actors[MAX_ACTORS])(void);
	void (*begin)(void); /* of a batch */
	void (*end)(void);
	void (*before)(void); /* each schedule; or NULL */
	unsigned int batch; /* schedules in one */
	uint32_t faults;    /* each of these (1 << enum memory_fault) breaks it */
	const int *rules;   /* and each of these taken out (enum hook_rule), -1 behind the last; or NULL */
};

/* promise() - in an actor: this holds, or the schedule has failed */
#define promise(x) ((x) ? (void)0 : scheduled_wrong(#x))
_Noreturn void scheduled_wrong(const char *what);

/* --- run.c --- */

/* schedule_run() - one schedule, as the seed decides. Return: what went wrong; NULL nothing. */
const char *schedule_run(const struct scene *scene, uint64_t seed, enum memory_fault fault);
/* schedule_pause() - in an actor that can do nothing now: let others */
void schedule_pause(void);
/* schedule_random() - a number below n, by the seed */
uint32_t schedule_random(uint32_t n);
/* schedule_actor() - which one runs; -1 none */
int schedule_actor(void);
/* schedule_n_steps() - accesses so far, of all schedules */
uint64_t schedule_n_steps(void);

/* schedule_step() - another may go on here (run.c, for memory.c) */
void schedule_step(void);

/* --- memory.c --- */

/* memory_begin() - all that was stored is seen by all */
void memory_begin(enum memory_fault fault, unsigned int staleness);
/* memory_meet() - this actor knows all that was done so far */
void memory_meet(int actor);
