/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * procfs: what /proc tells of a process; 0 is said where it tells nothing
 */

#include <stdint.h>
#include <sys/types.h>

/* procfs_status() - a number of /proc/PID/status, as "RssAnon": kB are told in bytes */
uint64_t procfs_status(pid_t pid, const char *field);

/* procfs_private() - bytes of this process that no other has mapped */
uint64_t procfs_private(void);

/*
 * procfs_memfds() - bytes of the different memfds with one of these names that this process has mapped
 * @names: up to NULL
 */
uint64_t procfs_memfds(const char *const *names);

/* procfs_switches() - how often a process slept or was put aside so far */
uint64_t procfs_switches(pid_t pid);
