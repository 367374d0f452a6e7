/* SPDX-License-Identifier: MIT */

/* tern_rpc: calls through tern: tern_call_sync(), and a handler of tern_serve() that answers */

#include "rpc.h"
#include "tern_bus.h"

struct rpc_server {
	struct bench_run *run;
	int result;
};

static int
on_call(tern_call *call, tern_message *m, void *userdata)
{
	struct rpc_server *server = userdata;
	struct payload request, reply = {0};
	int r;

	r = tern_read_payload(m, &request);
	if (r < 0)
		r = tern_bus_fail(server->run, r, "request");
	else
		r = rpc_answer(server->run, &request, &reply);
	if (r == 0) {
		r = tern_reply(call, "y", &reply, sizeof(reply));
		if (r < 0)
			r = tern_bus_fail(server->run, r, "tern_reply");
	}
	server->result = r;
	return r;
}

int
tern_rpc_serve_as(struct bench_run *run, uint64_t spin, uint64_t order)
{
	static const struct tern_method methods[] = {{"Call", on_call}};
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct rpc_server server = {.run = run};
	tern_service *service;
	int r;

	r = tern_bus_connect_spinning(run, spin, &bus);
	if (r < 0)
		return r;
	r = tern_set_option(bus, TERN_OPT_ORDER, order);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_set_option");
	r = tern_serve(bus, TERN_BENCH_NAME, NULL, methods, ARRAY_SIZE(methods), &server, &service);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_serve");
	r = tern_bus_serve(run, bus, &server.result);
	(void)tern_service_free(service);
	return r;
}

static int
tern_rpc_serve(struct bench_run *run)
{
	return tern_rpc_serve_as(run, run->subject->setting, 1);
}

int
tern_rpc_serve_default(struct bench_run *run)
{
	return tern_rpc_serve_as(run, TERN_SPIN_DEFAULT, 1);
}

int
tern_rpc_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	_cleanup_(tern_message_unrefp) tern_message *reply = NULL;
	int r;

	r = tern_call_sync(
		link, TERN_BENCH_NAME, "Call", &reply, NULL, "y", request, sizeof(*request));
	if (r < 0)
		return r;
	return tern_read_payload(reply, ret_reply);
}

static int
tern_rpc_drive(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	int r;

	r = tern_bus_connect(run, &bus);
	if (r < 0)
		return r;
	return rpc_drive(run, tern_rpc_call, bus);
}

#define TERN_RPC(variable, called, spin)                                                           \
	const struct subject variable = {                                                          \
		.name = (called),                                                                  \
		.open = tern_bus_open,                                                             \
		.serve = tern_rpc_serve,                                                           \
		.drive = tern_rpc_drive,                                                           \
		.setting = (spin),                                                                 \
	}

TERN_RPC(tern_rpc_hot, "tern", TERN_FOREVER);
TERN_RPC(tern_rpc_blocking, "tern", 0);
TERN_RPC(tern_rpc_sparse_blocking, "tern:blocking", 0);
TERN_RPC(tern_rpc_default, "tern", TERN_SPIN_DEFAULT);
