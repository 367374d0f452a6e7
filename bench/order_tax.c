/* SPDX-License-Identifier: MIT */

/*
 * order_tax: calls to a server with few or many links, with causal order and without
 *
 * The other links are silent ones of a crowd that has called once.
 */

#include "crowd.h"
#include "rpc.h"

#define ORDER_OFF (UINT64_C(1) << 32) /* in the setting, beside the number of links */

static uint64_t
order_of(const struct bench_run *run)
{
	return run->subject->setting & ORDER_OFF ? 0 : 1;
}

static int
order_serve(struct bench_run *run)
{
	return tern_rpc_serve_as(run, TERN_FOREVER, order_of(run));
}

static int
order_drive(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct crowd crowd;
	int r;

	r = crowd_open(&crowd, run, (uint32_t)run->subject->setting - 1, CROWD_CALLS);
	if (r == 0)
		r = tern_bus_connect_spinning(run, TERN_FOREVER, &bus);
	if (r == 0) {
		r = tern_set_option(bus, TERN_OPT_ORDER, order_of(run));
		r = r < 0 ? tern_bus_fail(run, r, "tern_set_option")
			  : rpc_drive(run, tern_rpc_call, bus);
	}
	crowd_close(&crowd);
	return r;
}

#define ORDER(form, n, flag)                                                                       \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "tern:" form "@" #n, .open = tern_bus_open, .serve = order_serve,          \
		.drive = order_drive, .setting = (n) | (flag)                                      \
	}

const struct workload workload_order_tax = {
	.name = "order-tax",
	.what = "64 B call and reply, causal order on and off, the server with 1 to 1,000 links",
	.subjects =
		(const struct subject *const[]){
			ORDER("on", 1, 0),
			ORDER("off", 1, ORDER_OFF),
			ORDER("on", 64, 0),
			ORDER("off", 64, ORDER_OFF),
			ORDER("on", 1000, 0),
			ORDER("off", 1000, ORDER_OFF),
			NULL,
		},
};
