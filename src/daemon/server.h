/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * server: ternd's one thread: the loop, the listener, the clients, the bus and its tables
 *
 *      listener --accept--> client (half open) --hello--> client with a bus peer
 *                              │ no hello in 30 s            │ hang-up, or it broke the protocol
 *                              └──────────> dead <──────────┘  everything of it goes
 *
 * A client is only marked dead where that is found out, since that may be deep
 * inside the bus; the dead are taken away after each turn of the loop.
 *
 * Nothing runs on a clock while nothing is due: the timer is armed only for
 * clients that have not said hello, for a listener that waits for descriptors,
 * for sockets that the kernel calls full without saying when they are not, and
 * for a service manager that asked to hear from us.
 */

#include "bus/bus.h"
#include "daemon/config.h"
#include "daemon/options.h"
#include "daemon/service-dirs.h"
#include "daemon/tables.h"
#include "daemon/turn.h"
#include "io/journal.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/notify.h"

enum {
	SERVER_MAX_HALF_OPEN = 512, /* beyond: the oldest goes, of the user with most */
	SERVER_RESERVED_FDS = 64,	 /* never given to clients */
};

#define SERVER_NO_UID UINT32_MAX /* (uid_t)-1: nobody */

struct client;

struct server {
	struct loop loop;
	struct listener listener;
	struct loop_source listening;
	struct loop_source signals;
	struct loop_source timer;
	uint64_t timer_ns;  /* when it will go off; 0: it is off */
	uint64_t accept_ns; /* when to accept again; 0: it does */
	uint64_t retry_ns;  /* when to try stuck clients again; 0: there are none */
	uint64_t settle_ns; /* requests wait up to then, or until nobody is away; 0: they do not */
	uint64_t alive_ns;  /* when to tell the service manager that we are; 0: it does not ask */
	uint64_t away_ns;   /* who has not come back by then is gone; 0: nobody is away */
	struct bus bus;
	struct tables tables;
	struct turns turns;
	struct client *clients;	  /* who has been welcomed */
	struct client *half_open; /* who has not; the oldest first */
	struct client *away;	  /* who has not come back yet, from the ternd before (history.h) */
	struct client *dead;
	struct watched *watched; /* watch.h */
	struct start *starts;	 /* start.h, by name */
	uint64_t starts_retry_ns; /* when an owner that did not read is tried again; 0: there is none */
	bool has_starts_due;
	struct service_dirs service_dirs;
	uint32_t n_half_open;
	uint32_t n_away;
	uint32_t n_stuck;
	int64_t clock_offset;  /* of our time namespace */
	int spare;	       /* a descriptor to be had when there are none left */
	uint32_t overflow_uid; /* whom many users look like, here; or SERVER_NO_UID */
	uint32_t overflow_gid;
	uint64_t said_second; /* of what rights.c logs */
	uint32_t n_said;
	bool is_ending;
	bool is_last; /* told to end, and not to make room for another */
	bool is_again; /* what is done was done by the ternd before, and all know of it */
	struct journal journal;
	struct notify notify;
	struct options *options;
	struct config config; /* what the file says */
	uint64_t begun_ns;   /* when it began to serve */
	uint64_t n_requests; /* since then */
	uint8_t in[CONTROL_MAX_PACKET];	 /* the request in hand */
	uint8_t out[CONTROL_MAX_PACKET]; /* what is being sent */
	uint8_t page[CONTROL_MAX_REPLY]; /* what a call is answered, before it is part of that */
};

/**
 * server_new() - listen, and be ready to run
 * @options: borrowed
 * @config: consumed on success
 * @ret_why: what went wrong, a sentence for people, in memory that stays
 *
 * Return: 0 or a negative errno.  Threads: one a process.  Blocks: never.
 */
int server_new(
	struct options *options, struct config *config, struct server **ret, const char **ret_why);

/* server_run() - serve until a signal ends it. Return: 0 or a negative errno */
int server_run(struct server *server);

/* server_free() - everybody is hung up on, the socket removed; returns NULL */
struct server *server_free(struct server *server);

/* server_clock() - host monotonic time, as in hello */
uint64_t server_clock(const struct server *server);

/* server_rearm() - what the timer is for has changed */
void server_rearm(struct server *server);
