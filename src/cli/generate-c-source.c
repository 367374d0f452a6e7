/* SPDX-License-Identifier: MIT */

/*
 * generate-c-source: functions of types, for the f of formats
 *
 * put_X() writes one X, get_X() reads one; those with opt_ one that may be missing. Only what is needed is
 * written, since compilers complain of the rest.
 */

#include "base/attribute.h"
#include "cli/generate-c.h"

static const struct {
	const char *name;
	uint8_t kind;
	const char *put, *get; /* what their functions do */
} BASICS[] = {
	{"bool", KIND_BOOL, "tern_cbor_put_bool(w, *(const bool *)value);", "\"b\", ret"},
	{"int", KIND_INT, "tern_cbor_put_int(w, *(const int64_t *)value);", "\"i\", ret"},
	{"uint", KIND_UINT, "tern_cbor_put_uint(w, *(const uint64_t *)value);", "\"u\", ret"},
	{"float", KIND_FLOAT, "tern_cbor_put_double(w, *(const double *)value);", "\"d\", ret"},
	{"string", KIND_STRING, "(void)tern_cbor_pack(w, \"s\", *(const char *const *)value);", "\"s\", ret"},
	{"fd", KIND_FD, "(void)tern_cbor_pack(w, \"h\", *(const int *)value);", "\"h\", ret"},
	{"bytes", KIND_BYTES,
		"const struct tern_bytes *v = value;\n\n"
		"\tif (v->lend)\n\t\t(void)tern_cbor_pack(w, \"p\", v->size, v->lend);\n"
		"\telse\n\t\t(void)tern_cbor_pack(w, \"y\", v->data, v->size);",
		"\"y\", &v->data, &v->size"},
	{"any", KIND_ANY,
		"const struct tern_bytes *v = value;\n\n\t(void)tern_cbor_pack(w, \"v\", v->data, v->size);",
		"\"v\", &v->data, &v->size"},
};

static void
begin_put(struct c_generator *g, const char *before, const char *name)
{
	c_print(g, "static void\n%sput_%s(struct tern_cbor_writer *w, const void *value)\n{\n", before,
		name); /* a failure stays in the stream, as everywhere here */
}

static void
begin_get(struct c_generator *g, const char *before, const char *name)
{
	c_print(g, "static int\n%sget_%s(struct tern_cbor_reader *r, void *ret)\n{\n", before, name);
}

/* -------- what may be missing -------- */

static void
write_optional_put(struct c_generator *g, const struct interface_type *type)
{
	struct interface_type t = *type;
	const char *name = c_function(g, type);

	t.is_optional = true;
	begin_put(g, "opt_", name);
	if (type->kind == KIND_ANY || type->kind == KIND_BYTES) {
		c_print(g, "\tconst struct tern_bytes *v = value;\n\n\tif (v->data%s)\n\t\tput_%s(w, v);\n",
			type->kind == KIND_BYTES ? " || v->lend" : "", name);
	} else if (type->kind == KIND_STRING) {
		c_print(g, "\tif (*(const char *const *)value)\n\t\tput_%s(w, value);\n", name);
	} else {
		(void)fputc('\t', g->out);
		c_put_type(g, type->kind < KIND_STRUCT ? &t : type, true);
		c_print(g, "const *v = *(");
		c_put_type(g, type, true);
		c_print(g, "const *const *)value;\n\n\tif (v)\n\t\tput_%s(w, v);\n", name);
	}
	(void)fputs("\telse\n\t\ttern_cbor_put_null(w);\n}\n\n", g->out);
}

