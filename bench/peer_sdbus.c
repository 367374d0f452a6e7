/* SPDX-License-Identifier: MIT */

/* peer_sdbus: calls and signals through sd-bus, over dbus-broker or dbus-daemon */

#include <systemd/sd-bus.h>

#include "connect.h"
#include "dbus_daemon.h"
#include "rpc.h"
#include "stream.h"

#define CALL_TIMEOUT_US (10u * 1000u * 1000u)

struct sdbus_server {
	struct bench_run *run;
	int result;
};

struct sdbus_publisher {
	struct bench_run *run;
	sd_bus *bus;
	unsigned int n_since_call;
};

static int
sdbus_connect(struct bench_run *run, sd_bus **ret_bus)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	int r;

	r = sd_bus_new(&bus);
	if (r < 0)
		return run_fail(run, r, "sd_bus_new");
	r = sd_bus_set_address(bus, run->address);
	if (r < 0)
		return run_fail(run, r, "sd_bus_set_address");
	r = sd_bus_set_bus_client(bus, true);
	if (r < 0)
		return run_fail(run, r, "sd_bus_set_bus_client");
	r = sd_bus_start(bus);
	if (r < 0)
		return run_fail(run, r, "sd_bus_start");
	*ret_bus = steal(bus);
	return 0;
}

static int
sdbus_read_payload(sd_bus_message *m, struct payload *ret)
{
	const void *bytes;
	size_t size;
	int r;

	r = sd_bus_message_read_array(m, 'y', &bytes, &size);
	if (r < 0)
		return r;
	if (size != sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, bytes, sizeof(*ret));
	return 0;
}

static int
sdbus_reply_payload(sd_bus_message *m, const struct payload *p)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(m, &reply);
	if (r < 0)
		return r;
	r = sd_bus_message_append_array(reply, 'y', p, sizeof(*p));
	if (r < 0)
		return r;
	return sd_bus_send(NULL, reply, NULL);
}

/* A failure ends the server: sd-bus would turn it into an error reply. */
static int
sdbus_on_call(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
	struct sdbus_server *server = userdata;
	struct payload request, reply = {0};
	int r;

	r = sdbus_read_payload(m, &request);
	if (r == 0)
		r = rpc_answer(server->run, &request, &reply);
	if (r == 0)
		r = sdbus_reply_payload(m, &reply);
	server->result = MIN(server->result, MIN(r, 0));
	return r < 0 ? r : 1;
}

static int
sdbus_on_sync(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
	return sd_bus_reply_method_return(m, "");
}

static int
sdbus_on_event(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
	struct sdbus_server *server = userdata;
	struct payload event;
	int r;

	r = sdbus_read_payload(m, &event);
	if (r == 0)
		r = stream_take(server->run, &event);
	server->result = MIN(server->result, r);
	return 0;
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Call", "ay", "ay", sdbus_on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Sync", "", "", sdbus_on_sync, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int
sdbus_loop(struct sdbus_server *server, sd_bus *bus)
{
	int r;

	run_ready(server->run);
	for (;;) {
		r = sd_bus_process(bus, NULL);
		if (server->result < 0) /* already told where it was found, or here: */
			return *server->run->shared->error[ROLE_SERVER]
				       ? server->result
				       : run_fail(server->run, server->result, "message");
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
		if (r < 0)
			return run_fail(server->run, r, "sd-bus");
	}
}

static int
sdbus_serve_at(struct bench_run *run, bool is_listening)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	struct sdbus_server server = {.run = run};
	int r;

	r = sdbus_connect(run, &bus);
	if (r < 0)
		return r;
	r = sd_bus_add_object_vtable(
		bus, NULL, DBUS_BENCH_PATH, DBUS_BENCH_INTERFACE, vtable, &server);
	if (r < 0)
		return run_fail(run, r, "sd_bus_add_object_vtable");
	if (is_listening) {
		r = sd_bus_match_signal(bus, NULL, NULL, DBUS_BENCH_PATH, DBUS_BENCH_INTERFACE,
			"Event", sdbus_on_event, &server);
		if (r < 0)
			return run_fail(run, r, "sd_bus_match_signal");
	}
	if (run->nth == 0) {
		r = sd_bus_request_name(bus, DBUS_BENCH_NAME, 0);
		if (r < 0)
			return run_fail(run, r, "sd_bus_request_name");
	}
	return sdbus_loop(&server, bus);
}

static int
sdbus_serve(struct bench_run *run)
{
	return sdbus_serve_at(run, false);
}

