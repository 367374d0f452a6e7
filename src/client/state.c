/* SPDX-License-Identifier: MIT */

/* state: keeping values; state-open.c reads those of others */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "client/call.h"
#include "client/error.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/state.h"
#include "client/topic.h"
#include "wire/utf8.h"

/* --- life --- */

tern_state *
state_ref(tern_state *state)
{
	(void)add_rlx(&state->refs, 1); /* who has one may take another */
	return state;
}

tern_state *
state_unref(tern_state *state)
{
	tern_bus *bus;

	if (!state || !unref_is_last(&state->refs))
		return NULL;
	bus = state->bus;
	bus_lock(bus);
	if (state->shown)
		DL_DELETE(bus->states, state);
	(void)pthread_mutex_unlock(&bus->lock);
	(void)tern_topic_free(state->topic); /* always NULL, as the next */
	(void)bus_unref(bus);
	value_deinit(&state->value);
	(void)pthread_mutex_destroy(&state->setting); /* nobody has it */
	typed_deinit(&state->typed);
	free(state->packed);
	free(state->name);
	free(state);
	return NULL;
}

_public_ tern_state *
tern_state_free(tern_state *state)
{
	if (!state || bus_is_forked(state->bus))
		return NULL;
	bus_lock(state->bus);
	state->service = NULL; /* it is not found any more */
	state->on_set = NULL;
	handler_wait(state->bus, &state->n_running); /* a handler of it that frees it has a reference */
	if (state->packed)
		value_end(&state->value);
	(void)pthread_mutex_unlock(&state->bus->lock);
	return state_unref(state);
}

static int
check_name(const char *name)
{
	size_t size = name ? strlen(name) : 0;

	if (size == 0 || size > TERN_MAX_TAG || !utf8_is_valid(name, size))
		return error_set(-EINVAL, ERROR_INVALID, "the name of a value is 1 to %u bytes of UTF-8", TERN_MAX_TAG);
	if (strncmp(name, STATE_RESERVED, strlen(STATE_RESERVED)) == 0)
		return error_set(-EINVAL, ERROR_INVALID, "names that begin with \"" STATE_RESERVED "\" are tern's own");
	return 0;
}

int
state_make(tern_bus *bus, const char *name, tern_state **ret)
{
	tern_state *state;
	int r;

	if (bus_is_forked(bus))
		return error_errno(-ECHILD, "state");
	r = check_name(name);
	if (r < 0)
		return r;
	state = calloc(1, sizeof(*state));
	if (!state || !(state->name = strdup(name))) {
		free(state);
		return error_errno(-ENOMEM, "state");
	}
	(void)pthread_mutex_init(&state->setting, NULL); /* default attributes: cannot fail */
	store_rlx(&state->refs, 1); /* nobody else has it */
	state->value = VALUE_INIT;
	state->bus = bus_ref(bus);
	*ret = state;
	return 0;
}

void
state_show(tern_state *state)
{
	DL_APPEND(state->bus->states, state);
	state->shown = true;
}

/* --- kept here --- */

tern_state *
state_find(tern_bus *bus, const tern_service *service, const char *name)
{
	tern_state *state;

	DL_FOREACH (bus->states, state)
		if (state->service && (!service || state->service == service) && strcmp(state->name, name) == 0)
			return state;
	return NULL;
}

void
state_tag(uint64_t number, char ret[STATE_TAG_ROOM])
{
	(void)snprintf(ret, STATE_TAG_ROOM, STATE_TAG "#%" PRIu64, number); /* fits */
}

/* topic_of() - its changes. Tags may be the same twice: then they are as one. */
static int
topic_of(tern_state *state, const char *service)
{
	char tag[STATE_TAG_ROOM];
	const char *tags[5] = {STATE_TAG, tag, state->name, *service ? service : NULL};

	state_tag(state->number, tag);
	return tern_topic_new(state->bus, tags, &state->topic);
}

static int
make_room(tern_state *state, size_t max)
{
	int r;

	if (max > VALUE_MAX)
		return error_set(-E2BIG, ERROR_TOO_BIG, "a value has at most %u bytes", VALUE_MAX);
	r = value_create(&state->value, (uint32_t)max);
	if (r < 0)
		return error_errno(r, "memory of a value");
	state->packed = malloc(max ? max : 1);
	return state->packed ? 0 : error_errno(-ENOMEM, "state");
}

/* keep() - so that it is found */
static int
keep(tern_state *state, tern_service *service)
{
	tern_bus *bus = state->bus;
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	if (state_find(bus, service, state->name)) {
		bus_leave(bus);
		return error_set(-EEXIST, ERROR_INVALID, "the service has a value \"%s\" already", state->name);
	}
	state->owner = bus->id;
	state->service = service;
	state_show(state);
	bus_leave(bus);
	return 0;
}

