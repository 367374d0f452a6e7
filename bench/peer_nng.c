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
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "peer_socket.h"
#include "rpc.h"
#include "stream.h"

#define PATIENCE_MS 10000
#define QUEUE	    8192u /* the most that NNG allows */
#define WINDOW	    1024u

struct nng_link {
	struct bench_run *run;
	nng_socket socket;
	_Atomic uint32_t n_pipes;
};

static int (*const opens[])(nng_socket *) = {
	[PEER_REQUEST] = nng_req0_open,
	[PEER_REPLY] = nng_rep0_open,
	[PEER_PUSH] = nng_push0_open,
	[PEER_PULL] = nng_pull0_open,
	[PEER_PUBLISH] = nng_pub0_open,
	[PEER_SUBSCRIBE] = nng_sub0_open,
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
link_close(void *socket)
{
	struct nng_link *link = socket;

	(void)nng_close(link->socket); /* an unopened one is refused, and that is all */
	free(link);
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

/* Servers listen, except that subscribers dial their publisher. */
static int
link_open(struct bench_run *run, enum peer_role role, void **ret)
{
	bool is_listener = role == PEER_REPLY || role == PEER_PULL || role == PEER_PUBLISH;
	struct nng_link *link = calloc(1, sizeof(*link));
	int r;

	if (!link)
		return run_fail(run, -ENOMEM, "socket");
	*ret = link; /* closed by who asked for it, also half made */
	link->run = run;
	r = opens[role](&link->socket);
	if (r)
		return nng_fail(run, r, "open");
	link_set_options(link);
	if (role == PEER_SUBSCRIBE)
		r = nng_socket_set(link->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0);
	if (r == 0)
		r = nng_pipe_notify(link->socket, NNG_PIPE_EV_ADD_POST, on_pipe, link);
	if (r)
		return nng_fail(run, r, "setting an option");
	r = is_listener ? nng_listen(link->socket, run->address, NULL, 0)
			: nng_dial(link->socket, run->address, NULL, NNG_FLAG_NONBLOCK);
	return r ? nng_fail(run, r, is_listener ? "nng_listen" : "nng_dial") : 0;
}

static int
link_receive(void *socket, void *to, size_t size)
{
	struct nng_link *link = socket;
	size_t n = size;
	int r = nng_recv(link->socket, to, &n, 0);

	if (r)
		return nng_fail(link->run, r, "nng_recv");
	return n == size ? 0 : run_fail(link->run, -EMSGSIZE, "nng_recv");
}

static int
link_send(void *socket, const void *from, size_t size)
{
	struct nng_link *link = socket;
	/* not changed by it: NNG's own prototype lacks the const */
	int r = nng_send(link->socket, (void *)(uintptr_t)from, size, 0);

	return r ? nng_fail(link->run, r, "nng_send") : 0;
}

static int
link_await(void *socket)
{
	struct nng_link *link = socket;
	const struct timespec tick = {.tv_nsec = 1000000};
	uint64_t deadline = clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (load_rlx(&link->n_pipes) < run_n_servers(link->run)) { /* nothing hangs on it */
		if (clock_now_ns() >= deadline)
			return run_fail(link->run, -ETIME, "waiting for subscribers");
		(void)nanosleep(&tick, NULL); /* cut short or not: look again */
	}
	return 0;
}

static const struct peer_kind nng = {
	.open = link_open,
	.close = link_close,
	.send = link_send,
	.receive = link_receive,
	.await_subscribers = link_await,
	.window = WINDOW,
	.loses_the_end = true,
};

static int
nng_drive(struct bench_run *run)
{
	return peer_drive(run, &nng, PEER_REQUEST);
}

static int
nng_push(struct bench_run *run)
{
	return peer_drive(run, &nng, PEER_PUSH);
}

static int
nng_publish(struct bench_run *run)
{
	return peer_drive(run, &nng, PEER_PUBLISH);
}

static int
nng_serve(struct bench_run *run)
{
	return peer_serve(run, &nng, PEER_REPLY);
}

static int
nng_pull(struct bench_run *run)
{
	return peer_serve(run, &nng, PEER_PULL);
}

static int
nng_subscribe(struct bench_run *run)
{
	return peer_serve(run, &nng, PEER_SUBSCRIBE);
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
