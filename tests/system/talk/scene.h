/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * scene: a bus, a service in a child, and the test as its caller
 *
 * The service answers what its methods say; the words tell how far each process is.
 */

#include "fixture.h"
#include "tern/tern.h"

#define SERVICE "org.example.Scene"

struct scene {
	struct private_bus place;
	_Atomic uint32_t *words; /* shared, zero at first; each test names its own */
	tern_bus *bus;           /* the test's */
	pid_t service;
};

enum { N_WORDS = 32 };

extern struct scene scene; /* of the test that runs */

/* scene_setup(), scene_teardown() - a checked fixture: ternd runs, the test is connected */
void scene_setup(void);
void scene_teardown(void);

/* scene_open() - another handle on the bus, in any process */
tern_bus *scene_open(void);
/* scene_serve() - own SERVICE with these methods; returns when it is seen */
tern_service *scene_serve(tern_bus *bus, const struct tern_method *methods, size_t n, void *user);
/* scene_service() - a child that serves the standard methods (below) until it is killed or told Quit */
void scene_service(void);

/*
 * Echo (i) -> (i) + 1 · Later: answers from another thread · Hold: never answers, keeps the call · Drop:
 * returns without an answer · Fail: returns -ENOENT · Complain: answers org.example.Scene.Complaint · Big (u)
 * -> that many bytes · Mirror (y) -> the same, or over 1 MB a complaint as long · Remaining -> u ms until the deadline · Trace -> u · Sender -> u · Quit: ends the process
 */

/* next_event() - tern_next() until one of this kind, within LONG_NS; others are let go */
struct tern_event next_event(tern_bus *bus, uint32_t kind);
/* event_free() - what it owns */
void event_free(struct tern_event *event);
/* echo() - must(Echo(n) == n + 1) */
void echo(tern_bus *bus, const char *service, int64_t n);
/* is_error() - does the last error of this thread have this name, and a text that says something? */
bool is_error(const char *name);
