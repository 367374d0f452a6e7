/* SPDX-License-Identifier: MIT */

/* mixd-event: what goes out, events with their topics, states, answers to Play, sound */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mix.h"
#include "mixd.h"

/* A player's topics. A topic remembers who hears it, so they are made once. */
struct mixd_topics {
	tern_topic *started, *volume, *ended;
};

/* A call of Play that is answered when its block was mixed. */
struct mixd_block {
	tern_call *call;
	tern_message *m; /* the samples lie in there, where the player wrote them */
};

void *
mixd_block_new(tern_call *call, tern_message *m)
{
	struct mixd_block *block = malloc(sizeof(*block));

	if (!block)
		return NULL;
	block->call = tern_call_ref(call);
	block->m = tern_message_ref(m);
	return block;
}

void
mixd_block_free(void *token)
{
	struct mixd_block *block = token;

	(void)tern_message_unref(block->m); /* NULL, as the next */
	(void)tern_call_unref(block->call);
	free(block);
}

static void
topics_free(struct mixd_topics *t)
{
	(void)tern_topic_free(t->started); /* NULL, as the next two */
	(void)tern_topic_free(t->volume);
	(void)tern_topic_free(t->ended);
	free(t);
}

static int
mixd_joined(void *user, struct desk_player *p)
{
	const char *const tags[] = {"mixer", p->name, NULL};
	struct mixd_topics *t = calloc(1, sizeof(*t));
	struct mixd *d = user;
	int r;

	if (!t)
		return -ENOMEM;
	r = mixer_player_started_topic(d->bus, tags, &t->started);
	if (!r)
		r = mixer_volume_changed_topic(d->bus, tags, &t->volume);
	if (!r)
		r = mixer_player_ended_topic(d->bus, tags, &t->ended);
	if (r) {
		topics_free(t);
		return r;
	}
	p->user = t;
	d->volumes_changed = true;
	return 0;
}

static void
mixd_left(void *user, struct desk_player *p)
{
	struct mixd *d = user;

	topics_free(p->user);
	d->volumes_changed = true;
}

/* An event that cannot be told is lost to its readers, who learn that; the sound goes on. */
static void
mixd_told(const char *what, const char *player, int r)
{
	if (r < 0)
		fprintf(stderr, "mixd: cannot tell %s %s: %s\n", what, player,
			tern_last_error()->text);
}

static void
mixd_started(void *user, struct desk_player *p)
{
	struct mixer_player_started event = {
		.player = p->name, .position = p->start, .offset = p->offset};
	struct mixd_topics *t = p->user;

	mixd_told("started", p->name, mixer_player_started_publish(t->started, &event));
}

static void
mixd_volume(void *user, struct desk_player *p, uint64_t position, uint32_t value)
{
	struct mixer_volume_changed event = {
		.player = p ? p->name : DESK_ALL, .position = position, .value = value};
	struct mixd *d = user;

	if (p)
		d->volumes_changed = true;
	else
		d->master_changed = true;
	mixd_told("volume", event.player, mixer_volume_changed_publish(
		p ? ((struct mixd_topics *)p->user)->volume : d->volume_for_all, &event));
}

static void
mixd_ended(void *user, struct desk_player *p, uint64_t position)
{
	struct mixer_player_ended event = {
		.player = p->name, .position = position, .frames = p->frames};
	struct mixd_topics *t = p->user;

	mixd_told("ended", p->name, mixer_player_ended_publish(t->ended, &event));
}

static int
mixd_block(void *user, const void *samples, uint64_t position)
{
	struct mixd *d = user;
	size_t i;
	int r;

	for (i = 0; i < MIXD_SINKS && d->sinks[i]; i++) {
		r = d->sinks[i]->ops->write(d->sinks[i], samples);
		if (r)
			return r;
	}
	return 0;
}

static void
mixd_used(void *user, void *token, uint64_t position)
{
	struct mixd_block *block = token;

	/* the memory goes back first, so that the player has it when it hears of it */
	block->m = tern_message_unref(block->m);
	/* a player that is gone cannot be told; its loss comes as an event of its own */
	if (position == DESK_NEVER)
		(void)mixer_dropped_return(block->call, NULL, "the mixer ends and did not mix this block");
	else
		(void)mixer_play_return(block->call, &(struct mixer_play_reply){.position = position});
	mixd_block_free(block);
}

static int
mixd_show_volumes(struct mixd *d)
{
	struct mixer_volumes_players_entry *all = calloc(MIX_PLAYERS, sizeof(*all));
	struct mixer_volumes volumes = {.players = {.items = all}};
	const struct desk_player *p;
	int r;

	if (!all)
		return -ENOMEM;
	for (p = desk_players(d->desk); p; p = p->next)
		all[volumes.players.n++] = (struct mixer_volumes_players_entry){
			.key = p->name, .value = {.value = p->volume}};
	r = mixer_volumes_set(d->volumes, &volumes);
	free(all);
	return r;
}

void
mixd_show(struct mixd *d)
{
	struct mixer_master master = {0};
	uint32_t volume;

	if (d->master_changed && desk_get(d->desk, DESK_ALL, &volume) == 0) {
		master.volume.value = volume;
		mixd_told("the state", "Master", mixer_master_set(d->master, &master));
	}
	if (d->volumes_changed)
		mixd_told("the state", "Volumes", mixd_show_volumes(d));
	d->master_changed = d->volumes_changed = false;
}

const struct desk_ops mixd_ops = {
	.joined = mixd_joined,
	.left = mixd_left,
	.started = mixd_started,
	.volume = mixd_volume,
	.ended = mixd_ended,
	.block = mixd_block,
	.used = mixd_used,
};
