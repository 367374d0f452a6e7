/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * outside: somebody else's loop, as the tests of the adapters see it
 *
 * One file for each loop has these functions; loops.c has the scenes, which are the same for all.
 */

#include <stdbool.h>

#include "fixture.h"
#include "tern/tern.h"

struct outside;
struct outside_seat; /* a tern handle in the loop */

/* outside_prepare() - what the loop's library keeps open until the process ends, before descriptors are counted */
void outside_prepare(void);
struct outside *outside_new(void);
/* outside_free() - its seats must be gone */
void outside_free(struct outside *outside);
/* outside_turn() - wait until a source is ready, and have the ready ones handled once */
void outside_turn(struct outside *outside);
/* outside_look() - the same without waiting. Return: was any ready? */
bool outside_look(struct outside *outside);

/* outside_sit() - attach; outside_leave() - detach, which must be as safe inside of a handler */
struct outside_seat *outside_sit(struct outside *outside, tern_bus *bus, tern_peer_fn *fn, void *user);
void outside_leave(struct outside_seat *seat);

/* outside_watch() - another source: fn is called whenever fd is readable, until outside_free() */
void outside_watch(struct outside *outside, int fd, void (*fn)(void *user), void *user);
