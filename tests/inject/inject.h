/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * inject: let one allocation or one system call fail
 *
 * The linker puts inject.c between a program and libc (--wrap), so that the code under test is the
 * released one. A site is an instruction that calls: its address in the program tells it from all
 * others. What is to fail is told in memory that the process shares with its test; what failed, and
 * what was passed, is told there, too.
 */

#include <stdbool.h>
#include <stdint.h>

enum {
	INJECT_SITES = 8 << 20, /* bytes of code */
	INJECT_NAME = 48,
	/* how many times each site fails, once with each errno; what all agree on */
	INJECT_BY_SITE = UINT32_MAX,
};

struct inject {
	_Atomic uint32_t is_armed; /* else calls only pass */
	_Atomic uint32_t count;	   /* since it was armed */
	/* the how manieth fails; INJECT_BY_SITE: the first whose site has not failed with all
	 * errnos yet; 0: none */
	uint32_t fail_at;
	uint32_t which; /* of the errnos it may return; not by site */
	/* by site: fail what failed before, each errno once more, and besides what is only come by
	 * after such a failure */
	uint32_t is_pair;
	uint32_t seed,
		of; /* by site: only one site in so many, which ones depends on the seed; 0: all */
	_Atomic uint32_t is_done; /* something failed */
	uint32_t site, first;	  /* of what failed; of a pair, what failed first */
	int32_t error;
	uint32_t n_errors; /* that it may return */
	char name[INJECT_NAME];
	_Atomic int64_t n_blocks; /* of memory that are allocated */
	_Atomic uint8_t passed[INJECT_SITES];
	_Atomic uint8_t failed[INJECT_SITES];  /* with how many errnos */
	_Atomic uint8_t paired[INJECT_SITES];  /* so many of these as the first of a pair */
	_Atomic uint8_t is_late[INJECT_SITES]; /* come by only after a failure */
};

/*
 * inject_attach() - from now on, of this process; NULL: no more
 *
 * A program that was started with INJECT_FD in its environment has done so with that descriptor
 * before main().
 */
void inject_attach(struct inject *inject);
