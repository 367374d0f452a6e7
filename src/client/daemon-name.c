/* SPDX-License-Identifier: MIT */

/* daemon-name: the names of this program; contracts in daemon.h */

#include <stdlib.h>

#include "client/daemon-state.h"
#include "client/error.h"
#include "client/rights.h"

static struct own_name *
own_find(const struct daemon *daemon, const char *name, size_t size)
{
	struct own_name *own;

	HASH_FIND(hh, daemon->own, name, size, own);
	return own;
}

int
daemon_own_add(tern_bus *bus, const char *name, size_t size)
{
	struct daemon *daemon = bus->daemon;
	struct own_name *own = own_find(daemon, name, size);

	if (own)
		return 0;
	own = calloc(1, sizeof(*own) + size + 1);
	if (!own)
		return -ENOMEM;
	memcpy(own->name, name, size);
	HASH_ADD_KEYPTR(hh, daemon->own, own->name, size, own);
	if (!hash_added(own, hh)) {
		free(own);
		return -ENOMEM;
	}
	rights_forget(bus);
	bus_plans_end(bus);
	return 0;
}

void
daemon_own_remove(tern_bus *bus, const char *name, size_t size)
{
	struct daemon *daemon = bus->daemon;
	struct own_name *own = own_find(daemon, name, size);

	if (!own)
		return;
	HASH_DEL(daemon->own, own);
	free(own->standing);
	free(own);
	rights_forget(bus);
	bus_plans_end(bus);
}

bool
daemon_has_name(const tern_bus *bus, const char *name)
{
	const struct own_name *own = bus->daemon ? own_find(bus->daemon, name, strlen(name)) : NULL;

	return own && !(own->standing && own->standing->withdrawn);
}

/* own_failed() - it was not granted; what was withdrawn before is to be told still */
static void
own_failed(tern_bus *bus, const char *name, bool had)
{
	const struct own_name *own = own_find(bus->daemon, name, strlen(name));

	if (!had && own && !(own->standing && own->standing->withdrawn))
		daemon_own_remove(bus, name, strlen(name));
}

/* ask_for() - the name stays in the table meanwhile, though it was withdrawn before */
static int
ask_for(tern_bus *bus, struct control *control, const char *name, struct request *request)
{
	struct own_name *own = own_find(bus->daemon, name, strlen(name));
	int r;

	own->n_asking++;
	r = daemon_request(bus, control, request, daemon_deadline(bus));
	own = own_find(bus->daemon, name, strlen(name));
	if (own && own->n_asking)
		own->n_asking--;
	return r;
}

int
daemon_own(tern_bus *bus, const char *name, uint32_t flags, const char *const *labels)
{
	struct control control = {
		.type = CONTROL_OWN,
		.own = {.name = daemon_text(name), .flags = flags},
	};
	bool had = daemon_has_name(bus, name);
	struct request r1;
	int r;

	for (size_t i = 0; labels && labels[i]; i++) {
		if (i == CONTROL_MAX_TAGS)
			return error_set(-E2BIG, ERROR_TOO_BIG, "a name has at most 16 labels");
		control.own.labels.items[i] = daemon_text(labels[i]);
		control.own.labels.n = i + 1;
	}
	r = daemon_own_add(bus, name, strlen(name)); /* callers may be faster than the answer */
	if (r == 0)
		r = ask_for(bus, &control, name, &r1);
	if (r < 0)
		own_failed(bus, name, had);
	if (r == 0)
		r = daemon_stands(bus, &control);
	if (r == 0 && r1.state == CONTROL_QUEUED)
		return error_set(-EINPROGRESS, ERROR_NAME_TAKEN, "the name is taken; this program is in line");
	return r;
}

int
daemon_disown(tern_bus *bus, const char *name)
{
	struct control control = {.type = CONTROL_DISOWN, .name = {daemon_text(name)}};
	struct request r1;
	int r;

	r = daemon_request(bus, &control, &r1, daemon_deadline(bus));
	if (r != -ENOTCONN || daemon_withdrawn(bus, name, 0) || bus->daemon->is_over)
		daemon_own_remove(bus, name, strlen(name));
	return r;
}

void
daemon_release(tern_bus *bus, const char *name)
{
	struct control control = {.type = CONTROL_DISOWN, .name = {daemon_text(name)}};

	if (!bus->daemon || !daemon_withdrawn(bus, name, 0))
		return;
	(void)daemon_give_up(bus, &control, daemon_deadline(bus)); /* the answer tells nothing */
	daemon_own_remove(bus, name, strlen(name));
}
