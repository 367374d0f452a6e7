/* SPDX-License-Identifier: MIT */

/*
 * bus: life of a handle, options, and what fork() does to it
 *
 * A forked child must not hold a descriptor of the parent's: the end-of-file on a link is how
 * partners learn of a death. So all handles of a process are in a list, and the child closes
 * their descriptors before it runs on; the segments are absent there by MADV_DONTFORK.
 */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/processors.h"
#include "client/backlog.h"
#include "client/bus.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/event.h"
#include "client/expect.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/rights.h"
#include "client/state.h"
#include "client/stream.h"
#include "client/topic.h"
#include "client/watch.h"
#include "io/process.h"

static const _Atomic uint64_t for_ever; /* where there is no ternd that could end */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static tern_bus *all;
static _Atomic uint32_t fork_generation;

/* fork_prepare() - no handle is in the middle of anything, so that the child finds all it has to close */
_cold_ static void
fork_prepare(void)
{
	tern_bus *bus;

	(void)pthread_mutex_lock(&all_lock); /* cannot fail: ours, not held by this thread */
	DL_FOREACH (all, bus)
		bus_lock(bus); /* likewise: handlers run without it */
	handler_fork_prepare();
}

_cold_ static void
fork_parent(void)
{
	tern_bus *bus;

	handler_fork_parent();
	DL_FOREACH (all, bus)
		(void)pthread_mutex_unlock(&bus->lock);
	(void)pthread_mutex_unlock(&all_lock);
}

_cold_ static void
close_pool(struct pool *pool)
{
	for (struct pool_segment *segment = pool->segments; segment; segment = segment->next)
		segment_close_fd(&segment->memory);
}

/* close_queued() - descriptors that came with what the program has not seen yet */
_cold_ static void
close_queued(struct queue *queue)
{
	for (struct item *item = queue->first; item; item = item->next)
		if (item->message)
			for (uint8_t i = 0; i < item->message->n_fds; i++)
				item->message->fds[i] = fd_close(item->message->fds[i]);
}

/* close_kept() - descriptors of what waits for this partner */
_cold_ static void
close_kept(struct partner *partner)
{
	reply_forked(partner);
	backlog_forked(partner);
}

_cold_ static void
bus_close_descriptors(tern_bus *bus)
{
	bus->outer = fd_close(bus->outer);
	bus->more = fd_close(bus->more);
	bus->epoll = fd_close(bus->epoll);
	bus->wake = fd_close(bus->wake);
	bus->timer = fd_close(bus->timer);
}

/* fork_child() - only closes: the threads that would go on with the rest are not here */
_cold_ static void
fork_child(void)
{
	tern_bus *bus;

	store_rlx(&fork_generation, load_rlx(&fork_generation) + 1); /* one thread is left */
	handler_fork_child();
	DL_FOREACH (all, bus) {
		struct partner *partner;
		struct domain *domain;
		struct link *link;
		struct stream *stream;
		tern_state *state;

		DL_FOREACH (bus->endpoint.links, link) {
			link->fd = fd_close(link->fd);
			link->doorbell = fd_close(link->doorbell);
			for (uint32_t i = 0; i < link->n_fds; i++)
				link->fds[i] = fd_close(link->fds[i]);
			link->own.fd = fd_close(link->own.fd);
			link->partner.pidfd = fd_close(link->partner.pidfd);
			close_pool(&link->pool);
		}
		bus->endpoint.page.fd = fd_close(bus->endpoint.page.fd);
		bus->endpoint.doorbell = fd_close(bus->endpoint.doorbell);
		bus_close_descriptors(bus);
		listener_abandon(&bus->listener);
		daemon_forked(bus->daemon);
		bus->self.pidfd = fd_close(bus->self.pidfd);
		close_pool(&bus->own.pool);
		DL_FOREACH (bus->domains, domain)
			close_pool(&domain->pool);
		DL_FOREACH (bus->states, state)
			segment_close_fd(&state->value.memory);
		DL_FOREACH (bus->hot, partner)
			close_kept(partner);
		DL_FOREACH (bus->cold, partner)
			close_kept(partner);
		close_queued(&bus->queue);
		close_queued(&bus->kept);
		close_queued(&bus->to_self);
		DL_FOREACH (bus->streams, stream)
			close_queued(&stream->parts);
		(void)pthread_mutex_unlock(&bus->lock);
	}
	all = NULL;
	(void)pthread_mutex_unlock(&all_lock);
}

