/* SPDX-License-Identifier: MIT */

/* schema: an interface as JSON Schema (draft 2020-12) */

#include <json-c/json.h>
#include <stdio.h>
#include <tern/cbor.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/schema.h"

struct schema {
	const struct interface *i;
	struct json_object *defs;
	bool failed;		 /* no memory: what there is is of no use */
	bool uses_kind[N_KINDS]; /* which of the types below are needed */
};

/* What JSON has no type of its own for; they begin with small letters, members do not. */
static const struct {
	enum interface_kind kind;
	const char *text;
} OWN[] = {
	{KIND_FLOAT, "{\"anyOf\": [{\"type\": \"number\"}, {\"type\": \"object\", \"properties\": "
		     "{\"$float\": {\"enum\": [\"NaN\", \"Infinity\", \"-Infinity\"]}}, "
		     "\"required\": [\"$float\"], \"additionalProperties\": false}]}"},
	{KIND_BYTES, "{\"type\": \"object\", \"properties\": {\"$bytes\": {\"type\": \"string\", "
		     "\"pattern\": \"^[A-Za-z0-9_-]*$\"}}, \"required\": [\"$bytes\"], "
		     "\"additionalProperties\": false}"},
	{KIND_FD, "{\"type\": \"object\", \"properties\": {\"$tag\": {\"const\": 1952805486}, "
		  "\"value\": {\"type\": \"integer\", \"minimum\": 0}}, "
		  "\"required\": [\"$tag\", \"value\"], \"additionalProperties\": false}"},
};

static_assert(TERN_CBOR_TAG_FD == 1952805486, "said in words above");

static struct json_object *schema_type(
	struct schema *s, const struct interface_type *type, bool is_closed);

/* -------- trees of JSON, where one failure is enough -------- */

static void
add(struct schema *s, struct json_object *object, const char *key, struct json_object *value)
{
	if (value && object && json_object_object_add(object, key, value) == 0)
		return;
	(void)json_object_put(value); /* not taken over */
	s->failed = true;
}

static void
append(struct schema *s, struct json_object *array, struct json_object *value)
{
	if (value && array && json_object_array_add(array, value) == 0)
		return;
	(void)json_object_put(value); /* not taken over */
	s->failed = true;
}

static void
add_string(struct schema *s, struct json_object *object, const char *key, const char *text)
{
	add(s, object, key, json_object_new_string(text));
}

static struct json_object *
new_typed(struct schema *s, const char *type)
{
	struct json_object *object = json_object_new_object();

	add_string(s, object, "type", type);
	return object;
}

static struct json_object *
new_reference(struct schema *s, const char *name)
{
	struct json_object *object = json_object_new_object();
	char text[INTERFACE_MAX_NAME + 16];

	(void)snprintf(text, sizeof(text), "#/$defs/%s", name); /* fits */
	add_string(s, object, "$ref", text);
	return object;
}

static void
add_docs(struct schema *s, struct json_object *object, const struct interface_item *item)
{
	const char *docs = interface_docs(s->i, item);
	size_t size;

	if (!docs)
		return;
	add_string(s, object, "description", docs);
	if (interface_tag(docs, "deprecated", &size))
		add(s, object, "deprecated", json_object_new_boolean(true));
}

/* -------- types -------- */

static struct json_object *
schema_integer(struct schema *s, bool is_signed)
{
	struct json_object *object = new_typed(s, "integer");

	add(s, object, "minimum", json_object_new_int64(is_signed ? INT64_MIN : 0));
	add(s, object, "maximum", json_object_new_uint64(is_signed ? INT64_MAX : UINT64_MAX));
	return object;
}

static struct json_object *
schema_enum(struct schema *s, const struct interface_type *type)
{
	struct json_object *object = json_object_new_object(), *all = json_object_new_array();
	const struct interface_item *value;
	bool has_docs = false;

	for (value = type_values(s->i, type); value; value = value_next(s->i, value))
		has_docs = has_docs || value->docs;
	add(s, object, has_docs ? "oneOf" : "enum", all);
	for (value = type_values(s->i, type); value; value = value_next(s->i, value)) {
		struct json_object *name = json_object_new_string(interface_name(s->i, value)),
				   *one;

		if (!has_docs) {
			append(s, all, name);
			continue;
		}
		one = json_object_new_object();
		append(s, all, one);
		add(s, one, "const", name);
		add_docs(s, one, value);
	}
	return object;
}

