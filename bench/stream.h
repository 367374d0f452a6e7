/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * stream: what all workloads with one publisher and one subscriber have in common
 *
 * The subscriber is the run's server, the publisher its client. None may be
 * lost: where a system does not hold the publisher back by itself, the subject
 * does so with what the system's API offers.
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

/* stream_take() - the next event, read and counted. Return: 0 or -EBADMSG: lost or doubled. */
static inline int
stream_take(struct bench_run *run, const struct payload *event)
{
	/* Relaxed: only this process writes it, and the parent takes it for a count. */
	uint64_t next = load_rlx(&run->shared->count) + 1;

	if (unlikely(!payload_is(event, PAYLOAD_EVENT, next)))
		return run_fail_at(run, -EBADMSG, "lost or doubled at event", next);
	store_rlx(&run->shared->count, next);
	return 0;
}

/* the subjects, where they are */
extern const struct subject tern_stream;					/* tern_stream.c */
extern const struct subject limit_ring, limit_ring_fenced;			/* limit_ring.c */
extern const struct subject stream_sdbus_dbus_broker, stream_sdbus_dbus_daemon; /* peer_sdbus.c */
extern const struct subject stream_libdbus;					/* peer_libdbus.c */
