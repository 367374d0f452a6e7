/* SPDX-License-Identifier: MIT */

/*
 * check: a value beside its type
 *
 * This is the whole of it, which can tell what is wrong; check-quick.c goes before.
 *
 * Keys of a [string] map that are in order cannot be there twice. Where they are
 * in none, the whole value is looked through once more at the end, by the codec.
 */

#include <tern/cbor.h>

#include "interface/check-fault.h"
#include "interface/check-quick.h"

#define EXACT (UINT64_C(1) << 53) /* integers up to here are floats, too */

struct run {
	struct tern_cbor_reader reader;
	const struct interface *i;
	uint32_t n_fds;
	uint32_t n_parts;
	bool is_open;
	bool is_unsorted; /* keys of a map were in no order */
	struct fault_path fault;
};

static int check_value(struct run *c, const struct interface_type *type);

static int
cbor_bad(struct run *c)
{
	return fault_cbor(&c->fault, &c->reader.fault);
}

/* -------- structs -------- */

static bool
key_is(const struct run *c, const struct interface_field *field, const char *key, size_t size)
{
	return field->item.name_size == size &&
	       !memcmp(interface_name(c->i, &field->item), key, size);
}

/* Mostly it is the one that was expected next; else it is looked for, from the first. */
static const struct interface_field *
field_find(const struct run *c, const struct interface_type *type,
	const struct interface_field *expected, const char *key, size_t size)
{
	const struct interface_field *field;

	if (likely(expected && key_is(c, expected, key, size)))
		return expected;
	for (field = type_fields(c->i, type); field; field = field_next(c->i, field))
		if (key_is(c, field, key, size))
			return field;
	return NULL;
}

static int
check_unknown(struct run *c, const struct interface_type *type, const char *key, size_t size)
{
	if (!c->is_open)
		return fault_unknown(&c->fault, c->i, type, key, size);
	return tern_cbor_skip(&c->reader) ? cbor_bad(c) : 0;
}

static int
check_missing(struct run *c, const struct interface_type *type, const uint64_t *seen)
{
	const struct interface_field *field = type_fields(c->i, type);

	for (; field; field = field_next(c->i, field)) {
		uint16_t n = field->item.order;

		if (field->type.is_optional || seen[n / 64] >> n % 64 & 1)
			continue;
		(void)fault_why(&c->fault, "missing, expected %s",
			field->type.kind == KIND_NAMED
				? interface_name(c->i, &type_member(c->i, &field->type)->item)
				: kind_keyword(field->type.kind)); /* the same answer comes below */
		return fault_field(&c->fault, interface_name(c->i, &field->item));
	}
	return 0;
}

/* One field and its value; *expected is moved to the one behind it. */
static int
check_field(struct run *c, const struct interface_type *type,
	const struct interface_field **expected, uint64_t *seen)
{
	const struct interface_field *field;
	const char *key;
	size_t size;
	uint64_t bit;
	int r;

	if (tern_cbor_get_text(&c->reader, &key, &size))
		return cbor_bad(c);
	field = field_find(c, type, *expected, key, size);
	if (!field)
		return check_unknown(c, type, key, size);
	bit = UINT64_C(1) << field->item.order % 64;
	r = seen[field->item.order / 64] & bit ? fault_why(&c->fault, "there twice")
					       : check_value(c, &field->type);
	if (unlikely(r))
		return fault_field(&c->fault, interface_name(c->i, &field->item));
	seen[field->item.order / 64] |= bit;
	*expected = field_next(c->i, field);
	return 0;
}

static int
check_struct(struct run *c, const struct interface_type *type)
{
	const struct interface_field *expected = type_fields(c->i, type);
	uint64_t seen[INTERFACE_MAX_FIELDS / 64];
	int found, r;

	memset(seen, 0, (type->n + 63u) / 64 * sizeof(*seen));
	if (tern_cbor_enter_map(&c->reader, NULL))
		return cbor_bad(c);
	while ((found = tern_cbor_peek(&c->reader)) > 0) {
		if (found != TERN_CBOR_TEXT)
			return fault_why(&c->fault, "a key that is no string");
		r = check_field(c, type, &expected, seen);
		if (unlikely(r))
			return r;
	}
	if (found < 0 || tern_cbor_leave(&c->reader))
		return cbor_bad(c);
	return check_missing(c, type, seen);
}

