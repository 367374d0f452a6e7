/* SPDX-License-Identifier: MIT */

/*
 * generate-c-type: what types are in C, and in formats (<tern/cbor.h>)
 *
 * What may be missing is a pointer, NULL where it is; a string is one already, and bytes have one inside. That
 * also is how types hold themselves.
 */

#include "base/attribute.h"
#include "cli/generate-c.h"

#define LONG_STRUCT 60 /* fields: a format has TERN_CBOR_MAX_VALUES at most */

/* Kinds without a name of their own. */
static const struct {
	const char *type;     /* to be followed by a name */
	const char *function; /* behind "put_" and "get_" */
	char letter;
	bool in_array;	     /* *X packs an array of them */
	bool has_null;	     /* a missing one is told by itself */
	const char *missing; /* in place of one that is not there */
} KINDS[N_KINDS] = {
	[KIND_BOOL] = {"bool ", "bool", 'b', true, false, "0"},
	[KIND_INT] = {"int64_t ", "int", 'i', true, false, "0"},
	[KIND_UINT] = {"uint64_t ", "uint", 'u', true, false, "0"},
	[KIND_FLOAT] = {"double ", "float", 'd', true, false, "0"},
	[KIND_STRING] = {"const char *", "string", 's', true, true, NULL},
	[KIND_BYTES] = {"struct tern_bytes ", "bytes", 'y', false, true, NULL},
	[KIND_FD] = {"int ", "fd", 'h', false, false, "-1"},
	[KIND_OBJECT] = {"struct tern_bytes ", "any", 'v', false, true, NULL},
	[KIND_ANY] = {"struct tern_bytes ", "any", 'v', false, true, NULL},
};

const struct interface_type *
c_type(const struct c_generator *g, const struct interface_type *type)
{
	return type->kind == KIND_NAMED ? &type_member(g->i, type)->types[0] : type;
}

bool
c_is_pointer(const struct c_generator *g, const struct interface_type *type)
{
	return type->is_optional && !KINDS[c_type(g, type)->kind].has_null;
}

void
c_put_type(struct c_generator *g, const struct interface_type *type, bool is_value)
{
	const struct interface_type *t = c_type(g, type);
	bool is_pointer = !is_value && c_is_pointer(g, type);

	(void)fputs(is_pointer ? "const " : "", g->out); /* a failure stays in the stream, as everywhere here */
	if (t->kind < KIND_STRUCT)
		(void)fputs(KINDS[t->kind].type, g->out);
	else
		c_print(g, "%s %s ", t->kind == KIND_ENUM ? "enum" : "struct", c_name(g, t));
	(void)fputs(is_pointer ? "*" : "", g->out);
}

const char *
c_function(const struct c_generator *g, const struct interface_type *type)
{
	const struct interface_type *t = c_type(g, type);

	return t->kind < KIND_STRUCT ? KINDS[t->kind].function : c_name(g, t);
}

bool
c_needs_nothing(const struct c_generator *g, const struct interface_type *type)
{
	const struct interface_field *field = type_fields(g->i, type);

	while (field && field->type.is_optional)
		field = field_next(g->i, field);
	return !field;
}

bool
c_has_text(const struct c_generator *g, const struct interface_type *type)
{
	const struct interface_field *field = type_fields(g->i, type);

	while (field && (strcmp(interface_name(g->i, &field->item), "text") != 0 || field->type.kind != KIND_STRING))
		field = field_next(g->i, field);
	return field != NULL;
}

bool
c_is_stream(const struct interface_member *m)
{
	return m->types[METHOD_IN_STREAM].kind != KIND_NONE || m->types[METHOD_OUT_STREAM].kind != KIND_NONE;
}

bool
c_is_long(const struct interface_type *type)
{
	return type->n > LONG_STRUCT;
}

/* -------- uses -------- */

static uint8_t *
uses_of(struct c_generator *g, const struct interface_type *type)
{
	const struct interface_type *t = c_type(g, type);

	if (t->kind < KIND_STRUCT)
		return &g->kinds[t->kind == KIND_OBJECT ? KIND_ANY : t->kind];
	return &g->uses[((const char *)t - (const char *)g->i) / 4];
}

uint8_t
c_uses(struct c_generator *g, const struct interface_type *type)
{
	return *uses_of(g, type);
}

bool
c_mark(struct c_generator *g, const struct interface_type *type, uint8_t mark)
{
	uint8_t *uses = uses_of(g, type);
	bool was = *uses & mark;

	*uses |= mark;
	return !was;
}

/* is_direct() - to unpack it, a letter is enough */
static bool
is_direct(const struct c_generator *g, const struct interface_type *type)
{
	return KINDS[c_type(g, type)->kind].letter && !c_is_pointer(g, type);
}

bool
c_is_packed(const struct c_generator *g, const struct interface_type *array)
{
	const struct interface_type *element = type_elements(g->i, array);

	return KINDS[element->kind].in_array && !element->is_optional;
}

char
c_letter(const struct interface_type *type)
{
	return KINDS[type->kind].letter;
}

