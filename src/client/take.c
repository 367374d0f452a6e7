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
#include <sys/epoll.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/bus.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/error.h"
#include "client/event.h"
#include "client/message.h"
#include "client/watch.h"

#define POLL_EVENTS    64
#define ASK_ROUNDS     64u   /* busy rounds until sockets and the program's descriptors have their turn */

/* --- looking --- */

static void
found_add(tern_bus *bus, struct partner *partner)
{
	if (partner->round == bus->n_rounds)
		return;
	partner->round = bus->n_rounds;
	partner->round_records = partner->round_bytes = 0;
	assert(bus->n_found < bus->max_found);
	bus->found[bus->n_found++] = partner;
}

/* look_lost() - events dropped after the last record that was taken (edge: the counter is in every look) */
static bool
has_lost(const struct partner *partner)
{
	return link_lost(partner->link) != partner->lost_told;
}

/* can_tell() - it has lost some, and there is room in the queue to say so; else a counter alone could fill it */
static bool
can_tell(struct partner *partner)
{
	return has_lost(partner) && !queue_is_full(partner->bus, partner);
}

/* look_link() - a new link's hello may lie in the socket still, and records beyond it in the ring */
static int
look_link(struct partner *partner)
{
	bool rang;
	int r = 0;

	if (unlikely(!partner->link->ready) && !partner->link->closed && RULE(HELLO_LOOK))
		r = link_read_socket(partner->link, &rang); /* closed: seen below, in the link */
	partner->bus->n_looks++;
	return r < 0 ? r : link_look(partner->link);
}

/* look() - one link; what is found is remembered for this round */
static void
look(tern_bus *bus, struct partner *partner)
{
	int r = look_link(partner);

	if (r < 0) {
		partner_broke(partner);
		r = 0;
	}
	if (r > 0 || partner->link->closed || has_lost(partner))
		found_add(bus, partner);
}

static void
look_hot(tern_bus *bus)
{
	struct partner *partner, *next;

	for (partner = bus->hot; partner; partner = next) {
		next = partner->next;
		look(bus, partner);
		STOP_POINT("look");
	}
}

/* daemon_spoke() - did the inbox word move? */
static bool
daemon_spoke(tern_bus *bus)
{
	return bus->daemon && RULE(INBOX) && daemon_has_news(bus->daemon);
}

bool
take_has_news(tern_bus *bus)
{
	struct partner *partner;

	if (daemon_spoke(bus))
		return true;
	DL_FOREACH (bus->hot, partner) {
		const struct ring_in *in = &partner->link->in;

		if (partner->link->ready && load_rlx(in->produced) != in->seen) { /* looked at again */
			ring_in_prefetch(in);
			return true;
		}
		if (partner->uncommitted && link_is_committed(partner->link, &partner->head))
			return true;
	}
	return false;
}

/* --- the epoll set --- */

/* heat_all() - whatever ends dozing makes all dozing links hot */
static void
heat_all(tern_bus *bus)
{
	struct partner *partner;

	if (!bus->dozing)
		return;
	bus->dozing = false;
	if (!RULE(HEAT_ALL))
		return;
	DL_FOREACH (bus->hot, partner)
		if (partner->link->attention == ATTENTION_DOZING)
			link_attend(partner->link, ATTENTION_HOT);
}

static void
partner_ready(tern_bus *bus, struct partner *partner, uint32_t events)
{
	bool rang;
	int r;

	if (events & EPOLLOUT) {
		(void)link_tell_drops(partner->link); /* what does not fit in is waited for again */
		partner_want_out(partner, false);
	}
	r = link_read_socket(partner->link, &rang);
	if (r < 0 || partner->link->why) /* or it was a sender here who saw what was wrong */
		partner_broke(partner);
	else if (partner->link->closed && partner->link->fd >= 0)
		(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, partner->link->fd, NULL); /* told once */
	partner_heat(partner);
	look(bus, partner);
}

void
take_hello(struct partner *partner)
{
	lead_pause(partner->bus);
	if (partner->dead)
		return;
	partner_ready(partner->bus, partner, 0);
	if (partner->bus->sleeping || partner->bus->exported)
		lead_kick(partner->bus); /* it is hot now: nobody rings, so whoever sleeps must look */
}