_public_ int
tern_state_new(tern_service *service, const char *name, size_t max, tern_state **ret)
{
	tern_state *state;
	int r;

	r = state_make(service->bus, name, &state);
	if (r < 0)
		return r;
	state->number = add_rlx(&service->bus->last_state, 1) + 1; /* only compared */
	r = state_take_type(state, service);
	if (r == 0)
		r = make_room(state, max);
	if (r == 0)
		r = topic_of(state, service->name);
	if (r == 0)
		r = keep(state, service);
	if (r < 0) {
		(void)state_unref(state); /* always NULL */
		return r;
	}
	*ret = state;
	return 0;
}

/* publish() - tell who listens; its setting is held, so that versions go out in turn */
static int
publish(tern_state *state, const void *cbor, size_t size, uint64_t version)
{
	tern_message *m;
	int r;

	fence_seq(); /* T8: the version, then who hears of it */
	if (!tern_has_listeners(state->topic))
		return 0;
	r = tern_message_new_event(state->topic, &m);
	if (r < 0)
		return r;
	m->header.serial = version;
	r = tern_message_append(m, cbor, size);
	if (r == 0)
		r = tern_publish_message(m, 0);
	(void)tern_message_unref(m); /* always NULL */
	return r;
}

/* set() - with its setting held */
static int
set(tern_state *state, const void *cbor, size_t size)
{
	uint64_t version;
	int r = size <= state->value.max ? state_check_own(state, cbor, size) : 0;

	if (r < 0)
		return r;
	version = value_write(&state->value, cbor, size);
	if (version == 0)
		return error_set(-E2BIG, ERROR_TOO_BIG, "the value has %zu bytes, room was made for %u", size,
			state->value.max);
	return publish(state, cbor, size, version);
}

static int
check_own(const tern_state *state)
{
	if (bus_is_forked(state->bus))
		return error_errno(-ECHILD, "state");
	return state->packed ? 0 : error_set(-EINVAL, ERROR_INVALID, "this value is another program's");
}

_public_ int
tern_state_put(tern_state *state, const void *cbor, size_t size)
{
	int r = check_own(state);

	if (r < 0)
		return r;
	r = tern_cbor_check(cbor, size, 0, NULL);
	if (r < 0)
		return error_set(r, ERROR_INVALID, "a value is one item of well-formed CBOR");
	(void)pthread_mutex_lock(&state->setting);
	r = set(state, cbor, size);
	(void)pthread_mutex_unlock(&state->setting);
	return r;
}

_public_ int
tern_state_setv(tern_state *state, const char *format, va_list ap)
{
	struct tern_cbor_writer w;
	size_t size = 0;
	int r = check_own(state);

	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&state->setting);
	tern_cbor_writer_init(&w, state->packed, state->value.max);
	r = tern_cbor_packv(&w, NULL, format, ap);
	if (r == 0)
		r = tern_cbor_writer_finish(&w, &size);
	if (r == 0 || r == -ENOBUFS) /* too long: refused by its size */
		r = set(state, state->packed, size);
	(void)pthread_mutex_unlock(&state->setting);
	return r;
}

_public_ int
tern_state_set(tern_state *state, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = tern_state_setv(state, format, ap);
	va_end(ap);
	return r;
}

int
state_hand_out(tern_bus *bus, const tern_service *service, const char *name, uint64_t *ret_number)
{
	tern_state *state;
	int fd = -ENOENT;

	bus_lock(bus);
	state = state_find(bus, service, name);
	if (state) {
		fd = fcntl(state->value.memory.fd, F_DUPFD_CLOEXEC, 3);
		fd = fd < 0 ? -errno : fd;
		*ret_number = state->number;
	}
	(void)pthread_mutex_unlock(&bus->lock);
	return fd;
}

void
state_none(const tern_service *service, tern_call *call, const char *name)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%.100s has no value \"%.100s\"",
		*service->name ? service->name : "the service", name); /* fits */
	(void)tern_reply_error(call, ERROR_NO_STATE, text); /* gone callers need none */
}

void
state_answer(tern_service *service, tern_call *call, tern_message *m)
{
	bool any = *m->strings[0] == ':'; /* the peer was called, not a service of it */
	_cleanup_(fd_closep) int fd = -1;
	uint64_t number;
	const char *name;
	int r;

	r = tern_message_unpack(m, "{name:s}", &name);
	if (r < 0) {
		(void)tern_reply_error(call, ERROR_INVALID, "asking for a value takes {name: string}"); /* gone callers need none */
		return;
	}
	r = fd = state_hand_out(service->bus, any ? NULL : service, name, &number);
	if (r >= 0)
		r = tern_reply(call, "{value:h, number:u}", fd, number);
	if (r == -ENOENT)
		state_none(service, call, name);
	else if (r < 0)
		(void)tern_reply_error(call, ERROR_FAILED, strerrordesc_np(-r)); /* the same */
}

void
state_service_gone(tern_service *service)
{
	tern_state *state;

	DL_FOREACH (service->bus->states, state)
		if (state->service == service)
			state->service = NULL;
}

void
state_owner_gone(tern_bus *bus, tern_peer peer)
{
	tern_state *state;

	DL_FOREACH (bus->states, state)
		if (state->owner == peer)
			store_rlx(&state->gone, true); /* a hint, which comes as soon as the loss is known */
}
