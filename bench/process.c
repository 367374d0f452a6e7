/* SPDX-License-Identifier: MIT */

/* process: fork, pin, wait, end */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "process.h"

static bool asked_to_stop;

static void
signals_of_ours(sigset_t *ret_set)
{
	(void)sigemptyset(ret_set); /* these four cannot fail on a good set */
	(void)sigaddset(ret_set, SIGCHLD);
	(void)sigaddset(ret_set, SIGINT);
	(void)sigaddset(ret_set, SIGTERM);
	(void)sigaddset(ret_set, SIGHUP);
}

void
process_block_signals(void)
{
	sigset_t set;

	signals_of_ours(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL); /* cannot fail: the arguments are right */
	(void)signal(SIGPIPE, SIG_IGN);		  /* nor this */
}

int
process_sleep(uint64_t timeout_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(timeout_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(timeout_ns % NSEC_PER_SEC),
	};
	sigset_t set;
	int sig;

	if (asked_to_stop)
		return -EINTR;
	signals_of_ours(&set);
	sig = sigtimedwait(&set, NULL, &ts);
	if (sig < 0)
		return 0;
	if (sig == SIGCHLD)
		return 1;
	asked_to_stop = true;
	return -EINTR;
}

unsigned int
process_count_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

static int
process_pin(int nth)
{
	cpu_set_t may, set;

	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		return -errno;
	CPU_ZERO(&set);
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &may) || nth--)
			continue;
		CPU_SET(i, &set);
		return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
	}
	return -ENODEV;
}

static void
process_settle(pid_t parent, int nth)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL); /* neither can fail */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(125);
	if (nth >= 0 && process_pin(nth) < 0)
		_exit(126);
}

pid_t
process_fork(int nth)
{
	pid_t parent = getpid(), pid;

	(void)fflush(NULL); /* or the child would print it again; a lost line shows by itself */
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		process_settle(parent, nth);
	return pid;
}

void
process_exec(const char *const argv[])
{
	(void)execvp(argv[0], (char *const *)argv); /* returns only to fail */
	_exit(127);
}

bool
process_find(const char *program)
{
	const char *path = getenv("PATH"), *end;
	char file[512];

	for (; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if (snprintf(file, sizeof(file), "%.*s/%s", (int)(end - path), path, program) <
				(int)sizeof(file) &&
			access(file, X_OK) == 0)
			return true;
	}
	return false;
}

bool
process_has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return true;
	return info.si_pid == pid;
}

/* Only SIGCHLD is taken here: a request to stop stays pending for process_sleep(). */
static bool
process_await(pid_t pid, uint64_t patience_ns)
{
	const struct timespec tick = {.tv_nsec = 1000000};
	uint64_t deadline = clock_deadline_ns(clock_now_ns(), patience_ns);
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD); /* neither can fail */
	while (!process_has_ended(pid)) {
		if (clock_now_ns() >= deadline)
			return false;
		(void)sigtimedwait(&set, NULL, &tick); /* whatever it was, look again */
	}
	return true;
}

int
process_end(pid_t pid, uint64_t patience_ns)
{
	bool by_itself;
	int status;

	by_itself = process_await(pid, patience_ns);
	if (!by_itself) {
		process_tell_end(pid);
		if (!process_await(pid, 2 * NSEC_PER_SEC))
			(void)kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -ECHILD;
	return by_itself && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

void
process_tell_end(pid_t pid)
{
	(void)kill(pid, SIGTERM); /* ours and not waited for: it is there */
}

uint64_t
process_cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}
