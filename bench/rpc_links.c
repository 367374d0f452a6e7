/* SPDX-License-Identifier: MIT */

/*
 * rpc_links: calls to a server that has many other links open
 *
 * Both ends poll. The other links are those of a crowd whose members have called
 * the server once and do nothing since.
 */

#include "crowd.h"
#include "rpc.h"

static int
links_serve(struct bench_run *run)
{
	return tern_rpc_serve_as(run, TERN_FOREVER, 1);
}

static int
links_drive(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct crowd crowd;
	int r;

	r = crowd_open(&crowd, run, run->subject->setting, CROWD_CALLS);
	if (r == 0)
		r = tern_bus_connect_spinning(run, TERN_FOREVER, &bus);
	if (r == 0)
		r = rpc_drive(run, tern_rpc_call, bus);
	crowd_close(&crowd);
	return r;
}

#define LINKS(n)                                                                                   \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "tern@" #n, .open = tern_bus_open, .serve = links_serve,                   \
		.drive = links_drive, .setting = (n)                                               \
	}

const struct workload workload_rpc_links = {
	.name = "rpc-links",
	.what = "64 B call and reply, both ends polling, the server with 0 to 5,000 other links",
	.subjects =
		(const struct subject *const[]){
			LINKS(0),
			LINKS(64),
			LINKS(1000),
			LINKS(5000),
			&limit_spin,
			NULL,
		},
};
