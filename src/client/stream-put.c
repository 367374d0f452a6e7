/* SPDX-License-Identifier: MIT */

/* stream-put: parts that go out, when there is credit and room */

#include <utlist.h>

#include "client/call.h"
#include "client/error.h"
#include "client/flat.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/stream.h"

/* A part on its way out. */
struct put {
	tern_call *call;
	tern_message *message; /* NULL: it is drawn, and goes over a link */
	struct wire_header *header;
	struct outgoing out;
	uint32_t cost;
	uint32_t flags;
	uint64_t until; /* of this process's clock */
};

/* may_put() - does the stream go on, in this direction? */
static int
may_put(const tern_call *call)
{
	int r;

	if (call->incoming) {
		if (call->done)
			return error_set(-EALREADY, ERROR_INVALID, "answered already");
		r = stream_gone(call);
		return r < 0 || !call->partner || !call->partner->dead
			? r : error_set(-EHOSTDOWN, ERROR_DIED, "the caller is gone");
	}
	if (call->stream->ended)
		return error_set(-EALREADY, ERROR_INVALID, "this side has ended");
	if (call->done && call->result < 0 && call->result != -EREMOTEIO) {
		if (call->error)
			*error_get() = *call->error;
		return call->result;
	}
	return call->done ? error_set(-EPIPE, ERROR_ENDED, "the service has answered") : 0;
}

/* wait_over() - a wait ended; the call's own deadline is looked at by who tries again */
static int
wait_over(const struct put *put, int r, uint64_t expires)
{
	if (r != -ETIME)
		return 0;
	if (expires > put->until)
		return error_set(-EAGAIN, ERROR_FULL, "the other side has not read enough yet");
	if (!put->call->incoming)
		(void)call_expire(put->call->bus);
	return 0;
}

static uint64_t
expires_at(const tern_call *call)
{
	return call->deadline == UINT64_MAX ? UINT64_MAX : call->deadline + call->bus->clock_offset;
}

static int
wait_credit(struct put *put)
{
	tern_call *call = put->call;
	struct waiter waiter = {
		.kind = WAIT_CREDIT,
		.partner = call->stream->begun ? call->partner : NULL, /* before, it may change */
		.credit_for = call,
	};
	uint64_t expires = expires_at(call);
	int r;

	if (put->flags & TERN_NONBLOCK) {
		call->stream->want = put->cost;
		return error_set(-EAGAIN, ERROR_FULL, "no credit: a TERN_WRITABLE tells when there is");
	}
	if (call_is_to_self(call) && bus_handling(call->bus))
		return error_set(-EDEADLK, ERROR_DEADLOCK, "a handler cannot wait for its own program");
	send_flush(call->bus);
	r = lead_wait(call->bus, &waiter, MIN(put->until, expires));
	return wait_over(put, r, expires);
}

static int
wait_room(struct put *put)
{
	tern_call *call = put->call;
	uint64_t expires = expires_at(call);
	int r;

	if (put->flags & TERN_NONBLOCK) {
		send_want_room(call->partner, &put->out, false);
		call->stream->wants_room = true;
		return error_set(-EAGAIN, ERROR_FULL, "no room: a TERN_WRITABLE tells when there is");
	}
	r = send_wait_room(call->partner, &put->out, false, MIN(put->until, expires));
	return wait_over(put, r, expires);
}

/* plan() - the record as it goes over the link */
static int
plan(struct put *put, struct out_part *parts)
{
	struct link *link = put->call->partner->link;
	tern_message *m = put->message;
	int r = 0;

	if (m->partner != put->call->partner)
		r = message_move(m, put->call->partner); /* the name had moved on since the part was made */
	if (r == 0)
		r = message_out(m, link_record_max(link), &link->pool, NULL, &put->out, parts);
	return r == -EDQUOT ? error_set(-EAGAIN, ERROR_FULL, "too much memory is lent out") : r;
}

/* try_link() - what was kept for it goes first. Return: as send_try(), with errors recorded. */
static int
try_link(struct put *put)
{
	struct stream *stream = put->call->stream;
	struct partner *partner = put->call->partner;
	int r;

	if (unlikely(partner->link->why))
		return send_failed(partner, -ECONNRESET);
	if (unlikely(partner->replies) && !reply_flush(partner))
		return LINK_E_FULL;
	put->header->credit = stream->owed;
	r = send_try(partner, &put->out, put->message ? put->message->fds : NULL, put->flags);
	if (r < 0)
		return send_failed(partner, r);
	if (r == 0) {
		stream->given += stream->owed;
		stream->owed = 0;
	}
	return r;
}

static int
put_self(tern_call *call, tern_message *m)
{
	if (unlikely(call->bus->tap.n_peers))
		tap_copy_self(call->bus, m);
	return stream_send_self(call->stream->twin, TERN_PART, tern_message_ref(m));
}

/* try() - there is credit. Return: 0, LINK_E_FULL, or negative. */
static int
try(struct put *put)
{
	tern_call *call = put->call;
	int r;

	if (!call->partner && !call->stream->twin)
		r = 0; /* answered, which is on its way: nobody reads it */
	else if (!call->partner)
		r = put_self(call, put->message);
	else
		r = try_link(put);
	if (r != 0)
		return r;
	call->stream->credit -= put->cost;
	call->stream->want = 0;
	call->stream->wants_room = false;
	return 0;
}

enum put_answer {
	PUT_E_SELF = LINK_E_CLOSED + 100, /* a drawn part, and the name has moved to this program: it takes a message */
};

