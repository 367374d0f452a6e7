/* SPDX-License-Identifier: MIT */

/*
 * json-from: CBOR to a tree of JSON
 *
 * The whole item is checked before, so that what is left to find here is little.
 * Recursion is bounded: the reader stops at a depth of TERN_CBOR_MAX_DEPTH.
 */

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <tern/cbor.h>

#include "base/attribute.h"
#include "cli/base64.h"
#include "cli/json.h"

static int from_item(struct tern_cbor_reader *r, struct json_object **ret);

static int
add_member(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, value) < 0) {
		(void)json_object_put(value); /* not taken over */
		return -ENOMEM;
	}
	return 0;
}

static int
add_element(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value) < 0) {
		(void)json_object_put(value); /* not taken over */
		return -ENOMEM;
	}
	return 0;
}

/* new_special() - {"$name": value}; takes the value over, and NULL for one that could not be made
 */
static int
new_special(const char *name, struct json_object *value, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	int r;

	if (!value)
		return -ENOMEM;
	object = json_object_new_object();
	if (!object) {
		(void)json_object_put(value); /* not taken over */
		return -ENOMEM;
	}
	r = add_member(object, name, value);
	if (r)
		return r;
	*ret = steal(object);
	return 0;
}

int
json_new_bytes(const void *bytes, size_t size, struct json_object **ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = base64_encode(bytes, size, &text);
	if (r)
		return r;
	return new_special("$bytes", json_object_new_string(text), ret);
}

struct json_object *
json_new_text(const char *text)
{
	struct json_object *bytes = NULL;
	size_t size = strlen(text), offset;

	if (json_is_text(text, size, &offset))
		return json_object_new_string(text);
	(void)json_new_bytes(text, size, &bytes); /* NULL tells */
	return bytes;
}

/* new_double() - with as few digits as tell it from its neighbours, but seen to be a float */
static int
new_double(double value, struct json_object **ret)
{
	char text[40];

	if (isnan(value))
		return new_special("$float", json_object_new_string("NaN"), ret);
	if (isinf(value))
		return new_special("$float",
			json_object_new_string(value < 0 ? "-Infinity" : "Infinity"), ret);
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value); /* fits */
		if (strtod(text, NULL) == value)
			break;
	}
	if (!text[strcspn(text, ".e")])
		strcat(text, ".0");
	*ret = json_object_new_double_s(value, text);
	return *ret ? 0 : -ENOMEM;
}

static int
new_negative(uint64_t minus_one_less, struct json_object **ret)
{
	char text[40];

	if (minus_one_less <= INT64_MAX) {
		*ret = json_object_new_int64(-1 - (int64_t)minus_one_less);
		return *ret ? 0 : -ENOMEM;
	}
	if (minus_one_less == UINT64_MAX)
		(void)strcpy(text, "-18446744073709551616");
	else
		(void)snprintf(text, sizeof(text), "-%llu", (unsigned long long)minus_one_less + 1);
	return new_special("$int", json_object_new_string(text), ret);
}

struct joined {
	char *bytes; /* with a NUL behind */
	size_t size;
};

static void
joined_deinit(struct joined *joined)
{
	free(joined->bytes);
}

/* get_string() - text or bytes, joined if they come in pieces */
static int
get_string(struct tern_cbor_reader *r, bool is_text, struct joined *joined)
{
	if (tern_cbor_enter_string(r) < 0)
		return JSON_E_INVALID;
	joined->bytes = calloc(1, 1);
	if (!joined->bytes)
		return -ENOMEM;
	while (tern_cbor_peek(r) > 0) {
		const void *piece;
		const char *text;
		size_t n;
		char *more;

		if ((is_text ? tern_cbor_get_text(r, &text, &n)
			     : tern_cbor_get_bytes(r, &piece, &n)) < 0)
			return JSON_E_INVALID;
		more = realloc(joined->bytes, joined->size + n + 1);
		if (!more)
			return -ENOMEM;
		joined->bytes = more;
		memcpy(more + joined->size, is_text ? text : piece, n);
		joined->size += n;
		more[joined->size] = '\0';
	}
	return tern_cbor_leave(r) < 0 ? JSON_E_INVALID : 0;
}

