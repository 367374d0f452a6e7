/* SPDX-License-Identifier: MIT */

/* service: the called side: calls that come in, and answers; serve.c has what runs */

#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/flat.h"
#include "client/event.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/rights.h"
#include "client/status.h"
#include "client/stream.h"

/* --- calls that come in --- */

static int
incoming_new(tern_bus *bus, const tern_message *m, tern_call **ret)
{
	tern_call *call = call_alloc(bus);

	if (!call)
		return -ENOMEM;
	call->incoming = true;
	call->serial = m->header.serial;
	call->deadline = m->header.deadline ? m->header.deadline : UINT64_MAX;
	call->trace = m->header.trace;
	call->stamp = m->header.stamp;
	call->no_reply = call->done = m->header.flags & WIRE_NO_REPLY;
	call->is_private = m->header.flags & WIRE_PRIVATE;
	*ret = call;
	return 0;
}

/* queue_call() - takes both references */
static void
queue_call(tern_bus *bus, struct partner *partner, tern_message *m, tern_call *call)
{
	struct item item = {
		.kind = TERN_CALL,
		.message = m,
		.call = call,
		.partner = partner,
		.peer = m->sender,
	};

	(void)queue_put(bus, &item); /* out of memory: dropping the call answers it */
}

/* answer_status() - at once, by whoever takes in; takes both references */
static void
answer_status(tern_message *m, tern_call *call)
{
	status_answer(call);
	(void)message_unref_locked(m); /* always NULL, as the next */
	(void)call_unref_locked(call);
}

/* send_bounce() - not here any more */
static void
send_bounce(struct partner *partner, const struct wire_header *call)
{
	struct wire_header header = {.kind = WIRE_ERROR, .flags = WIRE_BOUNCED, .reference = call->serial};
	struct outgoing out = {
		.header = &header,
		.strings = {"", "", ""},
	};

	(void)link_plan(&out);
	(void)reply_send(partner, &out, NULL, call->deadline ? call->deadline : UINT64_MAX, false); /* else gone */
}

/* refuse_more() - of a user whose calls are too many already */
_cold_ static void
refuse_more(tern_call *call)
{
	const struct link *link = call->partner->link;
	const struct share *share = &link->shares->of[SHARE_CALLS];
	char text[256];

	if (call->no_reply)
		return;
	(void)snprintf(text, sizeof(text), "user %u has %llu of the %llu calls that a user may have unanswered in this "
		"program: wait for answers before you call again, or end programs that do not take theirs",
		link->partner.uid, (unsigned long long)share->used - 1, (unsigned long long)share_max(share)); /* fits */
	(void)reply_error_locked(call, ERROR_QUOTA, text, false); /* gone callers need none */
}

void
call_arrived(struct partner *partner, tern_message *m)
{
	tern_bus *bus = partner->bus;
	const char *service = m->strings[0];
	tern_call *call;

	if (m->header.flags & WIRE_LIBRARY) {
		rules_here_call(partner, m);
		return;
	}
	if (*service && *service != ':' && bus->mode == MODE_BUS && RULE(BOUNCE) &&
		!daemon_has_name(bus, service)) {
		if (!(m->header.flags & WIRE_NO_REPLY))
			send_bounce(partner, &m->header);
		(void)message_unref_locked(m); /* always NULL */
		return;
	}
	if (unlikely(partner->rights) && !rights_may_call(partner, service)) {
		rights_refuse(partner, &m->header);
		(void)message_unref_locked(m); /* always NULL */
		return;
	}
	if (incoming_new(bus, m, &call) < 0) {
		(void)message_unref_locked(m); /* out of memory: the caller has a deadline */
		return;
	}
	call->partner = partner_ref(partner);
	DL_APPEND(partner->incoming, call);
	shares_take(partner->link->shares, SHARE_CALLS, 1);
	if (!shares_has(partner->link->shares, SHARE_CALLS, 0)) {
		refuse_more(call);
		(void)message_unref_locked(m); /* always NULL, as the next */
		(void)call_unref_locked(call);
		return;
	}
	if (unlikely(m->header.credit) && !call->no_reply && stream_begin(call, m->header.credit) < 0) {
		(void)message_unref_locked(m); /* always NULL, as the next */
		(void)call_unref_locked(call);
		return;
	}
	if (status_is_asked(m))
		answer_status(m, call);
	else
		queue_call(bus, partner, m, call);
}

void
call_arrived_self(tern_bus *bus, tern_message *m, tern_call *origin)
{
	tern_call *call;

	if (incoming_new(bus, m, &call) < 0) {
		call_finish(origin, -ENOMEM, NULL, ERROR_FAILED, "out of memory");
		(void)message_unref_locked(m);     /* always NULL */
		(void)call_unref_locked(origin); /* always NULL */
		return;
	}
	call->origin = origin;
	if (unlikely(origin && origin->stream) && origin->sent && stream_begin_self(call, origin) < 0)
		call_finish(origin, -ENOMEM, NULL, ERROR_FAILED, "out of memory");
	if (status_is_asked(m))
		answer_status(m, call);
	else
		queue_call(bus, NULL, m, call);
}

