/* SPDX-License-Identifier: MIT */

/*
 * lead: who takes things in, how long it spins, how it sleeps
 *
 * A thread that waits for something first tries to become the leader. The leader takes in for
 * everybody; it leaves when it has what it waits for itself, and wakes one of the others to lead.
 *
 * Spinning: at most TERN_OPT_SPIN before each sleep, and less where it brought nothing lately: halved
 * after each vain spin, whole again after one that paid. None where affinity or quota leave one processor,
 * none against a partner that last ran on this processor: it needs the processor to answer.
 *
 * Yielding: whoever would sleep lets others of its processor run first, once. What they send meanwhile finds
 * a hot link: no bell, no wake-up, and several messages in one go. Where a yield took long and brought a
 * single message or none, somebody there computes; then it is left for a while, for who sleeps is woken
 * before that one, and who yielded is not.
 */

#include <sched.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "base/processors.h"
#include "client/backlog.h"
#include "client/bus.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/event.h"
#include "client/listeners.h"
#include "client/reply.h"
#include "client/stream.h"

#define SPIN_CLOCK_EVERY 32u  /* looks between two readings of the clock */
#define CLOCK_EVERY_ROUNDS 64u /* busy rounds between two looks at the deadlines */
#define SPIN_POLL_EVERY  (20 * NSEC_PER_USEC) /* sockets are asked so often while spinning */
#define SPIN_LEAST       NSEC_PER_USEC
#define SPIN_RETRY       32u  /* sleeps until spinning is tried again, or the processors are counted again */
#define YIELD_LONG       (200 * NSEC_PER_USEC)
#define YIELD_BAD        4u  /* long ones that brought a single message, in a row */
#define YIELD_RETRY      256u /* sleeps until yielding is tried again */

/* waiter_follow() - most waits are led by who waits and need no condition */
static void
waiter_follow(struct waiter *waiter)
{
	pthread_condattr_t attr;

	if (waiter->follows)
		return;
	(void)pthread_condattr_init(&attr); /* none of these can fail: they only write into what is here */
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&waiter->cond, &attr);
	(void)pthread_condattr_destroy(&attr);
	waiter->follows = true;
}

static void
waiter_signal(struct waiter *waiter)
{
	if (waiter->follows)
		(void)pthread_cond_signal(&waiter->cond);
}

void
lead_wake(struct waiter *waiter)
{
	waiter->done = true;
	waiter_signal(waiter);
}

void
lead_interrupt(struct waiter *waiter)
{
	waiter->interrupted = true;
	waiter_signal(waiter);
}

void
lead_wake_items(tern_bus *bus)
{
	struct waiter *waiter;

	DL_FOREACH (bus->waiters, waiter) {
		if (waiter->kind == WAIT_ITEM && !waiter->done) {
			lead_wake(waiter);
			return;
		}
	}
}

static void
write_one(int eventfd)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	static const uint64_t one = 1;
	int saved = errno;

	(void)!write(eventfd, &one, sizeof(one)); /* full: it is readable, which is all we want */
	errno = saved;
}

/* write_more() - each time: who polls edge-triggered needs a new edge */
static void
write_more(tern_bus *bus)
{
	write_one(bus->more);
	bus->armed = true;
}

void
lead_queued(tern_bus *bus)
{
	lead_wake_items(bus);
	if (bus->exported && !bus->armed && bus->n_processing == 0)
		write_more(bus);
}

void
lead_kick(tern_bus *bus)
{
	if (bus->sleeping)
		write_one(bus->wake);
	else if (bus->exported && !bus->leader)
		write_more(bus);
	else
		store_rlx(&bus->kicked, 1); /* the lock orders what it is about */
}

void
lead_pause(tern_bus *bus)
{
	bus->n_pausing++;
	while (bus->spinning) {
		store_rlx(&bus->kicked, 1); /* the lock orders the rest */
		bus_leave(bus);
		(void)sched_yield(); /* cannot fail */
		bus_lock(bus);
	}
	bus->n_pausing--;
}

/* give_way() - to those in lead_pause(). Return: false, there is none. */
static bool
give_way(tern_bus *bus)
{
	if (likely(bus->n_pausing == 0))
		return false;
	bus_leave(bus);
	(void)sched_yield(); /* cannot fail */
	bus_lock(bus);
	return true;
}

void
lead_interrupt_items(tern_bus *bus)
{
	struct waiter *waiter;

	DL_FOREACH (bus->waiters, waiter)
		if (waiter->kind == WAIT_ITEM)
			lead_wake(waiter);
}

/* --- room --- */