static void
drain_wake(tern_bus *bus)
{
	struct waiter *waiter;
	uint64_t count;

	(void)!read(bus->wake, &count, sizeof(count)); /* empty: another was first */
	if (!load_rlx(&bus->woken)) /* the eventfd ordered it */
		return;
	DL_FOREACH (bus->waiters, waiter) {
		if (waiter->kind != WAIT_ITEM || waiter->done)
			continue;
		store_rlx(&bus->woken, 0); /* this one takes it */
		lead_interrupt(waiter);
		return;
	}
}

static void
source_ready(tern_bus *bus, struct source *source, uint32_t events)
{
	uint64_t count;

	switch (source->kind) {
	case SOURCE_PARTNER:
		partner_ready(bus, container_of(source, struct partner, source), events);
		break;
	case SOURCE_CONTROL:
		(void)daemon_read(bus); /* its losses show in daemon_is_gone() */
		break;
	case SOURCE_DOORBELL:
		break; /* it did its work by ending the sleep */
	case SOURCE_WAKE:
		drain_wake(bus);
		break;
	case SOURCE_TIMER:
		(void)!read(bus->timer, &count, sizeof(count)); /* call_expire() follows */
		break;
	case SOURCE_LISTEN:
		direct_accept(bus);
		break;
	case SOURCE_WATCH:
		watch_ready(bus, source, events);
		break;
	}
}

/* expect_record() - the leader was woken, most likely by who had traffic last: its lines may be on their way meanwhile */
static void
expect_record(const tern_bus *bus)
{
	const struct partner *partner = bus->hot;

	if (!partner || !partner->link->ready)
		return;
	prefetch_read(partner->link->in.produced, 1);
	ring_in_prefetch(&partner->link->in);
}

