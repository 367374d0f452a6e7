/* SPDX-License-Identifier: MIT */

/* loop: handing out what was taken in, to handlers or to the caller of tern_next() */

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "base/atomic.h"
#include "client/bus.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/event.h"
#include "client/expect.h"
#include "client/handler.h"
#include "client/listeners.h"
#include "client/message.h"
#include "client/state.h"
#include "client/stream.h"
#include "client/watch.h"

#define MAX_LOOKS 64u /* of a tern_next() that does not wait, while handlers take what it finds */

/* --- handlers --- */

static bool
run_call(tern_bus *bus, struct item *item)
{
	const char *const *strings = item->message->strings;
	tern_service *service = service_for(bus, strings[0], strings[1]);
	struct handler_frame frame;

	if (!service)
		return false;
	service->n_calls++;
	handler_begin(bus, &frame, &service->n_running);
	service_run(service, item->call, item->message);
	handler_end(&frame);
	if (service->freed && service->n_running == 0) {
		bus_leave(bus);
		service_destroy(service);
		bus_lock(bus);
	}
	return true;
}

/* is_unwanted() - tern_call_wait() was first, or only the queue still knows the call */
static bool
is_unwanted(const tern_call *call)
{
	return call->taken || (!call->fn && load_rlx(&call->refs) == 1); /* others only go */
}

/* call_fn() - give the answer to its handler, if it is the one that is expected; without the lock */
static void
call_fn(tern_call *call)
{
	struct tern_error *error = call->error;
	int r = expect_answer(call, call->result, &call->reply);

	if (unlikely(r != call->result))
		error = error_get();
	call->fn(call, r, r < 0 ? NULL : call->reply, error, call->user);
}

static bool
run_reply(tern_bus *bus, struct item *item)
{
	tern_call *call = item->call;
	uint32_t n_running = 0;
	struct handler_frame frame;

	if (unlikely(call->stream))
		return stream_run(bus, item);
	if (is_unwanted(call))
		return true;
	if (!call->fn)
		return false;
	call->taken = true;
	handler_begin(bus, &frame, &n_running);
	call_fn(call);
	handler_end(&frame);
	return true;
}

/* takes() - subscription_takes(), of what nearly all events are at a glance */
static inline bool
takes(tern_subscription *s, struct item *item)
{
	if (likely(item->kind == TERN_EVENT && !s->latest)) {
		const struct wire_header *header = &item->message->header;

		if (likely(!header->deadline && !(header->flags & WIRE_LATE))) {
			s->counts.heard++;
			return true;
		}
	}
	return subscription_takes(s, item);
}

static bool
run_event(tern_bus *bus, struct item *item)
{
	tern_subscription *s = item->subscription;
	struct typed typed;
	bool is_lost = false;
	struct handler_frame frame;

	if (!s)
		return true; /* unsubscribed meanwhile */
	if (!s->fn)
		return false;
	if (!takes(s, item))
		return true;
	expect_of(bus, item, &typed);
	handler_begin(bus, &frame, &s->n_running);
	if (unlikely(typed.interface)) {
		is_lost = !expect_event(&typed, item->message);
		typed_deinit(&typed);
	}
	s->fn(s, is_lost ? NULL : item->message, is_lost ? 1 : item->lost, s->user);
	handler_end(&frame);
	if (unlikely(is_lost)) {
		s->counts.heard--;
		s->counts.lost++;
	}
	if (s->freed && s->n_running == 0) {
		bus_leave(bus);
		subscription_free(s);
		bus_lock(bus);
	}
	return true;
}

static bool
run_notice(tern_bus *bus, struct item *item)
{
	uint32_t n_running = 0;
	struct handler_frame frame;

	if (item->call)
		return stream_run(bus, item);
	if (!bus->peer_fn)
		return false;
	handler_begin(bus, &frame, &n_running);
	bus->peer_fn(bus, item->kind, item->peer, bus->peer_user);
	handler_end(&frame);
	return true;
}