static struct json_object *
schema_struct(struct schema *s, const struct interface_type *type, bool is_closed)
{
	struct json_object *object = new_typed(s, "object");
	struct json_object *fields = json_object_new_object(), *needed = json_object_new_array();
	const struct interface_field *field = type_fields(s->i, type);

	add(s, object, "properties", fields);
	for (; field; field = field_next(s->i, field)) {
		struct json_object *value = schema_type(s, &field->type, is_closed);
		const char *name = interface_name(s->i, &field->item);

		add_docs(s, value, &field->item);
		add(s, fields, name, value);
		if (!field->type.is_optional)
			append(s, needed, json_object_new_string(name));
	}
	if (json_object_array_length(needed) > 0)
		add(s, object, "required", needed);
	else
		(void)json_object_put(needed); /* ours */
	if (is_closed)
		add(s, object, "additionalProperties", json_object_new_boolean(false));
	return object;
}

static struct json_object *
schema_elements(struct schema *s, const struct interface_type *type, bool is_closed)
{
	bool is_array = type->kind == KIND_ARRAY;
	struct json_object *object = new_typed(s, is_array ? "array" : "object");

	add(s, object, is_array ? "items" : "additionalProperties",
		schema_type(s, type_elements(s->i, type), is_closed));
	return object;
}

static struct json_object *
schema_needed(struct schema *s, const struct interface_type *type, bool is_closed)
{
	switch (type->kind) {
	case KIND_BOOL:
		return new_typed(s, "boolean");
	case KIND_INT:
	case KIND_UINT:
		return schema_integer(s, type->kind == KIND_INT);
	case KIND_STRING:
		return new_typed(s, "string");
	case KIND_OBJECT:
		return new_typed(s, "object");
	case KIND_ANY:
		return json_object_new_object();
	case KIND_STRUCT:
		return schema_struct(s, type, is_closed);
	case KIND_ENUM:
		return schema_enum(s, type);
	case KIND_ARRAY:
	case KIND_MAP:
		return schema_elements(s, type, is_closed);
	case KIND_NAMED:
		return new_reference(s, interface_name(s->i, &type_member(s->i, type)->item));
	default:
		s->uses_kind[type->kind] = true;
		return new_reference(s, kind_keyword(type->kind));
	}
}

static struct json_object *
schema_type(struct schema *s, const struct interface_type *type, bool is_closed)
{
	struct json_object *needed = schema_needed(s, type, is_closed), *object, *either;

	if (!type->is_optional)
		return needed;
	object = json_object_new_object();
	either = json_object_new_array();
	add(s, object, "anyOf", either);
	append(s, either, needed);
	append(s, either, new_typed(s, "null"));
	return object;
}

/* -------- members -------- */

static void
add_method(struct schema *s, const struct interface_member *member)
{
	static const char *const BEHIND[N_METHOD_TYPES] = {
		[METHOD_IN] = "in",
		[METHOD_IN_STREAM] = "in.stream",
		[METHOD_OUT_STREAM] = "out.stream",
		[METHOD_OUT] = "out",
	};
	char key[INTERFACE_MAX_NAME + 16];

	for (size_t k = 0; k < N_METHOD_TYPES; k++) {
		struct json_object *object;

		if (member->types[k].kind == KIND_NONE)
			continue;
		object = schema_type(s, &member->types[k], k <= METHOD_IN_STREAM);
		if (k == METHOD_IN)
			add_docs(s, object, &member->item);
		(void)snprintf(key, sizeof(key), "%s.%s", interface_name(s->i, &member->item),
			BEHIND[k]); /* fits */
		add(s, s->defs, key, object);
	}
}

static void
add_member(struct schema *s, const struct interface_member *member)
{
	struct json_object *object;

	if (member->kind == MEMBER_METHOD) {
		add_method(s, member);
		return;
	}
	object = schema_type(s, &member->types[0], false);
	if (member->kind != MEMBER_TYPE)
		add_string(s, object, "$comment", member_keyword(member->kind));
	add_docs(s, object, &member->item);
	add(s, s->defs, interface_name(s->i, &member->item), object);
}

struct json_object *
schema_new(const struct interface *i)
{
	_cleanup_(json_putp) struct json_object *schema = json_object_new_object();
	struct schema s = {.i = i, .defs = json_object_new_object()};
	const struct interface_member *member;
	char id[300];

	(void)snprintf(id, sizeof(id), "tern:%s", interface_name(i, &i->item)); /* fits */
	add_string(&s, schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	add_string(&s, schema, "$id", id);
	add_string(&s, schema, "title", interface_name(i, &i->item));
	add_docs(&s, schema, &i->item);
	add(&s, schema, "$defs", s.defs);
	for (member = interface_members(i); member; member = member_next(i, member))
		add_member(&s, member);
	for (size_t k = 0; k < ARRAY_SIZE(OWN); k++)
		if (s.uses_kind[OWN[k].kind])
			add(&s, s.defs, kind_keyword(OWN[k].kind), json_tokener_parse(OWN[k].text));
	return s.failed ? NULL : steal(schema);
}
