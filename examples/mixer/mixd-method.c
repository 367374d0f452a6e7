/* SPDX-License-Identifier: MIT */

/*
 * mixd-method: the calls, as mixer.md describes them
 *
 * Each asks the desk, answers, and lets the mixer run. A negative result answers for us; a
 * DESK_E_* becomes an error of the interface.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "mixd.h"

static int
mixd_refuse(tern_call *call, int answer, const char *about)
{
	static const char *const why[] = {
		[DESK_E_NO_PLAYER] = "no such player; List tells who plays",
		[DESK_E_NAME] = "a player's name is 1 to 64 letters, digits, '_', '-', '.', and not \"all\"",
		[DESK_E_CROWDED] = "there is no more room",
		[DESK_E_FULL] = "16 blocks wait already; wait for an answer first",
		[DESK_E_ENDED] = "the last block was sent already",
		[DESK_E_SIZE] = "a block is 480 frames of 2 bytes, the last 1 to 480",
		[DESK_E_RANGE] = "a volume is 0 to 65536; 32768 is as recorded",
	};
	char text[256];

	(void)snprintf(text, sizeof(text), "%.64s: %s", about, why[answer]);
	switch (answer) {
	case DESK_E_NO_PLAYER:
		return mixer_no_such_player_return(call, NULL, text);
	case DESK_E_NAME:
		return mixer_bad_name_return(call, NULL, text);
	case DESK_E_CROWDED:
		return mixer_crowded_return(call, NULL, text);
	case DESK_E_FULL:
		return mixer_full_return(call, NULL, text);
	case DESK_E_ENDED:
		return mixer_ended_return(call, NULL, text);
	case DESK_E_SIZE:
		return mixer_bad_block_return(call, NULL, text);
	default:
		return mixer_bad_volume_return(call, NULL, text);
	}
}

static int
mixd_join(tern_call *call, tern_message *m, const struct mixer_join_args *args, void *user)
{
	struct desk_player *player;
	struct mixd *d = user;
	int r;

	r = desk_join(d->desk, args->name, tern_call_sender(call), &player);
	if (r > 0)
		return mixd_refuse(call, r, args->name);
	if (r < 0)
		return r;
	d->seen = true;
	r = mixer_join_return(call, &(struct mixer_join_reply){.id = player->id, .player = player->name});
	mixd_show(d);
	return r;
}

static int
mixd_play(tern_call *call, tern_message *m, const struct mixer_play_args *args, void *user)
{
	struct desk_block block = {.samples = args->block.data, .n_frames = args->block.size / 2};
	struct mixd *d = user;
	int r;

	if (args->block.size % 2)
		return mixd_refuse(call, DESK_E_SIZE, "Play");
	block.token = mixd_block_new(call, m);
	if (!block.token)
		return -ENOMEM;
	r = desk_push(d->desk, args->id, tern_call_sender(call), &block, args->last);
	if (r) {
		mixd_block_free(block.token);
		return mixd_refuse(call, r, "Play");
	}
	mixd_run(d);
	return 0;
}

static int
mixd_get(tern_call *call, tern_message *m, const struct mixer_get_args *args, void *user)
{
	struct mixer_get_reply reply;
	struct mixd *d = user;
	uint32_t volume;
	int r;

	r = desk_get(d->desk, args->player, &volume);
	if (r)
		return mixd_refuse(call, r, args->player);
	reply = (struct mixer_get_reply){.volume = volume, .position = desk_position(d->desk)};
	return mixer_get_return(call, &reply);
}

/* Return: 0 and from where it acts; else it is answered already, and *ret_answer is for the bus. */
static bool
mixd_change(tern_call *call, struct mixd *d, const struct desk_change *change, uint64_t *ret_position,
	int *ret_answer)
{
	int r = desk_change(d->desk, change, ret_position);

	*ret_answer = r > 0 ? mixd_refuse(call, r, change->name) : r;
	return r == 0;
}

static int
mixd_set(tern_call *call, tern_message *m, const struct mixer_set_args *args, void *user)
{
	struct desk_change change = {
		.name = args->player,
		.value = args->volume > MIX_LOUDEST ? -1 : (int64_t)args->volume,
		.at = args->at ? *args->at : 0,
	};
	struct mixer_set_reply reply;
	int r;

	if (!mixd_change(call, user, &change, &reply.position, &r))
		return r;
	r = mixer_set_return(call, &reply);
	mixd_run(user);
	return r;
}

