/* SPDX-License-Identifier: MIT */

/* dbus_broker_missing: instead of dbus_broker where there is no libsystemd to control it with */

#include "dbus_daemon.h"
#include "run.h"

int
dbus_broker_open(struct bench_run *run)
{
	return run_missing(run, "libsystemd, to start dbus-broker (when the bench was built)");
}

void
dbus_broker_close(struct bench_run *run _unused_)
{
}
