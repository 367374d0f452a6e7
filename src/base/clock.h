/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * clock: host monotonic time in nanoseconds
 *
 * Stamps and deadlines on links are host time. A time namespace shifts
 * CLOCK_MONOTONIC by a constant; clock_offset_ns() reads that constant from
 * /proc/self/timens_offsets, and it is taken off here.
 */

#include <stdint.h>
#include <time.h>

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)

/* clock_offset_ns() - what this process's time namespace adds to host time; 0 outside one */
int64_t clock_offset_ns(void);

/* clock_now_ns() - monotonic time of this namespace */
static inline uint64_t
clock_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: the clock exists */
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* clock_deadline_ns() - now + timeout, saturating: UINT64_MAX is for ever */
static inline uint64_t
clock_deadline_ns(uint64_t now, uint64_t timeout_ns)
{
	return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

/*
 * clock_now_ordered_ns() - the same, and no later load is done before the clock is read
 *
 * The kernel orders the counter after earlier loads only; the horizon of a
 * round (docs/memory-model.md, edge H) needs the other side too.
 */
static inline uint64_t
clock_now_ordered_ns(void)
{
	uint64_t now = clock_now_ns();

#if defined(__x86_64__)
	__builtin_ia32_lfence();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" ::: "memory");
#else
	__sync_synchronize();
#endif
	return now;
}