static bool
run_watch(tern_bus *bus, struct item *item)
{
	tern_watch *watch = item->watch;
	uint32_t *n_running;
	struct handler_frame frame;

	if (!watch)
		return true; /* freed meanwhile */
	n_running = watch_begin(watch);
	if (!n_running)
		return false;
	handler_begin(bus, &frame, n_running);
	watch_run(watch, item->ready);
	handler_end(&frame);
	watch_end(bus, watch);
	return true;
}

/* run_item() - with its handler. Return: false, there is none. */
static bool
run_item(tern_bus *bus, struct item *item)
{
	switch (item->kind) {
	case TERN_CALL:
		return run_call(bus, item);
	case TERN_REPLY:
	case TERN_ERROR:
		return run_reply(bus, item);
	case TERN_EVENT:
	case TERN_GAP:
		return run_event(bus, item);
	case TERN_FD:
		return run_watch(bus, item);
	case TERN_CANCEL:
		return item->call->stream && stream_run(bus, item);
	case ITEM_LISTENERS:
		listeners_run(bus, item->topic);
		return true;
	default:
		return run_notice(bus, item);
	}
}

/* take_item() - from a queue; a leader that sleeps on one with too many is told. Of bytes it is when they go: item_free(). */
static struct item *
take_item(tern_bus *bus, struct queue *queue)
{
	bool was_full = bus->queue.n + bus->kept.n >= QUEUE_MAX_ITEMS;
	struct item *item = queue_take(queue);

	if (item && was_full)
		lead_kick(bus);
	return item;
}

/* --- tern_process() --- */

/* is_unasked() - comes as often as others like */
static bool
is_unasked(const struct item *item)
{
	switch (item->kind) {
	case TERN_CALL:
	case TERN_LOST:
	case TERN_LINKED:
	case TERN_UNLINKED:
	case TERN_WRITABLE:
		return true;
	default:
		return false;
	}
}

/*
 * keep() - for tern_next(), should it ever be asked
 *
 * Notices are charged to nobody, and calls that nobody serves would fill the queue for all: a program that
 * only runs handlers and wants none of them keeps the newest. A call that goes is answered "no reply".
 */
static void
keep(tern_bus *bus, struct item *item)
{
	struct item **at = &bus->kept.first, *oldest;

	queue_append(&bus->kept, item);
	if (!is_unasked(item) || ++bus->n_kept_notices <= KEPT_NOTICES)
		return;
	while (!is_unasked(*at))
		at = &(*at)->next;
	oldest = *at;
	*at = oldest->next; /* not the last: that is the new one */
	bus->kept.n--;
	bus->n_kept_notices--;
	(void)item_free(bus, oldest); /* always NULL */
}

static int
may_loop(tern_bus *bus)
{
	if (bus_handling(bus))
		return error_set(-EDEADLK, ERROR_DEADLOCK, "not inside of a handler");
	return bus_enter(bus);
}

_public_ int
tern_process(tern_bus *bus)
{
	uint64_t left;
	bool more;
	int r;

	r = may_loop(bus);
	if (r < 0)
		return r;
	bus->n_processing++;
	left = bus->budget;
	more = bus->queue.n > 0 || lead_try(bus) > 0;
	while (left-- > 0) {
		struct item *item = take_item(bus, &bus->queue);

		if (!item)
			break;
		if (run_item(bus, item))
			(void)item_free(bus, item); /* always NULL */
		else
			keep(bus, item);
	}
	more = bus->queue.n > 0 || (more && lead_try(bus) > 0) || bus->queue.n > 0;
	bus->n_processing--;
	lead_arm(bus, more);
	more = more || bus->armed;
	bus_leave(bus);
	return more;
}

