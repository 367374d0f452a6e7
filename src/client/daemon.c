/* SPDX-License-Identifier: MIT */

/* daemon: life of the conversation with ternd, and what it says; see daemon.h */

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client/call.h"
#include "client/daemon-state.h"
#include "client/error.h"
#include "client/event.h"
#include "client/listeners.h"
#include "client/message.h"
#include "client/rights.h"
#include "io/socket.h"

/* --- life --- */

struct daemon *
daemon_free(struct daemon *daemon)
{
	struct own_name *own, *next;
	struct own_rule *rule, *next_rule;
	struct request *request;

	if (!daemon)
		return NULL;
	while ((request = daemon->requests)) { /* introductions and calls: nobody waits for them */
		DL_DELETE(daemon->requests, request);
		while (request->calls)
			daemon_start_forget(request->calls);
		(void)call_unref_locked(request->call); /* always NULL */
		free(request);
	}
	daemon_forked(daemon);
	names_deinit(&daemon->names);
	owners_deinit(&daemon->owners);
	rules_deinit(&daemon->rules);
	tags_deinit(&daemon->tags);
	rule_hits_deinit(&daemon->hits);
	HASH_ITER (hh, daemon->own, own, next) {
		HASH_DEL(daemon->own, own);
		free(own->standing);
		free(own);
	}
	daemon_forget_unanswered(daemon);
	HASH_ITER (hh, daemon->own_rules, rule, next_rule) {
		HASH_DEL(daemon->own_rules, rule);
		free(rule->standing);
		free(rule);
	}
	free(daemon);
	return NULL;
}

void
daemon_forked(struct daemon *daemon)
{
	if (!daemon)
		return;
	daemon->fd = fd_close(daemon->fd);
	for (size_t i = 0; i < N_TABLES; i++)
		daemon->unmapped[i] = fd_close(daemon->unmapped[i]);
}

bool
daemon_is_over(const struct daemon *daemon)
{
	return daemon->gone && daemon->is_over;
}

bool
daemon_told(struct daemon *daemon)
{
	bool told = daemon->told;

	daemon->told = true;
	return told;
}

/* --- packets --- */

int
daemon_send(tern_bus *bus, const struct control *control)
{
	struct daemon *daemon = bus->daemon;
	uint8_t packet[4096];
	struct iovec iov = {.iov_base = packet};
	int r;

	if (daemon->gone && !daemon->joining)
		return error_set(-ENOTCONN, ERROR_NO_BUS, "ternd is gone");
	r = control_encode(control, packet, sizeof(packet), &iov.iov_len);
	if (r < 0)
		return error_set(-EINVAL, ERROR_INVALID, "not UTF-8, or too long, to tell ternd");
	r = socket_send(daemon->fd, &iov, 1, NULL, 0);
	if (r == SOCKET_E_FULL)
		return -EAGAIN;
	if (r == SOCKET_E_CLOSED)
		return error_set(-ENOTCONN, ERROR_NO_BUS, "ternd is gone");
	return error_fold(r);
}

/* add_link() - ternd made a link; both ends may push at once */
static int
add_link(tern_bus *bus, const struct control_link *link, int *fd, struct partner **ret)
{
	struct identity identity = IDENTITY_INIT;
	struct partner *partner;
	int r;

	identity.uid = link->uid;
	identity.gid = link->gid;
	identity.pid = link->pid;
	memcpy(identity.label, link->label.text ? link->label.text : "",
		MIN(link->label.size, sizeof(identity.label) - 1));
	r = *fd < 0 ? -EPROTO : partner_new(bus, link->peer, *fd, &identity, link->same_domain, &partner);
	if (r == 0) {
		(void)fd_steal(fd); /* the link's */
		partner->link_number = link->link;
		if (rights_begin(partner, link) < 0)
			partner_broke(partner); /* it could do what it may not */
		if (ret)
			*ret = partner;
		return 0;
	}
	return r;
}

static void
name_event(tern_bus *bus, const struct control_event *event)
{
	tern_message *m;

	if (event->lost)
		event_gap_daemon(bus, event->lost);
	if (event->tags.n == 0)
		return; /* tells of a loss and nothing else */
	event_of_name(bus, event);
	if (message_new_from_daemon(event, &m) < 0 || send_from_daemon(bus, m, event->rule) < 0)
		event_gap_daemon(bus, 1);
}

/* --- requests --- */

/* request_finish() - @answer: NULL: there is none, ternd is gone */
static void
request_finish(tern_bus *bus, struct request *request, int result, const struct control *answer)
{
	DL_DELETE(bus->daemon->requests, request);
	request->result = result;
	if (!request->is_heap) {
		lead_wake(&request->waiter);
		return;
	}
	if (request->start)
		daemon_started(bus, request);
	else if (request->is_call)
		daemon_call_answered(request->call, answer);
	else if (!request->call && result == -EPERM)
		(void)rights_refused(bus, request->peer); /* else ternd is asked again */
	else if (request->call)
		call_resend(request->call, partner_find(bus, request->peer),
			partner_find(bus, request->peer) ? 0 : -ENXIO);
	(void)call_unref_locked(request->call); /* always NULL */
	free(request);
}

void
daemon_failure(const struct control_failed *failed, struct tern_error *ret)
{
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)failed->error.size,
		failed->error.text ? failed->error.text : "");
	(void)snprintf(ret->text, sizeof(ret->text), "%.*s", (int)failed->text.size,
		failed->text.text ? failed->text.text : "");
}

