/* SPDX-License-Identifier: MIT */

/*
 * control: one writer and one reader for all messages, led by the tables of fields
 *
 * The members of the union all begin at the same place, so a message is the
 * address of that place and a table. Maps in maps go one level deep; that is
 * the tables' own doing, not the packet's.
 */

#include "base/attribute.h"
#include "tern/cbor.h"
#include "wire/control.h"
#include "wire/control-fields.h"

/* How lists lie in their structs: the count, then the items. */
struct texts {
	size_t n;
	struct control_text items[];
};

struct numbers {
	size_t n;
	uint32_t items[];
};

static_assert(offsetof(struct control_tags, items) == offsetof(struct texts, items), "a list");
static_assert(
	offsetof(struct control_event_tags, items) == offsetof(struct texts, items), "a list");
static_assert(offsetof(struct control_kinds, items) == offsetof(struct numbers, items), "a list");
static_assert(offsetof(struct control_users, items) == sizeof(size_t), "a list");

struct reading {
	struct tern_cbor_reader cbor;
	const char *where; /* key that is being read */
};

static const uint8_t *
at(const void *base, const struct field *field)
{
	return (const uint8_t *)base + field->offset;
}

static bool is_map_present(const void *base, const struct field *fields);

static bool
is_present(const void *base, const struct field *field)
{
	const void *p = at(base, field);

	switch (field->kind) {
	case FIELD_U64:
		return field->required || *(const uint64_t *)p != 0;
	case FIELD_U32:
		return field->required || *(const uint32_t *)p != 0;
	case FIELD_BOOL:
		return *(const bool *)p;
	case FIELD_TEXT:
		return field->required || ((const struct control_text *)p)->text != NULL;
	case FIELD_BYTES:
		return ((const struct control_bytes *)p)->bytes != NULL;
	case FIELD_MAP:
		return is_map_present(p, field->sub);
	default:
		return *(const size_t *)p != 0;
	}
}

/* A nested map that is all zero is not written; its required members say so. */
static bool
is_map_present(const void *base, const struct field *fields)
{
	for (; fields->key; fields++) {
		struct field optional = *fields;

		optional.required = false;
		if (is_present(base, &optional))
			return true;
	}
	return false;
}

static size_t
count_present(const void *base, const struct field *fields)
{
	size_t n = MINOR_AHEAD;

	for (; fields->key; fields++)
		n += is_present(base, fields);
	return n;
}

static void put_fields(struct tern_cbor_writer *w, const void *base, const struct field *fields);

/* A field that this version does not know, in each map. */
static void
put_later_field(struct tern_cbor_writer *w)
{
	tern_cbor_put_string(w, "later");
	tern_cbor_put_array(w, 2);
	tern_cbor_put_map(w, 1);
	tern_cbor_put_string(w, "type");
	tern_cbor_put_uint(w, 2);
	tern_cbor_put_bytes(w, "\xff", 1);
}

static void
put_text(struct tern_cbor_writer *w, const struct control_text *text)
{
	tern_cbor_put_text(w, text->text ? text->text : "", text->size);
}

static void
put_list(struct tern_cbor_writer *w, const void *p, const struct field *field)
{
	size_t n = MIN(*(const size_t *)p, field->max);
	const uint8_t *items = (const uint8_t *)p + sizeof(size_t);

	tern_cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++) {
		if (field->kind == FIELD_TEXTS) {
			put_text(w, &((const struct texts *)p)->items[i]);
		} else if (field->kind == FIELD_NUMBERS) {
			tern_cbor_put_uint(w, ((const struct numbers *)p)->items[i]);
		} else {
			tern_cbor_put_map(w, count_present(items + i * field->stride, field->sub));
			put_fields(w, items + i * field->stride, field->sub);
		}
	}
}

static void
put_value(struct tern_cbor_writer *w, const void *p, const struct field *field)
{
	const struct control_bytes *bytes = p;

	switch (field->kind) {
	case FIELD_U64:
		tern_cbor_put_uint(w, *(const uint64_t *)p);
		break;
	case FIELD_U32:
		tern_cbor_put_uint(w, *(const uint32_t *)p);
		break;
	case FIELD_BOOL:
		tern_cbor_put_bool(w, *(const bool *)p);
		break;
	case FIELD_TEXT:
		put_text(w, p);
		break;
	case FIELD_BYTES:
		tern_cbor_put_bytes(w, bytes->bytes, bytes->size);
		break;
	case FIELD_MAP:
		tern_cbor_put_map(w, count_present(p, field->sub));
		put_fields(w, p, field->sub);
		break;
	default:
		put_list(w, p, field);
	}
}