static void
check_writable(struct partner *partner)
{
	tern_bus *bus = partner->bus;
	int r;

	if (partner->replies)
		return; /* they come first */
	r = partner->dead ? 0
			  : link_room(partner->link, partner->want_size, &partner->want_load,
				    partner->want_event);
	if (r == LINK_E_FULL || (r == 0 && partner->wants_out && !partner->dead)) {
		if (r == 0)
			return; /* the socket is full still */
		STOP_POINT("room-full");
		link_want_room(partner->link, true);
		if (RULE(ROOM_LOOK))
			r = link_room(partner->link, partner->want_size, &partner->want_load,
				partner->want_event);
		STOP_POINT("room-looked");
		HOOK_DRAIN(ROOM_FENCE);
		if (r == LINK_E_FULL)
			return;
	}
	partner_want_nothing(partner);
	queue_notice(bus, TERN_WRITABLE, partner->id);
	stream_tell_room(partner);
	rules_here_tell_on(partner);
}

/* check_waiter() - a new room word where there is none yet, and one more look after it */
static void
check_waiter(struct waiter *waiter)
{
	struct partner *partner = waiter->partner;
	int r;

	if (partner->wants_out && !partner->dead && !partner->link->closed)
		return;
	r = send_room(partner, waiter->room_for, waiter->room_event);
	if (r == LINK_E_FULL) {
		STOP_POINT("room-full");
		link_want_room(partner->link, true);
		r = RULE(ROOM_LOOK) ? send_room(partner, waiter->room_for, waiter->room_event) : r;
		HOOK_DRAIN(ROOM_FENCE);
	}
	if (r != LINK_E_FULL)
		lead_wake(waiter);
}

void
lead_check_room(tern_bus *bus)
{
	struct partner *partner, *next;
	struct waiter *waiter;

	if (unlikely(bus->listeners_step > LISTENERS_REST))
		listeners_work(bus);
	if (unlikely(bus->endpoint.has_untold))
		partner_tell_drops(bus);
	if (bus->n_want_room == 0)
		return;
	DL_FOREACH (bus->waiters, waiter)
		if (waiter->kind == WAIT_ROOM && !waiter->done)
			check_waiter(waiter);
	reply_check_room(bus);
	backlog_check_room(bus);
	DL_FOREACH_SAFE2 (bus->wanting, partner, next, want_next)
		check_writable(partner);
}

/* --- spinning --- */

/* note_processor() - whose links are not hot hears of it when they are */
static void
note_processor(tern_bus *bus)
{
	uint64_t cpu = (uint64_t)(unsigned int)sched_getcpu() + 1;
	struct partner *partner;

	if (bus->endpoint.cpu == cpu)
		return;
	bus->endpoint.cpu = cpu;
	DL_FOREACH (bus->hot, partner)
		link_note_processor(partner->link);
}

/* spin_budget() - how long it is worth looking before the next sleep */
static uint64_t
spin_budget(tern_bus *bus, const struct waiter *waiter)
{
	const struct link *link = waiter->partner ? waiter->partner->link : NULL;

	if (bus->spin == TERN_FOREVER)
		return TERN_FOREVER; /* asked for: the partner may have a processor of its own */
	if (bus->spin == 0)
		return 0;
	if (bus->one_processor && ++bus->n_fruitless % SPIN_RETRY == 0)
		bus->one_processor = processors_usable(clock_now_ns()) == 1;
	if (bus->one_processor)
		return 0;
	if (!link && bus->n_hot == 1 && bus->hot)
		link = bus->hot->link;
	if (link && link->ready &&
		load_rlx(&link->partner_words->cpu) == bus->endpoint.cpu) /* a hint */
		return 0;
	if (bus->spin_now < SPIN_LEAST && ++bus->n_fruitless % SPIN_RETRY == 0)
		return MIN(bus->spin, 8 * SPIN_LEAST);
	return bus->spin_now < SPIN_LEAST ? 0 : bus->spin_now;
}

static void
spin_learn(tern_bus *bus, bool paid)
{
	if (bus->spin == TERN_FOREVER)
		return;
	bus->spin_now = paid ? bus->spin : bus->spin_now / 2;
}

enum spin_end {
	SPIN_FOUND, /* something may be there */
	SPIN_ASK,   /* nothing, but it is time to ask the sockets */
	SPIN_OVER,
};