/* watch_forks() - once in a process, under all_lock: no handler takes that yet. A handle of whose forks nobody
 * hears would be used by two processes. */
_cold_ static int
watch_forks(void)
{
	static bool is_done;
	int r = is_done ? 0 : pthread_atfork(fork_prepare, fork_parent, fork_child);

	is_done = r == 0;
	return -r;
}

bool
bus_is_forked(const tern_bus *bus)
{
	return bus->fork_generation != load_rlx(&fork_generation); /* changes in the child alone */
}

int
bus_enter(tern_bus *bus)
{
	if (unlikely(bus_is_forked(bus)))
		return error_set(-ECHILD, ERROR_FAILED,
			"this handle is the parent's; open one of your own after fork()");
	bus_lock(bus);
	if (likely(!bus->closed))
		return 0;
	(void)pthread_mutex_unlock(&bus->lock);
	return error_set(-ESHUTDOWN, ERROR_FAILED, "the handle was closed");
}

void
bus_leave(tern_bus *bus)
{
	bool last = unlikely(bus->closed) && bus->n_held == 0 && !bus->released;

	if (unlikely(last))
		bus->released = true;
	(void)pthread_mutex_unlock(&bus->lock);
	if (unlikely(last))
		(void)bus_unref(bus); /* always NULL */
}

tern_bus *
bus_ref(tern_bus *bus)
{
	(void)add_rlx(&bus->refs, 1); /* whoever refs has a reference: nothing to order */
	return bus;
}

/* bus_drop_pending() - nothing of a closed handle is waited for any more */
_cold_ static void
bus_drop_queues(tern_bus *bus)
{
	struct item *item;

	while ((item = queue_take(&bus->queue)) || (item = queue_take(&bus->kept)) ||
		(item = queue_take(&bus->to_self)))
		(void)item_free(bus, item); /* always NULL */
}

tern_bus *
bus_unref(tern_bus *bus)
{
	if (!bus || sub_acqrel(&bus->refs, 1) > 1)
		return NULL;
	pool_deinit(&bus->own.pool);
	endpoint_deinit(&bus->endpoint);
	free(bus->batch);
	tap_deinit(&bus->tap);
	free(bus->found);
	free(bus->calls);
	spare_deinit(&bus->spare_items);
	spare_deinit(&bus->spare_messages);
	spare_deinit(&bus->spare_calls);
	free(bus->address);
	expect_drop_all(bus);
	versions_deinit(&bus->versions);
	for (size_t i = 0; i < bus->n_lives; i++)
		peers_deinit(&bus->lives[i]);
	free(bus->lives);
	(void)pthread_cond_destroy(&bus->handler_done);
	(void)pthread_mutex_destroy(&bus->lock);
	free(bus);
	return NULL;
}

