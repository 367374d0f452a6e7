/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * processors: how many of them this process may keep busy at once
 *
 * Who spins while the one it waits for needs the same processor waits for itself. Two things can leave
 * a process a single processor on a machine with many: its affinity, and the quota of a control group it
 * is in, which takes all processors away from who has used up the time of one.
 *
 * Threads: all functions from any.
 */

#include <stdint.h>

/*
 * processors_usable() - by affinity of the calling thread and quota of its process
 *
 * The quota is read once a second at most, which takes some ten microseconds; else it is one system
 * call. now is clock_now_ns().
 *
 * Return: 1 or more.
 */
unsigned int processors_usable(uint64_t now);

/*
 * processors_by_quota() - whole processors that the narrowest quota on the way to the root leaves
 * @cgroups:	what /proc/self/cgroup says: a line "0::PATH" (version 2) or "N:cpu,…:PATH" (version 1) each
 * @tree:	where control groups are mounted
 *
 * Where a path is not there, as in a container that sees its own group as the root, the folders above
 * it are asked.
 *
 * Return: 1 or more; UINT_MAX without a quota.
 */
unsigned int processors_by_quota(const char *cgroups, const char *tree);
