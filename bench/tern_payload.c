/* SPDX-License-Identifier: MIT */

/* tern_payload: calls with a payload of some size, lent and filled in place, or copied in */

#include "rpc.h"
#include "tern_bus.h"

struct put_server {
	struct bench_run *run;
	int result;
};

struct put_client {
	struct bench_run *run;
	tern_bus *bus;
	tern_message *request; /* lent and not sent yet */
};

static int
put_answer(struct put_server *server, tern_call *call, tern_message *m)
{
	struct payload reply = {0};
	const void *bytes;
	size_t size;
	int r;

	r = tern_message_part(m, 0, &bytes, &size);
	if (r == 0 && size != run_size(server->run))
		r = -EBADMSG;
	if (r < 0)
		return tern_bus_fail(server->run, r, "request");
	r = rpc_answer(server->run, bytes, &reply);
	if (r < 0)
		return r;
	r = tern_reply(call, "y", &reply, sizeof(reply));
	return r < 0 ? tern_bus_fail(server->run, r, "tern_reply") : 0;
}

static int
on_put(tern_call *call, tern_message *m, void *userdata)
{
	struct put_server *server = userdata;

	server->result = put_answer(server, call, m);
	return server->result;
}

static int
put_serve(struct bench_run *run)
{
	static const struct tern_method methods[] = {{"Put", on_put}};
	struct put_server server = {.run = run};

	return tern_bus_serve_methods(run, methods, ARRAY_SIZE(methods), &server, &server.result);
}

static int
put_send(struct put_client *client, struct payload *ret_reply)
{
	_cleanup_(tern_message_unrefp) tern_message *request = steal(client->request);
	_cleanup_(tern_message_unrefp) tern_message *reply = NULL;
	_cleanup_(tern_call_unrefp) tern_call *call = NULL;
	int r;

	r = tern_send(request, TERN_DEFAULT, 0, &call);
	if (r < 0)
		return r;
	r = tern_call_wait(call, TERN_FOREVER, &reply, NULL);
	return r < 0 ? r : tern_read_payload(reply, ret_reply);
}

static int
put_lend(void *link, struct payload **ret_request)
{
	struct put_client *client = link;
	void *memory;
	int r;

	r = tern_message_new_call(client->bus, TERN_BENCH_NAME, "Put", &client->request);
	if (r < 0)
		return r;
	r = tern_message_lend(client->request, run_size(client->run), &memory);
	if (r == 0)
		*ret_request = memory;
	return r;
}

static int
put_call_lent(void *link, const struct payload *request _unused_, struct payload *ret_reply)
{
	return put_send(link, ret_reply);
}

static int
put_call_copied(void *link, const struct payload *request, struct payload *ret_reply)
{
	struct put_client *client = link;
	int r;

	r = tern_message_new_call(client->bus, TERN_BENCH_NAME, "Put", &client->request);
	if (r == 0)
		r = tern_message_append(client->request, request, run_size(client->run));
	return r < 0 ? r : put_send(client, ret_reply);
}

static int
put_drive_with(struct bench_run *run, bool is_lent)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct put_client client = {.run = run};
	int r;

	r = tern_bus_connect(run, &bus);
	if (r < 0)
		return r;
	client.bus = bus;
	r = is_lent ? rpc_drive_lent(run, put_lend, put_call_lent, &client)
		    : rpc_drive(run, put_call_copied, &client);
	(void)tern_message_unref(client.request); /* always NULL */
	return r;
}

static int
put_drive_lent(struct bench_run *run)
{
	return put_drive_with(run, true);
}

static int
put_drive_copied(struct bench_run *run)
{
	return put_drive_with(run, false);
}

const struct subject tern_payload = {
	.name = "tern",
	.open = tern_bus_open,
	.serve = put_serve,
	.drive = put_drive_lent,
	.setting = TERN_FOREVER,
};

const struct subject tern_payload_copied = {
	.name = "tern:copied",
	.open = tern_bus_open,
	.serve = put_serve,
	.drive = put_drive_copied,
	.setting = TERN_FOREVER,
};
