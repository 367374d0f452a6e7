/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * crowd: many clients of one ternd, in processes of their own, that do nothing
 * once they are there
 *
 * Made by the client of a run, one after the other, and ended before it ends.
 * Its record lies in the scratch of the run.
 */

#include "tern_bus.h"

#define CROWD_MAX	10000
#define CROWD_A_PROCESS 1000 /* a client has about 10 descriptors */

/* What each of them does before it rests. */
enum {
	CROWD_OWNS = 1,	 /* a name */
	CROWD_HEARS = 2, /* a rule */
	CROWD_CALLS = 4, /* TERN_BENCH_NAME once, so that there is a link */
};

struct crowd_shared {
	_Atomic uint64_t n_ready;
	uint64_t private_bytes; /* of all of them together */
	uint64_t connect_ns[CROWD_MAX];
};

struct crowd {
	struct bench_run *run;
	uint64_t n;
	uint32_t flags;
	size_t n_pids;
	pid_t pids[CROWD_MAX / CROWD_A_PROCESS + 1];
};

/* crowd_open() - Return: 0 or a negative errno, told by run_fail(). Close it also if it failed. */
int crowd_open(struct crowd *ret, struct bench_run *run, uint64_t n, uint32_t flags);

/* crowd_close() - end and wait for them; a zeroed one is fine */
void crowd_close(struct crowd *crowd);

static inline struct crowd_shared *
crowd_shared(const struct bench_run *run)
{
	return (struct crowd_shared *)(void *)run->shared->scratch;
}
