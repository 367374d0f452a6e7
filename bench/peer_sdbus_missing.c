/* SPDX-License-Identifier: MIT */

/* peer_sdbus_missing: instead of peer_sdbus where there is no libsystemd to build with */

#include "connect.h"
#include "rpc.h"
#include "stream.h"

static int
missing_open(struct bench_run *run)
{
	return run_missing(run, "libsystemd (when the bench was built)");
}

#define MISSING(variable, called)                                                                  \
	const struct subject variable = {.name = (called), .open = missing_open}

MISSING(peer_sdbus_dbus_broker, "peer:sdbus-dbus-broker");
MISSING(peer_sdbus_dbus_daemon, "peer:sdbus-dbus-daemon");
MISSING(connect_sdbus_dbus_broker, "peer:sdbus-dbus-broker");
MISSING(connect_sdbus_dbus_daemon, "peer:sdbus-dbus-daemon");
MISSING(stream_sdbus_dbus_broker, "peer:sdbus-dbus-broker");
MISSING(stream_sdbus_dbus_daemon, "peer:sdbus-dbus-daemon");
