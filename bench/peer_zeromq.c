/* SPDX-License-Identifier: MIT */

/*
 * peer_zeromq: ZeroMQ over ipc://; REQ and REP, PUSH and PULL, XPUB and SUB
 *
 * PUSH waits where a PULL is slow; XPUB does so with NODROP, and tells who has
 * subscribed, so that the first event reaches everybody.
 */

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "peer_socket.h"
#include "rpc.h"
#include "stream.h"

#define PATIENCE_MS 10000
#define BACKLOG	    1024

struct zmq_link {
	struct bench_run *run;
	void *context, *socket;
};

static const int types[] = {
	[PEER_REQUEST] = ZMQ_REQ,
	[PEER_REPLY] = ZMQ_REP,
	[PEER_PUSH] = ZMQ_PUSH,
	[PEER_PULL] = ZMQ_PULL,
	[PEER_PUBLISH] = ZMQ_XPUB,
	[PEER_SUBSCRIBE] = ZMQ_SUB,
};

static int
zmq_fail(struct bench_run *run, const char *what)
{
	return run_fail(run, errno > 0 && errno < ZMQ_HAUSNUMERO ? -errno : -EIO, what);
}

static int
zmq_address(struct bench_run *run)
{
	(void)snprintf(run->address, sizeof(run->address), "ipc://%s/zmq", run->dir); /* fits */
	return 0;
}

static void
link_close(void *socket)
{
	struct zmq_link *link = socket;

	if (link->socket)
		(void)zmq_close(link->socket); /* cannot fail: it is one */
	if (link->context)
		(void)zmq_ctx_term(link->context); /* waits until all is sent */
	free(link);
}

static int
link_set(struct zmq_link *link, int option, int value)
{
	return zmq_setsockopt(link->socket, option, &value, sizeof(value)) < 0
		       ? zmq_fail(link->run, "zmq_setsockopt")
		       : 0;
}

static int
link_set_all(struct zmq_link *link, enum peer_role role)
{
	int r = link_set(link, ZMQ_BACKLOG, BACKLOG);

	if (r == 0 && role == PEER_REQUEST)
		r = link_set(link, ZMQ_RCVTIMEO, PATIENCE_MS);
	if (r == 0 && role == PEER_PUBLISH)
		r = link_set(link, ZMQ_XPUB_NODROP, 1);
	if (r == 0 && role == PEER_PUBLISH)
		r = link_set(link, ZMQ_XPUB_VERBOSE, 1); /* tell of every subscriber */
	if (r == 0 && role == PEER_SUBSCRIBE && zmq_setsockopt(link->socket, ZMQ_SUBSCRIBE, "", 0) < 0)
		r = zmq_fail(link->run, "zmq_setsockopt");
	return r;
}

/* Servers bind, except that subscribers connect to their publisher. */
static int
link_open(struct bench_run *run, enum peer_role role, void **ret)
{
	bool is_bound = role == PEER_REPLY || role == PEER_PULL || role == PEER_PUBLISH;
	struct zmq_link *link = calloc(1, sizeof(*link));
	int r;

	if (!link)
		return run_fail(run, -ENOMEM, "socket");
	*ret = link; /* closed by who asked for it, also half made */
	link->run = run;
	link->context = zmq_ctx_new();
	if (!link->context)
		return run_fail(run, -ENOMEM, "zmq_ctx_new");
	link->socket = zmq_socket(link->context, types[role]);
	if (!link->socket)
		return zmq_fail(run, "zmq_socket");
	r = link_set_all(link, role);
	if (r < 0)
		return r;
	if ((is_bound ? zmq_bind : zmq_connect)(link->socket, run->address) < 0)
		return zmq_fail(run, is_bound ? "zmq_bind" : "zmq_connect");
	return 0;
}

static int
link_receive(void *socket, void *to, size_t size)
{
	struct zmq_link *link = socket;
	int n = zmq_recv(link->socket, to, size, 0);

	if (n < 0)
		return zmq_fail(link->run, "zmq_recv");
	return (size_t)n == size ? 0 : run_fail(link->run, -EMSGSIZE, "zmq_recv");
}

static int
link_send(void *socket, const void *from, size_t size)
{
	struct zmq_link *link = socket;

	return zmq_send(link->socket, from, size, 0) < 0 ? zmq_fail(link->run, "zmq_send") : 0;
}

static int
link_await(void *socket)
{
	struct zmq_link *link = socket;
	char subscription[16];

	for (uint32_t i = 0; i < run_n_servers(link->run); i++)
		if (zmq_recv(link->socket, subscription, sizeof(subscription), 0) < 0)
			return zmq_fail(link->run, "waiting for subscribers");
	return 0;
}

static const struct peer_kind zeromq = {
	.open = link_open,
	.close = link_close,
	.send = link_send,
	.receive = link_receive,
	.await_subscribers = link_await,
	.loses_the_end = true, /* once in some dozen runs, though all was sent before it is closed */
};

static int
zeromq_drive(struct bench_run *run)
{
	return peer_drive(run, &zeromq, PEER_REQUEST);
}

static int
zeromq_push(struct bench_run *run)
{
	return peer_drive(run, &zeromq, PEER_PUSH);
}

static int
zeromq_publish(struct bench_run *run)
{
	return peer_drive(run, &zeromq, PEER_PUBLISH);
}

static int
zeromq_serve(struct bench_run *run)
{
	return peer_serve(run, &zeromq, PEER_REPLY);
}

static int
zeromq_pull(struct bench_run *run)
{
	return peer_serve(run, &zeromq, PEER_PULL);
}

static int
zeromq_subscribe(struct bench_run *run)
{
	return peer_serve(run, &zeromq, PEER_SUBSCRIBE);
}

const struct subject peer_zeromq = {
	.name = "peer:zeromq",
	.open = zmq_address,
	.serve = zeromq_serve,
	.drive = zeromq_drive,
};

const struct subject stream_zeromq = {
	.name = "peer:zeromq",
	.open = zmq_address,
	.serve = zeromq_pull,
	.drive = zeromq_push,
};

const struct subject fanout_zeromq = {
	.name = "peer:zeromq",
	.open = zmq_address,
	.serve = zeromq_subscribe,
	.drive = zeromq_publish,
};
