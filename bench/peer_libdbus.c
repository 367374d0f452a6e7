/* SPDX-License-Identifier: MIT */

/* peer_libdbus: calls and signals through libdbus, over dbus-broker or dbus-daemon */

#include <dbus/dbus.h>

#include "dbus_daemon.h"
#include "rpc.h"
#include "stream.h"

#define CALL_TIMEOUT_MS 10000

struct libdbus_publisher {
	struct bench_run *run;
	DBusConnection *bus;
	unsigned int n_since_call;
};

static void
libdbus_closep(DBusConnection **bus)
{
	if (!*bus)
		return;
	dbus_connection_close(*bus);
	dbus_connection_unref(*bus);
}

static void
libdbus_unrefp(DBusMessage **m)
{
	if (*m)
		dbus_message_unref(*m);
}

static int
libdbus_connect(struct bench_run *run, DBusConnection **ret_bus)
{
	_cleanup_(libdbus_closep) DBusConnection *bus = NULL;

	bus = dbus_connection_open_private(run->address, NULL);
	if (!bus)
		return run_fail(run, -ECONNREFUSED, "dbus_connection_open_private");
	dbus_connection_set_exit_on_disconnect(bus, FALSE);
	if (!dbus_bus_register(bus, NULL))
		return run_fail(run, -ECONNREFUSED, "dbus_bus_register");
	*ret_bus = steal(bus);
	return 0;
}

static int
libdbus_append_payload(DBusMessage *m, const struct payload *p)
{
	return dbus_message_append_args(
		       m, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &p, (int)sizeof(*p), DBUS_TYPE_INVALID)
		       ? 0
		       : -ENOMEM;
}

static int
libdbus_read_payload(DBusMessage *m, struct payload *ret)
{
	const unsigned char *bytes;
	int size;

	if (!dbus_message_get_args(
		    m, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes, &size, DBUS_TYPE_INVALID) ||
		size != (int)sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, bytes, sizeof(*ret));
	return 0;
}

static int
libdbus_reply(DBusConnection *bus, DBusMessage *m, const struct payload *p)
{
	_cleanup_(libdbus_unrefp) DBusMessage *reply = NULL;
	int r;

	reply = dbus_message_new_method_return(m);
	if (!reply)
		return -ENOMEM;
	r = p ? libdbus_append_payload(reply, p) : 0;
	if (r < 0)
		return r;
	return dbus_connection_send(bus, reply, NULL) ? 0 : -ENOMEM;
}

static int
libdbus_take(struct bench_run *run, DBusConnection *bus, DBusMessage *m)
{
	struct payload p, reply = {0};
	int r;

	if (dbus_message_is_method_call(m, DBUS_BENCH_INTERFACE, "Sync"))
		return libdbus_reply(bus, m, NULL);
	if (dbus_message_is_signal(m, DBUS_BENCH_INTERFACE, "Event")) {
		r = libdbus_read_payload(m, &p);
		return r < 0 ? r : stream_take(run, &p);
	}
	if (!dbus_message_is_method_call(m, DBUS_BENCH_INTERFACE, "Call"))
		return 0;
	r = libdbus_read_payload(m, &p);
	if (r == 0)
		r = rpc_answer(run, &p, &reply);
	return r < 0 ? r : libdbus_reply(bus, m, &reply);
}

static DBusHandlerResult
libdbus_on_message(DBusConnection *bus, DBusMessage *m, void *userdata)
{
	struct bench_run *run = userdata;
	int r;

	r = libdbus_take(run, bus, m);
	if (r < 0) {
		if (!*run->shared->error[ROLE_SERVER])
			(void)run_fail(run, r, "message"); /* it is told; the loop ends below */
		dbus_connection_close(bus);
	}
	return DBUS_HANDLER_RESULT_HANDLED;
}

