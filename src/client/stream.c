/* SPDX-License-Identifier: MIT */

/* stream: life, and what comes in; see stream.h */

#include <stdlib.h>
#include <utlist.h>

#include "base/atomic.h"
#include "client/call.h"
#include "client/error.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/stream.h"

/* --- life --- */

int
stream_new(tern_call *call)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return error_errno(-ENOMEM, "stream");
	stream->call = call;
	stream->given = STREAM_WINDOW;
	queue_init(&stream->parts);
	DL_APPEND(call->bus->streams, stream);
	call->stream = stream;
	return 0;
}

/* drop_parts() - nobody will read them */
static void
drop_parts(struct stream *stream)
{
	struct item *item;

	while ((item = queue_take(&stream->parts)))
		(void)item_free(stream->call->bus, item); /* always NULL */
}

/* leave_table() - what still comes for it is not known any more */
static void
leave_table(struct stream *stream)
{
	struct partner *partner = stream->call->partner;

	if (!stream->serial)
		return;
	HASH_DEL(partner->streams, stream);
	shares_give(partner->link->shares, SHARE_STREAMS, 1);
	stream->serial = 0;
}

/* cut() - from the other side, where that is here. Return: that, or NULL. */
static tern_call *
cut(struct stream *stream)
{
	if (stream->twin)
		stream->twin->stream->twin = NULL;
	return steal(stream->twin);
}

struct stream *
stream_free(struct stream *stream)
{
	if (!stream)
		return NULL;
	drop_parts(stream);
	leave_table(stream);
	(void)cut(stream); /* it is told by who ends this one */
	DL_DELETE(stream->call->bus->streams, stream);
	free(stream);
	return NULL;
}

/* --- who is told --- */

/* tell() - who follows the stream, or tern_next(), in its turn */
static void
tell(tern_call *call, uint32_t kind)
{
	struct item item = {
		.kind = kind,
		.call = tern_call_ref(call),
		.peer = call->partner ? call->partner->id : call->bus->id,
	};

	(void)queue_put(call->bus, &item); /* out of memory: the next put or wait says so */
}

/* wake_putters() - all that wait for credit; room: also for room on the link, who look again */
static void
wake_putters(tern_call *call, bool room)
{
	struct waiter *waiter;

	DL_FOREACH (call->bus->waiters, waiter)
		if ((waiter->kind == WAIT_CREDIT && waiter->credit_for == call) ||
			(room && waiter->kind == WAIT_ROOM && waiter->partner == call->partner))
			stream_wake(call->bus, waiter);
}

static void
wake_reader(tern_call *call)
{
	if (call->waiter)
		stream_wake(call->bus, call->waiter);
}

/* wake_all() - something ended */
static void
wake_all(tern_call *call)
{
	struct stream *stream = call->stream;

	wake_putters(call, true);
	wake_reader(call);
	if ((stream->want || stream->wants_room) && !stream->followed && !(call->incoming && call->done))
		tell(call, TERN_WRITABLE); /* the next put says what is the matter */
	stream->want = 0;
	stream->wants_room = false;
}

/* --- credit --- */

/* send_control() - an end, or credit: kept where there is no room; if that fails, so has the link */
static void
send_control(tern_call *call, uint16_t kind, uint32_t credit)
{
	struct wire_header header = {
		.kind = kind,
		.flags = call_part_flags(call),
		.reference = call->serial,
		.credit = credit,
	};
	struct outgoing out = {
		.header = &header,
		.strings = {"", "", ""},
	};

	if (call->partner->dead)
		return;
	(void)link_plan(&out);
	(void)reply_send(call->partner, &out, NULL, UINT64_MAX, false);
}

int
stream_send_self(tern_call *twin, uint32_t kind, tern_message *m)
{
	int r = send_self(twin->bus, kind, m, tern_call_ref(twin));

	twin->stream->n_on_way += r == 0;
	return r;
}

void
stream_end_now(tern_call *call)
{
	tern_message *m;

	if (call->partner) {
		send_control(call, WIRE_END, 0);
		return;
	}
	if (!call->stream->twin || message_new(call->bus, WIRE_END, NULL, NULL, &m) < 0)
		return;
	m->header.flags = call_part_flags(call);
	m->header.reference = call->serial;
	if (unlikely(call->bus->tap.n_peers))
		tap_copy_self(call->bus, m);
	(void)stream_send_self(call->stream->twin, TERN_END, m); /* without memory the deadline ends it */
}

