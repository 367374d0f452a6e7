/* SPDX-License-Identifier: MIT */

/*
 * cbor-unpack-output: where the values go, and putting them there
 */

#include <stdio.h>

#include "base/attribute.h"
#include "wire/cbor-unpack.h"

/* How many output arguments a letter has. */
static unsigned
count_outputs(char letter)
{
	switch (letter) {
	case 'n':
	case 'p':
	case '[':
	case '{':
		return 0;
	case 't':
	case 'y':
	case 'v':
	case '*':
		return 2;
	default:
		return 1;
	}
}

/* What is wrong with unpacking this node, whatever the data are; NULL: nothing. */
static const char *
find_lack(const struct unpacker *u, const struct format_node *node, const struct slot *slot)
{
	const struct tern_cbor_hooks *hooks = u->hooks;

	if ((node->letter == 's' || node->element == 's') && (!hooks || !hooks->memory))
		return "there is no memory for strings";
	if (node->letter == 'h' && (!hooks || !hooks->descriptor))
		return "there are no descriptors here";
	if (node->letter == 'f' && !slot->fn)
		return "there is no function";
	if (node->letter == 'p')
		return "p is to pack; y unpacks it";
	if (node->letter == '*' && !slot->ret_size)
		return "how many there is room for is not said";
	return NULL;
}

int
unpack_fetch_outputs(struct unpacker *u, va_list *ap)
{
	for (uint8_t i = 0; i < u->format.n_nodes; i++) {
		const struct format_node *node = &u->format.nodes[i];
		struct slot *slot = &u->slots[i];
		unsigned n = count_outputs(node->letter);
		const char *lack;

		slot->is_seen = slot->is_found = false;
		slot->fn = node->letter == 'f' ? va_arg(*ap, tern_cbor_get_fn *) : NULL;
		slot->ret = n > 0 ? va_arg(*ap, void *) : NULL;
		slot->ret_size = n > 1 ? va_arg(*ap, void *) : NULL;
		lack = find_lack(u, node, slot);
		if (lack)
			return format_argument_error(u->hooks ? u->hooks->error : NULL, node, lack);
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

	if (letter != 's' && (s->raw_size == 0 || s->size == 0))
		return s->bytes;
	if ((size_t)(u->memory_end - u->memory) < s->size + (letter == 's'))
		return NULL;
	if (s->raw_size == 0) {
		memcpy(place, s->bytes, s->size);
	} else {
		tern_cbor_reader_init(&r, s->bytes, s->raw_size);
		(void)tern_cbor_enter_string(&r); /* was walked before */
		while (unpack_next_piece(&r, letter != 'y', &piece, &size) == 0 && size <= room) {
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

		if (unpack_scalar(u, element, &value) < 0)
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
set_scalar(const struct slot *slot, char letter)
{
	switch (letter) {
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
	default: /* h */
		*(int *)slot->ret = (int)slot->i;
	}
}

static void
set_output(struct unpacker *u, uint8_t index)
{
	const struct format_node *node = &u->format.nodes[index];
	struct slot *slot = &u->slots[index];

	switch (node->letter) {
	case '*':
		set_elements(u, slot, node->element);
		return;
	case 's':
	case 't':
	case 'y':
	case 'v':
		set_string(u, slot, node->letter);
		return;
	case 'f':
		return; /* before */
	default:
		if (slot->ret)
			set_scalar(slot, node->letter);
	}
}

static void
memory_error(struct tern_error *error, size_t size)
{
	if (!error)
		return;
	(void)snprintf(error->name, sizeof(error->name), "tern.cbor.Memory");
	(void)snprintf(
		error->text, sizeof(error->text), "no %zu bytes of memory for strings", size);
}

/* call_function() - of f, with the item that it is for */
static int
call_function(struct unpacker *u, uint8_t index)
{
	struct slot *slot = &u->slots[index];
	struct tern_error *error = u->hooks ? u->hooks->error : NULL;
	struct tern_cbor_reader r;
	int e;

	if (error)
		*error->name = '\0';
	tern_cbor_reader_init(&r, slot->s.bytes, slot->s.size);
	r.hooks = u->hooks;
	e = slot->fn(&r, slot->ret);
	if (!e)
		e = tern_cbor_reader_finish(&r);
	u->node = index;
	if (e == -EBADMSG && !(error && *error->name)) /* unless by a format in there */
		unpack_describe(u, &r.fault);
	return error_trace(e);
}

static int
call_functions(struct unpacker *u)
{
	int e = 0;

	for (uint8_t i = 0; i < u->format.n_nodes && !e; i++)
		if (u->slots[i].fn && u->slots[i].is_found)
			e = call_function(u, i);
	return error_trace(e);
}

int
unpack_set_outputs(struct unpacker *u)
{
	int e = call_functions(u);

	if (e)
		return error_trace(e);
	if (u->memory_needed > 0) {
		u->memory = u->hooks->memory(u->hooks->user, u->memory_needed);
		if (!u->memory) {
			memory_error(u->hooks->error, u->memory_needed);
			return -ENOMEM;
		}
		u->memory_end = u->memory + u->memory_needed;
	}
	for (uint8_t i = 0; i < u->format.n_nodes; i++)
		if (u->slots[i].is_found)
			set_output(u, i);
	return 0;
}
