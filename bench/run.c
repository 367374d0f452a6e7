/* SPDX-License-Identifier: MIT */

/* run: the parent keeps the time, the children do the work */

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "process.h"
#include "run.h"

#define SETUP_PATIENCE_NS  (60 * NSEC_PER_SEC) /* 100,000 rules are asked for one by one */
#define FINISH_PATIENCE_NS (10 * NSEC_PER_SEC)
#define ONCE_PATIENCE_NS   (300 * NSEC_PER_SEC)

struct sample {
	uint64_t time_ns, count, cpu_ns, cpu_client_ns;
};

static enum bench_role
place_role(uint32_t place)
{
	return place < N_ROLES ? (enum bench_role)place : ROLE_SERVER;
}

static uint32_t
server_place(uint32_t nth)
{
	return nth ? N_ROLES + nth - 1 : ROLE_SERVER;
}

void
run_ready(struct bench_run *run)
{
	uint32_t place = run->role == ROLE_SERVER ? server_place(run->nth) : run->role;

	store_rel(&run->shared->is_ready[place], 1);
}

int
run_rest(struct bench_run *run)
{
	run_ready(run);
	while (pause() < 0)
		; /* by whatever signal it is woken */
	return 0;
}

void
run_extra(struct bench_run *run, unsigned int at, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	/* Relaxed: read when who wrote it has ended, or for what it is just then. */
	store_rlx(&run->shared->extras[at], bits);
}

static char *
run_error_text(struct bench_run *run)
{
	return run->role == N_ROLES ? run->why : run->shared->error[run->role];
}

int
run_fail(struct bench_run *run, int r, const char *what)
{
	(void)snprintf(run_error_text(run), sizeof(run->why), "%.90s: %.60s", what,
		strerror(-r)); /* a text that was cut is still a text */
	return r;
}

int
run_fail_at(struct bench_run *run, int r, const char *what, uint64_t serial)
{
	(void)snprintf(run_error_text(run), sizeof(run->why), "%.60s %llu: %.60s", what,
		(unsigned long long)serial, strerror(-r));
	return r;
}

int
run_missing(struct bench_run *run, const char *what)
{
	(void)snprintf(run->why, sizeof(run->why), "%s is not there", what);
	return BENCH_E_MISSING;
}

int
run_pin(const struct bench_run *run, enum bench_role role)
{
	switch (run->options->pin) {
	case PIN_CROSS:
		return role == ROLE_CLIENT ? 0 : role == ROLE_SERVER ? 1 : -1;
	case PIN_SAME:
		return role == ROLE_DAEMON ? -1 : 0;
	case PIN_ONE:
		return 0;
	default:
		return -1;
	}
}

static int
run_start(struct bench_run *run, uint32_t place)
{
	enum bench_role role = place_role(place);
	pid_t pid;
	int r;

	pid = process_fork(run_pin(run, role));
	if (pid < 0)
		return run_fail(run, pid, "fork");
	if (pid > 0) {
		run->pids[place] = pid;
		return 0;
	}
	run->role = role;
	run->nth = place < N_ROLES ? 0 : place - N_ROLES + 1;
	r = (role == ROLE_SERVER ? run->subject->serve : run->subject->drive)(run);
	_exit(r < 0 ? 1 : 0);
}

/* A child that is gone too early: what did it say last? */
static int
run_tell_end(struct bench_run *run, enum bench_role role)
{
	static const char *const names[N_ROLES] = {"server", "client", "daemon"};
	const char *error = run->shared->error[role];

	(void)snprintf(run->why, sizeof(run->why), "the %s ended%s%.120s", names[role],
		*error ? ": " : " badly", error); /* cut or not */
	return -ECHILD;
}

static int
run_check_children(struct bench_run *run)
{
	for (uint32_t place = 0; place < BENCH_N_PLACES; place++)
		if (run->pids[place] && process_has_ended(run->pids[place]))
			return run_tell_end(run, place_role(place));
	return 0;
}

static int
run_await_ready(struct bench_run *run, uint32_t place)
{
	uint64_t deadline = clock_now_ns() + SETUP_PATIENCE_NS;
	int r;

	while (!load_acq(&run->shared->is_ready[place])) {
		r = process_sleep(NSEC_PER_MSEC);
		if (r > 0)
			r = run_check_children(run);
		if (r < 0)
			return r;
		if (clock_now_ns() >= deadline)
			return run_fail(run, -ETIME,
				place_role(place) == ROLE_SERVER ? "server" : "client");
	}
	return 0;
}

static void
run_enter(struct bench_run *run, enum bench_phase phase)
{
	/* Relaxed: see run_phase(). */
	store_rlx(&run->shared->phase, phase);
}

/* run_start_all() - the first server alone, for the others may need it; then they; then the client
 */
