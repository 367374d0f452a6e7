/* SPDX-License-Identifier: MIT */

/* watch: see watch.h */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "client/bus.h"
#include "client/error.h"
#include "client/handler.h"
#include "client/watch.h"

#define SWITCH_BUFFER 65536u
#define SWITCH_PUMPS  16 /* buffers moved at a time: others are in the loop too */

/* One descriptor in the epoll set. A switch has two of them. */
struct watched {
	struct source source;
	tern_watch *watch;
	int fd;
	bool in_set;
	bool hung_up; /* told with every look, wanted or not */
};

/* What was read on one side of a switch and is not written on the other yet. */
struct flow {
	uint8_t *buffer;
	size_t begin, end;
	bool ended; /* end-of-file was read */
	bool shut;  /* and passed on */
	tern_switch_fn *fn;
};

struct tern_watch {
	tern_bus *bus; /* counted */
	struct tern_watch *prev, *next;
	struct watched fds[2];
	uint32_t events;
	uint32_t n_running;
	bool queued;
	bool leaving; /* tern_watch_free() was called, and may wait for a handler */
	bool freed;   /* it is nobody's any more: whoever has it last frees it */
	tern_watch_fn *fn;
	void *user;
	/* a switch: flows[i] goes from fds[i] to the other */
	bool is_switch, done;
	int result;
	struct flow flows[2];
	tern_switch_end_fn *ended;
};

static int
watched_arm(tern_bus *bus, struct watched *watched, uint32_t events)
{
	struct epoll_event event = {
		.events = events | EPOLLONESHOT,
		.data = {.ptr = &watched->source},
	};
	int op = watched->in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(bus->epoll, op, watched->fd, &event) < 0)
		return -errno;
	watched->in_set = true;
	return 0;
}

/* switch_arm() - a side that hung up and has nothing to read is left out: it would be reported for ever */
static int
switch_arm(tern_bus *bus, struct watched *watched, uint32_t events)
{
	if (events || !watched->hung_up)
		return watched_arm(bus, watched, events);
	if (watched->in_set)
		(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, watched->fd, NULL); /* may be closed */
	watched->in_set = false;
	return 0;
}

/* switch_events() - read what can be kept, write what is kept */
static uint32_t
switch_events(const tern_watch *watch, int side)
{
	const struct flow *out = &watch->flows[side], *in = &watch->flows[!side];

	return (!out->ended && out->begin == out->end ? EPOLLIN : 0u) |
		(in->begin != in->end ? EPOLLOUT : 0u);
}

static int
watch_arm(tern_bus *bus, tern_watch *watch)
{
	int r;

	if (!watch->is_switch)
		return watched_arm(bus, &watch->fds[0], watch->events);
	r = switch_arm(bus, &watch->fds[0], switch_events(watch, 0));
	return r < 0 ? r : switch_arm(bus, &watch->fds[1], switch_events(watch, 1));
}

void
watch_ready(tern_bus *bus, struct source *source, uint32_t events)
{
	struct watched *watched = container_of(source, struct watched, source);
	tern_watch *watch = watched->watch;
	struct item item = {.kind = TERN_FD, .watch = watch, .ready = events};

	watched->hung_up = events & EPOLLHUP;
	if (watch->queued || watch->leaving)
		return;
	if (watch->is_switch && watch->n_running)
		return; /* its other side; both are armed again when that is done */
	watch->queued = true;
	if (queue_put(bus, &item) < 0) {
		watch->queued = false;
		(void)watch_arm(bus, watch); /* reported again */
	}
}

uint32_t *
watch_begin(tern_watch *watch)
{
	watch->queued = false;
	return watch->fn || watch->is_switch ? &watch->n_running : NULL;
}

/* --- switches --- */

/* flow_pump() - one read, one pass through the program's function, writes. Return: 1 progress, 0 none, errno. */
static int
flow_pump(struct flow *flow, int from, int to, void *user)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	bool progress = false;
	ssize_t n;

	if (flow->begin == flow->end && !flow->ended) {
		n = read(from, flow->buffer, SWITCH_BUFFER);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		flow->ended = n == 0;
		progress = true;
		flow->begin = 0;
		flow->end = (size_t)n;
		if (n > 0 && flow->fn) {
			n = flow->fn(user, flow->buffer, (size_t)n);
			if (n < 0)
				return (int)n;
			flow->end = MIN((size_t)n, flow->end);
		}
	}
	while (flow->begin < flow->end) {
		n = send(to, flow->buffer + flow->begin, flow->end - flow->begin, MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = write(to, flow->buffer + flow->begin, flow->end - flow->begin);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? progress : -errno;
		flow->begin += (size_t)n;
		progress = true;
	}
	if (flow->ended && !flow->shut) {
		flow->shut = true;
		(void)shutdown(to, SHUT_WR); /* not a socket: its owner closes it at the end */
	}
	return progress;
}

static void
switch_run(tern_watch *watch)
{
	int r = 0;

	for (int side = 0; side < 2 && !watch->done; side++) {
		for (int i = 0; i < SWITCH_PUMPS && !watch->flows[side].shut; i++) {
			r = flow_pump(&watch->flows[side], watch->fds[side].fd, watch->fds[!side].fd,
				watch->user);
			if (watch->freed)
				return; /* by the program's function */
			if (r <= 0)
				break;
		}
		if (r < 0) {
			watch->done = true;
			watch->result = r;
		}
	}
	if (watch->flows[0].shut && watch->flows[1].shut)
		watch->done = true;
	if (watch->done && watch->ended)
		watch->ended(watch->user, watch->result);
}

