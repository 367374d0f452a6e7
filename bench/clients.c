/* SPDX-License-Identifier: MIT */

/*
 * clients: what many idle clients cost, and whether the last one is as quick
 * to connect as the first; and that they cost nothing while nothing is sent
 */

#include "base/clock.h"
#include "crowd.h"
#include "procfs.h"
#include "report.h"
#include "rpc.h"
#include "run.h"

#define N_ENDS 100 /* clients whose median is "first" and "last" */

enum { EXTRA_DAEMON, EXTRA_TABLES, EXTRA_PRIVATE, EXTRA_LINK, EXTRA_FIRST, EXTRA_LAST };

static const char *const table_names[] = {
	"tern-peers", "tern-names", "tern-rules", "tern-tags", "tern-versions", NULL};
static const char *const link_names[] = {"tern-link", "tern-ring", "tern-blocks", NULL};

static double
median_connect(const struct bench_run *run, uint64_t first, uint64_t n)
{
	double values[N_ENDS];

	for (uint64_t i = 0; i < n; i++)
		values[i] = (double)crowd_shared(run)->connect_ns[first + i];
	return report_median(values, n);
}

/* Those of rules are mapped by who publishes, that of names by who looks one up. */
static int
map_all_tables(struct bench_run *run, tern_bus *bus)
{
	static const char *const tags[] = {"org.example.unheard", NULL};
	tern_topic *topic;
	tern_peer owner;
	int r;

	r = tern_lookup(bus, TERN_BENCH_NAME, &owner);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_lookup");
	r = tern_topic_new(bus, tags, &topic);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_topic_new");
	r = tern_has_listeners(topic) ? run_fail(run, -EBADMSG, "somebody listens") : 0;
	(void)tern_topic_free(topic); /* always NULL */
	return r;
}

/* A program that comes when all are there: how large the tables are, and a link. */
static int
measure_late_comer(struct bench_run *run, uint64_t n)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	_cleanup_(tern_message_unrefp) tern_message *reply = NULL;
	struct payload request = {0};
	uint64_t before;
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	r = map_all_tables(run, bus);
	if (r < 0)
		return r;
	run_extra(run, EXTRA_TABLES, (double)procfs_memfds(table_names) / (double)n);
	before = procfs_memfds(link_names);
	payload_make(&request, PAYLOAD_CALL, 1);
	r = tern_call_sync(
		bus, TERN_BENCH_NAME, "Call", &reply, NULL, "y", &request, sizeof(request));
	if (r < 0)
		return tern_bus_fail(run, r, "tern_call_sync");
	run_extra(run, EXTRA_LINK, (double)(procfs_memfds(link_names) - before));
	return 0;
}

static int
measure_crowd(struct bench_run *run, uint64_t n)
{
	pid_t daemon = run->pids[ROLE_DAEMON];
	uint64_t before = procfs_status(daemon, "RssAnon"), n_ends = MIN(n, (uint64_t)N_ENDS);
	uint64_t n_counted = n - (n + CROWD_A_PROCESS - 1) / CROWD_A_PROCESS;
	struct crowd crowd;
	int r;

	r = crowd_open(&crowd, run, n, CROWD_OWNS | CROWD_HEARS);
	if (r == 0) {
		for (uint64_t i = 0; i < n; i++)
			hist_add(&run->shared->hist, crowd_shared(run)->connect_ns[i]);
		run_extra(run, EXTRA_DAEMON,
			(double)(procfs_status(daemon, "RssAnon") - before) / (double)n);
		run_extra(run, EXTRA_PRIVATE,
			(double)crowd_shared(run)->private_bytes / (double)n_counted);
		run_extra(run, EXTRA_FIRST, median_connect(run, 0, n_ends));
		run_extra(run, EXTRA_LAST, median_connect(run, n - n_ends, n_ends));
		r = measure_late_comer(run, n);
		store_rel(&run->shared->count[0].n, n);
	}
	crowd_close(&crowd);
	return r;
}

static int
clients_drive(struct bench_run *run)
{
	run_ready(run);
	return measure_crowd(run, run->subject->setting);
}

/* --- idle --- */

static uint64_t
count_switches(const struct bench_run *run, const struct crowd *crowd)
{
	uint64_t n = procfs_switches(run->pids[ROLE_DAEMON]) +
		     procfs_switches(run->pids[ROLE_SERVER]);

	for (size_t i = 0; i < crowd->n_pids; i++)
		n += procfs_switches(crowd->pids[i]);
	return n;
}

/* Who did not run made no system call: nobody has been woken and slept again meanwhile. */
static int
idle_drive(struct bench_run *run)
{
	struct timespec settle = {.tv_nsec = 500000000}, pause = {
		.tv_sec = (time_t)run->options->seconds,
		.tv_nsec = (long)((run->options->seconds - (double)(time_t)run->options->seconds) *
				  1e9),
	};
	struct crowd crowd;
	uint64_t before;
	int r;

	run_ready(run);
	r = crowd_open(&crowd, run, run->subject->setting, CROWD_OWNS | CROWD_HEARS | CROWD_CALLS);
	if (r == 0) {
		(void)nanosleep(&settle, NULL); /* no signal has a handler here */
		before = count_switches(run, &crowd);
		(void)nanosleep(&pause, NULL); /* as above */
		run_extra(run, 0, (double)(count_switches(run, &crowd) - before));
		store_rel(&run->shared->count[0].n, crowd.n_pids + 2);
	}
	crowd_close(&crowd);
	return r;
}

#define CLIENTS(n)                                                                                 \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "tern@" #n, .open = tern_bus_open, .serve = tern_rpc_serve_default,        \
		.drive = clients_drive, .setting = (n)                                             \
	}

const struct workload workload_clients = {
	.name = "clients",
	.what = "10 to 8,000 idle clients, each with a name and a rule; p50 is of connecting",
	.is_once = true,
	.extras =
		(const struct bench_extra[]){
			[EXTRA_DAEMON] = {"ternd", "B/client"},
			[EXTRA_TABLES] = {"tables", "B/client"},
			[EXTRA_PRIVATE] = {"private", "B/client"},
			[EXTRA_LINK] = {"link", "B"},
			[EXTRA_FIRST] = {"connect-first", "ns"},
			[EXTRA_LAST] = {"connect-last", "ns"},
			{NULL, NULL},
		},
	.subjects =
		(const struct subject *const[]){
			CLIENTS(10),
			CLIENTS(100),
			CLIENTS(1000),
			CLIENTS(8000),
			NULL,
		},
};

const struct workload workload_idle = {
	.name = "idle",
	.what = "500 linked clients, nothing sent for --seconds: how often anybody woke",
	.is_once = true,
	.extras =
		(const struct bench_extra[]){
			{"wakes", "1"},
			{NULL, NULL},
		},
	.subjects =
		(const struct subject *const[]){
			&(const struct subject){
				.name = "tern@500",
				.open = tern_bus_open,
				.serve = tern_rpc_serve_default,
				.drive = idle_drive,
				.setting = 500,
			},
			NULL,
		},
};