static int
libdbus_serve(struct bench_run *run)
{
	_cleanup_(libdbus_closep) DBusConnection *bus = NULL;
	int r;

	r = libdbus_connect(run, &bus);
	if (r < 0)
		return r;
	if (!dbus_connection_add_filter(bus, libdbus_on_message, run, NULL))
		return run_fail(run, -ENOMEM, "dbus_connection_add_filter");
	dbus_bus_add_match(bus, "type='signal',interface='" DBUS_BENCH_INTERFACE "'", NULL);
	if (run->nth == 0 && dbus_bus_request_name(bus, DBUS_BENCH_NAME, 0, NULL) < 0)
		return run_fail(run, -EEXIST, "dbus_bus_request_name");
	dbus_connection_flush(bus);
	run_ready(run);
	while (dbus_connection_read_write_dispatch(bus, -1))
		continue;
	return -ECONNRESET; /* told by whoever closed it, or the parent is ending the daemon */
}

static int
libdbus_call_member(DBusConnection *bus, const char *member, const struct payload *request,
	struct payload *ret_reply)
{
	_cleanup_(libdbus_unrefp) DBusMessage *m = NULL, *reply = NULL;
	int r;

	m = dbus_message_new_method_call(
		DBUS_BENCH_NAME, DBUS_BENCH_PATH, DBUS_BENCH_INTERFACE, member);
	if (!m)
		return -ENOMEM;
	r = request ? libdbus_append_payload(m, request) : 0;
	if (r < 0)
		return r;
	reply = dbus_connection_send_with_reply_and_block(bus, m, CALL_TIMEOUT_MS, NULL);
	if (!reply)
		return -EIO;
	return ret_reply ? libdbus_read_payload(reply, ret_reply) : 0;
}

static int
libdbus_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	return libdbus_call_member(link, "Call", request, ret_reply);
}

static int
libdbus_drive(struct bench_run *run)
{
	_cleanup_(libdbus_closep) DBusConnection *bus = NULL;
	int r;

	r = libdbus_connect(run, &bus);
	if (r < 0)
		return r;
	return rpc_drive(run, libdbus_call, bus);
}

static int
libdbus_send(void *link, const struct payload *event)
{
	_cleanup_(libdbus_unrefp) DBusMessage *m = NULL;
	struct libdbus_publisher *publisher = link;
	int r;

	m = dbus_message_new_signal(DBUS_BENCH_PATH, DBUS_BENCH_INTERFACE, "Event");
	if (!m)
		return -ENOMEM;
	r = libdbus_append_payload(m, event);
	if (r < 0)
		return r;
	if (!dbus_connection_send(publisher->bus, m, NULL))
		return -ENOMEM;
	if (++publisher->n_since_call < stream_window(publisher->run, DBUS_BENCH_WINDOW))
		return 0;
	publisher->n_since_call = 0;
	if (run_n_servers(publisher->run) == 1)
		return libdbus_call_member(publisher->bus, "Sync", NULL, NULL);
	dbus_connection_flush(publisher->bus);
	stream_hold_back(
		publisher->run, event->serial, stream_window(publisher->run, DBUS_BENCH_WINDOW));
	return 0;
}

static int
libdbus_publish(struct bench_run *run)
{
	_cleanup_(libdbus_closep) DBusConnection *bus = NULL;
	struct libdbus_publisher publisher = {.run = run};
	int r;

	r = libdbus_connect(run, &bus);
	if (r < 0)
		return r;
	publisher.bus = bus;
	r = stream_drive(run, libdbus_send, &publisher);
	if (r < 0)
		return r;
	dbus_connection_flush(bus);
	return 0;
}

const struct subject peer_libdbus_dbus_broker = {
	.name = "peer:libdbus-dbus-broker",
	.open = dbus_broker_open,
	.serve = libdbus_serve,
	.drive = libdbus_drive,
	.close = dbus_broker_close,
};

const struct subject peer_libdbus_dbus_daemon = {
	.name = "peer:libdbus-dbus-daemon",
	.open = dbus_daemon_open,
	.serve = libdbus_serve,
	.drive = libdbus_drive,
};

const struct subject stream_libdbus_dbus_broker = {
	.name = "peer:libdbus-dbus-broker",
	.open = dbus_broker_open,
	.serve = libdbus_serve,
	.drive = libdbus_publish,
	.close = dbus_broker_close,
};

const struct subject stream_libdbus_dbus_daemon = {
	.name = "peer:libdbus-dbus-daemon",
	.open = dbus_daemon_open,
	.serve = libdbus_serve,
	.drive = libdbus_publish,
};
