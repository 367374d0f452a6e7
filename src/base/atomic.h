/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * atomic: the only place that spells memory orders
 *
 * The order stands in the name of the wrapper, the reason at its use, the edge
 * (a label that occurs at both ends) in docs/memory-model.md. Every word that a
 * foreign process can write is read through these, once, into a local.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(TERN_SCHEDULE) || defined(TERN_FUZZ)
#include "base/test-atomic.h"
#else
#define load_rlx(p)      atomic_load_explicit((p), memory_order_relaxed)
#define load_acq(p)      atomic_load_explicit((p), memory_order_acquire)
#define store_rlx(p, v)  atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_rel(p, v)  atomic_store_explicit((p), (v), memory_order_release)
#define fence_acq()      atomic_thread_fence(memory_order_acquire)
#define fence_rel()      atomic_thread_fence(memory_order_release)
#define about_to_read(p, n)  ((void)0)
#define about_to_write(p, n) ((void)0) /* plain stores follow, which a release will show: nobody else may use these bytes */
#endif
#define add_rlx(p, v)    atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define add_acqrel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define sub_acqrel(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)

/*
 * fence_seq() - store, fence, load: the one order that release and acquire do not give
 *
 * A locked no-op on the own stack is what the fence compiles to where it is
 * cheapest (mfence also waits for non-temporal stores, which nobody here makes).
 * ThreadSanitizer does not model fences; it is told with an exchange instead.
 */
static inline void
fence_seq(void)
{
#if defined(TERN_SCHEDULE)
	schedule_fence(SCHEDULE_SEQ);
#elif defined(__SANITIZE_THREAD__)
	static _Atomic uint32_t order;

	(void)atomic_fetch_add_explicit(&order, 0, memory_order_seq_cst);
#elif defined(__x86_64__)
	__asm__ __volatile__("lock; orl $0,-8(%%rsp)" ::: "memory", "cc");
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* unref_is_last() - give a reference back. Nobody can add one to what a single owner has: it need not be locked. */
static inline bool
unref_is_last(_Atomic uint32_t *refs)
{
	return load_acq(refs) == 1 || sub_acqrel(refs, 1) == 1;
}

/*
 * copy_once() - take foreign memory over into private memory, each byte read once
 *
 * A compiler that sees a plain memcpy() may read the source again instead of
 * the copy (gcc 12 does). The empty statement makes it believe that the copy is
 * looked at, so that everything after it uses the copy.
 */
static inline void
copy_once(void *to, const volatile void *from, size_t n)
{
	about_to_read(from, n);
	memcpy(to, (const void *)from, n);
	__asm__ __volatile__("" : : "r"(to) : "memory");
}

/* cpu_relax() - tell the processor that this is a spin loop */
static inline void
cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/*
 * prefetch_read(), prefetch_write() - a hint: these bytes are read, or written, soon
 *
 * What another processor wrote last takes some hundred cycles to come over, but lines asked for together
 * come together. For writing a line is taken away from its readers, so ask only for what they are
 * done with.
 */
static inline void
prefetch_read(const volatile void *at, size_t n)
{
	for (size_t i = 0; i < n; i += 64)
		__builtin_prefetch((const char *)(uintptr_t)at + i);
}

static inline void
prefetch_write(volatile void *at, size_t n)
{
	for (size_t i = 0; i < n; i += 64) {
#if defined(__x86_64__)
		/* __builtin_prefetch() would ask for a shared copy unless told of the processor */
		__asm__ __volatile__("prefetchw %0" : : "m"(((volatile char *)at)[i]));
#else
		__builtin_prefetch((char *)(uintptr_t)at + i, 1);
#endif
	}
}
