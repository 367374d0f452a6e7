/* SPDX-License-Identifier: MIT */

/* describe: see describe.h */

#include <json-c/json.h>

#include "base/attribute.h"
#include "cli/colour.h"
#include "cli/describe.h"
#include "cli/guide.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "interface/print.h"

/* --- in colours --- */

static const enum colour COLOURS[] = {
	[PRINT_BLANK] = COLOUR_PLAIN,
	[PRINT_PUNCTUATION] = COLOUR_PLAIN,
	[PRINT_KEYWORD] = COLOUR_KEYWORD,
	[PRINT_COMMENT] = COLOUR_FAINT,
	[PRINT_NAME] = COLOUR_NAME,
	[PRINT_FIELD] = COLOUR_KEY,
	[PRINT_VALUE] = COLOUR_TEXT,
	[PRINT_TYPE] = COLOUR_TYPE,
	[PRINT_REFERENCE] = COLOUR_TYPE,
};

static void
put(void *user, enum print_kind kind, const char *text, size_t size)
{
	FILE *out = user;

	(void)fputs(colour_begin(out, COLOURS[kind]), out); /* main() asks, as below */
	plain_print(out, text, size, true);
	(void)fputs(colour_end(out, COLOURS[kind]), out);
}

void
describe_print(FILE *out, const struct interface *i, const struct interface_member *member)
{
	if (member)
		interface_print_member(i, member, put, out);
	else
		interface_print(i, put, out);
}

/* --- in a line --- */

const char *
describe_line(const struct interface *i, const struct interface_member *member, char *buf, size_t size)
{
	const struct interface_type *types = member->types;
	char in[96], out[96], parts[2][64] = {"", ""};
	const char *name = interface_name(i, &member->item);

	if (member->kind != MEMBER_METHOD) {
		(void)snprintf(buf, size, "%s %s %s", member_keyword(member->kind), name,
			guide_describe(i, &types[0], in, sizeof(in))); /* may be cut, as below */
		return buf;
	}
	if (types[METHOD_IN_STREAM].kind != KIND_NONE)
		(void)guide_describe(i, &types[METHOD_IN_STREAM], parts[0], sizeof(parts[0]));
	if (types[METHOD_OUT_STREAM].kind != KIND_NONE)
		(void)guide_describe(i, &types[METHOD_OUT_STREAM], parts[1], sizeof(parts[1]));
	(void)snprintf(buf, size, "method %s%s%s%s -> %s%s%s%s", name, guide_describe(i, &types[METHOD_IN], in, sizeof(in)),
		*parts[0] ? " stream " : "", parts[0], *parts[1] ? "stream " : "", parts[1], *parts[1] ? " " : "",
		guide_describe(i, &types[METHOD_OUT], out, sizeof(out)));
	return buf;
}

const char *
describe_docs(const struct interface *i, const struct interface_item *item, char *buf, size_t size)
{
	const char *docs = interface_docs(i, item);
	size_t n = 0;

	for (; docs && *docs && n + 1 < size; docs++) {
		bool is_end = *docs == '.' && (docs[1] == ' ' || docs[1] == '\n' || !docs[1]);

		if (*docs == '\n' && (docs[1] == '\n' || docs[1] == '@'))
			break;
		buf[n++] = *docs == '\n' ? ' ' : *docs;
		if (is_end)
			break;
	}
	while (n > 0 && (docs && *docs) && ((unsigned char)buf[n - 1] & 0xc0) == 0x80 && ((unsigned char)*docs & 0xc0) == 0x80)
		n--; /* a character that does not fit */
	buf[n] = '\0';
	return buf;
}

/* --- as JSON --- */

static struct json_object *json_of_type(const struct interface *i, const struct interface_type *type);

static void
add_text(struct json_object *to, const char *key, const char *text, size_t size)
{
	json_object_object_add(to, key, json_object_new_string_len(text, (int)size)); /* limited: the text of an interface */
}

static void
add_item(struct json_object *to, const struct interface *i, const struct interface_item *item)
{
	const char *docs = interface_docs(i, item), *name = interface_name(i, item);
	static const char *const TAGS[] = {"since", "deprecated"};

	add_text(to, "name", name, strlen(name));
	if (docs)
		add_text(to, "docs", docs, strlen(docs));
	for (size_t k = 0; k < ARRAY_SIZE(TAGS); k++) {
		size_t size;
		const char *tag = interface_tag(docs, TAGS[k], &size);

		if (tag)
			add_text(to, TAGS[k], tag, size);
	}
}

static struct json_object *
json_of_fields(const struct interface *i, const struct interface_type *type)
{
	struct json_object *fields = json_object_new_array();

	for (const struct interface_field *f = type_fields(i, type); f; f = field_next(i, f)) {
		struct json_object *field = json_object_new_object();

		add_item(field, i, &f->item);
		json_object_object_add(field, "type", json_of_type(i, &f->type));
		(void)json_object_array_add(fields, field); /* memory for people's commands: json-c ends the process */
	}
	return fields;
}

static struct json_object *
json_of_values(const struct interface *i, const struct interface_type *type)
{
	struct json_object *values = json_object_new_array();

	for (const struct interface_item *v = type_values(i, type); v; v = value_next(i, v)) {
		struct json_object *value = json_object_new_object();

		add_item(value, i, v);
		(void)json_object_array_add(values, value); /* as above */
	}
	return values;
}

static struct json_object *
json_of_type(const struct interface *i, const struct interface_type *type)
{
	struct json_object *object = json_object_new_object();
	const char *keyword = kind_keyword(type->kind);

	add_text(object, "type", keyword, strlen(keyword));
	if (type->is_optional)
		json_object_object_add(object, "optional", json_object_new_boolean(true));
	if (type->kind == KIND_STRUCT)
		json_object_object_add(object, "fields", json_of_fields(i, type));
	else if (type->kind == KIND_ENUM)
		json_object_object_add(object, "values", json_of_values(i, type));
	else if (type->kind == KIND_ARRAY || type->kind == KIND_MAP)
		json_object_object_add(object, "of", json_of_type(i, type_elements(i, type)));
	else if (type->kind == KIND_NAMED)
		add_item(object, i, &type_member(i, type)->item);
	return object;
}

struct json_object *
describe_json_member(const struct interface *i, const struct interface_member *member)
{
	static const char *const TYPES[N_METHOD_TYPES] = {"in", "in_stream", "out_stream", "out"};
	struct json_object *object = json_object_new_object();
	const char *keyword = member_keyword(member->kind);

	add_text(object, "kind", keyword, strlen(keyword));
	add_item(object, i, &member->item);
	if (member->kind != MEMBER_METHOD)
		json_object_object_add(object, "type", json_of_type(i, &member->types[0]));
	for (size_t k = 0; member->kind == MEMBER_METHOD && k < N_METHOD_TYPES; k++)
		if (member->types[k].kind != KIND_NONE)
			json_object_object_add(object, TYPES[k], json_of_type(i, &member->types[k]));
	return object;
}

struct json_object *
describe_json(const struct interface *i)
{
	struct json_object *object = json_object_new_object(), *members = json_object_new_array();

	add_item(object, i, &i->item);
	for (const struct interface_member *m = interface_members(i); m; m = member_next(i, m))
		(void)json_object_array_add(members, describe_json_member(i, m)); /* as above */
	json_object_object_add(object, "members", members);
	return object;
}
