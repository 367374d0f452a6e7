/* SPDX-License-Identifier: MIT */

/* expect: see expect.h */

#include "base/atomic.h"
#include "client/error.h"
#include "client/event.h"
#include "client/expect.h"
#include "client/message.h"
#include "client/state.h"
#include "wire/name.h"

/* --- the table --- */

static struct expectation *
expectation_find(tern_bus *bus, const char *service)
{
	struct expectation *expectation;

	HASH_FIND_STR(bus->expected, service, expectation);
	return expectation;
}

static void
expectation_drop(tern_bus *bus, struct expectation *expectation)
{
	HASH_DEL(bus->expected, expectation);
	(void)tern_interface_unref(expectation->interface); /* always NULL */
	free(expectation);
}

void
expect_drop_all(tern_bus *bus)
{
	struct expectation *expectation, *next;

	HASH_ITER (hh, bus->expected, expectation, next)
		expectation_drop(bus, expectation);
}

/* expectation_add() - takes no reference. Return: 0, -ENOMEM. */
static int
expectation_add(tern_bus *bus, const char *service, tern_interface *interface)
{
	size_t size = strlen(service);
	struct expectation *expectation = calloc(1, sizeof(*expectation) + size + 1);

	if (!expectation)
		return -ENOMEM;
	expectation->interface = interface;
	memcpy(expectation->service, service, size + 1);
	HASH_ADD_STR(bus->expected, service, expectation);
	if (hash_added(expectation, hh))
		return 0;
	free(expectation);
	return -ENOMEM;
}

static int
check_service(const tern_bus *bus, const char *service)
{
	if (!service && bus->mode == MODE_BUS)
		return error_set(-EINVAL, ERROR_INVALID, "on a bus a service has a name");
	if (!service || (service[0] == ':' && name_get_id(service, strlen(service), &(uint64_t){0})))
		return 0;
	if (bus->mode != MODE_BUS || name_check(service, strlen(service), NULL))
		return error_set(-EINVAL, ERROR_BAD_NAME, "\"%.100s\" is not what a service is called here", service);
	return 0;
}

_public_ int
tern_expect(tern_bus *bus, const char *service, tern_interface *interface)
{
	const char *key = service ? service : "";
	struct expectation *old;
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	r = check_service(bus, service);
	old = r == 0 ? expectation_find(bus, key) : NULL;
	if (r == 0)
		bus->heard_type.size = 0; /* it may be of another type now */
	if (old)
		expectation_drop(bus, old);
	if (r == 0 && interface) {
		r = expectation_add(bus, key, interface);
		if (r == 0)
			(void)tern_interface_ref(interface); /* itself */
		else
			(void)error_errno(r, "interface"); /* the same */
	}
	bus_leave(bus);
	return r;
}

/* --- answers --- */

void
expect_note(tern_call *call)
{
	const tern_message *m = call->message;
	const struct expectation *expectation = expectation_find(call->bus, m->strings[0]);
	const struct interface_member *member;

	if (!expectation || m->header.flags & WIRE_LIBRARY)
		return;
	member = typed_find(expectation->interface, m->strings[1], m->header.member_size);
	if (!member || member->kind != MEMBER_METHOD)
		return;
	call->interface = tern_interface_ref(expectation->interface);
	call->method = member;
}

/* say_wrong() - what is at fault, in words. Return: -EBADMSG. */
static int
say_wrong(const tern_call *call, uint32_t which, const char *fault)
{
	const char *service;

	if (call->incoming)
		return error_set(-EBADMSG, ERROR_INVALID, "in the stream: %s", fault);
	service = *call->message->strings[0] ? call->message->strings[0] : "the other end";
	return error_set(-EBADMSG, ERROR_BAD_MESSAGE, "%.80s %s %.80s with what its interface does not say: %s", service,
		which == METHOD_OUT ? "answered" : "goes on with", call->message->strings[1], fault);
}

int
call_check(tern_call *call, tern_message *m, uint32_t which)
{
	uint32_t flags = call->incoming ? 0 : CHECK_OPEN;
	struct check_fault fault;
	int r;

	if (!call->interface || !typed_is_checked(call->bus, call_is_own_domain(call)))
		return 0;
	r = typed_check(call->interface, &call->method->types[which], flags, m, &fault);
	if (r == TYPED_E_WRONG)
		return say_wrong(call, which, fault.text);
	return r < 0 ? error_errno(r, "checking a message") : 0;
}

