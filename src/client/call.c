/* SPDX-License-Identifier: MIT */

/* call: life of a call, on either side */

#include <stdlib.h>

#include "base/atomic.h"
#include "client/call.h"
#include "client/error.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/stream.h"

tern_call *
call_alloc(tern_bus *bus)
{
	tern_call *call = spare_take(&bus->spare_calls, sizeof(*call));

	if (!call)
		return NULL;
	*call = (tern_call){.refs = 1, .bus = bus_hold(bus)};
	return call;
}

/* call_send_cancel() - the service need not answer; best effort, but for streams: it may be full, or gone */
static void
call_send_cancel(tern_call *call)
{
	struct wire_header header = {
		.kind = WIRE_CANCEL,
		.flags = call->flags & TERN_PRIVATE ? WIRE_PRIVATE : 0,
		.reference = call->serial,
	};
	struct outgoing out = {
		.header = &header,
		.strings = {"", "", ""},
	};

	if (unlikely(call->stream && call->stream->twin))
		stream_cancelled(call->stream->twin);
	if (!call->partner || call->partner->dead)
		return;
	(void)link_plan(&out);
	if (unlikely(call->stream))
		(void)reply_send(call->partner, &out, NULL, UINT64_MAX, false); /* who puts may wait for ever; else it is gone */
	else
		(void)send_record(call->partner, &out, NULL, 0, TERN_NONBLOCK);
}

void
call_give_up(tern_call *call, int result, const char *name, const char *text)
{
	(void)tern_call_ref(call); /* itself: sending may give up the lock, and then others may end it */
	call_send_cancel(call);
	bus_stop(call->bus, "given-up");
	if (call->sent)
		call_finish(call, result, NULL, name, text);
	(void)call_unref_locked(call); /* always NULL */
}

static void
call_free(tern_call *call)
{
	if (unlikely(call->stream))
		call->stream = stream_free(call->stream);
	if (call->incoming && call->partner) {
		DL_DELETE(call->partner->incoming, call);
		shares_give(call->partner->link->shares, SHARE_CALLS, 1);
	}
	(void)message_unref_locked(call->message); /* always NULL, as all here */
	(void)message_unref_locked(call->reply);
	(void)partner_unref(call->partner);
	(void)call_unref_locked(call->origin);
	(void)tern_interface_unref(call->interface);
	free(call->error);
	bus_drop(call->bus);
	(void)spare_put(&call->bus->spare_calls, call); /* NULL */
}

/* call_last() - the last reference but the table's went: nobody will ask for the answer */
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
	return 1u + call_is_to_self(call) + (call->asking || call->starting) +
		(unlikely(call->stream) ? call->stream->n_on_way : 0);
}

/* goes_on() - without any reference of the program's: its end has a handler */
static bool
goes_on(const tern_call *call)
{
	return call->fn || (call->stream && call->stream->followed);
}

/*
 * The caller's last reference cancels; but the library has some too while the call is under way, so
 * "last" means that only those are left.
 */
tern_call *
call_let_go(tern_call *call)
{
	if (call && !call->incoming && call->sent && load_acq(&call->refs) == 1 + n_library_refs(call) &&
		!goes_on(call)) {
		call_send_cancel(call);
		call_unlink(call);
	}
	return call_unref_locked(call);
}

_public_ tern_call *
tern_call_unref(tern_call *call)
{
	tern_bus *bus;

	if (!call || bus_is_forked(call->bus))
		return NULL;
	bus = call->bus;
	bus_lock(bus);
	(void)call_let_go(call); /* always NULL */
	bus_leave(bus);
	return NULL;
}

_public_ uint64_t
tern_call_remaining(const tern_call *call)
{
	uint64_t now = bus_now(call->bus);

	if (call->deadline == UINT64_MAX)
		return TERN_FOREVER;
	return call->deadline > now ? call->deadline - now : 0;
}