static void
put_fields(struct tern_cbor_writer *w, const void *base, const struct field *fields)
{
	if (MINOR_AHEAD)
		put_later_field(w);
	for (; fields->key; fields++) {
		if (!is_present(base, fields))
			continue;
		tern_cbor_put_text(w, fields->key, fields->key_size);
		put_value(w, at(base, fields), fields);
	}
}

int
control_encode(const struct control *control, void *buf, size_t room, size_t *ret_size)
{
	const struct control_form *form = control_form(control->type);
	struct tern_cbor_writer w;
	int r;

	if (!form)
		return -EINVAL;
	tern_cbor_writer_init(&w, buf, room);
	tern_cbor_put_map(&w, 2 + count_present(&control->hello, form->fields));
	tern_cbor_put_string(&w, "type");
	tern_cbor_put_uint(&w, control->type);
	tern_cbor_put_string(&w, "serial");
	tern_cbor_put_uint(&w, control->serial);
	put_fields(&w, &control->hello, form->fields);
	r = tern_cbor_writer_finish(&w, ret_size);
	return r == -ENOBUFS ? -EMSGSIZE : r;
}

static int get_fields(struct reading *reading, void *base, const struct field *fields);

static int
get_u32(struct tern_cbor_reader *cbor, uint32_t *ret)
{
	uint64_t value;

	if (tern_cbor_get_uint(cbor, &value) || value > UINT32_MAX)
		return CONTROL_E_FIELD;
	*ret = (uint32_t)value;
	return 0;
}

static int
get_text(struct tern_cbor_reader *cbor, size_t max, struct control_text *ret)
{
	if (tern_cbor_get_text(cbor, &ret->text, &ret->size))
		return CONTROL_E_FIELD;
	return ret->size > max ? CONTROL_E_LIMIT : 0;
}

static int
get_bytes(struct tern_cbor_reader *cbor, size_t max, struct control_bytes *ret)
{
	const void *bytes;

	if (tern_cbor_get_bytes(cbor, &bytes, &ret->size))
		return CONTROL_E_FIELD;
	ret->bytes = bytes;
	return ret->size > max ? CONTROL_E_LIMIT : 0;
}

static int
get_item(struct reading *reading, void *p, const struct field *field, size_t i, size_t *size)
{
	struct control_text *text = &((struct texts *)p)->items[i];
	int r;

	if (field->kind == FIELD_NUMBERS)
		return get_u32(&reading->cbor, &((struct numbers *)p)->items[i]);
	if (field->kind == FIELD_MAPS)
		return get_fields(
			reading, (uint8_t *)p + sizeof(size_t) + i * field->stride, field->sub);
	r = get_text(&reading->cbor, CONTROL_MAX_TEXT, text);
	if (r)
		return r;
	*size += text->size + 1;
	return *size > field->max_size ? CONTROL_E_LIMIT : 0;
}

static int
get_list(struct reading *reading, void *p, const struct field *field)
{
	size_t *n = p, size = 0;
	int r;

	*n = 0;
	if (tern_cbor_enter_array(&reading->cbor, NULL))
		return CONTROL_E_FIELD;
	while (tern_cbor_peek(&reading->cbor) > 0) {
		if (*n == field->max)
			return CONTROL_E_LIMIT;
		r = get_item(reading, p, field, *n, &size);
		if (r)
			return r;
		(*n)++;
	}
	return tern_cbor_leave(&reading->cbor) ? CONTROL_E_FIELD : 0;
}

static int
get_value(struct reading *reading, void *p, const struct field *field)
{
	struct tern_cbor_reader *cbor = &reading->cbor;

	switch (field->kind) {
	case FIELD_U64:
		return tern_cbor_get_uint(cbor, p) ? CONTROL_E_FIELD : 0;
	case FIELD_U32:
		return get_u32(cbor, p);
	case FIELD_BOOL:
		return tern_cbor_get_bool(cbor, p) ? CONTROL_E_FIELD : 0;
	case FIELD_TEXT:
		return get_text(cbor, field->max, p);
	case FIELD_BYTES:
		return get_bytes(cbor, field->max, p);
	case FIELD_MAP:
		return get_fields(reading, p, field->sub);
	default:
		return get_list(reading, p, field);
	}
}

