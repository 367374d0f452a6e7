/* SPDX-License-Identifier: MIT */

/* partner: the other ends of the links, and which of them are looked at */

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/atomic.h"
#include "client/backlog.h"
#include "client/bus.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/event.h"
#include "client/reply.h"
#include "client/rights.h"
#include "client/state.h"
#include "client/stream.h"

struct partner *
partner_ref(struct partner *partner)
{
	partner->refs++;
	return partner;
}

_cold_ struct partner *
partner_free(struct partner *partner)
{
	(void)link_free(partner->link); /* always NULL, as the next */
	(void)domain_unref(partner->bus, partner->domain);
	rules_here_free(partner->rules);
	(void)rights_free(partner->rights); /* always NULL */
	free(partner);
	return NULL;
}

struct partner *
partner_find(tern_bus *bus, uint64_t id)
{
	struct partner *partner;

	HASH_FIND(hh, bus->partners, &id, sizeof(id), partner);
	return partner;
}

/* missed_sweep() - forget the dead, who lost nothing that they could be told */
_cold_ static void
missed_sweep(tern_bus *bus)
{
	struct missed *missed, *next;
	struct tern_identity identity;

	HASH_ITER (hh, bus->missed, missed, next) {
		if (bus->daemon && daemon_identify(bus, missed->peer, &identity) == 0)
			continue;
		HASH_DEL(bus->missed, missed);
		free(missed);
	}
}

_cold_ void
partner_missed(tern_bus *bus, uint64_t id)
{
	struct missed *missed;

	bus->counters.missed++;
	HASH_FIND(hh, bus->missed, &id, sizeof(id), missed);
	if (missed) {
		missed->n++;
		return;
	}
	if (HASH_COUNT(bus->missed) >= MAX_MISSED)
		missed_sweep(bus);
	if (HASH_COUNT(bus->missed) >= MAX_MISSED)
		return;
	missed = calloc(1, sizeof(*missed));
	if (!missed)
		return;
	*missed = (struct missed){.peer = id, .n = 1};
	HASH_ADD(hh, bus->missed, peer, sizeof(missed->peer), missed);
	if (!hash_added(missed, hh))
		free(missed);
}

_cold_ void
partner_forget_missed(tern_bus *bus)
{
	struct missed *missed, *next;

	HASH_ITER (hh, bus->missed, missed, next) {
		HASH_DEL(bus->missed, missed);
		free(missed);
	}
}

/* partner_tell_missed() - a new link begins with what was lost before it */
_cold_ static void
partner_tell_missed(struct partner *partner)
{
	tern_bus *bus = partner->bus;
	struct missed *missed;

	HASH_FIND(hh, bus->missed, &partner->id, sizeof(partner->id), missed);
	if (!missed)
		return;
	send_lost(partner, missed->n);
	HASH_DEL(bus->missed, missed);
	free(missed);
}

/* partner_reserve() - room for every partner in the list of a round, so that a round cannot fail */
_cold_ static int
partner_reserve(tern_bus *bus)
{
	struct partner **found;
	size_t n = bus->n_found + bus->n_hot + bus->n_cold + 1u; /* those found may have left since, and are in the list */

	if (n <= bus->max_found)
		return 0;
	n = MAX(n, 2 * bus->max_found);
	found = reallocarray(bus->found, n, sizeof(struct partner *));
	if (!found)
		return -ENOMEM;
	bus->found = found;
	bus->max_found = n;
	return 0;
}

_cold_ int
partner_new(tern_bus *bus, uint64_t id, int fd, const struct identity *identity, bool same_domain,
	struct partner **ret)
{
	struct partner *partner, *old;
	int r;

	r = partner_reserve(bus);
	if (r < 0)
		return error_trace(r);
	partner = calloc(1, sizeof(*partner));
	if (!partner)
		return -ENOMEM;
	partner->source.kind = SOURCE_PARTNER;
	partner->bus = bus;
	partner->id = id;
	partner->refs = 1;
	r = bus_watch(bus, fd, EPOLLIN | EPOLLRDHUP, &partner->source);
	if (r == 0)
		r = link_new(&bus->endpoint, fd, same_domain, &partner->link);
	if (r) {
		(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, fd, NULL); /* may not be in it */
		free(partner);
		return error_fold(r);
	}
	partner->link->id = id;
	partner->link->partner = *identity;
	partner->domain = domain_get(bus, identity, same_domain); /* NULL: events with lent parts are lost to it */
	if (!same_domain)
		partner->link->shares = partner->domain ? &partner->domain->user->shares : &bus->crowd;
	old = partner_find(bus, id);
	if (old) {
		HASH_DEL(bus->partners, old); /* it is being drained; this is the new link */
		old->in_table = false;
	}
	HASH_ADD(hh, bus->partners, id, sizeof(partner->id), partner);
	if (!hash_added(partner, hh)) {
		(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, fd, NULL); /* it is in it */
		partner->link->fd = -1; /* stays the caller's */
		(void)partner_unref(partner); /* always NULL */
		return -ENOMEM;
	}
	partner->in_table = true;
	partner->is_hot = true;
	DL_PREPEND(bus->hot, partner);
	bus->n_hot++;
	bus_plans_end(bus);
	bus->n_untold += bus->mode != MODE_BUS;
	queue_notice(bus, TERN_LINKED, id);
	partner_tell_missed(partner);
	*ret = partner;
	return 0;
}

