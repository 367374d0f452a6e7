/* SPDX-License-Identifier: MIT */

/*
* desk: a list of players with a queue each, and a list of planned changes in
 * the order of their positions
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "desk.h"

/* A change of volume that is planned; player NULL: for all. */
struct desk_plan {
	struct desk_plan *next;
	struct desk_player *player;
	bool shift;
	int64_t value;
	uint64_t at;
};

struct desk {
	struct desk_ops ops;
	void *user;
	uint64_t grace_ns;
	uint64_t position;
	uint64_t pause_at;
	uint64_t stalled_since; /* DESK_NEVER: nobody is waited for */
	uint32_t volume;	/* for all */
	uint64_t last_id;
	size_t n_players;
	struct desk_player *players;
	size_t n_plans;
	struct desk_plan *plans;
	int64_t sum[MIX_BLOCK];
};

/* What stands in the way of the next block. */
enum desk_look { DESK_NOTHING, DESK_MISSING, DESK_READY };

int
desk_new(const struct desk_ops *ops, void *user, uint64_t grace_ns, struct desk **ret)
{
	struct desk *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->ops = *ops;
	m->user = user;
	m->grace_ns = grace_ns;
	m->pause_at = DESK_NEVER;
	m->stalled_since = DESK_NEVER;
	m->volume = MIX_UNITY;
	*ret = m;
	return 0;
}

