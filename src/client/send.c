/* SPDX-License-Identifier: MIT */

/*
 * send: the order of stamp, pushes, commit and bells (docs/memory-model.md, "Sending")
 *
 *      one receiver      stamp · push · fence · bell
 *      several           stamp · push … push · fence · bells of the cold · commit · fence · bells of
 *                        the dozing
 *      in a batch        the fence and the bell of a cold receiver before the first push to another;
 *                        the bells of the dozing at its end
 */

#include <stdalign.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/backlog.h"
#include "client/bus.h"
#include "client/error.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/call.h"

#define IMAGE_MAX 1024u /* bytes: a larger record is written into each ring by its pieces */

/* stamp_taken() - the greatest that was taken in, but no more than now if it is from a wrong clock */
static uint64_t
stamp_taken(const tern_bus *bus, uint64_t now)
{
	return bus->last_taken > now + CLOCK_SLACK_NS ? now : bus->last_taken;
}

/* send_stamp() - a hybrid clock: greater than all that was sent or taken in */
static uint64_t
send_stamp(tern_bus *bus, bool in_batch)
{
	uint64_t now;

	if (in_batch && !bus->taken && bus->n_batch)
		return bus->last_stamp;
	now = HOOK_TIME(bus_clock(bus)) - bus->clock_offset;
	bus->last_stamp = MAX(bus->last_stamp, stamp_taken(bus, now));
	if (RULE(HYBRID) && now <= bus->last_stamp)
		now = bus->last_stamp + 1;
	bus->last_stamp = MAX(now, bus->last_stamp);
	bus->taken = false;
	STOP_POINT("stamped");
	return now;
}

static void
stop_pushed(tern_bus *bus)
{
	if (!RULE(SEND_LOCK))
		bus_stop(bus, "pushed");
	else
		STOP_POINT("pushed");
}

/* --- batches --- */

static void
fence_sent(void)
{
	/*
	 * What was pushed must be visible before attention is read: the receiver stores its attention,
	 * fences and looks. Without both fences each may miss the other, and a wake-up is lost (A1, A2).
	 */
	if (RULE(SEND_FENCE))
		fence_seq();
}

/* batch_cold() - before another receiver gets something: a cold one must hear of it first */
static void
batch_cold(tern_bus *bus, const struct partner *next)
{
	if (!bus->batch_last || bus->batch_last == next)
		return;
	fence_sent();
	if (RULE(BATCH_COLD))
		link_ring(bus->batch_last->link, true, false);
	bus->batch_last = NULL;
}

/* batch_note() - its bell comes at the end. Return: false, ring at once: no memory. */
static bool
batch_note(tern_bus *bus, struct partner *partner)
{
	bus->batch_last = partner;
	for (size_t i = bus->n_batch; i-- > 0;)
		if (bus->batch[i] == partner)
			return true;
	if (bus->n_batch == bus->max_batch) {
		size_t max = MAX(2 * bus->max_batch, (size_t)16);
		struct partner **batch = reallocarray(bus->batch, max, sizeof(struct partner *));

		if (!batch)
			return false;
		bus->batch = batch;
		bus->max_batch = max;
	}
	bus->batch[bus->n_batch++] = partner;
	return true;
}

void
send_flush(tern_bus *bus)
{
	if (bus->n_batch == 0)
		return;
	fence_sent();
	for (size_t i = 0; i < bus->n_batch; i++)
		link_ring(bus->batch[i]->link, true, true);
	bus->n_batch = 0;
	bus->batch_last = NULL;
}

/* --- room --- */

/* gone() - it is not there any more: it broke the protocol, or died */
static int
gone(const struct partner *partner)
{
	return partner->link->why ? -ECONNRESET : -EHOSTDOWN;
}

/* room_now() - whatever is kept. While another thread spins a hello is not read here, for that gives up the lock. */
static int
room_now(struct partner *partner, const struct outgoing *out, bool is_event)
{
	int r;

	if (partner->dead)
		return gone(partner);
	if (unlikely(!partner->link->ready) && !partner->bus->spinning)
		take_hello(partner); /* who only sends would never see that there is room again */
	r = link_room(partner->link, out->header->size, &out->load, is_event);
	if (r == LINK_E_CLOSED)
		return gone(partner);
	if (r != -EBADMSG)
		return r;
	partner_is_wrong(partner);
	return -ECONNRESET;
}

int
send_room(struct partner *partner, const struct outgoing *out, bool is_event)
{
	if (likely(send_is_roomy(partner, out, is_event)))
		return 0;
	if (unlikely(partner->replies) && !partner->dead && !reply_flush(partner))
		return LINK_E_FULL; /* replies were there first */
	if (unlikely(is_event && partner->keeps) && RULE(KEPT_FIRST) && !backlog_flush(partner))
		return LINK_E_FULL; /* and events before this one */
	return room_now(partner, out, is_event);
}