/* -------- arrays, maps, enums -------- */

static int
check_array(struct run *c, const struct interface_type *type)
{
	const struct interface_type *elements = type_elements(c->i, type);
	uint64_t n = 0;
	int found;

	if (tern_cbor_enter_array(&c->reader, NULL))
		return cbor_bad(c);
	for (; (found = tern_cbor_peek(&c->reader)) > 0; n++)
		if (unlikely(check_value(c, elements)))
			return fault_index(&c->fault, n);
	return found < 0 || tern_cbor_leave(&c->reader) ? cbor_bad(c) : 0;
}

static bool
key_is_behind(const char *key, size_t size, const char *last, size_t last_size)
{
	return size != last_size ? size > last_size : memcmp(key, last, size) > 0;
}

static int
check_map(struct run *c, const struct interface_type *type)
{
	const char *key, *last = NULL;
	size_t size, last_size = 0;
	int found;

	if (tern_cbor_enter_map(&c->reader, NULL))
		return cbor_bad(c);
	while ((found = tern_cbor_peek(&c->reader)) > 0) {
		if (found != TERN_CBOR_TEXT)
			return fault_why(&c->fault, "a key that is no string");
		if (tern_cbor_get_text(&c->reader, &key, &size))
			return cbor_bad(c);
		if (last && !key_is_behind(key, size, last, last_size))
			c->is_unsorted = true;
		last = key;
		last_size = size;
		if (unlikely(check_value(c, type_elements(c->i, type))))
			return fault_key(&c->fault, key, size);
	}
	return found < 0 || tern_cbor_leave(&c->reader) ? cbor_bad(c) : 0;
}

static int
check_enum(struct run *c, const struct interface_type *type)
{
	const struct interface_item *value = type_values(c->i, type);
	const char *text;
	size_t size;

	if (tern_cbor_get_text(&c->reader, &text, &size))
		return cbor_bad(c);
	for (; value; value = value_next(c->i, value))
		if (value->name_size == size && !memcmp(interface_name(c->i, value), text, size))
			return 0;
	return c->is_open ? 0 : fault_unknown(&c->fault, c->i, type, text, size);
}

/* -------- single values -------- */

static int
check_fd(struct run *c, const struct interface_type *type)
{
	uint64_t tag, index;

	if (tern_cbor_get_tag(&c->reader, &tag))
		return cbor_bad(c);
	if (tag != TERN_CBOR_TAG_FD)
		return fault_found(&c->fault, type, TERN_CBOR_TAG);
	if (tern_cbor_get_uint(&c->reader, &index))
		return cbor_bad(c);
	if (index >= c->n_fds)
		return fault_why(&c->fault, "descriptor %llu did not come along; there are %u",
			(unsigned long long)index, c->n_fds);
	return 0;
}

/* In the value, or in a part of the message. */
static int
check_bytes(struct run *c, const struct interface_type *type, int found)
{
	uint64_t tag, number;

	if (found == TERN_CBOR_BYTES)
		return tern_cbor_skip(&c->reader) ? cbor_bad(c) : 0;
	if (found != TERN_CBOR_TAG)
		return fault_found(&c->fault, type, found);
	if (tern_cbor_get_tag(&c->reader, &tag))
		return cbor_bad(c);
	if (tag != TERN_CBOR_TAG_PART)
		return fault_found(&c->fault, type, TERN_CBOR_TAG);
	if (tern_cbor_get_uint(&c->reader, &number))
		return cbor_bad(c);
	if (number == 0 || number >= c->n_parts)
		return fault_why(&c->fault, "part %llu of %u is none for bytes",
			(unsigned long long)number, c->n_parts);
	return 0;
}

static int
check_int(struct run *c)
{
	int64_t value;

	if (tern_cbor_get_int(&c->reader, &value))
		return fault_why(&c->fault, "does not fit int, which is -2^63 to 2^63-1");
	return 0;
}

