/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * segment-twin: one mapping for both ends, where both are in one process
 *
 * ThreadSanitizer goes by addresses: of two mappings of one memfd it cannot know
 * that they are the same memory, and sees no race between them; nor can the scheduler of
 * tests/schedule. So in the builds for them, a process that opens a segment of its own gets the mapping there is.
 * Everywhere else these are nothing.
 *
 * Threads: any. Blocks: for each other.
 */

#include "base/attribute.h"

#if defined(TERN_TEST) && (defined(__SANITIZE_THREAD__) || defined(TERN_SCHEDULE))

/* twin_add() - the owner mapped it at base; counts as the first user */
void twin_add(int fd, void *base);

/* twin_take() - this process's mapping of what fd is, with a user more; NULL: it has none */
void *twin_take(int fd);

/* twin_drop() - a user less; true: it was the last (or not one of these), unmap it */
bool twin_drop(void *base);

#else

static inline void
twin_add(int fd, void *base)
{
}

static inline void *
twin_take(int fd)
{
	return NULL;
}

static inline bool
twin_drop(void *base)
{
	return true;
}

#endif
