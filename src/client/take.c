/* SPDX-License-Identifier: MIT */

/*
 * take: a round: horizon, looks, merge, and what becomes of each record
 *
 * A round in which one link alone has something, and nobody else could have what comes before it, needs no
 * horizon (take_alone()). Any other goes:
 *
 * (1) H = now. (2) ternd's messages, if the inbox word moved or its socket is readable. (3) The
 * tails of the hot links, after H; if anything was found and there are cold links, those that rang
 * are asked from epoll, heated and looked at. (4) e = max(stamp, e before it). (5) What has e < H is
 * taken by (e, link), within a budget a link; the rest stays.
 *
 * Why it is causal: docs/memory-model.md, "Order".
 */

#include <stdlib.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/event.h"
#include "client/message.h"
#include "client/stream.h"
#include "client/take.h"

#define ASK_ROUNDS 64u /* busy rounds until sockets and the program's descriptors have their turn */

/* --- one record --- */

static void
tell_gap(struct partner *partner, uint64_t lost)
{
	uint64_t n = lost - partner->lost_told;

	partner->lost_told = lost;
	partner->bus->counters.lost += (int64_t)n > 0 ? n : 0;
	if ((int64_t)n > 0) /* a counter that goes back is the partner's own affair */
		event_gap(partner, n);
}

static void
hand_over(struct partner *partner, tern_message *m)
{
	switch (m->header.kind) {
	case WIRE_CALL:
		partner->bus->counters.arrived++;
		call_arrived(partner, m);
		return;
	case WIRE_REPLY:
	case WIRE_ERROR:
		call_answered(partner, m);
		return;
	case WIRE_EVENT:
		partner->bus->counters.heard++;
		event_arrived(partner, m);
		return;
	case WIRE_PART:
	case WIRE_END:
	case WIRE_CREDIT:
		if (stream_arrived(partner, m) < 0)
			partner_broke(partner);
		return;
	case WIRE_CANCEL:
		call_cancelled(partner, &m->header);
		break;
	default:
		break; /* of a later minor version: skipped */
	}
	(void)message_unref_locked(m); /* always NULL */
}

/* take_one() - the record at the head of a link */
static void
take_one(tern_bus *bus, struct partner *partner)
{
	tern_message *m;
	uint32_t size = partner->head.size;
	int r;

	if (partner->head.lost != partner->lost_told)
		tell_gap(partner, partner->head.lost);
	r = message_receive(partner, &m);
	if (r == -ENOMEM) {
		partner->round_records = ROUND_RECORDS; /* again next round */
		return;
	}
	partner->has_head = false;
	partner->round_records++;
	partner->round_bytes += size;
	partner->e = partner->head_e;
	bus->last_taken = MAX(bus->last_taken, partner->head_e);
	bus->taken = true;
	bus->clock = 0;
	if (r < 0) {
		partner_broke(partner);
		return;
	}
	if ((partner->link->in.tail - partner->link->in.published >= partner->link->in.size / 4 ||
		partner->head.n_fds) && RULE(PUBLISH_ROOM)) /* those wait in few places */
		link_publish(partner->link);
	hand_over(partner, m);
}

/* --- merging --- */

/* has_share() - of this round; beyond it a link loses its place */
static bool
has_share(const struct partner *partner)
{
	return (partner->round_records < ROUND_RECORDS && partner->round_bytes < ROUND_BYTES) || !RULE(BUDGET);
}

/* head_look() - is there a record at the head of this link, and may it be taken as far as its sender goes? */
static bool
head_look(struct partner *partner)
{
	struct link *link = partner->link;
	int r;

	partner->uncommitted = false;
	for (;;) {
		r = partner->has_head ? 1 : link->why ? 0 : link_peek(link, &partner->head);
		if (r < 0)
			partner_broke(partner);
		if (r <= 0)
			return false;
		if (!partner->has_head)
			partner->head_seen = 0;
		partner->has_head = true;
		if (link_is_committed(link, &partner->head))
			break;
		partner->uncommitted = !link->closed;
		if (partner->uncommitted)
			return false;
		link_skip(link, &partner->head); /* its sender died before the commit */
		partner->has_head = false;
	}
	partner->head_e = MAX(partner->head.stamp, partner->e);
	return true;
}

