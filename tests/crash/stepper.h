/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * stepper: another process, held between any two of its instructions
 *
 * A child offers itself and runs to a mark. stepper_trace() takes it from there to its next mark,
 * one instruction at a time, and writes down where it was: each place is an address and how often
 * the child had come by it. Another child that does the same is then brought to one of these places
 * by a breakpoint, at full speed, so that trying all places costs as many runs and not as many
 * steps squared. Children are forked and not executed, so addresses are the same in all of them.
 *
 * What a child does hangs on clocks and on others too, so now and then it does not come by a place:
 * that is told, and counted by who asked.
 *
 * Instructions that repeat themselves (rep) stop at each repetition; of a long run only some are
 * written down.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STEPPER_SKIP 77 /* exit status of a child that may not be traced */

/* Before the instruction at pc, for the n-th time, from 1. */
struct point {
	uintptr_t pc;
	uint32_t n;
};

struct trace {
	struct point *points; /* that are kept */
	size_t n_points, max_points;
	/* how often each address was passed */
	struct point *passed;
	size_t n_passed, max_passed;
	uint64_t n_steps;
	uint32_t run; /* repetitions in a row */
};

enum step {
	STEP_POINT, /* it stands there */
	STEP_MARK,  /* it came to a mark */
	STEP_ENDED, /* by itself, or by a signal: stepper_status() tells */
	STEP_HUNG,  /* nothing for too long */
};

#define STEPPER_TIMEOUT 60u

/* stepper_offer() - in the child: from now on the parent may step. Exits with STEPPER_SKIP where
 * that is forbidden. */
void stepper_offer(void);
/* stepper_mark() - in the child: stop here until told to go on */
void stepper_mark(void);

/* stepper_is_allowed() - may this process trace its children, and does this code know how? */
bool stepper_is_allowed(void);

/* --- in the parent; all block until the child stops --- */

/* stepper_wait() - for a new child's first mark. Return: STEP_POINT it is there. */
enum step stepper_wait(pid_t pid);
/* stepper_go() - to the next mark */
enum step stepper_go(pid_t pid);
/* stepper_trace() - from a mark to the next, and write down the way */
enum step stepper_trace(pid_t pid, struct trace *trace);
/* stepper_run_to() - from a mark to this place; STEP_MARK: it did not come by */
enum step stepper_run_to(pid_t pid, const struct point *point);
/* stepper_step() - one instruction */
enum step stepper_step(pid_t pid);
/* stepper_pc() - where it stands; stepper_is_syscall() - before a system call? stepper_is_at_mark()
 */
uintptr_t stepper_pc(pid_t pid);
bool stepper_is_syscall(pid_t pid);
bool stepper_is_at_mark(pid_t pid);
/* stepper_where() - what it does, as the kernel tells it, for people: of one that hangs */
void stepper_where(pid_t pid, char *to, size_t size);
/* stepper_leave() - stopped, to a debugger */
void stepper_leave(pid_t pid);
/* stepper_set_company() - who must act for a child to go on; while one of them or the child is
 * ready to run, or does, nobody hangs: the machine is slow. @pids: n of them, as long as they are
 * stepped; 0: none */
void stepper_set_company(const pid_t *pids, size_t n);
/* stepper_set_patience() - s until STEP_HUNG, instead of STEPPER_TIMEOUT */
void stepper_set_patience(unsigned int seconds);
/* stepper_status() - of the last wait */
int stepper_status(void);
/* stepper_kill() - SIGKILL, and wait for its end */
void stepper_kill(pid_t pid);

/* trace_pass() - it stands before pc. Return: the place. trace_keep() - as one to go to; the last
 * one is not kept twice. trace_add() - both, but of a long run only some. trace_free() - its
 * memory; takes a zeroed one. */
struct point trace_pass(struct trace *trace, uintptr_t pc);
void trace_keep(struct trace *trace, struct point point);
void trace_add(struct trace *trace, uintptr_t pc);
void trace_free(struct trace *trace);
