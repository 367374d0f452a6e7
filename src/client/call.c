/* SPDX-License-Identifier: MIT */

/* call: the caller's side, from tern_message_new_call() to the answer */

#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/handler.h"
#include "client/message.h"
#include "wire/name.h"

uint64_t
call_deadline(tern_bus *bus, uint64_t timeout)
{
	return clock_deadline_ns(bus_clock(bus), timeout == TERN_DEFAULT ? bus->timeout : timeout);
}

/* --- who is called --- */

static int
no_service(const char *service)
{
	int wrong = name_is_id(service, strlen(service)) ? 0 : name_check(service, strlen(service), NULL);

	if (wrong && wrong != NAME_E_RESERVED)
		return error_set(-EINVAL, ERROR_BAD_NAME, "the name \"%.100s\" %s; a name has letters, digits, _ "
			"and -, and dots between them", service, name_strerror(wrong));
	return error_set(-ENXIO, ERROR_NO_SERVICE, "nobody owns the name \"%s\" on this bus", service);
}

/* resolve_id() - ":ID" or a name's owner to a link */
static int
resolve_id(tern_bus *bus, tern_peer id, const char *service, uint64_t deadline, struct partner **ret)
{
	int r;

	if (id == bus->id && bus->mode == MODE_BUS) {
		*ret = NULL;
		return 0;
	}
	*ret = partner_find(bus, id);
	if (*ret)
		return 0;
	if (bus->mode != MODE_BUS)
		return no_service(service);
	r = daemon_introduce(bus, id, deadline, ret);
	return r == -ENXIO ? no_service(service) : r;
}

int
call_resolve(tern_bus *bus, const char *service, uint64_t deadline, struct partner **ret)
{
	tern_peer id;
	char *end;
	int r;

	if (!service) {
		if (bus->mode == MODE_BUS)
			return error_set(-EINVAL, ERROR_INVALID, "on a bus a call needs a service");
		if (bus->mode == MODE_DIAL && bus->partners) {
			*ret = bus->partners;
			return 0;
		}
		return error_set(-ENXIO, ERROR_NO_SERVICE, "the other end of the link is gone; call \":ID\" "
			"from a listening handle");
	}
	if (service[0] == ':') {
		id = strtoull(service + 1, &end, 10);
		if (end == service + 1 || *end)
			return error_set(-EINVAL, ERROR_INVALID, "\"%s\" is not a peer's \":ID\"", service);
		return resolve_id(bus, id, service, deadline, ret);
	}
	if (bus->mode != MODE_BUS)
		return no_service(service);
	r = daemon_lookup(bus, service, &id);
	if (r == -ENXIO)
		return no_service(service);
	return r < 0 ? r : resolve_id(bus, id, service, deadline, ret);
}

/* new_call() - with the lock */
static int
new_call(tern_bus *bus, const char *service, const char *member, uint64_t deadline, tern_message **ret)
{
	struct partner *partner = NULL;
	int r;

	if (!member || !*member)
		return error_set(-EINVAL, ERROR_INVALID, "a call needs a member, 1 to 255 bytes");
	r = call_resolve(bus, service, deadline, &partner);
	if (r == 0)
		r = message_new(bus, WIRE_CALL, service, member, 0, ret);
	if (r == 0 && partner)
		(*ret)->partner = partner_ref(partner);
	return r;
}

_public_ int
tern_message_new_call(tern_bus *bus, const char *service, const char *member, tern_message **ret)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	r = new_call(bus, service, member, call_deadline(bus, TERN_DEFAULT), ret);
	bus_leave(bus);
	return r;
}

/* --- life --- */

tern_call *
call_alloc(tern_bus *bus)
{
	tern_call *call = spare_take(&bus->spare_calls, sizeof(*call));

	if (!call)
		return NULL;
	*call = (tern_call){.refs = 1, .bus = bus_hold(bus)};
	return call;
}

