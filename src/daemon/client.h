/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * client: a program's connection to ternd, and what waits to be sent on it
 *
 * A packet goes out at once if nothing waits before it. What finds the socket
 * full waits here, charged to the client's user, and nothing more is read from
 * a client for which something waits: who does not take its answers gets no
 * further ones. What comes unasked is bounded by kind:
 *
 *      links            never wait: whoever asked is told that the client is busy
 *      name events      wait up to a limit, then are dropped, counted, and the count told
 *      tables           one descriptor a kind waits, always the newest
 *      lost and gained  wait; beyond a higher limit the client is hung up on
 */

#include "bus/bus.h"
#include "daemon/server.h"
#include "io/loop.h"
#include "wire/control.h"

enum {
	CLIENT_MAX_EVENTS = 2 << 20, /* bytes that wait, before events are dropped */
	CLIENT_MAX_QUEUE = 4 << 20,  /* before the client is hung up on */
	CLIENT_MAX_LINKS = 64,	     /* that it has not taken from its socket */
};

enum client_place {
	CLIENT_HALF_OPEN,
	CLIENT_WELCOMED,
	CLIENT_AWAY, /* of a ternd before this one; what is for it waits */
	CLIENT_DEAD,
};

/* How a packet is sent. */
enum client_send {
	CLIENT_MUST,  /* waits if it has to */
	CLIENT_EVENT, /* may be dropped */
	CLIENT_NOW,   /* does not wait */
};

enum {
	_CLIENT_E_OK,
	CLIENT_E_BUSY, /* only with CLIENT_NOW */
	CLIENT_E_GONE,
};

struct packet;

struct client {
	struct loop_source source; /* its socket; of who is away its process */
	struct server *server;
	struct bus_peer *peer;	       /* NULL: it has not said hello */
	struct bus_identity *identity; /* only until it has */
	struct client *prev, *next;
	enum client_place place;
	uint64_t deadline_ns; /* for its hello */
	uint32_t uid;
	uint64_t groups; /* rights_groups() */
	uint32_t n_hellos; /* that seemed late */
	uint32_t sender;   /* the process that sent its hello; 0: not known */
	uint32_t slot; /* of its inbox word, once welcomed */
	struct quota_user *user;
	struct quota_charge charge, half_open;
	struct packet *first, **last;
	size_t waiting;	     /* bytes */
	uint64_t lost;	     /* events dropped and not told yet */
	uint32_t n_links;    /* sent since its socket was seen empty */
	uint32_t tables_due; /* bits of enum control_table_kind */
	struct start_waiter *waiters; /* start.h */
	struct watched *watched; /* watch.h; NULL: nothing */
	struct quota_charge watched_charge;
	struct turn *turn;	 /* its user's: turn.h; NULL: it is away */
	struct client *line_prev, *line_next; /* of its user's, whose turn it is not */
	bool waits;	     /* in it */
	bool is_stuck;	     /* its socket is full for reasons of the kernel's own */
	uint8_t token[CONTROL_TOKEN_SIZE];
	size_t kept_at; /* in the journal; 0: it is not there */
};

/**
 * client_new() - take a connection in, and what it said already
 * @fd: consumed on success
 * @identity: copied
 * @groups: rights_groups()
 *
 * It may be ended at once. The caller rearms the server's timer.
 *
 * Return: 0, BUS_E_QUOTA or a negative errno.  Threads: owner.  Blocks: never.
 */
int client_new(
	struct server *server, int fd, const struct bus_identity *identity, uint64_t groups, struct client **ret);

/**
 * client_new_away() - one whom a ternd before this one knew, and who has not come back yet
 * @pidfd: of its process, consumed on success; -1: not known
 *
 * Return: 0, BUS_E_QUOTA or a negative errno.  Threads: owner.  Blocks: never.
 */
int client_new_away(struct server *server, uint32_t uid, int pidfd, struct client **ret);

/* client_return() - @away came back as @client, which takes over all it has; @away is ended */
void client_return(struct client *client, struct client *away);

/* client_settled() - requests are read from now on */
void client_settled(struct client *client);

/* client_turn() - it is its user's turn: it is read from */
void client_turn(struct client *client);

/**
 * client_yields() - is what @client has free for @to, though nobody took it away yet?
 * @to: a peer of the bus, which asks
 *
 * It is if @client has hung up: nothing orders its end, which is to be read still, and what @to said after that. And if it is
 * away and of @to's process: that has closed it, most likely, while no ternd was there to be told. Then @client leaves the bus
 * now. If it was not closed, only busy elsewhere, it comes back as somebody new, as after a longer absence. Not deep inside the
 * bus, therefore: names and owners are others afterwards.
 *
 * Return: true: it has left.  Threads: owner.  Blocks: never.
 */
bool client_yields(struct client *client, const struct client *to);

/* client_free() - everything it has on the bus goes, too; returns NULL */
struct client *client_free(struct client *client);

/* client_welcomed() - it is a peer of the bus now and hears what all hear */
void client_welcomed(struct client *client);

/* client_is_there() - others may be introduced to it; who is away finds them when it comes back */
static inline bool
client_is_there(const struct client *client)
{
	return client->place == CLIENT_WELCOMED || client->place == CLIENT_AWAY;
}

/* client_end() - hang up; it is freed after this turn of the loop. Twice is fine */
void client_end(struct client *client);

/**
 * client_send() - send a packet
 * @fds: borrowed
 *
 * After something unasked (serial 0) was sent the client's inbox word is bumped.
 *
 * Return: 0 (sent, waits, or was dropped and counted), CLIENT_E_BUSY or CLIENT_E_GONE.
 * Threads: owner.  Blocks: never.
 */
int client_send(struct client *client, const struct control *control, const int *fds, size_t n_fds,
	enum client_send how);

/* client_send_table() - a table has another descriptor; sent as soon as may be */
void client_send_table(struct client *client, enum control_table_kind kind);

/* client_retry() - the kernel may have room again */
void client_retry(struct client *client);