/*
 * head_ready() - is there a record that may be taken, and what is its effective stamp?
 *
 * A stamp that is past H by more than the slack a round after it was seen comes from a wrong clock; it
 * must not hold up what is behind it.
 */
static bool
head_ready(tern_bus *bus, struct partner *partner, uint64_t horizon)
{
	if (!has_share(partner)) {
		bus->n_overruns += partner->round_records == ROUND_RECORDS;
		return false;
	}
	if (queue_is_full(bus, partner) || !head_look(partner))
		return false;
	if (partner->head_e > horizon + CLOCK_SLACK_NS && partner->head_seen &&
		partner->head_seen < horizon && RULE(CLAMP))
		partner->head_e = horizon - 1;
	if (!partner->head_seen)
		partner->head_seen = horizon;
	return true;
}

static bool
is_before(const struct partner *a, const struct partner *b)
{
	if (!RULE(SORT))
		return a->id < b->id;
	return a->head_e < b->head_e || (a->head_e == b->head_e && a->id < b->id);
}

/* heap_sink() - restore the heap of found[0..n) below i */
static void
heap_sink(struct partner **heap, size_t n, size_t i)
{
	for (;;) {
		size_t least = i, child = 2 * i + 1;
		struct partner *swap;

		if (child < n && is_before(heap[child], heap[least]))
			least = child;
		if (child + 1 < n && is_before(heap[child + 1], heap[least]))
			least = child + 1;
		if (least == i)
			return;
		swap = heap[i];
		heap[i] = heap[least];
		heap[least] = swap;
		i = least;
	}
}

/* take_self() - what was sent to oneself and is older than this stamp */
static size_t
take_self(tern_bus *bus, uint64_t before)
{
	size_t n = 0;

	while (bus->to_self.first && bus->to_self.first->lost < before) {
		struct item *item = queue_take(&bus->to_self);
		tern_message *m = steal(item->message);
		tern_call *call = steal(item->call);

		n++;
		bus->taken = true;
		bus->clock = 0;
		if (item->kind == TERN_CALL)
			call_arrived_self(bus, m, call);
		else if (item->kind == TERN_EVENT)
			event_deliver(bus, NULL, m, item->peer, item->rule);
		else if (item->kind == TERN_PART || item->kind == TERN_END)
			stream_arrived_self(call, m);
		else
			call_answered_self(call, m);
		(void)spare_put(&bus->spare_items, item); /* NULL */
	}
	return n;
}

/* found_filter() - keep those of the found that have something to take; the others are ended or told */
static size_t
found_filter(tern_bus *bus, uint64_t horizon)
{
	size_t n = 0;

	for (size_t i = 0; i < bus->n_found; i++) {
		struct partner *partner = bus->found[i];

		if (head_ready(bus, partner, horizon)) {
			bus->found[n++] = partner;
			continue;
		}
		if (ring_in_is_empty(&partner->link->in) && take_can_tell(partner))
			tell_gap(partner, link_lost(partner->link));
	}
	return n;
}

/* merge() - take by (e, link) all that is older than the horizon */
static size_t
merge(tern_bus *bus, size_t n, uint64_t horizon)
{
	size_t taken = 0;

	for (size_t i = n / 2; i-- > 0;)
		heap_sink(bus->found, n, i);
	while (n > 0) {
		struct partner *partner = bus->found[0];
		bool old = !bus->order || !RULE(HORIZON) || partner->head_e < horizon;

		bus->held_back |= !old;
		taken += take_self(bus, old ? partner->head_e : horizon);
		if (!old && RULE(SORT))
			break;
		if (old) {
			take_one(bus, partner);
			partner_touch(partner);
			taken++;
		}
		if (!old || !head_ready(bus, partner, horizon))
			bus->found[0] = bus->found[--n];
		heap_sink(bus->found, n, 0);
	}
	return taken + take_self(bus, horizon);
}

/* end_closed() - partners whose rings are drained are lost now */
static size_t
end_closed(tern_bus *bus)
{
	struct partner *partner, *next;
	size_t n = 0;

	for (partner = bus->hot; partner; partner = next) {
		next = partner->next;
		if (!partner->link->closed || partner->has_head)
			continue;
		if (!partner->link->why && RULE(DRAIN) && link_look(partner->link) > 0)
			continue;
		if (take_has_lost(partner))
			tell_gap(partner, link_lost(partner->link));
		if (partner->broke) /* what it sends is not looked at: as many events as it may be until it notices */
			event_gap(partner, partner->link->in.size / sizeof(struct wire_header) + LOOK_AROUND);
		partner_end(partner);
		n++;
	}
	return n;
}

