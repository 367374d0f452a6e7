/* SPDX-License-Identifier: MIT */

/*
 * peer_nng: NNG over ipc://; req and rep, push and pull, pub and sub
 *
 * A pub drops what a slow sub has no room for, so it is held back by the counts
 * of the subscribers; what is under way when a socket is closed may be lost, so
 * the end is waited for.
 */

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "rpc.h"
#include "stream.h"

#define PATIENCE_MS 10000
#define QUEUE	    8192u /* the most that NNG allows */
#define WINDOW	    1024u

struct nng_link {
	struct bench_run *run;
	nng_socket socket;
	struct payload *buffer; /* of run_size() */
	bool is_pub;
	_Atomic uint32_t n_pipes;
};

static int
nng_fail(struct bench_run *run, int error, const char *what)
{
	char text[120];

	(void)snprintf(text, sizeof(text), "%s (%s)", what, nng_strerror(error)); /* cut or not */
	return run_fail(run, -EIO, text);
}

static int
nng_address(struct bench_run *run)
{
	(void)snprintf(run->address, sizeof(run->address), "ipc://%s/nng", run->dir); /* fits */
	return 0;
}

static void
link_close(struct nng_link *link)
{
	(void)nng_close(link->socket); /* an unopened one is refused, and that is all */
	free(link->buffer);
}

static void
on_pipe(nng_pipe pipe _unused_, nng_pipe_ev event _unused_, void *userdata)
{
	struct nng_link *link = userdata;

	(void)add_rlx(&link->n_pipes, 1); /* a count and nothing behind it */
}

/* Protocols have different options; what one does not have it does not need. */
static void
link_set_options(struct nng_link *link)
{
	(void)nng_socket_set_size(link->socket, NNG_OPT_RECVMAXSZ, 0); /* no limit */
	(void)nng_socket_set_ms(link->socket, NNG_OPT_SENDTIMEO, PATIENCE_MS);
	if (run_size(link->run) > sizeof(struct payload))
		return;
	(void)nng_socket_set_int(link->socket, NNG_OPT_SENDBUF, (int)QUEUE);
	(void)nng_socket_set_int(link->socket, NNG_OPT_RECVBUF, (int)QUEUE);
}

/* Consumes what @open made. Whoever there is one of listens. */
static int
link_open(struct bench_run *run, int (*open)(nng_socket *), bool is_listener, struct nng_link *ret)
{
	int r;

	*ret = (struct nng_link){.run = run, .socket = NNG_SOCKET_INITIALIZER};
	ret->buffer = aligned_alloc(CACHE_LINE, run_size(run));
	if (!ret->buffer)
		return run_fail(run, -ENOMEM, "buffer");
	memset(ret->buffer, 0, run_size(run));
	r = open(&ret->socket);
	if (r)
		return nng_fail(run, r, "open");
	link_set_options(ret);
	if (open == nng_sub0_open)
		r = nng_socket_set(ret->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0);
	if (r == 0)
		r = nng_pipe_notify(ret->socket, NNG_PIPE_EV_ADD_POST, on_pipe, ret);
	if (r)
		return nng_fail(run, r, "setting an option");
	r = is_listener ? nng_listen(ret->socket, run->address, NULL, 0)
			: nng_dial(ret->socket, run->address, NULL, NNG_FLAG_NONBLOCK);
	return r ? nng_fail(run, r, is_listener ? "nng_listen" : "nng_dial") : 0;
}

/* Return: 0, or -EMSGSIZE for another size than expected. */
static int
link_receive(struct nng_link *link, void *to, size_t size)
{
	size_t n = size;
	int r = nng_recv(link->socket, to, &n, 0);

	if (r)
		return nng_fail(link->run, r, "nng_recv");
	return n == size ? 0 : -EMSGSIZE;
}

static int
link_send(struct nng_link *link, void *from, size_t size)
{
	int r = nng_send(link->socket, from, size, 0);

	return r ? nng_fail(link->run, r, "nng_send") : 0;
}

