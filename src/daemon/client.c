/* SPDX-License-Identifier: MIT */

/* client: a program's connection to ternd, and what waits to be sent on it */

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/access.h"
#include "daemon/client.h"
#include "daemon/history.h"
#include "daemon/request.h"
#include "daemon/start.h"
#include "daemon/turn.h"
#include "daemon/watch.h"
#include "io/identity.h"
#include "io/socket.h"

enum {
	REQUESTS_A_TURN = 16, /* of one client, before others have their turn */
};

#ifdef TERN_TEST
#define CLIENT_HELLO_NS (300 * NSEC_PER_MSEC)
#else
#define CLIENT_HELLO_NS (30 * NSEC_PER_SEC) /* shorter ones failed slow boots */
#endif

/* A packet that waits, with descriptors of its own. */
struct packet {
	struct packet *next;
	struct quota_charge bytes, fds_charge;
	bool is_unasked;
	size_t size;
	size_t n_fds;
	int fds[CONTROL_MAX_FDS];
	uint8_t data[];
};

static struct packet *
packet_free(struct packet *packet)
{
	for (size_t i = 0; i < packet->n_fds; i++)
		packet->fds[i] = fd_close(packet->fds[i]);
	quota_release(&packet->bytes);
	quota_release(&packet->fds_charge);
	free(packet);
	return NULL;
}

/* --- places --- */

static struct client **
list_of(struct client *client)
{
	struct server *server = client->server;

	switch (client->place) {
	case CLIENT_HALF_OPEN:
		return &server->half_open;
	case CLIENT_WELCOMED:
		return &server->clients;
	case CLIENT_AWAY:
		return &server->away;
	default:
		return &server->dead;
	}
}

static void
move_to(struct client *client, enum client_place place)
{
	struct client **list = list_of(client);

	DL_DELETE(*list, client);
	client->server->n_half_open -= client->place == CLIENT_HALF_OPEN;
	quota_release(&client->half_open);
	client->server->n_away -= client->place == CLIENT_AWAY;
	client->place = place;
	list = list_of(client);
	DL_APPEND(*list, client);
	server_rearm(client->server);
}

void
client_welcomed(struct client *client)
{
	free(client->identity);
	client->identity = NULL;
	if (client->place == CLIENT_HALF_OPEN)
		move_to(client, CLIENT_WELCOMED);
}

static void
set_stuck(struct client *client, bool is_stuck)
{
	if (client->is_stuck == is_stuck)
		return;
	client->is_stuck = is_stuck;
	client->server->n_stuck += is_stuck ? 1 : -1;
	server_rearm(client->server);
}

void
client_end(struct client *client)
{
	if (client->place == CLIENT_DEAD)
		return;
	loop_remove(&client->server->loop, &client->source);
	turn_end(client);
	set_stuck(client, false);
	move_to(client, CLIENT_DEAD);
}

/* --- sending --- */

static bool
has_output(const struct client *client)
{
	return client->first || client->tables_due || client->lost;
}

/* Nobody is read from who does not read, or whose turn it is not; and no peer while others are expected back. */
static void
watch(struct client *client)
{
	uint32_t events = client->waits || (client->peer && client->server->settle_ns) ? 0 : EPOLLIN;

	if (client->place == CLIENT_AWAY)
		return;
	if (has_output(client))
		events = client->is_stuck ? 0 : EPOLLOUT;
	loop_watch(&client->server->loop, &client->source, events);
}

static void
bump(struct client *client)
{
	if (client->place == CLIENT_WELCOMED)
		peers_inbox_bump(&client->server->tables.peers, client->slot);
}

/* 0, SOCKET_E_FULL, or CLIENT_E_GONE in the other's place: then it is ended. */
static int
push(struct client *client, const void *data, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {(void *)data, size};
	int r = socket_send(client->source.fd, &iov, 1, fds, n_fds);

	if (r == 0 || r == SOCKET_E_FULL)
		return r;
	client_end(client); /* closed, or so broken that nothing can be said */
	return SOCKET_E_CLOSED;
}

