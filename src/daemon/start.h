/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * start: services that are started when they are first called
 *
 *                 a call                  its name is owned
 *      resting ------------> starting ------------------------> running
 *         ^                     │ it ended, or ran out of time     │ its process ended
 *         └─────────────────────┴──────────────────────────────────┘
 *
 * A program is started once, however many call it; whoever asks to be introduced (`start` in the request) waits for
 * its answer until the name is owned, by whomever, or the start has failed: that is told at once, with what the process
 * ended with. Then calls are refused for 1 s, after each further failure in a row twice as long, up to 30 s. A process
 * that has run out of time is killed, with its process group. Who gave its name up and still runs is waited for.
 *
 * Services outlive ternd: nobody ends them but themselves. Those that were started the next ternd knows from the journal
 * (history.h), and watches, so that none is started twice. What such a process ended with only its parent would know:
 * one that ended without its name is therefore started once more, if somebody waits.
 */

#include "daemon/refusal.h"
#include "daemon/spawn.h"

enum start_phase {
	START_RESTING,
	START_STARTING, /* its process has not owned its name yet */
	START_RUNNING,	/* it has */
	START_ENDING,	/* killed, for it had no time left */
};

enum {
	START_E_WAITS = 1, /* it is answered later */
};

struct start {
	struct server *server;
	struct loop_source process; /* its pidfd; -1: there is none */
	enum start_phase phase;
	uint32_t pid;
	bool is_child;	  /* of this ternd: it tells how it ended */
	bool is_due;	  /* who waits is to be introduced: the name is owned */
	int report;	  /* spawn.h */
	uint64_t began_ns;
	uint64_t deadline_ns;	/* until when the name is to be owned; 0: nobody waits for it */
	uint64_t not_before_ns; /* tried again */
	uint32_t n_failures;	/* in a row */
	struct start_waiter *waiters;
	uint64_t logged_ns;
	char why[REFUSAL_TEXT_SIZE]; /* it failed last */
	UT_hash_handle hh;
	size_t size;
	char name[];
};

/* start_find() - NULL: it was never called yet */
struct start *start_find(const struct server *server, const struct control_text *name);

/**
 * start_wanted() - somebody is to be introduced to the owner of a name that has none
 * @serial: of the request
 *
 * Return: START_E_WAITS, or a negative errno and @refusal.  Threads: owner.  Blocks: never.
 */
int start_wanted(struct client *client, const struct control_text *name, uint64_t serial, struct refusal *refusal);

/* start_refuse() - nobody owns the name; the answer tells whether it can be started. Return: a negative errno */
int start_refuse(struct client *client, const struct control_text *name, struct refusal *refusal);

/* start_owned() - a name has an owner now; what follows from that is done by start_turn() */
void start_owned(struct server *server, const struct bus_name *name);

/* start_turn() - after each turn of the loop: introduce who waited */
void start_turn(struct server *server);

/* start_due() - when the next deadline passes; 0: there is none. start_expire() sees to it */
uint64_t start_due(const struct server *server);
void start_expire(struct server *server, uint64_t now_ns);

/* start_forget() - the client is gone: its requests are not answered any more */
void start_forget(struct client *client);

/* What a ternd before this one knew of a process that it had started. */
struct start_known {
	uint32_t pid;
	int pidfd;
	bool has_owned;	      /* its name */
	uint64_t deadline_ns; /* see struct start */
};

/* start_again() - it is watched further; the pidfd is consumed on success. Return: 0 or a negative errno */
int start_again(struct server *server, const struct control_text *name, const struct start_known *known);

/* start_end() - ternd ends; the processes go on */
void start_end(struct server *server);