/* How a field is packed. */
enum way {
	WAY_LETTER,
	WAY_WORD,     /* of an enum */
	WAY_ARRAY,    /* *X */
	WAY_FUNCTION, /* f */
};

static enum way
way_of(const struct c_generator *g, const struct interface_type *type, bool may_lend)
{
	const struct interface_type *t = c_type(g, type);

	if (t->kind == KIND_ENUM)
		return WAY_WORD;
	if (t->kind == KIND_BYTES && may_lend)
		return WAY_FUNCTION;
	if (t->kind == KIND_ARRAY && !type->is_optional && c_is_packed(g, t))
		return WAY_ARRAY;
	return KINDS[t->kind].letter ? WAY_LETTER : WAY_FUNCTION;
}

static void mark_put(struct c_generator *g, const struct interface_type *type, bool may_be_missing);
static void mark_get(struct c_generator *g, const struct interface_type *type, bool may_be_missing);

/* mark_put_fields() - a field that may be missing is looked at before, so that its function need not */
static void
mark_put_fields(struct c_generator *g, const struct interface_type *t, bool may_lend)
{
	const struct interface_field *field = type_fields(g->i, t);

	for (; field; field = field_next(g->i, field))
		if (way_of(g, &field->type, may_lend) == WAY_FUNCTION)
			mark_put(g, &field->type, false);
}

static void
mark_get_fields(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_field *field = type_fields(g->i, t);

	for (; field; field = field_next(g->i, field))
		if (!is_direct(g, &field->type))
			mark_get(g, &field->type, c_is_pointer(g, &field->type));
}

/* mark() - Return: was it not marked before? */
static bool
mark(struct c_generator *g, const struct interface_type *type, uint8_t use, uint8_t missing)
{
	uint8_t *uses = uses_of(g, type), before = *uses;

	*uses |= use | missing;
	return !(before & use);
}

static void
mark_put(struct c_generator *g, const struct interface_type *type, bool may_be_missing)
{
	const struct interface_type *t = c_type(g, type);

	if (!mark(g, type, C_PUT, may_be_missing ? C_PUT_OPTIONAL : 0))
		return;
	if (t->kind == KIND_STRUCT)
		mark_put_fields(g, t, true);
	else if (t->kind == KIND_MAP || (t->kind == KIND_ARRAY && !c_is_packed(g, t)))
		mark_put(g, type_elements(g->i, t), type_elements(g->i, t)->is_optional);
}

static void
mark_get(struct c_generator *g, const struct interface_type *type, bool may_be_missing)
{
	const struct interface_type *t = c_type(g, type);

	if (!mark(g, type, C_GET, may_be_missing ? C_GET_OPTIONAL : 0))
		return;
	if (t->kind == KIND_STRUCT)
		mark_get_fields(g, t);
	else if (t->kind == KIND_MAP || t->kind == KIND_ARRAY)
		mark_get(g, type_elements(g->i, t), type_elements(g->i, t)->is_optional);
}

/* mark_payload() - of what a message carries: its own functions are needed only where it is long */
static void
mark_payload(struct c_generator *g, const struct interface_type *t, bool may_lend)
{
	if (c_is_long(t)) {
		mark_put(g, t, false);
		mark_get(g, t, false);
	} else {
		mark_put_fields(g, t, false);
		mark_get_fields(g, t);
		if (may_lend)
			mark_put_fields(g, t, true);
	}
}

void
c_mark_uses(struct c_generator *g)
{
	const struct interface_member *m = interface_members(g->i);

	for (; m; m = member_next(g->i, m)) {
		if (m->kind == MEMBER_METHOD) {
			mark_payload(g, &m->types[METHOD_IN], true);
			for (uint8_t k = METHOD_IN_STREAM; k < N_METHOD_TYPES; k++)
				if (m->types[k].kind != KIND_NONE)
					mark_payload(g, &m->types[k], c_has_bytes(g, &m->types[k]));
		} else if (m->kind != MEMBER_TYPE)
			mark_payload(g, &m->types[0], m->kind == MEMBER_EVENT);
	}
}

/* A type that holds itself has its bytes, if any, where it was looked at first. */
static bool
find_bytes(const struct c_generator *g, const struct interface_type *type, uint32_t depth)
{
	const struct interface_type *t = c_type(g, type);
	const struct interface_field *field = t->kind == KIND_STRUCT ? type_fields(g->i, t) : NULL;

	if (depth > 4)
		return true; /* or so deep that nobody knows */
	for (; field; field = field_next(g->i, field))
		if (find_bytes(g, &field->type, depth + 1))
			return true;
	if (t->kind == KIND_ARRAY || t->kind == KIND_MAP)
		return find_bytes(g, type_elements(g->i, t), depth + 1);
	return t->kind == KIND_BYTES;
}

bool
c_has_bytes(const struct c_generator *g, const struct interface_type *type)
{
	return find_bytes(g, type, 0);
}

/* -------- formats -------- */

void
c_put_presence(struct c_generator *g, const struct interface_field *field)
{
	uint8_t kind = c_type(g, &field->type)->kind;
	const char *name = c_name(g, field);

	if (kind == KIND_BYTES)
		c_print(g, "v->%s.data || v->%s.lend", name, name);
	else if (kind == KIND_ANY || kind == KIND_OBJECT)
		c_print(g, "v->%s.data != NULL", name);
	else
		c_print(g, "v->%s != NULL", name);
}

