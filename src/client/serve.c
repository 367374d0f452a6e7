/* SPDX-License-Identifier: MIT */

/* serve: names served, their interfaces, and which method runs */

#include <stdio.h>
#include <stdlib.h>

#include "client/builtin.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/state.h"
#include "client/typed.h"

#define CBOR_FAULTS "tern.cbor." /* how the names of what may be wrong with values begin */

/* --- found --- */

tern_service *
service_find(tern_bus *bus, const char *name)
{
	tern_service *service;

	DL_FOREACH (bus->services, service)
		if (strcmp(service->name, name) == 0)
			return service;
	return NULL;
}

/* method_find() - in the table; NULL: the service has none, and no entry for whatever is called */
static tern_method_fn *
method_find(const struct tern_method *methods, size_t n, const char *member)
{
	for (size_t i = 0; i < n; i++)
		if (!methods[i].member || strcmp(methods[i].member, member) == 0)
			return methods[i].fn;
	return NULL;
}

static bool
has_method(const tern_service *service, const char *member)
{
	const struct interface_member *found;

	if (!service->interface)
		return method_find(service->methods, service->n_methods, member) != NULL;
	found = typed_find(service->interface, member, strlen(member));
	return found && found->kind == MEMBER_METHOD;
}

tern_service *
service_for(tern_bus *bus, const char *name, const char *member)
{
	tern_service *service;

	if (*name != ':')
		return service_find(bus, name);
	DL_FOREACH (bus->services, service)
		if (has_method(service, member))
			return service;
	return bus->services; /* it says that there is no such member */
}

/* --- run --- */

void
service_failed(tern_call *call, int r)
{
	struct tern_error error = *error_get(); /* the answer may overwrite it */

	if (r == -EBADMSG && (strncmp(error.name, CBOR_FAULTS, strlen(CBOR_FAULTS)) == 0 ||
		strcmp(error.name, ERROR_BAD_MESSAGE) == 0))
		(void)tern_reply_error(call, error.name, error.text); /* gone callers need none, as below */
	else
		(void)tern_reply_error(call, ERROR_FAILED, strerrordesc_np(-r));
}

static void
no_member(const tern_service *service, tern_call *call, const char *member)
{
	char room[160], text[256];
	const char *nearest = "";

	if (service->interface)
		nearest = typed_nearest(service->interface, MEMBER_METHOD, member, room);
	(void)snprintf(text, sizeof(text), "%s has no method \"%s\"%s", *service->name ? service->name : "the service",
		member, nearest); /* cut is fine */
	(void)tern_reply_error(call, ERROR_NO_MEMBER, text); /* gone callers need none */
}

/* method_typed() - the method that is called, of a service with an interface; NULL: the call was wrong, and is answered */
static tern_method_fn *
method_typed(const tern_service *service, tern_call *call, tern_message *m)
{
	const tern_interface *interface = service->interface;
	const char *name = m->strings[1];
	const struct interface_member *member = typed_find(interface, name, m->header.member_size);
	struct check_fault fault;
	int r = 0;

	if (unlikely(!member || member->kind != MEMBER_METHOD)) {
		no_member(service, call, name);
		return NULL;
	}
	if (unlikely(member->types[METHOD_IN_STREAM].kind != KIND_NONE)) {
		call->interface = tern_interface_ref(service->interface); /* for what follows the call */
		call->method = member;
	}
	if (typed_is_checked(service->bus, call_is_own_domain(call)))
		r = typed_check(interface, &member->types[METHOD_IN], 0, m, &fault);
	if (likely(r == 0))
		return service->typed[member->item.order];
	(void)tern_reply_error(call, r < 0 ? ERROR_FAILED : ERROR_INVALID,
		r < 0 ? strerrordesc_np(-r) : fault.text); /* gone callers need none */
	return NULL;
}

/* method_of() - the same of any service */
static tern_method_fn *
method_of(const tern_service *service, tern_call *call, tern_message *m)
{
	tern_method_fn *fn;

	if (service->interface)
		return method_typed(service, call, m);
	fn = method_find(service->methods, service->n_methods, m->strings[1]);
	if (unlikely(!fn))
		no_member(service, call, m->strings[1]);
	return fn;
}

void
service_run(tern_service *service, tern_call *call, tern_message *m)
{
	builtin_fn *builtin = builtin_find(m->strings[1]);
	tern_method_fn *fn;
	int r;

	if (unlikely(builtin)) {
		builtin(service, call, m);
		return;
	}
	fn = method_of(service, call, m);
	if (unlikely(!fn))
		return;
	error_clear();
	r = fn(call, m, service->user);
	if (r < 0)
		service_failed(call, r);
}

/* --- life --- */

void
service_destroy(tern_service *service)
{
	for (size_t i = 0; i < service->n_methods; i++)
		free((char *)service->methods[i].member);
	free(service->methods);
	free(service->typed);
	free(service->name);
	(void)tern_interface_unref(service->interface); /* always NULL, as the next */
	(void)bus_unref(service->bus);
	free(service);
}

/* not_implemented() - a method that the interface has and the program has not */
static int
not_implemented(tern_call *call, tern_message *m, void *user)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "the interface has the method \"%s\", this program does not have it yet",
		m->strings[1]); /* cut is fine */
	return tern_reply_error(call, ERROR_NO_METHOD, text);
}

