/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * test-atomic: what two builds for tests make of loads, stores and fences; for base/atomic.h alone
 *
 * TERN_SCHEDULE  a seed decides in which order threads do them (base/schedule-atomic.h)
 * TERN_FUZZ      what another process could write is written anew from a fuzzer's input before each reading of it, so
 *                that what is read twice is different the second time. (After QEMU's generic fuzzer, which does so
 *                with the memory of guests.)
 */

#ifdef TERN_SCHEDULE
#include "base/schedule-atomic.h"
#else

/* foreign_refill() - n bytes at this place are about to be read; tests/fuzz/foreign.c */
void foreign_refill(const volatile void *at, size_t n);

#define about_to_read(p, n)  foreign_refill((p), (n))
#define about_to_write(p, n) ((void)0)
#define load_rlx(p)          (about_to_read((p), sizeof(*(p))), atomic_load_explicit((p), memory_order_relaxed))
#define load_acq(p)          (about_to_read((p), sizeof(*(p))), atomic_load_explicit((p), memory_order_acquire))
#define store_rlx(p, v)      atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_rel(p, v)      atomic_store_explicit((p), (v), memory_order_release)
#define fence_acq()          atomic_thread_fence(memory_order_acquire)
#define fence_rel()          atomic_thread_fence(memory_order_release)

#endif