/* error_is_right() - has an error that came the values that the interface says? */
static bool
error_is_right(const tern_call *call, tern_message *m)
{
	const char *interface = tern_interface_name(call->interface);
	const char *name = m->strings[1];
	size_t n = strlen(interface);
	const struct interface_member *member;
	struct check_fault fault;

	if (strncmp(name, interface, n) != 0 || name[n] != '.' || !typed_is_checked(call->bus, call_is_own_domain(call)))
		return true;
	name += n + 1;
	member = typed_find(call->interface, name, strlen(name));
	return !member || member->kind != MEMBER_ERROR ||
		typed_check(call->interface, &member->types[0], CHECK_OPEN, m, &fault) == 0;
}

int
expect_answer(tern_call *call, int result, tern_message **reply)
{
	if (likely(!call->interface) || !*reply)
		return result;
	if (result == 0)
		result = call_check(call, *reply, METHOD_OUT);
	else if (error_is_right(call, *reply))
		return result;
	if (result < 0)
		*reply = tern_message_unref(*reply);
	return result;
}

/* --- values --- */

void
expect_value(tern_state *state, const char *service)
{
	const struct expectation *expectation = expectation_find(state->bus, service);
	const struct interface_member *member;

	if (!expectation)
		return;
	member = typed_find(expectation->interface, state->name, strlen(state->name));
	if (member && member->kind == MEMBER_STATE)
		state->typed = typed_init(expectation->interface, &member->types[0]);
}

/* --- events --- */

/* expected_event() - is this tag INTERFACE.Name of one that is expected? With the lock. */
static bool
expected_event(tern_bus *bus, const char *tag, struct heard_type *ret)
{
	const char *dot = strrchr(tag, '.');
	const struct interface_member *member;
	struct expectation *expectation, *next;

	if (!dot)
		return false;
	HASH_ITER (hh, bus->expected, expectation, next) {
		tern_interface *interface = expectation->interface;
		const struct interface_item *item = &interface->tree->item;

		if (item->name_size != dot - tag || memcmp(interface_name(interface->tree, item), tag, item->name_size) != 0)
			continue;
		member = typed_find(interface, dot + 1, strlen(dot + 1));
		if (!member || member->kind != MEMBER_EVENT)
			continue;
		ret->interface = interface;
		ret->type = &member->types[0];
		return true;
	}
	return false;
}

/* heard_type() - of an event with these tags; most are followed by others with the same. With the lock. */
static const struct heard_type *
heard_type(tern_bus *bus, const tern_message *m, struct heard_type *room)
{
	struct heard_type *heard = &bus->heard_type;
	uint16_t size = m->header.tags_size;
	const uint8_t *cursor = m->tags;
	uint8_t tag_size;

	if (size > 0 && heard->size == size && memcmp(heard->bytes, m->tags, size) == 0)
		return heard;
	if (size > 0 && size <= sizeof(heard->bytes)) {
		heard->size = size;
		memcpy(heard->bytes, m->tags, size);
	} else {
		heard = room;
	}
	heard->interface = NULL;
	for (uint8_t i = 0; i < m->header.n_tags; i++)
		if (expected_event(bus, wire_tag_next(&cursor, &tag_size), heard))
			break;
	return heard;
}

/* is_own_domain() - is the sender of this event trusted as this program itself? */
static bool
is_own_domain(const struct item *item)
{
	return !item->partner || item->partner->link->same_domain;
}

void
expect_of(tern_bus *bus, const struct item *item, struct typed *ret)
{
	const tern_subscription *s = item->subscription;
	struct heard_type room;
	const struct heard_type *heard;

	*ret = (struct typed){NULL, NULL};
	if (item->kind != TERN_EVENT || !typed_is_checked(bus, is_own_domain(item)))
		return;
	if (s && s->state) {
		*ret = typed_init(s->state->typed.interface, s->state->typed.type);
	} else if (unlikely(bus->expected)) {
		heard = heard_type(bus, item->message, &room);
		*ret = typed_init(heard->interface, heard->type);
	}
}

bool
expect_event(const struct typed *typed, tern_message *m)
{
	const struct interface *tree = typed->interface->tree;
	const struct interface_member *member = container_of(typed->type, struct interface_member, types);
	struct check_fault fault;
	int r = typed_check(typed->interface, typed->type, CHECK_OPEN, m, &fault);

	if (likely(r == 0))
		return true;
	if (r < 0)
		(void)error_errno(r, "checking an event"); /* recorded, as the next */
	else
		(void)error_set(-EBADMSG, ERROR_BAD_MESSAGE, "a message %.100s.%.100s is not what the interface says: %s",
			interface_name(tree, &tree->item), interface_name(tree, &member->item), fault.text);
	return false;
}
