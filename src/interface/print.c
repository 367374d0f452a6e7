/* SPDX-License-Identifier: MIT */

/*
 * print: a tree as text
 *
 * A pair of brackets is on one line if there are no comments in it and the line
 * ends in time. Whether it does is found by printing it once more, only counted.
 */

#include "interface/print.h"

#define COLUMNS 80

struct printer {
	const struct interface *i;
	print_fn *put;
	void *user;
	uint32_t column;
	uint32_t indent;
	bool flat; /* all on one line */
};

static void print_type(struct printer *p, const struct interface_type *type);
static void print_body(struct printer *p, const struct interface_type *type, bool flat);

static void
token(struct printer *p, enum print_kind kind, const char *text, size_t size)
{
	p->column += (uint32_t)size;
	p->put(p->user, kind, text, size);
}

static void
put_string(struct printer *p, enum print_kind kind, const char *text)
{
	token(p, kind, text, strlen(text));
}

static void
put_name(struct printer *p, enum print_kind kind, const struct interface_item *item)
{
	token(p, kind, interface_name(p->i, item), item->name_size);
}

static void
put_line_end(struct printer *p)
{
	token(p, PRINT_BLANK, "\n", 1);
	p->column = 0;
}

static void
put_indent(struct printer *p)
{
	for (uint32_t i = 0; i < p->indent; i++)
		token(p, PRINT_BLANK, "  ", 2);
}

static void
put_comment(struct printer *p, const char *text)
{
	while (text) {
		size_t n = strcspn(text, "\n");

		put_indent(p);
		put_string(p, PRINT_COMMENT, n ? "# " : "#");
		token(p, PRINT_COMMENT, text, n);
		put_line_end(p);
		text = text[n] ? text + n + 1 : NULL;
	}
}

static void
put_comments(struct printer *p, const struct interface_item *item)
{
	const char *notes = interface_notes(p->i, item);

	put_comment(p, notes);
	if (notes)
		put_line_end(p);
	put_comment(p, interface_docs(p->i, item));
}

/* -------- bodies -------- */

static void
count(void *user, enum print_kind kind, const char *text, size_t size)
{
}

/* body_width() - of brackets on one line */
static uint32_t
body_width(const struct interface *i, const struct interface_type *type)
{
	struct printer counter = {.i = i, .put = count, .flat = true};

	print_body(&counter, type, true);
	return counter.column;
}

static bool
type_has_comments(const struct interface *i, const struct interface_type *type)
{
	const struct interface_item *item;

	if (type->kind == KIND_ARRAY || type->kind == KIND_MAP)
		return type_has_comments(i, type_elements(i, type));
	if (type->kind != KIND_STRUCT && type->kind != KIND_ENUM)
		return false;
	for (item = type_values(i, type); item; item = value_next(i, item)) {
		if (item->docs || item->notes)
			return true;
		if (type->kind == KIND_STRUCT &&
			type_has_comments(
				i, &container_of(item, struct interface_field, item)->type))
			return true;
	}
	return false;
}

static void
print_element(
	struct printer *p, const struct interface_type *body, const struct interface_item *item)
{
	if (body->kind == KIND_ENUM) {
		put_name(p, PRINT_VALUE, item);
		return;
	}
	put_name(p, PRINT_FIELD, item);
	put_string(p, PRINT_PUNCTUATION, ":");
	put_string(p, PRINT_BLANK, " ");
	print_type(p, &container_of(item, struct interface_field, item)->type);
}

static void
print_body(struct printer *p, const struct interface_type *type, bool flat)
{
	const struct interface_item *item = type_values(p->i, type);

	put_string(p, PRINT_PUNCTUATION, "(");
	p->indent++;
	for (; item; item = value_next(p->i, item)) {
		if (!flat) {
			put_line_end(p);
			if (item->notes && item->order > 0)
				put_line_end(p);
			put_comments(p, item);
			put_indent(p);
		}
		print_element(p, type, item);
		if (item->next)
			put_string(p, PRINT_PUNCTUATION, ",");
		if (item->next && flat)
			put_string(p, PRINT_BLANK, " ");
	}
	p->indent--;
	if (!flat) {
		put_line_end(p);
		put_indent(p);
	}
	put_string(p, PRINT_PUNCTUATION, ")");
}

/* print_brackets() - a STRUCT or an ENUM, on one line if `more` columns are left there behind it */
static void
print_brackets(struct printer *p, const struct interface_type *type, uint32_t more)
{
	print_body(p, type,
		p->flat || type->n == 0 ||
			(!type_has_comments(p->i, type) &&
				p->column + body_width(p->i, type) + more <= COLUMNS));
}

