/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * dbus_daemon: a private D-Bus for one run
 *
 * On a socket in the folder of the run, anybody may do anything, no services,
 * no systemd. run->address is set, the process is the run's daemon.
 */

#include "bench.h"

#define DBUS_BENCH_NAME	     "org.example.Bench"
#define DBUS_BENCH_PATH	     "/org/example/Bench"
#define DBUS_BENCH_INTERFACE "org.example.Bench"

/*
 * D-Bus does not hold back a publisher: the daemon queues, up to a limit, and then drops or
 * disconnects. So the publisher asks the subscriber, with a call, whether it is still there,
 * every so many signals; the answer comes after all that was sent before. With
 * many subscribers it looks at their counts instead, which costs it less.
 */
#define DBUS_BENCH_WINDOW 2048

/* dbus_daemon_open() - the reference daemon. Return: as the open of a subject. */
int dbus_daemon_open(struct bench_run *run);

/* dbus_broker_open() - dbus-broker, with the bench as its controller. Return: the same. */
int dbus_broker_open(struct bench_run *run);

/* dbus_broker_close() - the controller's side; the process is ended before */
void dbus_broker_close(struct bench_run *run);

/* dbus_make_address() - a path for the socket in the folder of the run, and run->address */
int dbus_make_address(struct bench_run *run, char *path, size_t size);
