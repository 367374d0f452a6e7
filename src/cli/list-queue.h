/* SPDX-License-Identifier: MIT */
#pragma once

/* list-queue: who waits for which name; ternd is asked for it */

#include <json-c/json.h>
#include <stddef.h>
#include <tern/bus.h>

/**
 * queues_get() - for each name an array of ":ID", the next one first
 * @ret: the caller's, json_object_put()
 *
 * Return: 0 or a negative errno.
 */
int queues_get(tern_bus *bus, struct json_object **ret);

/* queue_of() - of one name; the queues' own; NULL: nobody waits */
struct json_object *queue_of(struct json_object *queues, const char *name);

/* queue_join() - in words, with blanks between; may be cut */
void queue_join(struct json_object *queue, char *buf, size_t size);
