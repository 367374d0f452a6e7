/* SPDX-License-Identifier: MIT */

/*
 * json-to: a tree of JSON to CBOR
 *
 * Written twice, first to learn the size. Recursion is bounded by the parser's
 * limit; the writer's own is lower.
 */

#include <json-c/json.h>
#include <math.h>
#include <tern/cbor.h>

#include "base/attribute.h"
#include "cli/base64.h"
#include "cli/json.h"

static int to_item(struct tern_cbor_writer *w, struct json_object *value, struct json_fault *fault);

/* get_string_of() - the text of {"$x": "text"}, NULL if it is something else */
static const char *
get_string_of(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static int
to_bytes(struct tern_cbor_writer *w, struct json_object *value, struct json_fault *fault)
{
	_cleanup_(freep) void *bytes = NULL;
	const char *text = get_string_of(value);
	size_t size;
	int r;

	r = text ? base64_decode(text, (size_t)json_object_get_string_len(value), &bytes, &size)
		 : BASE64_E_INVALID;
	if (r == BASE64_E_INVALID)
		return json_fault_set(fault, 0, "\"$bytes\" takes base64url without padding");
	if (r == 0)
		tern_cbor_put_bytes(w, bytes, size);
	return r;
}

static int
to_float(struct tern_cbor_writer *w, struct json_object *value, struct json_fault *fault)
{
	const char *text = get_string_of(value);

	if (text && strcmp(text, "NaN") == 0)
		tern_cbor_put_double(w, NAN);
	else if (text && strcmp(text, "Infinity") == 0)
		tern_cbor_put_double(w, INFINITY);
	else if (text && strcmp(text, "-Infinity") == 0)
		tern_cbor_put_double(w, -INFINITY);
	else
		return json_fault_set(
			fault, 0, "\"$float\" takes \"NaN\", \"Infinity\" or \"-Infinity\"");
	return 0;
}

static int
to_integer(struct tern_cbor_writer *w, struct json_object *value, struct json_fault *fault)
{
	const char *text = get_string_of(value);
	size_t n_digits = text && *text == '-' ? strspn(text + 1, "0123456789") : 0;
	uint64_t magnitude;

	if (text && strcmp(text, "-18446744073709551616") == 0) {
		tern_cbor_put_nint(w, UINT64_MAX);
		return 0;
	}
	errno = 0;
	magnitude = n_digits ? strtoull(text + 1, NULL, 10) : 0;
	if (magnitude == 0 || errno || text[1 + n_digits])
		return json_fault_set(
			fault, 0, "\"$int\" takes a text: \"-1\" to \"-18446744073709551616\"");
	tern_cbor_put_nint(w, magnitude - 1);
	return 0;
}

static int
to_map(struct tern_cbor_writer *w, struct json_object *pairs, struct json_fault *fault)
{
	int r = 0;

	if (!json_object_is_type(pairs, json_type_array))
		return json_fault_set(fault, 0, "\"$map\" takes an array of [key, value]");
	tern_cbor_put_map(w, json_object_array_length(pairs));
	for (size_t i = 0; r == 0 && i < json_object_array_length(pairs); i++) {
		struct json_object *pair = json_object_array_get_idx(pairs, i);

		if (!json_object_is_type(pair, json_type_array) ||
			json_object_array_length(pair) != 2)
			return json_fault_set(fault, 0, "\"$map\" takes an array of [key, value]");
		r = to_item(w, json_object_array_get_idx(pair, 0), fault);
		if (r == 0)
			r = to_item(w, json_object_array_get_idx(pair, 1), fault);
	}
	return r;
}

static int
to_simple(struct tern_cbor_writer *w, struct json_object *value, struct json_fault *fault)
{
	int64_t number =
		json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;

	if (number < 0 || number > 255 || (number >= 20 && number <= 31 && number != 23))
		return json_fault_set(
			fault, 0, "\"$simple\" takes 23 (undefined), 0 to 19, or 32 to 255");
	if (number == 23)
		tern_cbor_put_undefined(w);
	else
		tern_cbor_put_simple(w, (uint8_t)number);
	return 0;
}

/* What json_to_cbor_with() writes with. */
struct tree_writer {
	struct tern_cbor_writer w;
	uint32_t n_fds;
};

static bool
is_descriptor(struct tern_cbor_writer *w, struct json_object *value)
{
	return json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0 &&
	       json_object_get_int64(value) < container_of(w, struct tree_writer, w)->n_fds;
}

static int
to_tagged(struct tern_cbor_writer *w, struct json_object *object, struct json_fault *fault)
{
	struct json_object *tag = json_object_object_get(object, "$tag"), *value;

	if (json_object_object_length(object) != 2 ||
		!json_object_object_get_ex(object, "value", &value) ||
		!json_object_is_type(tag, json_type_int) ||
		(json_object_get_int64(tag) < 0 && json_object_get_uint64(tag) == 0))
		return json_fault_set(
			fault, 0, "a tag is written {\"$tag\": NUMBER, \"value\": VALUE}");
	if (json_object_get_uint64(tag) == TERN_CBOR_TAG_FD && !is_descriptor(w, value))
		return json_fault_set(fault, 0, "there is no such descriptor to be sent");
	tern_cbor_put_tag(w, json_object_get_uint64(tag));
	return to_item(w, value, fault);
}

typedef int special_fn(
	struct tern_cbor_writer *w, struct json_object *value, struct json_fault *fault);

static const struct {
	const char *key;
	special_fn *fn;
} SPECIALS[] = {
	{"$bytes", to_bytes},
	{"$float", to_float},
	{"$int", to_integer},
	{"$map", to_map},
	{"$simple", to_simple},
};

/* to_special() - an object with a key that begins with $ */
static int
to_special(struct tern_cbor_writer *w, struct json_object *object, const char *key,
	struct json_fault *fault)
{
	if (strcmp(key, "$tag") == 0)
		return to_tagged(w, object, fault);
	for (size_t i = 0; json_object_object_length(object) == 1 && i < ARRAY_SIZE(SPECIALS);
		i++) {
		if (strcmp(key, SPECIALS[i].key) == 0)
			return SPECIALS[i].fn(w, json_object_object_get(object, key), fault);
	}
	return json_fault_set(fault, 0,
		"\"%.40s\": names with $ have a meaning of their own; "
		"write {\"$map\": [[\"%.40s\", …]]}",
		key, key);
}

static int
to_object(struct tern_cbor_writer *w, struct json_object *object, struct json_fault *fault)
{
	json_object_object_foreach(object, key, unused)
	{
		(void)unused; /* the macro names it */
		if (key[0] == '$')
			return to_special(w, object, key, fault);
	}
	tern_cbor_put_map(w, (size_t)json_object_object_length(object));
	json_object_object_foreach(object, name, value)
	{
		int r;

		tern_cbor_put_string(w, name);
		r = to_item(w, value, fault);
		if (r)
			return r;
	}
	return 0;
}

static int
to_array(struct tern_cbor_writer *w, struct json_object *array, struct json_fault *fault)
{
	int r = 0;

	tern_cbor_put_array(w, json_object_array_length(array));
	for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++)
		r = to_item(w, json_object_array_get_idx(array, i), fault);
	return r;
}

