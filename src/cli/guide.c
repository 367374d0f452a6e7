/* SPDX-License-Identifier: MIT */

/* guide: the words behind a member as what its interface says they are */

#include <json-c/json.h>
#include <stdio.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/guide-type.h"
#include "cli/guide.h"
#include "cli/json.h"
#include "interface/check.h"

static int put(struct guide *g, const struct interface_type *type, struct json_object *map,
	const char *key, const char *end);

void
guided_deinit(struct guided *g)
{
	for (uint32_t i = 0; i < g->n_fds; i++)
		(void)fd_close(g->fds[i]); /* always -1 */
	(void)json_object_put(g->value);   /* how many others hold it does not matter */
	*g = (struct guided){0};
}

/* -------- fields -------- */

static const struct interface_field *
find_field(const struct guide *g, const struct interface_type *type, const char *name, size_t size)
{
	const struct interface_field *field = type_fields(g->i, type);

	while (field && (field->item.name_size != size ||
				memcmp(interface_name(g->i, &field->item), name, size) != 0))
		field = field_next(g->i, field);
	return field;
}

static int
no_field(struct guide *g, const struct interface_type *type, const char *name, size_t size)
{
	char wanted[64] = "", all[160];
	struct near near = {.word = wanted};
	const struct interface_field *field = type_fields(g->i, type);

	if (!field)
		return argument_bad(g->why, "%s takes no arguments, so no '%.*s'", g->what, (int)MIN(size, 64U), name);
	memcpy(wanted, name, MIN(size, sizeof(wanted) - 1));
	for (; field; field = field_next(g->i, field))
		near_offer(&near, interface_name(g->i, &field->item));
	if (near.nearest)
		return argument_bad(g->why, "%s takes no '%s'; did you mean '%s'?", g->what, wanted, near.nearest);
	return argument_bad(g->why, "%s takes no '%s', but %s", g->what, wanted,
		guide_describe(g->i, type, all, sizeof(all)));
}

/* put_below() - a.b=…: b goes into what a is, which is made where it is not there yet */
static int
put_below(struct guide *g, const struct interface_type *type, struct json_object *map, const char *key,
	const char *rest)
{
	const struct interface_type *inner = guide_resolve(g->i, type);
	const char *what = g->what;
	struct json_object *below;
	char text[96];
	int r;

	if (inner->kind != KIND_STRUCT && inner->kind != KIND_MAP && inner->kind != KIND_OBJECT && inner->kind != KIND_ANY)
		return argument_bad(g->why, "'%s' takes %s, which has nothing in it to be named", key,
			guide_describe(g->i, type, text, sizeof(text)));
	if (!json_object_object_get_ex(map, key, &below)) {
		below = json_object_new_object();
		if (!below || json_object_object_add(map, key, below) < 0) {
			(void)json_object_put(below); /* not taken over */
			return -ENOMEM;
		}
	}
	if (!json_object_is_type(below, json_type_object))
		return argument_bad(g->why, "'%s' is given as a whole, and then in parts", key);
	g->what = key;
	r = put(g, inner, below, rest, g->sign);
	g->what = what;
	return r;
}

/* put_value() - KEY=VALUE, nothing below it */
static int
put_value(struct guide *g, const struct interface_type *type, struct json_object *map, const char *key)
{
	struct json_object *value = NULL;
	int r;

	if (json_object_object_get_ex(map, key, NULL))
		return argument_bad(g->why, "'%.80s' is given twice", key);
	g->key = key;
	if (strncmp(g->sign, ":=", 2) == 0)
		r = argument_json(g->sign + 2, &value, g->why);
	else if (strncmp(g->sign, "==", 2) == 0)
		r = argument_text(g->sign + 2, &value, g->why);
	else
		r = guide_value(g, type, g->sign + 1, &value);
	if (r)
		return r;
	if (json_object_object_add(map, key, value) < 0) {
		(void)json_object_put(value); /* not taken over */
		return -ENOMEM;
	}
	return 0;
}

