/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * turn: how much of ternd's time each user has
 *
 * In each turn of the loop a user's programs are read from for TURN_NS. Those that come after that wait in the user's
 * line, first come, first served, and are read from in the next turns, as long as he has time left; nobody's line is longer
 * because of another user's.
 *
 * Where what is asked for is refused for want of quota, a user may go on asking TURN_PATIENCE_NS / TURN_REFUSAL_NS times
 * at once. Beyond that each refusal costs him TURN_REFUSAL_NS in which he is not read from: so who is at his limits
 * and asks for more all the time takes neither ternd's time nor the machine's.
 *
 * Where there is one user alone, as on most buses, nobody waits.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

struct client;
struct server;

#define TURN_NS		 (200 * NSEC_PER_USEC)
#define TURN_REFUSAL_NS	 (10 * NSEC_PER_MSEC)
#define TURN_PATIENCE_NS NSEC_PER_SEC

/* Of one user, while he has clients. */
struct turn {
	uint32_t uid;
	uint32_t n_clients;
	uint64_t number;     /* in which spent_ns was spent; turns.number */
	uint64_t spent_ns;
	uint64_t refused_ns; /* up to when his refusals reach; he rests while that is more than his patience ahead */
	struct client *line; /* client->line_next */
	UT_hash_handle hh;
};

struct turns {
	struct turn *users;
	uint64_t number; /* of turns of the loop */
	uint64_t at_ns;  /* when the request in hand was begun */
	uint32_t n_waiting; /* clients, in all lines */
};

/* turn_join() - a client of this user comes: client->turn is set. Return: 0 or -ENOMEM */
int turn_join(struct client *client);

/* turn_leave() - it goes; twice is fine */
void turn_leave(struct client *client);

/* turn_may() - may it be read from now? Else it waits in line, and client_turn() is called when it may. */
bool turn_may(struct client *client);

/* turn_goes_on() - may another request be taken of it? Counts the time since the last one; turn_may() said yes. */
bool turn_goes_on(struct client *client);

/* turn_end() - it waits no longer: it ends */
void turn_end(struct client *client);

/* turn_refused() - there was no quota for what it asked for */
void turn_refused(struct client *client);

/* turn_begin() - another turn of the loop. Return: how long it may wait at most, in ms; -1: for ever */
int turn_begin(struct server *server);

/* turn_serve() - after the loop: read from who waits */
void turn_serve(struct server *server);