static void
answered(tern_bus *bus, const struct control *control, int *fds, size_t n_fds)
{
	struct request *request;
	int result = 0;

	if (control->type == CONTROL_INTRODUCED)
		result = add_link(bus, &control->link, n_fds ? &fds[0] : &(int){-1}, NULL);
	DL_FOREACH (bus->daemon->requests, request)
		if (request->serial == control->serial)
			break;
	if (!request) { /* nobody waits, or it was given up meanwhile */
		listeners_answered(bus, control->serial);
		daemon_knows(bus, control->serial);
		if (control->type == CONTROL_FAILED)
			daemon_refused(bus, control->serial);
		return;
	}
	if (control->type == CONTROL_FAILED) {
		result = -(int)MIN(MAX(control->failed.code, 1u), 4095u);
		daemon_failure(&control->failed, &request->error);
		if (control->failed.peer)
			request->peer = control->failed.peer;
	} else if (control->type == CONTROL_DONE) {
		request->state = control->done.state;
	} else if (control->type == CONTROL_FOUND) {
		request->peer = control->found.peer;
	} else if (control->type == CONTROL_INTRODUCED) {
		request->peer = control->link.peer;
	}
	request_finish(bus, request, result, control);
}

static void
dispatch(tern_bus *bus, const struct control *control, int *fds, size_t n_fds)
{
	struct daemon *daemon = bus->daemon;

	daemon->stalled = false;
	switch (control->type) {
	case CONTROL_LINK:
		if (n_fds)
			(void)add_link(bus, &control->link, &fds[0], NULL); /* the other end sees the hang-up */
		break;
	case CONTROL_LISTENERS:
		listeners_changed(bus);
		break;
	case CONTROL_WELCOME:
		if (!daemon->gone)
			break;
		if (daemon_take_welcome(bus, &control->welcome, fds, n_fds) == 0)
			daemon_welcomed(bus);
		else
			daemon_ended(bus); /* no memory, say: it is tried again */
		break;
	case CONTROL_RIGHTS:
		rights_news(bus, &control->rights);
		break;
	case CONTROL_BYE:
		daemon->is_over = true;
		break;
	case CONTROL_EVENT:
		name_event(bus, &control->event);
		break;
	case CONTROL_TABLE:
		if (n_fds && daemon_take_table(bus, control->table.kind, &fds[0]) == 0)
			bus_plans_end(bus);
		break;
	case CONTROL_OWNER_LOST:
		daemon_own_remove(bus, control->name.name.text, control->name.name.size);
		break;
	case CONTROL_OWNER_GAINED:
		(void)daemon_own_add(bus, control->name.name.text, control->name.name.size); /* was asked for */
		break;
	case CONTROL_FAILED:
		if (control->serial == 0)
			break; /* said unasked, before it hangs up: what is not asked again yet has no serial either */
		if (daemon->gone && control->serial == HELLO_SERIAL) {
			if (control->failed.code == EAGAIN)
				(void)daemon_hello(bus, true); /* if not, it hangs up in the end */
			break;
		}
		answered(bus, control, fds, n_fds);
		break;
	default:
		answered(bus, control, fds, n_fds);
	}
}

/* hung_up() - links go on and tables stay readable; requests are made again, or fail if ternd said bye */
static void
hung_up(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;
	struct request *request, *next;
	bool is_news = !daemon->gone;

	daemon_ended(bus);
	DL_FOREACH_SAFE (daemon->requests, request, next)
		if (!request->is_heap || request->is_call || daemon->is_over)
			request_finish(bus, request, -ENOTCONN, NULL);
	if (!is_news)
		return;
	queue_notice(bus, TERN_LOST, TERN_PEER_BUS);
	lead_interrupt_items(bus);
}

static int
receive(tern_bus *bus, uint8_t *packet)
{
	struct daemon *daemon = bus->daemon;
	struct control control;
	int fds[CONTROL_MAX_FDS], r;
	size_t size, n_fds;

	r = socket_recv(daemon->fd, packet, CONTROL_MAX_PACKET, &size, fds, CONTROL_MAX_FDS,
		&n_fds);
	if (r == SOCKET_E_EMPTY)
		return 0;
	if (r == SOCKET_E_TRUNCATED && daemon->joining) {
		daemon_ended(bus); /* that was the welcome: it is tried again, with descriptors perhaps */
		return 0;
	}
	if (r == SOCKET_E_TRUNCATED)
		return 1; /* no descriptors left here: the link's other end sees the hang-up */
	if (r) {
		hung_up(bus);
		return 0;
	}
	if (control_decode(&control, packet, size, NULL) == 0)
		dispatch(bus, &control, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		(void)fd_close(fds[i]); /* those that were kept are -1 */
	return daemon->fd >= 0;
}

bool
daemon_has_news(struct daemon *daemon)
{
	if (unlikely(daemon->gone))
		return false; /* its socket tells */
	return peers_inbox(&daemon->peers, daemon->slot) != daemon->inbox ||
	       load_acq(peers_life(&daemon->peers)) & PEERS_LIFE_OVER;
}

size_t
daemon_read(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;
	_cleanup_(freep) uint8_t *packet = NULL;
	size_t n = 0;

	if (daemon->fd < 0)
		return 0;
	packet = malloc(CONTROL_MAX_PACKET); /* large, and needed for moments: idle programs have none */
	if (!packet)
		return 0; /* what came stays where it is, and is looked for again */
	daemon->inbox = peers_inbox(&daemon->peers, daemon->slot); /* T6: before the socket */
	while (receive(bus, packet)) {
		bus->clock = 0; /* something was learned */
		n++;
	}
	return n;
}
