/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * mixer: who plays, how loud, and which block comes next
 *
 * Plain state: no bus, no file and no clock in it, so that every rule of
 * mixer.md is tested by plain calls. Whoever uses it pushes blocks in and calls
 * mixer_run(); sound and events come out through struct mixer_ops.
 *
 * The rule of the timeline: from `started` to `ended` a player's sound has no
 * hole. The next block is mixed when every started player has one ready. Who
 * has none while others have is waited for, `grace_ns` at most; then it is
 * ended, and started again, where its recording was left, when its next block
 * comes. Without any block nothing is mixed and the position stands still.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MIXER_E_NO_PLAYER = 1, /* nobody of this name or number */
	MIXER_E_NAME,	       /* not a name for a player */
	MIXER_E_CROWDED,       /* as many players, or planned changes, as there may be */
	MIXER_E_FULL,	       /* the player's queue is full */
	MIXER_E_ENDED,	       /* the player's last block came already */
	MIXER_E_SIZE,	       /* a block is 480 frames, the last one 1 to 480 */
	MIXER_E_RANGE,	       /* a volume is 0 to 2 */

	MIXER_QUEUE = 16,    /* blocks of a player that wait to be mixed */
	MIXER_NAME = 64,     /* bytes of a name */
	MIXER_CHANGES = 1024 /* changes of volume planned ahead */
};

#define MIXER_ALL   "all"      /* the name that means every player */
#define MIXER_NEVER UINT64_MAX /* a position, or a time, that does not come */

struct mixer;

/* A player; read-only for everybody but mixer.c. */
struct mixer_player {
	struct mixer_player *next;
	char name[MIXER_NAME + 1];
	uint64_t id;	 /* never used twice */
	uint64_t owner;	 /* whoever joined it */
	void *user;	 /* its owner's, set by joined() */
	uint32_t volume; /* Q15 */
	bool started;	 /* between `started` and `ended` */
	bool finished;	 /* no block follows those in the queue */
	uint64_t start;	 /* started: position of its first frame */
	uint64_t offset; /* started: first frame of the recording that is heard */
	uint64_t frames; /* started: frames mixed since */
	size_t head;
	size_t n_queued;
	struct mixer_block {
		const void *samples;
		size_t n_frames;
		void *token;
	} queue[MIXER_QUEUE];
};

/* What the mixer says and gives. Called from within mixer functions, which these must not call. */
struct mixer_ops {
	/* A player came; sets its user pointer. What is not 0, mixer_join() returns. */
	int (*joined)(void *user, struct mixer_player *player);
	/* It is gone for good. */
	void (*left)(void *user, struct mixer_player *player);
	/* The three events of mixer.md; player NULL: the volume for all. */
	void (*started)(void *user, struct mixer_player *player);
	void (*volume)(void *user, struct mixer_player *player, uint64_t position, uint32_t value);
	void (*ended)(void *user, struct mixer_player *player, uint64_t position);
	/* MIX_BLOCK frames of the mix. What is not 0, mixer_run() returns. */
	int (*block)(void *user, const void *samples, uint64_t position);
	/* Samples are needed no more: mixed at a position, or dropped (MIXER_NEVER). */
	void (*used)(void *user, void *token, uint64_t position);
};

/* A change of volume. */
struct mixer_change {
	const char *name; /* of a player, or MIXER_ALL */
	bool shift;	  /* add value to the volume, within 0 to 2; else set it */
	int64_t value;	  /* Q15 */
	uint64_t at;	  /* position from which it acts; earlier than now: from now on */
};

/** mixer_new() - a mixer at position 0.  Return: 0 or -ENOMEM.  @ops is copied. */
int mixer_new(const struct mixer_ops *ops, void *user, uint64_t grace_ns, struct mixer **ret);

/** mixer_free() - drop everything without events (mixer_stop() first tells them); returns NULL */
struct mixer *mixer_free(struct mixer *m);

/**
 * mixer_join() - a player comes
 * @name:  1 to 64 of [A-Za-z0-9_.-], not MIXER_ALL; where it is taken, "-2", "-3", … is added
 * @owner: who may push its blocks
 * @ret:   belongs to the mixer
 *
 * Return: 0, MIXER_E_NAME, MIXER_E_CROWDED, or a negative errno.
 */
int mixer_join(struct mixer *m, const char *name, uint64_t owner, struct mixer_player **ret);

/**
 * mixer_push() - a player's next block
 * @last:  none follows; only this one may be shorter than MIX_BLOCK
 * @token: given back by ops.used() together with @samples, on success only
 *
 * Return: 0, MIXER_E_NO_PLAYER (also: not this owner's), MIXER_E_SIZE, MIXER_E_ENDED, MIXER_E_FULL.
 */
int mixer_push(
	struct mixer *m, uint64_t id, uint64_t owner, const struct mixer_block *block, bool last);

/** mixer_leave() - an owner is gone; what its players sent is still mixed, then they end */
void mixer_leave(struct mixer *m, uint64_t owner);

/**
 * mixer_change() - change a volume, now or at a position
 * @ret_position: from where it acts, a multiple of MIX_BLOCK
 *
 * Return: 0, MIXER_E_NO_PLAYER, MIXER_E_RANGE, MIXER_E_CROWDED, or -ENOMEM.
 */
int mixer_change(struct mixer *m, const struct mixer_change *change, uint64_t *ret_position);

/** mixer_get() - a volume as it is now.  Return: 0 or MIXER_E_NO_PLAYER. */
int mixer_get(struct mixer *m, const char *name, uint32_t *ret);

/** mixer_pause() - mix up to a position, or up to here if it is past.  Return: where it stops. */
uint64_t mixer_pause(struct mixer *m, uint64_t at);

/** mixer_resume() - go on */
void mixer_resume(struct mixer *m);

/**
 * mixer_run() - mix what can be mixed
 * @now_ns:       a clock that goes forward
 * @ret_deadline: when to call again although nothing came, MIXER_NEVER: not before something comes
 *
 * Return: 0 or what ops.block() returned.
 */
int mixer_run(struct mixer *m, uint64_t now_ns, uint64_t *ret_deadline);

/** mixer_stop() - end every player where it is and drop what waits; tells the events */
void mixer_stop(struct mixer *m);

/** mixer_position() - frames mixed so far */
uint64_t mixer_position(const struct mixer *m);

/** mixer_players() - the first of the list, in the order they joined */
const struct mixer_player *mixer_players(const struct mixer *m);

/** mixer_n_ready() - how many players have or had sound: nobody need wait for those */
size_t mixer_n_ready(const struct mixer *m);
