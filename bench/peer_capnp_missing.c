/* SPDX-License-Identifier: MIT */

/* peer_capnp_missing: instead of peer_capnp where there is no libcapnp-rpc to build with */

#include "rpc.h"
#include "stream.h"

static int
missing_open(struct bench_run *run)
{
	return run_missing(run, "libcapnp-rpc (when the bench was built)");
}

const struct subject peer_capnp = {.name = "peer:capnp", .open = missing_open};
const struct subject stream_capnp = {.name = "peer:capnp", .open = missing_open};