static int
mixd_shift(tern_call *call, tern_message *m, const struct mixer_shift_args *args, void *user)
{
	struct desk_change change = {
		.name = args->player,
		.shift = true,
		.value = args->by,
		.at = args->at ? *args->at : 0,
	};
	struct mixer_shift_reply reply;
	int r;

	if (!mixd_change(call, user, &change, &reply.position, &r))
		return r;
	r = mixer_shift_return(call, &reply);
	mixd_run(user);
	return r;
}

static enum mixer_player_state
mixd_state(const struct desk_player *p)
{
	if (p->started)
		return MIXER_PLAYER_STATE_PLAYING;
	if (p->n_queued)
		return MIXER_PLAYER_STATE_READY;
	return p->offset ? MIXER_PLAYER_STATE_STALLED : MIXER_PLAYER_STATE_JOINED;
}

static struct mixer_player
mixd_player(struct mixd *d, const struct desk_player *p)
{
	struct tern_identity who = {.size = sizeof(who)};

	if (tern_identify(d->bus, p->owner, &who) < 0)
		who.pid = 0; /* it died a moment ago */
	return (struct mixer_player){
		.player = p->name,
		.state = mixd_state(p),
		.volume = p->volume,
		.frames = p->offset + (p->started ? p->frames : 0),
		.pid = who.pid,
	};
}

static int
mixd_list(tern_call *call, tern_message *m, const struct mixer_list_args *args, void *user)
{
	struct mixer_list_reply reply = {0};
	struct mixer_player *players;
	const struct desk_player *p;
	struct mixd *d = user;
	size_t n = 0;
	int r;

	players = calloc(MIX_PLAYERS, sizeof(*players));
	if (!players)
		return -ENOMEM;
	for (p = desk_players(d->desk); p; p = p->next)
		players[n++] = mixd_player(d, p);
	reply.position = desk_position(d->desk);
	reply.players.items = players;
	reply.players.n = n;
	r = mixer_list_return(call, &reply);
	free(players);
	return r;
}

static int
mixd_wait(tern_call *call, tern_message *m, const struct mixer_wait_args *args, void *user)
{
	struct mixd_waiter *waiter;
	struct mixd *d = user;

	mixd_forget_waiters(d);
	if (d->n_waiters >= MIXD_WAITERS)
		return mixd_refuse(call, DESK_E_CROWDED, "Wait");
	waiter = malloc(sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	*waiter = (struct mixd_waiter){
		.next = d->waiters,
		.call = tern_call_ref(call),
		.position = args->position ? *args->position : 0,
		.n_players = args->players ? *args->players : 0,
	};
	d->waiters = waiter;
	d->n_waiters++;
	mixd_run(d);
	return 0;
}

static int
mixd_pause(tern_call *call, tern_message *m, const struct mixer_pause_args *args, void *user)
{
	struct mixer_pause_reply reply = {0};
	struct mixd *d = user;
	int r;

	reply.position = desk_pause(d->desk, args->at ? *args->at : 0);
	r = mixer_pause_return(call, &reply);
	mixd_run(d); /* a pause at a later place than before lets it go on up to there */
	return r;
}

static int
mixd_resume(tern_call *call, tern_message *m, const struct mixer_resume_args *args, void *user)
{
	struct mixer_resume_reply reply = {0};
	struct mixd *d = user;
	int r;

	desk_resume(d->desk);
	reply.position = desk_position(d->desk);
	r = mixer_resume_return(call, &reply);
	mixd_run(d);
	return r;
}

static int
mixd_ping(tern_call *call, tern_message *m, const struct mixer_ping_args *args, void *user)
{
	return mixer_ping_return(call, &(struct mixer_ping_reply){.data = args->data});
}

const struct mixer_ops mixd_methods = {
	.join = mixd_join,
	.play = mixd_play,
	.get = mixd_get,
	.set = mixd_set,
	.shift = mixd_shift,
	.list = mixd_list,
	.wait = mixd_wait,
	.pause = mixd_pause,
	.resume = mixd_resume,
	.ping = mixd_ping,
};
