/* SPDX-License-Identifier: MIT */

/* take-poll: the epoll set: bells, sockets, ternd, and what the program watches */

#include <sys/epoll.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/take.h"
#include "client/watch.h"

#define POLL_EVENTS 64

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
	if (unlikely(partner->link->holds != partner->holds))
		partner_want_out(partner, partner->wants_out);
	if (unlikely(partner->link->holds) && events & (EPOLLRDHUP | EPOLLHUP))
		partner->link->closed = true; /* what is in the ring still names what is in the socket */
	if (r < 0 || partner->link->why) /* or it was a sender here who saw what was wrong */
		partner_broke(partner);
	else if (partner->link->closed && partner->link->fd >= 0)
		(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, partner->link->fd, NULL); /* told once */
	partner_heat(partner);
	take_look(partner);
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

void
take_bells(int fd)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	uint64_t count;

	(void)!read(fd, &count, sizeof(count)); /* empty: another was first */
}

static void
drain_wake(tern_bus *bus)
{
	struct waiter *waiter;

	take_bells(bus->wake);
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
	switch (source->kind) {
	case SOURCE_PARTNER:
		partner_ready(bus, container_of(source, struct partner, source), events);
		break;
	case SOURCE_CONTROL:
		(void)daemon_read(bus); /* its end is seen there, too */
		break;
	case SOURCE_DOORBELL:
		break; /* it did its work by ending the sleep */
	case SOURCE_WAKE:
		drain_wake(bus);
		break;
	case SOURCE_TIMER:
		take_bells(bus->timer); /* call_expire() follows */
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
	_cleanup_(cancel_backp) int cancel = cancel_off();
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
			HOOK_SLEEP(bus->epoll);
			n = epoll_wait(bus->epoll, events, POLL_EVENTS, timeout);
			bus_lock(bus);
			expect_record(bus);
			bus->polling = false;
		} else {
			n = epoll_wait(bus->epoll, events, POLL_EVENTS, 0);
		}
		take_heat_all(bus);
		for (int i = 0; i < n; i++)
			source_ready(bus, events[i].data.ptr, events[i].events);
		total += (size_t)MAX(n, 0);
		timeout = 0;
		watch_reap(bus);
	} while (n == POLL_EVENTS);
	return total;
}
