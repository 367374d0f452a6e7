/* SPDX-License-Identifier: MIT */

/* call-send: the caller's side, from tern_message_new_call() to the record */

#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/expect.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/stream.h"
#include "wire/control.h"

uint64_t
call_deadline(tern_bus *bus, uint64_t timeout)
{
	return clock_deadline_ns(bus_clock(bus), timeout == TERN_DEFAULT ? bus->timeout : timeout);
}

/* is_ternd() - nobody else can have its name, or its number */
static bool
is_ternd(const tern_bus *bus, const char *service)
{
	if (likely(!service || bus->mode != MODE_BUS || (service[0] != 't' && service[0] != ':')))
		return false;
	return strcmp(service, "tern") == 0 || strcmp(service, ":1") == 0;
}

int
call_new_message(tern_bus *bus, const char *service, const char *member, uint64_t deadline, tern_message **ret)
{
	bool to_ternd = is_ternd(bus, service);
	struct partner *partner = NULL;
	bool to_start;
	int r = 0;

	if (!member || !*member)
		return error_set(-EINVAL, ERROR_INVALID, "a call needs a member, 1 to 255 bytes");
	if (likely(!to_ternd))
		r = call_resolve(bus, service, deadline, &partner);
	if (unlikely(r == -ENXIO) && bus->mode == MODE_BUS && strcmp(service, CONTROL_INTERFACE) == 0) {
		to_ternd = true; /* by its interface, which nobody else can be called */
		r = 0;
	}
	to_start = r == CALL_E_NOT_STARTED;
	if (r >= 0)
		r = message_new(bus, WIRE_CALL, service, member, ret);
	if (r < 0)
		return r;
	(*ret)->to_ternd = to_ternd;
	(*ret)->to_start = to_start;
	if (partner)
		(*ret)->partner = partner_ref(partner);
	return 0;
}

_public_ int
tern_message_new_call(tern_bus *bus, const char *service, const char *member, tern_message **ret)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	r = call_new_message(bus, service, member, call_deadline(bus, TERN_DEFAULT), ret);
	bus_leave(bus);
	return r;
}

static tern_call *
call_new(tern_message *m, uint64_t deadline, uint32_t flags)
{
	tern_bus *bus = m->bus;
	tern_call *call = call_alloc(bus);

	if (!call)
		return NULL;
	call->partner = m->partner ? partner_ref(m->partner) : NULL;
	call->to_ternd = m->to_ternd;
	call->message = m;
	call->deadline = deadline == UINT64_MAX ? UINT64_MAX : deadline - bus->clock_offset;
	call->flags = flags;
	if (unlikely(flags & TERN_STREAM) && stream_new(call) < 0) {
		call->message = NULL; /* stays the caller's */
		return call_unref_locked(call);
	}
	if (unlikely(bus->expected))
		expect_note(call);
	return call;
}

int
call_send(tern_call *call, uint64_t deadline)
{
	tern_message *m = call->message;
	struct out_part parts[TERN_MAX_PARTS];
	struct outgoing out = {.header = &m->header};
	int r;

	m->header.serial = call->serial;
	m->header.credit = call->stream ? STREAM_WINDOW : 0;
	m->header.deadline = call->deadline == UINT64_MAX ? 0 : call->deadline;
	m->header.flags = (m->header.flags & WIRE_LIBRARY) |
		(call->flags & TERN_NO_REPLY ? WIRE_NO_REPLY : 0) |
		(call->flags & TERN_NO_ACTIVATE ? WIRE_NO_ACTIVATE : 0) |
		(call->flags & TERN_PRIVATE ? WIRE_PRIVATE : 0);
	if (unlikely(call->to_ternd))
		return daemon_call(call, deadline);
	if (unlikely(m->to_start && !(call->flags & SEND_KEEP)))
		return daemon_start(call, deadline);
	if (unlikely(call->bus->tap.n_peers) && !call->partner && !(call->flags & SEND_AGAIN))
		tap_copy_self(call->bus, m);
	if (!call->partner)
		return send_self(call->bus, TERN_CALL, tern_message_ref(m), tern_call_ref(call));
	if (call->partner->dead)
		return error_set(-EHOSTDOWN, ERROR_DIED, "the service is gone");
	r = message_out(m, link_record_max(call->partner->link), &call->partner->link->pool, NULL,
		&out, parts);
	if (r == -EDQUOT)
		return error_set(-EAGAIN, ERROR_FULL, "too much memory is lent out");
	if (r < 0)
		return error_or(r, "call");
	if (unlikely(call->flags & SEND_KEEP))
		return reply_send(call->partner, &out, m, call->deadline, false);
	return send_record(call->partner, &out, m->fds, deadline, call->flags);
}

int
call_begin(tern_message *m, uint64_t deadline, uint32_t flags, tern_call **ret)
{
	tern_call *call;
	int r = 0;

	error_clear();
	if (m->sealed)
		return error_set(-EBUSY, ERROR_INVALID, "the message was sent already");
	if (m->header.kind != WIRE_CALL)
		return error_set(-EINVAL, ERROR_INVALID, "not a call: tern_send() takes calls only");
	call = call_new(m, deadline, flags);
	if (!call)
		return error_errno(-ENOMEM, "call");
	m->sealed = true;
	m->bus->counters.made++;
	if (flags & TERN_NO_REPLY)
		call->serial = ++m->bus->last_serial;
	else
		r = call_link(call);
	call->taken = true; /* it may end while it waits for room: that is not for another thread's tern_next() */
	if (r == 0)
		r = call_send(call, deadline);
	call->taken = r < 0;
	if (r == 0 && call->done)
		call_queue_answer(call); /* what was queued meanwhile may be dropped already */
	if (r < 0) {
		m->sealed = r != -EAGAIN;
		call->message = NULL; /* stays the caller's */
		call_unlink(call);
		(void)call_unref_locked(call); /* always NULL */
		return r;
	}
	if (flags & TERN_NO_REPLY && !ret)
		(void)call_unref_locked(call); /* always NULL */
	else
		*ret = call;
	return 0;
}

_public_ int
tern_send(tern_message *m, uint64_t timeout, uint32_t flags, tern_call **ret)
{
	int r;

	if (!ret && !(flags & TERN_NO_REPLY))
		return error_set(-EINVAL, ERROR_INVALID, "without TERN_NO_REPLY somebody must take the call");
	if ((flags & TERN_STREAM) && (flags & TERN_NO_REPLY))
		return error_set(-EINVAL, ERROR_INVALID, "a stream ends with an answer: not with TERN_NO_REPLY");
	r = bus_enter(m->bus);
	if (r < 0)
		return r;
	tap_prepare(m->bus, &m->bus->tap);
	r = call_begin(tern_message_ref(m), call_deadline(m->bus, timeout), flags, ret);
	if (r < 0)
		(void)message_unref_locked(m); /* always NULL: the program has it still */
	if (r == 0 && ret && *ret == m->bus->deadlines)
		lead_deadline(m->bus, m->bus->deadlines->deadline); /* nobody waits who would see to it */
	bus_leave(m->bus);
	return r;
}
