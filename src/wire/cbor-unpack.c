/* SPDX-License-Identifier: MIT */

/*
 * cbor-unpack: CBOR to C values by a format
 *
 * The data leads: the cursor goes through the buffer once, and each item looks for
 * its node in the format. What was found waits in slots until all of it is known to
 * be good; then strings get their memory and the outputs are set.
 */

#include <stdio.h>

#include "base/attribute.h"
#include "wire/cbor-format.h"
#include "wire/cbor.h"

#define EXACT_INTEGERS (INT64_C(1) << 53) /* doubles hold all of them up to here */

struct string {
	const uint8_t *bytes; /* in pieces: the whole item as it is encoded */
	size_t size;          /* joined */
	size_t raw_size;      /* in pieces: of the item; else 0 */
};

struct slot {
	void *ret, *ret_size;
	bool is_seen;  /* the member was there, if only as null */
	bool is_found; /* it has a value */
	union {
		int64_t i;
		uint64_t u;
		double d;
		struct string s;
	};
};

struct unpacker {
	struct tern_cbor_reader reader;
	const struct tern_cbor_hooks *hooks;
	struct format format;
	struct slot slots[TERN_CBOR_MAX_VALUES];
	uint8_t next_child[TERN_CBOR_MAX_VALUES]; /* of an array: whose turn it is */
	size_t memory_needed;
	char *memory, *memory_end; /* what is left of it */
	uint8_t node; /* whom the fault is about */
	uint8_t open; /* the container we are in */
};

static int
unpack_fail(struct unpacker *u, uint32_t code)
{
	return cbor_reader_fail(&u->reader, code, u->reader.item);
}

/* -------- single values -------- */

static int
take_unsigned(struct unpacker *u, uint64_t *ret)
{
	if (tern_cbor_peek(&u->reader) == TERN_CBOR_NINT)
		return unpack_fail(u, TERN_CBOR_E_RANGE);
	return error_trace(tern_cbor_get_uint(&u->reader, ret));
}

static int
take_double(struct unpacker *u, double *ret)
{
	int type = tern_cbor_peek(&u->reader);
	int64_t i;
	int e;

	if (type != TERN_CBOR_UINT && type != TERN_CBOR_NINT)
		return error_trace(tern_cbor_get_double(&u->reader, ret));
	e = tern_cbor_get_int(&u->reader, &i);
	if (e)
		return error_trace(e);
	if (i > EXACT_INTEGERS || i < -EXACT_INTEGERS)
		return unpack_fail(u, TERN_CBOR_E_RANGE);
	*ret = (double)i;
	return 0;
}

static int
take_descriptor(struct unpacker *u, int64_t *ret)
{
	uint64_t item, tag, index;
	int e, fd;

	(void)tern_cbor_peek(&u->reader); /* for where it is; the next line has the answer */
	item = u->reader.item;
	e = tern_cbor_get_tag(&u->reader, &tag);
	if (!e && tag != TERN_CBOR_TAG_FD)
		e = cbor_reader_fail(&u->reader, TERN_CBOR_E_TYPE, item);
	if (!e)
		e = tern_cbor_get_uint(&u->reader, &index);
	if (e)
		return error_trace(e);
	fd = u->hooks->descriptor(u->hooks->user, index);
	if (fd < 0)
		return cbor_reader_fail(&u->reader, TERN_CBOR_E_DESCRIPTOR, item);
	*ret = fd;
	return 0;
}

/* -------- strings -------- */

/* The next piece of a string that was entered; 1: there is none. */
static int
next_piece(struct tern_cbor_reader *r, bool is_text, const void **ret, size_t *ret_size)
{
	const char *text;
	int e = tern_cbor_peek(r);

	if (e <= 0)
		return e < 0 ? e : 1;
	if (!is_text)
		return error_trace(tern_cbor_get_bytes(r, ret, ret_size));
	e = tern_cbor_get_text(r, &text, ret_size);
	if (e)
		return error_trace(e);
	*ret = text;
	return 0;
}

