/* SPDX-License-Identifier: MIT */

/* stream: 64 B events one way, each sent by itself, none lost */

#include <time.h>

#include "base/clock.h"
#include "stream.h"

int
stream_drive(struct bench_run *run, stream_send_fn *send, void *link)
{
	struct payload event = {0};
	uint64_t serial = 0;
	int r;

	while (run_phase(run) != PHASE_STOP) {
		payload_make(&event, PAYLOAD_EVENT, ++serial);
		r = send(link, &event);
		if (unlikely(r < 0))
			return run_fail_at(run, r, "event", serial);
		if (unlikely(serial == 1)) /* links are made by now */
			run_ready(run);
	}
	store_rel(&run->shared->sent, serial);
	return 0;
}

static bool
all_have(const struct bench_run *run, uint64_t serial)
{
	for (uint32_t nth = 0; nth < run_n_servers(run); nth++)
		/* Relaxed: a count and nothing behind it. */
		if (load_rlx(&run->shared->count[nth].n) < serial)
			return false;
	return true;
}

void
stream_hold_back(const struct bench_run *run, uint64_t serial, uint64_t window)
{
	const struct timespec tick = {.tv_nsec = 50000};

	while (serial > window && run_phase(run) != PHASE_STOP && !all_have(run, serial - window))
		(void)nanosleep(&tick, NULL); /* cut short or not: look again */
}

void
stream_await_all(const struct bench_run *run)
{
	const struct timespec tick = {.tv_nsec = 1000000};
	uint64_t deadline = clock_now_ns() + 5 * NSEC_PER_SEC;
	uint64_t sent = load_acq(&run->shared->sent);

	while (!all_have(run, sent) && clock_now_ns() < deadline)
		(void)nanosleep(&tick, NULL); /* cut short or not: look again */
}

static uint64_t
cpu_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* cannot fail: the clock exists */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Who has just counted an event sleeps soon after, once it has had a processor. */
static void
let_sleep(const struct bench_run *run, uint64_t serial)
{
	const struct timespec pause = {.tv_nsec = 100000 + 10000 * (long)run_n_servers(run)};

	stream_hold_back(run, serial, 0);
	(void)nanosleep(&pause, NULL); /* cut short only by the end */
}

int
stream_drive_paced(struct bench_run *run, stream_send_fn *send, void *link)
{
	struct payload event = {0};
	uint64_t serial = 0, begin, time_ns;
	uint32_t phase;
	int r;

	while ((phase = run_phase(run)) != PHASE_STOP) {
		payload_make(&event, PAYLOAD_EVENT, ++serial);
		begin = cpu_now_ns();
		r = send(link, &event);
		time_ns = cpu_now_ns() - begin;
		if (unlikely(r < 0))
			return run_fail_at(run, r, "event", serial);
		if (phase == PHASE_MEASURE)
			hist_add(&run->shared->hist, time_ns);
		if (serial == 1)
			run_ready(run);
		let_sleep(run, serial);
	}
	store_rel(&run->shared->sent, serial);
	return 0;
}

const struct workload workload_stream = {
	.name = "stream",
	.what = "64 B events to one subscriber, each sent by itself, none lost",
	.is_one_way = true,
	.subjects =
		(const struct subject *const[]){
			&tern_stream,
			&limit_ring,
			&limit_ring_fenced,
			&stream_unix_socket,
			&stream_pipe,
			&stream_sdbus_dbus_broker,
			&stream_sdbus_dbus_daemon,
			&stream_libdbus_dbus_broker,
			&stream_libdbus_dbus_daemon,
			&stream_zeromq,
			&stream_nng,
			&stream_capnp,
			NULL,
		},
};

const struct workload workload_stream_batch = {
	.name = "stream-batch",
	.what = "the same, sent in batches of 32 where the system knows batches",
	.is_one_way = true,
	.subjects =
		(const struct subject *const[]){
			&tern_stream_batch,
			&limit_ring,
			&stream_zeromq,
			&stream_nng,
			NULL,
		},
};

const struct workload workload_bulk = {
	.name = "bulk",
	.what = "1 MiB events to one subscriber, built and read in place where that is possible",
	.is_one_way = true,
	.size = 1u << 20,
	.subjects =
		(const struct subject *const[]){
			&tern_bulk,
			&limit_touch_stream,
			&stream_unix_socket,
			&stream_pipe,
			&stream_zeromq,
			&stream_nng,
			NULL,
		},
};

const struct workload workload_stream_call = {
	.name = "stream-call",
	.what = "64 B parts of one call to its service, each sent by itself, none lost",
	.is_one_way = true,
	.subjects =
		(const struct subject *const[]){
			&tern_call_stream,
			&tern_stream_beside,
			&limit_ring,
			&stream_unix_socket,
			&stream_pipe,
			&stream_zeromq,
			NULL,
		},
};

const struct workload workload_bulk_call = {
	.name = "bulk-call",
	.what = "64 KiB parts of one call to its service, built and read in place where that is possible",
	.is_one_way = true,
	.size = 64u << 10,
	.subjects =
		(const struct subject *const[]){
			&tern_call_stream,
			&tern_bulk_beside,
			&limit_touch_stream,
			&stream_unix_socket,
			&stream_pipe,
			&stream_zeromq,
			NULL,
		},
};