/* Forget the plans of one player, or (all) everybody's. */
static void
desk_drop_plans(struct desk *m, const struct desk_player *player, bool all)
{
	struct desk_plan **link = &m->plans;

	while (*link) {
		struct desk_plan *plan = *link;

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
static struct desk_block
desk_pop(struct desk_player *p)
{
	struct desk_block block = p->queue[p->head];

	p->head = (p->head + 1) % DESK_QUEUE;
	p->n_queued--;
	return block;
}

/* Take *link out of the list; the player is gone. */
static void
desk_remove(struct desk *m, struct desk_player **link)
{
	struct desk_player *p = *link;

	while (p->n_queued)
		m->ops.used(m->user, desk_pop(p).token, DESK_NEVER);
	desk_drop_plans(m, p, false);
	*link = p->next;
	m->n_players--;
	m->ops.left(m->user, p);
	free(p);
}

struct desk *
desk_free(struct desk *m)
{
	if (!m)
		return NULL;
	while (m->players)
		desk_remove(m, &m->players);
	desk_drop_plans(m, NULL, true);
	free(m);
	return NULL;
}

static struct desk_player *
desk_find(struct desk *m, const char *name)
{
	struct desk_player *p;

	for (p = m->players; p; p = p->next) {
		if (!strcmp(p->name, name))
			return p;
	}
	return NULL;
}

static bool
desk_is_name(const char *name)
{
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n <= DESK_NAME && !name[n] && strcmp(name, DESK_ALL) != 0;
}

/*
 * Find a free name: the one wanted, or it (cut where too long) with a number added.
 * The number begins behind those given already: many players of one name are cheap.
 */
static void
desk_choose_name(struct desk *m, const char *wanted, char ret[DESK_NAME + 1])
{
	struct desk_player *p;
	unsigned i = 2;
	int n;

	(void)snprintf(ret, DESK_NAME + 1, "%s", wanted);
	if (!desk_find(m, ret))
		return;
	n = snprintf(ret, DESK_NAME + 1, "%.*s-", DESK_NAME - 6, wanted);
	for (p = m->players; p; p = p->next)
		i += !strncmp(p->name, ret, (size_t)n);
	do
		(void)snprintf(ret + n, DESK_NAME + 1 - (size_t)n, "%u", i++);
	while (desk_find(m, ret));
}

int
desk_join(struct desk *m, const char *name, uint64_t owner, struct desk_player **ret)
{
	struct desk_player *p, **link;
	int r;

	if (!desk_is_name(name))
		return DESK_E_NAME;
	if (m->n_players >= MIX_PLAYERS)
		return DESK_E_CROWDED;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	desk_choose_name(m, name, p->name);
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
desk_push(struct desk *m, uint64_t id, uint64_t owner, const struct desk_block *block, bool last)
{
	struct desk_player *p = m->players;

	while (p && p->id != id)
		p = p->next;
	if (!p || p->owner != owner)
		return DESK_E_NO_PLAYER;
	if (!block->n_frames || block->n_frames > MIX_BLOCK)
		return DESK_E_SIZE;
	if (block->n_frames < MIX_BLOCK && !last)
		return DESK_E_SIZE;
	if (p->finished)
		return DESK_E_ENDED;
	if (p->n_queued >= DESK_QUEUE)
		return DESK_E_FULL;
	p->queue[(p->head + p->n_queued) % DESK_QUEUE] = *block;
	p->n_queued++;
	p->finished = last;
	return 0;
}

void
desk_leave(struct desk *m, uint64_t owner)
{
	struct desk_player *p;

	for (p = m->players; p; p = p->next) {
		if (p->owner == owner)
			p->finished = true;
	}
}

/* Do what is planned for a player (NULL: all), and say so. */
static void
desk_apply(struct desk *m, struct desk_player *p, bool shift, int64_t value)
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
desk_apply_plans(struct desk *m)
{
	while (m->plans && m->plans->at <= m->position) {
		struct desk_plan *plan = m->plans;

		m->plans = plan->next;
		m->n_plans--;
		desk_apply(m, plan->player, plan->shift, plan->value);
		free(plan);
	}
}

static int
desk_plan(struct desk *m, struct desk_player *p, const struct desk_change *change,
	uint64_t position)
{
	struct desk_plan *plan, **link;

	if (m->n_plans >= DESK_CHANGES)
		return DESK_E_CROWDED;
	plan = malloc(sizeof(*plan));
	if (!plan)
		return -ENOMEM;
	*plan = (struct desk_plan){
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
desk_border(const struct desk *m, uint64_t at)
{
	if (at <= m->position)
		return m->position;
	if (at > DESK_NEVER - MIX_BLOCK)
		return DESK_NEVER - DESK_NEVER % MIX_BLOCK;
	return (at + MIX_BLOCK - 1) / MIX_BLOCK * MIX_BLOCK;
}

int
desk_change(struct desk *m, const struct desk_change *change, uint64_t *ret_position)
{
	uint64_t position = desk_border(m, change->at);
	struct desk_player *p = NULL;
	int r;

	if (strcmp(change->name, DESK_ALL) != 0) {
		p = desk_find(m, change->name);
		if (!p)
			return DESK_E_NO_PLAYER;
	}
	if (change->value > MIX_LOUDEST || change->value < (change->shift ? -MIX_LOUDEST : 0))
		return DESK_E_RANGE;
	if (position > m->position) {
		r = desk_plan(m, p, change, position);
		if (r)
			return r;
	} else {
		desk_apply(m, p, change->shift, change->value);
	}
	*ret_position = position;
	return 0;
}

int
desk_get(struct desk *m, const char *name, uint32_t *ret)
{
	struct desk_player *p;

	if (!strcmp(name, DESK_ALL)) {
		*ret = m->volume;
		return 0;
	}
	p = desk_find(m, name);
	if (!p)
		return DESK_E_NO_PLAYER;
	*ret = p->volume;
	return 0;
}

uint64_t
desk_pause(struct desk *m, uint64_t at)
{
	m->pause_at = desk_border(m, at);
	return m->pause_at;
}

void
desk_resume(struct desk *m)
{
	m->pause_at = DESK_NEVER;
}

static void
desk_start(struct desk *m, struct desk_player *p)
{
	p->started = true;
	p->start = m->position;
	p->frames = 0;
	m->ops.started(m->user, p);
	/* so that a record that begins later knows it too */
	m->ops.volume(m->user, p, m->position, p->volume);
}

static void
desk_end(struct desk *m, struct desk_player *p)
{
	m->ops.ended(m->user, p, p->start + p->frames);
	p->offset += p->frames;
	p->started = false;
}

/* End those of whom nothing more will come. */
static void
desk_reap(struct desk *m)
{
	struct desk_player **link = &m->players;

	while (*link) {
		struct desk_player *p = *link;

		if (!p->finished || p->n_queued) {
			link = &p->next;
			continue;
		}
		if (p->started)
			desk_end(m, p);
		desk_remove(m, link);
	}
}

static enum desk_look
desk_look(const struct desk *m)
{
	bool found = false, missing = false;
	const struct desk_player *p;

	for (p = m->players; p; p = p->next) {
		found = found || p->n_queued;
		missing = missing || (p->started && !p->n_queued);
	}
	if (!found)
		return DESK_NOTHING;
	return missing ? DESK_MISSING : DESK_READY;
}

static void
desk_end_missing(struct desk *m)
{
	struct desk_player *p;

	for (p = m->players; p; p = p->next) {
		if (p->started && !p->n_queued)
			desk_end(m, p);
	}
}

static int
desk_mix(struct desk *m)
{
	uint64_t position = m->position;
	uint8_t out[2 * MIX_BLOCK];
	struct desk_player *p;
	int r;

	memset(m->sum, 0, sizeof(m->sum));
	for (p = m->players; p; p = p->next) {
		if (!p->n_queued)
			continue;
		if (!p->started)
			desk_start(m, p);
		mix_add(m->sum, p->queue[p->head].samples, p->queue[p->head].n_frames, p->volume);
	}
	mix_finish(m->sum, m->volume, out);
	r = m->ops.block(m->user, out, position);
	if (r)
		return r;

	m->position += MIX_BLOCK;
	for (p = m->players; p; p = p->next) {
		struct desk_block block;

		if (!p->n_queued)
			continue;
		block = desk_pop(p);
		p->frames += block.n_frames;
		m->ops.used(m->user, block.token, position);
	}
	return 0;
}

int
desk_run(struct desk *m, uint64_t now_ns, uint64_t *ret_deadline)
{
	uint64_t deadline = DESK_NEVER;
	int r;

	for (;;) {
		enum desk_look look;

		desk_apply_plans(m);
		desk_reap(m);
		look = m->position >= m->pause_at ? DESK_NOTHING : desk_look(m);
		if (look != DESK_MISSING)
			m->stalled_since = DESK_NEVER;
		if (look == DESK_NOTHING)
			break;
		if (look == DESK_MISSING) {
			if (m->stalled_since == DESK_NEVER)
				m->stalled_since = now_ns;
			if (now_ns - m->stalled_since < m->grace_ns) {
				deadline = m->stalled_since + m->grace_ns;
				break;
			}
			desk_end_missing(m);
			m->stalled_since = DESK_NEVER;
		}
		r = desk_mix(m);
		if (r)
			return r;
	}
	*ret_deadline = deadline;
	return 0;
}

void
desk_stop(struct desk *m)
{
	struct desk_player *p;

	for (p = m->players; p; p = p->next) {
		if (p->started)
			desk_end(m, p);
	}
	while (m->players)
		desk_remove(m, &m->players);
}

uint64_t
desk_position(const struct desk *m)
{
	return m->position;
}

const struct desk_player *
desk_players(const struct desk *m)
{
	return m->players;
}

size_t
desk_n_ready(const struct desk *m)
{
	const struct desk_player *p;
	size_t n = 0;

	for (p = m->players; p; p = p->next)
		n += p->started || p->n_queued || p->finished;
	return n;
}