/* Go through the pieces of a string, to know its size and that there is no NUL in it. */
static int
take_pieces(struct unpacker *u, char letter, struct string *ret)
{
	struct tern_cbor_reader *r = &u->reader;
	const uint8_t *start = r->start + r->item;
	size_t total = 0, size;
	const void *piece;
	int e;

	if (!u->hooks || !u->hooks->memory)
		return unpack_fail(u, TERN_CBOR_E_PIECES);
	e = tern_cbor_enter_string(r);
	while (!e) {
		e = next_piece(r, letter != 'y', &piece, &size);
		if (e)
			break;
		if (letter == 's' && memchr(piece, 0, size))
			return unpack_fail(u, TERN_CBOR_E_NUL);
		total += size;
	}
	if (e < 0)
		return error_trace(e);
	e = tern_cbor_leave(r);
	if (e)
		return error_trace(e);
	*ret = (struct string){start, total, (size_t)(r->at - start)};
	return 0;
}

static int
take_whole(struct unpacker *u, char letter, struct string *ret)
{
	const void *bytes;
	const char *text;
	size_t size;
	int e;

	if (letter == 'y') {
		e = tern_cbor_get_bytes(&u->reader, &bytes, &size);
	} else {
		e = tern_cbor_get_text(&u->reader, &text, &size);
		bytes = e ? NULL : text;
	}
	if (e)
		return error_trace(e);
	if (letter == 's' && memchr(bytes, 0, size))
		return unpack_fail(u, TERN_CBOR_E_NUL);
	*ret = (struct string){bytes, size, 0};
	return 0;
}

/*
 * A head is at least a byte, so that a string and its NUL need no more memory
 * than the item has bytes; that is the promise of the `memory` hook.
 */
static int
take_string(struct unpacker *u, char letter, struct string *ret)
{
	int type = letter == 'y' ? TERN_CBOR_BYTES : TERN_CBOR_TEXT;
	bool in_pieces = tern_cbor_peek(&u->reader) == type &&
		u->reader.info == CBOR_INFO_INDEFINITE;
	int e;

	e = in_pieces ? take_pieces(u, letter, ret) : take_whole(u, letter, ret);
	if (e)
		return error_trace(e);
	if (letter == 's')
		u->memory_needed += ret->size + 1;
	else if (in_pieces)
		u->memory_needed += ret->size;
	return 0;
}

static int
take_item(struct unpacker *u, struct string *ret)
{
	const void *bytes;
	size_t size;
	int e = tern_cbor_get_raw(&u->reader, &bytes, &size);

	if (e)
		return error_trace(e);
	*ret = (struct string){bytes, size, 0};
	return 0;
}

/* -------- nodes -------- */

static int
take_scalar(struct unpacker *u, char letter, struct slot *slot)
{
	bool b;
	int e;

	switch (letter) {
	case 'b':
		e = tern_cbor_get_bool(&u->reader, &b);
		slot->i = e ? 0 : b;
		return error_trace(e);
	case 'i':
		return error_trace(tern_cbor_get_int(&u->reader, &slot->i));
	case 'u':
		return error_trace(take_unsigned(u, &slot->u));
	case 'd':
		return error_trace(take_double(u, &slot->d));
	case 'h':
		return error_trace(take_descriptor(u, &slot->i));
	case 'n':
		return error_trace(tern_cbor_get_null(&u->reader));
	case 'v':
		return error_trace(take_item(u, &slot->s));
	default: /* s t y */
		return error_trace(take_string(u, letter, &slot->s));
	}
}

/* An array of any number: look at every element now, set them all later. */
static int
take_elements(struct unpacker *u, char element, struct slot *slot)
{
	struct tern_cbor_reader *r = &u->reader;
	const size_t *room = slot->ret_size;
	struct slot ignored = {0};
	const uint8_t *start;
	size_t n = 0;
	uint64_t item;
	int e, type;

	(void)tern_cbor_peek(r); /* for where it is; the next line has the answer */
	item = r->item;
	start = r->start + item;
	e = tern_cbor_enter_array(r, NULL);
	if (e)
		return error_trace(e);
	while ((type = tern_cbor_peek(r)) > 0) {
		e = take_scalar(u, element, &ignored);
		if (e)
			return error_trace(e);
		n++;
	}
	if (type < 0)
		return error_trace(type);
	if (n > *room)
		return cbor_reader_fail(r, TERN_CBOR_E_LENGTH, item);
	e = tern_cbor_leave(r);
	slot->s = (struct string){start, n, (size_t)(r->at - start)};
	return error_trace(e);
}

