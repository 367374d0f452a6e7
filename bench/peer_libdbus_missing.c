/* SPDX-License-Identifier: MIT */

/* peer_libdbus_missing: instead of peer_libdbus where there is no libdbus-1 to build with */

#include "rpc.h"
#include "stream.h"

static int
missing_open(struct bench_run *run)
{
	return run_missing(run, "libdbus-1 (when the bench was built)");
}

#define MISSING(variable, called)                                                                  \
	const struct subject variable = {.name = (called), .open = missing_open}

MISSING(peer_libdbus_dbus_broker, "peer:libdbus-dbus-broker");
MISSING(peer_libdbus_dbus_daemon, "peer:libdbus-dbus-daemon");
MISSING(stream_libdbus_dbus_broker, "peer:libdbus-dbus-broker");
MISSING(stream_libdbus_dbus_daemon, "peer:libdbus-dbus-daemon");