/* spin() - look without the lock */
static enum spin_end
spin(tern_bus *bus, uint64_t budget, uint64_t deadline)
{
	uint64_t now = 0, end = 0, last = 0;
	bool found = false, one = bus->one_processor;

	if (give_way(bus))
		return SPIN_FOUND;
	STOP_POINT("spin");
	bus->counters.spins++;
	bus->spinning = true;
	bus_leave(bus);
	do {
		for (unsigned int i = 0; i < SPIN_CLOCK_EVERY && !found; i++) {
			cpu_relax();
			found = take_has_news(bus) || load_rlx(&bus->kicked);
		}
		if (found)
			break;
		now = clock_now_ns(); /* first read when the first looks were in vain */
		if (!last) {
			end = MIN(clock_deadline_ns(now, MIN(budget, SPIN_POLL_EVERY)), deadline);
			last = MIN(clock_deadline_ns(now, budget), deadline);
		}
	} while (now < end);
	if (!found && now >= last)
		one = processors_usable(now) == 1; /* in vain: perhaps because it got fewer */
	bus_lock(bus);
	bus->one_processor = one;
	bus->spinning = false;
	store_rlx(&bus->kicked, 0); /* a round follows */
	return found ? SPIN_FOUND : now < last ? SPIN_ASK : SPIN_OVER;
}

/* --- yielding --- */

/* yield_learn() - was it worth it? n messages came */
static void
yield_learn(tern_bus *bus, size_t n)
{
	if (!bus->yielded_long)
		return;
	bus->yielded_long = false;
	if (n == 0)
		return;
	bus->n_bad_yields = n > 1 ? 0 : bus->n_bad_yields + 1;
	if (bus->n_bad_yields >= YIELD_BAD)
		bus->n_no_yield = YIELD_RETRY;
}

/* yield() - let others run. Return: something may be there. */
static bool
yield(tern_bus *bus)
{
	uint64_t before;
	bool found;

	if (give_way(bus))
		return true;
	if (bus->spin == 0)
		return false;
	if (bus->n_no_yield > 0) {
		bus->n_no_yield--;
		return false;
	}
	bus->spinning = true;
	bus_leave(bus);
	before = clock_now_ns();
	(void)sched_yield(); /* cannot fail */
	found = take_has_news(bus) || load_rlx(&bus->kicked);
	bus->yielded_long = clock_now_ns() - before > YIELD_LONG; /* the leader's, as all that spins */
	bus_lock(bus);
	bus->spinning = false;
	store_rlx(&bus->kicked, 0); /* a round follows */
	return found;
}

/* --- sleeping --- */

static uint64_t
expire_slow(tern_bus *bus)
{
	uint64_t call = call_expire(bus), event = backlog_expire(bus), listeners = listeners_expire(bus);

	return MIN(MIN(MIN(call, event), listeners), daemon_again(bus));
}

/* expire() - what time brings. Return: when it brings the next, host time. */
static inline uint64_t
expire(tern_bus *bus)
{
	if (likely(!bus->deadlines && !bus->backlogs && !bus->listeners_at && daemon_again_at(bus) == UINT64_MAX))
		return UINT64_MAX;
	return expire_slow(bus);
}

/* time_until() - what is left until then; UINT64_MAX for ever */
static uint64_t
time_until(tern_bus *bus, uint64_t when)
{
	if (when == UINT64_MAX)
		return when;
	return when > bus_clock(bus) ? when - bus_clock(bus) : 0;
}

static void
lead_sleep(tern_bus *bus, struct waiter *waiter, uint64_t deadline, uint64_t *ring_again)
{
	uint64_t soonest, until = deadline;

	soonest = expire(bus);
	if (soonest != UINT64_MAX)
		until = MIN(until, soonest + bus->clock_offset);
	if (waiter->done || !take_doze(bus))
		return;
	if (waiter->kind == WAIT_ANSWER && waiter->partner && waiter->partner->link->same_domain)
		until = MIN(until, clock_deadline_ns(bus_clock(bus), *ring_again));
	bus->wakes_at = soonest;
	bus->counters.sleeps++;
	bus->sleeping = true;
	if (take_poll(bus, time_until(bus, until)) == 0 && until != deadline && bus_clock(bus) >= until &&
		waiter->partner && !waiter->partner->dead) { /* a signal is no reason */
		/* an edge of the doorbell may have been read away by a third of this domain */
		link_ring_again(waiter->partner->link);
		*ring_again *= 2;
	}
	bus->sleeping = false;
}