/* --- one link alone --- */

/* is_silent() - nothing of it can be taken or is to be told, so far as a load shows it */
static bool
is_silent(const struct partner *partner)
{
	const struct link *link = partner->link;

	partner->bus->n_looks++;
	return link->ready && !link->closed && load_rlx(link->in.produced) == link->in.tail &&
		!take_has_lost(partner);
}

/* others_silent() - all but this one, and ternd */
static bool
others_silent(tern_bus *bus, const struct partner *but)
{
	struct partner *partner;

	DL_FOREACH (bus->hot, partner)
		if (partner != but && !is_silent(partner))
			return false;
	return !take_daemon_spoke(bus);
}

/* first_to_speak() - a hot link that is not silent; NULL none */
static struct partner *
first_to_speak(tern_bus *bus)
{
	struct partner *partner;

	DL_FOREACH (bus->hot, partner)
		if (!is_silent(partner))
			return partner;
	return NULL;
}

/* take_share() - what was seen of this link, up to its share of a round */
static size_t
take_share(tern_bus *bus, struct partner *partner)
{
	size_t n = 0;

	partner->round = bus->n_rounds;
	partner->round_records = partner->round_bytes = 0;
	while (has_share(partner) && !queue_is_full(bus, partner) && head_look(partner)) {
		take_one(bus, partner);
		n++;
	}
	if (n)
		partner_touch(partner);
	return n;
}

/* look_first() - is there something? */
static bool
look_first(struct partner *first)
{
	int r = first->link->closed ? 0 : link_look(first->link);

	if (r < 0)
		partner_broke(first);
	return r > 0;
}

/*
 * take_alone() - a round without a clock
 *
 * One link is looked at, then all others. What caused a record that the first look saw was pushed before it, so the
 * looks after it would find that. They are in vain: so there is nothing that comes before it, whatever the stamps say.
 *
 * Return: it was a whole round; false: somebody else has, or may have, something to say.
 */
static bool
take_alone(tern_bus *bus, size_t *ret_taken)
{
	bool others = true;
	struct partner *first;

	if (bus->to_self.n || (bus->n_cold && RULE(ASK_COLD)) || bus->n_hot > HOOK_MAX_HOT(MAX_HOT) ||
		bus->n_rounds % ASK_ROUNDS == 0)
		return false;
	first = first_to_speak(bus);
	if (!RULE(OTHERS_AFTER))
		others = others_silent(bus, first);
	STOP_POINT("alone");
	if (first && !look_first(first)) /* the order: what is loaded below is loaded after R2 */
		return false;
	if (RULE(OTHERS_AFTER))
		others = others_silent(bus, first);
	if (!others)
		return false;
	*ret_taken = first ? take_share(bus, first) : 0;
	return true;
}

size_t
take_round(tern_bus *bus)
{
	size_t n, taken, news = 0;
	uint64_t horizon;

	take_heat_all(bus);
	bus->n_rounds++;
	bus->n_found = 0;
	bus->held_back = false;
	if (HOOK_MAY_BE_ALONE && take_alone(bus, &taken))
		return taken;
	bus->clock = 0;
	if (!RULE(LOOK_AFTER_H))
		take_look_hot(bus);
	STOP_POINT("before-horizon");
	horizon = bus_now_ordered(bus); /* H */
	STOP_POINT("horizon");
	if (take_daemon_spoke(bus))
		news = daemon_read(bus);
	if (RULE(LOOK_AFTER_H))
		take_look_hot(bus);
	STOP_POINT("looked");
	if ((bus->n_found || bus->to_self.n) && ((bus->n_cold && RULE(ASK_COLD)) || bus->n_rounds % ASK_ROUNDS == 0))
		(void)take_poll(bus, 0);
	n = found_filter(bus, horizon);
	taken = n || bus->to_self.n ? merge(bus, n, horizon) : 0;
	bus->held_back |= bus->to_self.n > 0;
	if (bus->n_found)
		taken += end_closed(bus);
	if (bus->n_hot > HOOK_MAX_HOT(MAX_HOT))
		take_chill_idle(bus);
	HOOK_DRAIN(GIVE_FENCE);
	return taken + news;
}
