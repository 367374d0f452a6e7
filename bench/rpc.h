/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rpc: what all workloads with calls and replies have in common
 */

#include "bench.h"
#include "payload.h"
#include "run.h"

/*
 * rpc_call_fn - send a request of run_size() bytes, wait for its reply
 *
 * Return: 0 or a negative errno.
 */
typedef int rpc_call_fn(void *link, const struct payload *request, struct payload *ret_reply);

/*
 * rpc_lend_fn - where the next request is to be built, so that nobody copies it
 *
 * Return: 0 or a negative errno.
 */
typedef int rpc_lend_fn(void *link, struct payload **ret_request);

/**
 * rpc_drive() - call until told to stop, and time every call
 *
 * The time is what lies between two clock reads around the call; what the clock itself costs is
 * not taken off, and filling the request does not count. Every reply must be the one to its call.
 *
 * Return: 0 or a negative errno, told by run_fail(). Threads: owner. Blocks: as @call does.
 */
int rpc_drive(struct bench_run *run, rpc_call_fn *call, void *link);

/* rpc_drive_lent() - the same, with every request built where @lend says; that costs, the building
 * not */
int rpc_drive_lent(struct bench_run *run, rpc_lend_fn *lend, rpc_call_fn *call, void *link);

/* rpc_answer() - read the request, make its reply. Return: 0 or -EBADMSG, told by run_fail(). */
static inline int
rpc_answer(struct bench_run *run, const struct payload *request, struct payload *ret_reply)
{
	if (unlikely(!payload_read(request, run_size(run), PAYLOAD_CALL, request->serial)))
		return run_fail(run, -EBADMSG, "request");
	payload_make(ret_reply, PAYLOAD_REPLY, request->serial);
	return 0;
}

/* the subjects, where they are */
extern const struct subject tern_rpc_hot, tern_rpc_blocking, tern_rpc_default;	/* tern_rpc.c */
extern const struct subject tern_rpc_sparse_blocking;	/* the same */
extern const struct subject limit_spin, limit_futex;				/* limit_line.c */
extern const struct subject tern_payload, tern_payload_copied;			/* tern_payload.c */
extern const struct subject limit_eventfd, limit_eventfd_poll, limit_eventfd_epoll;	/* limit_fd.c */
extern const struct subject limit_unix_socket, limit_pipe;			/* limit_pipe.c */
extern const struct subject limit_touch, limit_touch_memcpy;			/* limit_touch.c */
extern const struct subject peer_zeromq;					/* peer_zeromq.c */
extern const struct subject peer_nng;						/* peer_nng.c */
extern const struct subject peer_capnp;						/* peer_capnp.c */
extern const struct subject peer_sdbus_dbus_broker, peer_sdbus_dbus_daemon;	/* peer_sdbus.c */
extern const struct subject peer_libdbus_dbus_broker, peer_libdbus_dbus_daemon; /* peer_libdbus.c */
