/* SPDX-License-Identifier: MIT */

/* turn: see turn.h */

#include "base/clock.h"
#include "daemon/client.h"
#include "daemon/turn.h"

int
turn_join(struct client *client)
{
	struct turns *turns = &client->server->turns;
	struct turn *turn;

	HASH_FIND(hh, turns->users, &client->uid, sizeof(client->uid), turn);
	if (!turn) {
		turn = calloc(1, sizeof(*turn));
		if (!turn)
			return -ENOMEM;
		turn->uid = client->uid;
		HASH_ADD(hh, turns->users, uid, sizeof(turn->uid), turn);
		if (!hash_added(turn, hh)) {
			free(turn);
			return -ENOMEM;
		}
	}
	turn->n_clients++;
	client->turn = turn;
	return 0;
}

void
turn_leave(struct client *client)
{
	struct turn *turn = client->turn;

	if (!turn)
		return;
	turn_end(client);
	client->turn = NULL;
	if (--turn->n_clients > 0)
		return;
	HASH_DEL(client->server->turns.users, turn);
	free(turn);
}

/* rest_end() - when he may be read from again; in the past: now */
static uint64_t
rest_end(const struct turn *turn)
{
	return turn->refused_ns - MIN(turn->refused_ns, (uint64_t)TURN_PATIENCE_NS);
}

static bool
has_time(const struct turns *turns, const struct turn *turn)
{
	if (HASH_COUNT(turns->users) == 1)
		return true;
	return (turn->number != turns->number || turn->spent_ns < TURN_NS) && rest_end(turn) <= turns->at_ns;
}

bool
turn_may(struct client *client)
{
	struct turns *turns = &client->server->turns;
	struct turn *turn = client->turn;

	turns->at_ns = clock_now_ns();
	if (!turn->line && has_time(turns, turn))
		return true;
	if (!client->waits) {
		DL_APPEND2(turn->line, client, line_prev, line_next);
		client->waits = true;
		turns->n_waiting++;
	}
	return false;
}

void
turn_end(struct client *client)
{
	if (!client->waits)
		return;
	DL_DELETE2(client->turn->line, client, line_prev, line_next);
	client->waits = false;
	client->server->turns.n_waiting--;
}

bool
turn_goes_on(struct client *client)
{
	struct turns *turns = &client->server->turns;
	struct turn *turn = client->turn;
	uint64_t now = clock_now_ns();

	if (turn->number != turns->number) {
		turn->number = turns->number;
		turn->spent_ns = 0;
	}
	turn->spent_ns += now - turns->at_ns;
	turns->at_ns = now;
	return has_time(turns, turn);
}

void
turn_refused(struct client *client)
{
	struct turn *turn = client->turn;

	if (turn) /* else it is away, and does what it did before once more */
		turn->refused_ns = MAX(turn->refused_ns, clock_now_ns()) + TURN_REFUSAL_NS;
}

int
turn_begin(struct server *server)
{
	struct turns *turns = &server->turns;
	uint64_t least = UINT64_MAX;
	struct turn *turn, *next;

	turns->number++;
	if (turns->n_waiting == 0)
		return -1;
	turns->at_ns = clock_now_ns();
	HASH_ITER (hh, turns->users, turn, next) {
		if (turn->line && has_time(turns, turn))
			return 0;
		if (turn->line)
			least = MIN(least, rest_end(turn) - turns->at_ns);
	}
	return (int)(least / NSEC_PER_MSEC) + 1;
}

void
turn_serve(struct server *server)
{
	struct turns *turns = &server->turns;
	struct turn *turn, *next;

	if (turns->n_waiting == 0)
		return;
	turns->at_ns = clock_now_ns();
	HASH_ITER (hh, turns->users, turn, next)
		while (turn->line && has_time(turns, turn)) {
			struct client *client = turn->line;

			turn_end(client);
			client_turn(client);
		}
}
