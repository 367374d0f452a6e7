/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * kill: programs killed between any two instructions, and what the others make of it
 *
 * A scene is a victim that prepares, comes to a mark, acts, and comes to another mark; and one to
 * three survivors, real programs with the real library, that hear, serve, lend and wait. The
 * director goes with one victim through what it does, instruction by instruction, and then kills
 * another victim at each of these places. After each kill the survivors must answer; have heard
 * whole messages or none, each once, in order, and all the same; have been told of the loss; and
 * have the links, descriptors, mappings and lent memory that they had before.
 *
 * A message says of which victim it is, and which number it has. Numbers below n_before were sent
 * before the mark.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fixture.h"
#include "stepper.h"
#include "tern/tern.h"

#define VICTIM_NAME "org.example.Victim"
/* Nothing ends by its time alone: who waits for ever hangs, and that is told. */
#define VERY_LONG_NS (60 * LONG_NS)

enum {
	MAX_SURVIVORS = 3,
	MAX_NUMBERS = 64,
	LENT_SIZE = 3000,
	FULL_SIZE = 1000, /* of what fills rings */
};

/* What a survivor has of this victim. */
struct report {
	_Atomic uint32_t whole[MAX_NUMBERS]; /* how often it came */
	_Atomic uint32_t wrong;		     /* damaged, out of order, or of another victim */
	_Atomic uint32_t lost;		     /* told so often that a partner is */
	_Atomic uint32_t begun, ended; /* what must end once if it was begun: a stream, a call */
	/* and of all it has */
	_Atomic uint32_t links, fds, maps, lent;
};

/* Seen by all processes of a scene. */
struct stage {
	char address[96];
	bool by_bus;
	_Atomic uint32_t victim; /* the number of the one that runs */
	_Atomic uint32_t ready;	 /* the number of one that waits for the director, */
	_Atomic uint32_t go;	 /* who says go on, */
	_Atomic uint32_t over;	 /* or that it is dead */
	_Atomic uint32_t paused; /* the survivor takes nothing in */
	_Atomic uint32_t survivors;
	struct report reports[MAX_SURVIVORS];
};

struct victim {
	struct stage *stage;
	uint32_t number;
	tern_bus *bus;
	tern_topic *topic;
	tern_service *service;
	tern_state *state;
	tern_call *call;
	tern_message *messages[2];
};

struct scene {
	const char *name;
	bool by_bus;
	uint32_t n_survivors;
	uint32_t n_before, n_act; /* messages */
	void (*prepare)(struct victim *victim);
	void (*act)(struct victim *victim);
	const char *command; /* a member that the survivor is called with when the victim is ready;
				NULL: it never is */
	bool around;  /* killed around system calls and shared stores only (around.h), if not every
			 instruction is asked for */
	bool is_long; /* to go through it once takes seconds: not in the short form */
	bool probes;  /* whether it came so far that it was accepted is known by what is accepted
			 after it */
	uint32_t n_links; /* of each survivor's with the victim once that is prepared */
};

/* the scenes (victims.c, victims-bus.c), ended by one without a name */
extern const struct scene victims[], victims_of_bus[];

/* --- survivors (survivor.c) --- */

struct survivor_start {
	struct stage *stage;
	uint32_t number;
};

/* survivor_run() - for child_start(), until it is killed */
void survivor_run(void *user);
/* survivor_name() - a constant; NULL on a direct link */
const char *survivor_name(const struct stage *stage, uint32_t number);

/* --- used by several --- */

/* stage_open() - the bus, or the other end of a direct link */
tern_bus *stage_open(const struct stage *stage);
/* stage_fill() - the bytes that this message has; stage_is_filled() - are they? */
void stage_fill(void *to, size_t size, uint32_t victim, uint32_t number);
bool stage_is_filled(const void *bytes, size_t size, uint32_t victim, uint32_t number);
/* say() - publish the next number; lent: with a second part of that size; fd: with a descriptor */
void say(struct victim *victim, uint32_t number, size_t lent, bool fd, uint32_t flags);
/* victim_open() - a handle and a topic */
void victim_open(struct victim *victim);
/* say_before() - all survivors have heard so many when this returns */
void say_before(struct victim *victim, uint32_t n, size_t size);
/* victim_wait() - the director has called the survivor with the scene's command */
void victim_wait(struct victim *victim);
