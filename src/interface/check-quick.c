/* SPDX-License-Identifier: MIT */

/*
 * check-quick: the usual value, seen to be right in a fifth of the time
 *
 * Each function takes what it is named after off the front, or returns false, after which
 * nothing counts. Every byte is read once, and only after the end was looked at.
 */

#include <tern/cbor.h>

#include "interface/check-quick.h"
#include "wire/utf8.h"

enum {
	MOST_DEPTH = TERN_CBOR_MAX_DEPTH - 1, /* the reader counts the tag of a descriptor, too */
	MOST_FIELDS = 64,		      /* bits in a word */
};

/* First bytes of items: the major types, with a number in the other five bits, and the others. */
enum {
	UINT = 0 << 5,
	NINT = 1 << 5,
	BYTES = 2 << 5,
	TEXT = 3 << 5,
	ARRAY = 4 << 5,
	MAP = 5 << 5,
	MAJOR = 7 << 5,
	TRUE = 0xf5, /* false is one less */
	NOTHING = 0xf6,
	HALF = 0xf9,
	DOUBLE = 0xfb,
};

struct quick {
	const uint8_t *at, *end;
	const struct interface *i;
	uint32_t n_fds, n_parts;
};

static bool quick_value(struct quick *q, const struct interface_type *type, uint32_t depth);

static size_t
left(const struct quick *q)
{
	return (size_t)(q->end - q->at);
}

/* The argument of a head that does not fit into its first byte. */
static bool
quick_long(struct quick *q, uint8_t info, uint64_t *ret)
{
	size_t n = (size_t)1 << (info - 24);
	uint64_t value = 0;

	if (info > 27 || n > left(q))
		return false;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | q->at[i];
	q->at += n;
	*ret = value;
	return true;
}

static inline bool
quick_head(struct quick *q, uint8_t major, uint64_t *ret)
{
	uint8_t first;

	if (unlikely(q->at == q->end))
		return false;
	first = *q->at;
	if ((first & MAJOR) != major)
		return false;
	q->at++;
	first -= major;
	*ret = first;
	return likely(first < 24) || quick_long(q, first, ret);
}

/* A text or bytes of known length. */
static inline const char *
quick_piece(struct quick *q, uint8_t major, size_t *ret_size)
{
	const char *piece;
	uint64_t size;

	if (!quick_head(q, major, &size) || unlikely(size > left(q)))
		return NULL;
	piece = (const char *)q->at;
	q->at += size;
	*ret_size = (size_t)size;
	return piece;
}

static inline bool
item_is(const struct quick *q, const struct interface_item *item, const char *name, size_t size)
{
	return item->name_size == size && !memcmp(interface_name(q->i, item), name, size);
}

/* -------- what has parts -------- */

static const struct interface_item *
quick_find(const struct quick *q, const struct interface_type *type, const char *name, size_t size)
{
	const struct interface_item *item = type_values(q->i, type);

	while (item && !item_is(q, item, name, size))
		item = value_next(q->i, item);
	return item;
}

static bool
quick_missing(const struct quick *q, const struct interface_type *type, uint64_t seen)
{
	const struct interface_field *field = type_fields(q->i, type);

	while (field && (field->type.is_optional || seen >> field->item.order & 1))
		field = field_next(q->i, field);
	return field != NULL;
}

static bool
quick_struct(struct quick *q, const struct interface_type *type, uint32_t depth)
{
	const struct interface_item *next = type_values(q->i, type), *item;
	uint64_t n, seen = 0;

	if (!quick_head(q, MAP, &n) || n > type->n || type->n > MOST_FIELDS || depth > MOST_DEPTH)
		return false;
	for (uint64_t k = 0; k < n; k++) {
		size_t size;
		const char *key = quick_piece(q, TEXT, &size);

		if (unlikely(!key))
			return false;
		item = likely(next && item_is(q, next, key, size)) ? next
								   : quick_find(q, type, key, size);
		if (unlikely(!item || seen >> item->order & 1))
			return false;
		seen |= UINT64_C(1) << item->order;
		next = value_next(q->i, item);
		if (!quick_value(q, &container_of(item, struct interface_field, item)->type, depth))
			return false;
	}
	return n == type->n || !quick_missing(q, type, seen);
}

static bool
quick_array(struct quick *q, const struct interface_type *type, uint32_t depth)
{
	const struct interface_type *elements = type_elements(q->i, type);
	uint64_t n;

	if (!quick_head(q, ARRAY, &n) || n > left(q) || depth > MOST_DEPTH)
		return false;
	for (; n > 0; n--)
		if (!quick_value(q, elements, depth))
			return false;
	return true;
}