static void
write_optional_get(struct c_generator *g, const struct interface_type *type)
{
	const char *name = c_function(g, type);

	begin_get(g, "opt_", name);
	if (type->kind == KIND_STRING || type->kind == KIND_BYTES || type->kind == KIND_ANY) {
		c_print(g, "\tif (tern_cbor_peek(r) == TERN_CBOR_NULL)\n\t\treturn tern_cbor_get_null(r);\n"
			"\treturn get_%s(r, ret);\n}\n\n", name);
		return;
	}
	(void)fputc('\t', g->out);
	c_put_type(g, type, true);
	(void)fputs("*v;\n\n\tif (tern_cbor_peek(r) == TERN_CBOR_NULL)\n\t\treturn tern_cbor_get_null(r);\n"
		"\tv = (", g->out);
	c_put_type(g, type, true);
	(void)fputs("*)tern_cbor_memory(r, sizeof(*v));\n\tif (!v)\n\t\treturn -ENOMEM;\n\t*(", g->out);
	c_put_type(g, type, true);
	c_print(g, "const **)ret = v;\n\treturn get_%s(r, v);\n}\n\n", name);
}

static void
write_optional(struct c_generator *g, const struct interface_type *type, uint8_t uses)
{
	if (uses & C_PUT_OPTIONAL)
		write_optional_put(g, type);
	if (uses & C_GET_OPTIONAL)
		write_optional_get(g, type);
}

/* -------- what has no name -------- */

static void
write_basics(struct c_generator *g)
{
	for (size_t k = 0; k < ARRAY_SIZE(BASICS); k++) {
		const struct interface_type type = {.kind = BASICS[k].kind};
		uint8_t uses = c_uses(g, &type);

		if (uses & C_PUT) {
			begin_put(g, "", BASICS[k].name);
			c_print(g, "\t%s\n}\n\n", BASICS[k].put);
		}
		if (uses & C_GET) {
			begin_get(g, "", BASICS[k].name);
			if (type.kind == KIND_BYTES || type.kind == KIND_ANY)
				(void)fputs("\tstruct tern_bytes *v = ret;\n\n", g->out);
			c_print(g, "\treturn tern_cbor_get_packed(r, %s);\n}\n\n", BASICS[k].get);
		}
		write_optional(g, &type, uses);
	}
}

/* -------- enums -------- */

static void
write_enum(struct c_generator *g, const struct interface_type *t, uint8_t uses)
{
	const struct interface_item *value = type_values(g->i, t);
	const char *name = c_name(g, t);
	char upper[1024];

	(void)c_upper(name, upper, sizeof(upper));
	c_print(g, "const char *\n%s_to_string(enum %s value)\n{\n\tswitch (value) {\n", name, name);
	for (; value; value = value_next(g->i, value))
		c_print(g, "\tcase %s:\n\t\treturn \"%s\";\n", c_name(g, value),
			interface_name(g->i, value));
	(void)fputs("\tdefault:\n\t\treturn NULL;\n\t}\n}\n\n", g->out);
	c_print(g, "enum %s\n%s_from_string(const char *word)\n{\n", name, name);
	for (value = type_values(g->i, t); value; value = value_next(g->i, value))
		c_print(g, "\tif (strcmp(word, \"%s\") == 0)\n\t\treturn %s;\n",
			interface_name(g->i, value), c_name(g, value));
	if (t->n == 0)
		(void)fputs("\t(void)word; /* there is none */\n", g->out);
	c_print(g, "\treturn %s_OTHER_;\n}\n\n", upper);
	if (uses & C_PUT) {
		begin_put(g, "", name);
		c_print(g, "\t(void)tern_cbor_pack(w, \"s\", %s_to_string(*(const enum %s *)value));\n}\n\n",
			name, name);
	}
	if (!(uses & C_GET))
		return;
	begin_get(g, "", name);
	c_print(g, "\tconst char *word;\n\tint e = tern_cbor_get_packed(r, \"s\", &word);\n\n\tif (!e)\n"
		"\t\t*(enum %s *)ret = %s_from_string(word);\n\treturn e;\n}\n\n", name, name);
}

/* -------- arrays and maps -------- */

static const char *
before_element(const struct interface_type *element)
{
	return element->is_optional ? "opt_" : "";
}

