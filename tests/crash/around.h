/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * around: the places of a way at which what others can see of a program may differ
 *
 * Of a program that is killed nothing is left but what it wrote into memory that others map, and
 * what it asked the kernel for. So between two stores into such memory or system calls it makes no
 * difference where it is killed, and of each such run of instructions the first and the last are
 * places enough: before and after each store and each call.
 *
 * The director looks at that memory after each instruction. What a program may not write is none
 * of it, and neither is what its test shares with it (anonymous).
 */

#include "stepper.h"

/* around_trace() - as stepper_trace(), but only such places are kept */
enum step around_trace(pid_t pid, struct trace *trace);