static int
from_text(struct tern_cbor_reader *r, struct json_object **ret)
{
	_cleanup_(joined_deinit) struct joined text = {0};
	int k;

	k = get_string(r, true, &text);
	if (k)
		return k;
	if (text.size > INT32_MAX)
		return -E2BIG;
	*ret = json_object_new_string_len(text.bytes, (int)text.size);
	return *ret ? 0 : -ENOMEM;
}

static int
from_bytes(struct tern_cbor_reader *r, struct json_object **ret)
{
	_cleanup_(joined_deinit) struct joined bytes = {0};
	int k;

	k = get_string(r, false, &bytes);
	return k ? k : json_new_bytes(bytes.bytes, bytes.size, ret);
}

static int
from_array(struct tern_cbor_reader *r, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	int k;

	if (!array)
		return -ENOMEM;
	if (tern_cbor_enter_array(r, NULL) < 0)
		return JSON_E_INVALID;
	while (tern_cbor_peek(r) > 0) {
		struct json_object *element = NULL;

		k = from_item(r, &element);
		if (k == 0)
			k = add_element(array, element);
		if (k)
			return k;
	}
	if (tern_cbor_leave(r) < 0)
		return JSON_E_INVALID;
	*ret = steal(array);
	return 0;
}

static bool
is_plain_key(struct json_object *key)
{
	const char *text;

	if (!json_object_is_type(key, json_type_string))
		return false;
	text = json_object_get_string(key);
	return text[0] != '$' && strlen(text) == (size_t)json_object_get_string_len(key);
}

/* from_pair() - [key, value] */
static int
from_pair(struct tern_cbor_reader *r, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *pair = json_object_new_array();
	int k = pair ? 0 : -ENOMEM;

	for (int i = 0; i < 2 && k == 0; i++) {
		struct json_object *item = NULL;

		k = from_item(r, &item);
		if (k == 0)
			k = add_element(pair, item);
	}
	if (k)
		return k;
	*ret = steal(pair);
	return 0;
}

/* object_of() - the pairs as an object */
static int
object_of(struct json_object *pairs, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *object = json_object_new_object();
	int r;

	if (!object)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(pairs); i++) {
		struct json_object *pair = json_object_array_get_idx(pairs, i);

		r = add_member(object, json_object_get_string(json_object_array_get_idx(pair, 0)),
			json_object_get(json_object_array_get_idx(pair, 1)));
		if (r)
			return r;
	}
	*ret = steal(object);
	return 0;
}

static int
from_map(struct tern_cbor_reader *r, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *pairs = json_object_new_array();
	bool plain = true;
	int k;

	if (!pairs)
		return -ENOMEM;
	if (tern_cbor_enter_map(r, NULL) < 0)
		return JSON_E_INVALID;
	while (tern_cbor_peek(r) > 0) {
		struct json_object *pair = NULL;

		k = from_pair(r, &pair);
		if (k)
			return k;
		plain = plain && is_plain_key(json_object_array_get_idx(pair, 0));
		k = add_element(pairs, pair);
		if (k)
			return k;
	}
	if (tern_cbor_leave(r) < 0)
		return JSON_E_INVALID;
	return plain ? object_of(pairs, ret) : new_special("$map", steal(pairs), ret);
}

/* from_part() - bytes that lie in a part of the message */
static int
from_part(struct tern_cbor_reader *r, struct json_object **ret)
{
	const void *bytes;
	uint64_t number;
	size_t size;
	int k;

	if (tern_cbor_get_uint(r, &number) < 0)
		return JSON_E_INVALID;
	k = r->hooks->part(r->hooks->user, number, &bytes, &size);
	if (k == -ENOENT) /* it stays what it says it is */
		return new_special("$part", json_object_new_uint64(number), ret);
	return k ? k : json_new_bytes(bytes, size, ret);
}