static tern_call *
call_new(tern_message *m, uint64_t deadline, uint32_t flags)
{
	tern_bus *bus = m->bus;
	tern_call *call = call_alloc(bus);

	if (!call)
		return NULL;
	call->partner = m->partner ? partner_ref(m->partner) : NULL;
	call->message = tern_message_ref(m);
	call->deadline = deadline == UINT64_MAX ? UINT64_MAX : deadline - bus->clock_offset;
	call->flags = flags;
	return call;
}

/* call_link_deadline() - into the list that is soonest first; most are the last */
static void
call_link_deadline(tern_call *call)
{
	tern_call *head = call->bus->deadlines, *at;

	if (!head || head->soon_prev->deadline <= call->deadline) {
		DL_APPEND2(call->bus->deadlines, call, soon_prev, soon_next);
		return;
	}
	for (at = head; at->deadline <= call->deadline; at = at->soon_next)
		;
	DL_PREPEND_ELEM2(call->bus->deadlines, at, call, soon_prev, soon_next);
}

/* calls_place() - where a call of this serial is, if it is there */
static tern_call **
calls_place(tern_bus *bus, uint64_t serial)
{
	return &bus->calls[serial & (bus->max_calls - 1)];
}

/* calls_grow() - to at most half full; serials that differed in the lower bits still do */
static int
calls_grow(tern_bus *bus)
{
	size_t max = MAX(2 * bus->max_calls, (size_t)16), n = bus->max_calls;
	tern_call **old = bus->calls, **calls = calloc(max, sizeof(tern_call *));

	if (!calls)
		return error_errno(-ENOMEM, "call");
	bus->calls = calls;
	bus->max_calls = max;
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*calls_place(bus, old[i]->serial) = old[i];
	free(old);
	return 0;
}

/* calls_add() - under the next serial whose place is free */
static int
calls_add(tern_bus *bus, tern_call *call)
{
	if (2 * bus->n_calls >= bus->max_calls && calls_grow(bus) < 0)
		return -ENOMEM;
	do {
		call->serial = ++bus->last_serial;
	} while (*calls_place(bus, call->serial));
	*calls_place(bus, call->serial) = call;
	bus->n_calls++;
	return 0;
}

static tern_call *
calls_find(tern_bus *bus, uint64_t serial)
{
	tern_call *call = bus->max_calls ? *calls_place(bus, serial) : NULL;

	return call && call->serial == serial ? call : NULL;
}

static int
call_link(tern_call *call)
{
	if (calls_add(call->bus, call) < 0)
		return -ENOMEM;
	call_link_deadline(call);
	if (call->partner)
		DL_APPEND(call->partner->calls, call);
	call->sent = true;
	store_rlx(&call->refs, 2); /* the table's too; nobody else knows of it yet */
	return 0;
}

/* call_unlink() - the caller of this function holds a reference */
static void
call_unlink(tern_call *call)
{
	tern_bus *bus = call->bus;

	if (!call->sent)
		return;
	call->sent = false;
	*calls_place(bus, call->serial) = NULL;
	bus->n_calls--;
	DL_DELETE2(bus->deadlines, call, soon_prev, soon_next);
	if (call->partner)
		DL_DELETE(call->partner->calls, call);
	(void)call_unref_locked(call); /* always NULL */
}

/* send_cancel() - the service need not answer; best effort: it may be full, or gone */
static void
send_cancel(tern_call *call)
{
	struct outgoing out = {
		.header = {.kind = WIRE_CANCEL, .reference = call->serial},
		.strings = {"", "", ""},
	};

	if (!call->partner || call->partner->dead)
		return;
	(void)link_plan(&out);
	(void)send_record(call->partner, &out, NULL, 0, TERN_NONBLOCK);
}

static void
call_free(tern_call *call)
{
	if (call->incoming && call->partner)
		DL_DELETE(call->partner->incoming, call);
	(void)message_unref_locked(call->message); /* always NULL, as all here */
	(void)message_unref_locked(call->reply);
	(void)partner_unref(call->partner);
	(void)call_unref_locked(call->origin);
	free(call->error);
	bus_drop(call->bus);
	(void)spare_put(&call->bus->spare_calls, call); /* NULL */
}

