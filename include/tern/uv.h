/* SPDX-License-Identifier: MIT */
#ifndef TERN_UV_H
#define TERN_UV_H

/**
 * @file uv.h
 * A tern handle in a libuv loop. Not part of <tern/tern.h>; needs libuv 1.0, and libtern does not.
 *
 * Each turn of the loop takes in what is there and runs handlers, up to TERN_OPT_BUDGET messages; then the
 * other handles have their turn. Handlers run in the thread that runs the loop. Other threads may use the
 * tern handle as ever.
 */

#include <errno.h>
#include <stdlib.h>
#include <tern/loop.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A handle in a loop. `poll` may be given to uv_ref() and uv_unref(): it keeps the loop running. */
struct tern_uv {
	uv_poll_t poll;
	tern_bus *bus;
	tern_peer_fn *fn;
	void *user;
};

/** tern_uv_ready() - libuv calls it */
static inline void
tern_uv_ready(uv_poll_t *poll, int status, int events)
{
	struct tern_uv *t = (struct tern_uv *)poll->data;

	(void)events;
	if (status >= 0 && tern_process(t->bus) >= 0)
		return; /* what still waits keeps the descriptor readable */
	if (!uv_is_closing((uv_handle_t *)poll))
		(void)uv_poll_stop(poll); /* of one that is not closing: cannot fail */
	if (t->fn)
		t->fn(t->bus, TERN_ERROR, 0, t->user);
}

/** tern_uv_closed() - libuv calls it */
static inline void
tern_uv_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/**
 * tern_uv_attach() - handle what comes from inside a loop
 * @param fn   has the place of tern_on_peer(), from now until tern_uv_detach(): TERN_LOST with TERN_PEER_BUS says
 *             that ternd is gone. TERN_ERROR, peer 0: tern_process() failed as tern_last_error() says, and the loop
 *             hears of this handle no more. NULL: leave tern_on_peer() as it is, and be told of no failure
 * @param ret  the caller's, to be given to tern_uv_detach() before tern_close()
 * @return 0, -ENOMEM, or what tern_fd() or uv_poll_init() returns. Threads: the loop's. Never blocks.
 */
static inline int
tern_uv_attach(tern_bus *bus, uv_loop_t *loop, tern_peer_fn *fn, void *user, struct tern_uv **ret)
{
	struct tern_uv *t;
	int fd = tern_fd(bus), r;

	if (fd < 0)
		return fd;
	t = (struct tern_uv *)calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	r = uv_poll_init(loop, &t->poll, fd);
	if (r < 0) {
		free(t);
		return r;
	}
	t->poll.data = t;
	t->bus = bus;
	t->fn = fn;
	t->user = user;
	if (fn)
		(void)tern_on_peer(bus, fn, user);		      /* fails as tern_fd() would have */
	(void)uv_poll_start(&t->poll, UV_READABLE, tern_uv_ready); /* of a fresh one: cannot fail */
	*ret = t;
	return 0;
}

/**
 * tern_uv_detach() - leave the loop, also from inside a handler; takes NULL, returns NULL
 *
 * What waits, waits on. tern_close() may follow at once; the memory goes with the loop's next turn.
 */
static inline struct tern_uv *
tern_uv_detach(struct tern_uv *t)
{
	if (!t)
		return NULL;
	if (t->fn)
		(void)tern_on_peer(t->bus, NULL, NULL); /* but in a forked child, where the handle is dead */
	t->fn = NULL;
	uv_close((uv_handle_t *)&t->poll, tern_uv_closed);
	return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
