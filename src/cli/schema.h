/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * schema: an interface as JSON Schema (draft 2020-12)
 *
 * It describes values as the tool reads and writes them (json.h). All is in $defs:
 * types, errors, events and states under their names, of a method Name.in, Name.in.stream,
 * Name.out.stream and Name.out. Arguments admit no fields but theirs; elsewhere more
 * may come than the interface says.
 */

#include <json-c/json_object.h>

#include "interface/interface.h"

/* schema_new() - Return: the schema, the caller's; NULL: no memory.  Blocks: never. */
struct json_object *schema_new(const struct interface *i);