/* call_abandon() - the last reference but the table's went: nobody will ask for the answer */
static void
call_last(tern_call *call)
{
	if (call->incoming && !call->done && !call->bus->closed)
		(void)reply_error_locked(call, ERROR_NO_REPLY, "the service did not answer", false);
}

tern_call *
call_unref_locked(tern_call *call)
{
	if (call && unref_is_last(&call->refs)) {
		call_last(call);
		call_free(call);
	}
	return NULL;
}

_public_ tern_call *
tern_call_ref(tern_call *call)
{
	(void)add_rlx(&call->refs, 1); /* whoever refs has a reference: nothing to order */
	return call;
}

/* n_library_refs() - of a call under way: the table's; a call to oneself is held by the one that came in */
static uint32_t
n_library_refs(const tern_call *call)
{
	return 1u + (call->partner == NULL) + call->asking;
}

/*
 * The caller's last reference cancels; but the library has some too while the call is under way, so
 * "last" means that only those are left.
 */
_public_ tern_call *
tern_call_unref(tern_call *call)
{
	tern_bus *bus;

	if (!call || bus_is_forked(call->bus))
		return NULL;
	bus = call->bus;
	bus_lock(bus);
	if (!call->incoming && call->sent && load_acq(&call->refs) == 1 + n_library_refs(call) && !call->fn) {
		send_cancel(call);
		call_unlink(call);
	}
	(void)call_unref_locked(call); /* always NULL */
	bus_leave(bus);
	return NULL;
}

/* --- sending --- */

/* call_send() - the record, or the own queue */
static int
call_send(tern_call *call, uint64_t deadline)
{
	tern_message *m = call->message;
	struct out_part parts[TERN_MAX_PARTS];
	struct outgoing out;
	int r;

	m->header.serial = call->serial;
	m->header.deadline = call->deadline == UINT64_MAX ? 0 : call->deadline;
	m->header.flags = (m->header.flags & WIRE_LIBRARY) |
		(call->flags & TERN_NO_REPLY ? WIRE_NO_REPLY : 0) |
		(call->flags & TERN_NO_ACTIVATE ? WIRE_NO_ACTIVATE : 0) |
		(call->flags & TERN_PRIVATE ? WIRE_PRIVATE : 0);
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
	return send_record(call->partner, &out, m->fds, deadline, call->flags);
}

/* queue_answer() - for its handler, or for tern_next(); whoever is second finds it taken */
static void
queue_answer(tern_call *call)
{
	struct item item = {
		.kind = call->result ? TERN_ERROR : TERN_REPLY,
		.call = tern_call_ref(call),
		.peer = call->partner ? call->partner->id : call->bus->id,
	};

	(void)queue_put(call->bus, &item); /* out of memory: tern_call_wait() still finds it */
}

/* call_begin() - with the lock: make the call of a message and send it */
static int
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
	if (flags & TERN_NO_REPLY)
		call->serial = ++m->bus->last_serial;
	else
		r = call_link(call);
	call->taken = true; /* it may end while it waits for room: that is not for another thread's tern_next() */
	if (r == 0)
		r = call_send(call, deadline);
	call->taken = r < 0;
	if (r == 0 && call->done)
		queue_answer(call); /* what was queued meanwhile may be dropped already */
	if (r < 0) {
		m->sealed = r != -EAGAIN;
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
	r = bus_enter(m->bus);
	if (r < 0)
		return r;
	r = call_begin(m, call_deadline(m->bus, timeout), flags, ret);
	if (r == 0 && ret && *ret == m->bus->deadlines)
		lead_deadline(m->bus); /* nobody waits who would see to it */
	bus_leave(m->bus);
	return r;
}

/* --- the answer --- */

void
call_finish(tern_call *call, int result, tern_message *reply, const char *name, const char *text)
{
	tern_bus *bus = call->bus;

	(void)tern_call_ref(call);
	call_unlink(call);
	call->done = true;
	call->result = result;
	call->reply = reply;
	if (name) {
		call->error = malloc(sizeof(*call->error));
		if (call->error)
			error_fill(call->error, name, text);
	}
	if (call->waiter) {
		lead_wake(call->waiter);
	} else if (!bus->closed) {
		queue_answer(call);
	}
	(void)call_unref_locked(call); /* always NULL */
}

