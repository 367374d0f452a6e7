/* SPDX-License-Identifier: MIT */

/* stream-read: what came on a stream, to a thread that waits or to who follows */

#include <utlist.h>

#include "base/atomic.h"
#include "client/call.h"
#include "client/error.h"
#include "client/expect.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/stream.h"

int
stream_must(tern_call *call)
{
	if (call->stream)
		return 0;
	if (call->incoming && !call->done)
		(void)reply_error_locked(call, ERROR_NEEDS_STREAM, "the method streams: send the call with TERN_STREAM",
			false); /* gone callers need none */
	return error_set(-EOPNOTSUPP, ERROR_NEEDS_STREAM, "the call is no stream: it was sent without TERN_STREAM");
}

_public_ int
tern_call_is_stream(const tern_call *call)
{
	return call->stream != NULL; /* as long as it lives */
}

bool
stream_deadline_passed(const tern_call *call)
{
	return call->deadline != UINT64_MAX && bus_clock(call->bus) - call->bus->clock_offset >= call->deadline;
}

int
stream_end_late(tern_call *call)
{
	call->done = true;
	stream_over(call);
	return error_set(-ETIME, ERROR_TIMEOUT, "the deadline passed");
}

int
stream_gone(const tern_call *call)
{
	tern_bus *bus = call->bus;

	if (stream_deadline_passed(call))
		return error_set(-ETIME, ERROR_TIMEOUT, "the deadline passed");
	if (load_rlx(&call->cancelled)) /* written under the lock */
		return error_set(-ECANCELED, ERROR_CANCELLED, "the caller gave up");
	if (bus->closed)
		return error_set(-ECANCELED, ERROR_CANCELLED, "the handle was closed");
	return 0;
}

/* --- by a thread --- */

enum read_answer {
	READ_E_NOTHING = 100, /* yet */
};

/* read_part() - the first that waits. Return: STREAM_E_PART, READ_E_NOTHING. */
static int
read_part(tern_call *call, tern_message **ret)
{
	struct item *item = queue_take(&call->stream->parts);
	tern_message *m;

	if (!item)
		return READ_E_NOTHING;
	m = steal(item->message);
	(void)item_free(call->bus, item); /* always NULL */
	stream_was_read(call, m);
	if (ret)
		*ret = m;
	else
		(void)message_unref_locked(m); /* always NULL */
	return STREAM_E_PART;
}

/* read_received() - of a call that came. Return: as read_part(), or negative: there will be no more. */
static int
read_received(tern_call *call, tern_message **ret)
{
	int r;

	if (call->done)
		return error_set(-EALREADY, ERROR_INVALID, "answered already");
	r = stream_gone(call);
	if (r == 0)
		r = read_part(call, ret);
	if (r != READ_E_NOTHING)
		return r;
	if (call->stream->in_ended)
		return error_set(-ENODATA, ERROR_ENDED, "the caller sends no more");
	if (call->partner && call->partner->dead)
		return error_set(-EHOSTDOWN, ERROR_DIED, "the caller is gone");
	return READ_E_NOTHING;
}

/* read_sent() - of a call of ours. Return: as read_part(); 0: the answer is there. */
static int
read_sent(tern_call *call, tern_message **ret)
{
	int r = read_part(call, ret);

	if (r != READ_E_NOTHING || !call->done)
		return r;
	return call->taken ? error_set(-ENODATA, ERROR_ENDED, "the answer was taken already") : 0;
}

/* sleep_for() - something of it. Return: 0, or -EAGAIN, -EDEADLK. */
static int
sleep_for(tern_call *call, uint64_t soon)
{
	struct waiter waiter = {.kind = WAIT_ANSWER, .partner = call->partner};
	uint64_t expires = call->deadline == UINT64_MAX ? UINT64_MAX
							: call->deadline + call->bus->clock_offset;
	int r;

	if (call_is_to_self(call) && bus_handling(call->bus))
		return error_set(-EDEADLK, ERROR_DEADLOCK, "a handler cannot wait for its own program");
	call->waiter = &waiter;
	r = lead_wait(call->bus, &waiter, MIN(soon, expires));
	call->waiter = NULL;
	if (r == -ETIME && expires > soon)
		return error_set(-EAGAIN, ERROR_TIMEOUT, "nothing came yet");
	if (r == -ETIME && !call->incoming)
		(void)call_expire(call->bus);
	return 0;
}

int
stream_wait(tern_call *call, uint64_t soon, tern_message **ret)
{
	int r = stream_must(call);

	if (r < 0)
		return r;
	if (call->waiter)
		return error_set(-EBUSY, ERROR_INVALID, "another thread waits for this call");
	if (call->stream->followed)
		return error_set(-EALREADY, ERROR_INVALID, "the stream is followed: it is told there");
	for (;;) {
		r = call->incoming ? read_received(call, ret) : read_sent(call, ret);
		if (r != READ_E_NOTHING)
			return r;
		r = sleep_for(call, soon);
		if (r < 0)
			return r;
	}
}

/* --- what interfaces say --- */

