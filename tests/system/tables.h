/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * tables: readers of ternd's tables while ternd writes at full speed
 *
 * The readers are either threads that share the writer's own mapping (what
 * ThreadSanitizer can see), or processes that open the descriptors and follow
 * when a table grows, as peers do. They check every answer; the first wrong
 * one is kept, with its reason, in memory that all share. The writer goes on
 * for a fixed time, or until a reader has found something.
 */

#include <stdarg.h>
#include <stdio.h>

#include "base/atomic.h"
#include "base/attribute.h"

enum {
	N_READERS = 3,
	N_CLASSES = 4, /* of rules that come and go */
	RUN_MS = 700,
};

struct reader {
	int socket; /* new descriptors come here; -1 with threads */
	uint64_t n_looks;
	uint64_t n_busy;
	uint64_t n_moves;
	char error[160]; /* empty: all was right */
};

/* What all see; the rest of it is the case's own. */
struct shared {
	_Atomic uint32_t stop;
	_Atomic uint32_t n_errors;
	_Atomic uint64_t live[N_CLASSES]; /* rule that has been answered and is not being removed */
	_Atomic uint64_t gone[N_CLASSES]; /* rule whose removal has been answered */
	struct reader readers[N_READERS];
};

struct table_writer;

/**
 * struct scene - a case: what the writer does, and what the readers do beside it
 * @step: one change; called again and again
 * @grow: make something larger, tell_all() its descriptor, forward
 * @read: until shared->stop; with threads several run at once
 */
struct scene {
	void (*begin)(struct scene *scene);
	void (*step)(struct scene *scene, struct shared *shared, uint64_t n);
	void (*grow)(struct scene *scene);
	void (*read)(struct scene *scene, struct shared *shared, struct reader *reader);
	void (*end)(struct scene *scene);
	bool threads;
	int sockets[N_READERS]; /* the writer's ends */
};

extern struct scene scene_names;
extern struct scene scene_rules;

/* tell_all() - send a descriptor to every reader; @kind says what it is */
void tell_all(struct scene *scene, char kind, int fd);

/* hear() - take what tell_all() sent; the descriptor is the caller's */
int hear(struct reader *reader, char *ret_kind);

/* complain() - note what was wrong; only the first counts */
__attribute__((__format__(__printf__, 3, 4))) void complain(
	struct shared *shared, struct reader *reader, const char *format, ...);

/* random_next() - a cheap sequence, the same at every run */
static inline uint64_t
random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