static int
sdbus_subscribe(struct bench_run *run)
{
	return sdbus_serve_at(run, true);
}

static int
sdbus_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	sd_bus *bus = link;
	int r;

	r = sd_bus_message_new_method_call(
		bus, &m, DBUS_BENCH_NAME, DBUS_BENCH_PATH, DBUS_BENCH_INTERFACE, "Call");
	if (r < 0)
		return r;
	r = sd_bus_message_append_array(m, 'y', request, sizeof(*request));
	if (r < 0)
		return r;
	r = sd_bus_call(bus, m, CALL_TIMEOUT_US, NULL, &reply);
	if (r < 0)
		return r;
	return sdbus_read_payload(reply, ret_reply);
}

static int
sdbus_drive(struct bench_run *run)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int r;

	r = sdbus_connect(run, &bus);
	if (r < 0)
		return r;
	return rpc_drive(run, sdbus_call, bus);
}

static int
sdbus_connect_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int r;

	r = sdbus_connect(link, &bus);
	return r < 0 ? r : sdbus_call(bus, request, ret_reply);
}

static int
sdbus_connect_drive(struct bench_run *run)
{
	return connect_drive(run, sdbus_connect_call);
}

static int
sdbus_sync(struct sdbus_publisher *publisher, uint64_t serial)
{
	int r;

	publisher->n_since_call = 0;
	if (run_n_servers(publisher->run) > 1) {
		r = sd_bus_flush(publisher->bus);
		stream_hold_back(
			publisher->run, serial, stream_window(publisher->run, DBUS_BENCH_WINDOW));
	} else {
		r = sd_bus_call_method(publisher->bus, DBUS_BENCH_NAME, DBUS_BENCH_PATH,
			DBUS_BENCH_INTERFACE, "Sync", NULL, NULL, "");
	}
	return MIN(r, 0);
}

static int
sdbus_send(void *link, const struct payload *event)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	struct sdbus_publisher *publisher = link;
	int r;

	r = sd_bus_message_new_signal(
		publisher->bus, &m, DBUS_BENCH_PATH, DBUS_BENCH_INTERFACE, "Event");
	if (r < 0)
		return r;
	r = sd_bus_message_append_array(m, 'y', event, sizeof(*event));
	if (r < 0)
		return r;
	r = sd_bus_send(publisher->bus, m, NULL);
	if (r < 0 || ++publisher->n_since_call < stream_window(publisher->run, DBUS_BENCH_WINDOW))
		return MIN(r, 0);
	return sdbus_sync(publisher, event->serial);
}

static int
sdbus_publish(struct bench_run *run)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	struct sdbus_publisher publisher = {.run = run};
	int r;

	r = sdbus_connect(run, &bus);
	if (r < 0)
		return r;
	publisher.bus = bus;
	r = stream_drive(run, sdbus_send, &publisher);
	if (r < 0)
		return r;
	r = sd_bus_flush(bus);
	return r < 0 ? run_fail(run, r, "sd_bus_flush") : 0;
}

const struct subject peer_sdbus_dbus_broker = {
	.name = "peer:sdbus-dbus-broker",
	.open = dbus_broker_open,
	.serve = sdbus_serve,
	.drive = sdbus_drive,
	.close = dbus_broker_close,
};

const struct subject peer_sdbus_dbus_daemon = {
	.name = "peer:sdbus-dbus-daemon",
	.open = dbus_daemon_open,
	.serve = sdbus_serve,
	.drive = sdbus_drive,
};

const struct subject connect_sdbus_dbus_broker = {
	.name = "peer:sdbus-dbus-broker",
	.open = dbus_broker_open,
	.serve = sdbus_serve,
	.drive = sdbus_connect_drive,
	.close = dbus_broker_close,
};

const struct subject connect_sdbus_dbus_daemon = {
	.name = "peer:sdbus-dbus-daemon",
	.open = dbus_daemon_open,
	.serve = sdbus_serve,
	.drive = sdbus_connect_drive,
};

const struct subject stream_sdbus_dbus_broker = {
	.name = "peer:sdbus-dbus-broker",
	.open = dbus_broker_open,
	.serve = sdbus_subscribe,
	.drive = sdbus_publish,
	.close = dbus_broker_close,
};

const struct subject stream_sdbus_dbus_daemon = {
	.name = "peer:sdbus-dbus-daemon",
	.open = dbus_daemon_open,
	.serve = sdbus_subscribe,
	.drive = sdbus_publish,
};
