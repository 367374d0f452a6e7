/* SPDX-License-Identifier: MIT */

/* peer_nng_missing: instead of peer_nng where there is no libnng to build with */

#include "rpc.h"
#include "stream.h"

static int
missing_open(struct bench_run *run)
{
	return run_missing(run, "libnng (when the bench was built)");
}

const struct subject peer_nng = {.name = "peer:nng", .open = missing_open};
const struct subject stream_nng = {.name = "peer:nng", .open = missing_open};
const struct subject fanout_nng = {.name = "peer:nng", .open = missing_open};