/* tell_cancel() - to who took the call out of tern_next() */
static void
tell_cancel(tern_bus *bus, tern_call *call)
{
	struct item item = {
		.kind = TERN_CANCEL,
		.call = tern_call_ref(call),
		.peer = call->partner->id,
	};

	(void)queue_put(bus, &item); /* out of memory: tern_call_is_cancelled() still says so */
}

void
call_cancelled(struct partner *partner, const struct wire_header *header)
{
	tern_call *call;

	DL_FOREACH (partner->incoming, call) {
		if (call->serial != header->reference || call->done)
			continue;
		store_rlx(&call->cancelled, true); /* a hint */
		if (call->stream)
			stream_cancelled(call);
		else if (call->handed)
			tell_cancel(partner->bus, call);
		return;
	}
}

_public_ int
tern_call_is_cancelled(const tern_call *call)
{
	tern_bus *bus = call->bus;
	bool gone;

	if (load_rlx(&call->cancelled)) /* a hint: a little later is as good */
		return 1;
	if (bus_is_forked(bus))
		return 0;
	bus_lock(bus);
	gone = call->partner ? call->partner->dead || call->partner->link->closed
			     : call->origin && !call->origin->sent;
	(void)pthread_mutex_unlock(&bus->lock);
	return gone;
}

_public_ tern_peer
tern_call_sender(const tern_call *call)
{
	return call->partner ? call->partner->id : call->bus->id;
}

/* --- answers --- */

/* note_answered() - @stamp: of the answer; 0: it waits for room */
static void
note_answered(tern_call *call, uint64_t stamp)
{
	if (call->stamp)
		histogram_add(&call->bus->counters.served_ns, call->stamp, stamp ? stamp : bus_clock(call->bus));
}

/* send_answer() - the record, or the message where it is one's own */
static int
send_answer(tern_call *call, tern_message *m, bool may_wait)
{
	struct out_part parts[TERN_MAX_PARTS];
	struct outgoing out = {.header = &m->header};
	int r;

	if (call->done)
		return call->no_reply ? 0 : error_set(-EALREADY, ERROR_INVALID, "answered already");
	call->done = true;
	m->sealed = true;
	m->header.reference = call->serial;
	m->header.trace = call->trace;
	m->header.flags |= call->is_private ? WIRE_PRIVATE : 0;
	if (unlikely(call->bus->tap.n_peers) && call->origin)
		tap_copy_self(call->bus, m);
	if (call->origin) /* handed over: an answer that is not taken would hold it, and it the answer */
		return send_self(call->bus, m->header.kind == WIRE_REPLY ? TERN_REPLY : TERN_ERROR,
			tern_message_ref(m), steal(call->origin));
	if (call->partner->dead)
		return error_set(-EHOSTDOWN, ERROR_DIED, "the caller is gone");
	r = message_out(m, link_record_max(call->partner->link), &call->partner->link->pool, NULL,
		&out, parts);
	if (r == 0)
		r = reply_send(call->partner, &out, m, call->deadline, may_wait);
	if (r == -EDQUOT)
		r = error_set(-EAGAIN, ERROR_FULL, "too much memory is lent out");
	if (r == -EAGAIN)
		call->done = m->sealed = false; /* may be tried again */
	else
		note_answered(call, out.header->stamp);
	return r;
}

/* answer() - send a reply or an error; with the lock */
static int
answer(tern_call *call, tern_message *m, bool may_wait)
{
	int r = stream_is_late(call) ? stream_end_late(call) : send_answer(call, m, may_wait);

	if (unlikely(call->stream) && call->done)
		stream_over(call);
	return r;
}

/* may_reply() - not yet answered, or nobody waits for it */
static int
may_reply(const tern_call *call)
{
	if (!call->incoming)
		return error_set(-EINVAL, ERROR_INVALID, "this call was sent, not received");
	if (call->done && !call->no_reply)
		return error_set(-EALREADY, ERROR_INVALID, "answered already");
	return 0;
}

/* new_reply() - or, with a name, an error; with the lock */
static int
new_reply(tern_call *call, const char *error, tern_message **ret)
{
	int r = may_reply(call);

	if (r < 0)
		return r;
	r = message_new(call->bus, error ? WIRE_ERROR : WIRE_REPLY, NULL, error, ret);
	if (r < 0)
		return r;
	(*ret)->call = tern_call_ref(call);
	(*ret)->partner = call->partner ? partner_ref(call->partner) : NULL;
	return 0;
}

_public_ int
tern_message_new_reply(tern_call *call, tern_message **ret)
{
	int r = bus_enter(call->bus);

	if (r < 0)
		return r;
	r = new_reply(call, NULL, ret);
	bus_leave(call->bus);
	return r;
}