/* bounced() - the name has moved on: ask again who has it */
static void
bounced(tern_call *call)
{
	tern_bus *bus = call->bus;
	const char *service = call->message->strings[0];
	struct partner *partner;
	tern_peer id = 0;
	int r;

	if (++call->bounces > MAX_BOUNCES) {
		call_finish(call, -ENXIO, NULL, ERROR_NO_SERVICE, "the name changes hands too fast");
		return;
	}
	r = daemon_owner(bus, service, &id); /* the leader cannot wait for ternd: it takes in what ternd says */
	partner = r == 0 ? partner_find(bus, id) : NULL;
	if (r == 0 && (partner || id == bus->id))
		call_resend(call, partner, 0);
	else if (r < 0 || daemon_introduce_for(bus, id, call) < 0)
		call_resend(call, NULL, r < 0 ? r : -ENXIO);
	else
		call->asking = true;
}

void
call_resend(tern_call *call, struct partner *partner, int result)
{
	call->asking = false;
	if (call->done || !call->sent)
		return; /* it ended meanwhile, or was given up */
	if (result == 0)
		result = message_move(call->message, partner);
	if (result == 0) {
		if (call->partner)
			DL_DELETE(call->partner->calls, call);
		(void)partner_unref(call->partner); /* always NULL */
		call->partner = partner ? partner_ref(partner) : NULL;
		if (call->waiter)
			call->waiter->partner = partner;
		if (partner)
			DL_APPEND(partner->calls, call);
		call->flags |= TERN_NONBLOCK; /* the leader does not wait */
		result = call_send(call, 0);
	}
	if (result < 0)
		call_finish(call, result, NULL, result == -ENXIO ? ERROR_NO_SERVICE : ERROR_FULL,
			"the name changed its owner, and the new one could not be reached");
}

void
call_answered(struct partner *partner, tern_message *m)
{
	const char *text = "";
	tern_call *call;

	call = calls_find(partner->bus, m->header.reference);
	if (!call || call->partner != partner) {
		(void)message_unref_locked(m); /* given up already */
		return;
	}
	m->header.trace = call->message->header.trace;
	if (m->header.kind == WIRE_REPLY) {
		call_finish(call, 0, m, NULL, NULL);
	} else if (m->header.flags & WIRE_BOUNCED) {
		(void)message_unref_locked(m); /* always NULL */
		bounced(call);
	} else {
		if (m->n_parts && !m->parts[0].foreign) /* an error may come without a text */
			(void)tern_message_unpack(m, "{?text:s}", &text);
		call_finish(call, -EREMOTEIO, m, m->strings[1], text);
	}
}

void
call_fail_partner(struct partner *partner)
{
	const char *why = partner->link->why;

	while (partner->calls)
		call_finish(partner->calls, why ? -ECONNRESET : -EHOSTDOWN, NULL,
			why ? ERROR_PROTOCOL : ERROR_DIED,
			why ? why : "the service died before it answered");
}

void
call_cancel_all(tern_bus *bus)
{
	while (bus->deadlines)
		call_finish(bus->deadlines, -ECANCELED, NULL, ERROR_CANCELLED, "the handle was closed");
}

uint64_t
call_expire(tern_bus *bus)
{
	uint64_t now;

	if (!bus->deadlines)
		return UINT64_MAX;
	now = bus_now(bus);
	while (bus->deadlines && bus->deadlines->deadline <= now) {
		tern_call *call = bus->deadlines;

		send_cancel(call);
		call_finish(call, -ETIME, NULL, ERROR_TIMEOUT, "no answer before the deadline");
	}
	return bus->deadlines ? bus->deadlines->deadline : UINT64_MAX;
}

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
	if (!call->partner && bus_handling(call->bus))
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