/* Charge and fill a packet that must wait; its descriptors are duplicated. */
static int
fill_packet(struct client *client, struct packet *packet, const int *fds, size_t n_fds)
{
	struct bus *bus = &client->server->bus;

	if (bus_charge(bus, &packet->bytes, client->user, QUOTA_BYTES,
		    sizeof(*packet) + packet->size) ||
		(n_fds && bus_charge(bus, &packet->fds_charge, client->user, QUOTA_FDS, n_fds)))
		return -EDQUOT;
	for (; packet->n_fds < n_fds; packet->n_fds++) {
		packet->fds[packet->n_fds] = fcntl(fds[packet->n_fds], F_DUPFD_CLOEXEC, 3);
		if (packet->fds[packet->n_fds] < 0)
			return -errno;
	}
	return 0;
}

static int
enqueue(struct client *client, size_t size, const int *fds, size_t n_fds, bool is_unasked)
{
	struct packet *packet = calloc(1, sizeof(*packet) + size);
	int r;

	assert(n_fds <= CONTROL_MAX_FDS);
	if (!packet)
		return -ENOMEM;
	packet->size = size;
	packet->is_unasked = is_unasked;
	memcpy(packet->data, client->server->out, size);
	r = fill_packet(client, packet, fds, n_fds);
	if (r) {
		(void)packet_free(packet); /* always NULL */
		return r;
	}
	*client->last = packet;
	client->last = &packet->next;
	client->waiting += size;
	history_behind(client, true);
	return 0;
}

/*
 * Links that are in the socket and not taken yet: each is a descriptor in flight, of which
 * our user has so many and no more. All have been taken when nothing is left in the socket.
 */
static bool
has_links_unread(struct client *client)
{
	int unread = 0;

	if (client->n_links < CLIENT_MAX_LINKS)
		return false;
	if (client->place == CLIENT_AWAY)
		return true;
	if (ioctl(client->source.fd, SIOCOUTQ, &unread) < 0 || unread > 0)
		return true;
	client->n_links = 0;
	return false;
}

static int
wait_or_drop(struct client *client, size_t size, const struct control *control, const int *fds,
	size_t n_fds, enum client_send how)
{
	size_t limit = how == CLIENT_EVENT ? CLIENT_MAX_EVENTS : CLIENT_MAX_QUEUE;

	if (how == CLIENT_NOW && client->place != CLIENT_AWAY)
		return CLIENT_E_BUSY;
	if (size > limit - MIN(limit, client->waiting) ||
		enqueue(client, size, fds, n_fds, control->serial == 0)) {
		if (how != CLIENT_EVENT) {
			client_end(client);
			return CLIENT_E_GONE;
		}
		client->lost = control->event.lost + 1;
	}
	client->n_links += how == CLIENT_NOW;
	watch(client);
	return 0;
}

int
client_send(struct client *client, const struct control *control, const int *fds, size_t n_fds,
	enum client_send how)
{
	uint8_t *out = client->server->out;
	size_t size;
	int r;

	if (client->place == CLIENT_DEAD)
		return CLIENT_E_GONE;
	if (how == CLIENT_NOW && has_links_unread(client))
		return CLIENT_E_BUSY;
	r = control_encode(control, out, CONTROL_MAX_PACKET, &size);
	assert(r == 0); /* what is sent was checked when it came in */
	if (has_output(client) || client->place == CLIENT_AWAY)
		return wait_or_drop(client, size, control, fds, n_fds, how);
	r = push(client, out, size, fds, n_fds);
	if (r == SOCKET_E_FULL)
		return wait_or_drop(client, size, control, fds, n_fds, how);
	if (r)
		return CLIENT_E_GONE;
	client->n_links += how == CLIENT_NOW;
	if (control->serial == 0)
		bump(client);
	return 0;
}

/* --- what waits --- */

static int
push_first(struct client *client)
{
	struct packet *packet = client->first;
	int r = push(client, packet->data, packet->size, packet->fds, packet->n_fds);

	if (r)
		return r;
	client->first = packet->next;
	if (!client->first)
		client->last = &client->first;
	client->waiting -= packet->size;
	if (packet->is_unasked)
		bump(client);
	(void)packet_free(packet); /* always NULL */
	return 0;
}

static int
push_control(struct client *client, const struct control *control, const int *fds, size_t n_fds)
{
	size_t size;
	int r = control_encode(control, client->server->out, CONTROL_MAX_PACKET, &size);

	assert(r == 0);
	r = push(client, client->server->out, size, fds, n_fds);
	if (r == 0)
		bump(client);
	return r;
}

