/* SPDX-License-Identifier: MIT */

/* daemon: requests to ternd, and its messages; see daemon.h */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/call.h"
#include "client/daemon-state.h"
#include "client/error.h"
#include "client/event.h"
#include "client/message.h"
#include "io/socket.h"
#include "wire/control.h"
#include "wire/name.h"

#define CONNECT_TIMEOUT_MS 25000
#define FULL_RETRY         (10 * NSEC_PER_MSEC)
#define HELLO_AGAIN        1 /* it may have waited: ternd was stopped, or had no processor */

static struct control_text
text_of(const char *text)
{
	return (struct control_text){.text = text, .size = text ? strlen(text) : 0};
}

/* --- life --- */

struct daemon *
daemon_free(struct daemon *daemon)
{
	struct own_name *own, *next;
	struct request *request;

	if (!daemon)
		return NULL;
	while ((request = daemon->requests)) { /* introductions: nobody waits for them */
		DL_DELETE(daemon->requests, request);
		(void)call_unref_locked(request->call); /* always NULL */
		free(request);
	}
	daemon_forked(daemon);
	peers_deinit(&daemon->peers);
	names_deinit(&daemon->names);
	owners_deinit(&daemon->owners);
	rules_deinit(&daemon->rules);
	tags_deinit(&daemon->tags);
	rule_hits_deinit(&daemon->hits);
	HASH_ITER (hh, daemon->own, own, next) {
		HASH_DEL(daemon->own, own);
		free(own);
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
daemon_is_gone(const struct daemon *daemon)
{
	return daemon->gone;
}

bool
daemon_told(struct daemon *daemon)
{
	bool told = daemon->told;

	daemon->told = true;
	return told;
}

/* --- packets --- */

static int
daemon_send(tern_bus *bus, const struct control *control)
{
	struct daemon *daemon = bus->daemon;
	uint8_t packet[4096];
	struct iovec iov = {.iov_base = packet};
	int r;

	if (daemon->gone)
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

static struct own_name *
own_find(const struct daemon *daemon, const char *name, size_t size)
{
	struct own_name *own;

	HASH_FIND(hh, daemon->own, name, size, own);
	return own;
}

static int
own_add(tern_bus *bus, const char *name, size_t size)
{
	struct daemon *daemon = bus->daemon;
	struct own_name *own = own_find(daemon, name, size);

	if (own)
		return 0;
	own = calloc(1, sizeof(*own) + size + 1);
	if (!own)
		return -ENOMEM;
	memcpy(own->name, name, size);
	HASH_ADD_KEYPTR(hh, daemon->own, own->name, size, own);
	if (!hash_added(own, hh)) {
		free(own);
		return -ENOMEM;
	}
	bus_plans_end(bus);
	return 0;
}

static void
own_remove(tern_bus *bus, const char *name, size_t size)
{
	struct daemon *daemon = bus->daemon;
	struct own_name *own = own_find(daemon, name, size);

	if (!own)
		return;
	HASH_DEL(daemon->own, own);
	free(own);
	bus_plans_end(bus);
}

/* --- requests --- */

static void
request_finish(tern_bus *bus, struct request *request, int result)
{
	DL_DELETE(bus->daemon->requests, request);
	request->result = result;
	if (!request->is_heap) {
		lead_wake(&request->waiter);
		return;
	}
	if (request->call)
		call_resend(request->call, partner_find(bus, request->peer),
			partner_find(bus, request->peer) ? 0 : -ENXIO);
	(void)call_unref_locked(request->call); /* always NULL */
	free(request);
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
	if (!request)
		return; /* given up meanwhile */
	if (control->type == CONTROL_FAILED) {
		const struct control_failed *failed = &control->failed;

		result = -(int)MIN(MAX(failed->code, 1u), 4095u);
		(void)snprintf(request->error.name, sizeof(request->error.name), "%.*s",
			(int)failed->error.size, failed->error.text ? failed->error.text : "");
		(void)snprintf(request->error.text, sizeof(request->error.text), "%.*s",
			(int)failed->text.size, failed->text.text ? failed->text.text : "");
		if (failed->peer)
			request->peer = failed->peer;
	} else if (control->type == CONTROL_DONE) {
		request->state = control->done.state;
	} else if (control->type == CONTROL_FOUND) {
		request->peer = control->found.peer;
	} else if (control->type == CONTROL_INTRODUCED) {
		request->peer = control->link.peer;
	}
	request_finish(bus, request, result);
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
	case CONTROL_EVENT:
		name_event(bus, &control->event);
		break;
	case CONTROL_TABLE:
		if (n_fds && daemon_take_table(bus, control->table.kind, &fds[0]) == 0)
			bus_plans_end(bus);
		break;
	case CONTROL_OWNER_LOST:
		own_remove(bus, control->name.name.text, control->name.name.size);
		break;
	case CONTROL_OWNER_GAINED:
		(void)own_add(bus, control->name.name.text, control->name.name.size); /* was asked for */
		break;
	default:
		answered(bus, control, fds, n_fds);
	}
}

/* hung_up() - links go on; requests fail, tables stay readable */
static void
hung_up(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;

	daemon->gone = true;
	(void)epoll_ctl(bus->epoll, EPOLL_CTL_DEL, daemon->fd, NULL); /* told once */
	while (daemon->requests)
		request_finish(bus, daemon->requests, -ENOTCONN);
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
	return 1;
}

bool
daemon_has_news(struct daemon *daemon)
{
	return peers_inbox(&daemon->peers, daemon->slot) != daemon->inbox;
}

size_t
daemon_read(tern_bus *bus)
{
	struct daemon *daemon = bus->daemon;
	_cleanup_(freep) uint8_t *packet = NULL;
	size_t n = 0;

	if (daemon->gone)
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

/* request_pause() - take things in for a moment. Return: 0, -ETIME the deadline has passed, … */
static int
request_pause(tern_bus *bus, uint64_t deadline)
{
	struct waiter waiter = {.kind = WAIT_ANSWER};
	uint64_t now = clock_now_ns();

	if (now >= deadline)
		return -ETIME;
	(void)lead_wait(bus, &waiter, MIN(deadline, now + FULL_RETRY)); /* never done: a pause */
	return 0;
}

/* request_send() - now, or as soon as ternd's socket has room */
static int
request_send(tern_bus *bus, struct control *control, uint64_t deadline)
{
	int r;

	control->serial = ++bus->daemon->last_serial;
	while ((r = daemon_send(bus, control)) == -EAGAIN) {
		r = request_pause(bus, deadline);
		if (r < 0)
			return error_set(r, ERROR_TIMEOUT, "ternd does not read its socket");
	}
	return r;
}

/* request() - send and wait for the answer; the error is recorded */
static int
request(tern_bus *bus, struct control *control, struct request *request, uint64_t deadline)
{
	struct daemon *daemon = bus->daemon;
	int r;

	*request = (struct request){.waiter = {.kind = WAIT_ANSWER}};
	r = request_send(bus, control, deadline);
	if (r < 0)
		return r;
	request->serial = control->serial;
	DL_APPEND(daemon->requests, request);
	r = lead_wait(bus, &request->waiter, deadline);
	if (!request->waiter.done)
		DL_DELETE(daemon->requests, request);
	if (r == -ETIME) {
		daemon->stalled = true;
		return error_set(r, ERROR_TIMEOUT, "ternd does not answer");
	}
	if (r < 0)
		return r;
	if (request->result == -ENOTCONN)
		return error_set(-ENOTCONN, ERROR_NO_BUS, "ternd is gone");
	if (request->result < 0)
		return error_set(request->result, request->error.name, "%s", request->error.text);
	return 0;
}

static uint64_t
default_deadline(const tern_bus *bus)
{
	return clock_deadline_ns(clock_now_ns(), bus->timeout);
}

/* --- connecting --- */

/* take_welcome() - tables, own id, and no introduction */
static int
take_welcome(tern_bus *bus, const struct control_welcome *welcome, int *fds, size_t n_fds)
{
	struct daemon *daemon = bus->daemon;
	int r = 0;

	if (welcome->tables.n > n_fds || welcome->tables.n < 5)
		return error_set(-EPROTO, ERROR_PROTOCOL, "ternd did not send its tables");
	for (size_t i = 0; i < welcome->tables.n && r == 0; i++)
		r = daemon_take_table(bus, welcome->tables.items[i], &fds[i]);
	if (r < 0)
		return error_set(r, ERROR_PROTOCOL, "a table of ternd could not be mapped");
	for (uint32_t kind = CONTROL_TABLE_PEERS; kind < N_TABLES; kind++)
		if (daemon->unmapped[kind] < 0)
			return error_set(-EPROTO, ERROR_PROTOCOL, "ternd did not send all of its tables");
	r = daemon_need_table(bus, CONTROL_TABLE_PEERS);
	if (r < 0)
		return error_set(r, ERROR_PROTOCOL, "a table of ternd could not be mapped");
	bus->id = welcome->peer;
	daemon->slot = welcome->slot;
	daemon->inbox = peers_inbox(&daemon->peers, daemon->slot) - 1; /* look at once */
	return 0;
}

static int
take_first(tern_bus *bus, const struct control *control, int *fds, size_t n_fds)
{
	const struct control_failed *failed = &control->failed;

	if (control->type == CONTROL_WELCOME)
		return take_welcome(bus, &control->welcome, fds, n_fds);
	if (control->type != CONTROL_FAILED)
		return error_set(-EPROTO, ERROR_PROTOCOL, "ternd's first word is not a welcome");
	(void)error_set(-(int)MIN(MAX(failed->code, 1u), 4095u), ERROR_REFUSED, "%.*s",
		(int)failed->text.size, failed->text.text ? failed->text.text : "ternd refuses");
	if (failed->code == EAGAIN && control->serial)
		return HELLO_AGAIN;
	return -(int)MIN(MAX(failed->code, 1u), 4095u);
}

static int
wait_welcome(tern_bus *bus)
{
	_cleanup_(freep) uint8_t *packet = malloc(CONTROL_MAX_PACKET);
	struct daemon *daemon = bus->daemon;
	struct pollfd pollfd = {.fd = daemon->fd, .events = POLLIN};
	struct control control;
	int fds[CONTROL_MAX_FDS], r;
	size_t size, n_fds;

	if (!packet)
		return error_errno(-ENOMEM, "connecting");
	do {
		r = poll(&pollfd, 1, CONNECT_TIMEOUT_MS);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return error_set(-ETIME, ERROR_TIMEOUT, "ternd does not answer");
	r = socket_recv(daemon->fd, packet, CONTROL_MAX_PACKET, &size, fds, CONTROL_MAX_FDS,
		&n_fds);
	if (r == SOCKET_E_TRUNCATED)
		return error_set(-EMFILE, ERROR_FAILED, "no descriptors are left for what ternd sends: "
			"close some, or raise the limit (ulimit -n)");
	if (r)
		return error_set(-ECONNRESET, ERROR_NO_BUS, "ternd hung up: is it one of another version?");
	r = control_decode(&control, packet, size, NULL);
	if (r == 0)
		r = take_first(bus, &control, fds, n_fds);
	else
		r = error_set(-EPROTO, ERROR_PROTOCOL, "ternd's answer is not understood: %s",
			control_strerror(r));
	for (size_t i = 0; i < n_fds; i++)
		(void)fd_close(fds[i]); /* mapped, or not wanted */
	return r;
}

static int
say_hello(tern_bus *bus)
{
	struct control hello = {
		.type = CONTROL_HELLO,
		.serial = 1,
		.hello = {
			.major_min = CONTROL_MAJOR,
			.major_max = CONTROL_MAJOR,
			.minor = CONTROL_MINOR,
			.clock = bus_now(bus),
		},
	};
	int r = daemon_send(bus, &hello);

	return r == -ENOTCONN ? 0 : r; /* who refuses may hang up before it reads: its answer is there */
}

int
daemon_connect(tern_bus *bus, const char *path)
{
	int r;

	bus->daemon = calloc(1, sizeof(*bus->daemon));
	if (!bus->daemon)
		return -ENOMEM;
	bus->daemon->last_serial = 1;
	bus->daemon->fd = -1;
	for (size_t i = 0; i < N_TABLES; i++)
		bus->daemon->unmapped[i] = -1;
	r = socket_connect(path, &bus->daemon->fd);
	if (r < 0) {
		bus->daemon->fd = -1;
		return r;
	}
	return say_hello(bus);
}

int
daemon_join(tern_bus *bus)
{
	int r;

	while ((r = wait_welcome(bus)) == HELLO_AGAIN) { /* ternd says that a few times */
		r = say_hello(bus);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = bus_watch(bus, bus->daemon->fd, EPOLLIN | EPOLLRDHUP, &bus->control_source);
	return r;
}

/* --- look-ups that the tables could not answer, and own names --- */

/* ask() - whom the tables could not tell. Rare: they changed under 64 attempts in a row. */
static int
ask(tern_bus *bus, const char *name, tern_peer *ret)
{
	struct control control = {.type = CONTROL_LOOKUP, .name = {text_of(name)}};
	struct request r1;
	int r;

	r = request(bus, &control, &r1, default_deadline(bus));
	if (r == 0)
		*ret = r1.peer;
	return r;
}

int
daemon_lookup(tern_bus *bus, const char *name, tern_peer *ret)
{
	int r = daemon_owner(bus, name, ret);

	return r == -EAGAIN ? ask(bus, name, ret) : r;
}

bool
daemon_has_name(const tern_bus *bus, const char *name)
{
	return bus->daemon && own_find(bus->daemon, name, strlen(name));
}

/* --- links --- */

bool
daemon_is_stalled(tern_bus *bus)
{
	if (bus->daemon->stalled) {
		lead_pause(bus);
		(void)daemon_read(bus); /* has it said something since? */
	}
	return bus->daemon->stalled;
}

/* introduce() - @name: or ":ID"; @peer: whose that is, 0 unknown */
static int
introduce(tern_bus *bus, const char *name, tern_peer peer, uint64_t deadline, struct partner **ret)
{
	struct control control = {.type = CONTROL_INTRODUCE, .name = {text_of(name)}};
	struct request r1;
	int r;

	do {
		r = request(bus, &control, &r1, deadline);
		*ret = partner_find(bus, peer ? peer : r1.peer);
		if (*ret)
			return 0; /* made for us, or by the other end before us */
		/* it did not read yet: many call it at once; or there was a link before the answer, which is gone again */
	} while ((r == -EAGAIN || r == -EALREADY) && request_pause(bus, deadline) == 0);
	return r < 0 && r != -EALREADY ? r : error_set(-EHOSTDOWN, ERROR_DIED, "the peer died while it was introduced");
}

int
daemon_introduce(tern_bus *bus, tern_peer peer, uint64_t deadline, struct partner **ret)
{
	char id[24];

	if (deadline == 0)
		return error_set(-EAGAIN, ERROR_TIMEOUT, "a new link takes a word of ternd, and none was waited for");
	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)peer); /* fits */
	return introduce(bus, id, peer, deadline, ret);
}

int
daemon_introduce_owner(tern_bus *bus, const char *name, uint64_t deadline, struct partner **ret)
{
	if (likely(bus->partners || daemon_has_table(bus->daemon, CONTROL_TABLE_NAMES)) ||
		bus->daemon->gone || daemon_has_name(bus, name) || name_check(name, strlen(name), NULL))
		return DAEMON_E_LOOK_UP;
	return introduce(bus, name, 0, deadline, ret);
}

int
daemon_introduce_for(tern_bus *bus, tern_peer peer, tern_call *call)
{
	struct control control = {.type = CONTROL_INTRODUCE};
	struct request *request;
	char id[24];
	int r;

	DL_FOREACH (bus->daemon->requests, request)
		if (!call && request->is_heap && request->peer == peer)
			return 0; /* it was asked for already */
	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)peer); /* fits */
	control.name.name = text_of(id);
	control.serial = ++bus->daemon->last_serial;
	r = daemon_send(bus, &control);
	if (r < 0) {
		free(request);
		return r;
	}
	request->serial = control.serial;
	request->peer = peer;
	request->is_heap = true;
	request->call = call ? tern_call_ref(call) : NULL;
	DL_APPEND(bus->daemon->requests, request);
	return 0;
}

void
daemon_unlinked(tern_bus *bus, const struct partner *partner)
{
	struct control control = {
		.type = CONTROL_UNLINK,
		.unlink = {.peer = partner->id, .link = partner->link_number},
	};

	if (!bus->daemon || bus->daemon->gone)
		return;
	control.serial = ++bus->daemon->last_serial;
	(void)daemon_send(bus, &control); /* full: ternd finds the end of a dead peer by itself */
}

/* --- names --- */

int
daemon_own(tern_bus *bus, const char *name, uint32_t flags, const char *const *labels)
{
	struct control control = {
		.type = CONTROL_OWN,
		.own = {.name = text_of(name), .flags = flags},
	};
	bool had = daemon_has_name(bus, name);
	struct request r1;
	int r;

	for (size_t i = 0; labels && labels[i]; i++) {
		if (i == CONTROL_MAX_TAGS)
			return error_set(-E2BIG, ERROR_TOO_BIG, "a name has at most 16 labels");
		control.own.labels.items[i] = text_of(labels[i]);
		control.own.labels.n = i + 1;
	}
	r = own_add(bus, name, strlen(name)); /* callers may be faster than the answer */
	if (r == 0)
		r = request(bus, &control, &r1, default_deadline(bus));
	if (r < 0 && !had)
		own_remove(bus, name, strlen(name));
	if (r == 0 && r1.state == CONTROL_QUEUED)
		return error_set(-EINPROGRESS, ERROR_NAME_TAKEN, "the name is taken; this program is in line");
	return r;
}

int
daemon_disown(tern_bus *bus, const char *name)
{
	struct control control = {.type = CONTROL_DISOWN, .name = {text_of(name)}};
	struct request r1;
	int r;

	r = request(bus, &control, &r1, default_deadline(bus));
	own_remove(bus, name, strlen(name));
	return r;
}

void
daemon_release(tern_bus *bus, const char *name)
{
	struct control control = {.type = CONTROL_DISOWN, .name = {text_of(name)}};

	if (!bus->daemon || bus->daemon->gone)
		return;
	(void)request_send(bus, &control, default_deadline(bus)); /* the answer tells nothing */
	own_remove(bus, name, strlen(name));
}

/* --- rules --- */

int
daemon_rule_add(tern_bus *bus, uint64_t id, const struct tern_rule *rule)
{
	struct control control = {
		.type = CONTROL_RULE_ADD,
		.rule_add = {.rule = id, .policy = rule->policy, .sender = text_of(rule->sender)},
	};
	struct request r1;

	for (size_t i = 0; rule->tags && rule->tags[i] && i < CONTROL_MAX_TAGS; i++) {
		control.rule_add.tags.items[i] = text_of(rule->tags[i]);
		control.rule_add.tags.n = i + 1;
	}
	if (!RULE(SUBSCRIBE_WAIT))
		return request_send(bus, &control, default_deadline(bus));
	return request(bus, &control, &r1, default_deadline(bus));
}

void
daemon_rule_remove(tern_bus *bus, uint64_t id)
{
	struct control control = {.type = CONTROL_RULE_REMOVE, .rule_remove = {.rule = id}};

	if (bus->daemon && !bus->daemon->gone)
		(void)request_send(bus, &control, default_deadline(bus)); /* the answer tells nothing */
}
