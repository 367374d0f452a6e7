/* SPDX-License-Identifier: MIT */

/* mixd-event: what goes out, events with their topics, answers to Play, sound */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
mixd_topic_new(struct mixd *d, const char *event, const char *player, tern_topic **ret)
{
	const char *const tags[] = {"mixer", event, player, NULL};

	return tern_topic_new(d->bus, tags, ret);
}

static int
mixd_joined(void *user, struct mixer_player *p)
{
	struct mixd_topics *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	r = mixd_topic_new(user, "started", p->name, &t->started);
	if (!r)
		r = mixd_topic_new(user, "volume", p->name, &t->volume);
	if (!r)
		r = mixd_topic_new(user, "ended", p->name, &t->ended);
	if (r) {
		topics_free(t);
		return r;
	}
	p->user = t;
	return 0;
}

static void
mixd_left(void *user, struct mixer_player *p)
{
	topics_free(p->user);
}

/* An event that cannot be told is lost to its readers, who learn that; the sound goes on. */
static void
mixd_told(const char *event, const char *player, int r)
{
	if (r < 0)
		fprintf(stderr, "mixd: cannot tell %s %s: %s\n", event, player,
			tern_last_error()->text);
}

static void
mixd_started(void *user, struct mixer_player *p)
{
	struct mixd_topics *t = p->user;

	mixd_told("started", p->name,
		tern_publish(t->started, "{player:s,position:u,offset:u}", p->name, p->start,
			p->offset));
}

static void
mixd_volume(void *user, struct mixer_player *p, uint64_t position, uint32_t value)
{
	struct mixd *d = user;
	tern_topic *topic = p ? ((struct mixd_topics *)p->user)->volume : d->volume_for_all;
	const char *name = p ? p->name : MIXER_ALL;

	if (!topic && mixd_topic_new(d, "volume", name, &d->volume_for_all) == 0)
		topic = d->volume_for_all;
	mixd_told("volume", name,
		!topic ? -ENOMEM
		       : tern_publish(topic, "{player:s,position:u,value:u}", name, position,
				 (uint64_t)value));
}

static void
mixd_ended(void *user, struct mixer_player *p, uint64_t position)
{
	struct mixd_topics *t = p->user;

	mixd_told("ended", p->name,
		tern_publish(
			t->ended, "{player:s,position:u,frames:u}", p->name, position, p->frames));
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
	if (position == MIXER_NEVER)
		(void)tern_reply_error(block->call, MIXD_SERVICE ".Dropped",
			"the mixer ends and did not mix this block");
	else
		(void)tern_reply(block->call, "{position:u}", position);
	mixd_block_free(block);
}

const struct mixer_ops mixd_ops = {
	.joined = mixd_joined,
	.left = mixd_left,
	.started = mixd_started,
	.volume = mixd_volume,
	.ended = mixd_ended,
	.block = mixd_block,
	.used = mixd_used,
};