static int
push_table(struct client *client)
{
	uint32_t kind = (uint32_t)__builtin_ctz(client->tables_due);
	struct control control = {
		.type = CONTROL_TABLE,
		.table = {kind, client->peer->domain->number},
	};
	int fd = tables_fd(&client->server->tables, client->peer->domain, kind);
	int r = push_control(client, &control, &fd, 1);

	if (r == 0)
		client->tables_due &= ~(UINT32_C(1) << kind);
	return r;
}

/* So that a burst followed by silence is told, too. */
static int
push_lost(struct client *client)
{
	struct control control = {.type = CONTROL_EVENT, .event.lost = client->lost};
	int r = push_control(client, &control, NULL, 0);

	if (r == 0)
		client->lost = 0;
	return r;
}

static int
push_next(struct client *client)
{
	if (client->first)
		return push_first(client);
	if (client->tables_due)
		return push_table(client);
	return push_lost(client);
}

/* Send what waits. Without progress the client is stuck: epoll would call at once again. */
static void
flush(struct client *client)
{
	bool has_progress = false;
	int r = 0;

	while (has_output(client)) {
		r = push_next(client);
		if (r)
			break;
		has_progress = true;
	}
	if (client->place == CLIENT_DEAD)
		return;
	set_stuck(client, r != 0 && !has_progress);
	history_behind(client, r != 0);
	watch(client);
}

void
client_retry(struct client *client)
{
	if (client->is_stuck)
		flush(client);
}

void
client_send_table(struct client *client, enum control_table_kind kind)
{
	bool waits = has_output(client);

	if (client->place == CLIENT_AWAY)
		return; /* its welcome will bring them */
	client->tables_due |= UINT32_C(1) << kind;
	if (!waits)
		(void)push_table(client); /* else it is due */
	if (client->place != CLIENT_DEAD)
		watch(client);
}

/* --- receiving --- */

static void
receive(struct client *client)
{
	struct server *server = client->server;
	size_t size;
	int r;

	for (int i = 0; turn_goes_on(client) && i < REQUESTS_A_TURN; i++) {
		if (client->place == CLIENT_DEAD || has_output(client))
			return;
		if (client->peer && server->settle_ns) {
			watch(client);
			return;
		}
		if (!client->peer)
			client->sender = socket_sender(client->source.fd);
		r = socket_recv(
			client->source.fd, server->in, sizeof(server->in), &size, NULL, 0, NULL);
		if (r == SOCKET_E_EMPTY)
			return;
		if (r == 0 || r == SOCKET_E_FDS)
			request_handle(client, size, r == SOCKET_E_FDS);
		else if (r == SOCKET_E_TRUNCATED)
			request_truncated(client);
		else
			client_end(client);
	}
}

void
client_turn(struct client *client)
{
	receive(client);
	watch(client);
}

/* receive_in_turn() - now, or when it is the user's turn */
static void
receive_in_turn(struct client *client)
{
	if (turn_may(client))
		receive(client);
	else
		watch(client);
}

static void
client_ready(struct loop_source *source, uint32_t events)
{
	struct client *client = container_of(source, struct client, source);

	if (has_output(client)) {
		if (events & (EPOLLHUP | EPOLLERR))
			client_end(client);
		else
			flush(client);
		return;
	}
	if (events & (EPOLLHUP | EPOLLERR) && (client->waits || (client->peer && client->server->settle_ns)))
		client_end(client); /* what it asked for last is not waited for */
	else
		receive_in_turn(client);
}

/* --- life cycle --- */

static int
fill_client(struct client *client, int fd, const struct bus_identity *identity)
{
	struct server *server = client->server;
	int r;

	client->identity = malloc(sizeof(*identity));
	if (!client->identity)
		return -ENOMEM;
	*client->identity = *identity;
	r = quota_user_get(&server->bus.quota, client->uid, &client->user);
	if (r)
		return r;
	r = bus_charge(&server->bus, &client->charge, client->user, QUOTA_FDS, 1);
	if (!r)
		r = bus_charge(&server->bus, &client->half_open, client->user, QUOTA_HALF_OPEN, 1);
	if (!r)
		r = turn_join(client);
	if (r)
		return r;
	client->source = (struct loop_source){.fd = fd, .ready = client_ready};
	return loop_add(&server->loop, &client->source, EPOLLIN);
}