int
bus_watch(tern_bus *bus, int fd, uint32_t events, struct source *source)
{
	struct epoll_event event = {.events = events, .data = {.ptr = source}};

	return epoll_ctl(bus->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

_cold_ int
bus_open_descriptors(tern_bus *bus)
{
	int r;

	r = endpoint_init(&bus->endpoint);
	if (r < 0)
		return error_trace(r);
	bus->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (bus->epoll < 0)
		return -errno;
	bus->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bus->wake < 0)
		return -errno;
	bus->doorbell_source.kind = SOURCE_DOORBELL;
	bus->wake_source.kind = SOURCE_WAKE;
	bus->timer_source.kind = SOURCE_TIMER;
	bus->control_source.kind = SOURCE_CONTROL;
	bus->listen_source.kind = SOURCE_LISTEN;
	r = bus_watch(bus, bus->endpoint.doorbell, EPOLLIN | EPOLLET, &bus->doorbell_source);
	if (r < 0)
		return error_trace(r);
	return bus_watch(bus, bus->wake, EPOLLIN, &bus->wake_source);
}

_cold_ static void
bus_set_defaults(tern_bus *bus)
{
	bus->timeout = DEFAULT_TIMEOUT;
	bus->max_wait = DEFAULT_MAX_WAIT;
	bus->budget = DEFAULT_BUDGET;
	bus->spin = DEFAULT_SPIN;
	bus->spin_now = DEFAULT_SPIN;
	bus->ring_again = DEFAULT_RING_AGAIN;
	bus->order = true;
	tap_init(&bus->tap);
	store_rlx(&bus->check, TERN_CHECK_ALL); /* nobody else has it */
	bus->one_processor = processors_usable(clock_now_ns()) == 1;
	bus->clock_offset = (uint64_t)clock_offset_ns();
	bus->fork_generation = load_rlx(&fork_generation); /* changes in a child alone */
}

_cold_ int
bus_new(enum bus_mode mode, const char *path, tern_bus **ret)
{
	tern_bus *bus;
	int r;

	bus = calloc(1, sizeof(*bus));
	if (!bus)
		return -ENOMEM;
	bus->refs = 1;
	bus->mode = mode;
	bus->epoll = bus->wake = bus->timer = bus->outer = bus->more = -1;
	store_rlx(&bus->life, &for_ever);
	bus->listener = LISTENER_INIT;
	bus->self = IDENTITY_INIT;
	bus->endpoint = ENDPOINT_INIT;
	queue_init(&bus->queue);
	queue_init(&bus->kept);
	queue_init(&bus->to_self);
	bus->own.pool = POOL_INIT(&bus->endpoint);
	shares_init(&bus->crowd, &bus->endpoint.budgets);
	(void)pthread_mutex_init(&bus->lock, NULL); /* default attributes: cannot fail */
	(void)pthread_cond_init(&bus->handler_done, NULL);
	bus_set_defaults(bus);
	(void)pthread_mutex_lock(&all_lock);
	r = watch_forks();
	DL_APPEND(all, bus);
	(void)pthread_mutex_unlock(&all_lock);
	if (!r && asprintf(&bus->address, "unix:%s", path) < 0) {
		bus->address = NULL;
		r = -ENOMEM;
	}
	if (r < 0) {
		(void)tern_close(bus); /* always NULL */
		return r;
	}
	*ret = bus;
	return 0;
}

/* bus_shut() - end links and calls; the descriptors go, the memory stays for who still refers to it */
_cold_ static void
bus_shut(tern_bus *bus)
{
	struct partner *partner;

	send_flush(bus);
	bus->closed = true;
	bus_plans_end(bus); /* who asks a topic without the lock finds the handle closed */
	topics_drop_idle(bus);
	call_cancel_all(bus);
	stream_drop_all(bus);
	bus_drop_queues(bus);
	while ((partner = bus->hot ? bus->hot : bus->cold)) { /* also those whose peer has a newer link in the table */
		link_publish(partner->link);
		(void)backlog_flush(partner); /* what has room; the rest is lost */
		partner_end(partner);
	}
	bus_drop_queues(bus);
	watch_reap(bus);
	partner_forget_missed(bus);
	rights_forget(bus);
	daemon_leave(bus);
	bus->daemon = daemon_free(bus->daemon);
	endpoint_close(&bus->endpoint);
	bus_close_descriptors(bus);
	listener_deinit(&bus->listener);
	identity_deinit(&bus->self);
}

_cold_ _public_ tern_bus *
tern_close(tern_bus *bus)
{
	if (!bus)
		return NULL;
	if (!bus_is_forked(bus)) {
		(void)pthread_mutex_lock(&all_lock); /* first, as fork_prepare() */
		bus_lock(bus);
		if (!bus->closed)
			bus_shut(bus);
		DL_DELETE(all, bus);
		(void)pthread_mutex_unlock(&all_lock);
		bus_leave(bus);
	}
	return NULL; /* the child's copy: what it points to is the parent's, and goes with the child */
}

_cold_ _public_ int
tern_set_option(tern_bus *bus, uint32_t option, uint64_t value)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	switch (option) {
	case TERN_OPT_TIMEOUT:
		if (value == 0)
			r = -EINVAL;
		else
			bus->timeout = value;
		break;
	case TERN_OPT_SPIN:
		bus->spin = value;
		bus->spin_now = value;
		break;
	case TERN_OPT_MAX_WAIT:
		bus->max_wait = value;
		bus->max_wait_set = true;
		break;
	case TERN_OPT_ORDER:
		if (value > 1)
			r = -EINVAL;
		else
			bus->order = value;
		break;
	case TERN_OPT_BUDGET:
		if (value == 0)
			r = -EINVAL;
		else
			bus->budget = value;
		break;
	case TERN_OPT_CHECK:
		if (value > TERN_CHECK_OTHERS)
			r = -EINVAL;
		else
			store_rlx(&bus->check, (uint32_t)value); /* a setting: orders nothing */
		break;
	default:
		r = -EINVAL;
	}
	bus_leave(bus);
	return r < 0 ? error_set(r, ERROR_INVALID, "option %u does not take %llu", option,
			(unsigned long long)value)
		     : 0;
}

