/* SPDX-License-Identifier: MIT */

/* call-answer: what becomes of a call: an answer, another owner of the name, or an end */

#include <stdlib.h>

#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/message.h"
#include "client/rights.h"
#include "client/stream.h"

void
call_queue_answer(tern_call *call)
{
	struct item item = {
		.kind = call->result ? TERN_ERROR : TERN_REPLY,
		.peer = call->partner ? call->partner->id : call->to_ternd ? TERN_PEER_BUS : call->bus->id,
	};

	if (unlikely(call->stream) && !call->stream->followed)
		return; /* for tern_call_wait(), behind the parts */
	item.call = tern_call_ref(call);
	(void)queue_put(call->bus, &item); /* out of memory: tern_call_wait() still finds it */
}

void
call_finish(tern_call *call, int result, tern_message *reply, const char *name, const char *text)
{
	tern_bus *bus = call->bus;
	bool was_there = call_take_out(call); /* whose reference keeps it until the end of this */

	call->done = true;
	call->result = result;
	bus->counters.failed += result < 0;
	call->reply = reply;
	if (name) {
		call->error = malloc(sizeof(*call->error));
		if (call->error)
			error_fill(call->error, name, text);
	}
	if (unlikely(call->stream))
		stream_over(call);
	if (call->waiter)
		lead_wake(call->waiter);
	else if (!bus->closed)
		call_queue_answer(call);
	if (was_there)
		(void)call_unref_locked(call); /* always NULL */
}

/* --- the name has moved --- */

/* bounced() - the name has moved on: ask again who has it */
static void
bounced(tern_call *call)
{
	tern_bus *bus = call->bus;
	const char *service = call->message->strings[0];
	struct partner *partner;
	tern_peer id = 0;
	int r;

	if (call->stream && call->stream->begun) {
		call_finish(call, -ENXIO, NULL, ERROR_NO_SERVICE, "the name changed its owner, and a stream stays");
		return;
	}
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
		call->flags |= TERN_NONBLOCK | SEND_AGAIN; /* the leader does not wait */
		result = call_send(call, 0);
	}
	if (result < 0)
		call_finish(call, result, NULL, result == -ENXIO ? ERROR_NO_SERVICE : ERROR_FULL,
			"the name changed its owner, and the new one could not be reached");
}

/* started_now() - send it; the leader, who does this, does not wait */
static int
started_now(tern_call *call, struct partner *partner)
{
	int r = message_move(call->message, partner);

	if (r < 0)
		return error_or(r, "call");
	call->partner = partner ? partner_ref(partner) : NULL;
	if (call->waiter)
		call->waiter->partner = partner;
	if (partner && call->sent)
		DL_APPEND(partner->calls, call);
	call->flags |= TERN_NONBLOCK | SEND_KEEP;
	return call_send(call, 0);
}

void
call_started(tern_call *call, struct partner *partner, int result, const struct tern_error *error)
{
	bool is_told = result < 0;

	error_clear();
	if (result == 0 && partner && partner->dead)
		result = error_set(-EHOSTDOWN, ERROR_DIED, "the service died as soon as it was started");
	if (result == 0)
		result = started_now(call, partner);
	if (result < 0 && call->sent)
		call_finish(call, result, NULL, is_told ? error->name : error_get()->name,
			is_told ? error->text : error_get()->text);
	(void)call_unref_locked(call); /* always NULL */
}

/* --- what came --- */

void
call_answered(struct partner *partner, tern_message *m)
{
	const char *text = "";
	tern_call *call;

	call = calls_find(partner->bus, m->header.reference);
	if (!call || call->partner != partner || call->taken) {
		(void)message_unref_locked(m); /* given up already; or a lie: it is not sent yet */
		return;
	}
	m->header.trace = call->message->header.trace;
	if (m->header.kind == WIRE_REPLY) {
		histogram_add(&call->bus->counters.made_ns, call->message->header.stamp, m->header.stamp);
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

/* --- no answer --- */

void
call_fail_partner(struct partner *partner)
{
	const char *why = partner->link->why, *name = why ? ERROR_PROTOCOL : ERROR_DIED;
	int r = why ? -ECONNRESET : -EHOSTDOWN;

	why = why ? why : "the service died before it answered";
	if (rights_are_over(partner)) {
		r = -EPERM;
		name = ERROR_NOT_ALLOWED;
		why = "the policy of this bus does not allow it any more (ternd.conf(5))";
	}
	while (partner->calls)
		call_finish(partner->calls, r, NULL, name, why);
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
	now = HOOK_TIME(bus_clock(bus)) - bus->clock_offset;
	while (bus->deadlines && bus->deadlines->deadline <= now)
		call_give_up(bus->deadlines, -ETIME, ERROR_TIMEOUT, "no answer before the deadline");
	return bus->deadlines ? bus->deadlines->deadline : UINT64_MAX;
}
