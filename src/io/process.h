/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * process: which process a number means
 *
 * Numbers are given again, and mean another process in each pid namespace. A process id, here, is a word that no other
 * process of this boot has: where pidfds are files of a file system of their own (Linux 6.9) the inode number, else the
 * time when the process was started. Both ends that compare them run on one kernel, and so mean the same.
 */

#include "base/attribute.h"

/* Nobody's id: noted down of a process that had ended before its own could be known, so that nobody passes for it. */
#define PROCESS_ENDED UINT64_MAX

/**
 * process_id() - of the process behind a pidfd
 * @pid: its number, of which nothing is believed; @pidfd: borrowed; -1: not known
 *
 * Return: the id; 0: not known, or has ended before it was.  Threads: any.  Blocks: never.
 */
uint64_t process_id(uint32_t pid, int pidfd);

/**
 * process_open() - the process that had the number @pid and the id @id, if it still lives
 * @ret_pidfd: set on success; the caller's
 *
 * Without pidfds of a file system a reader in another time namespace sees other times, and takes all for ended.
 *
 * Return: 0; -ESRCH: it has ended, or is not seen from here; -ENODATA: @pid or @id is 0, so nobody knows which it was;
 * -ENOSYS (before Linux 5.3), -EMFILE, …  Threads: any.  Blocks: never.
 */
int process_open(uint32_t pid, uint64_t id, int *ret_pidfd);

/* process_lives() - has it not ended?  @pidfd: borrowed.  Threads: any.  Blocks: never. */
bool process_lives(int pidfd);