size_t
take_poll(tern_bus *bus, uint64_t timeout_ns)
{
	struct epoll_event events[POLL_EVENTS];
	size_t total = 0;
	int timeout, n;

	if (timeout_ns == UINT64_MAX)
		timeout = -1;
	else
		timeout = (int)MIN((timeout_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC, 1u << 30);
	do {
		if (timeout) {
			bus->polling = true;
			bus_leave(bus);
			n = epoll_wait(bus->epoll, events, POLL_EVENTS, timeout);
			bus_lock(bus);
			expect_record(bus);
			bus->polling = false;
		} else {
			n = epoll_wait(bus->epoll, events, POLL_EVENTS, 0);
		}
		heat_all(bus);
		for (int i = 0; i < n; i++)
			source_ready(bus, events[i].data.ptr, events[i].events);
		total += (size_t)MAX(n, 0);
		timeout = 0;
		watch_reap(bus);
	} while (n == POLL_EVENTS);
	return total;
}

/* --- sleeping --- */

/* can_take() - something in the ring, and if it is shared, committed */
static bool
can_take(struct partner *partner)
{
	int r = link_look(partner->link);

	partner->bus->n_looks++;
	if (r < 0 || partner->link->closed)
		return true; /* the round sees to it */
	if (can_tell(partner))
		return true;
	if (r == 0 || queue_is_full(partner->bus, partner))
		return false;
	if (!partner->has_head) {
		r = link_peek(partner->link, &partner->head);
		if (r <= 0)
			return r < 0;
		partner->has_head = true;
		partner->head_seen = 0;
	}
	return link_is_committed(partner->link, &partner->head);
}

bool
take_doze(tern_bus *bus)
{
	struct partner *partner;
	bool found = false;

	if (bus->to_self.n || daemon_spoke(bus) || load_rlx(&bus->kicked)) {
		store_rlx(&bus->kicked, 0); /* a round follows */
		return false;
	}
	STOP_POINT("before-doze");
	DL_FOREACH (bus->hot, partner) {
		if (RULE(PUBLISH_ROOM))
			link_publish(partner->link);
		if (partner->link->attention == ATTENTION_HOT)
			link_attend(partner->link, ATTENTION_DOZING);
	}
	bus->dozing = true;
	STOP_POINT("dozing");
	/*
	 * Attention must be visible before the last look: a sender pushes, fences and reads attention. With
	 * both fences one of the two sees the other (A1, A2); release and acquire do not give that.
	 */
	if (RULE(SLEEP_FENCE))
		fence_seq();
	if (!RULE(SLEEP_LOOK))
		return true;
	DL_FOREACH (bus->hot, partner)
		found = found || can_take(partner);
	if (daemon_spoke(bus))
		found = true;
	STOP_POINT("doze-looked");
	if (found)
		heat_all(bus);
	HOOK_DRAIN(SLEEP_FENCE);
	return !found;
}

/* chill_idle() - beyond MAX_HOT, links that had no traffic for longest are left to their bells */
static void
chill_idle(tern_bus *bus)
{
	struct partner *partner, *before, *chilled = NULL;
	uint32_t n_idle = bus->n_hot;

	STOP_POINT("before-chill");
	for (partner = bus->hot ? bus->hot->prev : NULL; partner && n_idle > HOOK_MAX_HOT(MAX_HOT); partner = before) {
		before = partner == bus->hot ? NULL : partner->prev;
		if (!partner->link->ready || partner->link->closed)
			continue;
		n_idle--;
		if (RULE(UNCOMMITTED_HOT) && !ring_in_is_empty(&partner->link->in))
			continue;
		link_publish(partner->link);
		partner_chill(partner);
		chilled = chilled ? chilled : partner;
	}
	if (!chilled || !RULE(CHILL_LOOK))
		return;
	fence_seq(); /* as in take_doze(): announced, fenced, looked at once more */
	for (partner = bus->cold; partner; partner = before) {
		bool last = partner == chilled;

		bus->n_looks++;
		before = partner->next;
		if (RULE(UNCOMMITTED_HOT) ? link_look(partner->link) != 0 || has_lost(partner)
					  : can_take(partner)) {
			partner_heat(partner);
			look(bus, partner);
		}
		if (last)
			break;
	}
}

/* --- one record --- */

static void
tell_gap(struct partner *partner, uint64_t lost)
{
	uint64_t n = lost - partner->lost_told;

	partner->lost_told = lost;
	if ((int64_t)n > 0) /* a counter that goes back is the partner's own affair */
		event_gap(partner, n);
}

static void
hand_over(struct partner *partner, tern_message *m)
{
	switch (m->header.kind) {
	case WIRE_CALL:
		call_arrived(partner, m);
		return;
	case WIRE_REPLY:
	case WIRE_ERROR:
		call_answered(partner, m);
		return;
	case WIRE_EVENT:
		event_arrived(partner, m);
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
		if (ring_in_is_empty(&partner->link->in) && can_tell(partner))
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
		if (has_lost(partner))
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
		!has_lost(partner);
}

/* others_silent() - all but this one, and ternd */
static bool
others_silent(tern_bus *bus, const struct partner *but)
{
	struct partner *partner;

	DL_FOREACH (bus->hot, partner)
		if (partner != but && !is_silent(partner))
			return false;
	return !daemon_spoke(bus);
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
	if (first && (first->link->closed || link_look(first->link) <= 0)) /* the order: what is loaded below is loaded after R2 */
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

	heat_all(bus);
	bus->n_rounds++;
	bus->n_found = 0;
	bus->held_back = false;
	if (HOOK_MAY_BE_ALONE && take_alone(bus, &taken))
		return taken;
	bus->clock = 0;
	if (!RULE(LOOK_AFTER_H))
		look_hot(bus);
	STOP_POINT("before-horizon");
	horizon = bus_now_ordered(bus); /* H */
	STOP_POINT("horizon");
	if (daemon_spoke(bus))
		news = daemon_read(bus);
	if (RULE(LOOK_AFTER_H))
		look_hot(bus);
	STOP_POINT("looked");
	if ((bus->n_found || bus->to_self.n) && ((bus->n_cold && RULE(ASK_COLD)) || bus->n_rounds % ASK_ROUNDS == 0))
		(void)take_poll(bus, 0);
	n = found_filter(bus, horizon);
	taken = n || bus->to_self.n ? merge(bus, n, horizon) : 0;
	bus->held_back |= bus->to_self.n > 0;
	if (bus->n_found)
		taken += end_closed(bus);
	if (bus->n_hot > HOOK_MAX_HOT(MAX_HOT))
		chill_idle(bus);
	HOOK_DRAIN(GIVE_FENCE);
	return taken + news;
}