static int
run_start_all(struct bench_run *run)
{
	uint32_t n_servers = run_n_servers(run);
	int r;

	assert(n_servers <= BENCH_MAX_SERVERS);
	r = run_start(run, ROLE_SERVER);
	if (r == 0)
		r = run_await_ready(run, ROLE_SERVER);
	for (uint32_t nth = 1; r == 0 && nth < n_servers; nth++)
		r = run_start(run, server_place(nth));
	for (uint32_t nth = 1; r == 0 && nth < n_servers; nth++)
		r = run_await_ready(run, server_place(nth));
	if (r == 0 && run->workload->is_once)
		run_enter(run, PHASE_MEASURE);
	if (r == 0)
		r = run_start(run, ROLE_CLIENT);
	return r ? r : run_await_ready(run, ROLE_CLIENT);
}

static int
run_pause(struct bench_run *run, uint64_t duration_ns)
{
	uint64_t now = clock_now_ns(), deadline = now + duration_ns;
	int r;

	for (; now < deadline; now = clock_now_ns()) {
		r = process_sleep(deadline - now);
		if (r < 0)
			return r;
		r = r ? run_check_children(run) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static uint64_t
run_count(const struct bench_run *run)
{
	uint64_t n = 0;

	/* Relaxed: a count that is one late is late at both samples. */
	for (uint32_t nth = 0; nth < run_n_servers(run); nth++)
		n += load_rlx(&run->shared->count[nth].n);
	return n;
}

static void
run_sample(const struct bench_run *run, struct sample *ret)
{
	ret->time_ns = clock_now_ns();
	ret->count = run_count(run);
	ret->cpu_client_ns = process_cpu_ns(run->pids[ROLE_CLIENT]);
	ret->cpu_ns = 0;
	for (uint32_t place = 0; place < BENCH_N_PLACES; place++)
		if (run->pids[place])
			ret->cpu_ns += process_cpu_ns(run->pids[place]);
}

/* What was sent before the measuring began may be counted within it, and is not timed. */
static bool
has_measured(const struct bench_run *run, const struct sample *begin, const struct sample *end)
{
	return end->count != begin->count &&
	       (!workload_is_timed(run->workload) || hist_n(&run->shared->hist));
}

/* Measures for the time asked for, and then, up to a limit, until at least one thing was done. */
static int
run_measure(struct bench_run *run, struct sample *ret_begin, struct sample *ret_end)
{
	uint64_t duration_ns = (uint64_t)(run->options->seconds * 1e9), extra_ns = 0;
	int r;

	run_enter(run, PHASE_WARM);
	r = run_pause(run, MIN(duration_ns / 5, 200 * NSEC_PER_MSEC));
	if (r < 0)
		return r;
	run_enter(run, PHASE_MEASURE);
	run_sample(run, ret_begin);
	do {
		r = run_pause(run, extra_ns ? 10 * NSEC_PER_MSEC : duration_ns);
		if (r < 0)
			return r;
		run_sample(run, ret_end);
		extra_ns += 10 * NSEC_PER_MSEC;
	} while (!has_measured(run, ret_begin, ret_end) && extra_ns < FINISH_PATIENCE_NS);
	if (!has_measured(run, ret_begin, ret_end))
		return run_fail(run, -ETIME, "not one message went through");
	run_enter(run, PHASE_STOP);
	return 0;
}

/* Measures from the client's first word to its end. */
static int
run_measure_once(struct bench_run *run, struct sample *ret_begin, struct sample *ret_end)
{
	uint64_t deadline = clock_now_ns() + ONCE_PATIENCE_NS;
	int r;

	run_sample(run, ret_begin);
	while (!process_has_ended(run->pids[ROLE_CLIENT])) {
		r = process_sleep(100 * NSEC_PER_MSEC);
		if (r < 0)
			return r;
		if (clock_now_ns() >= deadline)
			return run_fail(run, -ETIME, "client");
	}
	run_sample(run, ret_end);
	if (ret_end->count == ret_begin->count)
		return run_fail(run, -ETIME, "nothing was done");
	return 0;
}

/* Everything sent must have arrived, once, at every receiver. */
static int
run_check_all_arrived(struct bench_run *run)
{
	uint64_t deadline = clock_now_ns() + FINISH_PATIENCE_NS, sent, count;
	int r;

	sent = load_acq(&run->shared->sent) * run_n_servers(run);
	for (;;) {
		count = run_count(run); /* a receiver that counts fails on a lost or doubled one */
		if (count >= sent || clock_now_ns() >= deadline)
			break;
		r = process_sleep(NSEC_PER_MSEC);
		if (r < 0)
			return r;
		r = run_check_children(run);
		if (r < 0)
			return r;
	}
	if (count == sent)
		return run_check_children(run);
	(void)snprintf(run->why, sizeof(run->why), "%llu events were sent, %llu arrived",
		(unsigned long long)sent, (unsigned long long)count);
	return -EBADMSG;
}

static int
run_finish(struct bench_run *run)
{
	pid_t client = run->pids[ROLE_CLIENT];
	int r;

	r = process_end(client, FINISH_PATIENCE_NS);
	run->pids[ROLE_CLIENT] = 0;
	if (r < 0)
		return run_tell_end(run, ROLE_CLIENT);
	return run->workload->is_one_way ? run_check_all_arrived(run) : run_check_children(run);
}

static int
run_work(struct bench_run *run, struct sample *ret_begin, struct sample *ret_end)
{
	int r;

	if (run->subject->open) {
		r = run->subject->open(run);
		if (r)
			return r;
	}
	r = run_start_all(run);
	if (r < 0)
		return r;
	r = (run->workload->is_once ? run_measure_once : run_measure)(run, ret_begin, ret_end);
	if (r < 0)
		return r;
	return run_finish(run);
}

static void
run_figure(const struct bench_run *run, const struct sample *begin, const struct sample *end,
	struct bench_figures *ret)
{
	const struct hist *h = &run->shared->hist;
	double n = (double)(end->count - begin->count);
	bool has_latency = workload_is_timed(run->workload) && hist_n(h);

	ret->value[METRIC_P50] = has_latency ? (double)hist_quantile(h, 0.5) : (double)NAN;
	ret->value[METRIC_P99] = has_latency ? (double)hist_quantile(h, 0.99) : (double)NAN;
	ret->value[METRIC_P999] = has_latency ? (double)hist_quantile(h, 0.999) : (double)NAN;
	ret->value[METRIC_RATE] = n * 1e9 / (double)(end->time_ns - begin->time_ns);
	ret->value[METRIC_CPU] = (double)(end->cpu_ns - begin->cpu_ns) / n;
	for (size_t i = 0; i < BENCH_MAX_EXTRAS; i++) {
		uint64_t bits = load_rlx(&run->shared->extras[i]); /* their writers have ended */

		memcpy(&ret->extra[i], &bits, sizeof(bits));
	}
	ret->value[METRIC_CPU_CLIENT] =
		run->workload->is_one_way ? (double)(end->cpu_client_ns - begin->cpu_client_ns) / n
					  : (double)NAN;
}

static int
remove_entry(const char *path, const struct stat *st _unused_, int type _unused_,
	struct FTW *where _unused_)
{
	(void)remove(path); /* what cannot go makes rmdir of its folder fail, and nothing worse */
	return 0;
}

static void
run_end(struct bench_run *run, uint32_t place)
{
	if (run->pids[place])
		(void)process_end(run->pids[place], 0); /* how it ends is told elsewhere */
	run->pids[place] = 0;
}

static void
run_close(struct bench_run *run)
{
	run_end(run, ROLE_CLIENT);
	for (uint32_t nth = 0; nth < BENCH_MAX_SERVERS; nth++) /* all at once: they may be many */
		if (run->pids[server_place(nth)])
			process_tell_end(run->pids[server_place(nth)]);
	for (uint32_t nth = 0; nth < BENCH_MAX_SERVERS; nth++)
		run_end(run, server_place(nth));
	run_end(run, ROLE_DAEMON);
	if (run->subject->close)
		run->subject->close(run);
	for (size_t i = 0; i < ARRAY_SIZE(run->fds); i++)
		run->fds[i] = fd_close(run->fds[i]);
	if (*run->dir)
		(void)nftw(run->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS); /* best effort */
	(void)munmap(run->shared, sizeof(*run->shared)); /* cannot fail: it is ours */
	run->shared = NULL;
}

static int
run_open(struct bench_run *run)
{
	const char *tmp = getenv("TMPDIR");
	void *shared;

	run->role = N_ROLES;
	run->daemon = NULL;
	*run->dir = *run->address = *run->why = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(run->fds); i++)
		run->fds[i] = -1;
	memset(run->pids, 0, sizeof(run->pids));
	shared = mmap(NULL, sizeof(*run->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (shared == MAP_FAILED)
		return run_fail(run, -errno, "mmap");
	run->shared = shared;
	for (unsigned int i = 0; i < BENCH_MAX_EXTRAS; i++)
		run_extra(run, i, (double)NAN);
	if (snprintf(run->dir, sizeof(run->dir), "%s/tern-bench-XXXXXX", tmp ? tmp : "/tmp") >=
			(int)sizeof(run->dir) ||
		!mkdtemp(run->dir)) {
		*run->dir = '\0';
		return run_fail(run, -ENAMETOOLONG, "no folder for temporary files");
	}
	return 0;
}

int
run_execute(struct bench_run *run, struct bench_figures *ret_figures)
{
	struct sample begin, end;
	int r;

	r = run_open(run);
	if (r == 0)
		r = run_work(run, &begin, &end);
	if (r == 0)
		run_figure(run, &begin, &end, ret_figures);
	if (run->shared)
		run_close(run);
	return r;
}
