/* SPDX-License-Identifier: MIT */

/* peer_socket: see the header */

#include <stdlib.h>
#include <string.h>

#include "peer_socket.h"
#include "rpc.h"
#include "stream.h"

struct peer {
	struct bench_run *run;
	const struct peer_kind *kind;
	enum peer_role role;
	void *socket;
	struct payload *buffer; /* of run_size() */
};

static void
peer_close(struct peer *peer)
{
	if (peer->socket)
		peer->kind->close(peer->socket);
	free(peer->buffer);
}

static int
peer_open(struct bench_run *run, const struct peer_kind *kind, enum peer_role role, struct peer *ret)
{
	*ret = (struct peer){.run = run, .kind = kind, .role = role};
	ret->buffer = aligned_alloc(CACHE_LINE, run_size(run));
	if (!ret->buffer)
		return run_fail(run, -ENOMEM, "buffer");
	memset(ret->buffer, 0, run_size(run));
	return kind->open(run, role, &ret->socket);
}

/* --- the client --- */

static int
peer_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	struct peer *peer = link;
	int r = peer->kind->send(peer->socket, request, run_size(peer->run));

	return r < 0 ? r : peer->kind->receive(peer->socket, ret_reply, sizeof(*ret_reply));
}

static int
peer_send(void *link, const struct payload *event)
{
	struct peer *peer = link;
	uint64_t window = stream_window(peer->run, peer->kind->window);

	payload_fill(peer->buffer, run_size(peer->run), PAYLOAD_EVENT, event->serial);
	if (peer->role == PEER_PUBLISH && peer->kind->window && event->serial % (window / 4) == 0)
		stream_hold_back(peer->run, event->serial, window);
	return peer->kind->send(peer->socket, peer->buffer, run_size(peer->run));
}

static int
peer_stream(struct peer *peer)
{
	int r = 0;

	if (peer->role == PEER_PUBLISH)
		r = peer->kind->await_subscribers(peer->socket);
	if (r == 0)
		r = stream_drive(peer->run, peer_send, peer);
	if (r == 0 && peer->kind->loses_the_end)
		stream_await_all(peer->run);
	return r;
}

int
peer_drive(struct bench_run *run, const struct peer_kind *kind, enum peer_role role)
{
	struct peer peer;
	int r = peer_open(run, kind, role, &peer);

	if (r == 0)
		r = role == PEER_REQUEST ? rpc_drive(run, peer_call, &peer) : peer_stream(&peer);
	peer_close(&peer);
	return r;
}

/* --- a server --- */

static int
peer_take(struct peer *peer)
{
	struct payload reply = {0};
	int r = peer->kind->receive(peer->socket, peer->buffer, run_size(peer->run));

	if (r < 0)
		return r;
	if (peer->role != PEER_REPLY)
		return stream_take(peer->run, peer->buffer);
	r = rpc_answer(peer->run, peer->buffer, &reply);
	return r < 0 ? r : peer->kind->send(peer->socket, &reply, sizeof(reply));
}

int
peer_serve(struct bench_run *run, const struct peer_kind *kind, enum peer_role role)
{
	struct peer peer;
	int r = peer_open(run, kind, role, &peer);

	if (r == 0)
		run_ready(run);
	while (r == 0)
		r = peer_take(&peer);
	peer_close(&peer);
	return r;
}
