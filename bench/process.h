/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * process: children of the bench, where they run, what they cost, how they end
 *
 * The parent blocks the signals it waits for (process_block_signals) and takes
 * them one at a time, so that no handler can come at a wrong moment. A child
 * dies with the parent, whatever that dies of.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* process_block_signals() - once, before the first child */
void process_block_signals(void);

/*
 * process_sleep() - until a child ended, somebody asked the bench to stop, or @timeout_ns went by
 *
 * Return: 1 when a child ended, 0 after the time, -EINTR when asked to stop, then and ever after.
 */
int process_sleep(uint64_t timeout_ns);

/*
 * process_count_processors() - how many this process may use
 */
unsigned int process_count_processors(void);

/**
 * process_fork() - a child on one of the processors that the parent may use
 * @nth: which of them, counted from 0; -1: any
 *
 * Return: the pid; in the child 0; or a negative errno. In the child all signals are as usual.
 */
pid_t process_fork(int nth);

/* process_exec() - replace the calling child; does not return. Exit status 127: no such program. */
void process_exec(const char *const argv[]) __attribute__((__noreturn__));

/* process_find() - whether a program of that name is in the PATH */
bool process_find(const char *program);

/* process_has_ended() - whether a child is gone; it stays to be waited for */
bool process_has_ended(pid_t pid);

/*
 * process_end() - end a child and wait for it
 * @patience_ns: how long it may take to end by itself; then SIGTERM, and 2 s later SIGKILL
 *
 * Return: 0 if it ended by itself with status 0, -ECHILD otherwise. Blocks: bounded.
 */
int process_end(pid_t pid, uint64_t patience_ns);

/* process_tell_end() - SIGTERM to a child that process_end() will be called for. Blocks: never. */
void process_tell_end(pid_t pid);

/* process_cpu_ns() - user and system time of a process so far; 0 if it is gone */
uint64_t process_cpu_ns(pid_t pid);