/* check_methods() - are those of a table in the interface? */
static int
check_methods(const tern_interface *interface, const struct tern_method *methods, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *name = methods[i].member;
		const struct interface_member *member = name ? typed_find(interface, name, strlen(name)) : NULL;
		char room[160];

		if (name && (!member || member->kind != MEMBER_METHOD))
			return error_set(-EINVAL, ERROR_INVALID, "%.100s has no method \"%.100s\"%s",
				tern_interface_name(interface), name,
				typed_nearest(interface, MEMBER_METHOD, name, room));
	}
	return 0;
}

/* type_methods() - what runs for each method of the interface; takes the reference. Return: 0, -ENOMEM. */
static int
type_methods(tern_service *service, tern_interface *interface)
{
	const struct interface *tree = interface->tree;

	service->interface = interface;
	service->typed = calloc(tree->n_members + 1, sizeof(*service->typed));
	if (!service->typed)
		return -ENOMEM;
	for (const struct interface_member *m = interface_members(tree); m; m = member_next(tree, m)) {
		tern_method_fn *fn =
			method_find(service->methods, service->n_methods, interface_name(tree, &m->item));

		if (m->kind == MEMBER_METHOD)
			service->typed[m->item.order] = fn ? fn : not_implemented;
	}
	return 0;
}

/* copy_methods() - Return: 0, -ENOMEM. */
static int
copy_methods(tern_service *service, const struct tern_method *methods, size_t n)
{
	service->methods = calloc(n ? n : 1, sizeof(*methods));
	if (!service->methods)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char *member = methods[i].member ? strdup(methods[i].member) : NULL;

		if (methods[i].member && !member)
			return -ENOMEM;
		service->methods[service->n_methods++] = (struct tern_method){.member = member, .fn = methods[i].fn};
	}
	return 0;
}

/* service_new() - @interface: text; NULL none. Return: 0; -EINVAL; -ENOMEM. */
static int
service_new(tern_bus *bus, const char *name, const char *interface, const struct tern_method *methods, size_t n,
	tern_service **ret)
{
	_cleanup_(tern_interface_unrefp) tern_interface *parsed = NULL;
	tern_service *service;
	int r = 0;

	if (interface)
		r = tern_interface_new(interface, strlen(interface), &parsed);
	if (r == 0 && parsed)
		r = check_methods(parsed, methods, n);
	if (r < 0)
		return r;
	service = calloc(1, sizeof(*service));
	if (!service)
		return error_errno(-ENOMEM, "service");
	service->bus = bus_ref(bus);
	service->name = strdup(name);
	r = service->name ? copy_methods(service, methods, n) : -ENOMEM;
	if (r == 0 && parsed)
		r = type_methods(service, steal(parsed));
	if (r < 0) {
		service_destroy(service);
		return error_errno(r, "service");
	}
	*ret = service;
	return 0;
}

/* is_owned() - and is not being given up: the tables show that later */
static bool
is_owned(tern_bus *bus, const char *name)
{
	tern_peer owner;
	bool has;

	bus_lock(bus);
	has = daemon_has_name(bus, name);
	bus_leave(bus);
	return has && tern_lookup(bus, name, &owner) == 0 && owner == bus->id;
}

/* join() - so that calls find it, before others see its name */
static int
join(tern_bus *bus, tern_service *service)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	if (service_find(bus, service->name))
		r = error_set(-EALREADY, ERROR_INVALID, "this handle serves that name already");
	else
		DL_APPEND(bus->services, service);
	bus_leave(bus);
	return r;
}

_public_ int
tern_serve(tern_bus *bus, const char *name, const char *interface, const struct tern_method *methods,
	size_t n_methods, void *user, tern_service **ret)
{
	tern_service *service = NULL;
	int r;

	if (bus_is_forked(bus))
		return error_errno(-ECHILD, "service");
	if (!name == (bus->mode == MODE_BUS))
		return error_set(-EINVAL, ERROR_INVALID, name ? "a direct link has no names: pass NULL"
							      : "on a bus a service needs a name");
	r = service_new(bus, name ? name : "", interface, methods, n_methods, &service);
	if (r < 0)
		return r;
	service->user = user;
	r = join(bus, service);
	if (r < 0) {
		service_destroy(service);
		return r;
	}
	if (name && !is_owned(bus, name)) /* owning it once more would take its labels away */
		r = tern_own(bus, name, 0, NULL);
	if (r < 0) {
		(void)tern_service_free(service); /* always NULL */
		return r;
	}
	service->owned = name != NULL;
	*ret = service;
	return 0;
}

_public_ tern_service *
tern_service_free(tern_service *service)
{
	tern_bus *bus;
	bool running;

	if (!service || bus_is_forked(service->bus))
		return NULL;
	bus = service->bus;
	bus_lock(bus);
	if (service->owned && !bus->closed)
		daemon_release(bus, service->name);
	DL_DELETE(bus->services, service);
	state_service_gone(service);
	handler_wait(bus, &service->n_running);
	service->freed = true;
	running = service->n_running > 0; /* it goes when the last handler returns */
	(void)pthread_mutex_unlock(&bus->lock);
	if (!running)
		service_destroy(service);
	return NULL;
}