/* Keys that are not in order may be there twice. */
static bool
quick_map(struct quick *q, const struct interface_type *type, uint32_t depth)
{
	const struct interface_type *elements = type_elements(q->i, type);
	const char *key, *last = NULL;
	size_t size, last_size = 0;
	uint64_t n;

	if (!quick_head(q, MAP, &n) || n > left(q) || depth > MOST_DEPTH)
		return false;
	for (; n > 0; n--) {
		key = quick_piece(q, TEXT, &size);
		if (!key || !utf8_is_valid(key, size))
			return false;
		if (last &&
			(size < last_size || (size == last_size && memcmp(key, last, size) <= 0)))
			return false;
		last = key;
		last_size = size;
		if (!quick_value(q, elements, depth))
			return false;
	}
	return true;
}

/* -------- single values -------- */

static bool
quick_number(struct quick *q, uint64_t most)
{
	uint64_t value;

	if (q->at < q->end && (*q->at & MAJOR) == NINT)
		return quick_head(q, NINT, &value) && value <= most;
	return quick_head(q, UINT, &value) && value <= most;
}

static bool
quick_float(struct quick *q)
{
	size_t size;

	if (q->at == q->end)
		return false;
	if (*q->at < HALF || *q->at > DOUBLE)
		return quick_number(q, (UINT64_C(1) << 53) - 1);
	size = 1 + ((size_t)2 << (*q->at - HALF));
	if (size > left(q))
		return false;
	q->at += size;
	return true;
}

/* One of our tags, and the number behind it. */
static bool
quick_tagged(struct quick *q, const char *tag, uint64_t *ret)
{
	enum { TAG = 0xda, SIZE = 5 };

	if (left(q) < SIZE || *q->at != TAG || memcmp(q->at + 1, tag, SIZE - 1) != 0)
		return false;
	q->at += SIZE;
	return quick_head(q, UINT, ret);
}

static bool
quick_fd(struct quick *q)
{
	uint64_t index;

	static_assert(TERN_CBOR_TAG_FD == 0x7465726e, "so it is written");
	return quick_tagged(q, "tern", &index) && index < q->n_fds;
}

static bool
quick_bytes(struct quick *q)
{
	uint64_t number;
	size_t size;

	static_assert(TERN_CBOR_TAG_PART == 0x74657270, "so it is written");
	if (likely(q->at < q->end && (*q->at & MAJOR) == BYTES))
		return quick_piece(q, BYTES, &size) != NULL;
	return quick_tagged(q, "terp", &number) && number > 0 && number < q->n_parts;
}

static bool
quick_text(struct quick *q, const struct interface_type *type)
{
	size_t size;
	const char *text = quick_piece(q, TEXT, &size);

	if (!text)
		return false;
	return type->kind == KIND_ENUM ? quick_find(q, type, text, size) != NULL
				       : utf8_is_valid(text, size);
}

static bool
quick_value(struct quick *q, const struct interface_type *type, uint32_t depth)
{
	uint64_t value;

	if (type->is_optional && q->at < q->end && *q->at == NOTHING) {
		q->at++;
		return true;
	}
	if (type->kind == KIND_NAMED)
		type = &type_member(q->i, type)->types[0];
	switch (type->kind) {
	case KIND_BOOL:
		return q->at < q->end && (*q->at++ | 1) == TRUE;
	case KIND_INT:
		return quick_number(q, INT64_MAX);
	case KIND_UINT:
		return quick_head(q, UINT, &value);
	case KIND_FLOAT:
		return quick_float(q);
	case KIND_STRING:
	case KIND_ENUM:
		return quick_text(q, type);
	case KIND_BYTES:
		return quick_bytes(q);
	case KIND_FD:
		return quick_fd(q);
	case KIND_STRUCT:
		return quick_struct(q, type, depth + 1);
	case KIND_ARRAY:
		return quick_array(q, type, depth + 1);
	case KIND_MAP:
		return quick_map(q, type, depth + 1);
	default:
		return false; /* anything may be in it */
	}
}

bool
quick_check(const struct check *check, const void *cbor, size_t size)
{
	struct quick q = {.i = check->interface, .n_fds = check->n_fds,
		.n_parts = check->n_parts};

	q.at = cbor;
	q.end = q.at + size;
	return size > 0 && size <= TERN_CBOR_MAX_ITEMS && quick_value(&q, check->type, 0) &&
	       q.at == q.end;
}
