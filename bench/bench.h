/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * bench: what a workload is, what a subject is, and what one run of it shares
 *
 * A workload asks one question (how long does a call take?), a subject is one
 * way of doing it: tern, the bare primitive ("limit:NAME"), or what else one
 * would use ("peer:NAME"). A run is one subject for some seconds, in processes
 * of its own: a server, a client, and the daemon where there is one.
 *
 *     parent            server              client
 *     open()
 *     fork ------------ serve() ready
 *     fork ------------------------------- drive() ready
 *     PHASE_WARM                            works
 *     PHASE_MEASURE: reads count, time, CPU
 *     PHASE_STOP: reads them again          ends
 *     SIGTERM --------- ends
 *     close()
 *
 * All time is kept by the parent, so that no subject can measure itself kindly.
 * A workload with many receivers has many servers: the first is ready before
 * the others begin, all of them before the client does.
 *
 * A new workload is one file with a `struct workload`, listed in main.c.
 */

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "hist.h"
#include "payload.h"

/* positive answers of open(): the subject cannot be had here */
enum { BENCH_E_MISSING = 1 };

enum bench_pin { PIN_FREE, PIN_CROSS, PIN_SAME, PIN_ONE };

enum bench_phase { PHASE_SETUP, PHASE_WARM, PHASE_MEASURE, PHASE_STOP };

enum bench_role { ROLE_SERVER, ROLE_CLIENT, ROLE_DAEMON, N_ROLES };

/* places of processes: one a role, then the other servers */
#define BENCH_MAX_SERVERS 1024u
#define BENCH_N_PLACES	  (N_ROLES + BENCH_MAX_SERVERS - 1)

enum bench_metric {
	METRIC_P50,
	METRIC_P99,
	METRIC_P999,
	METRIC_RATE,
	METRIC_CPU,
	METRIC_CPU_CLIENT,
	N_METRICS
};

#define BENCH_SCRATCH_SIZE (512u * 1024u)
#define BENCH_MAX_EXTRAS   8

struct bench_options {
	uint32_t pin;
	double seconds;
	unsigned int n_repeats;
	bool tsv;
	const char *only; /* subjects, as a pattern of the shell; NULL: all */
};

/* One receiver's, or, with calls, the first one the caller's. */
struct bench_counter {
	alignas(CACHE_LINE) _Atomic uint64_t n; /* calls done or events taken */
};

/* What parent, servers and client share; each line has one writer. */
struct bench_shared {
	alignas(CACHE_LINE) _Atomic uint32_t phase; /* parent */
	alignas(CACHE_LINE) _Atomic uint64_t sent;  /* publisher, once, when it has sent all */
	struct bench_counter count[BENCH_MAX_SERVERS];
	_Atomic uint8_t is_ready[BENCH_N_PLACES];
	char error[N_ROLES][160];				 /* why a child gave up */
	_Atomic uint64_t extras[BENCH_MAX_EXTRAS];		 /* as bits of a double; run_extra() */
	alignas(CACHE_LINE) struct hist hist;			 /* client */
	alignas(4096) unsigned char scratch[BENCH_SCRATCH_SIZE]; /* the subject's own */
};

struct bench_run {
	const struct bench_options *options;
	const struct workload *workload;
	const struct subject *subject;
	struct bench_shared *shared;
	pid_t pids[BENCH_N_PLACES]; /* 0: none */
	enum bench_role role;	    /* in a child: what it is */
	uint32_t nth;		    /* in a server: which of them, from 0 */
	char dir[96];	      /* for sockets and files; goes with the run */
	char address[160];    /* of the daemon, as its clients want it */
	int fds[4];	      /* the subject's, made by open(); -1: none */
	void *daemon;	      /* the subject's, made by open() */
	char why[160];	      /* why the run failed or the subject is missing */
};

/*
 * subject: one way to do a workload
 *
 * open and close run in the parent, before the first fork and after the last
 * child is gone, and may be NULL. serve and drive run in a child each, call
 * run_ready() once the other side may begin, and return 0 or a negative errno
 * after run_fail(). serve may never return: the parent ends its process.
 */
struct subject {
	const char *name;
	int (*open)(struct bench_run *run);
	int (*serve)(struct bench_run *run);
	int (*drive)(struct bench_run *run);
	void (*close)(struct bench_run *run);
	uint64_t setting; /* the subject's own, where one form differs from another by a number */
};

/* A figure that only this workload has. */
struct bench_extra {
	const char *name, *unit;
};

struct workload {
	const char *name;
	const char *what;		       /* one line for --list */
	bool is_one_way;		       /* events: no latency; everything sent must arrive */
	uint64_t pause_ns;		       /* between two calls */
	bool is_once;			       /* drive() ends by itself, whatever --seconds says */
	const struct bench_extra *extras;      /* up to one without a name; NULL: none */
	bool is_paced;	    /* one way, but the sender's time for each is measured */
	uint32_t n_servers; /* 0: one */
	uint64_t size;	    /* of the payload; 0: 64 bytes */
	const struct subject *const *subjects; /* up to NULL */
};

/* figures of one run; NAN where the workload has no such figure */
struct bench_figures {
	double value[N_METRICS];
	double extra[BENCH_MAX_EXTRAS];
};

/* the workloads, one file each */
extern const struct workload workload_rpc_hot;
extern const struct workload workload_rpc_blocking;
extern const struct workload workload_rpc_default;
extern const struct workload workload_rpc_links, workload_rpc_busy;
extern const struct workload workload_stream;
extern const struct workload workload_unheard;
extern const struct workload workload_match_scale;
extern const struct workload workload_lookup_scale;
extern const struct workload workload_clients;
extern const struct workload workload_idle;
extern const struct workload workload_connect;
extern const struct workload workload_connect_program;
extern const struct workload workload_churn;
extern const struct workload workload_state_read;
extern const struct workload workload_footprint;
extern const struct workload workload_spin_tax;
extern const struct workload workload_order_tax;
extern const struct workload workload_checked;
extern const struct workload workload_rpc_payload_64, workload_rpc_payload_4k;
extern const struct workload workload_rpc_payload_64k, workload_rpc_payload_1m;
extern const struct workload workload_rpc_payload_16m;
extern const struct workload workload_stream, workload_stream_batch, workload_bulk;
extern const struct workload workload_stream_call, workload_bulk_call;
extern const struct workload workload_fanout_1, workload_fanout_10, workload_fanout_100;
extern const struct workload workload_fanout_1000;
extern const struct workload workload_fanout_asleep_1, workload_fanout_asleep_10;
extern const struct workload workload_fanout_asleep_100, workload_fanout_asleep_1000;

/* workload_is_timed() - each one is timed by itself, and that is the headline */
static inline bool
workload_is_timed(const struct workload *workload)
{
	return !workload->is_one_way || workload->is_paced;
}

/* run_size() - bytes of a request or an event */
static inline size_t
run_size(const struct bench_run *run)
{
	return run->workload->size ? run->workload->size : sizeof(struct payload);
}

static inline uint32_t
run_n_servers(const struct bench_run *run)
{
	return MAX(run->workload->n_servers, 1u);
}

static inline uint32_t
run_phase(const struct bench_run *run)
{
	/* Relaxed: the phase says only whether to go on, and no data hangs on it. */
	return load_rlx(&run->shared->phase);
}
