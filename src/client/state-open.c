/* SPDX-License-Identifier: MIT */

/* state-open: values of others, read and followed; state.c keeps those of one's own */

#include <inttypes.h>
#include <stdio.h>

#include "base/atomic.h"
#include "client/call.h"
#include "client/error.h"
#include "client/event.h"
#include "client/expect.h"
#include "client/message.h"
#include "client/state.h"

/* --- found --- */

static int
not_one(int r)
{
	if (r < 0)
		return error_errno(r, "mapping a value");
	return error_set(-EPROTO, ERROR_PROTOCOL, "what the service handed over is not a value");
}

/* map() - what was handed out, and hear of its owner's end */
static int
map(tern_state *state, const char *service, int fd, tern_peer owner, uint64_t number)
{
	const struct partner *partner;
	int r = value_open(&state->value, fd);

	if (r)
		return not_one(r);
	state->number = number;
	r = bus_enter(state->bus);
	if (r < 0)
		return r;
	state->owner = owner;
	partner = partner_find(state->bus, owner);
	state->is_foreign = partner && !partner->link->same_domain;
	store_rlx(&state->gone, owner != state->bus->id && !partner); /* the lock orders it */
	expect_value(state, service ? service : "");
	state_show(state);
	bus_leave(state->bus);
	return 0;
}

/* open_other() - call the service */
static int
open_other(tern_state *state, const char *service)
{
	struct tern_error error;
	tern_message *reply;
	uint64_t number;
	int r, fd;

	r = tern_call_sync(state->bus, service, STATE_MEMBER, &reply, &error, "{name:s}", state->name);
	if (r == -EREMOTEIO && strcmp(error.name, ERROR_NO_STATE) == 0)
		return error_set(-ENOENT, ERROR_NO_STATE, "%s", error.text);
	if (r == -EREMOTEIO)
		return error_set(r, error.name, "%s", error.text);
	if (r < 0)
		return r;
	r = tern_message_unpack(reply, "{value:h, number:u}", &fd, &number); /* the descriptor is the reply's */
	r = r < 0 ? not_one(VALUE_E_FORMAT) : map(state, service, fd, tern_message_sender(reply), number);
	(void)tern_message_unref(reply); /* always NULL */
	return r;
}

/* open_own() - a value of this very program, which cannot be called and waited for. Return: -EHOSTUNREACH it is another's. */
static int
open_own(tern_state *state, const char *service)
{
	_cleanup_(fd_closep) int fd = -1;
	tern_bus *bus = state->bus;
	tern_service *found;
	uint64_t number;
	tern_peer owner;

	if (!service || tern_lookup(bus, service, &owner) < 0 || owner != bus->id)
		return -EHOSTUNREACH;
	bus_lock(bus);
	found = service_find(bus, service);
	(void)pthread_mutex_unlock(&bus->lock);
	fd = found || *service == ':' ? state_hand_out(bus, found, state->name, &number) : -ENOENT;
	if (fd == -ENOENT)
		return error_set(fd, ERROR_NO_STATE, "%.100s has no value \"%.100s\"", service, state->name);
	return fd < 0 ? error_errno(fd, "a value's descriptor") : map(state, service, fd, owner, number);
}

_public_ int
tern_state_open(tern_bus *bus, const char *service, const char *name, tern_state **ret)
{
	tern_state *state;
	int r;

	error_clear();
	r = state_make(bus, name, &state);
	if (r < 0)
		return r;
	r = open_own(state, service);
	if (r == -EHOSTUNREACH)
		r = open_other(state, service);
	if (r < 0) {
		(void)state_unref(state); /* always NULL */
		return error_or(r, "opening a value");
	}
	*ret = state;
	return 0;
}

/* --- read --- */

/* may_read() - is it still here, and kept? */
static int
may_read(const tern_state *state)
{
	if (unlikely(bus_is_forked(state->bus)))
		return -ECHILD; /* its memory is not here */
	if (unlikely(load_rlx(&state->gone) || value_is_ended(&state->value)))
		return -ESTALE; /* hints both: what is read is whole all the same */
	return 0;
}

static int
value_errno(int answer)
{
	switch (answer) {
	case VALUE_E_NONE:
		return -ENODATA;
	case VALUE_E_SIZE:
		return -ENOBUFS;
	case VALUE_E_BUSY:
		return -EAGAIN;
	default:
		return -EPROTO;
	}
}

_public_ int
tern_state_read(tern_state *state, void *buf, size_t room, size_t *ret_size, uint64_t *ret_version)
{
	uint64_t version;
	size_t size;
	int r = may_read(state);

	if (unlikely(r < 0))
		return r;
	r = value_read(&state->value, buf, room, &size, &version);
	if (r == 0 || r == VALUE_E_SIZE)
		*ret_size = size;
	if (unlikely(r))
		return value_errno(r);
	if (unlikely(state->typed.interface) && state_check(state, buf, size) < 0)
		return -EBADMSG;
	if (ret_version)
		*ret_version = version;
	return 0;
}