_public_ int
tern_message_new_error(tern_call *call, const char *name, tern_message **ret)
{
	int r;

	if (!*name)
		return error_set(-EINVAL, ERROR_INVALID, "an error needs a name");
	r = bus_enter(call->bus);
	if (r < 0)
		return r;
	r = new_reply(call, name, ret);
	bus_leave(call->bus);
	return r;
}

_public_ int
tern_reply_message(tern_message *m)
{
	int r;

	if (!m->call)
		return error_set(-EINVAL, ERROR_INVALID, "neither from tern_message_new_reply() nor from tern_message_new_error()");
	r = bus_enter(m->bus);
	if (r < 0)
		return r;
	tap_prepare(m->bus, &m->bus->tap);
	error_clear();
	r = answer(m->call, m, true);
	bus_leave(m->bus);
	return r < 0 ? error_or(r, "reply") : 0;
}

/* reply_drawn() - a record without a message; with the lock */
static int
reply_drawn(tern_call *call, struct wire_header *record)
{
	struct outgoing out = {.header = record, .is_drawn = true};
	int r = may_reply(call);

	if (r < 0 || call->done)
		return r;
	if (stream_is_late(call))
		return stream_end_late(call);
	if (call->partner->dead)
		return error_set(-EHOSTDOWN, ERROR_DIED, "the caller is gone");
	record->reference = call->serial;
	record->trace = call->trace;
	record->flags |= call->is_private ? WIRE_PRIVATE : 0;
	call->done = true;
	r = reply_send(call->partner, &out, NULL, call->deadline, true);
	if (r == -EAGAIN)
		call->done = false; /* may be tried again */
	else
		note_answered(call, record->stamp);
	if (unlikely(call->stream) && call->done)
		stream_over(call);
	return r;
}

int
reply_item_locked(tern_call *call, const void *cbor, size_t size)
{
	tern_message *m = NULL;
	int r = new_reply(call, NULL, &m);

	if (r == 0)
		r = message_pack_locked(m, "v", cbor, size);
	if (r == 0)
		r = answer(call, m, false);
	(void)message_unref_locked(m); /* always NULL */
	return r;
}

/* reply_packed() - to oneself, and values that are not flat, or large: a message's; with the lock */
static int
reply_packed(tern_call *call, const char *format, va_list ap)
{
	tern_message *m = NULL;
	int r = new_reply(call, NULL, &m);

	if (r == 0 && format && *format)
		r = message_packv(m, true, format, ap);
	if (r == 0)
		r = answer(call, m, true);
	(void)message_unref_locked(m); /* always NULL */
	return r;
}

_public_ int
tern_replyv(tern_call *call, const char *format, va_list ap)
{
	struct flat flat;
	bool is_flat = flat_packv(&flat, format, ap);
	int r;

	r = bus_enter(call->bus);
	if (r < 0)
		return r;
	tap_prepare(call->bus, &call->bus->tap);
	error_clear();
	if (likely(is_flat && call->partner))
		r = reply_drawn(call, flat_finish(&flat, &(struct wire_header){.kind = WIRE_REPLY}));
	else
		r = reply_packed(call, format, ap);
	bus_leave(call->bus);
	return r < 0 ? error_or(r, "reply") : 0;
}

_public_ int
tern_reply(tern_call *call, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = tern_replyv(call, format, ap);
	va_end(ap);
	return r;
}

/* text_size() - as much as a struct tern_error takes, of whole characters */
static size_t
text_size(const char *text)
{
	size_t n = strnlen(text, sizeof(((struct tern_error *)NULL)->text) - 1);

	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static int
error_message(tern_call *call, const char *name, const char *text, tern_message **ret)
{
	tern_message *m;
	int r;

	r = message_new(call->bus, WIRE_ERROR, NULL, name, &m);
	if (r < 0)
		return r;
	r = message_pack_locked(m, "{text:t}", text, text_size(text));
	if (r < 0) {
		(void)message_unref_locked(m); /* always NULL */
		return r;
	}
	m->partner = call->partner ? partner_ref(call->partner) : NULL;
	*ret = m;
	return 0;
}

int
reply_error_locked(tern_call *call, const char *name, const char *text, bool may_wait)
{
	tern_message *m;
	int r;

	if (call->done)
		return call->no_reply ? 0 : error_set(-EALREADY, ERROR_INVALID, "answered already");
	r = error_message(call, name, text ? text : "", &m);
	if (r < 0)
		return r;
	r = answer(call, m, may_wait);
	(void)message_unref_locked(m); /* always NULL */
	return r;
}

_public_ int
tern_reply_error(tern_call *call, const char *name, const char *text)
{
	int r;

	if (!call->incoming || !name || !*name)
		return error_set(-EINVAL, ERROR_INVALID, "an error needs a received call and a name");
	r = bus_enter(call->bus);
	if (r < 0)
		return r;
	tap_prepare(call->bus, &call->bus->tap);
	error_clear();
	r = reply_error_locked(call, name, text, true);
	bus_leave(call->bus);
	return r < 0 ? error_or(r, "error reply") : 0;
}
