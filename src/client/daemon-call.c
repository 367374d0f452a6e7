/* SPDX-License-Identifier: MIT */

/*
 * daemon-call: calls of ternd itself, the service "tern"; contracts in daemon.h and daemon-state.h
 *
 * To the program they are calls like others: in the table of those under way, with a deadline, waited for or
 * handled. They go over the control socket, for there is no link to ternd, and it is asked nothing that is urgent.
 */

#include <stdlib.h>

#include "client/call.h"
#include "client/daemon-state.h"
#include "client/error.h"
#include "client/message.h"

/* fill_call() - what is sent is small, plain and in one piece */
static int
fill_call(const tern_message *m, struct control_call *ret)
{
	if (m->n_parts > 1 || m->n_fds > 0)
		return error_set(-EINVAL, ERROR_INVALID, "ternd takes neither descriptors nor lent parts");
	ret->member = daemon_text(m->strings[1]);
	if (m->n_parts == 0)
		return 0;
	if (m->parts->size > CONTROL_MAX_CALL)
		return error_set(-E2BIG, ERROR_TOO_BIG, "a call of ternd has at most %d bytes", CONTROL_MAX_CALL);
	ret->payload = (struct control_bytes){m->parts->bytes, m->parts->size};
	return 0;
}

int
daemon_call(tern_call *call, uint64_t deadline)
{
	struct control control = {.type = CONTROL_CALL};
	struct daemon *daemon = call->bus->daemon;
	struct request *request = NULL;
	int r;

	r = fill_call(call->message, &control.call);
	if (r < 0)
		return r;
	if (call->sent) { /* an answer is wanted */
		request = calloc(1, sizeof(*request));
		if (!request)
			return error_errno(-ENOMEM, "call");
	}
	r = daemon_request_send(call->bus, &control, call->flags & TERN_NONBLOCK ? 0 : deadline);
	if (r < 0 || !request) {
		free(request);
		return r;
	}
	request->serial = control.serial;
	request->is_heap = request->is_call = true;
	request->call = tern_call_ref(call);
	call->asking = true;
	DL_APPEND(daemon->requests, request);
	return 0;
}

/* answer_message() - as a message like others; no payload is none */
static int
answer_message(const struct control_reply *reply, tern_message **ret)
{
	int r = message_new_local((const uint8_t *)"", 0, 0, reply->payload.bytes ? reply->payload.bytes : (const uint8_t *)"",
		reply->payload.size, TERN_PEER_BUS, ret);

	if (r < 0)
		return r;
	(*ret)->header.kind = WIRE_REPLY;
	(*ret)->n_parts = reply->payload.size > 0;
	return 0;
}

void
daemon_call_answered(tern_call *call, const struct control *answer)
{
	struct tern_error error = {"", ""};
	tern_message *m;

	call->asking = false;
	if (!call->sent)
		return; /* given up meanwhile */
	if (!answer) {
		call_finish(call, -EHOSTDOWN, NULL, ERROR_DIED, "ternd is gone");
	} else if (answer->type == CONTROL_REPLY) {
		int r = answer_message(&answer->reply, &m);

		call_finish(call, r, r < 0 ? NULL : m, r < 0 ? ERROR_FAILED : NULL, "out of memory");
	} else if (answer->type == CONTROL_FAILED) {
		daemon_failure(&answer->failed, &error);
		call_finish(call, -EREMOTEIO, NULL, error.name, error.text);
	} else {
		call_finish(call, -EPROTO, NULL, ERROR_PROTOCOL, "ternd answered something else");
	}
}
