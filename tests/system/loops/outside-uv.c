/* SPDX-License-Identifier: MIT */

#include <poll.h>
#include <stdlib.h>
#include <tern/uv.h>

#include "outside.h"

struct outside {
	uv_loop_t loop;
	uv_poll_t other;
	bool has_other;
	void (*fn)(void *user);
	void *user;
};

struct outside_seat {
	struct tern_uv *uv;
};

void
outside_prepare(void)
{
	uv_loop_t loop;

	must_be(uv_loop_init(&loop), 0); /* a pipe for signals stays */
	must_be(uv_loop_close(&loop), 0);
}

struct outside *
outside_new(void)
{
	struct outside *outside = calloc(1, sizeof(*outside));

	must(outside != NULL);
	must_be(uv_loop_init(&outside->loop), 0);
	return outside;
}

void
outside_free(struct outside *outside)
{
	if (outside->has_other)
		uv_close((uv_handle_t *)&outside->other, NULL);
	(void)uv_run(&outside->loop, UV_RUN_NOWAIT); /* what is closing */
	must_be(uv_loop_close(&outside->loop), 0);
	free(outside);
}

void
outside_turn(struct outside *outside)
{
	(void)uv_run(&outside->loop, UV_RUN_ONCE); /* whether handles are left */
}

/* outside_look() - libuv does not tell: so its descriptor is asked */
bool
outside_look(struct outside *outside)
{
	struct pollfd pollfd = {.fd = uv_backend_fd(&outside->loop), .events = POLLIN};
	bool ready = poll(&pollfd, 1, 0) == 1;

	(void)uv_run(&outside->loop, UV_RUN_NOWAIT); /* as above */
	return ready;
}

struct outside_seat *
outside_sit(struct outside *outside, tern_bus *bus, tern_peer_fn *fn, void *user)
{
	struct outside_seat *seat = calloc(1, sizeof(*seat));

	must(seat != NULL);
	must_be(tern_uv_attach(bus, &outside->loop, fn, user, &seat->uv), 0);
	return seat;
}

void
outside_leave(struct outside_seat *seat)
{
	must(tern_uv_detach(seat->uv) == NULL);
	free(seat);
}

static void
other_ready(uv_poll_t *poll, int status, int events)
{
	struct outside *outside = poll->data;

	must_be(status, 0);
	outside->fn(outside->user);
}

void
outside_watch(struct outside *outside, int fd, void (*fn)(void *user), void *user)
{
	outside->fn = fn;
	outside->user = user;
	outside->has_other = true;
	outside->other.data = outside;
	must_be(uv_poll_init(&outside->loop, &outside->other, fd), 0);
	must_be(uv_poll_start(&outside->other, UV_READABLE, other_ready), 0);
}