/* credit_came() - more may be sent. Return: 0, -EBADMSG. */
static int
credit_came(tern_call *call, uint32_t credit)
{
	struct stream *stream = call->stream;

	stream->credit += credit;
	if (stream->credit > STREAM_CREDIT_MAX)
		return -EBADMSG;
	if (!stream->begun && stream->ended)
		stream_end_now(call);
	stream->begun = true;
	wake_putters(call, false);
	if (stream->want && stream->credit >= stream->want) {
		stream->want = 0;
		tell(call, TERN_WRITABLE);
	}
	return 0;
}

/* give() - what was read, or the first credit of all */
static void
give(tern_call *call, uint32_t credit)
{
	if (call->partner)
		send_control(call, WIRE_CREDIT, credit);
	else if (call->stream->twin)
		(void)credit_came(call->stream->twin, credit); /* ours: it is right */
}

uint32_t
stream_cost(const tern_message *m)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < m->n_parts; i++)
		size += MIN(m->parts[i].size, (uint64_t)STREAM_PART_MOST);
	return stream_cost_of(size);
}

void
stream_was_read(tern_call *call, const tern_message *m)
{
	struct stream *stream = call->stream;
	uint32_t owed;

	stream->owed += stream_cost(m);
	if (stream->owed < STREAM_WINDOW / 4 || stream->in_ended || call->done)
		return;
	owed = stream->owed;
	stream->given += owed;
	stream->owed = 0;
	give(call, owed);
}

/* --- calls that come in --- */

int
stream_begin(tern_call *call, uint32_t credit)
{
	struct partner *partner = call->partner;
	struct stream *old;
	int r = -ENOMEM;

	HASH_FIND(hh, partner->streams, &call->serial, sizeof(call->serial), old);
	if (old || HASH_COUNT(partner->streams) >= STREAMS_MAX || !shares_has(partner->link->shares, SHARE_STREAMS, 1)) {
		(void)reply_error_locked(call, ERROR_TOO_MANY, "too many streams at once: a program may have 256 of another one, "
			"and a user 512, fewer while other users have some", false); /* gone callers need none */
		return -EDQUOT;
	}
	r = stream_new(call);
	if (r < 0)
		return r;
	call->stream->serial = call->serial;
	HASH_ADD(hh, partner->streams, serial, sizeof(call->serial), call->stream);
	if (!hash_added(call->stream, hh)) {
		call->stream->serial = 0;
		return -ENOMEM;
	}
	shares_take(partner->link->shares, SHARE_STREAMS, 1);
	call->stream->credit = MIN(credit, STREAM_CREDIT_MAX);
	call->stream->begun = true;
	give(call, STREAM_WINDOW);
	return 0;
}

int
stream_begin_self(tern_call *call, tern_call *origin)
{
	int r = stream_new(call);

	if (r < 0)
		return r;
	call->stream->credit = STREAM_WINDOW;
	call->stream->begun = true;
	call->stream->twin = origin;
	origin->stream->twin = call;
	give(call, STREAM_WINDOW);
	return 0;
}

/* --- what came --- */

/* is_over() - nobody reads what comes now */
static bool
is_over(const tern_call *call)
{
	return call->done || load_rlx(&call->cancelled); /* written under the lock */
}

/* part_lost() - there is no memory for it: a stream with a hole is none */
static void
part_lost(tern_call *call)
{
	if (call->incoming) {
		(void)reply_error_locked(call, ERROR_FAILED, "out of memory", false); /* gone callers need none */
		return;
	}
	call_give_up(call, -ENOMEM, ERROR_FAILED, "out of memory");
}

/* add_part() - to the queue of who follows, or to the call's own */
static void
add_part(tern_call *call, tern_message *m)
{
	struct stream *stream = call->stream;
	tern_bus *bus = call->bus;
	struct item *kept, item = {
		.kind = TERN_PART,
		.message = tern_message_ref(m),
		.peer = m->sender,
	};

	if (stream->followed) {
		item.call = tern_call_ref(call);
		if (queue_put(bus, &item) < 0)
			part_lost(call);
		return;
	}
	kept = spare_take(&bus->spare_items, sizeof(*kept));
	if (!kept) {
		(void)message_unref_locked(m); /* always NULL */
		part_lost(call);
		return;
	}
	*kept = item;
	queue_append(&stream->parts, kept);
	wake_reader(call);
}

