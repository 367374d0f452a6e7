/* SPDX-License-Identifier: MIT */

/* builtin: see builtin.h */

#include <stdio.h>
#include <string.h>

#include "base/attribute.h"
#include "client/builtin.h"
#include "client/call.h"
#include "client/error.h"
#include "client/state.h"
#include "client/typed.h"

/* is_one() - does this peer serve one name only? If not, which there are. */
static bool
is_one(tern_bus *bus, char *names, size_t room)
{
	const tern_service *service;
	size_t n = 0, at = 0;

	bus_lock(bus);
	DL_FOREACH (bus->services, service) {
		n++;
		if (at < room)
			at += (size_t)snprintf(names + at, room - at, "%s%s", at ? ", " : "", service->name);
	}
	(void)pthread_mutex_unlock(&bus->lock);
	return n == 1;
}

/* answer_interface() - () -> (text: string), "" where nothing is said */
static void
answer_interface(tern_service *service, tern_call *call, tern_message *m)
{
	const tern_interface *interface = service->interface;
	char text[256] = "several services are here; ask one of them by its name: ";
	size_t n = strlen(text);

	if (*tern_message_service(m) == ':' && !is_one(service->bus, text + n, sizeof(text) - n))
		(void)tern_reply_error(call, ERROR_INVALID, text); /* gone callers need none, as below */
	else
		(void)tern_reply(call, "{text:t}", interface ? interface->text : "",
			interface ? interface->size : (size_t)0);
}

static const struct {
	const char *member;
	builtin_fn *fn;
} BUILTINS[] = {
	{"tern.Interface", answer_interface},
	{STATE_MEMBER, state_answer},
	{STATE_SET, state_answer_set},
};

builtin_fn *
builtin_find(const char *member)
{
	if (strncmp(member, BUILTIN_PREFIX, strlen(BUILTIN_PREFIX)) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(BUILTINS); i++)
		if (strcmp(BUILTINS[i].member, member) == 0)
			return BUILTINS[i].fn;
	return NULL;
}
