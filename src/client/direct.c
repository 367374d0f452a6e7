/* SPDX-License-Identifier: MIT */

/* direct: tern_dial(), tern_listen(); and tern_open(), which dials ternd */

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client/bus.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/error.h"
#include "client/event.h"
#include "io/address.h"
#include "io/socket.h"

#define OPEN_WAIT     (5 * NSEC_PER_SEC) /* for a ternd that comes after another */
#define FIRST_PARTNER 2u /* 0 is nobody, 1 is ternd */

/* who_am_i() - as the kernel would tell it to a partner */
static int
who_am_i(struct identity *ret)
{
	int pair[2], r;

	r = socket_pair(pair);
	if (r < 0)
		return error_trace(r);
	r = socket_identity(pair[0], ret);
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
	return r;
}

/* path_of() - of an address, or of the environment's */
static int
path_of(const char *address, char *storage, const char **ret)
{
	int r = 0;

	if (!address) {
		r = address_default(storage);
		address = storage;
	}
	if (r == 0)
		r = address_path(address, ret);
	return r ? error_set(-EINVAL, ERROR_INVALID, "\"%.100s\" %s", r < 0 ? "" : address,
			   address_strerror(r))
		 : 0;
}

static int
no_bus(int r, const char *path)
{
	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
		return error_set(r, ERROR_NO_BUS, "nobody listens at unix:%s: start ternd, or set TERN_BUS",
			path);
	case -EACCES:
		return error_set(r, ERROR_REFUSED, "no right to connect to unix:%s", path);
	default:
		return error_errno(r, path);
	}
}

/* direct_link() - a partner over a connected socket */
static int
direct_link(tern_bus *bus, int fd)
{
	struct identity identity = IDENTITY_INIT;
	struct partner *partner;
	int r;

	r = socket_identity(fd, &identity);
	if (r < 0)
		return error_trace(r);
	r = partner_new(bus, FIRST_PARTNER + bus->last_partner++, fd, &identity,
		identity_is_same_domain(&identity, &bus->self), &partner);
	if (r < 0) {
		identity_deinit(&identity);
		return error_trace(r);
	}
	rules_here_tell(partner);
	return 0;
}

/* listen_pause() - who dials waits in the kernel while there are no descriptors here */
static void
listen_pause(tern_bus *bus, bool pause)
{
	int r = 0;

	if (bus->listen_paused == pause)
		return;
	if (pause)
		(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, bus->listener.fd, NULL); /* it is in it */
	else
		r = bus_watch(bus, bus->listener.fd, EPOLLIN, &bus->listen_source);
	if (r == 0)
		bus->listen_paused = pause;
}

void
direct_accept(tern_bus *bus)
{
	int fd, r;

	while ((r = socket_accept(bus->listener.fd, &fd)) == 0)
		if (direct_link(bus, fd) < 0)
			(void)fd_close(fd); /* the other end sees the hang-up */
	if (r < 0)
		listen_pause(bus, true); /* until a partner ends */
}

int
direct_wait_rules(struct partner *partner, uint64_t deadline)
{
	struct waiter waiter = {.kind = WAIT_RULES, .partner = partner};
	int r;

	if (partner->knows_rules)
		return 0;
	(void)partner_ref(partner); /* itself */
	r = lead_wait(partner->bus, &waiter, deadline);
	(void)partner_unref(partner); /* may be the last */
	return r;
}

static void
wake_waiters(struct partner *partner)
{
	struct waiter *waiter;

	DL_FOREACH (partner->bus->waiters, waiter)
		if (waiter->kind == WAIT_RULES && waiter->partner == partner)
			lead_wake(waiter);
}

/* note_unsure() - it may be so now, or not any more */
static void
note_unsure(struct partner *partner, bool was_unsure)
{
	if (!partner->dead)
		partner->bus->n_untold += (uint32_t)direct_is_unsure(partner) - was_unsure;
}

void
direct_rule_refused(struct partner *partner, bool refused)
{
	bool was_unsure = direct_is_unsure(partner);

	if (refused)
		partner->n_refused++;
	else if (partner->n_refused > 0)
		partner->n_refused--;
	note_unsure(partner, was_unsure);
}

void
direct_rules_told(struct partner *partner)
{
	bool was_unsure = direct_is_unsure(partner);

	partner->knows_rules = true;
	note_unsure(partner, was_unsure);
	bus_plans_end(partner->bus);
	wake_waiters(partner);
}

void
direct_partner_ended(struct partner *partner)
{
	wake_waiters(partner);
	if (partner->bus->listen_paused && !partner->bus->closed)
		listen_pause(partner->bus, false);
}

