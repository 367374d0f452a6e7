/* SPDX-License-Identifier: MIT */
#pragma once

/* schedule-atomic: base/atomic.h in the build for tests/schedule; see base/schedule.h */

#include "base/schedule.h"

#define SCHEDULE_LOAD(p, order)                                                                    \
	({                                                                                         \
		__auto_type at_ = (p);                                                             \
		__typeof__(atomic_load_explicit(at_, memory_order_relaxed)) value_;                \
		schedule_load(at_, &value_, sizeof(value_), (order));                              \
		value_;                                                                            \
	})
#define SCHEDULE_STORE(p, v, order)                                                                \
	do {                                                                                       \
		__auto_type to_ = (p);                                                             \
		__typeof__(atomic_load_explicit(to_, memory_order_relaxed)) new_ = (v);            \
		schedule_store(to_, &new_, sizeof(new_), (order));                                 \
	} while (0)

#define load_rlx(p)          SCHEDULE_LOAD(p, SCHEDULE_RELAXED)
#define load_acq(p)          SCHEDULE_LOAD(p, SCHEDULE_ACQUIRE)
#define store_rlx(p, v)      SCHEDULE_STORE(p, v, SCHEDULE_RELAXED)
#define store_rel(p, v)      SCHEDULE_STORE(p, v, SCHEDULE_RELEASE)
#define fence_acq()          schedule_fence(SCHEDULE_ACQUIRE)
#define fence_rel()          schedule_fence(SCHEDULE_RELEASE)
#define about_to_read(p, n)  schedule_read((p), (n))
#define about_to_write(p, n) schedule_write((p), (n))