static int
to_item(struct tern_cbor_writer *w, struct json_object *value, struct json_fault *fault)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		tern_cbor_put_null(w);
		return 0;
	case json_type_boolean:
		tern_cbor_put_bool(w, json_object_get_boolean(value));
		return 0;
	case json_type_double:
		tern_cbor_put_double(w, json_object_get_double(value));
		return 0;
	case json_type_int:
		if (json_object_get_int64(value) < 0)
			tern_cbor_put_int(w, json_object_get_int64(value));
		else
			tern_cbor_put_uint(w, json_object_get_uint64(value));
		return 0;
	case json_type_string:
		tern_cbor_put_text(w, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		return 0;
	case json_type_array:
		return to_array(w, value, fault);
	case json_type_object:
		return to_object(w, value, fault);
	}
	return -ENOTRECOVERABLE;
}

static int
write_tree(struct json_object *value, uint32_t n_fds, void *buf, size_t size, size_t *ret_size,
	struct json_fault *fault)
{
	struct tree_writer writer = {.n_fds = n_fds};
	int r;

	tern_cbor_writer_init(&writer.w, buf, size);
	r = to_item(&writer.w, value, fault);
	if (r)
		return r;
	r = tern_cbor_writer_finish(&writer.w, ret_size);
	if (r == -EINVAL)
		return json_fault_set(
			fault, 0, "not UTF-8, or nested deeper than %d", TERN_CBOR_MAX_DEPTH);
	return r == -ENOBUFS && !buf ? 0 : r;
}

int
json_to_cbor(struct json_object *value, void **ret, size_t *ret_size, struct json_fault *ret_fault)
{
	return json_to_cbor_with(value, 0, ret, ret_size, ret_fault);
}

int
json_to_cbor_with(struct json_object *value, uint32_t n_fds, void **ret, size_t *ret_size,
	struct json_fault *ret_fault)
{
	_cleanup_(freep) void *buf = NULL;
	struct tern_cbor_fault fault;
	size_t size;
	int r;

	r = write_tree(value, n_fds, NULL, 0, &size, ret_fault);
	if (r)
		return r;
	buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	r = write_tree(value, n_fds, buf, size, &size, ret_fault);
	if (r)
		return r;
	if (tern_cbor_check(buf, size, 0, &fault) < 0) /* a key twice in a $map */
		return json_fault_set(ret_fault, 0, "%s", tern_cbor_fault_text(fault.code));
	*ret = steal(buf);
	*ret_size = size;
	return 0;
}