/* export() - the descriptors that only somebody else's loop needs */
static int
export(tern_bus *bus)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (bus->timer < 0)
		bus->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (bus->more < 0)
		bus->more = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bus->outer < 0)
		bus->outer = epoll_create1(EPOLL_CLOEXEC);
	if (bus->timer < 0 || bus->more < 0 || bus->outer < 0)
		return -errno;
	if (epoll_ctl(bus->outer, EPOLL_CTL_ADD, bus->epoll, &event) < 0 && errno != EEXIST)
		return -errno;
	if (epoll_ctl(bus->outer, EPOLL_CTL_ADD, bus->more, &event) < 0 && errno != EEXIST)
		return -errno;
	return bus_watch(bus, bus->timer, EPOLLIN, &bus->timer_source);
}

_public_ int
tern_fd(tern_bus *bus)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	if (!bus->exported) {
		r = export(bus);
		if (r < 0)
			r = error_errno(r, "descriptor to poll");
		bus->exported = r == 0;
		lead_arm(bus, bus->queue.n > 0);
	}
	bus_leave(bus);
	return r < 0 ? r : bus->outer;
}

/* --- tern_next() --- */

/* fill() - give the item's references to the caller */
static void
fill(struct tern_event *ret, struct item *item)
{
	uint32_t size = ret->size;

	*ret = (struct tern_event){
		.size = size,
		.kind = item->kind,
		.message = item->message,
		.call = item->call,
		.subscription = item->subscription,
		.watch = item->watch,
		.peer = item->peer,
		.lost = item->lost,
		.ready = item->ready,
	};
	if (item->kind == TERN_CALL)
		item->call->handed = true;
	if (item->kind == TERN_REPLY || item->kind == TERN_ERROR) {
		item->call->taken = true;
		ret->result = item->call->result;
		ret->message = steal(item->call->reply);
	}
	if (item->kind == TERN_PART)
		stream_was_read(item->call, item->message);
	item->message = NULL;
	item->call = NULL;
}

/* is_stale() - kept, and meanwhile its subscription, watch or answer went elsewhere */
static bool
is_stale(const struct item *item)
{
	switch (item->kind) {
	case TERN_EVENT:
	case TERN_GAP:
		return !item->subscription;
	case TERN_FD:
		return !item->watch;
	case TERN_REPLY:
	case TERN_ERROR:
		return item->call->stream ? stream_is_stale(item) : is_unwanted(item->call);
	default:
		return item->call && item->call->stream && item->kind != TERN_CALL && stream_is_stale(item);
	}
}

/* is_news() - about to be given to the program: nothing that has expired, or that it was given already */
static bool
is_news(struct item *item)
{
	return (item->kind != TERN_EVENT && item->kind != TERN_GAP) || !item->subscription ||
		takes(item->subscription, item);
}

/* next_item() - run handlers until something has none. Return: that, or NULL. */
static struct item *
next_item(tern_bus *bus)
{
	struct item *item;

	while ((item = take_item(bus, &bus->kept))) {
		bus->n_kept_notices -= is_unasked(item);
		if (!is_stale(item) && is_news(item))
			return item;
		(void)item_free(bus, item); /* always NULL */
	}
	while ((item = take_item(bus, &bus->queue))) {
		if (!run_item(bus, item) && is_news(item))
			return item;
		(void)item_free(bus, item); /* always NULL */
	}
	return NULL;
}

/* next_wait() - until something is in the queue. Return: 0, -ETIME, -EINTR. */
static int
next_wait(tern_bus *bus, uint64_t deadline)
{
	struct waiter waiter = {.kind = WAIT_ITEM};
	int r;

	if (load_rlx(&bus->woken)) { /* tern_wake() came while nobody waited */
		store_rlx(&bus->woken, 0);
		return -EINTR;
	}
	if (deadline == 0)
		return lead_try(bus) || bus->queue.n ? 0 : -ETIME;
	if (bus->daemon && daemon_is_over(bus->daemon) && !bus->hot && !bus->cold && !daemon_told(bus->daemon))
		return -ECONNRESET;
	r = lead_wait(bus, &waiter, deadline);
	return waiter.interrupted ? -EINTR : r;
}