/* The next item of the data is this node's. */
static int
take_node(struct unpacker *u, uint8_t index)
{
	const struct format_node *node = &u->format.nodes[index];
	struct slot *slot = &u->slots[index];
	int e;

	u->node = index;
	slot->is_seen = true;
	if (node->is_optional && node->letter != 'n' && node->letter != 'v' &&
		tern_cbor_peek(&u->reader) == TERN_CBOR_NULL)
		return error_trace(tern_cbor_skip(&u->reader));
	if (node->letter == '[') {
		u->next_child[index] = index + 1;
		e = tern_cbor_enter_array(&u->reader, NULL);
	} else if (node->letter == '{') {
		e = tern_cbor_enter_map(&u->reader, NULL);
	} else {
		e = node->letter == '*' ? take_elements(u, node->element, slot)
					: take_scalar(u, node->letter, slot);
	}
	if (e)
		return error_trace(e);
	slot->is_found = true;
	if (node->letter == '[' || node->letter == '{')
		u->open = index;
	return 0;
}

/* -------- containers -------- */

static int
close_container(struct unpacker *u)
{
	u->open = u->format.nodes[u->open].parent;
	return error_trace(tern_cbor_leave(&u->reader));
}

static int
step_array(struct unpacker *u)
{
	uint8_t array = u->open, child = u->next_child[array];
	bool is_last = child == u->format.nodes[array].next;
	int type = tern_cbor_peek(&u->reader);

	if (type < 0)
		return error_trace(type);
	u->node = array;
	if ((type == TERN_CBOR_END) != is_last)
		return unpack_fail(u, TERN_CBOR_E_LENGTH);
	if (is_last)
		return error_trace(close_container(u));
	u->next_child[array] = u->format.nodes[child].next;
	return error_trace(take_node(u, child));
}

static int
end_map(struct unpacker *u)
{
	uint8_t map = u->open;

	for (uint8_t i = map + 1; i < u->format.nodes[map].next; i = u->format.nodes[i].next) {
		if (u->slots[i].is_seen || u->format.nodes[i].is_optional)
			continue;
		u->node = i;
		return unpack_fail(u, TERN_CBOR_E_MISSING);
	}
	return error_trace(close_container(u));
}

/* The member with this name; FORMAT_NO_PARENT if the format does not have it. */
static uint8_t
find_member(const struct unpacker *u, const char *name, size_t size)
{
	const struct format_node *nodes = u->format.nodes;

	for (uint8_t i = u->open + 1; i < nodes[u->open].next; i = nodes[i].next)
		if (nodes[i].name_size == size && memcmp(nodes[i].name, name, size) == 0)
			return i;
	return FORMAT_NO_PARENT;
}

static int
step_map(struct unpacker *u)
{
	struct tern_cbor_reader *r = &u->reader;
	uint8_t member = FORMAT_NO_PARENT;
	const char *name;
	size_t size;
	int e, type = tern_cbor_peek(r);

	u->node = u->open;
	if (type == TERN_CBOR_END)
		return error_trace(end_map(u));
	if (type == TERN_CBOR_TEXT) {
		if (r->info == CBOR_INFO_INDEFINITE)
			return unpack_fail(u, TERN_CBOR_E_KEY);
		e = tern_cbor_get_text(r, &name, &size);
		if (!e)
			member = find_member(u, name, size);
	} else {
		e = tern_cbor_skip(r);
	}
	if (e)
		return error_trace(e);
	if (member == FORMAT_NO_PARENT)
		return error_trace(tern_cbor_skip(r));
	u->node = member;
	if (u->slots[member].is_seen)
		return unpack_fail(u, TERN_CBOR_E_DUPLICATE);
	return error_trace(take_node(u, member));
}