static int
nng_call(void *userdata, const struct payload *request, struct payload *ret_reply)
{
	struct nng_link *link = userdata;
	int r;

	/* not changed by it: NNG's own prototype lacks the const */
	r = link_send(link, (void *)(uintptr_t)request, run_size(link->run));
	return r < 0 ? r : link_receive(link, ret_reply, sizeof(*ret_reply));
}

static int
nng_drive(struct bench_run *run)
{
	struct nng_link link;
	int r;

	r = link_open(run, nng_req0_open, false, &link);
	if (r == 0)
		r = rpc_drive(run, nng_call, &link);
	link_close(&link);
	return r;
}

static int
nng_answer(struct nng_link *link)
{
	struct payload reply = {0};
	int r;

	r = link_receive(link, link->buffer, run_size(link->run));
	if (r == 0)
		r = rpc_answer(link->run, link->buffer, &reply);
	return r < 0 ? r : link_send(link, &reply, sizeof(reply));
}

static int
nng_take(struct nng_link *link)
{
	int r = link_receive(link, link->buffer, run_size(link->run));

	return r < 0 ? r : stream_take(link->run, link->buffer);
}

static int
nng_serve_as(struct bench_run *run, int (*open)(nng_socket *), int (*take)(struct nng_link *link))
{
	struct nng_link link;
	int r;

	r = link_open(run, open, open != nng_sub0_open, &link);
	if (r == 0)
		run_ready(run);
	while (r == 0)
		r = take(&link);
	link_close(&link);
	return r;
}

static int
nng_serve(struct bench_run *run)
{
	return nng_serve_as(run, nng_rep0_open, nng_answer);
}

static int
nng_pull(struct bench_run *run)
{
	return nng_serve_as(run, nng_pull0_open, nng_take);
}

static int
nng_subscribe(struct bench_run *run)
{
	return nng_serve_as(run, nng_sub0_open, nng_take);
}

static int
nng_send_event(void *userdata, const struct payload *event)
{
	struct nng_link *link = userdata;
	uint64_t window = stream_window(link->run, WINDOW);

	payload_fill(link->buffer, run_size(link->run), PAYLOAD_EVENT, event->serial);
	if (link->is_pub && event->serial % (window / 4) == 0)
		stream_hold_back(link->run, event->serial, window);
	return link_send(link, link->buffer, run_size(link->run));
}

static int
await_pipes(struct nng_link *link)
{
	const struct timespec tick = {.tv_nsec = 1000000};
	uint64_t deadline = clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (load_rlx(&link->n_pipes) < run_n_servers(link->run)) { /* nothing hangs on it */
		if (clock_now_ns() >= deadline)
			return run_fail(link->run, -ETIME, "waiting for subscribers");
		(void)nanosleep(&tick, NULL); /* cut short or not: look again */
	}
	return 0;
}

static int
nng_publish_as(struct bench_run *run, int (*open)(nng_socket *))
{
	struct nng_link link;
	int r;

	r = link_open(run, open, open == nng_pub0_open, &link);
	link.is_pub = open == nng_pub0_open;
	if (r == 0 && link.is_pub)
		r = await_pipes(&link);
	if (r == 0)
		r = stream_drive(run, nng_send_event, &link);
	if (r == 0)
		stream_await_all(run);
	link_close(&link);
	return r;
}

static int
nng_push(struct bench_run *run)
{
	return nng_publish_as(run, nng_push0_open);
}

static int
nng_publish(struct bench_run *run)
{
	return nng_publish_as(run, nng_pub0_open);
}

const struct subject peer_nng = {
	.name = "peer:nng",
	.open = nng_address,
	.serve = nng_serve,
	.drive = nng_drive,
};

const struct subject stream_nng = {
	.name = "peer:nng",
	.open = nng_address,
	.serve = nng_pull,
	.drive = nng_push,
};

const struct subject fanout_nng = {
	.name = "peer:nng",
	.open = nng_address,
	.serve = nng_subscribe,
	.drive = nng_publish,
};
