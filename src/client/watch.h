/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * watch: descriptors of the program's own in the loop, and switches between two of them
 *
 * A watched descriptor is in the epoll set one-shot: it is armed again when its event was handled,
 * so that a level-triggered one is told once a look and not once a round.
 */

#include "client/bus.h"

/* watch_ready() - epoll reports it: queue an item. Leader. */
void watch_ready(tern_bus *bus, struct source *source, uint32_t events);
/* watch_begin() - the count of running handlers, or NULL: there is no handler */
uint32_t *watch_begin(tern_watch *watch);
/* watch_run() - the handler; without the lock */
void watch_run(tern_watch *watch, uint32_t ready);
/* watch_end() - with the lock: arm it again, or tell the end of a switch; may free it */
void watch_end(tern_bus *bus, tern_watch *watch);
/* watch_reap() - free those that went while the leader was in the epoll set */
void watch_reap(tern_bus *bus);
/* watch_rearm() - its event was handed out */
void watch_rearm(tern_bus *bus, tern_watch *watch);
