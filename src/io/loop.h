/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * loop: one epoll set, and whom it calls
 *
 * A source is part of the object that owns the descriptor; the loop keeps a
 * pointer to it between loop_add() and loop_remove(). A source may be removed
 * and freed inside any handler, its own or another's: what was reported for it in
 * the same wait is forgotten. Level-triggered, so nothing has to be drained.
 */

#include <sys/epoll.h>

#include "base/attribute.h"

enum {
	LOOP_BATCH = 64, /* events of one wait */
};

struct loop_source;

/* typedef loop_ready_fn - the descriptor is ready; @events as epoll says */
typedef void (*loop_ready_fn)(struct loop_source *source, uint32_t events);

struct loop_source {
	int fd; /* borrowed from the owner */
	uint32_t events;
	loop_ready_fn ready;
	bool is_added;
};

struct loop {
	int fd;
	int n; /* events in hand, while they are handed out */
	struct epoll_event batch[LOOP_BATCH];
};

#define LOOP_INIT ((struct loop){.fd = -1})

/* loop_init() - an empty set. Return: 0 or a negative errno */
int loop_init(struct loop *ret);

/* loop_deinit() - close; all sources have been removed; LOOP_INIT is fine */
void loop_deinit(struct loop *loop);

/**
 * loop_add() - watch source->fd for @events (EPOLLIN, EPOLLOUT; errors always count)
 *
 * Return: 0 or a negative errno.  Threads: owner.  Blocks: never.
 */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);

/* loop_watch() - watch for other events from now on; no system call if they are the same */
void loop_watch(struct loop *loop, struct loop_source *source, uint32_t events);

/* loop_remove() - forget a source; one that was not added is fine */
void loop_remove(struct loop *loop, struct loop_source *source);

/**
 * loop_turn() - wait, then call the handlers of what is ready
 * @timeout_ms: -1 for ever, 0 not at all
 *
 * Return: how many were ready, or a negative errno (-EINTR: a signal came).
 * Threads: owner.  Blocks: may, as long as @timeout_ms.
 */
int loop_turn(struct loop *loop, int timeout_ms);
