/* SPDX-License-Identifier: MIT */

/* show: a value for people, on a terminal */

#include <json-c/json.h>

#include "base/attribute.h"
#include "cli/base64.h"
#include "cli/colour.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "cli/show.h"

#define MOST_BYTES 64 /* that are shown of a byte string */

static void show_nested(FILE *out, struct json_object *value, int indent, bool in_list);

static bool
is_empty(struct json_object *value)
{
	return json_object_is_type(value, json_type_array) ? json_object_array_length(value) == 0
							   : json_object_object_length(value) == 0;
}

/* is_special() - {"$bytes": …} and its like: shown on the line they are on */
static bool
is_special(struct json_object *value)
{
	json_object_object_foreach(value, key, member)
	{
		(void)member; /* the macro names it */
		return key[0] == '$' && strcmp(key, "$map") != 0;
	}
	return false;
}

static bool
is_inline(struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	if (type == json_type_object)
		return is_empty(value) || is_special(value);
	return type != json_type_array || is_empty(value);
}

static void
show_json(FILE *out, struct json_object *value)
{
	_cleanup_(freep) char *text = json_print(value, false);

	(void)fputs(text ? text : "(no memory)", out); /* ferror() is asked at the end */
}

/* needs_quotes() - a text that would not be seen to be one, or not all of it */
static bool
needs_quotes(const char *text, size_t size)
{
	struct json_object *other;
	struct json_fault fault;

	if (size == 0 || text[0] == ' ' || text[size - 1] == ' ' || strchr("\"{[-#", text[0]))
		return true;
	for (size_t i = 0; i < size; i++)
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			return true;
	if (json_read(text, size, &other, &fault) != 0)
		return false;
	(void)json_object_put(other); /* a number, a truth value, or null */
	return true;
}

static void
show_text(FILE *out, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	size_t size = (size_t)json_object_get_string_len(value);

	if (needs_quotes(text, size))
		show_json(out, value);
	else
		plain_print(out, text, size, false);
}

static void
show_bytes(FILE *out, struct json_object *value)
{
	_cleanup_(freep) uint8_t *bytes = NULL;
	size_t size;

	if (base64_decode(json_object_get_string(value), (size_t)json_object_get_string_len(value),
		    (void **)&bytes, &size) != 0) {
		(void)fputs("(no memory)", out); /* as above */
		return;
	}
	(void)fputs("h'", out); /* as above */
	for (size_t i = 0; i < MIN(size, MOST_BYTES); i++)
		(void)fprintf(out, "%02x", bytes[i]); /* as above */
	if (size > MOST_BYTES)
		(void)fprintf(out, "…' (%zu bytes)", size); /* as above */
	else
		(void)fputc('\'', out); /* as above */
}

static void
show_special(FILE *out, struct json_object *object)
{
	struct json_object *value;

	if (json_object_object_get_ex(object, "$bytes", &value)) {
		show_bytes(out, value);
	} else if (json_object_object_get_ex(object, "$float", &value) ||
		   json_object_object_get_ex(object, "$int", &value)) {
		(void)fputs(json_object_get_string(value), out); /* as above */
	} else {
		show_json(out, object);
	}
}

static enum colour
colour_of(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_string:
		return COLOUR_TEXT;
	case json_type_object:
		return is_special(value) ? COLOUR_TEXT : COLOUR_PLAIN;
	case json_type_array:
		return COLOUR_PLAIN;
	default:
		return COLOUR_NUMBER;
	}
}

static void
show_inline(FILE *out, struct json_object *value)
{
	enum colour colour = colour_of(value);

	(void)fputs(colour_begin(out, colour), out); /* as above */
	if (json_object_is_type(value, json_type_string))
		show_text(out, value);
	else if (json_object_is_type(value, json_type_object) && is_special(value))
		show_special(out, value);
	else
		show_json(out, value);
	(void)fputs(colour_end(out, colour), out); /* as above */
}

static void
show_indent(FILE *out, int indent)
{
	(void)fprintf(out, "%*s", indent, ""); /* as above */
}

/* show_behind() - the value behind `key:` or `-`: on the same line, or below */
static void
show_behind(FILE *out, struct json_object *value, int indent)
{
	if (is_inline(value)) {
		(void)fputc(' ', out); /* as above */
		show_inline(out, value);
		(void)fputc('\n', out); /* as above */
		return;
	}
	(void)fputc('\n', out); /* as above */
	show_nested(out, value, indent + 2, false);
}

static void
show_array(FILE *out, struct json_object *array, int indent, bool in_list)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *element = json_object_array_get_idx(array, i);

		if (i > 0 || !in_list)
			show_indent(out, indent);
		(void)fputc('-', out); /* as above */
		if (is_inline(element)) {
			show_behind(out, element, indent);
		} else {
			(void)fputc(' ', out); /* as above */
			show_nested(out, element, indent + 2, true);
		}
	}
}

static void
show_object(FILE *out, struct json_object *object, int indent, bool in_list)
{
	bool first = true;

	json_object_object_foreach(object, key, value)
	{
		if (!first || !in_list)
			show_indent(out, indent);
		first = false;
		(void)fputs(colour_begin(out, COLOUR_KEY), out); /* as above */
		plain_print(out, key, strlen(key), false);
		(void)fprintf(out, "%s:", colour_end(out, COLOUR_KEY)); /* as above */
		show_behind(out, value, indent);
	}
}

/* show_nested() - in_list: the first line's indent is there already */
static void
show_nested(FILE *out, struct json_object *value, int indent, bool in_list)
{
	if (json_object_is_type(value, json_type_array))
		show_array(out, value, indent, in_list);
	else
		show_object(out, value, indent, in_list);
}

void
show_value(FILE *out, struct json_object *value)
{
	if (json_object_is_type(value, json_type_string)) {
		plain_print(out, json_object_get_string(value),
			(size_t)json_object_get_string_len(value), true);
		(void)fputc('\n', out); /* as above */
	} else if (is_inline(value)) {
		show_inline(out, value);
		(void)fputc('\n', out); /* as above */
	} else {
		show_nested(out, value, 0, false);
	}
}
