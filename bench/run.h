/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * run: one subject, once: processes started, work measured, everything put away
 */

#include "bench.h"

/**
 * run_execute() - do the work of @subject for the seconds of the options
 * @run: options, workload and subject are given; the rest is used
 * @ret_figures: set on 0
 *
 * Whatever happens, no process, file or descriptor of the run is left.
 *
 * Return: 0; BENCH_E_MISSING or a negative errno with run->why; -EINTR when asked to stop.
 * Threads: owner. Blocks: seconds of the options, and some bounded ones at either end.
 */
int run_execute(struct bench_run *run, struct bench_figures *ret_figures);

/* run_ready() - in a child: the other side may begin. Any number of times. */
void run_ready(struct bench_run *run);

/* run_rest() - the serve of a subject that needs no server: sleeps until it is ended */
int run_rest(struct bench_run *run);

/*
 * run_fail() - in a child or in open(): say why the run cannot go on
 *
 * Return: @r, so that it can stand in a return statement.
 */
int run_fail(struct bench_run *run, int r, const char *what);

/* run_fail_at() - the same about the message with number @serial */
int run_fail_at(struct bench_run *run, int r, const char *what, uint64_t serial);

/* run_missing() - in open(): what is not there. Return: BENCH_E_MISSING. */
int run_missing(struct bench_run *run, const char *what);

/* run_extra() - in a child: a figure of the workload's own, by its place in workload->extras */
void run_extra(struct bench_run *run, unsigned int at, double value);

/* run_pin() - which processor a role gets, counted from 0; -1: any */
int run_pin(const struct bench_run *run, enum bench_role role);
