/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * fixture: a private ternd, child processes, and nothing left behind
 *
 * What several processes do together is told in one function a process. must() works in all of
 * them: in the test it fails the test, in a child it says what was wrong and ends the child, which
 * child_end() then finds. Children die with the test.
 */

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LONG_NS  UINT64_C(60000000000) /* for what must come; no test waits for it to pass */
#define SHORT_NS UINT64_C(50000000)    /* for what must not come: a glance */

/* must() - a check for every process */
#define must(x)           ((x) ? (void)0 : must_failed(__FILE__, __LINE__, #x, 0, 0))
/* must_be() - the same of two numbers, which are shown */
#define must_be(x, value) must_equal(__FILE__, __LINE__, #x " == " #value, (long long)(x), (long long)(value))

_Noreturn void must_failed(const char *file, int line, const char *what, long long a, long long b);

static inline void
must_equal(const char *file, int line, const char *what, long long a, long long b)
{
	if (a != b)
		must_failed(file, line, what, a, b);
}

/* keeps_freed() - AddressSanitizer keeps what is freed: how much memory a program has says nothing under it */
static inline bool
keeps_freed(void)
{
#ifdef __SANITIZE_ADDRESS__
	return true;
#else
	return false;
#endif
}

/* fixture_setup(), fixture_teardown() - for tcase_add_checked_fixture(): descriptors and children are counted */
void fixture_setup(void);
void fixture_teardown(void);

/* --- a bus --- */

struct private_bus {
	char directory[64]; /* others may enter it, not list it */
	char address[96];   /* "unix:…" */
	pid_t ternd;        /* 0: none, the place alone (for tern_listen()) */
	const char *program; /* what is run; TERND of the environment, or NULL: the one that was built */
};

/* private_bus_start() - run ternd with these further options (NULL-ended, or NULL); it listens when this returns */
void private_bus_start(struct private_bus *bus, const char *const *options);
/* private_bus_again() - the next ternd, at the place of one that ended */
void private_bus_again(struct private_bus *bus, const char *const *options);
/* private_bus_place() - only a directory and an address in it */
void private_bus_place(struct private_bus *bus);
/* private_bus_stop() - end ternd, which must have been in order, and remove the directory */
void private_bus_stop(struct private_bus *bus);

/* --- processes --- */

/* child_start() - run fn in a child; it exits with 0 when fn returns */
pid_t child_start(void (*fn)(void *user), void *user);
/* child_start_as() - the same as another user (the test must be root's) */
pid_t child_start_as(uint32_t uid, void (*fn)(void *user), void *user);
/* child_end() - wait for a child, which must have ended well */
void child_end(pid_t pid);
/* child_killed() - wait for a child that must have been killed by SIGKILL */
void child_killed(pid_t pid);
/* child_kill() - kill it with SIGKILL and wait for it */
void child_kill(pid_t pid);

/* --- memory that the processes of a test share, to tell each other how far they are --- */

/* shared_new() - zeroed; shared_free() unmaps it */
void *shared_new(size_t size);
void *shared_free(void *shared, size_t size);
/* wait_for() - until a word of it is at least value */
void wait_for(const _Atomic uint32_t *word, uint32_t value);
/* tell() - add one to a word of it */
void tell(_Atomic uint32_t *word);

/* count_open_fds() - open descriptors of this process, and one */
int count_open_fds(void);

/* is_long() - was the long form asked for? (TERN_TEST_LONG=1) */
bool is_long(void);
/* fixture_run() - run a suite's cases; the program's exit status */
int fixture_run(Suite *suite);
