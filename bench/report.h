/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * report: what is printed, for people or as rows
 *
 * A figure is the median over the repeats. The range is that of the headline
 * (p50 of a call, rate of a stream) over the repeats.
 */

#include "bench.h"

#define BENCH_MAX_REPEATS  100
#define BENCH_MAX_SUBJECTS 40

enum report_outcome { OUTCOME_DONE, OUTCOME_MISSING, OUTCOME_FAILED };

struct report_entry {
	const struct subject *subject;
	uint32_t outcome;
	unsigned int n_repeats;
	struct bench_figures figures[BENCH_MAX_REPEATS];
	char why[160]; /* if missing or failed */
};

/* report_pin_name() - what the option calls it */
const char *report_pin_name(uint32_t pin);

/* report_machine() - processors, kernel, date: what a table is worth nothing without */
void report_machine(void);

/* report_median() - of @n values, n > 0; sorts them */
double report_median(double *values, size_t n);

/**
 * report_print() - all subjects of a workload, to standard output
 *
 * Rows are `workload subject pin metric value unit`, one a figure, with tabs between. A missing
 * subject has one row with the metric `missing`; a failed one has none.
 *
 * Threads: owner. Blocks: on standard output.
 */
void report_print(const struct bench_options *options, const struct workload *workload,
	struct report_entry *entries, size_t n);
