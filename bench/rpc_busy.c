/* SPDX-License-Identifier: MIT */

/*
 * rpc_busy: calls to a server that hears from many links in turn
 *
 * Both ends poll. The caller has so many handles and calls with each in its turn, so that the server can
 * leave none of them out of its rounds; beyond MAX_HOT of them it is rung.
 */

#include "rpc.h"
#include "tern_bus.h"

#define BUSY_MAX 128

struct callers {
	tern_bus *handles[BUSY_MAX];
	size_t n, next;
};

static int
busy_serve(struct bench_run *run)
{
	return tern_rpc_serve_as(run, TERN_FOREVER, 1);
}

static int
busy_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	struct callers *callers = link;
	tern_bus *bus = callers->handles[callers->next];

	callers->next = (callers->next + 1) % callers->n;
	return tern_rpc_call(bus, request, ret_reply);
}

static int
busy_drive(struct bench_run *run)
{
	struct callers callers = {0};
	int r = 0;

	while (r == 0 && callers.n < run->subject->setting) {
		r = tern_bus_connect_spinning(run, TERN_FOREVER, &callers.handles[callers.n]);
		callers.n += r == 0;
	}
	if (r == 0)
		r = rpc_drive(run, busy_call, &callers);
	while (callers.n > 0)
		(void)tern_close(callers.handles[--callers.n]); /* always NULL */
	return r;
}

#define BUSY(links)                                                                                \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "tern@" #links, .open = tern_bus_open, .serve = busy_serve,                \
		.drive = busy_drive, .setting = (links)                                            \
	}

const struct workload workload_rpc_busy = {
	.name = "rpc-busy",
	.what = "64 B call and reply, both ends polling, over 1 to 128 links of the server in turn",
	.subjects =
		(const struct subject *const[]){
			BUSY(1),
			BUSY(4),
			BUSY(16),
			BUSY(32),
			BUSY(64),
			BUSY(128),
			NULL,
		},
};
