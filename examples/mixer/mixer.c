/* SPDX-License-Identifier: MIT */

/*
 * mixer: a list of players with a queue each, and a list of planned changes in
 * the order of their positions
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "mixer.h"

/* A change of volume that is planned; player NULL: for all. */
struct mixer_plan {
	struct mixer_plan *next;
	struct mixer_player *player;
	bool shift;
	int64_t value;
	uint64_t at;
};

struct mixer {
	struct mixer_ops ops;
	void *user;
	uint64_t grace_ns;
	uint64_t position;
	uint64_t pause_at;
	uint64_t stalled_since; /* MIXER_NEVER: nobody is waited for */
	uint32_t volume;	/* for all */
	uint64_t last_id;
	size_t n_players;
	struct mixer_player *players;
	size_t n_plans;
	struct mixer_plan *plans;
	int64_t sum[MIX_BLOCK];
};

/* What stands in the way of the next block. */
enum mixer_look { MIXER_NOTHING, MIXER_MISSING, MIXER_READY };

int
mixer_new(const struct mixer_ops *ops, void *user, uint64_t grace_ns, struct mixer **ret)
{
	struct mixer *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->ops = *ops;
	m->user = user;
	m->grace_ns = grace_ns;
	m->pause_at = MIXER_NEVER;
	m->stalled_since = MIXER_NEVER;
	m->volume = MIX_UNITY;
	*ret = m;
	return 0;
}

/* Forget the plans of one player, or (all) everybody's. */
static void
mixer_drop_plans(struct mixer *m, const struct mixer_player *player, bool all)
{
	struct mixer_plan **link = &m->plans;

	while (*link) {
		struct mixer_plan *plan = *link;

		if (!all && plan->player != player) {
			link = &plan->next;
			continue;
		}
		*link = plan->next;
		m->n_plans--;
		free(plan);
	}
}

/* Take the oldest block out of a queue that has one. */
static struct mixer_block
mixer_pop(struct mixer_player *p)
{
	struct mixer_block block = p->queue[p->head];

	p->head = (p->head + 1) % MIXER_QUEUE;
	p->n_queued--;
	return block;
}

/* Take *link out of the list; the player is gone. */
static void
mixer_remove(struct mixer *m, struct mixer_player **link)
{
	struct mixer_player *p = *link;

	while (p->n_queued)
		m->ops.used(m->user, mixer_pop(p).token, MIXER_NEVER);
	mixer_drop_plans(m, p, false);
	*link = p->next;
	m->n_players--;
	m->ops.left(m->user, p);
	free(p);
}

struct mixer *
mixer_free(struct mixer *m)
{
	if (!m)
		return NULL;
	while (m->players)
		mixer_remove(m, &m->players);
	mixer_drop_plans(m, NULL, true);
	free(m);
	return NULL;
}

static struct mixer_player *
mixer_find(struct mixer *m, const char *name)
{
	struct mixer_player *p;

	for (p = m->players; p; p = p->next) {
		if (!strcmp(p->name, name))
			return p;
	}
	return NULL;
}

static bool
mixer_is_name(const char *name)
{
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n <= MIXER_NAME && !name[n] && strcmp(name, MIXER_ALL) != 0;
}

/*
 * Find a free name: the one wanted, or it (cut where too long) with a number added.
 * The number begins behind those given already: many players of one name are cheap.
 */
static void
mixer_choose_name(struct mixer *m, const char *wanted, char ret[MIXER_NAME + 1])
{
	struct mixer_player *p;
	unsigned i = 2;
	int n;

	(void)snprintf(ret, MIXER_NAME + 1, "%s", wanted);
	if (!mixer_find(m, ret))
		return;
	n = snprintf(ret, MIXER_NAME + 1, "%.*s-", MIXER_NAME - 6, wanted);
	for (p = m->players; p; p = p->next)
		i += !strncmp(p->name, ret, (size_t)n);
	do
		(void)snprintf(ret + n, MIXER_NAME + 1 - (size_t)n, "%u", i++);
	while (mixer_find(m, ret));
}