static void
write_elements_put(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_type *element = type_elements(g->i, t);
	const char *name = c_name(g, t);

	begin_put(g, "", name);
	c_print(g, "\tconst struct %s *v = value;\n\n", name);
	if (t->kind == KIND_ARRAY && c_is_packed(g, t)) {
		c_print(g, "\t(void)tern_cbor_pack(w, \"*%c\", v->items, v->n);\n}\n\n", c_letter(element));
		return;
	}
	c_print(g, "\ttern_cbor_put_%s(w, v->n);\n\tfor (size_t i = 0; i < v->n; i++)",
		t->kind == KIND_MAP ? "map" : "array");
	if (t->kind == KIND_MAP)
		c_print(g, " {\n\t\t(void)tern_cbor_pack(w, \"s\", v->items[i].key);\n"
			"\t\t%sput_%s(w, &v->items[i].value);\n\t}\n}\n\n", before_element(element),
			c_function(g, element));
	else
		c_print(g, "\n\t\t%sput_%s(w, &v->items[i]);\n}\n\n", before_element(element),
			c_function(g, element));
}

static void
write_elements_get(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_type *element = type_elements(g->i, t);
	const char *name = c_name(g, t);

	if (t->kind == KIND_MAP) {
		char entry[1024];

		(void)snprintf(entry, sizeof(entry), "%s_entry", name); /* fits */
		begin_get(g, "", entry);
		c_print(g, "\tstruct %s *v = ret;\n\tint e = tern_cbor_get_packed(r, \"s\", &v->key);\n\n"
			"\treturn e ? e : %sget_%s(r, &v->value);\n}\n\n", entry, before_element(element),
			c_function(g, element));
	}
	begin_get(g, "", name);
	c_print(g, "\tstruct %s *v = ret;\n\tvoid *items;\n\tint e;\n\n", name);
	if (t->kind == KIND_MAP)
		c_print(g, "\te = tern_cbor_get_map(r, sizeof(*v->items), get_%s_entry, &items, &v->n);\n", name);
	else
		c_print(g, "\te = tern_cbor_get_array(r, sizeof(*v->items), %sget_%s, &items, &v->n);\n",
			before_element(element), c_function(g, element));
	c_print(g, "\tif (!e)\n\t\tv->items = (");
	if (t->kind == KIND_MAP) {
		c_print(g, "const struct %s_entry *", name);
	} else {
		c_put_type(g, element, false);
		(void)fputs("const *", g->out);
	}
	(void)fputs(")items;\n\treturn e;\n}\n\n", g->out);
}

/* -------- structs -------- */

/* A long one is written field by field. */
static void
write_long_put(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_field *field;
	uint32_t n = 0;

	for (field = type_fields(g->i, t); field; field = field_next(g->i, field))
		n += !field->type.is_optional;
	c_print(g, "\tsize_t n = %u;\n\n", n);
	for (field = type_fields(g->i, t); field; field = field_next(g->i, field)) {
		if (!field->type.is_optional)
			continue;
		(void)fputs("\tif (", g->out);
		c_put_presence(g, field);
		(void)fputs(")\n\t\tn++;\n", g->out);
	}
	(void)fputs("\ttern_cbor_put_map(w, n);\n", g->out);
	for (field = type_fields(g->i, t); field; field = field_next(g->i, field)) {
		if (field->type.is_optional) {
			(void)fputs("\tif (", g->out);
			c_put_presence(g, field);
			(void)fputs(") {\n", g->out);
		}
		c_print(g, "\ttern_cbor_put_string(w, \"%s\");\n\t(void)tern_cbor_pack(w, ",
			interface_name(g->i, &field->item));
		c_put_field_pack(g, field);
		c_print(g, ");\n%s", field->type.is_optional ? "\t}\n" : "");
	}
}