int
send_wait_room(struct partner *partner, const struct outgoing *out, bool is_event, uint64_t deadline)
{
	tern_bus *bus = partner->bus;
	struct waiter waiter = {
		.kind = WAIT_ROOM,
		.partner = partner_ref(partner),
		.room_for = out,
		.room_event = is_event,
	};
	int r;

	if (RULE(FLUSH_WAIT))
		send_flush(bus);
	bus->n_want_room++;
	if (RULE(ROOM_LOOK))
		link_want_room(partner->link, true);
	if (RULE(ROOM_LOOK) && send_room(partner, out, is_event) == 0 && !partner->wants_out)
		waiter.done = true;
	r = lead_wait(bus, &waiter, deadline);
	bus->n_want_room--;
	bus_stop(bus, "room-came"); /* others may take it before this thread has the lock back */
	(void)partner_unref(partner); /* may be the last: callers look before they use it */
	return r;
}

void
send_want_room(struct partner *partner, const struct outgoing *out, bool is_event)
{
	if (!partner->want_writable) {
		partner->bus->n_want_room++;
		DL_APPEND2(partner->bus->wanting, partner, want_prev, want_next);
	}
	partner->want_writable = true;
	partner->want_event = is_event;
	partner->want_size = out->header->size;
	partner->want_load = out->load;
	if (RULE(ROOM_LOOK))
		link_want_room(partner->link, true);
}

int
send_failed(const struct partner *partner, int r)
{
	switch (r) {
	case -EHOSTDOWN:
		return error_set(r, ERROR_DIED, "the other end is gone");
	case -ECONNRESET:
		return error_set(r, ERROR_PROTOCOL, "the other end broke the protocol: %s",
			partner->link->why ? partner->link->why : "unknown");
	case -EAGAIN:
		return error_set(r, ERROR_FULL, "no room: a TERN_WRITABLE tells when there is");
	case -ETIME:
		return error_set(r, ERROR_TIMEOUT, "no room before the deadline: the other end is slow");
	default:
		return error_errno(r, "sending");
	}
}

/* --- one receiver --- */

/* push_one() - stamp to bell */
static void
push_one(struct partner *partner, struct outgoing *out, uint32_t flags)
{
	tern_bus *bus = partner->bus;
	bool batch = flags & TERN_BATCH;

	if (unlikely(bus->tap.n_peers) && !(flags & SEND_AGAIN))
		tap_copy(partner, out);
	batch_cold(bus, partner);
	out->header->stamp = send_stamp(bus, batch);
	link_push(partner->link, out);
	stop_pushed(bus);
	if (batch && batch_note(bus, partner))
		return;
	fence_sent();
	STOP_POINT("committed");
	link_ring(partner->link, true, true);
	send_flush(bus);
}

/* needs_socket() - something goes over the socket before the record does */
static inline bool
needs_socket(const struct partner *partner, const struct outgoing *out)
{
	return unlikely(out->load.n_lent + out->load.n_fds > 0) || unlikely(partner->wants_out);
}

/* announce() - the segments and descriptors; the socket's room is waited for, if that lacked */
static int
announce(struct partner *partner, struct outgoing *out, const int *fds)
{
	int r;

	if (!needs_socket(partner, out))
		return 0;
	r = link_announce(partner->link, out, fds);
	partner_want_out(partner, r == LINK_E_FULL);
	return r;
}

/* reserve_one() - room, segments, descriptors; else wait */
static int
reserve_one(struct partner *partner, struct outgoing *out, const int *fds, uint64_t deadline,
	uint32_t flags)
{
	bool waited = false;
	int r;

	if (unlikely(!partner->link->ready))
		lead_pause(partner->bus); /* to read its hello; it gives up the lock */
	for (;;) {
		r = waited && !RULE(ROOM_RECHECK) ? 0 : send_room(partner, out, false);
		if (r == 0)
			r = announce(partner, out, fds);
		if (r <= 0)
			return r;
		if (r == LINK_E_CLOSED)
			return gone(partner);
		if (flags & TERN_NONBLOCK) {
			send_want_room(partner, out, false);
			return -EAGAIN;
		}
		r = send_wait_room(partner, out, false, deadline);
		if (r < 0)
			return r;
		waited = true;
	}
}

int
send_record(struct partner *partner, struct outgoing *out, const int *fds, uint64_t deadline,
	uint32_t flags)
{
	int r;

	(void)partner_ref(partner); /* itself; it may end while we wait */
	r = reserve_one(partner, out, fds, deadline, flags);
	if (r == 0)
		push_one(partner, out, flags);
	if (r < 0)
		(void)send_failed(partner, r); /* returns r */
	(void)partner_unref(partner); /* always NULL, or still in use */
	return r;
}