static int
take_all(struct unpacker *u)
{
	int e = 0;

	u->open = FORMAT_NO_PARENT;
	if (u->format.n_nodes > 0)
		e = take_node(u, 0);
	while (!e && u->open != FORMAT_NO_PARENT)
		e = u->format.nodes[u->open].letter == '[' ? step_array(u) : step_map(u);
	if (e)
		return error_trace(e);
	u->node = 0;
	return error_trace(tern_cbor_reader_finish(&u->reader));
}

/* -------- outputs -------- */

/* Fetch where everything goes; -EINVAL for what cannot work with any data. */
static int
fetch_outputs(struct unpacker *u, va_list *ap)
{
	const struct tern_cbor_hooks *hooks = u->hooks;
	struct tern_error *error = hooks ? hooks->error : NULL;

	for (uint8_t i = 0; i < u->format.n_nodes; i++) {
		const struct format_node *node = &u->format.nodes[i];
		struct slot *slot = &u->slots[i];
		bool has_size = strchr("tyv*", node->letter);

		slot->is_seen = slot->is_found = false;
		if (strchr("n[{", node->letter))
			continue;
		slot->ret = va_arg(*ap, void *);
		slot->ret_size = has_size ? va_arg(*ap, void *) : NULL;
		if ((node->letter == 's' || node->element == 's') && (!hooks || !hooks->memory))
			return format_argument_error(error, node, "there is no memory for strings");
		if (node->letter == 'h' && (!hooks || !hooks->descriptor))
			return format_argument_error(error, node, "there are no descriptors here");
		if (node->letter == '*' && !slot->ret_size)
			return format_argument_error(error, node, "how many there is room for is not said");
	}
	return 0;
}

/*
 * The string where it shall be: in the buffer, or joined and terminated in memory.
 * NULL: the buffer has changed since it was checked, and there is no room for this.
 */
static const void *
place_string(struct unpacker *u, const struct string *s, char letter)
{
	char *place = u->memory;
	struct tern_cbor_reader r;
	const void *piece;
	size_t size, room = s->size;

	if (letter != 's' && s->raw_size == 0)
		return s->bytes;
	if ((size_t)(u->memory_end - u->memory) < s->size + (letter == 's'))
		return NULL;
	if (s->raw_size == 0) {
		memcpy(place, s->bytes, s->size);
	} else {
		tern_cbor_reader_init(&r, s->bytes, s->raw_size);
		(void)tern_cbor_enter_string(&r); /* was walked before */
		while (next_piece(&r, letter != 'y', &piece, &size) == 0 && size <= room) {
			memcpy(place + (s->size - room), piece, size);
			room -= size;
		}
	}
	u->memory += s->size;
	if (letter == 's')
		*u->memory++ = '\0';
	return place;
}

static void
set_element(struct unpacker *u, struct slot *value, char element, void *ret, size_t i)
{
	switch (element) {
	case 'b':
		((bool *)ret)[i] = value->i != 0;
		break;
	case 'i':
		((int64_t *)ret)[i] = value->i;
		break;
	case 'u':
		((uint64_t *)ret)[i] = value->u;
		break;
	case 'd':
		((double *)ret)[i] = value->d;
		break;
	default:
		((const char **)ret)[i] = place_string(u, &value->s, 's');
	}
}

static void
set_elements(struct unpacker *u, const struct slot *slot, char element)
{
	size_t n = slot->s.size;

	*(size_t *)slot->ret_size = n;
	if (!slot->ret)
		return;
	tern_cbor_reader_init(&u->reader, slot->s.bytes, slot->s.raw_size);
	(void)tern_cbor_enter_array(&u->reader, NULL); /* was walked before */
	for (size_t i = 0; i < n; i++) {
		struct slot value = {0};

		if (take_scalar(u, element, &value) < 0)
			break;
		set_element(u, &value, element, slot->ret, i);
	}
}