/* put() - what `key` names, in a map that is of this type; `end` is behind the key */
static int
put(struct guide *g, const struct interface_type *type, struct json_object *map, const char *key,
	const char *end)
{
	bool is_open = type->kind == KIND_OBJECT || type->kind == KIND_ANY;
	const char *dot = is_open ? NULL : memchr(key, '.', (size_t)(end - key));
	size_t size = (size_t)((dot ? dot : end) - key);
	_cleanup_(freep) char *name = strndup(key, size);
	const struct interface_field *field;
	const struct interface_type *inner = type;

	if (!name)
		return -ENOMEM;
	if (type->kind == KIND_STRUCT) {
		field = find_field(g, type, key, size);
		if (!field)
			return no_field(g, type, key, size);
		inner = &field->type;
	} else if (type->kind == KIND_MAP) {
		inner = type_elements(g->i, type);
	} else {
		inner = &GUIDE_ANY;
	}
	if (dot && dot + 1 < end)
		return put_below(g, inner, map, name, dot + 1);
	return put_value(g, inner, map, name);
}

static int
put_words(struct guide *g, const struct interface_type *type, char *const *words, size_t n)
{
	char all[160];
	int r;

	for (size_t k = 0; k < n; k++) {
		size_t n_key = argument_key(words[k]);

		if (n_key == 0)
			return argument_bad(g->why, "'%.80s' is no KEY=VALUE; %s takes %s", words[k], g->what,
				guide_describe(g->i, type, all, sizeof(all)));
		g->sign = words[k] + n_key;
		r = put(g, type, g->ret->value, words[k], g->sign);
		if (r)
			return r;
	}
	return 0;
}

/* -------- the whole -------- */

static int
say_missing(struct guide *g, const struct interface_type *type)
{
	const struct interface_field *field = type_fields(g->i, type);
	char all[160] = "", text[64];
	size_t n = 0;

	for (; field && n < sizeof(all); field = field_next(g->i, field)) {
		const char *name = interface_name(g->i, &field->item);

		if (!field->type.is_optional && !json_object_object_get_ex(g->ret->value, name, NULL))
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s (%s)", n ? ", " : "", name,
				guide_describe(g->i, &field->type, text, sizeof(text))); /* may be cut */
	}
	return n ? argument_bad(g->why, "%s needs %s", g->what, all) : 0;
}

/* check_whole() - as the service will see it */
static int
check_whole(struct guide *g, const struct interface_type *type)
{
	const struct check check = {.interface = g->i, .type = type, .n_fds = g->ret->n_fds};
	_cleanup_(freep) void *cbor = NULL;
	struct check_fault fault;
	struct json_fault json;
	size_t size;
	int r;

	r = json_to_cbor_with(g->ret->value, g->ret->n_fds, &cbor, &size, &json);
	if (r == JSON_E_INVALID)
		return argument_bad(g->why, "%s", json.text);
	if (r)
		return r;
	if (check_payload(&check, cbor, size, &fault) == CHECK_E_INVALID)
		return argument_bad(g->why, "%s: %s", g->what, fault.text);
	return 0;
}

static int
read_guided(struct guide *g, const struct interface_type *type, char *const *words, size_t n)
{
	bool is_whole = n == 1 && argument_key(words[0]) == 0 && words[0][0] && strchr("-@{[\"", words[0][0]);
	int r;

	if (n == 0 && !type_fields(g->i, type))
		return 0;
	g->ret->has_value = true;
	if (is_whole) {
		r = argument_read(words, n, &g->ret->value, g->why);
	} else {
		g->ret->value = json_object_new_object();
		r = g->ret->value ? put_words(g, type, words, n) : -ENOMEM;
	}
	if (r == 0 && json_object_is_type(g->ret->value, json_type_object))
		r = say_missing(g, type);
	return r ? r : check_whole(g, type);
}

int
guide_read(const struct guide_target *to, char *const *words, size_t n, struct guided *ret,
	struct argument_fault *why)
{
	struct guide g = {.i = to->interface, .what = to->what, .ret = ret, .why = why};

	*ret = (struct guided){0};
	if (to->type)
		return read_guided(&g, guide_resolve(g.i, to->type), words, n);
	ret->has_value = n > 0;
	return n > 0 ? argument_read(words, n, &ret->value, why) : 0;
}