/* direct_begin() - a handle of this mode, knowing who we are; on a bus ternd tells who shares a domain */
static int
direct_begin(enum bus_mode mode, const char *path, tern_bus **ret)
{
	tern_bus *bus = NULL;
	int r;

	r = bus_new(mode, path, &bus);
	if (r == 0)
		r = bus_open_descriptors(bus);
	if (r == 0)
		r = who_am_i(&bus->self);
	if (r < 0) {
		(void)tern_close(bus); /* always NULL */
		return error_errno(r, "new handle");
	}
	*ret = bus;
	return 0;
}

_public_ int
tern_dial(const char *address, tern_bus **ret)
{
	_cleanup_(fd_closep) int fd = -1;
	char storage[ADDRESS_SIZE];
	const char *path;
	tern_bus *bus;
	int r;

	r = path_of(address, storage, &path);
	if (r < 0)
		return r;
	r = socket_connect(path, &fd);
	if (r < 0)
		return no_bus(r, path);
	r = direct_begin(MODE_DIAL, path, &bus);
	if (r < 0)
		return r;
	bus_lock(bus);
	r = direct_link(bus, fd);
	if (r == 0)
		(void)fd_steal(&fd); /* the link's */
	(void)pthread_mutex_unlock(&bus->lock);
	if (r < 0) {
		(void)tern_close(bus); /* always NULL */
		return error_errno(r, path);
	}
	*ret = bus;
	return 0;
}

_public_ int
tern_listen(const char *address, tern_bus **ret)
{
	char storage[ADDRESS_SIZE];
	const char *path;
	tern_bus *bus;
	int r;

	if (!address)
		return error_set(-EINVAL, ERROR_INVALID, "listening needs an address, \"unix:PATH\"");
	r = path_of(address, storage, &path);
	if (r < 0)
		return r;
	r = direct_begin(MODE_LISTEN, path, &bus);
	if (r < 0)
		return r;
	r = listener_open(&bus->listener, path, 0600);
	if (r == 0)
		r = bus_watch(bus, bus->listener.fd, EPOLLIN, &bus->listen_source);
	if (r) {
		(void)tern_close(bus); /* always NULL */
		return r < 0 ? no_bus(r, path)
			     : error_set(r == LISTENER_E_IN_USE ? -EADDRINUSE : -EEXIST, ERROR_REFUSED,
				       "unix:%s: %s", path, listener_strerror(r));
	}
	*ret = bus;
	return 0;
}

/* join_bus() - with the lock. The error is recorded. */
static int
join_bus(tern_bus *bus, const char *path)
{
	int r;

	error_clear();
	r = daemon_connect(bus, path);
	if (r < 0)
		return error_get()->name[0] ? r : no_bus(r, path);
	r = bus->epoll < 0 ? bus_open_descriptors(bus) : 0; /* meanwhile ternd works */
	if (r < 0)
		return error_errno(r, "new handle");
	r = daemon_join(bus);
	return r < 0 ? error_or(r, path) : 0;
}

/* is_between() - a ternd was killed there, or made room, and the next one is not there yet: its journal lies there */
static bool
is_between(int error, const char *path)
{
	char journal[ADDRESS_SIZE + sizeof(".journal")];

	if (error != -ECONNREFUSED && error != -ENOENT && error != -ECONNRESET)
		return false;
	(void)snprintf(journal, sizeof(journal), "%s.journal", path); /* fits */
	return access(journal, F_OK) == 0;
}

/* join_when_there() - wait for a ternd that comes after another */
static int
join_when_there(tern_bus *bus, const char *path)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	const struct timespec pause = {.tv_nsec = NSEC_PER_MSEC * 10};
	uint64_t deadline = clock_deadline_ns(clock_now_ns(), OPEN_WAIT);
	int r;

	while ((r = join_bus(bus, path)) < 0 && is_between(r, path) && clock_now_ns() < deadline) {
		bus->daemon = daemon_free(bus->daemon);
		(void)pthread_mutex_unlock(&bus->lock); /* for who forks meanwhile */
		(void)nanosleep(&pause, NULL);		/* a signal makes it shorter */
		bus_lock(bus);
	}
	return r;
}

_public_ int
tern_open(const char *address, tern_bus **ret)
{
	char storage[ADDRESS_SIZE];
	const char *path;
	tern_bus *bus = NULL;
	int r;

	r = path_of(address, storage, &path);
	if (r < 0)
		return r;
	r = bus_new(MODE_BUS, path, &bus);
	if (r < 0)
		return error_errno(r, "new handle");
	bus_lock(bus);
	r = join_when_there(bus, path);
	(void)pthread_mutex_unlock(&bus->lock);
	if (r < 0) {
		(void)tern_close(bus); /* always NULL */
		return r;
	}
	*ret = bus;
	return 0;
}
