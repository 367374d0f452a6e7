/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * ask: how the bus is, and how its programs are
 *
 * ternd (the service "tern") and every program answer with a map, which is a JSON tree here. How many
 * there are of a thing is 0 where nothing was said of it.
 *
 * Threads: owner.
 */

#include <json-c/json_object.h>
#include <stdint.h>
#include <tern/call.h>

/*
 * ask_begin() - send the question; the answer comes as the call's
 * @after: where a page begins; 0: no arguments
 *
 * Return: 0 or a negative errno.  Blocks: up to the handle's timeout, for a new link.
 */
int ask_begin(tern_bus *bus, const char *whom, const char *member, uint64_t after, uint64_t timeout_ns,
	tern_call **ret);

/* ask_tree() - an answer as a tree, the caller's. Return: 0; -EBADMSG; -ENOMEM. */
int ask_tree(tern_message *reply, struct json_object **ret);

/* ask() - both. Return: 0 or a negative errno; tern_last_error() has the words. */
int ask(tern_bus *bus, const char *whom, const char *member, uint64_t after, uint64_t timeout_ns,
	struct json_object **ret);

/*
 * ask_pages() - all of a list that ternd tells in pages, as one array
 * @key: of the list
 *
 * Return: as ask().
 */
int ask_pages(tern_bus *bus, const char *member, const char *key, struct json_object **ret);

/* ask_number() - what an object has under a key; below: in a map under a key */
uint64_t ask_number(struct json_object *object, const char *key);
uint64_t ask_number_below(struct json_object *object, const char *group, const char *key);
/* ask_text() - the same of a text; borrowed; "" */
const char *ask_text(struct json_object *object, const char *key);
/* ask_list() - the same of an array; borrowed; NULL */
struct json_object *ask_list(struct json_object *object, const char *key);
