/* SPDX-License-Identifier: MIT */

/* handler: see handler.h */

#include <pthread.h>
#include <utlist.h>

#include "client/bus.h"
#include "client/handler.h"

/* A thread that waits, and what for. */
struct handler_waiter {
	struct handler_waiter *prev, *next;
	const struct handler_frame *frames;
	const uint32_t *n_running;
};

static _Thread_local struct handler_frame *frames; /* the innermost first */

static pthread_mutex_t waiters_lock = PTHREAD_MUTEX_INITIALIZER; /* taken last */
static struct handler_waiter *waiters;

void
handler_begin(tern_bus *bus, struct handler_frame *frame, uint32_t *n_running)
{
	++*n_running;
	*frame = (struct handler_frame){.outer = frames, .bus = bus, .n_running = n_running, .cancel = cancel_off()};
	frames = frame;
	bus_leave(bus);
}

void
handler_end(struct handler_frame *frame)
{
	frames = frame->outer;
	cancel_back(frame->cancel);
	bus_lock(frame->bus);
	--*frame->n_running;
	if (unlikely(frame->bus->n_handler_waits))
		(void)pthread_cond_broadcast(&frame->bus->handler_done);
}

bool
bus_handling(const tern_bus *bus)
{
	for (const struct handler_frame *frame = frames; frame; frame = frame->outer)
		if (frame->bus == bus)
			return true;
	return false;
}

/* count() - how many of these frames are of those handlers */
static uint32_t
count(const struct handler_frame *frame, const uint32_t *n_running)
{
	uint32_t n = 0;

	for (; frame; frame = frame->outer)
		n += frame->n_running == n_running;
	return n;
}

/* leads_back() - does somebody in those handlers wait for this thread, or for another that does? No cycle yet. */
static bool
leads_back(const uint32_t *n_running)
{
	struct handler_waiter *waiter;

	DL_FOREACH (waiters, waiter)
		if (count(waiter->frames, n_running) &&
			(count(frames, waiter->n_running) || leads_back(waiter->n_running)))
			return true;
	return false;
}

void
handler_wait(tern_bus *bus, const uint32_t *n_running)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	struct handler_waiter waiter = {.frames = frames, .n_running = n_running};
	uint32_t own = count(frames, n_running);
	bool is_cycle;

	if (*n_running == own)
		return;
	(void)pthread_mutex_lock(&waiters_lock);
	is_cycle = leads_back(n_running);
	if (!is_cycle)
		DL_APPEND(waiters, &waiter);
	(void)pthread_mutex_unlock(&waiters_lock);
	if (is_cycle)
		return;
	bus->n_handler_waits++;
	while (*n_running > own)
		(void)pthread_cond_wait(&bus->handler_done, &bus->lock);
	bus->n_handler_waits--;
	bus->clock = 0; /* as bus_lock() */
	(void)pthread_mutex_lock(&waiters_lock);
	DL_DELETE(waiters, &waiter);
	(void)pthread_mutex_unlock(&waiters_lock);
}

void
handler_fork_prepare(void)
{
	(void)pthread_mutex_lock(&waiters_lock);
}

void
handler_fork_parent(void)
{
	(void)pthread_mutex_unlock(&waiters_lock);
}

void
handler_fork_child(void)
{
	waiters = NULL; /* threads that are not here */
	(void)pthread_mutex_unlock(&waiters_lock);
}
