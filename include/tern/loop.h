/* SPDX-License-Identifier: MIT */
#ifndef TERN_LOOP_H
#define TERN_LOOP_H

/**
 * @file loop.h
 * One loop over what happens; or a descriptor for somebody else's loop.
 *
 * Both styles may be mixed: what has a handler is given to it, the rest comes out of tern_next().
 * Several threads may do this on one handle: one of them takes messages in (the leader), the others
 * sleep and are handed what is theirs. (One loop over events after LibIPC; leader and followers after Schmidt.)
 */

#include <stdint.h>
#include <sys/types.h>
#include <tern/bus.h>
#include <tern/call.h>
#include <tern/event.h>
#include <tern/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tern_watch tern_watch;

/** What tern_next() found; what does not belong to the kind is NULL or 0. */
struct tern_event {
	uint32_t size; /**< set by the caller: sizeof(struct tern_event) */
	uint32_t kind; /**< TERN_CALL … TERN_END */
	tern_message *message; /**< the caller's */
	tern_call *call;       /**< the caller's (of a reply: a reference to the call sent) */
	tern_subscription *subscription; /**< borrowed */
	tern_watch *watch;               /**< borrowed */
	tern_peer peer;
	uint64_t lost;
	uint32_t ready; /**< TERN_FD: what poll() would say */
	int32_t result; /**< TERN_REPLY, TERN_ERROR: 0 or the errno of the call */
};

/**
 * tern_next() - wait for what comes next that no handler takes
 * @param timeout ns; here 0 means: look, do not wait
 * @return 0; -ETIME nothing came; -EINTR tern_wake(); -EDEADLK inside a handler;
 * -ECONNRESET the bus was ended for good and nothing is left (links go on: call again)
 */
int tern_next(tern_bus *bus, uint64_t timeout, struct tern_event *ret);

/**
 * tern_fd() - a descriptor that is readable when tern_process() has something to do
 *
 * For poll(), select() and epoll, level- or edge-triggered; deadlines are inside. Borrowed. Read, close or
 * change nothing of it. <tern/glib.h>, <tern/uv.h> and <tern/sd-event.h> give it to those loops.
 */
int tern_fd(tern_bus *bus);

/**
 * tern_process() - take in what is there, run handlers, never wait
 * @return 0 nothing is left, 1 more waits (then the descriptor stays readable), negative errno.
 * What no handler takes is kept for tern_next(bus, 0, …), of calls and of TERN_LOST, TERN_LINKED
 * and the like the newest 4,096; messages are handled up to TERN_OPT_BUDGET.
 */
int tern_process(tern_bus *bus);

/** tern_flush() - end a run of TERN_BATCH: ring those that were not rung */
int tern_flush(tern_bus *bus);

/** tern_wake() - make a tern_next() that waits in another thread return -EINTR; async-signal-safe */
int tern_wake(tern_bus *bus);

/** A peer's coming, going or having room: kind is TERN_LOST, TERN_LINKED, TERN_UNLINKED or TERN_WRITABLE. */
typedef void tern_peer_fn(tern_bus *bus, uint32_t kind, tern_peer peer, void *user);

/** tern_on_peer() - have fn called for these instead of tern_next() returning them; NULL: tern_next() again */
int tern_on_peer(tern_bus *bus, tern_peer_fn *fn, void *user);

/** ready: POLLIN, POLLOUT, POLLHUP, POLLERR */
typedef void tern_watch_fn(tern_watch *w, uint32_t ready, void *user);

/**
 * tern_watch_fd() - let a descriptor of your own join the loop
 * @param fd     stays yours; must outlive the watch
 * @param events POLLIN, POLLOUT, level-triggered
 * @param fn     NULL: tern_next() returns TERN_FD
 */
int tern_watch_fd(tern_bus *bus, int fd, uint32_t events, tern_watch_fn *fn, void *user, tern_watch **ret);

/**
 * Between the two descriptors of a switch: n bytes at buf were read from one side and go to the other.
 * May change them in place. @return how many of them go on, 0 to swallow them, or a negative errno to end the switch
 */
typedef ssize_t tern_switch_fn(void *user, void *buf, size_t n);

/** The switch ended: result 0 (both sides are done) or the errno. Both descriptors are the owner's again. */
typedef void tern_switch_end_fn(void *user, int result);

/**
 * tern_switch() - copy bytes between two descriptors, both ways, from inside the loop
 *
 * For protocol daemons, which need no second loop. Up to 64 KiB are read at a time, and no more
 * until the other side took them. End-of-file on one side shuts the other's writing down. (After LibIPC.)
 * @param a, b   borrowed, made non-blocking; must stay open until the end
 * @param a_to_b, b_to_a NULL: unchanged
 * @param ended  called once, from the loop, unless tern_watch_free() came first
 */
int tern_switch(tern_bus *bus, int a, int b, tern_switch_fn *a_to_b, tern_switch_fn *b_to_a,
	tern_switch_end_fn *ended, void *user, tern_watch **ret);

/** tern_watch_free() - leave the loop; returns NULL. Waits for its handler as tern_subscription_free() does. */
tern_watch *tern_watch_free(tern_watch *w);

#ifdef __cplusplus
}
#endif

#endif
