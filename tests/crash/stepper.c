/* SPDX-License-Identifier: MIT */

/* stepper: see stepper.h */

#include "stepper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attribute.h"
#include "fixture.h"

enum {
	MANY = 1 << 12,
	RUN_FIRST = 4,	    /* of an instruction that repeats itself so many are written down, */
	RUN_EVERY = 64,	    /* and then one of so many */
	BREAK = 0xcc,	    /* int3 */
	SYSCALL = 0x050f,   /* as it lies in memory */
	MOST_PATIENCE = 20, /* times, where the machine is slow */
};

static int last_status;
static unsigned int patience = STEPPER_TIMEOUT;
static const pid_t *company;
static size_t n_company;

/* --- the way --- */

static struct point *
passed_at(struct trace *trace, uintptr_t pc)
{
	size_t i = (pc * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (trace->max_passed - 1);

	while (trace->passed[i].n && trace->passed[i].pc != pc)
		i = (i + 1) & (trace->max_passed - 1);
	return &trace->passed[i];
}

static void
passed_grow(struct trace *trace)
{
	struct point *old = trace->passed;
	size_t n = trace->max_passed;

	trace->max_passed = n ? 2 * n : MANY;
	trace->passed = calloc(trace->max_passed, sizeof(*old));
	must(trace->passed != NULL);
	for (size_t i = 0; i < n; i++)
		if (old[i].n)
			*passed_at(trace, old[i].pc) = old[i];
	free(old);
}

struct point
trace_pass(struct trace *trace, uintptr_t pc)
{
	struct point *passed;

	if (2 * trace->n_passed >= trace->max_passed)
		passed_grow(trace);
	passed = passed_at(trace, pc);
	trace->n_passed += passed->n == 0;
	passed->pc = pc;
	passed->n++;
	trace->n_steps++;
	return *passed;
}

void
trace_keep(struct trace *trace, struct point point)
{
	const struct point *last = trace->n_points ? &trace->points[trace->n_points - 1] : NULL;

	if (last && last->pc == point.pc && last->n == point.n)
		return;
	if (trace->n_points == trace->max_points) {
		trace->max_points = trace->max_points ? 2 * trace->max_points : MANY;
		trace->points =
			reallocarray(trace->points, trace->max_points, sizeof(*trace->points));
		must(trace->points != NULL);
	}
	trace->points[trace->n_points++] = point;
}

void
trace_add(struct trace *trace, uintptr_t pc)
{
	bool is_again = trace->n_points && trace->points[trace->n_points - 1].pc == pc;
	struct point point = trace_pass(trace, pc);

	trace->run = is_again ? trace->run + 1 : 0;
	if (trace->run < RUN_FIRST || trace->run % RUN_EVERY == 0)
		trace_keep(trace, point);
}

void
trace_free(struct trace *trace)
{
	free(trace->points);
	free(trace->passed);
	*trace = (struct trace){0};
}

/* --- waiting --- */

static void
on_alarm(int signal)
{
	(void)signal; /* it interrupts the wait */
}

void
stepper_set_company(const pid_t *pids, size_t n)
{
	company = pids;
	n_company = n;
}

/* state_of() - as ps tells it; 0: it is not there */
static char
state_of(pid_t pid)
{
	char path[64], state = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid); /* fits */
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	(void)fclose(file);
	return state;
}

/* is_slow() - somebody could go on if there were a processor: looked at for a while, since they
 * come and go */
static bool
is_slow(pid_t pid)
{
	for (int i = 0; i < 100; i++) {
		if (state_of(pid) == 'R')
			return true;
		for (size_t k = 0; k < n_company; k++)
			if (state_of(company[k]) == 'R')
				return true;
		(void)usleep(1000);
	}
	return false;
}

/* wait_for_it() - Return: it came, and last_status is set; false: nothing for too long, and nobody
 * is ready to run */
static bool
wait_for_it(pid_t pid)
{
	pid_t r;

	for (unsigned int i = 0; i < MOST_PATIENCE; i++) {
		(void)alarm(patience);
		r = waitpid(pid, &last_status, 0);
		(void)alarm(0);
		if (r == pid)
			return true;
		must_be(errno, EINTR);
		if (!is_slow(pid))
			return false;
	}
	return false;
}

enum step
stepper_wait(pid_t pid)
{
	struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
	static bool is_set;

	if (!is_set)
		must_be(sigaction(SIGALRM, &action, NULL), 0);
	is_set = true;
	if (!wait_for_it(pid))
		return STEP_HUNG;
	return WIFSTOPPED(last_status) && WSTOPSIG(last_status) == SIGTRAP ? STEP_POINT
									   : STEP_ENDED;
}

void
stepper_where(pid_t pid, char *to, size_t size)
{
	char path[64], text[128] = "?";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid); /* fits */
	file = fopen(path, "re");
	if (file && !fgets(text, sizeof(text), file))
		text[0] = 0;
	if (file)
		(void)fclose(file);
	text[strcspn(text, "\n")] = 0;
	(void)snprintf(to, size, "system call %s", text);
}