/* --- both --- */

void
watch_run(tern_watch *watch, uint32_t ready)
{
	if (watch->is_switch)
		switch_run(watch);
	else
		watch->fn(watch, ready & (EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR), watch->user);
}

static void
watch_leave(tern_bus *bus, tern_watch *watch)
{
	for (int i = 0; i < 2; i++) {
		if (watch->fds[i].in_set)
			(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, watch->fds[i].fd, NULL); /* may be closed */
		watch->fds[i].in_set = false;
	}
}

static void
watch_destroy(tern_watch *watch)
{
	free(watch->flows[0].buffer);
	free(watch->flows[1].buffer);
	free(watch);
}

/*
 * watch_bury() - free its memory, now or when the leader is back from the epoll set
 *
 * What the leader was told there, without the lock, may be this watch.
 */
static void
watch_bury(tern_bus *bus, tern_watch *watch)
{
	if (bus->polling)
		DL_APPEND(bus->buried, watch);
	else
		watch_destroy(watch);
}

void
watch_reap(tern_bus *bus)
{
	while (bus->buried) {
		tern_watch *watch = bus->buried;

		DL_DELETE(bus->buried, watch);
		watch_destroy(watch);
	}
}

void
watch_end(tern_bus *bus, tern_watch *watch)
{
	if (watch->freed) {
		if (watch->n_running == 0)
			watch_bury(bus, watch); /* the last of its handlers */
		return;
	}
	if (watch->done)
		watch_leave(bus, watch);
	else if (!watch->leaving)
		watch_rearm(bus, watch);
}

void
watch_rearm(tern_bus *bus, tern_watch *watch)
{
	watch->queued = false;
	(void)watch_arm(bus, watch); /* the program closed its descriptor: nothing more to tell */
}

static int
watch_new(tern_bus *bus, int a, int b, tern_watch **ret)
{
	tern_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return error_errno(-ENOMEM, "watch");
	watch->bus = bus;
	for (int i = 0; i < 2; i++) {
		watch->fds[i].source.kind = SOURCE_WATCH;
		watch->fds[i].watch = watch;
		watch->fds[i].fd = i ? b : a;
	}
	*ret = watch;
	return 0;
}

/* watch_begin_all() - arm it and hand it out */
static int
watch_enter(tern_bus *bus, tern_watch *watch, tern_watch **ret)
{
	int r = bus_enter(bus);

	if (r == 0) {
		r = watch_arm(bus, watch);
		if (r == 0) {
			watch->bus = bus_ref(bus);
			DL_APPEND(bus->watches, watch);
			*ret = watch;
		} else {
			watch_leave(bus, watch);
			r = error_errno(r, "watching a descriptor");
		}
		bus_leave(bus);
	}
	if (r < 0)
		watch_destroy(watch);
	return r;
}

_public_ int
tern_watch_fd(tern_bus *bus, int fd, uint32_t events, tern_watch_fn *fn, void *user, tern_watch **ret)
{
	tern_watch *watch;
	int r;

	if (events & ~(uint32_t)(POLLIN | POLLOUT))
		return error_set(-EINVAL, ERROR_INVALID, "watch for POLLIN and POLLOUT; the others always come");
	r = watch_new(bus, fd, -1, &watch);
	if (r < 0)
		return r;
	watch->events = events;
	watch->fn = fn;
	watch->user = user;
	return watch_enter(bus, watch, ret);
}

static int
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

_public_ int
tern_switch(tern_bus *bus, int a, int b, tern_switch_fn *a_to_b, tern_switch_fn *b_to_a,
	tern_switch_end_fn *ended, void *user, tern_watch **ret)
{
	tern_watch *watch;
	int r;

	r = set_nonblocking(a);
	if (r == 0)
		r = set_nonblocking(b);
	if (r < 0)
		return error_errno(r, "descriptor to switch");
	r = watch_new(bus, a, b, &watch);
	if (r < 0)
		return r;
	watch->is_switch = true;
	watch->flows[0] = (struct flow){.buffer = malloc(SWITCH_BUFFER), .fn = a_to_b};
	watch->flows[1] = (struct flow){.buffer = malloc(SWITCH_BUFFER), .fn = b_to_a};
	watch->ended = ended;
	watch->user = user;
	if (!watch->flows[0].buffer || !watch->flows[1].buffer) {
		watch_destroy(watch);
		return error_errno(-ENOMEM, "switch");
	}
	return watch_enter(bus, watch, ret);
}

/* forget_items() - events of it that wait in a queue have no watch any more */
static void
forget_items(struct queue *queue, const tern_watch *watch)
{
	for (struct item *item = queue->first; item; item = item->next)
		if (item->watch == watch)
			item->watch = NULL;
}

_public_ tern_watch *
tern_watch_free(tern_watch *watch)
{
	tern_bus *bus;

	if (!watch || bus_is_forked(watch->bus))
		return NULL;
	bus = watch->bus;
	bus_lock(bus);
	watch->leaving = true;
	watch_leave(bus, watch);
	DL_DELETE(bus->watches, watch);
	forget_items(&bus->queue, watch);
	forget_items(&bus->kept, watch);
	handler_wait(bus, &watch->n_running);
	watch->freed = true;
	if (watch->n_running == 0)
		watch_bury(bus, watch); /* else when the last handler returns */
	(void)pthread_mutex_unlock(&bus->lock);
	(void)bus_unref(bus); /* always NULL */
	return NULL;
}
