/* SPDX-License-Identifier: MIT */

/* ask: how the bus is, and how its programs are */

#include "base/attribute.h"
#include "cli/ask.h"
#include "cli/json.h"

int
ask_begin(tern_bus *bus, const char *whom, const char *member, uint64_t after, uint64_t timeout_ns,
	tern_call **ret)
{
	tern_message *m;
	int r;

	r = tern_message_new_call(bus, whom, member, &m);
	if (r < 0)
		return r;
	if (after)
		r = tern_message_pack(m, "{after:u}", after);
	if (r == 0)
		r = tern_send(m, timeout_ns, 0, ret);
	(void)tern_message_unref(m); /* always NULL */
	return r;
}

int
ask_tree(tern_message *reply, struct json_object **ret)
{
	struct json_fault fault;
	const void *cbor;
	size_t size;
	int r;

	r = tern_message_part(reply, 0, &cbor, &size);
	if (r == 0)
		r = json_from_cbor(cbor, size, ret, &fault);
	return r > 0 || (r == 0 && !json_object_is_type(*ret, json_type_object)) ? -EBADMSG : r;
}

int
ask(tern_bus *bus, const char *whom, const char *member, uint64_t after, uint64_t timeout_ns,
	struct json_object **ret)
{
	tern_message *reply = NULL;
	tern_call *call;
	int r;

	r = ask_begin(bus, whom, member, after, timeout_ns, &call);
	if (r < 0)
		return r;
	r = tern_call_wait(call, TERN_FOREVER, &reply, NULL);
	if (r == 0)
		r = ask_tree(reply, ret);
	(void)tern_message_unref(reply); /* always NULL, as the next */
	(void)tern_call_unref(call);
	return r;
}

/* move_all() - the elements of one array behind those of another */
static void
move_all(struct json_object *to, struct json_object *from)
{
	size_t n = from ? json_object_array_length(from) : 0;

	for (size_t i = 0; i < n; i++)
		(void)json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i))); /* short is short */
}

int
ask_pages(tern_bus *bus, const char *member, const char *key, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *all = json_object_new_array();
	uint64_t after = 0;
	int r;

	do {
		_cleanup_(json_putp) struct json_object *page = NULL;

		r = ask(bus, "tern", member, after, TERN_DEFAULT, &page);
		if (r < 0)
			return r;
		move_all(all, ask_list(page, key));
		after = ask_number(page, "next");
	} while (after);
	*ret = steal(all);
	return 0;
}

uint64_t
ask_number(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value) : 0;
}

uint64_t
ask_number_below(struct json_object *object, const char *group, const char *key)
{
	struct json_object *below;

	return json_object_object_get_ex(object, group, &below) ? ask_number(below, key) : 0;
}

const char *
ask_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

struct json_object *
ask_list(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}
