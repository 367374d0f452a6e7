/* SPDX-License-Identifier: MIT */

/*
 * daemon-start: calls of services that do not run yet; contracts in daemon.h and daemon-state.h
 *
 * ternd starts the service and introduces this program to it, in answer to one request however many calls wait for it
 * here. They are calls under way like others, with deadlines, and may be given up; they are sent in the order they were
 * made when the answer comes.
 */

#include <stdlib.h>

#include "client/call.h"
#include "client/daemon-state.h"
#include "client/error.h"
#include "client/message.h"

static struct request *
find_start(const struct daemon *daemon, const char *name)
{
	struct request *request;

	DL_FOREACH (daemon->requests, request)
		if (request->start && strcmp(request->start, name) == 0)
			return request;
	return NULL;
}

int
daemon_start_again(tern_bus *bus, struct request *request)
{
	struct control control = {
		.type = CONTROL_INTRODUCE,
		.serial = ++bus->daemon->last_serial,
		.name = {.name = daemon_text(request->start), .start = true},
	};
	int r = daemon_send(bus, &control);

	request->serial = r == 0 ? control.serial : 0;
	return r;
}

/* new_start() - ask, or have it asked for when there is a ternd again */
static int
new_start(tern_bus *bus, const char *name, uint64_t deadline, struct request **ret)
{
	struct control control = {
		.type = CONTROL_INTRODUCE,
		.name = {.name = daemon_text(name), .start = true},
	};
	size_t size = strlen(name) + 1;
	struct request *request;
	int r;

	request = calloc(1, sizeof(*request) + size);
	if (!request)
		return error_errno(-ENOMEM, "call");
	request->start = memcpy(request + 1, name, size);
	request->is_heap = true;
	r = daemon_request_send(bus, &control, deadline);
	if (r < 0) {
		free(request);
		return r;
	}
	request->serial = control.serial;
	DL_APPEND(bus->daemon->requests, request);
	*ret = request;
	return 0;
}

int
daemon_start(tern_call *call, uint64_t deadline)
{
	tern_bus *bus = call->bus;
	const char *name = call->message->strings[0];
	struct request *request = find_start(bus->daemon, name);
	int r;

	if (call->flags & TERN_NO_ACTIVATE)
		return error_set(-ENXIO, ERROR_NO_SERVICE, "\"%s\" does not run, and is not to be started for this call", name);
	if (!request) {
		r = new_start(bus, name, call->flags & TERN_NONBLOCK ? 0 : deadline, &request);
		if (r < 0)
			return r;
		if (call->done)
			return 0; /* meanwhile: its deadline */
	}
	call->starting = request;
	(void)tern_call_ref(call); /* itself; DL_APPEND() would take several */
	DL_APPEND(request->calls, call);
	return 0;
}

void
daemon_start_forget(tern_call *call)
{
	DL_DELETE(call->starting->calls, call);
	call->starting = NULL;
	(void)call_unref_locked(call); /* always NULL */
}

/* explain() - in words of ternd, or of ours where there are none */
static void
explain(const struct request *request, struct tern_error *error)
{
	*error = request->error;
	if (!error->name[0])
		error_fill(error, ERROR_NO_SERVICE, "ternd ended, and did not start the service");
}

void
daemon_started(tern_bus *bus, struct request *request)
{
	struct partner *partner = partner_find(bus, request->peer);
	bool is_self = request->peer == bus->id;
	int r = partner || is_self ? 0 : request->result < 0 ? request->result : -EHOSTDOWN; /* it is gone again */
	struct tern_error error;
	tern_call *call;

	explain(request, &error);
	while ((call = request->calls)) {
		DL_DELETE(request->calls, call);
		call->starting = NULL;
		call_started(call, partner, r, &error);
	}
}
