/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * schedule: what base/atomic.h becomes in the build for tests/schedule (TERN_SCHEDULE)
 *
 * Several programs run in one thread, one at a time; each access to shared memory is a point where another may go on, and a load
 * may give any value that the memory model allows, not only the newest. Words with several writers are never in
 * shared memory, so additions are left alone.
 *
 * Threads: one. Blocks: never; others run meanwhile.
 */

#include <stddef.h>
#include <stdint.h>

enum schedule_order {
	SCHEDULE_RELAXED,
	SCHEDULE_ACQUIRE,
	SCHEDULE_RELEASE,
	SCHEDULE_SEQ, /* of fences */
};

/* schedule_load(), schedule_store(), schedule_fence() - an access of the order; outside of what is shared, a plain one */
void schedule_load(const volatile void *at, void *ret, size_t size, enum schedule_order order);
void schedule_store(volatile void *at, const void *value, size_t size, enum schedule_order order);
void schedule_fence(enum schedule_order order);

/* schedule_read(), schedule_write() - bytes that are copied without atomics: nobody may write, or use, them meanwhile */
void schedule_read(const volatile void *at, size_t n);
void schedule_write(const volatile void *at, size_t n);

/* schedule_clock() - the clock is read: all that this program knows of is older than what others read later */
void schedule_clock(void);

/* schedule_sleep() - until fd is readable */
void schedule_sleep(int fd);
/* schedule_heard() - something came over a socket: all that was stored so far is seen */
void schedule_heard(void);

/* schedule_share(), schedule_unshare() - this is memory that programs share */
void schedule_share(void *base, size_t size);
void schedule_unshare(void *base);
