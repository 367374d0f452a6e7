/* SPDX-License-Identifier: MIT */

/* peer_libdbus_missing: instead of peer_libdbus where there is no libdbus-1 to build with */

#include "rpc.h"
#include "stream.h"

static int
missing_open(struct bench_run *run)
{
	return run_missing(run, "libdbus-1 (when the bench was built)");
}

const struct subject peer_libdbus = {.name = "peer:libdbus", .open = missing_open};
const struct subject stream_libdbus = {.name = "peer:libdbus", .open = missing_open};
