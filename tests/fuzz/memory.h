/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * memory: no parser takes more than four times its input and 64 KiB
 *
 * The linker puts memory.c between a fuzzer, what it tests, and libc (--wrap). What is allocated while one input is run
 * is counted; what other libraries allocate is not.
 */

/* memory_stop() - what this input takes from now on does not count */
void memory_stop(void);
