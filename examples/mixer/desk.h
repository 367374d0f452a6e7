/* SPDX-License-Identifier: MIT */
#pragma once

/*
* desk: who plays, how loud, and which block comes next
 *
 * Plain state: no bus, no file and no clock in it, so that every rule of
 * mixer.md is tested by plain calls. Whoever uses it pushes blocks in and calls
 * desk_run(); sound and events come out through struct desk_ops.
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
	DESK_E_NO_PLAYER = 1, /* nobody of this name or number */
	DESK_E_NAME,	       /* not a name for a player */
	DESK_E_CROWDED,       /* as many players, or planned changes, as there may be */
	DESK_E_FULL,	       /* the player's queue is full */
	DESK_E_ENDED,	       /* the player's last block came already */
	DESK_E_SIZE,	       /* a block is 480 frames, the last one 1 to 480 */
	DESK_E_RANGE,	       /* a volume is 0 to 2 */

	DESK_QUEUE = 16,    /* blocks of a player that wait to be mixed */
	DESK_NAME = 64,     /* bytes of a name */
	DESK_CHANGES = 1024 /* changes of volume planned ahead */
};

#define DESK_ALL   "all"      /* the name that means every player */
#define DESK_NEVER UINT64_MAX /* a position, or a time, that does not come */

struct desk;

/* A player; read-only for everybody but desk.c. */
struct desk_player {
	struct desk_player *next;
	char name[DESK_NAME + 1];
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
	struct desk_block {
		const void *samples;
		size_t n_frames;
		void *token;
	} queue[DESK_QUEUE];
};

/* What the mixer says and gives. Called from within mixer functions, which these must not call. */
struct desk_ops {
	/* A player came; sets its user pointer. What is not 0, desk_join() returns. */
	int (*joined)(void *user, struct desk_player *player);
	/* It is gone for good. */
	void (*left)(void *user, struct desk_player *player);
	/* The three events of mixer.md; player NULL: the volume for all. */
	void (*started)(void *user, struct desk_player *player);
	void (*volume)(void *user, struct desk_player *player, uint64_t position, uint32_t value);
	void (*ended)(void *user, struct desk_player *player, uint64_t position);
	/* MIX_BLOCK frames of the mix. What is not 0, desk_run() returns. */
	int (*block)(void *user, const void *samples, uint64_t position);
	/* Samples are needed no more: mixed at a position, or dropped (DESK_NEVER). */
	void (*used)(void *user, void *token, uint64_t position);
};

/* A change of volume. */
struct desk_change {
	const char *name; /* of a player, or DESK_ALL */
	bool shift;	  /* add value to the volume, within 0 to 2; else set it */
	int64_t value;	  /* Q15 */
	uint64_t at;	  /* position from which it acts; earlier than now: from now on */
};

/** desk_new() - a mixer at position 0.  Return: 0 or -ENOMEM.  @ops is copied. */
int desk_new(const struct desk_ops *ops, void *user, uint64_t grace_ns, struct desk **ret);

/** desk_free() - drop everything without events (desk_stop() first tells them); returns NULL */
struct desk *desk_free(struct desk *m);

/**
 * desk_join() - a player comes
 * @name:  1 to 64 of [A-Za-z0-9_.-], not DESK_ALL; where it is taken, "-2", "-3", … is added
 * @owner: who may push its blocks
 * @ret:   belongs to the mixer
 *
 * Return: 0, DESK_E_NAME, DESK_E_CROWDED, or a negative errno.
 */
int desk_join(struct desk *m, const char *name, uint64_t owner, struct desk_player **ret);

/**
 * desk_push() - a player's next block
 * @last:  none follows; only this one may be shorter than MIX_BLOCK
 * @token: given back by ops.used() together with @samples, on success only
 *
 * Return: 0, DESK_E_NO_PLAYER (also: not this owner's), DESK_E_SIZE, DESK_E_ENDED, DESK_E_FULL.
 */
int desk_push(
	struct desk *m, uint64_t id, uint64_t owner, const struct desk_block *block, bool last);

/** desk_leave() - an owner is gone; what its players sent is still mixed, then they end */
void desk_leave(struct desk *m, uint64_t owner);

/**
 * desk_change() - change a volume, now or at a position
 * @ret_position: from where it acts, a multiple of MIX_BLOCK
 *
 * Return: 0, DESK_E_NO_PLAYER, DESK_E_RANGE, DESK_E_CROWDED, or -ENOMEM.
 */
int desk_change(struct desk *m, const struct desk_change *change, uint64_t *ret_position);

/** desk_get() - a volume as it is now.  Return: 0 or DESK_E_NO_PLAYER. */
int desk_get(struct desk *m, const char *name, uint32_t *ret);

/** desk_pause() - mix up to a position, or up to here if it is past.  Return: where it stops. */
uint64_t desk_pause(struct desk *m, uint64_t at);

/** desk_resume() - go on */
void desk_resume(struct desk *m);

/**
 * desk_run() - mix what can be mixed
 * @now_ns:       a clock that goes forward
 * @ret_deadline: when to call again although nothing came, DESK_NEVER: not before something comes
 *
 * Return: 0 or what ops.block() returned.
 */
int desk_run(struct desk *m, uint64_t now_ns, uint64_t *ret_deadline);

/** desk_stop() - end every player where it is and drop what waits; tells the events */
void desk_stop(struct desk *m);

/** desk_position() - frames mixed so far */
uint64_t desk_position(const struct desk *m);

/** desk_players() - the first of the list, in the order they joined */
const struct desk_player *desk_players(const struct desk *m);

/** desk_n_ready() - how many players have or had sound: nobody need wait for those */
size_t desk_n_ready(const struct desk *m);