int
client_new(
	struct server *server, int fd, const struct bus_identity *identity, uint64_t groups, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->server = server;
	client->uid = identity->uid;
	client->groups = groups;
	client->last = &client->first;
	client->source.fd = -1;
	client->deadline_ns = clock_now_ns() + CLIENT_HELLO_NS;
	r = fill_client(client, fd, identity);
	if (r) {
		turn_leave(client);
		quota_release(&client->charge);
		quota_release(&client->half_open);
		client->user = quota_user_unref(client->user);
		free(client->identity);
		free(client);
		return r;
	}
	DL_APPEND(server->half_open, client);
	server->n_half_open++;
	*ret = client;
	receive_in_turn(client); /* most say hello before they are accepted */
	return 0;
}

/* --- of a ternd before this one --- */

/* The process of one who is away has ended. */
static void
away_ready(struct loop_source *source, uint32_t events)
{
	client_end(container_of(source, struct client, source));
}

int
client_new_away(struct server *server, uint32_t uid, int pidfd, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->server = server;
	client->uid = uid;
	client->last = &client->first;
	client->place = CLIENT_AWAY;
	client->source = (struct loop_source){.fd = -1, .ready = away_ready};
	r = quota_user_get(&server->bus.quota, uid, &client->user);
	if (!r && pidfd >= 0) {
		client->source.fd = pidfd;
		r = loop_add(&server->loop, &client->source, EPOLLIN);
	}
	if (r) {
		client->user = quota_user_unref(client->user);
		free(client);
		return r;
	}
	DL_APPEND(server->away, client);
	server->n_away++;
	*ret = client;
	return 0;
}

void
client_return(struct client *client, struct client *away)
{
	client->peer = steal(away->peer);
	client->peer->client = client;
	client->slot = away->slot;
	client->lost = away->lost;
	client->kept_at = away->kept_at;
	memcpy(client->token, away->token, sizeof(client->token));
	if (away->first) { /* behind its welcome */
		*client->last = steal(away->first);
		client->last = away->last;
		away->last = &away->first;
		client->waiting += away->waiting;
	}
	client_end(away);
	access_regroup(client->peer, client->groups);
	if (client->server->config.policy->n_groups > 0)
		tables_judge(&client->server->tables, client->peer);
	watch(client);
}

void
client_settled(struct client *client)
{
	watch(client);
}

/* Leaves the bus: domain first, which has no tables once its last peer is gone. */
static void
leave_bus(struct client *client)
{
	struct bus_peer *peer = client->peer;

	if (!peer)
		return;
	history_left(client);
	if (!client->server->is_ending) /* else links go on, and the tables say what was last */
		tables_remove_peer(&client->server->tables, peer);
	if (peer->domain->n_peers == 1)
		tables_remove_domain(&client->server->tables, peer->domain);
	client->peer = bus_disconnect(peer);
}

/* is_same_process() - as far as both are known */
static bool
is_same_process(const struct bus_peer *peer, const struct bus_peer *other)
{
	return peer->uid == other->uid && peer->pid == other->pid &&
	       (!peer->process || !other->process || peer->process == other->process);
}

bool
client_yields(struct client *client, const struct client *to)
{
	if (client->server->is_again || client == to || !client->peer)
		return false; /* what was done before was right then */
	if (client->place == CLIENT_AWAY ? !is_same_process(client->peer, to->peer)
					 : client->place != CLIENT_DEAD && !socket_is_over(client->source.fd))
		return false;
	client_end(client);
	leave_bus(client);
	return true;
}

struct client *
client_free(struct client *client)
{
	struct client **list;
	struct packet *packet;

	if (!client)
		return NULL;
	client_end(client);
	watch_end(client);
	start_forget(client);
	leave_bus(client);
	list = list_of(client);
	DL_DELETE(*list, client);
	while ((packet = client->first)) {
		client->first = packet->next;
		(void)packet_free(packet); /* always NULL */
	}
	client->source.fd = socket_close(client->source.fd);
	turn_leave(client);
	quota_release(&client->charge);
	client->user = quota_user_unref(client->user);
	free(client->identity);
	free(client);
	return NULL;
}