int
mixer_join(struct mixer *m, const char *name, uint64_t owner, struct mixer_player **ret)
{
	struct mixer_player *p, **link;
	int r;

	if (!mixer_is_name(name))
		return MIXER_E_NAME;
	if (m->n_players >= MIX_PLAYERS)
		return MIXER_E_CROWDED;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	mixer_choose_name(m, name, p->name);
	p->id = m->last_id + 1;
	p->owner = owner;
	p->volume = MIX_UNITY;
	r = m->ops.joined(m->user, p);
	if (r) {
		free(p);
		return r;
	}
	for (link = &m->players; *link; link = &(*link)->next)
		;
	*link = p;
	m->n_players++;
	m->last_id++;
	*ret = p;
	return 0;
}

int
mixer_push(struct mixer *m, uint64_t id, uint64_t owner, const struct mixer_block *block, bool last)
{
	struct mixer_player *p = m->players;

	while (p && p->id != id)
		p = p->next;
	if (!p || p->owner != owner)
		return MIXER_E_NO_PLAYER;
	if (!block->n_frames || block->n_frames > MIX_BLOCK)
		return MIXER_E_SIZE;
	if (block->n_frames < MIX_BLOCK && !last)
		return MIXER_E_SIZE;
	if (p->finished)
		return MIXER_E_ENDED;
	if (p->n_queued >= MIXER_QUEUE)
		return MIXER_E_FULL;
	p->queue[(p->head + p->n_queued) % MIXER_QUEUE] = *block;
	p->n_queued++;
	p->finished = last;
	return 0;
}

void
mixer_leave(struct mixer *m, uint64_t owner)
{
	struct mixer_player *p;

	for (p = m->players; p; p = p->next) {
		if (p->owner == owner)
			p->finished = true;
	}
}

/* Do what is planned for a player (NULL: all), and say so. */
static void
mixer_apply(struct mixer *m, struct mixer_player *p, bool shift, int64_t value)
{
	uint32_t *volume = p ? &p->volume : &m->volume;

	if (shift)
		value += *volume;
	if (value < 0)
		value = 0;
	if (value > MIX_LOUDEST)
		value = MIX_LOUDEST;
	*volume = (uint32_t)value;
	m->ops.volume(m->user, p, m->position, *volume);
}

static void
mixer_apply_plans(struct mixer *m)
{
	while (m->plans && m->plans->at <= m->position) {
		struct mixer_plan *plan = m->plans;

		m->plans = plan->next;
		m->n_plans--;
		mixer_apply(m, plan->player, plan->shift, plan->value);
		free(plan);
	}
}

static int
mixer_plan(struct mixer *m, struct mixer_player *p, const struct mixer_change *change,
	uint64_t position)
{
	struct mixer_plan *plan, **link;

	if (m->n_plans >= MIXER_CHANGES)
		return MIXER_E_CROWDED;
	plan = malloc(sizeof(*plan));
	if (!plan)
		return -ENOMEM;
	*plan = (struct mixer_plan){
		.player = p,
		.shift = change->shift,
		.value = change->value,
		.at = position,
	};
	for (link = &m->plans; *link && (*link)->at <= position; link = &(*link)->next)
		;
	plan->next = *link;
	*link = plan;
	m->n_plans++;
	return 0;
}

/* The first border between blocks that is not before a position, nor in the past. */
static uint64_t
mixer_border(const struct mixer *m, uint64_t at)
{
	if (at <= m->position)
		return m->position;
	if (at > MIXER_NEVER - MIX_BLOCK)
		return MIXER_NEVER - MIXER_NEVER % MIX_BLOCK;
	return (at + MIX_BLOCK - 1) / MIX_BLOCK * MIX_BLOCK;
}

int
mixer_change(struct mixer *m, const struct mixer_change *change, uint64_t *ret_position)
{
	uint64_t position = mixer_border(m, change->at);
	struct mixer_player *p = NULL;
	int r;

	if (strcmp(change->name, MIXER_ALL) != 0) {
		p = mixer_find(m, change->name);
		if (!p)
			return MIXER_E_NO_PLAYER;
	}
	if (change->value > MIX_LOUDEST || change->value < (change->shift ? -MIX_LOUDEST : 0))
		return MIXER_E_RANGE;
	if (position > m->position) {
		r = mixer_plan(m, p, change, position);
		if (r)
			return r;
	} else {
		mixer_apply(m, p, change->shift, change->value);
	}
	*ret_position = position;
	return 0;
}

int
mixer_get(struct mixer *m, const char *name, uint32_t *ret)
{
	struct mixer_player *p;

	if (!strcmp(name, MIXER_ALL)) {
		*ret = m->volume;
		return 0;
	}
	p = mixer_find(m, name);
	if (!p)
		return MIXER_E_NO_PLAYER;
	*ret = p->volume;
	return 0;
}