static int
from_tagged(struct tern_cbor_reader *r, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *value = NULL;
	uint64_t tag;
	int k;

	if (tern_cbor_get_tag(r, &tag) < 0)
		return JSON_E_INVALID;
	if (tag == TERN_CBOR_TAG_PART && r->hooks)
		return from_part(r, ret);
	k = new_special("$tag", json_object_new_uint64(tag), &object);
	if (k == 0)
		k = from_item(r, &value);
	if (k == 0)
		k = add_member(object, "value", value);
	if (k)
		return k;
	*ret = steal(object);
	return 0;
}

static int
from_scalar(struct tern_cbor_reader *r, int type, struct json_object **ret)
{
	uint64_t number;
	uint8_t simple = 23; /* what undefined is */
	double real;
	bool truth;
	int k;

	if (type == TERN_CBOR_UINT) {
		k = tern_cbor_get_uint(r, &number);
		*ret = k < 0 ? NULL : json_object_new_uint64(number);
	} else if (type == TERN_CBOR_NINT) {
		k = tern_cbor_get_nint(r, &number);
		return k < 0 ? JSON_E_INVALID : new_negative(number, ret);
	} else if (type == TERN_CBOR_FLOAT) {
		k = tern_cbor_get_double(r, &real);
		return k < 0 ? JSON_E_INVALID : new_double(real, ret);
	} else if (type == TERN_CBOR_BOOL) {
		k = tern_cbor_get_bool(r, &truth);
		*ret = k < 0 ? NULL : json_object_new_boolean(truth);
	} else {
		k = type == TERN_CBOR_SIMPLE ? tern_cbor_get_simple(r, &simple)
					     : tern_cbor_get_undefined(r);
		return k < 0 ? JSON_E_INVALID
			     : new_special("$simple", json_object_new_int(simple), ret);
	}
	if (k < 0)
		return JSON_E_INVALID;
	return *ret ? 0 : -ENOMEM;
}

/* from_item() - JSON_E_INVALID: the reader knows why */
static int
from_item(struct tern_cbor_reader *r, struct json_object **ret)
{
	int type = tern_cbor_peek(r);

	switch (type) {
	case TERN_CBOR_TEXT:
		return from_text(r, ret);
	case TERN_CBOR_BYTES:
		return from_bytes(r, ret);
	case TERN_CBOR_ARRAY:
		return from_array(r, ret);
	case TERN_CBOR_MAP:
		return from_map(r, ret);
	case TERN_CBOR_TAG:
		return from_tagged(r, ret);
	case TERN_CBOR_NULL:
		*ret = NULL;
		return tern_cbor_get_null(r) < 0 ? JSON_E_INVALID : 0;
	case TERN_CBOR_END:
		return JSON_E_INVALID;
	default:
		return type < 0 ? JSON_E_INVALID : from_scalar(r, type, ret);
	}
}

int
json_from_cbor(
	const void *cbor, size_t size, struct json_object **ret, struct json_fault *ret_fault)
{
	return json_from_hooked(cbor, size, NULL, ret, ret_fault);
}

int
json_from_hooked(const void *cbor, size_t size, const struct tern_cbor_hooks *hooks,
	struct json_object **ret, struct json_fault *ret_fault)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct tern_cbor_fault fault;
	struct tern_cbor_reader reader;
	int r;

	if (tern_cbor_check(cbor, size, 0, &fault) < 0)
		return json_fault_set(
			ret_fault, fault.offset, "%s", tern_cbor_fault_text(fault.code));
	tern_cbor_reader_init(&reader, cbor, size);
	reader.hooks = hooks;
	r = from_item(&reader, &value);
	if (r == JSON_E_INVALID)
		return json_fault_set(ret_fault, reader.fault.offset, "%s",
			tern_cbor_fault_text(reader.fault.code));
	if (r)
		return r;
	*ret = steal(value);
	return 0;
}
