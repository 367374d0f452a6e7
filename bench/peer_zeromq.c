/* SPDX-License-Identifier: MIT */

/*
 * peer_zeromq: ZeroMQ over ipc://; REQ and REP, PUSH and PULL, XPUB and SUB
 *
 * PUSH waits where a PULL is slow; XPUB does so with NODROP, and tells who has
 * subscribed, so that the first event reaches everybody.
 */

#include <stdio.h>
#include <zmq.h>

#include "rpc.h"
#include "stream.h"

#define PATIENCE_MS 10000
#define BACKLOG	    1024

struct zmq_link {
	struct bench_run *run;
	void *context, *socket;
	struct payload *buffer; /* of run_size() */
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
link_close(struct zmq_link *link)
{
	if (link->socket)
		(void)zmq_close(link->socket); /* cannot fail: it is one */
	if (link->context)
		(void)zmq_ctx_term(link->context); /* waits until all is sent */
	free(link->buffer);
}

static int
link_set(struct zmq_link *link, int option, int value)
{
	return zmq_setsockopt(link->socket, option, &value, sizeof(value)) < 0
		       ? zmq_fail(link->run, "zmq_setsockopt")
		       : 0;
}

/* Servers bind, except that subscribers connect to their publisher. */
static int
link_open(struct bench_run *run, int type, struct zmq_link *ret)
{
	bool is_bound = type == ZMQ_REP || type == ZMQ_PULL || type == ZMQ_XPUB;
	int r;

	*ret = (struct zmq_link){.run = run, .context = zmq_ctx_new()};
	ret->buffer = aligned_alloc(CACHE_LINE, run_size(run));
	if (!ret->context || !ret->buffer)
		return run_fail(run, -ENOMEM, "zmq_ctx_new");
	memset(ret->buffer, 0, run_size(run));
	ret->socket = zmq_socket(ret->context, type);
	if (!ret->socket)
		return zmq_fail(run, "zmq_socket");
	r = link_set(ret, ZMQ_BACKLOG, BACKLOG);
	if (r == 0 && type == ZMQ_REQ)
		r = link_set(ret, ZMQ_RCVTIMEO, PATIENCE_MS);
	if (r == 0 && type == ZMQ_XPUB)
		r = link_set(ret, ZMQ_XPUB_NODROP, 1);
	if (r == 0 && type == ZMQ_XPUB)
		r = link_set(ret, ZMQ_XPUB_VERBOSE, 1); /* tell of every subscriber */
	if (r == 0 && type == ZMQ_SUB && zmq_setsockopt(ret->socket, ZMQ_SUBSCRIBE, "", 0) < 0)
		r = zmq_fail(run, "zmq_setsockopt");
	if (r < 0)
		return r;
	if ((is_bound ? zmq_bind : zmq_connect)(ret->socket, run->address) < 0)
		return zmq_fail(run, is_bound ? "zmq_bind" : "zmq_connect");
	return 0;
}

/* Return: 0, or -EMSGSIZE for another size than expected. */
static int
link_receive(struct zmq_link *link, void *to, size_t size)
{
	int n = zmq_recv(link->socket, to, size, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EMSGSIZE;
}

static int
link_send(struct zmq_link *link, const void *from, size_t size)
{
	return zmq_send(link->socket, from, size, 0) < 0 ? -errno : 0;
}

static int
zeromq_call(void *userdata, const struct payload *request, struct payload *ret_reply)
{
	struct zmq_link *link = userdata;
	int r;

	r = link_send(link, request, run_size(link->run));
	return r < 0 ? r : link_receive(link, ret_reply, sizeof(*ret_reply));
}

static int
zeromq_drive(struct bench_run *run)
{
	struct zmq_link link;
	int r;

	r = link_open(run, ZMQ_REQ, &link);
	if (r == 0)
		r = rpc_drive(run, zeromq_call, &link);
	link_close(&link);
	return r;
}

static int
zeromq_answer(struct zmq_link *link)
{
	struct payload reply = {0};
	int r;

	r = link_receive(link, link->buffer, run_size(link->run));
	if (r < 0)
		return run_fail(link->run, r, "zmq_recv");
	r = rpc_answer(link->run, link->buffer, &reply);
	if (r < 0)
		return r;
	r = link_send(link, &reply, sizeof(reply));
	return r < 0 ? run_fail(link->run, r, "zmq_send") : 0;
}

static int
zeromq_take(struct zmq_link *link)
{
	int r = link_receive(link, link->buffer, run_size(link->run));

	return r < 0 ? run_fail(link->run, r, "zmq_recv") : stream_take(link->run, link->buffer);
}

static int
zeromq_serve_as(struct bench_run *run, int type, int (*take)(struct zmq_link *link))
{
	struct zmq_link link;
	int r;

	r = link_open(run, type, &link);
	if (r == 0)
		run_ready(run);
	while (r == 0)
		r = take(&link);
	link_close(&link);
	return r;
}

static int
zeromq_serve(struct bench_run *run)
{
	return zeromq_serve_as(run, ZMQ_REP, zeromq_answer);
}

static int
zeromq_pull(struct bench_run *run)
{
	return zeromq_serve_as(run, ZMQ_PULL, zeromq_take);
}

static int
zeromq_subscribe(struct bench_run *run)
{
	return zeromq_serve_as(run, ZMQ_SUB, zeromq_take);
}

static int
zeromq_send(void *userdata, const struct payload *event)
{
	struct zmq_link *link = userdata;

	payload_fill(link->buffer, run_size(link->run), PAYLOAD_EVENT, event->serial);
	return link_send(link, link->buffer, run_size(link->run));
}

static int
await_subscribers(struct zmq_link *link)
{
	char subscription[16];

	for (uint32_t i = 0; i < run_n_servers(link->run); i++)
		if (zmq_recv(link->socket, subscription, sizeof(subscription), 0) < 0)
			return zmq_fail(link->run, "waiting for subscribers");
	return 0;
}

static int
zeromq_publish_as(struct bench_run *run, int type)
{
	struct zmq_link link;
	int r;

	r = link_open(run, type, &link);
	if (r == 0 && type == ZMQ_XPUB)
		r = await_subscribers(&link);
	if (r == 0)
		r = stream_drive(run, zeromq_send, &link);
	link_close(&link);
	return r;
}

static int
zeromq_push(struct bench_run *run)
{
	return zeromq_publish_as(run, ZMQ_PUSH);
}

static int
zeromq_publish(struct bench_run *run)
{
	return zeromq_publish_as(run, ZMQ_XPUB);
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