static void
put_letter(struct c_generator *g, const struct interface_type *type, bool may_lend)
{
	const struct interface_type *t = c_type(g, type);

	switch (way_of(g, type, may_lend)) {
	case WAY_LETTER:
		(void)fputc(KINDS[t->kind].letter, g->out);
		break;
	case WAY_WORD:
		(void)fputc('s', g->out);
		break;
	case WAY_ARRAY:
		c_print(g, "*%c", KINDS[type_elements(g->i, t)->kind].letter);
		break;
	default:
		(void)fputc('f', g->out);
	}
}

static void
put_argument(struct c_generator *g, const struct interface_field *field, bool may_lend)
{
	const struct interface_type *type = &field->type, *t = c_type(g, type);
	bool is_pointer = c_is_pointer(g, type);
	const char *name = c_name(g, field);

	switch (way_of(g, type, may_lend)) {
	case WAY_LETTER:
		if (t->kind == KIND_BYTES || t->kind == KIND_ANY || t->kind == KIND_OBJECT)
			c_print(g, ", v->%s.data, v->%s.size", name, name);
		else if (is_pointer)
			c_print(g, ", v->%s ? *v->%s : %s", name, name, KINDS[t->kind].missing);
		else
			c_print(g, ", v->%s", name);
		break;
	case WAY_WORD:
		if (is_pointer)
			c_print(g, ", v->%s ? %s_to_string(*v->%s) : NULL", name, c_name(g, t), name);
		else
			c_print(g, ", %s_to_string(v->%s)", c_name(g, t), name);
		break;
	case WAY_ARRAY:
		c_print(g, ", v->%s.items, v->%s.n", name, name);
		break;
	default:
		c_print(g, ", put_%s, %sv->%s", c_function(g, type), is_pointer ? "" : "&", name);
	}
}

void
c_put_field_pack(struct c_generator *g, const struct interface_field *field)
{
	(void)fputc('"', g->out);
	put_letter(g, &field->type, true);
	(void)fputc('"', g->out);
	put_argument(g, field, true);
}

static void
put_format(struct c_generator *g, const struct interface_type *type, const char *before, bool may_lend)
{
	const struct interface_field *field = type_fields(g->i, type);

	c_print(g, ", \"{%s", before);
	for (; field; field = field_next(g->i, field)) {
		c_print(g, "%s%s%s:", field->item.order || *before ? "," : "",
			field->type.is_optional ? "?" : "", interface_name(g->i, &field->item));
		put_letter(g, &field->type, may_lend);
	}
	(void)fputs("}\"", g->out);
	if (*before)
		(void)fputs(", text", g->out);
	for (field = type_fields(g->i, type); field; field = field_next(g->i, field)) {
		if (field->type.is_optional) {
			(void)fputs(", ", g->out);
			c_put_presence(g, field);
		}
		put_argument(g, field, may_lend);
	}
}

void
c_put_pack(struct c_generator *g, const struct interface_type *type, const char *before, bool may_lend)
{
	const struct interface_field *field = type_fields(g->i, type);

	if (c_is_long(type) && !*before) {
		c_print(g, ", \"f\", put_%s, v", c_function(g, type));
		return;
	}
	if (!field && !*before)
		(void)fputs(", NULL", g->out);
	else
		put_format(g, type, before, may_lend);
}

void
c_put_pack_all(struct c_generator *g, const struct interface_type *type)
{
	put_format(g, type, "", true);
}
/* -------- the way back -------- */

void
c_put_unpack_some(struct c_generator *g, const struct interface_field *field, size_t n)
{
	const struct interface_field *f = field;

	(void)fputs(", \"{", g->out);
	for (size_t k = 0; f && k < n; f = field_next(g->i, f), k++)
		c_print(g, "%s%s%s:%c", k ? "," : "", f->type.is_optional ? "?" : "",
			interface_name(g->i, &f->item),
			is_direct(g, &f->type) ? KINDS[c_type(g, &f->type)->kind].letter : 'f');
	(void)fputs("}\"", g->out);
	for (f = field; f && n > 0; f = field_next(g->i, f), n--) {
		const char *name = c_name(g, f);
		uint8_t kind = c_type(g, &f->type)->kind;

		if (!is_direct(g, &f->type))
			c_print(g, ", %sget_%s, &v->%s", c_is_pointer(g, &f->type) ? "opt_" : "",
				c_function(g, &f->type), name);
		else if (kind == KIND_BYTES || kind == KIND_ANY || kind == KIND_OBJECT)
			c_print(g, ", &v->%s.data, &v->%s.size", name, name);
		else
			c_print(g, ", &v->%s", name);
	}
}

void
c_put_unpack(struct c_generator *g, const struct interface_type *type)
{
	if (c_is_long(type))
		c_print(g, ", \"f\", get_%s, v", c_function(g, type));
	else
		c_put_unpack_some(g, type_fields(g->i, type), type->n);
}
