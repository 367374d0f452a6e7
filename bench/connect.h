/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * connect: what all subjects have in common that live for one call
 */

#include "rpc.h"

/*
 * connect_drive() - live again and again
 * @call_connected: given the run as its link: connects, calls, closes
 *
 * Return: 0 or a negative errno, told by run_fail(). Threads: owner. Blocks: as the call does.
 */
int connect_drive(struct bench_run *run, rpc_call_fn *call_connected);

/* the subjects, where they are */
extern const struct subject connect_sdbus_dbus_broker, connect_sdbus_dbus_daemon; /* peer_sdbus.c */
