/* SPDX-License-Identifier: MIT */

/*
 * checked: calls that are held against an interface at both ends, and the same ones that are not
 *
 * The same values either way: what differs is whether the service was given its interface and the caller
 * expects it.
 */

#include "rpc.h"
#include "tern_bus.h"

static const char INTERFACE[] =
	"interface org.example.Bench\n"
	"type Place (x: int, y: int)\n"
	"method Call(player: string, volume: uint, mode: (soft, hard), at: ?Place, data: bytes)"
	" -> (position: uint, data: bytes)\n";

struct checked_server {
	struct bench_run *run;
	int result;
};

static bool
is_checked(const struct bench_run *run)
{
	return run->subject->setting;
}

static int
copy_payload(const void *bytes, size_t size, struct payload *ret)
{
	if (size != sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, bytes, sizeof(*ret)); /* it may lie anywhere in the record */
	return 0;
}

static int
on_call(tern_call *call, tern_message *m, void *user)
{
	struct checked_server *server = user;
	struct payload request, reply;
	const void *bytes;
	uint64_t volume;
	size_t size;
	int r;

	r = tern_message_unpack(m, "{volume:u, data:y}", &volume, &bytes, &size);
	if (r == 0)
		r = copy_payload(bytes, size, &request);
	if (r < 0)
		r = tern_bus_fail(server->run, r, "request");
	else
		r = rpc_answer(server->run, &request, &reply);
	if (r == 0) {
		r = tern_reply(call, "{position:u, data:y}", volume, &reply, sizeof(reply));
		if (r < 0)
			r = tern_bus_fail(server->run, r, "tern_reply");
	}
	server->result = r;
	return r;
}

static int
checked_serve(struct bench_run *run)
{
	static const struct tern_method methods[] = {{"Call", on_call}};
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct checked_server server = {.run = run};
	tern_service *service;
	int r;

	r = tern_bus_connect_spinning(run, TERN_FOREVER, &bus);
	if (r < 0)
		return r;
	r = tern_serve(bus, TERN_BENCH_NAME, is_checked(run) ? INTERFACE : NULL, methods, ARRAY_SIZE(methods), &server,
		&service);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_serve");
	r = tern_bus_serve(run, bus, &server.result);
	(void)tern_service_free(service); /* always NULL */
	return r;
}

static int
checked_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	_cleanup_(tern_message_unrefp) tern_message *reply = NULL;
	const void *bytes;
	uint64_t position;
	size_t size;
	int r;

	r = tern_call_sync(link, TERN_BENCH_NAME, "Call", &reply, NULL, "{player:s, volume:u, mode:s, data:y}",
		"Front_Center", UINT64_C(32768), "soft", request, sizeof(*request));
	if (r == 0)
		r = tern_message_unpack(reply, "{position:u, data:y}", &position, &bytes, &size);
	return r < 0 ? r : copy_payload(bytes, size, ret_reply);
}

static int
checked_drive(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	tern_interface *interface = NULL;
	int r;

	r = tern_bus_connect_spinning(run, TERN_FOREVER, &bus);
	if (r < 0)
		return r;
	if (is_checked(run))
		r = tern_interface_new(INTERFACE, sizeof(INTERFACE) - 1, &interface);
	if (r == 0)
		r = tern_expect(bus, TERN_BENCH_NAME, interface);
	(void)tern_interface_unref(interface); /* the handle has its own */
	return r < 0 ? tern_bus_fail(run, r, "tern_expect") : rpc_drive(run, checked_call, bus);
}

#define CHECKED(form, is_checked)                                                                  \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "tern:" form, .open = tern_bus_open, .serve = checked_serve,               \
		.drive = checked_drive, .setting = (is_checked)                                    \
	}

const struct workload workload_checked = {
	.name = "checked",
	.what = "call and reply of 5 and 2 fields, held against an interface at both ends, and not",
	.subjects =
		(const struct subject *const[]){
			CHECKED("checked", 1),
			CHECKED("unchecked", 0),
			NULL,
		},
};
