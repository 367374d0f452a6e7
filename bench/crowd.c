/* SPDX-License-Identifier: MIT */

/* crowd: see crowd.h */

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "crowd.h"
#include "payload.h"
#include "process.h"
#include "procfs.h"
#include "run.h"

#define PATIENCE_NS (300 * NSEC_PER_SEC)

static_assert(sizeof(struct crowd_shared) <= BENCH_SCRATCH_SIZE, "it lies in the scratch");

/* --- one client --- */

static void
on_nothing(tern_subscription *s _unused_, tern_message *m _unused_, uint64_t lost _unused_,
	void *userdata _unused_)
{
}

static int
add_name(tern_bus *bus, uint64_t number)
{
	char name[40];

	(void)snprintf(
		name, sizeof(name), "org.example.client.n%llu", (unsigned long long)number);
	return tern_own(bus, name, 0, NULL);
}

static int
add_rule(tern_bus *bus, uint64_t number)
{
	char text[40];
	const char *const tags[] = {"org.example.Bench", text, NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	tern_subscription *subscription; /* goes with the process */

	(void)snprintf(text, sizeof(text), "client-%llu", (unsigned long long)number);
	return tern_subscribe(bus, &rule, on_nothing, NULL, &subscription);
}

static int
call_once(tern_bus *bus)
{
	_cleanup_(tern_message_unrefp) tern_message *reply = NULL;
	struct payload request = {0};

	payload_make(&request, PAYLOAD_CALL, 1);
	return tern_call_sync(
		bus, TERN_BENCH_NAME, "Call", &reply, NULL, "y", &request, sizeof(request));
}

static int
add_client(struct crowd *crowd, uint64_t number)
{
	struct crowd_shared *shared = crowd_shared(crowd->run);
	uint64_t begin = clock_now_ns();
	tern_bus *bus; /* goes with the process */
	int r;

	r = tern_bus_connect_spinning(crowd->run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	shared->connect_ns[number] = clock_now_ns() - begin;
	if (crowd->flags & CROWD_OWNS)
		r = add_name(bus, number);
	if (r == 0 && crowd->flags & CROWD_HEARS)
		r = add_rule(bus, number);
	if (r == 0 && crowd->flags & CROWD_CALLS)
		r = call_once(bus);
	if (r < 0)
		return tern_bus_fail(crowd->run, r, "one of many clients");
	store_rel(&shared->n_ready, number + 1);
	return 0;
}

/* --- a process of them --- */

static void
crowd_rest(struct crowd *crowd, uint64_t first, uint64_t end)
{
	uint64_t before = procfs_private();
	int r = 0;

	for (uint64_t i = first; i < end && r == 0; i++) {
		/* The last one is ready when the memory of all is counted. */
		if (i == end - 1)
			crowd_shared(crowd->run)->private_bytes += procfs_private() - before;
		r = add_client(crowd, i);
	}
	if (r < 0)
		_exit(1);
	while (pause() < 0)
		; /* by whatever signal it is woken */
}

static int
crowd_await(struct crowd *crowd, pid_t pid, uint64_t n)
{
	uint64_t deadline = clock_now_ns() + PATIENCE_NS;

	while (load_acq(&crowd_shared(crowd->run)->n_ready) < n) {
		const struct timespec tick = {.tv_nsec = 1000000};

		if (process_has_ended(pid))
			return *crowd->run->shared->error[ROLE_CLIENT]
				       ? -ECHILD
				       : run_fail(crowd->run, -ECHILD, "one of many clients");
		if (clock_now_ns() >= deadline)
			return run_fail(crowd->run, -ETIME, "many clients");
		(void)nanosleep(&tick, NULL); /* woken or not, look again */
	}
	return 0;
}

int
crowd_open(struct crowd *ret, struct bench_run *run, uint64_t n, uint32_t flags)
{
	int r = 0;

	assert(n <= CROWD_MAX);
	*ret = (struct crowd){.run = run, .n = n, .flags = flags};
	for (uint64_t i = 0; i < n && r == 0; i += CROWD_A_PROCESS) {
		uint64_t end = MIN(i + CROWD_A_PROCESS, n);
		pid_t pid = process_fork(-1);

		if (pid < 0)
			return run_fail(run, pid, "fork");
		if (pid == 0)
			crowd_rest(ret, i, end);
		ret->pids[ret->n_pids++] = pid;
		r = crowd_await(ret, pid, end);
	}
	return r;
}

void
crowd_close(struct crowd *crowd)
{
	while (crowd->n_pids > 0) {
		pid_t pid = crowd->pids[--crowd->n_pids];

		(void)kill(pid, SIGKILL); /* ours and not waited for: it is there */
		(void)waitpid(pid, NULL, 0); /* as above */
	}
}
