/* SPDX-License-Identifier: MIT */

/* call-wait: for the answer, in a thread or by a handler */

#include "client/call.h"
#include "client/error.h"
#include "client/expect.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/stream.h"

/* call_wait_locked() - until done, or this timeout; the call's own deadline is seen to here, whoever leads */
static int
call_wait_locked(tern_call *call, uint64_t deadline)
{
	struct waiter waiter = {.kind = WAIT_ANSWER, .partner = call->partner};
	uint64_t expires = call->deadline == UINT64_MAX ? UINT64_MAX
							: call->deadline + call->bus->clock_offset;
	int r = 0;

	if (call->done)
		return 0;
	if (call_is_to_self(call) && bus_handling(call->bus))
		return error_set(-EDEADLK, ERROR_DEADLOCK, "a handler cannot wait for its own program");
	call->waiter = &waiter;
	r = lead_wait(call->bus, &waiter, MIN(deadline, expires));
	if (r == -ETIME && expires <= deadline) {
		(void)call_expire(call->bus);
		r = call->done ? 0 : r;
	}
	call->waiter = NULL;
	return r == -ETIME ? error_set(-EAGAIN, ERROR_TIMEOUT, "no answer yet") : r;
}

/* call_result() - hand the answer out once */
static int
call_result(tern_call *call, tern_message **ret, struct tern_error *error)
{
	if (call->taken)
		return error_set(-EALREADY, ERROR_INVALID, "the answer was taken already");
	call->taken = true;
	if (call->result < 0) {
		if (call->error)
			*error_get() = *call->error;
		if (error)
			*error = *error_get();
		return call->result;
	}
	if (ret)
		*ret = steal(call->reply);
	return 0;
}

/* hold_against() - the answer that was handed out, against what is expected, without the lock; and hand it on */
static int
hold_against(tern_call *call, tern_message *reply, tern_message **ret, struct tern_error *error)
{
	int r = expect_answer(call, 0, &reply);

	if (r < 0 && error)
		*error = *error_get();
	if (r == 0 && ret)
		*ret = reply;
	else
		(void)tern_message_unref(reply); /* always NULL */
	return r;
}

/* wait_for() - what comes next. Return: 0 the answer is there, STREAM_E_PART, or negative. */
static int
wait_for(tern_call *call, uint64_t soon, tern_message **ret)
{
	if (unlikely(call->stream || call->incoming))
		return stream_wait(call, soon, ret);
	if (call->taken)
		return error_set(-EALREADY, ERROR_INVALID, "the answer was taken already");
	if (call->waiter)
		return error_set(-EBUSY, ERROR_INVALID, "another thread waits for this call");
	return call_wait_locked(call, soon);
}

_public_ int
tern_call_wait(tern_call *call, uint64_t timeout, tern_message **ret, struct tern_error *error)
{
	int r = bus_enter(call->bus);
	tern_message *reply = NULL;

	if (r == 0) {
		r = wait_for(call, timeout == TERN_DEFAULT ? UINT64_MAX : call_deadline(call->bus, timeout),
			call->interface ? &reply : ret);
		if (r == 0)
			r = call_result(call, call->interface ? &reply : ret, error);
		else if (error && r < 0)
			*error = *error_get();
		bus_leave(call->bus);
	} else if (error) {
		*error = *error_get();
	}
	if (r == STREAM_E_PART)
		return likely(!reply) ? 0 : stream_hand_on(call, reply, ret, error);
	return likely(!reply) ? r : hold_against(call, reply, ret, error);
}

_public_ int
tern_call_then(tern_call *call, tern_reply_fn *fn, void *user)
{
	int r = bus_enter(call->bus);

	if (r < 0)
		return r;
	if (call->incoming)
		r = error_set(-EINVAL, ERROR_INVALID, "this call was received, not sent");
	else if (call->stream)
		r = error_set(-EINVAL, ERROR_INVALID, "what comes on a stream is for tern_call_follow()");
	else if (call->taken || call->fn)
		r = error_set(-EALREADY, ERROR_INVALID, "the answer was taken already");
	if (r == 0) {
		call->fn = fn;
		call->user = user;
		if (call->done)
			call_queue_answer(call); /* another thread may have put it aside already */
	}
	bus_leave(call->bus);
	return r;
}

/* --- in one go --- */

int
call_library(tern_message *m, bool wait)
{
	tern_call *call = NULL;
	int r;

	m->header.flags = WIRE_LIBRARY;
	r = call_begin(tern_message_ref(m), call_deadline(m->bus, TERN_DEFAULT),
		wait ? 0 : TERN_NO_REPLY | TERN_NONBLOCK, wait ? &call : NULL);
	if (r < 0)
		(void)message_unref_locked(m); /* always NULL: the caller has it still */
	if (r < 0 || !wait)
		return r;
	r = call_wait_locked(call, UINT64_MAX);
	if (r == 0)
		r = call_result(call, NULL, NULL);
	(void)call_unref_locked(call); /* always NULL */
	return r;
}

/* An answer that is to be held against what is expected, once the lock is released; all are the owner's. */
struct unchecked {
	tern_call *call; /* NULL: there is nothing to do */
	tern_message *reply;
};

/* call_sync() - with the lock; *m is the call's, and NULL, once it is sent */
static int
call_sync(tern_message **m, uint64_t deadline, tern_message **ret, struct unchecked *ret_unchecked)
{
	tern_call *call = NULL;
	int r;

	if (!(*m)->partner && !(*m)->to_ternd && !(*m)->to_start && bus_handling((*m)->bus))
		return error_set(-EDEADLK, ERROR_DEADLOCK, "a handler cannot wait for its own program");
	r = call_begin(*m, deadline, 0, &call);
	if (r == 0)
		*m = NULL;
	if (r == 0)
		r = call_wait_locked(call, UINT64_MAX);
	if (r == 0 && unlikely(call->interface)) {
		r = call_result(call, &ret_unchecked->reply, NULL);
		if (r == 0)
			ret_unchecked->call = steal(call);
	} else if (r == 0) {
		r = call_result(call, ret, NULL);
	}
	(void)call_unref_locked(call); /* always NULL */
	return r;
}

_public_ int
tern_call_syncv(tern_bus *bus, const char *service, const char *member, tern_message **ret,
	struct tern_error *error, const char *format, va_list ap)
{
	struct unchecked unchecked = {NULL, NULL};
	tern_message *m = NULL;
	uint64_t deadline;
	int r;

	r = bus_enter(bus);
	if (r == 0) {
		tap_prepare(bus, &bus->tap);
		error_clear();
		deadline = call_deadline(bus, TERN_DEFAULT);
		r = call_new_message(bus, service, member, deadline, &m);
		if (r == 0 && format && *format)
			r = message_packv(m, true, format, ap);
		if (r == 0)
			r = call_sync(&m, deadline, ret, &unchecked);
		(void)message_unref_locked(m); /* always NULL */
		bus_leave(bus);
	}
	if (unlikely(unchecked.call)) {
		r = hold_against(unchecked.call, unchecked.reply, ret, NULL);
		(void)tern_call_unref(unchecked.call); /* always NULL */
	}
	if (r < 0 && error)
		*error = *error_get();
	return r;
}

_public_ int
tern_call_sync(tern_bus *bus, const char *service, const char *member, tern_message **ret,
	struct tern_error *error, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = tern_call_syncv(bus, service, member, ret, error, format, ap);
	va_end(ap);
	return r;
}
