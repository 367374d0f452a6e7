/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * handler: which handlers a thread is in, and waiting for those of other threads
 *
 * What has a handler counts the threads that are in it. Each thread has a chain of frames, one for each handler that
 * it is in: several where a handler of one handle takes in for another.
 *
 *      thread 1   in X's handler, frees Y: waits for thread 2
 *      thread 2   in Y's handler, frees X: would wait for thread 1, which waits for it
 *
 * Who would close such a cycle does not wait; what it frees goes when the last handler returns. So all who wait inside
 * handlers, of whatever handle, are in one list, with their frames, which stay as they are meanwhile.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tern/tern.h"

/* A handler that this thread is in; on its stack. */
struct handler_frame {
	struct handler_frame *outer;
	tern_bus *bus;
	uint32_t *n_running;
	int cancel; /* could the thread be cancelled before? */
};

/*
 * handler_begin() - count this thread in and release the lock; handler_end() - the reverse, with the lock again
 * The thread is not cancelled meanwhile: the handler would be counted for ever.
 */
void handler_begin(tern_bus *bus, struct handler_frame *frame, uint32_t *n_running);
void handler_end(struct handler_frame *frame);

/* bus_handling() - is this thread in a handler of this handle? */
bool bus_handling(const tern_bus *bus);

/*
 * handler_wait() - until no other thread is in the handlers counted here
 *
 * With the lock; others may not begin to run it any more. Afterwards *n_running is not 0 where this thread is in one
 * itself, or where another one is that waits for this thread.
 */
void handler_wait(tern_bus *bus, const uint32_t *n_running);

/* The list is in order when a child is made, and empty there. */
void handler_fork_prepare(void);
void handler_fork_parent(void);
void handler_fork_child(void);