/* arrived() - Return: NULL, or what is wrong with it */
static const char *
arrived(tern_call *call, tern_message *m)
{
	struct stream *stream = call->stream;
	uint32_t cost = stream_cost(m);

	if (m->header.credit && credit_came(call, m->header.credit) < 0)
		return "it gave more credit for a stream than there can be";
	if (m->header.kind == WIRE_CREDIT)
		return NULL;
	if (stream->in_ended || (m->header.kind == WIRE_END && !call->incoming))
		return "it sent more of a stream behind its end";
	if (m->header.kind == WIRE_END) {
		stream->in_ended = true;
		if (stream->followed && !is_over(call))
			tell(call, TERN_END);
		wake_reader(call);
		return NULL;
	}
	if (cost > stream->given)
		return "it sent more of a stream than it had credit for";
	stream->given -= cost;
	if (!is_over(call))
		add_part(call, m);
	return NULL;
}

/* find() - the call that this is about, if it goes on */
static tern_call *
find(struct partner *partner, const struct wire_header *header)
{
	struct stream *stream;
	tern_call *call;

	if (header->flags & WIRE_BACK) {
		call = calls_find(partner->bus, header->reference);
		return call && call->partner == partner ? call : NULL;
	}
	HASH_FIND(hh, partner->streams, &header->reference, sizeof(header->reference), stream);
	return stream ? stream->call : NULL;
}

int
stream_arrived(struct partner *partner, tern_message *m)
{
	tern_call *call = find(partner, &m->header);
	const char *why = NULL;

	if (call)
		why = call->stream ? arrived(tern_call_ref(call), m)
				   : "it streams for a call that is no stream";
	if (call && call->stream)
		(void)call_unref_locked(call); /* always NULL, as the next */
	(void)message_unref_locked(m);
	if (!why)
		return 0;
	partner->link->why = why;
	return -EBADMSG;
}

void
stream_arrived_self(tern_call *call, tern_message *m)
{
	call->stream->n_on_way--;
	if (call->incoming || call->sent)
		(void)arrived(call, m); /* ours: it is right */
	(void)message_unref_locked(m); /* always NULL, as the next */
	(void)call_unref_locked(call);
}

/* --- ends --- */

void
stream_over(tern_call *call)
{
	struct stream *stream = call->stream;
	tern_call *twin = cut(stream);

	if (call->incoming || call->result == -ECANCELED)
		drop_parts(stream);
	if (call->incoming)
		leave_table(stream);
	else if (twin)
		stream_cancelled(twin);
	wake_all(call);
}

/* tell_cancel() - once */
static void
tell_cancel(tern_call *call)
{
	struct stream *stream = call->stream;

	if (stream->told_cancel || !(stream->followed || call->handed))
		return;
	stream->told_cancel = true;
	tell(call, TERN_CANCEL);
}

void
stream_cancelled(tern_call *call)
{
	store_rlx(&call->cancelled, true); /* a hint to who looks without the lock */
	(void)cut(call->stream); /* whose cancel this is */
	drop_parts(call->stream);
	tell_cancel(call);
	wake_all(call);
}

void
stream_partner_gone(struct partner *partner)
{
	struct stream *stream;

	DL_FOREACH (partner->bus->streams, stream) {
		tern_call *call = stream->call;

		if (!call->incoming || call->partner != partner || call->done)
			continue;
		tell_cancel(call);
		wake_all(call);
	}
}

void
stream_tell_room(struct partner *partner)
{
	struct stream *stream;

	DL_FOREACH (partner->bus->streams, stream) {
		if (!stream->wants_room || stream->call->partner != partner)
			continue;
		stream->wants_room = false;
		tell(stream->call, TERN_WRITABLE);
	}
}

void
stream_drop_all(tern_bus *bus)
{
	struct stream *stream;

	DL_FOREACH (bus->streams, stream) {
		drop_parts(stream);
		wake_putters(stream->call, true);
		wake_reader(stream->call);
	}
}
