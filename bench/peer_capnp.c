/* SPDX-License-Identifier: MIT */

/* peer_capnp: Cap'n Proto RPC over a unix socket; calls, and streaming calls one way */

#include <sys/socket.h>

#include "capnp_link.h"
#include "rpc.h"
#include "stream.h"

_Static_assert(CAPNP_REPLY_SIZE == sizeof(struct payload), "a reply is a payload");

enum { FD_SERVER, FD_CLIENT }; /* run->fds */

struct capnp_end {
	struct bench_run *run;
	struct capnp_client *client;
};

static int
capnp_open(struct bench_run *run)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, run->fds) < 0)
		return run_fail(run, -errno, "socketpair");
	return 0;
}

static int
on_call(void *userdata, const void *request, size_t size, void *ret_reply)
{
	struct bench_run *run = userdata;

	if (size != run_size(run))
		return run_fail(run, -EMSGSIZE, "request");
	memset(ret_reply, 0, CAPNP_REPLY_SIZE);
	return rpc_answer(run, request, ret_reply);
}

static int
on_event(void *userdata, const void *event, size_t size)
{
	struct bench_run *run = userdata;

	return size == run_size(run) ? stream_take(run, event) : run_fail(run, -EMSGSIZE, "event");
}

static int
capnp_serve_run(struct bench_run *run)
{
	const struct capnp_server server = {on_call, on_event, run};
	int r;

	run_ready(run);
	r = capnp_serve(fd_steal(&run->fds[FD_SERVER]), &server);
	return r < 0 ? r : run_fail(run, -ECONNRESET, "capnp");
}

static int
link_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	struct capnp_end *end = link;

	return capnp_call(end->client, request, run_size(end->run), ret_reply);
}

static int
link_send(void *link, const struct payload *event)
{
	struct capnp_end *end = link;

	return capnp_send(end->client, event, sizeof(*event));
}

static int
capnp_drive(struct bench_run *run)
{
	struct capnp_end end = {.run = run};
	int r;

	end.client = capnp_connect(fd_steal(&run->fds[FD_CLIENT]));
	if (!end.client)
		return run_fail(run, -EIO, "capnp_connect");
	r = run->workload->is_one_way ? stream_drive(run, link_send, &end)
				      : rpc_drive(run, link_call, &end);
	if (r == 0 && capnp_flush(end.client) < 0)
		r = run_fail(run, -EIO, "capnp_flush");
	capnp_close(end.client);
	return r;
}

const struct subject peer_capnp = {
	.name = "peer:capnp",
	.open = capnp_open,
	.serve = capnp_serve_run,
	.drive = capnp_drive,
};

const struct subject stream_capnp = {
	.name = "peer:capnp",
	.open = capnp_open,
	.serve = capnp_serve_run,
	.drive = capnp_drive,
};