void
partner_heat(struct partner *partner)
{
	tern_bus *bus = partner->bus;

	if (!partner->is_hot) {
		DL_DELETE(bus->cold, partner);
		bus->n_cold--;
		DL_PREPEND(bus->hot, partner);
		bus->n_hot++;
		partner->is_hot = true;
	}
	if (partner->link->attention != ATTENTION_HOT)
		link_attend(partner->link, ATTENTION_HOT);
}

void
partner_chill(struct partner *partner)
{
	tern_bus *bus = partner->bus;

	DL_DELETE(bus->hot, partner);
	bus->n_hot--;
	DL_PREPEND(bus->cold, partner);
	bus->n_cold++;
	partner->is_hot = false;
	link_attend(partner->link, ATTENTION_COLD);
}

void
partner_touch(struct partner *partner)
{
	tern_bus *bus = partner->bus;

	if (bus->hot == partner || !partner->is_hot)
		return;
	DL_DELETE(bus->hot, partner);
	DL_PREPEND(bus->hot, partner);
}

/*
 * hang_up() - out of the epoll set, and closed
 *
 * Closing alone does not take it out: a child between fork and exec may hold a copy, and the set would
 * go on telling of a partner that is no more.
 */
_cold_ static void
hang_up(struct partner *partner)
{
	if (partner->link->fd >= 0)
		(void)epoll_ctl(partner->bus->epoll, EPOLL_CTL_DEL, partner->link->fd, NULL); /* may be out */
	link_hang_up(partner->link);
}

_cold_ void
partner_broke(struct partner *partner)
{
	partner->has_head = false;
	partner->broke = true;
	hang_up(partner);
	partner_heat(partner);
}

_cold_ void
partner_is_wrong(struct partner *partner)
{
	if (partner->link->fd >= 0)
		(void)shutdown(partner->link->fd, SHUT_RDWR); /* where it is closed already that is seen, too */
}

_cold_ void
partner_end(struct partner *partner)
{
	tern_bus *bus = partner->bus;

	if (partner->dead)
		return;
	partner->dead = true;
	bus->counters.sent_bytes += partner->link->out.head;
	bus->counters.received_bytes += partner->link->in.tail;
	if (partner->is_hot) {
		DL_DELETE(bus->hot, partner);
		bus->n_hot--;
	} else {
		DL_DELETE(bus->cold, partner);
		bus->n_cold--;
	}
	if (partner->in_table)
		HASH_DEL(bus->partners, partner);
	for (size_t i = 0; i < bus->n_batch; i++)
		if (bus->batch[i] == partner)
			bus->batch[i] = bus->batch[--bus->n_batch];
	if (bus->batch_last == partner)
		bus->batch_last = NULL;
	bus_plans_end(bus);
	partner_want_nothing(partner);
	reply_drop_all(partner);
	backlog_drop_all(partner);
	call_fail_partner(partner);
	stream_partner_gone(partner);
	direct_partner_ended(partner);
	state_owner_gone(bus, partner->id);
	hang_up(partner);
	lead_check_room(bus);
	bus->n_untold -= bus->mode != MODE_BUS && direct_is_unsure(partner);
	if (!bus->closed) {
		daemon_unlinked(bus, partner);
		queue_notice(bus, TERN_LOST, partner->id);
	}
	(void)partner_unref(partner); /* always NULL */
}

void
partner_want_nothing(struct partner *partner)
{
	if (!partner->want_writable)
		return;
	partner->want_writable = false;
	partner->bus->n_want_room--;
	DL_DELETE2(partner->bus->wanting, partner, want_prev, want_next);
}

void
partner_want_out(struct partner *partner, bool want)
{
	bool holds = partner->link->holds;
	struct epoll_event event = {
		.data = {.ptr = &partner->source},
	};

	want |= partner->link->n_untold > 0;
	event.events = EPOLLIN | EPOLLRDHUP | (want ? EPOLLOUT : 0) | (holds ? EPOLLET : 0);
	if ((partner->wants_out == want && partner->holds == holds) || partner->link->fd < 0)
		return;
	if (epoll_ctl(partner->bus->epoll, EPOLL_CTL_MOD, partner->link->fd, &event) < 0)
		return;
	partner->wants_out = want;
	partner->holds = holds;
}

_cold_ void
partner_tell_drops(tern_bus *bus)
{
	struct partner *partner;

	bus->endpoint.has_untold = false;
	DL_FOREACH (bus->hot, partner)
		if (partner->link->n_untold > 0)
			partner_want_out(partner, true);
	DL_FOREACH (bus->cold, partner)
		if (partner->link->n_untold > 0)
			partner_want_out(partner, true);
}
