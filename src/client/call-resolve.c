/* SPDX-License-Identifier: MIT */

/* call-resolve: who is called, by a name, a peer's number, or the one other end */

#include <stdlib.h>

#include "client/call.h"
#include "client/daemon.h"
#include "client/error.h"
#include "wire/name.h"

static int
no_service(const char *service)
{
	int wrong = name_is_id(service, strlen(service)) ? 0 : name_check(service, strlen(service), NULL);

	if (wrong && wrong != NAME_E_RESERVED)
		return error_set(-EINVAL, ERROR_BAD_NAME, "the name \"%.100s\" %s; a name has letters, digits, _ "
			"and -, and dots between them", service, name_strerror(wrong));
	return error_set(-ENXIO, ERROR_NO_SERVICE, "nobody owns the name \"%s\" on this bus", service);
}

/*
 * nobody() - owns it, by the tables; ternd may know how to start it: a round trip that those make who call in vain
 * @asked: ternd has just said why, and that is recorded
 * Return: as call_resolve(); 0 somebody came meanwhile, *ret is set
 */
static int
nobody(tern_bus *bus, const char *service, bool asked, uint64_t deadline, tern_peer *ret)
{
	int r = -ENXIO;

	if (!asked && name_check(service, strlen(service), NULL) == 0)
		r = daemon_ask(bus, service, deadline, ret);
	else if (!asked)
		return no_service(service);
	if (r == -ENXIO && strcmp(error_get()->name, ERROR_NOT_STARTED) == 0)
		return CALL_E_NOT_STARTED;
	return r == -ENXIO || r == -ENOTCONN ? no_service(service) : r;
}

/* resolve_id() - ":ID" or a name's owner to a link */
static int
resolve_id(tern_bus *bus, tern_peer id, const char *service, uint64_t deadline, struct partner **ret)
{
	int r;

	if (id == bus->id && bus->mode == MODE_BUS) {
		*ret = NULL;
		return 0;
	}
	*ret = partner_find(bus, id);
	if (*ret)
		return 0;
	if (bus->mode != MODE_BUS)
		return no_service(service);
	r = daemon_introduce(bus, id, deadline, ret);
	return r == -ENXIO ? no_service(service) : r;
}

int
call_resolve(tern_bus *bus, const char *service, uint64_t deadline, struct partner **ret)
{
	tern_peer id;
	char *end;
	int r;

	if (!service) {
		if (bus->mode == MODE_BUS)
			return error_set(-EINVAL, ERROR_INVALID, "on a bus a call needs a service");
		if (bus->mode == MODE_DIAL && bus->partners) {
			*ret = bus->partners;
			return 0;
		}
		return error_set(-ENXIO, ERROR_NO_SERVICE, "the other end of the link is gone; call \":ID\" "
			"from a listening handle");
	}
	if (service[0] == ':') {
		id = strtoull(service + 1, &end, 10);
		if (end == service + 1 || *end)
			return error_set(-EINVAL, ERROR_INVALID, "\"%s\" is not a peer's \":ID\"", service);
		return resolve_id(bus, id, service, deadline, ret);
	}
	if (bus->mode != MODE_BUS)
		return no_service(service);
	r = daemon_introduce_owner(bus, service, deadline, ret);
	if (unlikely(r != DAEMON_E_LOOK_UP))
		return r == -ENXIO ? nobody(bus, service, true, deadline, &id) : r;
	r = daemon_lookup(bus, service, &id);
	if (unlikely(r == -ENXIO))
		r = nobody(bus, service, false, deadline, &id);
	return r ? r : resolve_id(bus, id, service, deadline, ret);
}
