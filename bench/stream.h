/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * stream: what all workloads with one publisher and its subscribers have in common
 *
 * A subscriber is a server of the run, the publisher its client. None may be
 * lost: where a system does not hold the publisher back by itself, the subject
 * does so with what the system's API offers, or, kinder than that, by looking
 * at the subscribers' counts.
 */

#include "bench.h"
#include "payload.h"
#include "run.h"

/* stream_send_fn - send an event, wait for room if there is none. Return: 0 or a negative errno. */
typedef int stream_send_fn(void *link, const struct payload *event);

/**
 * stream_drive() - send until told to stop
 *
 * What the subject still holds back must be on its way before it returns from drive.
 *
 * Return: 0 or a negative errno, told by run_fail(). Threads: owner. Blocks: as @send does.
 */
int stream_drive(struct bench_run *run, stream_send_fn *send, void *link);

/**
 * stream_drive_paced() - the same, but only once every subscriber has had time to fall asleep
 *
 * What is timed is the processor time that @send takes.
 */
int stream_drive_paced(struct bench_run *run, stream_send_fn *send, void *link);

/*
 * stream_hold_back() - wait until every subscriber has all but the last @window events before
 * @serial
 *
 * For systems that drop what a slow subscriber has no room for.
 * Threads: owner. Blocks: until then, or until the phase is over.
 */
void stream_hold_back(const struct bench_run *run, uint64_t serial, uint64_t window);

/* stream_window() - how many events may be under way: @max to a few, less to many; what is queued
 * is bounded */
static inline uint64_t
stream_window(const struct bench_run *run, uint64_t max)
{
	return MAX(max * 8 / MAX(run_n_servers(run), 8u), UINT64_C(16));
}

/*
 * stream_await_all() - after stream_drive(): wait until everything has arrived, 5 s at most
 *
 * For systems that may throw away what is on its way when they are closed.
 */
void stream_await_all(const struct bench_run *run);

/* stream_take() - the next event, read and counted. Return: 0 or -EBADMSG: lost or doubled. */
static inline int
stream_take(struct bench_run *run, const struct payload *event)
{
	/* Relaxed: only this process writes it, and the parent takes it for a count. */
	_Atomic uint64_t *count = &run->shared->count[run->nth].n;
	uint64_t next = load_rlx(count) + 1;

	if (unlikely(!payload_read(event, run_size(run), PAYLOAD_EVENT, next)))
		return run_fail_at(run, -EBADMSG, "lost or doubled at event", next);
	store_rlx(count, next);
	return 0;
}

/* the subjects, where they are */
extern const struct subject tern_stream, tern_stream_batch, tern_bulk; /* tern_stream.c */
extern const struct subject tern_call_stream, tern_stream_beside, tern_bulk_beside;
extern const struct subject tern_fanout_polling, tern_fanout_asleep;
extern const struct subject limit_ring, limit_ring_fenced;			/* limit_ring.c */
extern const struct subject limit_touch_stream;					/* limit_touch.c */
extern const struct subject limit_bells;					/* limit_bells.c */
extern const struct subject stream_unix_socket, stream_pipe;			/* limit_pipe.c */
extern const struct subject stream_sdbus_dbus_broker, stream_sdbus_dbus_daemon; /* peer_sdbus.c */
extern const struct subject stream_libdbus_dbus_broker,
	stream_libdbus_dbus_daemon;			  /* peer_libdbus.c */
extern const struct subject stream_zeromq, fanout_zeromq; /* peer_zeromq.c */
extern const struct subject stream_nng, fanout_nng;	  /* peer_nng.c */
extern const struct subject stream_capnp;		  /* peer_capnp.c */
