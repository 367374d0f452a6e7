/* SPDX-License-Identifier: MIT */

/*
 * run: actors as coroutines, and which of them goes on
 *
 * By the seed, either anyone at random, often or seldom; or by priorities that change at up to two points (PCT:
 * Burckhardt and others, "A randomized scheduler with probabilistic guarantees of finding bugs", 2010), which finds what needs few
 * turns at the right moments.
 */

#include <poll.h>
#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>

#include "base/attribute.h"
#include "schedule.h"

enum {
	STACK = 512 << 10,
	MAX_STEPS = 200000, /* an actor that needs more does not come to its end */
	N_CHANGES = 2,
	LOOK_EVERY = 16,    /* steps between two looks at what sleepers wait for */
	MAIN = MAX_ACTORS,
	NOBODY = -1,
};

enum state {
	OVER,
	RUNS,
	SLEEPS,
};

struct actor {
	enum state state;
	int fd; /* that it sleeps for */
	int priority;
	bool is_made;
	ucontext_t context; /* where it begins */
	jmp_buf place;      /* where it goes on */
	char *stack;
};

static struct actor actors[MAX_ACTORS + 1];
static const struct scene *scene;
static int current = NOBODY;
static const char *wrong;
static uint64_t random_state, n_steps;
static uint32_t n_schedule_steps, usual_steps = 200;
static uint32_t switch_of; /* 1 of so many steps is a turn of another; 0: by priority */
static uint32_t changes[N_CHANGES];

uint32_t
schedule_random(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

int
schedule_actor(void)
{
	return current;
}

uint64_t
schedule_n_steps(void)
{
	return n_steps;
}

/* go_to() - somebody else goes on; returns when it is this one's turn again */
static void
go_to(int next)
{
	int before = current == NOBODY ? MAIN : current;

	if (next == before)
		return;
	current = next == MAIN ? NOBODY : next;
	if (_setjmp(actors[before].place) != 0)
		return;
	if (next == MAIN || actors[next].is_made)
		_longjmp(actors[next].place, 1);
	actors[next].is_made = true;
	(void)setcontext(&actors[next].context); /* does not return */
	abort();
}

_Noreturn void
scheduled_wrong(const char *what)
{
	wrong = what;
	if (current == NOBODY)
		abort(); /* a promise of the scene's own beginning */
	go_to(MAIN);
	abort(); /* nobody goes on after that */
}

/* wake() - those whose descriptors are ready. Return: was there any? */
static bool
wake(void)
{
	bool any = false;

	for (unsigned int i = 0; i < scene->n_actors; i++) {
		struct pollfd ready = {.fd = actors[i].fd, .events = POLLIN};

		if (actors[i].state != SLEEPS || poll(&ready, 1, 0) == 0)
			continue;
		actors[i].state = RUNS;
		memory_meet((int)i); /* a system call of who woke it, and one of its own */
		any = true;
	}
	return any;
}

/* pick() - who goes on; MAIN: all are at their end */
static int
pick(bool other)
{
	int can[MAX_ACTORS], best = MAIN;
	uint32_t n = 0, n_asleep = 0;

	for (unsigned int i = 0; i < scene->n_actors; i++) {
		n_asleep += actors[i].state == SLEEPS;
		if (actors[i].state != RUNS)
			continue;
		if (!(other && (int)i == current))
			can[n++] = (int)i;
		if (best == MAIN || actors[i].priority > actors[best].priority)
			best = (int)i;
	}
	if (best == MAIN && n_asleep == 0)
		return MAIN;
	if (best == MAIN) {
		if (wake())
			return pick(false);
		scheduled_wrong("all are asleep, and somebody has something to do");
	}
	if (switch_of == 0 || n == 0)
		return best;
	return can[schedule_random(n)];
}

void
schedule_step(void)
{
	struct actor *self;

	n_steps++;
	if (++n_schedule_steps > MAX_STEPS)
		scheduled_wrong("somebody does not come to an end");
	self = &actors[current];
	for (int i = 0; i < N_CHANGES; i++)
		if (changes[i] == n_schedule_steps)
			self->priority = -1 - i;
	if (n_schedule_steps % LOOK_EVERY == 0)
		(void)wake();
	if (switch_of == 0 || schedule_random(switch_of) == 0)
		go_to(pick(false));
}

void
schedule_pause(void)
{
	if (current == NOBODY)
		return;
	if (++n_schedule_steps > MAX_STEPS)
		scheduled_wrong("somebody does not come to an end");
	actors[current].priority = -100 - (int)n_schedule_steps;
	go_to(pick(true));
}

void
schedule_sleep(int fd)
{
	if (current == NOBODY)
		return;
	actors[current].state = SLEEPS;
	actors[current].fd = fd;
	(void)wake(); /* perhaps it need not sleep */
	go_to(pick(false));
}

void
schedule_heard(void)
{
	if (current != NOBODY)
		memory_meet(current);
}

static void
actor_main(void)
{
	for (;;) {
		scene->actors[current]();
		actors[current].state = OVER;
		go_to(pick(false));
	}
}

/* actor_make() - its stack, and where it begins; once */
static void
actor_make(struct actor *actor)
{
	actor->stack = malloc(STACK);
	assert(actor->stack);
	(void)getcontext(&actor->context); /* cannot fail */
	actor->context.uc_stack.ss_sp = actor->stack;
	actor->context.uc_stack.ss_size = STACK;
	makecontext(&actor->context, actor_main, 0);
}

const char *
schedule_run(const struct scene *the_scene, uint64_t seed, enum memory_fault fault)
{
	static const uint32_t often[] = {0, 0, 2, 4, 16};

	scene = the_scene;
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	(void)schedule_random(2);
	wrong = NULL;
	n_schedule_steps = 0;
	switch_of = often[schedule_random(ARRAY_SIZE(often))];
	for (int i = 0; i < N_CHANGES; i++)
		changes[i] = schedule_random(2) ? 1 + schedule_random(usual_steps) : 0;
	for (unsigned int i = 0; i < scene->n_actors; i++) {
		if (!actors[i].stack)
			actor_make(&actors[i]);
		actors[i].state = RUNS;
		actors[i].priority = 1 + (int)schedule_random(100);
	}
	memory_begin(fault, schedule_random(4));
	go_to(pick(false));
	usual_steps = MAX(n_schedule_steps, 16u);
	return wrong;
}
