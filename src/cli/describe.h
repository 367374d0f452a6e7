/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * describe: an interface for people, in colours; in one line a member; and as JSON
 *
 * What services say of themselves is anybody's text: none of it plays tricks on a terminal.
 */

#include <json-c/json_object.h>
#include <stdio.h>

#include "interface/interface.h"

/* describe_print() - the whole text, or one member's; errors stay in the stream */
void describe_print(FILE *out, const struct interface *i, const struct interface_member *member);

/* describe_line() - a member without its comments: "method Get(name: string) -> (value: uint)"; cut to fit; returns buf */
const char *describe_line(const struct interface *i, const struct interface_member *member, char *buf, size_t size);

/* describe_docs() - the first sentence of what is said of it, "" where there is none; cut to fit; returns buf */
const char *describe_docs(const struct interface *i, const struct interface_item *item, char *buf, size_t size);

/*
 * describe_json() - {name, docs, members: [{kind, name, docs, since, deprecated, type}]}; a method has in, out,
 * in_stream, out_stream instead of a type. A type is {type, optional, of, name, fields, values} as far as they belong to it.
 * describe_json_member() - one of the members
 *
 * Return: the caller's; NULL: no memory.
 */
struct json_object *describe_json(const struct interface *i);
struct json_object *describe_json_member(const struct interface *i, const struct interface_member *member);
