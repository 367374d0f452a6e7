/* SPDX-License-Identifier: MIT */

/* peer_zeromq_missing: instead of peer_zeromq where there is no libzmq to build with */

#include "rpc.h"
#include "stream.h"

static int
missing_open(struct bench_run *run)
{
	return run_missing(run, "libzmq (when the bench was built)");
}

const struct subject peer_zeromq = {.name = "peer:zeromq", .open = missing_open};
const struct subject stream_zeromq = {.name = "peer:zeromq", .open = missing_open};
const struct subject fanout_zeromq = {.name = "peer:zeromq", .open = missing_open};