_public_ tern_peer
tern_id(tern_bus *bus)
{
	tern_peer id;

	if (bus_is_forked(bus))
		return bus->id;
	bus_lock(bus); /* the next ternd may give another one */
	id = bus->id;
	(void)pthread_mutex_unlock(&bus->lock);
	return id;
}

_public_ const char *
tern_address(tern_bus *bus)
{
	return bus->address;
}

_cold_ _public_ int
tern_identify(tern_bus *bus, tern_peer peer, struct tern_identity *ret)
{
	struct partner *partner;
	int r;

	if (ret->size < sizeof(*ret))
		return error_set(-EINVAL, ERROR_INVALID, "set identity.size to sizeof(struct tern_identity)");
	r = bus_enter(bus);
	if (r < 0)
		return r;
	partner = partner_find(bus, peer);
	if (partner) {
		const struct identity *identity = &partner->link->partner;

		ret->uid = identity->uid;
		ret->gid = identity->gid;
		ret->pid = identity->pid;
		ret->same_domain = partner->link->same_domain;
		ret->reserved = 0;
		memcpy(ret->label, identity->label, sizeof(ret->label));
		ret->label[sizeof(ret->label) - 1] = '\0';
	} else {
		r = bus->daemon ? daemon_identify(bus, peer, ret) : -ENXIO;
	}
	bus_leave(bus);
	return r < 0 ? error_set(r, ERROR_NO_SERVICE, "no peer has the id %llu",
			(unsigned long long)peer)
		     : 0;
}

/* direct_pidfd() - one of a link without a bus: the kernel gave one when it connected */
_cold_ static int
direct_pidfd(const struct identity *identity, int *ret)
{
	int fd;

	if (identity->pidfd < 0)
		return -ENODATA;
	if (!process_lives(identity->pidfd))
		return -ESRCH;
	fd = fcntl(identity->pidfd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

_cold_ _public_ int
tern_peer_pidfd(tern_bus *bus, tern_peer peer, int *ret)
{
	struct partner *partner;
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	partner = partner_find(bus, peer);
	if (bus->daemon)
		r = daemon_pidfd(bus, peer, ret);
	else
		r = partner ? direct_pidfd(&partner->link->partner, ret) : -ENXIO;
	bus_leave(bus);
	if (r == -ENXIO)
		return error_set(r, ERROR_NO_SERVICE, "no peer has the id %llu", (unsigned long long)peer);
	if (r == -ESRCH || r == -ENODATA)
		return error_set(r, ERROR_NO_SERVICE, r == -ESRCH ? "the process of peer %llu has ended, or is not seen from here"
								  : "which process peer %llu is could not be found out",
			(unsigned long long)peer);
	return r < 0 ? error_errno(r, "a process") : 0;
}