/* put_part() - when there is credit and room; with the lock, which is given up while it waits */
static int
put_part(struct put *put)
{
	tern_call *call = put->call;
	struct out_part parts[TERN_MAX_PARTS];
	bool planned = !put->message;
	int r;

	for (;;) {
		r = may_put(call);
		if (r < 0)
			return r;
		if (call->stream->credit < put->cost) {
			r = wait_credit(put);
			if (r < 0)
				return r;
			continue;
		}
		if (!put->message && !call->partner)
			return PUT_E_SELF;
		if (!planned && call->partner) {
			r = plan(put, parts);
			if (r < 0)
				return r;
		}
		planned = true;
		r = try(put);
		if (r == LINK_E_FULL)
			r = wait_room(put);
		else
			return r;
		if (r < 0)
			return r;
	}
}

/* --- messages --- */

/* new_part() - with the lock */
static int
new_part(tern_call *call, tern_message **ret)
{
	int r = stream_must(call);

	if (r == 0)
		r = message_new(call->bus, WIRE_PART, NULL, NULL, ret);
	if (r < 0)
		return r;
	(*ret)->call = tern_call_ref(call);
	(*ret)->partner = call->partner ? partner_ref(call->partner) : NULL;
	return 0;
}

_public_ int
tern_message_new_part(tern_call *call, tern_message **ret)
{
	int r = bus_enter(call->bus);

	if (r < 0)
		return r;
	r = new_part(call, ret);
	bus_leave(call->bus);
	return r;
}

/* put_message() - with the lock */
static int
put_message(tern_message *m, uint64_t until, uint32_t flags)
{
	tern_call *call = m->call;
	struct put put = {
		.call = call,
		.message = m,
		.header = &m->header,
		.out = {.header = &m->header},
		.cost = stream_cost(m),
		.flags = flags,
		.until = until,
	};
	int r;

	if (m->sealed)
		return error_set(-EBUSY, ERROR_INVALID, "the part was sent already");
	m->sealed = true; /* nobody changes it while this waits */
	m->header.reference = call->serial;
	m->header.trace = call->incoming ? call->trace : call->message->header.trace;
	m->header.flags = call_part_flags(call);
	r = put_part(&put);
	m->sealed = r == 0;
	return r;
}

_public_ int
tern_call_put_message(tern_message *m, uint64_t timeout, uint32_t flags)
{
	int r;

	if (!m->call || m->header.kind != WIRE_PART)
		return error_set(-EINVAL, ERROR_INVALID, "not from tern_message_new_part()");
	r = bus_enter(m->bus);
	if (r < 0)
		return r;
	tap_prepare(m->bus, &m->bus->tap);
	error_clear();
	r = put_message(m, timeout == TERN_DEFAULT ? UINT64_MAX : call_deadline(m->bus, timeout), flags);
	bus_leave(m->bus);
	return r < 0 ? error_or(r, "part") : 0;
}

/* --- values --- */

/* put_packed() - to oneself, and values that are not flat, or large */
static int
put_packed(tern_call *call, const char *format, va_list ap)
{
	tern_message *m = NULL;
	int r = new_part(call, &m);

	if (r == 0 && format && *format)
		r = message_packv(m, true, format, ap);
	if (r == 0)
		r = put_message(m, UINT64_MAX, 0);
	(void)message_unref_locked(m); /* always NULL */
	return r;
}

_public_ int
tern_call_putv(tern_call *call, const char *format, va_list ap)
{
	struct put put = {.call = call, .out = {.is_drawn = true}, .until = UINT64_MAX};
	struct flat flat;
	bool is_flat = flat_packv(&flat, format, ap);
	int r;

	r = bus_enter(call->bus);
	if (r < 0)
		return r;
	tap_prepare(call->bus, &call->bus->tap);
	error_clear();
	if (is_flat && call->partner && call->stream) {
		put.header = put.out.header = flat_finish(&flat, &(struct wire_header){
			.kind = WIRE_PART,
			.flags = call_part_flags(call),
			.reference = call->serial,
			.trace = call->incoming ? call->trace : call->message->header.trace,
		});
		put.cost = stream_cost_of(flat.size);
		r = put_part(&put);
		if (unlikely(r == PUT_E_SELF))
			r = put_packed(call, format, ap);
	} else {
		r = put_packed(call, format, ap);
	}
	bus_leave(call->bus);
	return r < 0 ? error_or(r, "part") : 0;
}

_public_ int
tern_call_put(tern_call *call, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = tern_call_putv(call, format, ap);
	va_end(ap);
	return r;
}

/* --- the end --- */

/* end() - with the lock */
static int
end(tern_call *call)
{
	int r = stream_must(call);

	if (r < 0)
		return r;
	if (call->stream->ended)
		return error_set(-EALREADY, ERROR_INVALID, "this side has ended already");
	call->stream->ended = true;
	if (call->stream->begun && !call->done)
		stream_end_now(call);
	return 0;
}

_public_ int
tern_call_end(tern_call *call)
{
	int r;

	if (call->incoming)
		return error_set(-EINVAL, ERROR_INVALID, "a service ends a stream with its answer");
	r = bus_enter(call->bus);
	if (r < 0)
		return r;
	tap_prepare(call->bus, &call->bus->tap);
	r = end(call);
	bus_leave(call->bus);
	return r;
}

_public_ int
tern_call_cancel(tern_call *call)
{
	tern_bus *bus = call->bus;
	int r;

	if (call->incoming)
		return error_set(-EINVAL, ERROR_INVALID, "who was called answers, if only with an error");
	r = bus_enter(bus);
	if (r < 0)
		return r;
	if (call->done || !call->sent) {
		r = error_set(-EALREADY, ERROR_INVALID, "the call is over");
	} else {
		call_give_up(call, -ECANCELED, ERROR_CANCELLED, "given up with tern_call_cancel()");
		lead_kick(bus); /* who waits may be the one that sleeps for all */
	}
	bus_leave(bus);
	return r;
}