_public_ int
tern_call_wait(tern_call *call, uint64_t timeout, tern_message **ret, struct tern_error *error)
{
	int r = bus_enter(call->bus);

	if (r == 0) {
		uint64_t soon = timeout == TERN_DEFAULT ? UINT64_MAX
							: call_deadline(call->bus, timeout);

		if (call->taken)
			r = error_set(-EALREADY, ERROR_INVALID, "the answer was taken already");
		else if (call->waiter)
			r = error_set(-EBUSY, ERROR_INVALID, "another thread waits for this call");
		else
			r = call_wait_locked(call, soon);
		if (r == 0)
			r = call_result(call, ret, error);
		else if (error)
			*error = *error_get();
		bus_leave(call->bus);
	} else if (error) {
		*error = *error_get();
	}
	return r;
}

_public_ int
tern_call_then(tern_call *call, tern_reply_fn *fn, void *user)
{
	int r = bus_enter(call->bus);

	if (r < 0)
		return r;
	if (call->incoming)
		r = error_set(-EINVAL, ERROR_INVALID, "this call was received, not sent");
	else if (call->taken || call->fn)
		r = error_set(-EALREADY, ERROR_INVALID, "the answer was taken already");
	if (r == 0) {
		call->fn = fn;
		call->user = user;
		if (call->done)
			queue_answer(call); /* another thread may have put it aside already */
	}
	bus_leave(call->bus);
	return r;
}

_public_ uint64_t
tern_call_remaining(const tern_call *call)
{
	uint64_t now = bus_now(call->bus);

	if (call->deadline == UINT64_MAX)
		return TERN_FOREVER;
	return call->deadline > now ? call->deadline - now : 0;
}

int
call_library(tern_message *m, bool wait)
{
	tern_call *call = NULL;
	int r;

	m->header.flags = WIRE_LIBRARY;
	r = call_begin(m, call_deadline(m->bus, TERN_DEFAULT), wait ? 0 : TERN_NO_REPLY | TERN_NONBLOCK, wait ? &call : NULL);
	if (r < 0 || !wait)
		return r;
	r = call_wait_locked(call, UINT64_MAX);
	if (r == 0)
		r = call_result(call, NULL, NULL);
	(void)call_unref_locked(call); /* always NULL */
	return r;
}

void
call_answered_self(tern_call *call, tern_message *m)
{
	const char *text = "";

	if (!call->sent) {
		(void)message_unref_locked(m); /* given up already */
	} else if (m->header.kind == WIRE_REPLY) {
		call_finish(call, 0, m, NULL, NULL);
	} else {
		(void)tern_message_unpack(m, "{?text:s}", &text); /* an error may come without */
		call_finish(call, -EREMOTEIO, m, m->strings[1], text);
	}
	(void)call_unref_locked(call); /* always NULL */
}

/* --- in one go --- */

/* call_sync() - with the lock */
static int
call_sync(tern_message *m, uint64_t deadline, tern_message **ret)
{
	tern_call *call = NULL;
	int r;

	if (!m->partner && bus_handling(m->bus))
		return error_set(-EDEADLK, ERROR_DEADLOCK, "a handler cannot wait for its own program");
	r = call_begin(m, deadline, 0, &call);
	if (r == 0)
		r = call_wait_locked(call, UINT64_MAX);
	if (r == 0)
		r = call_result(call, ret, NULL);
	(void)call_unref_locked(call); /* always NULL */
	return r;
}

_public_ int
tern_call_syncv(tern_bus *bus, const char *service, const char *member, tern_message **ret,
	struct tern_error *error, const char *format, va_list ap)
{
	tern_message *m = NULL;
	uint64_t deadline;
	int r;

	r = bus_enter(bus);
	if (r == 0) {
		error_clear();
		deadline = call_deadline(bus, TERN_DEFAULT);
		r = new_call(bus, service, member, deadline, &m);
		if (r == 0 && format && *format)
			r = message_packv(m, true, format, ap);
		if (r == 0)
			r = call_sync(m, deadline, ret);
		(void)message_unref_locked(m); /* always NULL */
		bus_leave(bus);
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
