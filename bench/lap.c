/* SPDX-License-Identifier: MIT */

/* lap: see lap.h */

#include "base/clock.h"
#include "lap.h"

int
lap_drive(struct bench_run *run, const struct lap *lap)
{
	struct bench_shared *shared = run->shared;
	uint64_t n = 0, begin, end;
	uint32_t phase;
	int r = 0;

	while ((phase = run_phase(run)) != PHASE_STOP) {
		if (lap->prepare)
			r = lap->prepare(lap->user);
		begin = clock_now_ns();
		if (r == 0)
			r = lap->work(lap->user);
		end = clock_now_ns();
		if (r == 0 && lap->settle)
			r = lap->settle(lap->user);
		if (unlikely(r < 0))
			return *shared->error[run->role] ? r : run_fail_at(run, r, "lap", n);
		if (phase == PHASE_MEASURE)
			hist_add(&shared->hist, (end - begin + LAP_N / 2) / LAP_N);
		/* Relaxed: the parent takes it for a count and reads nothing by it. */
		store_rlx(&shared->count[0].n, (n += LAP_N));
		if (unlikely(n == LAP_N))
			run_ready(run);
	}
	return 0;
}
