/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * peer_socket: peers whose sockets send and receive whole messages, and come in pairs of kinds
 *
 * What differs is in a struct peer_kind; the rest of a request and its reply, a stream and a fan-out is the same.
 */

#include "bench.h"

enum peer_role { PEER_REQUEST, PEER_REPLY, PEER_PUSH, PEER_PULL, PEER_PUBLISH, PEER_SUBSCRIBE };

/* What a kind of sockets can do. All tell what is wrong by run_fail(). */
struct peer_kind {
	/* close() is called also where this failed */
	int (*open)(struct bench_run *run, enum peer_role role, void **ret_socket);
	void (*close)(void *socket);
	int (*send)(void *socket, const void *bytes, size_t size);
	int (*receive)(void *socket, void *bytes, size_t size); /* of that size, else -EMSGSIZE */
	int (*await_subscribers)(void *socket);
	uint32_t window;    /* 0: a publisher waits by itself; else what it is ahead of its subscribers at most */
	bool loses_the_end; /* what is under way when a socket is closed */
};

/*
 * peer_drive() - in the client: calls, or events by PEER_PUSH or PEER_PUBLISH, until the run ends
 * peer_serve() - in a server: the other end of these
 */
int peer_drive(struct bench_run *run, const struct peer_kind *kind, enum peer_role role);
int peer_serve(struct bench_run *run, const struct peer_kind *kind, enum peer_role role);
