/* SPDX-License-Identifier: MIT */

/* list-queue: who waits for which name; ternd is asked for it */

#include <stdio.h>

#include "base/attribute.h"
#include "cli/ask.h"
#include "cli/json.h"
#include "cli/list-queue.h"

static struct json_object *
ids_of(struct json_object *queue)
{
	struct json_object *ids = json_object_new_array();
	char id[24];

	for (size_t i = 0; i < json_object_array_length(queue); i++) {
		(void)snprintf(id, sizeof(id), ":%llu",
			(unsigned long long)json_object_get_uint64(json_object_array_get_idx(queue, i))); /* fits */
		json_object_array_add(ids, json_object_new_string(id));
	}
	return ids;
}

int
queues_get(tern_bus *bus, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *names = NULL;
	struct json_object *queues, *name, *text, *queue;
	int r;

	r = ask_pages(bus, "Names", "names", &names);
	if (r)
		return r;
	queues = json_object_new_object();
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		name = json_object_array_get_idx(names, i);
		if (json_object_object_get_ex(name, "name", &text) &&
			json_object_object_get_ex(name, "queue", &queue) && json_object_array_length(queue) > 0)
			json_object_object_add(queues, json_object_get_string(text), ids_of(queue));
	}
	*ret = queues;
	return 0;
}

struct json_object *
queue_of(struct json_object *queues, const char *name)
{
	return json_object_object_get(queues, name);
}

void
queue_join(struct json_object *queue, char *buf, size_t size)
{
	size_t n = 0, n_ids = queue ? json_object_array_length(queue) : 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n_ids && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "",
			json_object_get_string(json_object_array_get_idx(queue, i)));
}