int
stream_check(tern_call *call, tern_message *m)
{
	struct tern_error error;
	int r;

	if (likely(!call->interface))
		return 0;
	r = call_check(call, m, call->incoming ? METHOD_IN_STREAM : METHOD_OUT_STREAM);
	if (r == 0)
		return 0;
	error = *error_get();
	bus_lock(call->bus);
	if (call->incoming) {
		(void)reply_error_locked(call, error.name, error.text, false); /* gone callers need none */
	} else if (!call->done) {
		call_give_up(call, r, error.name, error.text);
	}
	bus_leave(call->bus);
	*error_get() = error;
	return r;
}

int
stream_hand_on(tern_call *call, tern_message *m, tern_message **ret, struct tern_error *error)
{
	int r = stream_check(call, m);

	if (r < 0 && error)
		*error = *error_get();
	if (r == 0 && ret)
		*ret = m;
	else
		(void)tern_message_unref(m); /* always NULL */
	return r;
}

void
stream_hold(struct tern_event *event)
{
	int r = stream_check(event->call, event->message);

	if (r == 0)
		return;
	event->message = tern_message_unref(event->message);
	event->kind = event->call->incoming ? TERN_CANCEL : TERN_ERROR;
	event->result = event->call->incoming ? 0 : r;
	bus_lock(event->call->bus);
	event->call->taken = true; /* by this */
	bus_leave(event->call->bus);
}

/* --- by who follows --- */

bool
stream_is_stale(const struct item *item)
{
	const tern_call *call = item->call;

	switch (item->kind) {
	case TERN_WRITABLE:
		return call->incoming ? call->done : call->taken;
	case TERN_CANCEL:
		return call->done;
	case TERN_REPLY:
	case TERN_ERROR:
		return call->taken;
	default:
		if (call->incoming)
			return call->done || load_rlx(&call->cancelled); /* written under the lock */
		return call->result == -ECANCELED || (!call->sent && !call->done);
	}
}

/* hold_against() - what is expected of it; without the lock. Return: it is to be handed out. */
static bool
hold_against(tern_call *call, struct tern_event *event)
{
	if (event->kind == TERN_PART && stream_check(call, event->message) < 0) {
		event->message = NULL;
		event->kind = TERN_CANCEL; /* it was answered; of a call of ours the end follows */
		return call->incoming;
	}
	if (event->kind != TERN_REPLY && event->kind != TERN_ERROR)
		return true;
	if (call->error)
		*error_get() = *call->error;
	event->result = expect_answer(call, call->result, &call->reply);
	event->kind = event->result < 0 ? TERN_ERROR : TERN_REPLY;
	event->message = call->reply;
	return true;
}

bool
stream_run(tern_bus *bus, struct item *item)
{
	tern_call *call = item->call;
	struct tern_event event = {
		.size = sizeof(event),
		.kind = item->kind,
		.message = item->message,
		.call = call,
		.peer = item->peer,
	};
	uint32_t n_running = 0;
	struct handler_frame frame;

	if (stream_is_stale(item))
		return true;
	if (!call->stream->fn)
		return false;
	if (item->kind == TERN_REPLY || item->kind == TERN_ERROR)
		call->taken = true;
	handler_begin(bus, &frame, &n_running);
	if (hold_against(call, &event))
		call->stream->fn(call, &event, call->stream->user);
	handler_end(&frame);
	if (item->kind == TERN_PART)
		stream_was_read(call, item->message);
	return true;
}

/* queue_kind() - what came before it was followed */
static void
queue_kind(tern_call *call, uint32_t kind, struct item *part)
{
	struct item item = {
		.kind = kind,
		.message = part ? steal(part->message) : NULL,
		.call = tern_call_ref(call),
		.peer = call->partner ? call->partner->id : call->bus->id,
	};

	(void)queue_put(call->bus, &item); /* out of memory: the next one is not there either */
}

static void
follow(tern_call *call, tern_stream_fn *fn, void *user)
{
	struct stream *stream = call->stream;
	struct item *part;

	stream->followed = true;
	stream->fn = fn;
	stream->user = user;
	while ((part = queue_take(&stream->parts))) {
		queue_kind(call, TERN_PART, part);
		(void)item_free(call->bus, part); /* always NULL */
	}
	if (stream->in_ended)
		queue_kind(call, TERN_END, NULL);
	stream->told_cancel = call->incoming &&
		(load_rlx(&call->cancelled) || (call->partner && call->partner->dead)); /* written under the lock */
	if (stream->told_cancel)
		queue_kind(call, TERN_CANCEL, NULL);
	if (!call->incoming && call->done)
		call_queue_answer(call);
}

_public_ int
tern_call_follow(tern_call *call, tern_stream_fn *fn, void *user)
{
	int r = bus_enter(call->bus);

	if (r < 0)
		return r;
	r = stream_must(call);
	if (r == 0 && call->waiter)
		r = error_set(-EBUSY, ERROR_INVALID, "a thread waits for this call");
	else if (r == 0 && call->stream->followed)
		r = error_set(-EALREADY, ERROR_INVALID, "the stream is followed already");
	else if (r == 0 && (call->incoming ? call->done : call->taken))
		r = error_set(-EALREADY, ERROR_INVALID, "the call is over");
	if (r == 0)
		follow(call, fn, user);
	bus_leave(call->bus);
	return r;
}
