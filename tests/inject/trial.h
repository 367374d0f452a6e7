/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * trial: what each trial of a torture has: ternd and an honest partner beside, one call that fails,
 * and what is told
 *
 * In one process; nothing here is for threads.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inject.h"
#include "scenes.h"

enum {
	EXIT_AGAIN = 90, /* the second try failed */
	EXIT_BLOCKS,
	EXIT_FDS,
	EXIT_MAPS,
};

/* of the trial: what the scene returned, then the second try; how many ternds it asked for, and how
 * many came */
enum { FIRST_TRY, SECOND_TRY, N_WANTED, N_CAME, N_RESULTS };

struct trials {
	struct inject *inject; /* shared with whom is tortured */
	int inject_fd;
	_Atomic int32_t *results; /* shared: N_RESULTS */
	pid_t ternd, partner;	  /* 0: none */
	bool checks;		  /* a ternd that is started only looks at its files */
	bool makes;		  /* place() */
	bool forgets;		  /* it knows nothing of the one before */
	bool replaces;		  /* a ternd that is started takes the place of the one there is, */
	int passed;		  /* or takes this socket; -1: no */
	int notify;		  /* a socket that ternd tells how it is; -1: none */
	bool is_exhaustive, has_pairs;
	unsigned int n_trials, n_bad, n_errors, n_slow;
};

extern struct trials trials;

/* How others are while nobody is tortured. */
struct baseline {
	size_t partner_fds, partner_maps, ternd_fds, ternd_blocks;
};

/* trials_prepare() - a place for the bus, and what is shared; trials_clear_away() - all of that */
void trials_prepare(void);
void trials_clear_away(void);

/* place() - where the bus is from now on: in a folder that each ternd has to make, or in one that is there */
void place(bool is_made);
/* ternd_start() - the one that is tortured, or an honest one. Return: is it ready? Else it has
 * ended, or will. */
bool ternd_start(bool is_tortured);
void partner_start(void);
/* beside_start() - all anew; base may be NULL */
void beside_start(bool is_ternd, struct baseline *base);
void baseline_take(struct baseline *base);
/* judge() - what became of a trial, by the status of who played. Return: is all well? */
bool judge(
	const char *side, const struct scene *scene, uint32_t n, int status, struct baseline *base);
void kill_wait(pid_t *pid);

/* arm() - the next trial, which fails this one; disarm() - nothing fails any more */
void arm(uint32_t fail_at, uint32_t which);
void disarm(void);
/* each_failure() - once(user, fail_at, which) until nothing is left that fails, as the options say;
 * it returns: did something fail? */
void each_failure(
	bool (*once)(const void *user, uint32_t fail_at, uint32_t which), const void *user);

/* child_start() - plays it, in a child of which torture hears the end. child_wait() - Return: its
 * status, -1: it hung, and was killed */
pid_t child_start(void (*play)(const struct scene *scene), const struct scene *scene);
int child_wait(pid_t pid);
/* office_play() - in the child: the scene twice; ternd is what is tortured */
void office_play(const struct scene *scene);

/* count_entries() - of a folder of a process; count_maps() - of shared memory */
size_t count_entries(pid_t pid, const char *what);
size_t count_maps(pid_t pid);

void complain(const char *side, const char *scene, uint32_t n, const char *what, long long a,
	long long b);
/* tell() - of a trial, where that is wanted */
void tell(const char *side, const char *scene, uint32_t n);

/* begin_all() - ternd begins and ends, in all the ways that it can (begin.c); names: only these */
void begin_all(char **names);
/* is_chosen() - no names: all are */
bool is_chosen(const char *name, char **names);
