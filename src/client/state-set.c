/* SPDX-License-Identifier: MIT */

/* state-set: values held against interfaces, and set by other programs */

#include <stdio.h>

#include "client/call.h"
#include "client/error.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/state.h"

/* --- types --- */

int
state_take_type(tern_state *state, const tern_service *service)
{
	tern_interface *interface = service->interface;
	const struct interface_member *member;
	char room[160];

	if (!interface)
		return 0;
	member = typed_find(interface, state->name, strlen(state->name));
	if (!member || member->kind != MEMBER_STATE)
		return error_set(-EINVAL, ERROR_INVALID, "%.100s has no state \"%.100s\"%s",
			tern_interface_name(interface), state->name,
			typed_nearest(interface, MEMBER_STATE, state->name, room));
	state->typed = typed_init(interface, &member->types[0]);
	return 0;
}

/* check_value() - Return: is it right? */
static bool
check_value(const struct typed *typed, uint32_t flags, const void *cbor, size_t size, struct check_fault *fault)
{
	struct check check = {.interface = typed->interface->tree, .type = typed->type, .flags = flags};

	return check_payload(&check, cbor, size, fault) == 0;
}

int
state_check_own(const tern_state *state, const void *cbor, size_t size)
{
	struct check_fault fault;

	if (!state->typed.interface || !typed_is_checked(state->bus, true) ||
		check_value(&state->typed, 0, cbor, size, &fault))
		return 0;
	return error_set(-EINVAL, ERROR_INVALID, "%.80s is not what the interface says: %s", state->name, fault.text);
}

int
state_check(const tern_state *state, const void *cbor, size_t size)
{
	struct check_fault fault;

	if (!typed_is_checked(state->bus, !state->is_foreign) ||
		check_value(&state->typed, CHECK_OPEN, cbor, size, &fault))
		return 0;
	return error_set(-EBADMSG, ERROR_BAD_MESSAGE, "%.80s is not what the interface says: %s", state->name,
		fault.text);
}

/* --- set by others --- */

static bool
is_settable(const tern_state *state)
{
	const tern_interface *interface = state->typed.interface;
	const struct interface_member *member;
	size_t size;

	if (!interface)
		return true; /* nothing is said */
	member = container_of(state->typed.type, struct interface_member, types);
	return interface_tag(interface_docs(interface->tree, &member->item), "settable", &size) != NULL;
}

_public_ int
tern_state_on_set(tern_state *state, tern_state_set_fn *fn, void *user)
{
	int r;

	if (!state->packed)
		return error_set(-EINVAL, ERROR_INVALID, "this value is another program's");
	if (fn && !is_settable(state))
		return error_set(-EINVAL, ERROR_INVALID, "the interface does not say @settable of %.100s", state->name);
	r = bus_enter(state->bus);
	if (r < 0)
		return r;
	state->on_set = fn;
	state->set_user = user;
	bus_leave(state->bus);
	return 0;
}

/* run() - the handler, with the lock, which is released meanwhile. Return: its result. */
static int
run(tern_state *state, tern_call *call, const void *cbor, size_t size)
{
	tern_state_set_fn *fn = state->on_set;
	void *user = state->set_user;
	struct handler_frame frame;
	int r;

	handler_begin(state->bus, &frame, &state->n_running);
	error_clear();
	r = fn(state, call, cbor, size, user);
	handler_end(&frame);
	return r;
}

/* answer_set() - with a reference to the state; without the lock */
static void
answer_set(tern_state *state, tern_call *call, const void *cbor, size_t size)
{
	struct check_fault fault;
	bool may;
	int r = 0;

	if (state->typed.interface && typed_is_checked(state->bus, call_is_own_domain(call)) &&
		!check_value(&state->typed, 0, cbor, size, &fault)) {
		(void)tern_reply_error(call, ERROR_INVALID, fault.text); /* gone callers need none, as below */
		return;
	}
	bus_lock(state->bus);
	may = state->on_set;
	if (may)
		r = run(state, call, cbor, size);
	(void)pthread_mutex_unlock(&state->bus->lock);
	if (!may)
		(void)tern_reply_error(call, ERROR_READ_ONLY, "its service alone sets this value");
	else if (r < 0)
		service_failed(call, r);
	else if (r == 0)
		(void)tern_reply(call, NULL); /* it may be answered already */
}

void
state_answer_set(tern_service *service, tern_call *call, tern_message *m)
{
	bool any = *m->strings[0] == ':'; /* the peer was called, not a service of it */
	tern_bus *bus = service->bus;
	tern_state *state;
	const char *name;
	const void *cbor;
	size_t size;

	if (tern_message_unpack(m, "{name:s, value:v}", &name, &cbor, &size) < 0) {
		(void)tern_reply_error(call, ERROR_INVALID, "setting a value takes {name: string, value: any}"); /* as above */
		return;
	}
	bus_lock(bus);
	state = state_find(bus, any ? NULL : service, name);
	if (state)
		(void)state_ref(state); /* itself */
	(void)pthread_mutex_unlock(&bus->lock);
	if (state)
		answer_set(state, call, cbor, size);
	else
		state_none(service, call, name);
	(void)state_unref(state); /* always NULL */
}