static void
print_type(struct printer *p, const struct interface_type *type)
{
	if (type->is_optional)
		put_string(p, PRINT_PUNCTUATION, "?");
	switch (type->kind) {
	case KIND_STRUCT:
	case KIND_ENUM:
		print_brackets(p, type, 1); /* a comma */
		break;
	case KIND_ARRAY:
		put_string(p, PRINT_PUNCTUATION, "[]");
		print_type(p, type_elements(p->i, type));
		break;
	case KIND_MAP:
		put_string(p, PRINT_PUNCTUATION, "[");
		put_string(p, PRINT_TYPE, "string");
		put_string(p, PRINT_PUNCTUATION, "]");
		print_type(p, type_elements(p->i, type));
		break;
	case KIND_NAMED:
		put_name(p, PRINT_REFERENCE, &type_member(p->i, type)->item);
		break;
	default:
		put_string(p, PRINT_TYPE, kind_keyword(type->kind));
	}
}

/* -------- members -------- */

static void
print_stream(struct printer *p, const struct interface_type *type, uint32_t more)
{
	put_string(p, PRINT_KEYWORD, "stream");
	put_string(p, PRINT_BLANK, " ");
	print_brackets(p, type, more);
}

static void
print_method(struct printer *p, const struct interface_type *types)
{
	bool has_stream = types[METHOD_IN_STREAM].kind != KIND_NONE;
	/* what is to stand behind the last ')' before the results */
	uint32_t more = (uint32_t)strlen(
		types[METHOD_OUT_STREAM].kind == KIND_NONE ? " -> (" : " -> stream (");
	uint32_t stream = has_stream ? body_width(p->i, &types[METHOD_IN_STREAM]) + 8 : 0;

	print_brackets(p, &types[METHOD_IN], stream + more);
	if (has_stream) {
		put_string(p, PRINT_BLANK, " ");
		print_stream(p, &types[METHOD_IN_STREAM], more);
	}
	put_string(p, PRINT_BLANK, " ");
	put_string(p, PRINT_PUNCTUATION, "->");
	if (types[METHOD_OUT_STREAM].kind != KIND_NONE) {
		put_string(p, PRINT_BLANK, " ");
		print_stream(p, &types[METHOD_OUT_STREAM], 0);
		if (types[METHOD_OUT].n == 0)
			return;
	}
	put_string(p, PRINT_BLANK, " ");
	print_brackets(p, &types[METHOD_OUT], 0);
}

static void
print_member(struct printer *p, const struct interface_member *member)
{
	put_comments(p, &member->item);
	put_string(p, PRINT_KEYWORD, member_keyword(member->kind));
	put_string(p, PRINT_BLANK, " ");
	put_name(p, PRINT_NAME, &member->item);
	if (member->kind == MEMBER_METHOD) {
		print_method(p, member->types);
	} else {
		put_string(p, PRINT_BLANK, " ");
		print_brackets(p, &member->types[0], 0);
	}
	put_line_end(p);
}

/* A member of one line without comments stands right below another of its kind. */
static bool
member_is_short(const struct printer *p, const struct interface_member *member)
{
	uint32_t n_types = member->kind == MEMBER_METHOD ? N_METHOD_TYPES : 1;
	struct printer counter = {.i = p->i, .put = count, .flat = true};

	if (member->item.docs || member->item.notes)
		return false;
	for (uint32_t i = 0; i < n_types; i++)
		if (type_has_comments(p->i, &member->types[i]))
			return false;
	put_string(&counter, PRINT_KEYWORD, member_keyword(member->kind));
	put_string(&counter, PRINT_BLANK, "  ");
	put_name(&counter, PRINT_NAME, &member->item);
	if (member->kind == MEMBER_METHOD)
		print_method(&counter, member->types);
	else
		print_type(&counter, &member->types[0]);
	return counter.column <= COLUMNS;
}

void
interface_print_member(
	const struct interface *i, const struct interface_member *member, print_fn *put, void *user)
{
	struct printer p = {.i = i, .put = put, .user = user};

	print_member(&p, member);
}

void
interface_print(const struct interface *i, print_fn *put, void *user)
{
	struct printer p = {.i = i, .put = put, .user = user};
	const struct interface_member *before = NULL, *m;
	bool was_short = false;

	put_comments(&p, &i->item);
	put_string(&p, PRINT_KEYWORD, "interface");
	put_string(&p, PRINT_BLANK, " ");
	put_name(&p, PRINT_NAME, &i->item);
	put_line_end(&p);
	for (m = interface_members(i); m; before = m, m = member_next(i, m)) {
		bool is_short = member_is_short(&p, m);

		if (!(before && is_short && was_short && before->kind == m->kind))
			put_line_end(&p);
		was_short = is_short;
		print_member(&p, m);
	}
}

/* -------- memory -------- */

struct text {
	char *buf;
	size_t used;
};

static void
text_put(void *user, enum print_kind kind, const char *text, size_t size)
{
	struct text *t = user;

	if (t->buf)
		memcpy(t->buf + t->used, text, size);
	t->used += size;
}

int
interface_text(const struct interface *i, char **ret, size_t *ret_size)
{
	struct text text = {0};

	interface_print(i, text_put, &text);
	text.buf = malloc(text.used + 1);
	if (!text.buf)
		return -ENOMEM;
	text.used = 0;
	interface_print(i, text_put, &text);
	text.buf[text.used] = '\0';
	*ret = text.buf;
	*ret_size = text.used;
	return 0;
}