/* next_is_over() - handlers may be fed for ever: they do not keep tern_next() longer than it was to wait */
static bool
next_is_over(uint64_t deadline, unsigned int *n_looks)
{
	if (deadline == 0)
		return ++*n_looks >= MAX_LOOKS;
	return deadline != UINT64_MAX && clock_now_ns() >= deadline;
}

static int
next_failed(int r)
{
	switch (r) {
	case -ETIME:
		return error_set(r, ERROR_TIMEOUT, "nothing came");
	case -EINTR:
		return error_set(r, ERROR_CANCELLED, "woken by tern_wake()");
	case -ECONNRESET:
		return error_set(r, ERROR_NO_BUS, "ternd is gone");
	default:
		return error_errno(r, "waiting");
	}
}

static void
hold_answer(struct tern_event *event)
{
	int r = expect_answer(event->call, event->result, &event->message);

	if (r != event->result)
		event->kind = TERN_ERROR;
	event->result = r;
}

/* hold_against() - what is expected of it; without the lock */
static void
hold_against(struct tern_event *event, struct typed *typed)
{
	if (unlikely(typed->interface)) {
		if (!expect_event(typed, event->message)) {
			event->message = tern_message_unref(event->message);
			event->kind = TERN_GAP;
			event->lost = 1;
		}
		typed_deinit(typed);
	}
	if (event->kind == TERN_PART)
		stream_hold(event);
	else if (event->kind == TERN_REPLY || event->kind == TERN_ERROR)
		hold_answer(event);
}

_public_ int
tern_next(tern_bus *bus, uint64_t timeout, struct tern_event *ret)
{
	uint64_t deadline = timeout == 0 || timeout == TERN_FOREVER ? timeout : clock_deadline_ns(clock_now_ns(), timeout);
	struct typed typed = {NULL, NULL};
	unsigned int n_looks = 0;
	bool over = false;
	struct item *item;
	int r;

	if (ret->size != sizeof(*ret))
		return error_set(-EINVAL, ERROR_INVALID, "set event.size to sizeof(struct tern_event)");
	r = may_loop(bus);
	if (r < 0)
		return r;
	while (!(item = next_item(bus)) && r == 0) {
		r = over ? -ETIME : next_wait(bus, deadline);
		over = next_is_over(deadline, &n_looks);
	}
	if (item) {
		expect_of(bus, item, &typed);
		if (r == -EINTR)
			store_rlx(&bus->woken, 1); /* both came at once: the next call tells */
		fill(ret, item);
		if (item->watch)
			watch_rearm(bus, item->watch);
		(void)item_free(bus, item); /* always NULL */
		r = 0;
	}
	lead_arm(bus, bus->queue.n > 0); /* a look leaves the links hot, and may leave something behind */
	bus_leave(bus);
	if (r < 0)
		return next_failed(r);
	hold_against(ret, &typed);
	return 0;
}

/* --- the rest --- */

_public_ int
tern_flush(tern_bus *bus)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	send_flush(bus);
	bus_leave(bus);
	return 0;
}

_public_ int
tern_wake(tern_bus *bus)
{
	_cleanup_(cancel_backp) int cancel = cancel_off(); /* of glibc it may be called by who handles a signal */
	static const uint64_t one = 1;
	int saved = errno;

	if (bus_is_forked(bus))
		return -ECHILD; /* no text of it: that would not be async-signal-safe */
	store_rlx(&bus->woken, 1); /* ordered by the system call */
	(void)!write(bus->wake, &one, sizeof(one)); /* full: it is readable, which is all we want */
	errno = saved;
	return 0;
}

_public_ int
tern_on_peer(tern_bus *bus, tern_peer_fn *fn, void *user)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	bus->peer_fn = fn;
	bus->peer_user = user;
	bus_leave(bus);
	return 0;
}