void
stepper_set_patience(unsigned int seconds)
{
	patience = seconds;
}

int
stepper_status(void)
{
	return last_status;
}

void
stepper_kill(pid_t pid)
{
	int status;

	(void)kill(pid, SIGKILL); /* it may have ended */
	(void)waitpid(pid, &status, 0);
}

bool
stepper_is_allowed(void)
{
	pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (pid == 0) {
		stepper_offer();
		_exit(0);
	}
	must_be(waitpid(pid, &status, 0), pid);
	return status == 0;
}

#if defined(__x86_64__)

extern const char stepper_mark_at[];

void
stepper_offer(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(STEPPER_SKIP);
}

#if defined(__clang__)
__attribute__((noinline)) void
#else
__attribute__((noinline, noclone)) void
#endif
stepper_mark(void)
{
	__asm__ __volatile__(".globl stepper_mark_at\nstepper_mark_at: int3" ::: "memory");
}

uintptr_t
stepper_pc(pid_t pid)
{
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
}

static void
set_pc(pid_t pid, uintptr_t pc)
{
	must_be(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), pc), 0);
}

static long
get_text(pid_t pid, uintptr_t pc)
{
	errno = 0;
	return ptrace(PTRACE_PEEKTEXT, pid, pc, NULL);
}

static void
set_text(pid_t pid, uintptr_t pc, long text)
{
	must_be(ptrace(PTRACE_POKETEXT, pid, pc, text), 0);
}

bool
stepper_is_syscall(pid_t pid)
{
	return (get_text(pid, stepper_pc(pid)) & 0xffff) == SYSCALL;
}

bool
stepper_is_at_mark(pid_t pid)
{
	return stepper_pc(pid) == (uintptr_t)stepper_mark_at;
}

/* resume() - PTRACE_CONT or PTRACE_SINGLESTEP, and wait. It may have been killed where it stood:
 * then its end is what is waited for. */
static enum step
resume(pid_t pid, enum __ptrace_request how)
{
	if (ptrace(how, pid, NULL, NULL) < 0)
		must_be(errno, ESRCH);
	return stepper_wait(pid);
}

void
stepper_leave(pid_t pid)
{
	(void)kill(pid, SIGSTOP);
	(void)stepper_wait(pid);
	(void)ptrace(PTRACE_DETACH, pid, NULL, SIGSTOP);
}

enum step
stepper_go(pid_t pid)
{
	enum step step = resume(pid, PTRACE_CONT);

	return step == STEP_POINT ? STEP_MARK : step;
}

enum step
stepper_step(pid_t pid)
{
	return stepper_is_at_mark(pid) ? STEP_POINT : resume(pid, PTRACE_SINGLESTEP);
}

enum step
stepper_trace(pid_t pid, struct trace *trace)
{
	for (;;) {
		uintptr_t pc = stepper_pc(pid);
		enum step step;

		if (pc == (uintptr_t)stepper_mark_at)
			return stepper_go(pid);
		trace_add(trace, pc);
		step = resume(pid, PTRACE_SINGLESTEP);
		if (step != STEP_POINT)
			return step;
	}
}

/* to_break() - until it comes by. Return: STEP_MARK it did not. */
static enum step
to_break(pid_t pid, uintptr_t pc, long text)
{
	enum step step;

	set_text(pid, pc, (text & ~0xffl) | BREAK);
	step = resume(pid, PTRACE_CONT);
	if (step != STEP_POINT)
		return step;
	set_text(pid, pc, text);
	if (stepper_pc(pid) != pc + 1)
		return STEP_MARK;
	set_pc(pid, pc);
	return STEP_POINT;
}

enum step
stepper_run_to(pid_t pid, const struct point *point)
{
	long text = get_text(pid, point->pc);
	enum step step = STEP_POINT;

	must_be(errno, 0);
	for (uint32_t n = 1; step == STEP_POINT; n++) {
		if (stepper_pc(pid) != point->pc ||
			n == 1) /* else the instruction repeats itself */
			step = to_break(pid, point->pc, text);
		if (step != STEP_POINT || n == point->n)
			return step;
		step = resume(pid, PTRACE_SINGLESTEP);
	}
	return step;
}

#else /* how a breakpoint is made was not written down for this processor yet */

void
stepper_offer(void)
{
	_exit(STEPPER_SKIP);
}

void
stepper_mark(void)
{
}

enum step
stepper_go(pid_t pid)
{
	return stepper_wait(pid);
}

enum step
stepper_step(pid_t pid)
{
	return stepper_wait(pid);
}

void
stepper_leave(pid_t pid)
{
}

uintptr_t
stepper_pc(pid_t pid)
{
	return 0;
}

bool
stepper_is_at_mark(pid_t pid)
{
	return true;
}

bool
stepper_is_syscall(pid_t pid)
{
	return false;
}

enum step
stepper_trace(pid_t pid, struct trace *trace)
{
	return stepper_wait(pid);
}

enum step
stepper_run_to(pid_t pid, const struct point *point)
{
	return stepper_wait(pid);
}

#endif