/* find_field() - from one on and round: keys mostly come in the order of the table. Its index, or -1. */
static int
find_field(const struct field *fields, int from, const char *key, size_t size)
{
	for (int i = from; fields[i].key; i++)
		if (fields[i].key_size == size && !memcmp(fields[i].key, key, size))
			return i;
	for (int i = 0; i < from; i++)
		if (fields[i].key_size == size && !memcmp(fields[i].key, key, size))
			return i;
	return -1;
}

/* What of a table was read, as bits, and which entry is likely the next. */
struct progress {
	uint32_t seen;
	int next;
};

static int
get_field(struct reading *reading, void *base, const struct field *fields, struct progress *progress)
{
	const char *key;
	size_t size;
	int i;

	reading->where = NULL;
	if (tern_cbor_get_text(&reading->cbor, &key, &size))
		return CONTROL_E_MALFORMED; /* a key that is no text */
	i = find_field(fields, progress->next, key, size);
	if (i < 0)
		return tern_cbor_skip(&reading->cbor) ? CONTROL_E_MALFORMED : 0;
	reading->where = fields[i].key;
	progress->seen |= UINT32_C(1) << i;
	progress->next = i + 1;
	return get_value(reading, (uint8_t *)base + fields[i].offset, &fields[i]);
}

static int
check_required(struct reading *reading, const struct field *fields, const struct progress *progress)
{
	for (size_t i = 0; fields[i].key; i++) {
		if (fields[i].required && !(progress->seen & UINT32_C(1) << i)) {
			reading->where = fields[i].key;
			return CONTROL_E_FIELD;
		}
	}
	return 0;
}

static int
get_fields(struct reading *reading, void *base, const struct field *fields)
{
	struct progress progress = {0};
	int r;

	if (tern_cbor_enter_map(&reading->cbor, NULL))
		return CONTROL_E_FIELD;
	while (tern_cbor_peek(&reading->cbor) > 0) {
		r = get_field(reading, base, fields, &progress);
		if (r)
			return r;
	}
	if (tern_cbor_leave(&reading->cbor))
		return CONTROL_E_MALFORMED;
	return check_required(reading, fields, &progress);
}

/* The two keys that every message has; read first, because they say what the others are. */
static const struct field head_fields[] = {
	{.key = "type",
		.key_size = 4,
		.kind = FIELD_U32,
		.required = true,
		.offset = offsetof(struct control, type)},
	{.key = "serial",
		.key_size = 6,
		.kind = FIELD_U64,
		.required = true,
		.offset = offsetof(struct control, serial)},
	{.key = NULL},
};

/* get_head() - and no further than those two, which mostly stand in front; no key is there twice */
static int
get_head(struct reading *reading, struct control *ret)
{
	struct progress progress = {0};
	int r;

	if (tern_cbor_enter_map(&reading->cbor, NULL))
		return CONTROL_E_FIELD;
	while (progress.seen != 3 /* both */ && tern_cbor_peek(&reading->cbor) > 0) {
		r = get_field(reading, ret, head_fields, &progress);
		if (r)
			return r;
	}
	return check_required(reading, head_fields, &progress);
}

int
control_decode(struct control *ret, const void *packet, size_t size, const char **ret_where)
{
	const struct control_form *form;
	struct reading reading = {0};
	const char *unused;
	int r;

	if (!ret_where)
		ret_where = &unused;
	*ret_where = NULL;
	memset(ret, 0, sizeof(*ret));
	if (tern_cbor_check(packet, size, 0, NULL))
		return CONTROL_E_MALFORMED;
	tern_cbor_reader_init(&reading.cbor, packet, size);
	r = get_head(&reading, ret);
	*ret_where = reading.where;
	if (r)
		return CONTROL_E_MALFORMED;
	*ret_where = "type";
	form = control_form(ret->type);
	if (!form)
		return CONTROL_E_TYPE;
	tern_cbor_reader_init(&reading.cbor, packet, size);
	r = get_fields(&reading, &ret->hello, form->fields);
	*ret_where = r ? reading.where : NULL;
	return r;
}

const char *
control_strerror(int error)
{
	switch (error) {
	case CONTROL_E_MALFORMED:
		return "the packet is not one CBOR map with a type and a serial";
	case CONTROL_E_TYPE:
		return "a message of an unknown type";
	case CONTROL_E_FIELD:
		return "a field is missing or is not what it should be";
	case CONTROL_E_LIMIT:
		return "a field is longer or has more elements than allowed";
	default:
		return "no error";
	}
}

const char *
control_type_name(uint32_t type)
{
	const struct control_form *form = control_form(type);

	return form ? form->name : "unknown";
}