/* value_message() - the newest value as an event with these tags. Return: 0, -ENOMEM, VALUE_E_*. */
static int
value_message(tern_state *state, const uint8_t *tags, uint16_t tags_size, uint8_t n_tags, tern_message **ret)
{
	_cleanup_(freep) uint8_t *bytes = malloc(MAX(state->value.max, 1u));
	uint64_t version;
	tern_message *m;
	size_t size;
	int r;

	if (!bytes)
		return -ENOMEM;
	r = value_read(&state->value, bytes, state->value.max, &size, &version);
	if (r)
		return r;
	r = message_new_local(tags, tags_size, n_tags, bytes, size, state->owner, &m);
	if (r < 0)
		return r;
	m->header.serial = version;
	*ret = m;
	return 0;
}

_public_ int
tern_state_get(tern_state *state, tern_message **ret)
{
	tern_message *m = NULL;
	int r = may_read(state);

	if (r == 0)
		r = value_message(state, (const uint8_t *)"", 0, 0, &m);
	if (r == 0 && state->typed.interface)
		r = state_check(state, m->parts->bytes, m->parts->size);
	if (r == 0)
		*ret = m;
	else
		(void)tern_message_unref(m); /* always NULL */
	return r > 0 ? value_errno(r) : r;
}

_public_ uint64_t
tern_state_version(const tern_state *state)
{
	return bus_is_forked(state->bus) ? 0 : value_version(&state->value);
}

_public_ uint64_t
tern_message_version(const tern_message *m)
{
	return m->header.kind == WIRE_EVENT ? m->header.serial : 0;
}

/* --- subscribed --- */

bool
state_wants(tern_subscription *s, uint64_t version)
{
	if (!s->begun || version <= s->seen)
		return false; /* before the first reading: that has this or a later one */
	if (!s->latest) {
		s->seen = version;
		return true;
	}
	if (s->pending)
		return false; /* who is handed that event finds the newest value */
	s->pending = true;
	return true;
}

void
state_dropped(tern_subscription *s)
{
	s->pending = false;
}

/* read_message() - the newest value as an event. Return: 0, -ENOMEM, VALUE_E_*. */
static int
read_message(tern_subscription *s, tern_message **ret)
{
	int r = value_message(s->state, s->encoded, s->encoded_size, (uint8_t)s->n_tags, ret);

	if (r == 0)
		(*ret)->header.stamp = bus_now(s->bus);
	return r;
}

int
state_tell_now(tern_subscription *s)
{
	struct item item = {.kind = TERN_EVENT, .subscription = s, .peer = s->state->owner};
	int r;

	s->begun = true;
	r = read_message(s, &item.message);
	if (r)
		return r < 0 ? r : 0; /* its owner was too fast, and publishes what it wrote; or lies, and has told nothing */
	if (!state_wants(s, item.message->header.serial)) {
		(void)message_unref_locked(item.message); /* always NULL */
		return 0;
	}
	item.partner = partner_find(s->bus, s->state->owner); /* who makes others hold it is charged; NULL: ourselves */
	r = queue_put(s->bus, &item);
	if (r < 0)
		state_dropped(s);
	return r;
}

bool
state_newest(tern_subscription *s, struct item *item)
{
	tern_message *m = NULL;

	s->pending = false; /* what is written from here on is queued again */
	if (read_message(s, &m) == 0 && m->header.serial > item->message->header.serial) {
		(void)message_unref_locked(item->message); /* always NULL */
		item->message = steal(m);
	}
	(void)message_unref_locked(m); /* always NULL */
	if (item->message->header.serial <= s->seen)
		return false;
	s->seen = item->message->header.serial;
	return true;
}

_public_ int
tern_state_subscribe(tern_state *state, uint32_t policy, tern_event_fn *fn, void *user, tern_subscription **ret)
{
	char sender[24], tag[STATE_TAG_ROOM];
	const char *tags[] = {tag, NULL};
	struct tern_rule rule = {.size = sizeof(rule), .policy = policy, .sender = sender, .tags = tags};

	if (bus_is_forked(state->bus))
		return error_errno(-ECHILD, "state");
	if (load_rlx(&state->gone) || value_is_ended(&state->value)) /* as in tern_state_read() */
		return error_set(-ESTALE, ERROR_DIED, "its program is gone, or keeps the value no more: open it again");
	(void)snprintf(sender, sizeof(sender), ":%" PRIu64, state->owner); /* fits */
	state_tag(state->number, tag);
	return subscription_start(state->bus, &rule, state, fn, user, ret);
}
