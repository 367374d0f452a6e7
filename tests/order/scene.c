/* SPDX-License-Identifier: MIT */

/* scene: actors, their words in shared memory, and waiting for each other; see scene.h */

#include "scene.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"

enum state { IDLE, RUNS, HELD };

enum {
	POINT_SIZE = 32,
	LOOK_MS = 50, /* between two looks whether an actor still lives */
};

/* A thread of an actor, in shared memory. Whoever may go on writes the state, last. */
struct thread {
	_Atomic uint32_t state;
	actor_fn *fn; /* same address in all: they are forked, not executed */
	long args[N_ARGS];
	long result;
	char point[POINT_SIZE]; /* to be held at; "" none */
	uint32_t nth;
};

struct actor {
	struct thread threads[N_THREADS];
	_Atomic uint32_t ready; /* the bus is open, or could not be */
	uint64_t id;
	_Atomic uint32_t n_log;
	long log[MAX_LOG];
};

struct stage {
	struct actor actors[N_ACTORS];
	struct hook_clock clock;
	bool has_clock;
};

struct scene {
	struct private_bus place;
	struct stage *stage;
	enum hook_rule rule;
	bool off;
	pid_t pids[N_ACTORS]; /* 0: not there, or no longer */
	/* of an actor alone */
	struct actor *actor;
	struct self self;
};

/* --- waiting for each other --- */

static void
word_set(_Atomic uint32_t *word, uint32_t value)
{
	store_rel(word, value);
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); /* nobody waits: as good */
}

/* word_wait() - until it is no longer this, or a little while */
static void
word_wait(_Atomic uint32_t *word, uint32_t value)
{
	struct timespec while_ = {.tv_nsec = LOOK_MS * (long)NSEC_PER_MSEC};

	if (load_acq(word) == value)
		(void)syscall(SYS_futex, word, FUTEX_WAIT, value, &while_, NULL, 0); /* looked at again */
}

/* --- in an actor --- */

static struct actor *this_actor;
static _Thread_local struct thread *this_thread;

static void
stop(const char *point)
{
	struct thread *thread = this_thread;

	if (!thread || strcmp(thread->point, point) != 0 || --thread->nth > 0)
		return;
	thread->point[0] = '\0';
	word_set(&thread->state, HELD);
	while (load_acq(&thread->state) == HELD)
		word_wait(&thread->state, HELD);
}

void
put(long number)
{
	uint32_t n = load_rlx(&this_actor->n_log); /* told by the thread's state */

	must(n < MAX_LOG);
	this_actor->log[n] = number;
	store_rel(&this_actor->n_log, n + 1);
}

struct thread_start {
	struct scene *scene;
	struct thread *thread;
};

/* obey() - do what one is told, until that is to leave */
static void *
obey(void *user)
{
	struct thread_start *start = user;
	struct thread *thread = this_thread = start->thread;
	actor_fn *fn;

	do {
		while (load_acq(&thread->state) != RUNS)
			word_wait(&thread->state, IDLE);
		fn = thread->fn;
		if (fn != leave)
			thread->result = fn(&start->scene->self, thread->args);
		word_set(&thread->state, IDLE);
	} while (fn != leave);
	return NULL;
}

static void
open_bus(struct scene *scene)
{
	static const char *const tags[] = {"news", NULL};
	struct self *self = &scene->self;

	must_be(tern_open(scene->place.address, &self->bus), 0);
	must_be(tern_set_option(self->bus, TERN_OPT_SPIN, 0), 0);
	must_be(tern_topic_new(self->bus, tags, &self->topic), 0);
	scene->actor->id = tern_id(self->bus);
}

static void
play(void *user)
{
	static const struct rlimit no_core; /* some end by an assertion, that is their part */
	struct scene *scene = user;
	struct thread_start starts[N_THREADS];
	pthread_t second;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	this_actor = scene->actor;
	if (scene->rule < N_RULES)
		hook_off[scene->rule] = scene->off;
	hook_stop = stop;
	hook_alone = false; /* most stories are about the horizon */
	open_bus(scene);
	if (scene->stage->has_clock) /* hello compares clocks: only now */
		hook_clock = &scene->stage->clock;
	for (int i = 0; i < N_THREADS; i++)
		starts[i] = (struct thread_start){scene, &scene->actor->threads[i]};
	must_be(pthread_create(&second, NULL, obey, &starts[1]), 0);
	word_set(&scene->actor->ready, 1);
	(void)obey(&starts[0]);
	must_be(pthread_join(second, NULL), 0);
	(void)leave(&scene->self, NULL);
}

/* --- the director's --- */

struct scene *
scene_new(enum hook_rule rule, bool off)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	must(scene != NULL);
	scene->rule = rule;
	scene->off = off;
	scene->stage = shared_new(sizeof(*scene->stage));
	private_bus_start(&scene->place, NULL);
	return scene;
}

void
scene_free(struct scene *scene)
{
	for (int who = 0; who < N_ACTORS; who++) {
		if (scene->pids[who] == 0)
			continue;
		if (scene->off) {
			die(scene, who);
			continue;
		}
		for (int i = 0; i < N_THREADS; i++)
			begin_on(scene, who, i, leave, 0);
		child_end(scene->pids[who]);
	}
	private_bus_stop(&scene->place);
	(void)shared_free(scene->stage, sizeof(*scene->stage)); /* always NULL */
	free(scene);
}

bool
scene_is_off(const struct scene *scene)
{
	return scene->off;
}

void
scene_stop_ternd(struct scene *scene)
{
	int status;

	must_be(kill(scene->place.ternd, SIGSTOP), 0);
	must_be(waitpid(scene->place.ternd, &status, WUNTRACED), scene->place.ternd);
	must(WIFSTOPPED(status));
}

