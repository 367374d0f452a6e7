/* SPDX-License-Identifier: MIT */

/* generate-c-header: what the program that uses an interface sees of it */

#include "base/attribute.h"
#include "cli/generate-c.h"

static void define_type(struct c_generator *g, const struct interface_type *type);

/* put_comment_text() - so that it cannot end the comment, nor look like something else */
static void
put_comment_text(FILE *out, const char *text, size_t size)
{
	for (size_t k = 0; k < size; k++) {
		const uint8_t *c = (const uint8_t *)text + k;

		(void)fputc(*c, out); /* a failure stays in the stream, as everywhere here */
		if (k + 1 < size && ((c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*') ||
					    (c[0] == '?' && c[1] == '?')))
			(void)fputc(' ', out);
	}
}

/* is_plain() - nothing in it that changes how a line of source looks: marks of direction and their like */
static bool
is_plain(const char *text)
{
	for (const uint8_t *c = (const uint8_t *)text; *c; c++)
		if ((c[0] == 0xe2 && (c[1] == 0x80 || c[1] == 0x81)) || (c[0] == 0xd8 && c[1] == 0x9c))
			if (c[0] == 0xd8 || c[1] == 0x81 || (c[2] >= 0x8b && c[2] <= 0x8f) || c[2] >= 0xa8)
				return false;
	return true;
}

void
c_put_docs(struct c_generator *g, const char *indent, const char *docs, const char *more)
{
	const char *line = docs && is_plain(docs) ? docs : NULL;
	bool is_short = line ? !*more && !strchr(line, '\n') : !strchr(more, '\n');

	if (!line && !*more)
		return;
	c_print(g, is_short ? "%s/** " : "%s/**\n", indent);
	for (; line; line = line[strcspn(line, "\n")] ? strchr(line, '\n') + 1 : NULL) {
		c_print(g, is_short ? "%s" : "%s * ", is_short ? "" : indent);
		put_comment_text(g->out, line, strcspn(line, "\n"));
		(void)fputs(is_short ? "" : "\n", g->out);
	}
	if (is_short)
		c_print(g, "%s */\n", more);
	for (line = is_short || !*more ? NULL : more; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		c_print(g, "%s * %.*s\n", indent, (int)strcspn(line, "\n"), line);
	if (!is_short)
		c_print(g, "%s */\n", indent);
}

static void
put_item_docs(struct c_generator *g, const char *indent, const struct interface_item *item, const char *more)
{
	c_put_docs(g, indent, interface_docs(g->i, item), more);
}

/* -------- types -------- */

static void
define_enum(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_item *value = type_values(g->i, t);
	const char *name = c_name(g, t);
	char upper[1024];

	c_print(g, "enum %s {\n", name);
	c_print(g, "\t%s_OTHER_ = 0, /**< none, or a word that is none of these */\n",
		c_upper(name, upper, sizeof(upper)));
	for (; value; value = value_next(g->i, value)) {
		put_item_docs(g, "\t", value, "");
		c_print(g, "\t%s,\n", c_name(g, value));
	}
	c_print(g, "};\n\n/** The word; NULL: it is none. */\n");
	c_print(g, "const char *%s_to_string(enum %s value);\n", name, name);
	c_print(g, "enum %s %s_from_string(const char *word);\n\n", name, name);
}

/* define_value() - what a struct cannot be written without; what it points to comes at some time, too */
static void
define_value(struct c_generator *g, const struct interface_type *type)
{
	const struct interface_type *t = c_type(g, type);

	if (t->kind >= KIND_STRUCT && (!c_is_pointer(g, type) || t->kind == KIND_ENUM))
		define_type(g, t);
}

static void
define_fields(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_field *field = type_fields(g->i, t);

	for (; field; field = field_next(g->i, field)) {
		put_item_docs(g, "\t", &field->item, "");
		(void)fputc('\t', g->out);
		c_put_type(g, &field->type, false);
		c_print(g, "%s;%s\n", c_name(g, field),
			field->type.is_optional ? " /**< NULL: missing */" : "");
	}
	if (t->n == 0)
		(void)fputs("\tchar nothing_; /* no struct of C is empty */\n", g->out);
}

/* define_elements() - an array, or a map, whose entries come when all that is in them is there */
static void
define_elements(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_type *element = type_elements(g->i, t);
	const char *name = c_name(g, t);

	if (t->kind == KIND_ARRAY && c_type(g, element)->kind == KIND_ENUM)
		define_type(g, c_type(g, element));
	c_print(g, "struct %s {\n\t", name);
	if (t->kind == KIND_MAP) {
		c_print(g, "const struct %s_entry *", name);
	} else if (c_is_pointer(g, element) || c_type(g, element)->kind == KIND_STRING) {
		c_put_type(g, element, false);
		(void)fputs("const *", g->out);
	} else {
		(void)fputs("const ", g->out);
		c_put_type(g, element, true);
		(void)fputc('*', g->out);
	}
	(void)fputs("items;\n\tsize_t n;\n};\n\n", g->out);
}

static void
define_entry(struct c_generator *g, const struct interface_type *t)
{
	const struct interface_type *element = type_elements(g->i, t);

	define_value(g, element);
	c_print(g, "struct %s_entry {\n\tconst char *key;\n\t", c_name(g, t));
	c_put_type(g, element, false);
	(void)fputs("value;\n};\n\n", g->out);
}

/* docs_of() - of a type that is a member */
static const char *
docs_of(const struct c_generator *g, const struct interface_type *t)
{
	const struct interface_member *m = interface_members(g->i);

	while (m && (m->kind != MEMBER_TYPE || &m->types[0] != t))
		m = member_next(g->i, m);
	return m ? interface_docs(g->i, &m->item) : NULL;
}

static void
define_struct(struct c_generator *g, const struct interface_type *t, bool has_message)
{
	const struct interface_field *field = type_fields(g->i, t);

	for (; field; field = field_next(g->i, field))
		define_value(g, &field->type);
	c_put_docs(g, "", docs_of(g, t), "");
	c_print(g, "struct %s {\n", c_name(g, t));
	define_fields(g, t);
	if (has_message)
		(void)fputs("\ttern_message *message_; /**< whose memory the rest is in */\n", g->out);
	(void)fputs("};\n\n", g->out);
}

/* define_type() - and what it cannot be written without */
static void
define_type(struct c_generator *g, const struct interface_type *t)
{
	if (!c_mark(g, t, C_DEFINED))
		return;
	if (t->kind == KIND_ENUM)
		define_enum(g, t);
	else if (t->kind == KIND_STRUCT)
		define_struct(g, t, false);
	else
		define_elements(g, t);
}

/* define_all() - and what it points to, which may hold it in turn; with no struct open */
static void
define_all(struct c_generator *g, const struct interface_type *type)
{
	const struct interface_type *t = c_type(g, type);
	const struct interface_field *field = t->kind == KIND_STRUCT ? type_fields(g->i, t) : NULL;

	if (t->kind < KIND_STRUCT || !c_mark(g, t, C_VISITED))
		return;
	define_type(g, t);
	if (t->kind == KIND_MAP)
		define_entry(g, t);
	if (t->kind == KIND_MAP || t->kind == KIND_ARRAY)
		define_all(g, type_elements(g->i, t));
	for (; field; field = field_next(g->i, field))
		define_all(g, &field->type);
}

/* define_payload() - what a message carries */
static void
define_payload(struct c_generator *g, const struct interface_type *t, bool has_message)
{
	(void)c_mark(g, t, C_DEFINED); /* here and now */
	define_struct(g, t, has_message);
	define_all(g, t);
}

/* -------- members -------- */

/* declare_sync() - to call and to wait for the answer, which streams do in steps */
static void
declare_sync(struct c_generator *g, const struct interface_member *m)
{
	const char *name = c_name(g, m);

	c_put_docs(g, "", interface_docs(g->i, &m->item),
		"@param service whose; NULL: the other end of a direct link\n"
		"@param ret     to be let go with ..._reply_clear(); NULL where not wanted\n"
		"@return as tern_call_sync()");
	c_print(g, "int %s(tern_bus *bus, const char *service, const struct %s_args *v, struct %s_reply *ret, "
		"struct tern_error *error);\n", name, name, name);
	c_print(g, "/** The same in two: ..._begin() sends, ..._finish() waits, as tern_call_wait(). */\n");
}

static void
declare_call(struct c_generator *g, const struct interface_member *m)
{
	const char *name = c_name(g, m);

	if (!c_is_stream(m))
		declare_sync(g, m);
	else
		c_put_docs(g, "", interface_docs(g->i, &m->item), "A stream (<tern/stream.h>): ..._begin() sends the call.");
	c_print(g, "int %s_begin(tern_bus *bus, const char *service, const struct %s_args *v, uint64_t timeout, "
		"tern_call **ret);\n", name, name);
	if (m->types[METHOD_OUT_STREAM].kind == KIND_NONE)
		c_print(g, "int %s_finish(tern_call *call, uint64_t timeout, struct %s_reply *ret, "
			"struct tern_error *error);\n", name, name);
	c_print(g, "/** The call as a message, to be sent with tern_send(); bytes may be lent. */\n");
	c_print(g, "int %s_new(tern_bus *bus, const char *service, const struct %s_args *v, "
		"tern_message **ret);\n", name, name);
	c_print(g, "/** What a message says; as long as that is there. */\n");
	c_print(g, "int %s_args_read(tern_message *m, struct %s_args *ret);\n", name, name);
	c_print(g, "int %s_reply_read(tern_message *m, struct %s_reply *ret);\n", name, name);
	c_print(g, "void %s_reply_clear(struct %s_reply *reply);\n", name, name);
	c_print(g, "/** The answer, as tern_reply(). */\n");
	c_print(g, "int %s_return(tern_call *call, const struct %s_reply *v);\n", name, name);
	if (c_has_bytes(g, &m->types[METHOD_OUT])) {
		c_print(g, "/** The answer as a message, to be sent with tern_reply_message(); bytes may be lent. */\n");
		c_print(g, "int %s_reply_new(tern_call *call, const struct %s_reply *v, tern_message **ret);\n", name,
			name);
	}
}

/* declare_stream() - what each part of a stream is put and taken with */
static void
declare_stream(struct c_generator *g, const struct interface_member *m, uint8_t way)
{
	const struct interface_type *t = &m->types[way];
	const char *name = c_name(g, t);

	c_print(g, "/** %s puts a part, as tern_call_put(). */\n", way == METHOD_IN_STREAM ? "Who calls" : "The service");
	c_print(g, "int %s_put(tern_call *call, const struct %s *v);\n", name, name);
	if (c_has_bytes(g, t)) {
		c_print(g, "/** The part as a message, to be sent with tern_call_put_message(); bytes may be lent. */\n");
		c_print(g, "int %s_new(tern_call *call, const struct %s *v, tern_message **ret);\n", name, name);
	}
	if (way == METHOD_IN_STREAM) {
		c_print(g, "/** The next part, as tern_call_wait(): -ENODATA there are no more. */\n");
		c_print(g, "int %s_next(tern_call *call, uint64_t timeout, struct %s *ret);\n", name, name);
	} else {
		c_print(g, "/** The next part; -ENODATA: the answer came, which is in ret_reply, unless that is NULL. */\n");
		c_print(g, "int %s_next(tern_call *call, uint64_t timeout, struct %s *ret, struct %s_reply *ret_reply, "
			"struct tern_error *error);\n", name, name, c_name(g, m));
	}
	c_print(g, "int %s_read(tern_message *m, struct %s *ret);\n", name, name);
	c_print(g, "void %s_clear(struct %s *value);\n", name, name);
}

static void
declare_method(struct c_generator *g, const struct interface_member *m)
{
	c_print(g, "/* -------- method %s -------- */\n\n", interface_name(g->i, &m->item));
	define_payload(g, &m->types[METHOD_IN], false);
	for (uint8_t k = METHOD_IN_STREAM; k < N_METHOD_TYPES; k++)
		if (m->types[k].kind != KIND_NONE)
			define_payload(g, &m->types[k], true);
	declare_call(g, m);
	for (uint8_t k = METHOD_IN_STREAM; k <= METHOD_OUT_STREAM; k++)
		if (m->types[k].kind != KIND_NONE)
			declare_stream(g, m, k);
	c_print(g, "\n");
}

static void
declare_error(struct c_generator *g, const struct interface_member *m)
{
	const char *name = c_name(g, m);

	c_print(g, "/* -------- error %s -------- */\n\n", interface_name(g->i, &m->item));
	define_payload(g, &m->types[0], false);
	c_put_docs(g, "", interface_docs(g->i, &m->item), "");
	c_print(g, "int %s_return(tern_call *call, const struct %s *v%s);\n", name, name,
		c_has_text(g, &m->types[0]) ? "" : ", const char *text");
	c_print(g, "bool %s_is(const struct tern_error *error);\n", name);
	c_print(g, "int %s_read(tern_message *m, struct %s *ret);\n\n", name, name);
}

static void
declare_event(struct c_generator *g, const struct interface_member *m)
{
	const char *name = c_name(g, m);

	c_print(g, "/* -------- event %s -------- */\n\n", interface_name(g->i, &m->item));
	define_payload(g, &m->types[0], false);
	c_put_docs(g, "", interface_docs(g->i, &m->item),
		"A topic for it. @param tags more of them, NULL-ended; NULL: none");
	c_print(g, "int %s_topic(tern_bus *bus, const char *const *tags, tern_topic **ret);\n", name);
	c_print(g, "int %s_publish(tern_topic *topic, const struct %s *v);\n", name, name);
	if (c_has_bytes(g, &m->types[0])) {
		c_print(g, "/** To be sent with tern_publish_message(); bytes may be lent. */\n");
		c_print(g, "int %s_new(tern_topic *topic, const struct %s *v, tern_message **ret);\n", name, name);
	}
	c_print(g, "/** Hear it. @param rule what it has to be besides; NULL: anybody's */\n");
	c_print(g, "int %s_subscribe(tern_bus *bus, const struct tern_rule *rule, tern_event_fn *fn, void *user, "
		"tern_subscription **ret);\n", name);
	c_print(g, "bool %s_is(const tern_message *m);\n", name);
	c_print(g, "int %s_read(tern_message *m, struct %s *ret);\n\n", name, name);
}

static void
declare_state(struct c_generator *g, const struct interface_member *m)
{
	const char *name = c_name(g, m);

	c_print(g, "/* -------- state %s -------- */\n\n", interface_name(g->i, &m->item));
	define_payload(g, &m->types[0], true);
	c_put_docs(g, "", interface_docs(g->i, &m->item),
		"Keep it: as tern_state_new(), whose `max` is bytes of CBOR.");
	c_print(g, "int %s_keep(tern_service *service, size_t max, tern_state **ret);\n", name);
	c_print(g, "int %s_set(tern_state *state, const struct %s *v);\n", name, name);
	c_print(g, "int %s_open(tern_bus *bus, const char *service, tern_state **ret);\n", name);
	c_print(g, "/** As it is now. @param ret to be let go with ..._clear(); @param ret_version NULL where not wanted */\n");
	c_print(g, "int %s_get(tern_state *state, struct %s *ret, uint64_t *ret_version);\n", name, name);
	c_print(g, "void %s_clear(struct %s *value);\n", name, name);
	c_print(g, "int %s_read(tern_message *m, struct %s *ret);\n\n", name, name);
}

/* -------- serving -------- */

static void
declare_service(struct c_generator *g)
{
	const struct interface_member *m = interface_members(g->i);
	size_t n = 0;

	c_print(g, "/* -------- serving -------- */\n\n");
	c_print(g, "/**\n * What answers; NULL: not served. As tern_method_fn, with the arguments read; what is in them lasts as long as\n"
		" * the message.\n */\n");
	c_print(g, "struct %s_ops {\n", g->prefix);
	for (; m; m = member_next(g->i, m)) {
		if (m->kind != MEMBER_METHOD)
			continue;
		c_print(g, "\tint (*%s)(tern_call *call, tern_message *m, const struct %s_args *args, void *user);\n",
			c_op(g, m), c_name(g, m));
		n++;
	}
	c_print(g, "%s};\n\n", n ? "" : "\tchar nothing_; /* no struct of C is empty */\n");
	c_print(g, "struct %s_server {\n\tconst struct %s_ops *ops;\n\tvoid *user;\n};\n\n", g->prefix, g->prefix);
	c_print(g, "/**\n * As tern_serve().\n * @param name   as others find it; NULL: on direct links\n"
		" * @param server the caller's, to stay until tern_service_free()\n */\n");
	c_print(g, "int %s_serve(tern_bus *bus, const char *name, const struct %s_server *server, tern_service **ret);\n\n",
		g->prefix, g->prefix);
}

static void
declare_member(struct c_generator *g, const struct interface_member *m)
{
	switch (m->kind) {
	case MEMBER_METHOD:
		declare_method(g, m);
		break;
	case MEMBER_ERROR:
		declare_error(g, m);
		break;
	case MEMBER_EVENT:
		declare_event(g, m);
		break;
	case MEMBER_STATE:
		declare_state(g, m);
		break;
	default:
		define_all(g, &m->types[0]);
	}
}

void
c_write_header(struct c_generator *g)
{
	const struct interface_member *m = interface_members(g->i);
	const char *name = interface_name(g->i, &g->i->item);

	c_print(g, "/* %s in C, made by `tern generate c`: what is changed here is lost the next time */\n", name);
	c_print(g, "#ifndef %s_TERN_H\n#define %s_TERN_H\n\n", g->upper, g->upper);
	c_put_docs(g, "", interface_docs(g->i, &g->i->item), "");
	c_print(g, "#include <tern/tern.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
	c_print(g, "/** What it is called, and by custom the service. */\n#define %s_INTERFACE \"%s\"\n\n", g->upper, name);
	c_print(g, "/** Its text. */\nextern const char %s_interface[];\n\n", g->prefix);
	c_print(g, "/** On this handle, hold what comes from a service against it, as tern_expect(). */\n"
		"int %s_expect(tern_bus *bus, const char *service);\n\n", g->prefix);
	for (; m; m = member_next(g->i, m))
		declare_member(g, m);
	declare_service(g);
	c_print(g, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
