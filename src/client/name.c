/* SPDX-License-Identifier: MIT */

/* name: owning, finding and listing names; contracts in tern/name.h */

#include "client/bus.h"
#include "client/daemon.h"
#include "client/error.h"

/* on_bus() - enter, if the handle is on a bus at all */
static int
on_bus(tern_bus *bus)
{
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	if (bus->mode == MODE_BUS)
		return 0;
	bus_leave(bus);
	return error_set(-ENXIO, ERROR_NO_BUS, "direct links have no names: open a bus");
}

_public_ int
tern_own(tern_bus *bus, const char *name, uint32_t flags, const char *const *labels)
{
	int r;

	if (flags & ~(uint32_t)(TERN_NAME_QUEUE | TERN_NAME_REPLACE | TERN_NAME_REPLACEABLE))
		return error_set(-EINVAL, ERROR_INVALID, "unknown flags of a name: 0x%x", flags);
	if (strlen(name) > TERN_MAX_TAG)
		return error_set(-EINVAL, ERROR_BAD_NAME, "\"%.100s...\" is too long: a name has at most 255 bytes", name);
	for (size_t i = 0; labels && labels[i]; i++)
		if (strlen(labels[i]) > TERN_MAX_TAG)
			return error_set(-E2BIG, ERROR_TOO_BIG, "label %zu has more than 255 bytes", i + 1);
	r = on_bus(bus);
	if (r < 0)
		return r;
	error_clear();
	r = daemon_own(bus, name, flags, labels);
	bus_leave(bus);
	return r < 0 ? error_or(r, "owning a name") : 0;
}

_public_ int
tern_disown(tern_bus *bus, const char *name)
{
	int r = on_bus(bus);

	if (r < 0)
		return r;
	error_clear();
	r = daemon_disown(bus, name);
	bus_leave(bus);
	return r < 0 ? error_or(r, "disowning a name") : 0;
}

_public_ int
tern_lookup(tern_bus *bus, const char *name, tern_peer *ret)
{
	int r = on_bus(bus);

	if (r < 0)
		return r;
	daemon_look(bus);
	r = daemon_lookup(bus, name, ret);
	bus_leave(bus);
	return r == -ENXIO ? error_set(r, ERROR_NO_SERVICE, "nobody owns \"%.255s\"", name) : r;
}

_public_ int
tern_list(tern_bus *bus, tern_name_fn *fn, void *user)
{
	int r = on_bus(bus);

	if (r < 0)
		return r;
	daemon_look(bus);
	r = daemon_list(bus, fn, user);
	bus_leave(bus);
	return r;
}