uint64_t
mixer_pause(struct mixer *m, uint64_t at)
{
	m->pause_at = mixer_border(m, at);
	return m->pause_at;
}

void
mixer_resume(struct mixer *m)
{
	m->pause_at = MIXER_NEVER;
}

static void
mixer_start(struct mixer *m, struct mixer_player *p)
{
	p->started = true;
	p->start = m->position;
	p->frames = 0;
	m->ops.started(m->user, p);
	/* so that a record that begins later knows it too */
	m->ops.volume(m->user, p, m->position, p->volume);
}

static void
mixer_end(struct mixer *m, struct mixer_player *p)
{
	m->ops.ended(m->user, p, p->start + p->frames);
	p->offset += p->frames;
	p->started = false;
}

/* End those of whom nothing more will come. */
static void
mixer_reap(struct mixer *m)
{
	struct mixer_player **link = &m->players;

	while (*link) {
		struct mixer_player *p = *link;

		if (!p->finished || p->n_queued) {
			link = &p->next;
			continue;
		}
		if (p->started)
			mixer_end(m, p);
		mixer_remove(m, link);
	}
}

static enum mixer_look
mixer_look(const struct mixer *m)
{
	bool found = false, missing = false;
	const struct mixer_player *p;

	for (p = m->players; p; p = p->next) {
		found = found || p->n_queued;
		missing = missing || (p->started && !p->n_queued);
	}
	if (!found)
		return MIXER_NOTHING;
	return missing ? MIXER_MISSING : MIXER_READY;
}

static void
mixer_end_missing(struct mixer *m)
{
	struct mixer_player *p;

	for (p = m->players; p; p = p->next) {
		if (p->started && !p->n_queued)
			mixer_end(m, p);
	}
}

static int
mixer_mix(struct mixer *m)
{
	uint64_t position = m->position;
	uint8_t out[2 * MIX_BLOCK];
	struct mixer_player *p;
	int r;

	memset(m->sum, 0, sizeof(m->sum));
	for (p = m->players; p; p = p->next) {
		if (!p->n_queued)
			continue;
		if (!p->started)
			mixer_start(m, p);
		mix_add(m->sum, p->queue[p->head].samples, p->queue[p->head].n_frames, p->volume);
	}
	mix_finish(m->sum, m->volume, out);
	r = m->ops.block(m->user, out, position);
	if (r)
		return r;

	m->position += MIX_BLOCK;
	for (p = m->players; p; p = p->next) {
		struct mixer_block block;

		if (!p->n_queued)
			continue;
		block = mixer_pop(p);
		p->frames += block.n_frames;
		m->ops.used(m->user, block.token, position);
	}
	return 0;
}

int
mixer_run(struct mixer *m, uint64_t now_ns, uint64_t *ret_deadline)
{
	uint64_t deadline = MIXER_NEVER;
	int r;

	for (;;) {
		enum mixer_look look;

		mixer_apply_plans(m);
		mixer_reap(m);
		look = m->position >= m->pause_at ? MIXER_NOTHING : mixer_look(m);
		if (look != MIXER_MISSING)
			m->stalled_since = MIXER_NEVER;
		if (look == MIXER_NOTHING)
			break;
		if (look == MIXER_MISSING) {
			if (m->stalled_since == MIXER_NEVER)
				m->stalled_since = now_ns;
			if (now_ns - m->stalled_since < m->grace_ns) {
				deadline = m->stalled_since + m->grace_ns;
				break;
			}
			mixer_end_missing(m);
			m->stalled_since = MIXER_NEVER;
		}
		r = mixer_mix(m);
		if (r)
			return r;
	}
	*ret_deadline = deadline;
	return 0;
}

void
mixer_stop(struct mixer *m)
{
	struct mixer_player *p;

	for (p = m->players; p; p = p->next) {
		if (p->started)
			mixer_end(m, p);
	}
	while (m->players)
		mixer_remove(m, &m->players);
}

uint64_t
mixer_position(const struct mixer *m)
{
	return m->position;
}

const struct mixer_player *
mixer_players(const struct mixer *m)
{
	return m->players;
}

size_t
mixer_n_ready(const struct mixer *m)
{
	const struct mixer_player *p;
	size_t n = 0;

	for (p = m->players; p; p = p->next)
		n += p->started || p->n_queued || p->finished;
	return n;
}