static int
check_float(struct run *c, const struct interface_type *type, int found)
{
	uint64_t value;
	int r;

	if (likely(found == TERN_CBOR_FLOAT))
		return tern_cbor_skip(&c->reader) ? cbor_bad(c) : 0;
	if (found == TERN_CBOR_UINT)
		r = tern_cbor_get_uint(&c->reader, &value);
	else if (found == TERN_CBOR_NINT)
		r = tern_cbor_get_nint(&c->reader, &value);
	else
		return fault_found(&c->fault, type, found);
	if (r)
		return cbor_bad(c);
	if (value > EXACT - (found == TERN_CBOR_NINT))
		return fault_why(&c->fault, "an integer beyond 2^53 is no float");
	return 0;
}

/* What the next item has to be; END: it is looked at more closely, or not at all. */
static const uint8_t WANTED[N_KINDS] = {
	[KIND_BOOL] = TERN_CBOR_BOOL,
	[KIND_UINT] = TERN_CBOR_UINT,
	[KIND_STRING] = TERN_CBOR_TEXT,
	[KIND_FD] = TERN_CBOR_TAG,
	[KIND_OBJECT] = TERN_CBOR_MAP,
	[KIND_STRUCT] = TERN_CBOR_MAP,
	[KIND_ENUM] = TERN_CBOR_TEXT,
	[KIND_ARRAY] = TERN_CBOR_ARRAY,
	[KIND_MAP] = TERN_CBOR_MAP,
};

static int
check_value(struct run *c, const struct interface_type *type)
{
	int found = tern_cbor_peek(&c->reader);

	if (found < 0)
		return cbor_bad(c);
	if (found == TERN_CBOR_NULL && type->is_optional)
		return tern_cbor_skip(&c->reader) ? cbor_bad(c) : 0;
	if (type->kind == KIND_NAMED)
		type = &type_member(c->i, type)->types[0];
	if (WANTED[type->kind] ? found != WANTED[type->kind] : found == TERN_CBOR_END)
		return fault_found(&c->fault, type, found);
	switch (type->kind) {
	case KIND_INT:
		if (found != TERN_CBOR_UINT && found != TERN_CBOR_NINT)
			return fault_found(&c->fault, type, found);
		return check_int(c);
	case KIND_FLOAT:
		return check_float(c, type, found);
	case KIND_BYTES:
		return check_bytes(c, type, found);
	case KIND_FD:
		return check_fd(c, type);
	case KIND_STRUCT:
		return check_struct(c, type);
	case KIND_ENUM:
		return check_enum(c, type);
	case KIND_ARRAY:
		return check_array(c, type);
	case KIND_MAP:
		return check_map(c, type);
	default:
		return tern_cbor_skip(&c->reader) ? cbor_bad(c) : 0;
	}
}

/* -------- the whole -------- */

static int
check_empty(struct run *c, const struct interface_type *type)
{
	static const uint64_t NONE_SEEN[INTERFACE_MAX_FIELDS / 64];

	if (type->kind == KIND_NAMED)
		type = &type_member(c->i, type)->types[0];
	if (type->kind != KIND_STRUCT)
		return fault_found(&c->fault, type, TERN_CBOR_END);
	return check_missing(c, type, NONE_SEEN);
}

static int
check_all(struct run *c, const struct interface_type *type, const void *cbor, size_t size)
{
	struct tern_cbor_fault fault;
	int r;

	if (size == 0)
		return check_empty(c, type);
	tern_cbor_reader_init(&c->reader, cbor, size);
	r = check_value(c, type);
	if (r)
		return r;
	if (tern_cbor_reader_finish(&c->reader))
		return cbor_bad(c);
	if (c->is_unsorted && tern_cbor_check(cbor, size, 0, &fault))
		return fault_cbor(&c->fault, &fault);
	return 0;
}

int
check_closely(const struct check *check, const void *cbor, size_t size, struct check_fault *ret)
{
	struct run c; /* the reader is set by its init, the fault when there is one */

	c.i = check->interface;
	c.n_fds = check->n_fds;
	c.n_parts = check->n_parts;
	c.is_open = check->flags & CHECK_OPEN;
	c.is_unsorted = false;
	if (check_all(&c, check->type, cbor, size) == 0)
		return 0;
	return fault_text(&c.fault, ret);
}

int
check_payload(const struct check *check, const void *cbor, size_t size, struct check_fault *ret)
{
	if (likely(quick_check(check, cbor, size)))
		return 0;
	return check_closely(check, cbor, size, ret);
}