static void
set_string(struct unpacker *u, const struct slot *slot, char letter)
{
	if (slot->ret)
		*(const void **)slot->ret = place_string(u, &slot->s, letter);
	if (slot->ret_size)
		*(size_t *)slot->ret_size = slot->s.size;
}

static void
set_output(struct unpacker *u, uint8_t index)
{
	const struct format_node *node = &u->format.nodes[index];
	struct slot *slot = &u->slots[index];

	if (node->letter == '*') {
		set_elements(u, slot, node->element);
		return;
	}
	if (strchr("styv", node->letter)) {
		set_string(u, slot, node->letter);
		return;
	}
	if (!slot->ret)
		return;
	switch (node->letter) {
	case 'b':
		*(bool *)slot->ret = slot->i != 0;
		break;
	case 'i':
		*(int64_t *)slot->ret = slot->i;
		break;
	case 'u':
		*(uint64_t *)slot->ret = slot->u;
		break;
	case 'd':
		*(double *)slot->ret = slot->d;
		break;
	case 'h':
		*(int *)slot->ret = (int)slot->i;
		break;
	default: /* n [ { set nothing */
		break;
	}
}

/* -------- all of it -------- */

static void
describe(const struct unpacker *u, struct tern_error *error)
{
	const struct tern_cbor_fault *fault = &u->reader.fault;
	const struct format_node *node = u->format.n_nodes ? &u->format.nodes[u->node] : NULL;
	bool has_name = node && node->name_size > 0;

	if (!error)
		return;
	(void)snprintf(error->name, sizeof(error->name), "%s", tern_cbor_fault_name(fault->code));
	(void)snprintf(error->text, sizeof(error->text), "byte %llu%s%.*s%s: %s",
		(unsigned long long)fault->offset, has_name ? ", member \"" : "",
		has_name ? (int)MIN(node->name_size, 64) : 0, has_name ? node->name : "",
		has_name ? "\"" : "", tern_cbor_fault_text(fault->code));
}

static int
set_outputs(struct unpacker *u)
{
	if (u->memory_needed > 0) {
		u->memory = u->hooks->memory(u->hooks->user, u->memory_needed);
		if (!u->memory)
			return -ENOMEM;
		u->memory_end = u->memory + u->memory_needed;
	}
	for (uint8_t i = 0; i < u->format.n_nodes; i++)
		if (u->slots[i].is_found)
			set_output(u, i);
	return 0;
}

_public_ int
tern_cbor_unpackv(const void *buf, size_t size, const struct tern_cbor_hooks *hooks,
	const char *format, va_list ap)
{
	struct tern_error *error = hooks ? hooks->error : NULL;
	struct unpacker u; /* large: only what the format has is ever set and read */
	va_list outputs;
	size_t at;
	int e;

	u.hooks = hooks;
	u.node = 0;
	u.memory_needed = 0;
	u.memory = u.memory_end = NULL;
	tern_cbor_reader_init(&u.reader, buf, size);
	e = format_parse(&u.format, format, &at);
	if (e)
		return format_error(error, format, at);
	va_copy(outputs, ap);
	e = fetch_outputs(&u, &outputs);
	va_end(outputs);
	if (e)
		return error_trace(e);
	e = take_all(&u);
	if (e) {
		describe(&u, error);
		return error_trace(e);
	}
	return error_trace(set_outputs(&u));
}

/* The memory hook of tern_cbor_unpack(). */
static void *
strings_take(void *user, size_t size)
{
	struct tern_cbor_strings *strings = user;
	char *place;

	if (size > strings->size - strings->used)
		return NULL;
	place = strings->buf + strings->used;
	strings->used += size;
	return place;
}

_public_ int
tern_cbor_unpack(const void *buf, size_t size, struct tern_cbor_strings *strings, const char *format, ...)
{
	struct tern_cbor_hooks hooks = {.user = strings, .memory = strings ? strings_take : NULL};
	va_list ap;
	int e;

	va_start(ap, format);
	e = tern_cbor_unpackv(buf, size, &hooks, format, ap);
	va_end(ap);
	return e == -ENOMEM ? -ENOBUFS : error_trace(e);
}
