/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * builtin: members that each service has without doing anything for it; their names begin with "tern."
 *
 * Each is a function that answers the call, in the thread that hands calls out, without the lock, as a method would be.
 * One is added here by a line in the table of builtin.c.
 */

#include "client/bus.h"

#define BUILTIN_PREFIX "tern."

/* A call to the peer's number may find any of its services here. */
typedef void builtin_fn(tern_service *service, tern_call *call, tern_message *m);

/* builtin_find() - what answers this member; NULL: it is the service's own */
builtin_fn *builtin_find(const char *member);
