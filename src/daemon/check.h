/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * check: what is wrong with the files that ternd reads, without a bus (ternd --check)
 *
 * Each fault is a line on standard error; nothing is said where there is none. Of a service what can be known before it
 * is started: its file, that there is such a program, folder and user.
 */

struct options;

/* check_files() - configuration and service files. Return: how many faults there are.  Threads: owner. */
unsigned int check_files(const struct options *options);
