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
#include "wire/cbor-flat.h"
#include "wire/cbor-unpack.h"

/* -------- nodes -------- */

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
		e = unpack_scalar(u, element, &ignored);
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
					: unpack_scalar(u, node->letter, slot);
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

/* -------- all of it -------- */

void
unpack_describe(const struct unpacker *u, const struct tern_cbor_fault *fault)
{
	struct tern_error *error = u->hooks ? u->hooks->error : NULL;
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

int
cbor_unpack_cursor(const void *buf, size_t size, const struct tern_cbor_hooks *hooks, const char *format, va_list ap)
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
	e = unpack_fetch_outputs(&u, &outputs);
	va_end(outputs);
	if (e)
		return error_trace(e);
	e = take_all(&u);
	if (e) {
		if (e == -EBADMSG) /* else who has the part told it */
			unpack_describe(&u, &u.reader.fault);
		return error_trace(e);
	}
	return error_trace(unpack_set_outputs(&u));
}

_public_ int
tern_cbor_unpackv(const void *buf, size_t size, const struct tern_cbor_hooks *hooks,
	const char *format, va_list ap)
{
	if (likely(cbor_unpack_flat(buf, size, hooks, format, ap)))
		return 0;
	return cbor_unpack_cursor(buf, size, hooks, format, ap);
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
tern_cbor_unpack(
	const void *buf, size_t size, struct tern_cbor_strings *strings, const char *format, ...)
{
	struct tern_cbor_hooks hooks = {.user = strings, .memory = strings ? strings_take : NULL};
	va_list ap;
	int e;

	va_start(ap, format);
	e = tern_cbor_unpackv(buf, size, &hooks, format, ap);
	va_end(ap);
	return e == -ENOMEM ? -ENOBUFS : error_trace(e);
}