void
scene_continue_ternd(struct scene *scene)
{
	must_be(kill(scene->place.ternd, SIGCONT), 0);
}

void
scene_set_clock(struct scene *scene, uint64_t now, uint64_t step)
{
	scene->stage->has_clock = true;
	store_rlx(&scene->stage->clock.step, step); /* before there are others */
	store_rlx(&scene->stage->clock.now, now);
}

void
scene_add_clock(struct scene *scene, uint64_t ns)
{
	(void)add_acqrel(&scene->stage->clock.now, ns); /* the new time does not matter */
}

uint64_t
scene_now(const struct scene *scene)
{
	return load_acq(&scene->stage->clock.now);
}

/* is_alive() - a dead one is reaped; with the rule on it may not have died */
static bool
is_alive(struct scene *scene, enum who who)
{
	int status;

	if (scene->pids[who] && waitpid(scene->pids[who], &status, WNOHANG) == 0)
		return true;
	scene->pids[who] = 0;
	must(scene->off);
	return false;
}

void
enter(struct scene *scene, enum who who)
{
	struct actor *actor = &scene->stage->actors[who];

	must_be(scene->pids[who], 0);
	scene->actor = actor;
	scene->pids[who] = child_start(play, scene);
	while (!load_acq(&actor->ready)) {
		word_wait(&actor->ready, 0);
		must(is_alive(scene, who));
	}
}

void
die(struct scene *scene, enum who who)
{
	child_kill(scene->pids[who]);
	scene->pids[who] = 0;
}

long
id_of(const struct scene *scene, enum who who)
{
	return (long)scene->stage->actors[who].id;
}

static struct thread *
thread_of(struct scene *scene, enum who who, int thread)
{
	return &scene->stage->actors[who].threads[thread];
}

void
actor_begin(struct scene *scene, enum who who, int n, actor_fn *fn, const long args[N_ARGS])
{
	struct thread *thread = thread_of(scene, who, n);

	must_be(load_acq(&thread->state), IDLE);
	thread->fn = fn;
	memcpy(thread->args, args, sizeof(thread->args));
	word_set(&thread->state, RUNS);
}

/* pause_of() - until it is held or has ended. Return: its state; IDLE if it died. */
static enum state
pause_of(struct scene *scene, enum who who, struct thread *thread)
{
	uint64_t end = clock_now_ns() + LONG_NS;

	while (load_acq(&thread->state) == RUNS) {
		word_wait(&thread->state, RUNS);
		if (load_acq(&thread->state) == RUNS && !is_alive(scene, who)) {
			thread->result = -EOWNERDEAD;
			return IDLE;
		}
		must(clock_now_ns() < end);
	}
	return load_acq(&thread->state);
}

long
finish_on(struct scene *scene, enum who who, int n)
{
	struct thread *thread = thread_of(scene, who, n);

	must_be(pause_of(scene, who, thread), IDLE);
	thread->point[0] = '\0'; /* never came there */
	return thread->result;
}

void
stop_on(struct scene *scene, enum who who, int n, const char *point, uint32_t nth)
{
	struct thread *thread = thread_of(scene, who, n);

	must(load_acq(&thread->state) != RUNS);
	must(strlen(point) < POINT_SIZE);
	memcpy(thread->point, point, strlen(point) + 1);
	thread->nth = nth;
}

bool
is_held_on(struct scene *scene, enum who who, int n)
{
	return pause_of(scene, who, thread_of(scene, who, n)) == HELD;
}

bool
is_over_on(struct scene *scene, enum who who, int n, bool certain)
{
	struct thread *thread = thread_of(scene, who, n);
	uint64_t end = clock_now_ns() + SHORT_NS;

	if (certain)
		return pause_of(scene, who, thread) == IDLE;
	while (load_acq(&thread->state) == RUNS && clock_now_ns() < end)
		word_wait(&thread->state, RUNS);
	return load_acq(&thread->state) == IDLE;
}

void
resume_on(struct scene *scene, enum who who, int n)
{
	struct thread *thread = thread_of(scene, who, n);

	must_be(load_acq(&thread->state), HELD);
	word_set(&thread->state, RUNS);
}

long
go_on(struct scene *scene, enum who who, int n)
{
	struct thread *thread = thread_of(scene, who, n);

	if (load_acq(&thread->state) == HELD)
		word_set(&thread->state, RUNS);
	return finish_on(scene, who, n);
}

void
acquaint(struct scene *scene, enum who who, enum who other)
{
	long id = id_of(scene, who), other_id = id_of(scene, other);
	int n = n_delivered(scene, other);

	act(scene, who, tell_peer, other_id, 0);
	while (n_delivered(scene, other) == n)
		act(scene, other, take, 0);
	while (act(scene, who, is_linked, other_id) != 1)
		act(scene, who, take_ready, 0);
	must_be(act(scene, other, is_linked, id), 1);
	store_rlx(&scene->stage->actors[other].n_log, (uint32_t)n); /* it waits: nobody writes */
}

/* --- what was delivered --- */

int
n_delivered(const struct scene *scene, enum who who)
{
	return (int)load_acq(&scene->stage->actors[who].n_log);
}

long
delivered(const struct scene *scene, enum who who, int nth)
{
	return nth < n_delivered(scene, who) ? scene->stage->actors[who].log[nth] : -1;
}

int
place_of(const struct scene *scene, enum who who, long number)
{
	for (int i = 0; i < n_delivered(scene, who); i++)
		if (delivered(scene, who, i) == number)
			return i;
	return -1;
}

bool
came_before(const struct scene *scene, enum who who, long first, long second)
{
	int place = place_of(scene, who, first);

	return place >= 0 && place < place_of(scene, who, second);
}