int
send_try(struct partner *partner, struct outgoing *out, const int *fds, uint32_t flags)
{
	bool is_event = out->header->kind == WIRE_EVENT;
	int r = send_is_roomy(partner, out, is_event) ? 0 : room_now(partner, out, is_event);

	if (r == 0)
		r = announce(partner, out, fds);
	if (r == LINK_E_CLOSED)
		return gone(partner);
	if (r == 0)
		push_one(partner, out, flags);
	return r;
}

void
send_lost(struct partner *partner, uint64_t n)
{
	link_count_lost(partner->link, n);
	fence_seq(); /* the counter is part of every look, so it is rung for as a record is */
	link_ring(partner->link, true, true);
}

/* --- several receivers --- */

/* push_many() - into every ring; who cannot be told of a segment has lost it */
static void
push_many(tern_bus *bus, const struct send_to *to, size_t n, const int *fds)
{
	alignas(8) uint8_t image[IMAGE_MAX];
	const struct outgoing *last = NULL;
	struct outgoing *out = NULL, drawn;

	for (size_t i = 0; i < n; i++) {
		struct link *link = to[i].partner->link;

		if (last != to[i].out) { /* those of one domain mostly stand together */
			last = out = to[i].out;
			if (!out->is_drawn && link_draw(out, image, sizeof(image), &drawn))
				out = &drawn;
		}
		batch_cold(bus, to[i].partner);
		if ((link->told_page && !needs_socket(to[i].partner, out)) || link_announce(link, out, fds) == 0)
			link_push(link, out);
		else
			link_count_lost(link, 1);
		stop_pushed(bus);
	}
}

static void
ring_many(const struct send_to *to, size_t n, bool cold, bool dozing)
{
	for (size_t i = 0; i < n; i++)
		if (HOOK_IS_BUILT || !link_is_awake(to[i].partner->link))
			link_ring(to[i].partner->link, cold, dozing);
}

void
send_events(tern_bus *bus, const struct send_to *to, size_t n, const int *fds, uint32_t flags)
{
	bool batch = flags & TERN_BATCH;
	uint64_t stamp;

	if (n == 1) {
		if (!needs_socket(to->partner, to->out) || link_announce(to->partner->link, to->out, fds) == 0)
			push_one(to->partner, to->out, flags);
		else
			link_count_lost(to->partner->link, 1);
		return;
	}
	stamp = send_stamp(bus, batch);
	bus->endpoint.shared++;
	for (size_t i = 0; i < n; i++) {
		struct wire_header *header = to[i].out->header;

		if (i > 0 && to[i].out == to[i - 1].out)
			continue; /* as most are */
		header->stamp = stamp;
		header->flags |= WIRE_SHARED;
		header->reference = bus->endpoint.shared;
	}
	push_many(bus, to, n, fds);
	fence_sent();
	/* cold ones before the commit, else they could hear of it from somebody who reacted already */
	if (RULE(COLD_FIRST))
		ring_many(to, n, true, !RULE(DOZING_AFTER));
	STOP_POINT("uncommitted");
	endpoint_commit(&bus->endpoint, bus->endpoint.shared);
	STOP_POINT("committed");
	if (batch) {
		bool noted = true;

		for (size_t i = 0; i < n; i++)
			noted &= batch_note(bus, to[i].partner);
		bus->batch_last = NULL; /* the cold ones were rung */
		if (noted)
			return;
	}
	fence_sent();
	ring_many(to, n, !RULE(COLD_FIRST), RULE(DOZING_AFTER));
	send_flush(bus);
}

/* put_self() - into the queue of what comes not over a link; takes the references */
static int
put_self(tern_bus *bus, const struct item *template)
{
	struct item *item = spare_take(&bus->spare_items, sizeof(*item));

	if (!item) {
		(void)message_unref_locked(template->message); /* always NULL, as the next */
		(void)call_unref_locked(template->call);
		return error_errno(-ENOMEM, "message to oneself");
	}
	*item = *template;
	item->message->header.stamp = item->lost;
	item->message->sender = item->peer;
	queue_append(&bus->to_self, item);
	return 0;
}

int
send_self(tern_bus *bus, uint32_t kind, tern_message *message, tern_call *call)
{
	struct item item = {
		.kind = kind,
		.message = message,
		.call = call,
		.peer = bus->id,
		.lost = MAX(send_stamp(bus, false), bus->to_self_stamp),
	};

	bus->to_self_stamp = item.lost;
	lead_kick(bus);
	return put_self(bus, &item);
}

int
send_from_daemon(tern_bus *bus, tern_message *message, uint64_t rule)
{
	struct item item = {
		.kind = TERN_EVENT,
		.message = message,
		.peer = TERN_PEER_BUS,
		.rule = rule,
		/* what was pushed before ternd spoke is stamped earlier, and so taken first */
		.lost = RULE(NAME_STAMP) ? MAX(bus_now(bus), bus->to_self_stamp) : 0,
	};

	bus->to_self_stamp = item.lost;
	return put_self(bus, &item);
}
