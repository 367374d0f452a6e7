/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * scene: several processes on one bus, led by the hand
 *
 * A scenario is a story. The director (the test itself) tells actors, which are processes with a
 * tern_bus each, what to do next, and holds them at stop points of the library (base/hook.h) on
 * the way. Nothing happens in an actor that it was not told to do, so a story goes the same way each time.
 *
 *      begin(scene, A, publish, 1);               A starts, in the background, ...
 *      if (hold(scene, A, "uncommitted")) ...     ... and is held where it has pushed and not committed
 *      act(scene, B, take, 0);                    B does one round, to its end
 *      go(scene, A);                              A goes on to the end of what it was told
 *
 * What an actor takes in is a number a message; each keeps a log of them. Each story is told with the rule it
 * is about (its promise must hold) and without it (it must be broken, each time).
 */

#include <stdint.h>

#include "base/hook.h"
#include "fixture.h"
#include "tern/tern.h"

enum who { A, B, C, D, N_ACTORS };

enum {
	N_THREADS = 2, /* of an actor: they take turns, unless one is held */
	MAX_LOG = 512,
	N_ARGS = 3,
	LOG_LOST = 10000, /* a partner was lost; gaps are LOG_GAP + number of events */
	LOG_GAP = 20000,
	LOG_NAME = 30000,     /* a name came */
	LOG_NAME_GONE = 30001,
	LOG_WRITABLE = 40000, /* room again after -EAGAIN */
};

#define QUARTER 1800 /* bytes of padding that make a record nearly a quarter of the first ring */

/* What an actor itself knows. */
struct self {
	tern_bus *bus;
	tern_topic *topic; /* everybody's */
	tern_subscription *subscription;
	tern_service *service;
	tern_call *call; /* the last one */
	uint64_t stamp;  /* of what was taken in last */
	int fd;          /* tern_fd(); 0 not asked for yet */
};

/* Something an actor can be told to do. Its result is handed back. */
typedef long actor_fn(struct self *self, const long args[N_ARGS]);

struct scene;

/* scene_new() - a bus without actors; @off the rule is taken out of every actor */
struct scene *scene_new(enum hook_rule rule, bool off);
/* scene_free() - actors end; in order, if the rule was on */
void scene_free(struct scene *scene);
bool scene_is_off(const struct scene *scene);
/* scene_stop_ternd(), scene_continue_ternd() - SIGSTOP, SIGCONT */
void scene_stop_ternd(struct scene *scene);
void scene_continue_ternd(struct scene *scene);

/*
 * scene_set_clock() - from now on, time for stamps and horizons stands still but for this
 * Before any actor enters.
 */
void scene_set_clock(struct scene *scene, uint64_t now, uint64_t step);
void scene_add_clock(struct scene *scene, uint64_t ns);
uint64_t scene_now(const struct scene *scene);

/* enter() - the actor's process starts and opens the bus. Peer ids grow in the order of entry. */
void enter(struct scene *scene, enum who who);
/* die() - SIGKILL */
void die(struct scene *scene, enum who who);
long id_of(const struct scene *scene, enum who who);

/* begin() - start something in the background; begin_on() in this thread of the actor */
#define begin(scene, who, fn, ...)            begin_on(scene, who, 0, fn, __VA_ARGS__)
#define begin_on(scene, who, thread, fn, ...) actor_begin(scene, who, thread, fn, (long[N_ARGS]){__VA_ARGS__})
/* finish() - wait for the end of what was begun. Return: its result; -EOWNERDEAD the actor died of it. */
#define finish(scene, who) finish_on(scene, who, 0)
/* act() - the two together */
#define act(scene, who, fn, ...) (begin(scene, who, fn, __VA_ARGS__), finish(scene, who))

void actor_begin(struct scene *scene, enum who who, int thread, actor_fn *fn, const long args[N_ARGS]);
long finish_on(struct scene *scene, enum who who, int thread);

/* stop_at() - what is begun next, or resumed, will be held the nth time (1...) it comes to this point */
#define stop_at(scene, who, point, nth) stop_on(scene, who, 0, point, nth)
void stop_on(struct scene *scene, enum who who, int thread, const char *point, uint32_t nth);
/* is_held() - wait until it is held there. Return: false, it came to its end instead. */
#define is_held(scene, who) is_held_on(scene, who, 0)
bool is_held_on(struct scene *scene, enum who who, int thread);
/* is_over() - did it end, within a glance, or for certain if the rule is off? */
bool is_over_on(struct scene *scene, enum who who, int thread, bool certain);
/* resume() - on, without waiting for anything */
#define resume(scene, who) resume_on(scene, who, 0)
void resume_on(struct scene *scene, enum who who, int thread);
/* go() - on, and wait for the end. Return: as finish(). */
#define go(scene, who) go_on(scene, who, 0)
long go_on(struct scene *scene, enum who who, int thread);

/* --- what was delivered --- */

/* place_of() - where in its log, 0..; -1 nowhere */
int place_of(const struct scene *scene, enum who who, long number);
/* came_before() - both came, in this order */
bool came_before(const struct scene *scene, enum who who, long first, long second);
int n_delivered(const struct scene *scene, enum who who);
/* delivered() - the nth */
long delivered(const struct scene *scene, enum who who, int nth);

/* --- what actors can do (actor.c) --- */

actor_fn subscribe;      /* to the topic of all; args[0] policy */
actor_fn publish;        /* number, flags */
actor_fn publish_padded; /* number, bytes, flags */
actor_fn tell_peer;      /* id, number, flags: a call without answer */
actor_fn tell_padded;    /* id, number, bytes */
actor_fn tell_nonblock;  /* id, number, bytes */
actor_fn take;           /* one round, as tern_next(0) does it, and everything it brought. Return: how much */
actor_fn take_ready;     /* the sockets alone */
actor_fn sleep_tight;    /* tern_process() until there is nothing more to do */
actor_fn is_woken;       /* is tern_fd() readable? */
actor_fn set_order;      /* TERN_OPT_ORDER */
actor_fn set_max_hot;    /* links that may stay hot */
actor_fn set_alone;      /* rounds may do without a horizon */
actor_fn set_clock_back; /* ns */
actor_fn is_linked;      /* id. Return: 1 linked and hello came; 2 cold; 3 hung up */
actor_fn flush;
actor_fn last_stamp;   /* of what was taken in last */
actor_fn own_name;    /* the one name of all; tern_own() */
actor_fn disown_name;
actor_fn serve_name;  /* the same name, with a service that puts what it is called with */
actor_fn hear_names;  /* subscribe to its coming and going */
actor_fn call_name;   /* number: send a call to it, and forget its answer */
actor_fn fill;        /* id: records of a quarter ring each, until there is no room. Return: how many */
actor_fn say_into;    /* fd, of before it entered: what it has to say of itself goes there */
actor_fn leave;          /* close the bus, end the process */

/* put() - what an actor took in, into its log */
void put(long number);

/* acquaint() - a link between the two, with both hellos read; the log stays as it was */
void acquaint(struct scene *scene, enum who who, enum who other);

/* --- the stories --- */

/* Return: was the promise kept? */
typedef bool story_fn(struct scene *scene);

struct story {
	const char *name;
	enum hook_rule rule; /* N_RULES: no rule to take out */
	story_fn *fn;
};

extern const struct story stories_causal[], stories_shared[], stories_wake[], stories_room[], stories_bus[];