/* lead() - take in for everybody until this waiter has what it waits for */
static int
lead(tern_bus *bus, struct waiter *waiter, uint64_t deadline)
{
	uint64_t ring_again = bus->ring_again, spun = 0, budget;
	bool spinning = false, asked = false, yielded = false;

	note_processor(bus);
	for (;;) {
		size_t n = take_round(bus);

		lead_check_room(bus);
		yielded = yielded && n == 0;
		yield_learn(bus, n);
		if (n && spinning) {
			spin_learn(bus, true);
			spinning = false;
			spun = 0;
		}
		if (waiter->done || waiter->interrupted)
			return 0;
		if ((n || bus->held_back) && bus->n_rounds % CLOCK_EVERY_ROUNDS)
			continue;
		if (deadline != UINT64_MAX && bus_clock(bus) >= deadline) {
			if (asked || take_poll(bus, 0) == 0) /* asked once, however short the time is */
				return -ETIME;
			asked = true;
			continue;
		}
		if (n || bus->held_back) {
			(void)expire(bus); /* also under load */
			continue;
		}
		budget = spin_budget(bus, waiter);
		if (budget > spun) {
			enum spin_end end = spin(bus, budget - spun, deadline);

			spinning = true;
			spun += budget == TERN_FOREVER ? 0 : SPIN_POLL_EVERY;
			if (end == SPIN_ASK) {
				asked = true;
				(void)take_poll(bus, 0);
				(void)expire(bus); /* who spins for ever never sleeps */
			}
			if (end != SPIN_OVER)
				continue;
		}
		if (spinning)
			spin_learn(bus, false);
		spinning = false;
		spun = 0;
		if (!yielded) {
			yielded = true;
			if (yield(bus))
				continue;
			yield_learn(bus, 0);
		}
		asked = true;
		lead_sleep(bus, waiter, deadline, &ring_again);
	}
}

/* --- waiting --- */

static int
follow(tern_bus *bus, struct waiter *waiter, uint64_t deadline)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	struct timespec until = {
		.tv_sec = (time_t)(deadline / NSEC_PER_SEC),
		.tv_nsec = (long)(deadline % NSEC_PER_SEC),
	};
	int r;

	waiter_follow(waiter);
	if (deadline == UINT64_MAX)
		r = pthread_cond_wait(&waiter->cond, &bus->lock);
	else
		r = pthread_cond_timedwait(&waiter->cond, &bus->lock, &until);
	bus->clock = 0; /* as bus_lock() */
	return r == ETIMEDOUT ? -ETIME : 0;
}

/* pass_on() - somebody must take in while anybody waits */
static void
pass_on(tern_bus *bus)
{
	if (!bus->leader && bus->waiters)
		waiter_signal(bus->waiters);
	else if (!bus->leader && bus->exported)
		lead_arm(bus, bus->queue.n > 0);
}

int
lead_wait(tern_bus *bus, struct waiter *waiter, uint64_t deadline)
{
	int r = 0;

	DL_APPEND(bus->waiters, waiter);
	while (!waiter->done && !waiter->interrupted && r == 0) {
		if (bus->leader) {
			r = follow(bus, waiter, deadline);
			continue;
		}
		bus->leader = true;
		r = lead(bus, waiter, deadline);
		bus->leader = false;
	}
	DL_DELETE(bus->waiters, waiter);
	if (waiter->follows)
		(void)pthread_cond_destroy(&waiter->cond);
	pass_on(bus);
	return waiter->done ? 0 : r;
}

size_t
lead_try(tern_bus *bus)
{
	size_t n;

	if (bus->leader)
		return 0;
	bus->leader = true;
	note_processor(bus);
	(void)take_poll(bus, 0);
	n = take_round(bus);
	lead_check_room(bus);
	(void)expire(bus);
	bus->leader = false;
	return n;
}

/* --- somebody else's loop --- */

static void
set_timer(tern_bus *bus)
{
	struct itimerspec when = {0};
	uint64_t call = bus->deadlines ? bus->deadlines->deadline : UINT64_MAX;
	uint64_t event = backlog_due(bus), listeners = bus->listeners_at ? bus->listeners_at : UINT64_MAX;
	uint64_t at = MIN(MIN(MIN(call, event), listeners), daemon_again_at(bus));

	if (bus->timer < 0 || bus->timer_at == at)
		return;
	bus->timer_at = at;
	if (at != UINT64_MAX) {
		at += bus->clock_offset;
		when.it_value.tv_sec = (time_t)(at / NSEC_PER_SEC);
		when.it_value.tv_nsec = (long)(at % NSEC_PER_SEC);
	}
	(void)timerfd_settime(bus->timer, TFD_TIMER_ABSTIME, &when, NULL); /* a valid time: cannot fail */
}

void
lead_deadline(tern_bus *bus, uint64_t at)
{
	if (bus->sleeping && at < bus->wakes_at)
		write_one(bus->wake);
	else if (bus->exported && !bus->leader)
		set_timer(bus);
}

void
lead_arm(tern_bus *bus, bool more)
{
	if (!bus->exported || bus->closed)
		return;
	if (!more && !bus->leader) {
		bus->leader = true;
		more = !take_doze(bus);
		bus->leader = false;
	}
	if (more) {
		write_more(bus);
	} else if (bus->armed) {
		take_bells(bus->more); /* there was something, or another took it */
		bus->armed = false;
	}
	set_timer(bus);
}
