/* SPDX-License-Identifier: MIT */

/* rpc: 64 B call, 64 B reply, one at a time; polling, sleeping, and as it comes */

#include "base/clock.h"
#include "rpc.h"

int
rpc_drive(struct bench_run *run, rpc_call_fn *call, void *link)
{
	struct bench_shared *shared = run->shared;
	const struct timespec pause = {.tv_nsec = (long)run->workload->pause_ns};
	struct payload request = {0}, reply = {0};
	uint64_t begin, end;
	uint32_t phase;
	int r;

	for (uint64_t serial = 1; (phase = run_phase(run)) != PHASE_STOP; serial++) {
		payload_make(&request, PAYLOAD_CALL, serial);
		begin = clock_now_ns();
		r = call(link, &request, &reply);
		end = clock_now_ns();
		if (unlikely(r < 0))
			return run_fail_at(run, r, "call", serial);
		if (unlikely(!payload_is(&reply, PAYLOAD_REPLY, serial)))
			return run_fail_at(run, -EBADMSG, "reply to call", serial);
		if (phase == PHASE_MEASURE)
			hist_add(&shared->hist, end - begin);
		/* Relaxed: the parent takes it for a count and reads nothing by it. */
		store_rlx(&shared->count, serial);
		if (unlikely(serial == 1))
			run_ready(run);
		if (run->workload->pause_ns)
			(void)nanosleep(&pause, NULL); /* no signal has a handler here */
	}
	return 0;
}

const struct workload workload_rpc_hot = {
	.name = "rpc-hot",
	.what = "64 B call and reply, both ends polling",
	.subjects =
		(const struct subject *const[]){
			&tern_rpc_hot,
			&limit_spin,
			&peer_sdbus_dbus_broker,
			&peer_sdbus_dbus_daemon,
			&peer_libdbus,
			NULL,
		},
};

const struct workload workload_rpc_blocking = {
	.name = "rpc-blocking",
	.what = "64 B call and reply, both ends sleep while they wait",
	.subjects =
		(const struct subject *const[]){
			&tern_rpc_blocking,
			&limit_futex,
			&limit_eventfd,
			&limit_eventfd_epoll,
			&limit_unix_socket,
			&peer_sdbus_dbus_broker,
			&peer_sdbus_dbus_daemon,
			&peer_libdbus,
			NULL,
		},
};

const struct workload workload_spin_tax = {
	.name = "spin-tax",
	.what = "100 calls a second: what looking before sleeping costs",
	.pause_ns = 10 * NSEC_PER_MSEC,
	.subjects =
		(const struct subject *const[]){
			&tern_rpc_default,
			&tern_rpc_sparse_blocking,
			&limit_eventfd_epoll,
			&peer_sdbus_dbus_broker,
			NULL,
		},
};

const struct workload workload_rpc_default = {
	.name = "rpc-default",
	.what = "64 B call and reply, everything as it comes",
	.subjects =
		(const struct subject *const[]){
			&tern_rpc_default,
			&limit_spin,
			&limit_eventfd_epoll,
			&limit_unix_socket,
			&peer_sdbus_dbus_broker,
			&peer_sdbus_dbus_daemon,
			&peer_libdbus,
			NULL,
		},
};
