/* SPDX-License-Identifier: MIT */

/* rpc: 64 B call, 64 B reply, one at a time; polling, sleeping, and as it comes */

#include "base/clock.h"
#include "rpc.h"

/* Where a caller that copies has its request before. */
struct own {
	struct payload *request;
	rpc_call_fn *call;
	void *link;
};

/* One call: where to build it, building it, the call. Building it takes no time. */
static int
rpc_call(struct bench_run *run, struct own *own, rpc_lend_fn *lend, uint64_t serial,
	uint64_t *ret_time_ns)
{
	struct payload *request = own->request, reply = {0};
	uint64_t begin = clock_now_ns(), lent, filled;
	int r;

	r = lend ? lend(own->link, &request) : 0;
	if (unlikely(r < 0))
		return run_fail_at(run, r, "memory for call", serial);
	lent = lend ? clock_now_ns() : begin;
	payload_fill(request, run_size(run), PAYLOAD_CALL, serial);
	fence_seq(); /* what waits in the store buffer is filling too, and whatever comes next would wait for it */
	filled = clock_now_ns();
	r = own->call(own->link, request, &reply);
	*ret_time_ns = clock_now_ns() - filled + lent - begin;
	if (unlikely(r < 0))
		return run_fail_at(run, r, "call", serial);
	if (unlikely(!payload_is(&reply, PAYLOAD_REPLY, serial)))
		return run_fail_at(run, -EBADMSG, "reply to call", serial);
	return 0;
}

static int
rpc_loop(struct bench_run *run, struct own *own, rpc_lend_fn *lend)
{
	struct bench_shared *shared = run->shared;
	const struct timespec pause = {.tv_nsec = (long)run->workload->pause_ns};
	uint64_t time_ns = 0;
	uint32_t phase;
	int r;

	for (uint64_t serial = 1; (phase = run_phase(run)) != PHASE_STOP; serial++) {
		r = rpc_call(run, own, lend, serial, &time_ns);
		if (unlikely(r < 0))
			return r;
		if (phase == PHASE_MEASURE)
			hist_add(&shared->hist, time_ns);
		/* Relaxed: the parent takes it for a count and reads nothing by it. */
		store_rlx(&shared->count[0].n, serial);
		if (unlikely(serial == 1))
			run_ready(run);
		if (run->workload->pause_ns)
			(void)nanosleep(&pause, NULL); /* no signal has a handler here */
	}
	return 0;
}

int
rpc_drive_lent(struct bench_run *run, rpc_lend_fn *lend, rpc_call_fn *call, void *link)
{
	struct own own = {.call = call, .link = link};

	return rpc_loop(run, &own, lend);
}

int
rpc_drive(struct bench_run *run, rpc_call_fn *call, void *link)
{
	_cleanup_(freep) struct payload *request = NULL;
	struct own own = {.call = call, .link = link};

	request = aligned_alloc(CACHE_LINE, run_size(run));
	if (!request)
		return run_fail(run, -ENOMEM, "request");
	memset(request, 0, run_size(run));
	own.request = request;
	return rpc_loop(run, &own, NULL);
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
			&peer_libdbus_dbus_broker,
			&peer_libdbus_dbus_daemon,
			&peer_zeromq,
			&peer_nng,
			&peer_capnp,
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
			&limit_eventfd_poll,
			&limit_eventfd_epoll,
			&limit_unix_socket,
			&limit_pipe,
			&peer_sdbus_dbus_broker,
			&peer_sdbus_dbus_daemon,
			&peer_libdbus_dbus_broker,
			&peer_libdbus_dbus_daemon,
			&peer_zeromq,
			&peer_nng,
			&peer_capnp,
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
			&limit_pipe,
			&peer_sdbus_dbus_broker,
			&peer_sdbus_dbus_daemon,
			&peer_libdbus_dbus_broker,
			&peer_libdbus_dbus_daemon,
			&peer_zeromq,
			&peer_nng,
			&peer_capnp,
			NULL,
		},
};