/* It is read in several goes: each passes over what is not its. */
static void
write_long_get(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_field *field = type_fields(g->i, t);
	enum { AT_ONCE = 50 };

	(void)fputs("\tstruct tern_cbor_reader again;\n\tint e = 0;\n\n", g->out);
	while (field) {
		const struct interface_field *next = field;

		for (size_t k = 0; next && k < AT_ONCE; k++)
			next = field_next(g->i, next);
		(void)fputs("\tagain = *r;\n\tif (!e)\n\t\te = tern_cbor_get_packed(&again", g->out);
		c_put_unpack_some(g, field, AT_ONCE);
		(void)fputs(");\n", g->out);
		field = next;
	}
	(void)fputs("\t*r = again;\n\treturn e;\n}\n\n", g->out);
}

static void
write_struct(struct c_generator *g, const struct interface_type *t, uint8_t uses)
{
	const char *name = c_name(g, t);

	if (uses & C_PUT) {
		begin_put(g, "", name);
		if (t->n > 0)
			c_print(g, "\tconst struct %s *v = value;\n", name);
		else
			(void)fputs("\t(void)value; /* there is nothing in it */\n", g->out);
		if (c_is_long(t)) {
			write_long_put(g, t);
		} else {
			(void)fputs("\n\t(void)tern_cbor_pack(w", g->out);
			c_put_pack_all(g, t);
			(void)fputs(");\n", g->out);
		}
		(void)fputs("}\n\n", g->out);
	}
	if (!(uses & C_GET))
		return;
	begin_get(g, "", name);
	if (t->n > 0)
		c_print(g, "\tstruct %s *v = ret;\n", name);
	else
		(void)fputs("\t(void)ret; /* there is nothing in it */\n", g->out);
	if (c_is_long(t)) {
		write_long_get(g, t);
		return;
	}
	(void)fputs("\n\treturn tern_cbor_get_packed(r", g->out);
	c_put_unpack_some(g, type_fields(g->i, t), t->n);
	(void)fputs(");\n}\n\n", g->out);
}

/* -------- all of them -------- */

static void
declare_functions(struct c_generator *g, const char *name, uint8_t uses)
{
	static const char PUT[] = "(struct tern_cbor_writer *w, const void *value);\n";
	static const char GET[] = "(struct tern_cbor_reader *r, void *ret);\n";

	if (uses & C_PUT)
		c_print(g, "static void put_%s%s", name, PUT);
	if (uses & C_PUT_OPTIONAL)
		c_print(g, "static void opt_put_%s%s", name, PUT);
	if (uses & C_GET)
		c_print(g, "static int get_%s%s", name, GET);
	if (uses & C_GET_OPTIONAL)
		c_print(g, "static int opt_get_%s%s", name, GET);
}

static void
write_type(struct c_generator *g, const struct interface_type *t, bool only_declare)
{
	const struct interface_field *field = t->kind == KIND_STRUCT ? type_fields(g->i, t) : NULL;
	uint8_t uses;

	if (t->kind < KIND_STRUCT || t->kind == KIND_NAMED)
		return;
	uses = c_uses(g, t);
	for (; field; field = field_next(g->i, field))
		write_type(g, &field->type, only_declare);
	if (t->kind == KIND_ARRAY || t->kind == KIND_MAP)
		write_type(g, type_elements(g->i, t), only_declare);
	if (only_declare) {
		declare_functions(g, c_name(g, t), uses);
		return;
	}
	if (t->kind == KIND_ENUM)
		write_enum(g, t, uses);
	if (t->kind == KIND_STRUCT)
		write_struct(g, t, uses);
	if ((t->kind == KIND_ARRAY || t->kind == KIND_MAP) && uses & C_PUT)
		write_elements_put(g, t);
	if ((t->kind == KIND_ARRAY || t->kind == KIND_MAP) && uses & C_GET)
		write_elements_get(g, t);
	write_optional(g, t, uses);
}

void
c_write_functions(struct c_generator *g)
{
	write_basics(g);
	for (int declare = 1; declare >= 0; declare--) {
		const struct interface_member *m = interface_members(g->i);

		for (; m; m = member_next(g->i, m))
			for (uint8_t k = 0; k < (m->kind == MEMBER_METHOD ? N_METHOD_TYPES : 1); k++)
				write_type(g, &m->types[k], declare);
		(void)fputc('\n', g->out);
	}
}
