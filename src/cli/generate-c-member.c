/* SPDX-License-Identifier: MIT */

/* generate-c-member: functions of members, the text of the interface, and both texts as a whole */

#include "base/attribute.h"
#include "cli/generate-c.h"
#include "interface/print.h"

#define LITERAL 4000 /* bytes: as long as every compiler takes a string */

/* -------- what all of them need -------- */

/* write_none() - in place of arguments that the caller leaves out, where that is possible */
static void
write_none(struct c_generator *g, const struct interface_type *t)
{
	if (t->n == 0) {
		c_print(g, "\t(void)v; /* there is nothing in it */\n");
	} else if (c_needs_nothing(g, t)) {
		c_print(g, "\tif (!v)\n\t\tv = &none;\n");
	}
}

static void
declare_none(struct c_generator *g, const struct interface_type *t)
{
	if (t->n > 0 && c_needs_nothing(g, t))
		c_print(g, "\tstatic const struct %s none;\n", c_name(g, t));
}

static void
write_read(struct c_generator *g, const struct interface_type *t)
{
	const char *name = c_name(g, t);

	c_print(g, "int\n%s_read(tern_message *m, struct %s *ret)\n{\n", name, name);
	if (t->n == 0) {
		c_print(g, "\tmemset(ret, 0, sizeof(*ret));\n");
		c_print(g, "\treturn tern_message_n_parts(m) > 0 ? tern_message_unpack(m, \"{}\") : 0;\n}\n\n");
		return;
	}
	c_print(g, "\tstruct %s value, *v = &value;\n\tint r%s;\n\n\tmemset(v, 0, sizeof(*v));\n", name,
		c_needs_nothing(g, t) ? " = 0" : "");
	c_print(g, c_needs_nothing(g, t) ? "\tif (tern_message_n_parts(m) > 0)\n\t\tr = " : "\tr = ");
	c_print(g, "tern_message_unpack(m");
	c_put_unpack(g, t);
	c_print(g, ");\n\tif (r == 0)\n\t\t*ret = *v;\n\treturn r;\n}\n\n");
}

static void
write_clear(struct c_generator *g, const struct interface_type *t)
{
	const char *name = c_name(g, t);

	c_print(g, "void\n%s_clear(struct %s *value)\n{\n\t(void)tern_message_unref(value->message_); /* NULL */\n"
		"\tmemset(value, 0, sizeof(*value));\n}\n\n", name, name);
}

static bool
has_member(const struct c_generator *g, bool of_messages)
{
	const struct interface_member *m = interface_members(g->i);

	while (m && (of_messages ? m->kind != MEMBER_METHOD && m->kind != MEMBER_STATE &&
				(m->kind != MEMBER_EVENT || !c_has_bytes(g, &m->types[0]))
				 : m->kind != MEMBER_EVENT))
		m = member_next(g->i, m);
	return m != NULL;
}

static void
write_keep(struct c_generator *g)
{
	c_print(g, "/* The message stays with what was read from it, or goes. */\n"
		"static int\nkeep_message(int r, tern_message *m, tern_message **ret, struct tern_error *error)\n{\n"
		"\tif (r >= 0) {\n\t\t*ret = m;\n\t\treturn 0;\n\t}\n"
		"\tif (error)\n\t\t*error = *tern_last_error();\n"
		"\t(void)tern_message_unref(m); /* NULL */\n\treturn r;\n}\n\n");
}

static void
write_tags(struct c_generator *g)
{
	c_print(g, "static bool\nhas_tag(const tern_message *m, const char *wanted)\n{\n\tconst char *tag;\n\n"
		"\tfor (size_t i = 0; (tag = tern_message_tag(m, i)) != NULL; i++)\n"
		"\t\tif (strcmp(tag, wanted) == 0)\n\t\t\treturn true;\n\treturn false;\n}\n\n");
	c_print(g, "/* This tag, and those that there may be besides; ret has room for TERN_MAX_TAGS + 1. */\n"
		"static int\nadd_tags(const char *tag, const char *const *tags, const char **ret)\n{\n\tsize_t n = 0;\n\n"
		"\tret[n++] = tag;\n\twhile (tags && *tags && n < TERN_MAX_TAGS)\n\t\tret[n++] = *tags++;\n"
		"\tret[n] = NULL;\n\treturn tags && *tags ? -E2BIG : 0;\n}\n\n");
}

/* -------- methods -------- */

static void
write_sync(struct c_generator *g, const struct interface_member *m)
{
	const struct interface_type *in = &m->types[METHOD_IN];
	const char *name = c_name(g, m), *member = interface_name(g->i, &m->item);

	c_print(g, "int\n%s(tern_bus *bus, const char *service, const struct %s_args *v, struct %s_reply *ret, "
		"struct tern_error *error)\n{\n", name, name, name);
	declare_none(g, in);
	c_print(g, "\ttern_message *m;\n\tint r;\n\n");
	write_none(g, in);
	c_print(g, "\tr = tern_call_sync(bus, service, \"%s\", ret ? &m : NULL, error", member);
	c_put_pack(g, in, "", false);
	c_print(g, ");\n\tif (r < 0 || !ret)\n\t\treturn r;\n"
		"\treturn keep_message(%s_reply_read(m, ret), m, &ret->message_, error);\n}\n\n", name);
}

static void
write_new(struct c_generator *g, const struct interface_member *m)
{
	const struct interface_type *in = &m->types[METHOD_IN];
	const char *name = c_name(g, m), *member = interface_name(g->i, &m->item);

	c_print(g, "int\n%s_new(tern_bus *bus, const char *service, const struct %s_args *v, tern_message **ret)\n{\n", name,
		name);
	declare_none(g, in);
	c_print(g, "\ttern_message *m;\n\tint r;\n\n");
	write_none(g, in);
	c_print(g, "\tr = tern_message_new_call(bus, service, \"%s\", &m);\n\tif (r < 0)\n\t\treturn r;\n", member);
	if (in->n > 0) {
		c_print(g, "\tr = tern_message_pack(m");
		c_put_pack(g, in, "", true);
		c_print(g, ");\n");
	}
	c_print(g, "\treturn keep_message(r, m, ret, NULL);\n}\n\n");
}

static void
write_begin(struct c_generator *g, const struct interface_member *m)
{
	const char *name = c_name(g, m);

	c_print(g, "int\n%s_begin(tern_bus *bus, const char *service, const struct %s_args *v, uint64_t timeout, "
		"tern_call **ret)\n{\n\ttern_message *m;\n\tint r;\n\n\tr = %s_new(bus, service, v, &m);\n"
		"\tif (r < 0)\n\t\treturn r;\n\tr = tern_send(m, timeout, %s, ret);\n"
		"\t(void)tern_message_unref(m); /* NULL */\n\treturn r;\n}\n\n", name, name, name,
		c_is_stream(m) ? "TERN_STREAM" : "0");
	if (m->types[METHOD_OUT_STREAM].kind != KIND_NONE)
		return; /* the answer comes behind the parts */
	c_print(g, "int\n%s_finish(tern_call *call, uint64_t timeout, struct %s_reply *ret, struct tern_error *error)\n{\n"
		"\ttern_message *m;\n\tint r;\n\n\tr = tern_call_wait(call, timeout, ret ? &m : NULL, error);\n"
		"\tif (r < 0 || !ret)\n\t\treturn r;\n"
		"\treturn keep_message(%s_reply_read(m, ret), m, &ret->message_, error);\n}\n\n", name, name, name);
}

static void
write_return(struct c_generator *g, const struct interface_member *m)
{
	const struct interface_type *out = &m->types[METHOD_OUT];
	const char *name = c_name(g, m);

	c_print(g, "int\n%s_return(tern_call *call, const struct %s_reply *v)\n{\n", name, name);
	declare_none(g, out);
	c_print(g, "%s", out->n > 0 && c_needs_nothing(g, out) ? "\n" : "");
	write_none(g, out);
	c_print(g, "\treturn tern_reply(call");
	c_put_pack(g, out, "", false);
	c_print(g, ");\n}\n\n");
	if (!c_has_bytes(g, out))
		return;
	c_print(g, "int\n%s_reply_new(tern_call *call, const struct %s_reply *v, tern_message **ret)\n{\n", name, name);
	declare_none(g, out);
	c_print(g, "\ttern_message *m;\n\tint r;\n\n");
	write_none(g, out);
	c_print(g, "\tr = tern_message_new_reply(call, &m);\n\tif (r < 0)\n\t\treturn r;\n\tr = tern_message_pack(m");
	c_put_pack(g, out, "", true);
	c_print(g, ");\n\treturn keep_message(r, m, ret, NULL);\n}\n\n");
}

static void
write_serve_method(struct c_generator *g, const struct interface_member *m)
{
	const char *name = c_name(g, m);

	c_print(g, "static int\nserve_%s(tern_call *call, tern_message *m, void *user)\n{\n"
		"\tconst struct %s_server *server = (const struct %s_server *)user;\n\tstruct %s_args args;\n"
		"\tint r = %s_args_read(m, &args);\n\n"
		"\treturn r < 0 ? r : server->ops->%s(call, m, &args, server->user);\n}\n\n",
		name, g->prefix, g->prefix, name, name, c_op(g, m));
}

static void
write_next(struct c_generator *g, const struct interface_member *m, uint8_t way)
{
	const char *name = c_name(g, &m->types[way]), *method = c_name(g, m);

	if (way == METHOD_IN_STREAM) {
		c_print(g, "int\n%s_next(tern_call *call, uint64_t timeout, struct %s *ret)\n{\n\ttern_message *m;\n\tint r;\n\n"
			"\tr = tern_call_wait(call, timeout, &m, NULL);\n\tif (r < 0)\n\t\treturn r;\n"
			"\treturn keep_message(%s_read(m, ret), m, &ret->message_, NULL);\n}\n\n", name, name, name);
		return;
	}
	c_print(g, "int\n%s_next(tern_call *call, uint64_t timeout, struct %s *ret, struct %s_reply *ret_reply, "
		"struct tern_error *error)\n{\n\ttern_message *m;\n\tint r;\n\n"
		"\tr = tern_call_wait(call, timeout, &m, error);\n\tif (r < 0)\n\t\treturn r;\n"
		"\tif (tern_message_kind(m) == TERN_PART)\n"
		"\t\treturn keep_message(%s_read(m, ret), m, &ret->message_, error);\n", name, name, method, name);
	c_print(g, "\tif (ret_reply)\n\t\tr = keep_message(%s_reply_read(m, ret_reply), m, &ret_reply->message_, error);\n"
		"\telse\n\t\t(void)tern_message_unref(m); /* NULL */\n\treturn r < 0 ? r : -ENODATA;\n}\n\n", method);
}

/* write_stream() - parts that go one way */
static void
write_stream(struct c_generator *g, const struct interface_member *m, uint8_t way)
{
	const struct interface_type *t = &m->types[way];
	const char *name = c_name(g, t);

	write_read(g, t);
	write_clear(g, t);
	c_print(g, "int\n%s_put(tern_call *call, const struct %s *v)\n{\n", name, name);
	declare_none(g, t);
	c_print(g, "%s", t->n > 0 && c_needs_nothing(g, t) ? "\n" : "");
	write_none(g, t);
	c_print(g, "\treturn tern_call_put(call");
	c_put_pack(g, t, "", false);
	c_print(g, ");\n}\n\n");
	if (c_has_bytes(g, t)) {
		c_print(g, "int\n%s_new(tern_call *call, const struct %s *v, tern_message **ret)\n{\n", name, name);
		declare_none(g, t);
		c_print(g, "\ttern_message *m;\n\tint r;\n\n");
		write_none(g, t);
		c_print(g, "\tr = tern_message_new_part(call, &m);\n\tif (r < 0)\n\t\treturn r;\n\tr = tern_message_pack(m");
		c_put_pack(g, t, "", true);
		c_print(g, ");\n\treturn keep_message(r, m, ret, NULL);\n}\n\n");
	}
	write_next(g, m, way);
}

static void
write_method(struct c_generator *g, const struct interface_member *m)
{
	write_read(g, &m->types[METHOD_IN]);
	write_read(g, &m->types[METHOD_OUT]);
	write_clear(g, &m->types[METHOD_OUT]);
	if (!c_is_stream(m))
		write_sync(g, m);
	write_new(g, m);
	write_begin(g, m);
	for (uint8_t k = METHOD_IN_STREAM; k <= METHOD_OUT_STREAM; k++)
		if (m->types[k].kind != KIND_NONE)
			write_stream(g, m, k);
	write_return(g, m);
	write_serve_method(g, m);
}

/* -------- errors, events, states -------- */

static void
write_error(struct c_generator *g, const struct interface_member *m)
{
	const struct interface_type *t = &m->types[0];
	const char *name = c_name(g, m), *member = interface_name(g->i, &m->item);
	bool has_text = c_has_text(g, t) || c_is_long(t);

	write_read(g, t);
	c_print(g, "int\n%s_return(tern_call *call, const struct %s *v%s)\n{\n", name, name,
		c_has_text(g, t) ? "" : ", const char *text");
	if (t->n == 0) {
		c_print(g, "\t(void)v; /* there is nothing in it */\n\treturn tern_reply_error(call, %s_INTERFACE \".%s\", text);\n}\n\n",
			g->upper, member);
	} else {
		declare_none(g, t);
		c_print(g, "\ttern_message *m;\n\tint r;\n\n");
		write_none(g, t);
		if (has_text && !c_has_text(g, t))
			c_print(g, "\t(void)text; /* there are too many fields besides */\n");
		c_print(g, "\tr = tern_message_new_error(call, %s_INTERFACE \".%s\", &m);\n\tif (r < 0)\n\t\treturn r;\n"
			"\tr = tern_message_pack(m", g->upper, member);
		c_put_pack(g, t, has_text ? "" : "text:s", false);
		c_print(g, ");\n\tif (r == 0)\n\t\tr = tern_reply_message(m);\n"
			"\t(void)tern_message_unref(m); /* NULL */\n\treturn r;\n}\n\n");
	}
	c_print(g, "bool\n%s_is(const struct tern_error *error)\n{\n"
		"\treturn strcmp(error->name, %s_INTERFACE \".%s\") == 0;\n}\n\n", name, g->upper, member);
}

static void
write_event(struct c_generator *g, const struct interface_member *m)
{
	const struct interface_type *t = &m->types[0];
	const char *name = c_name(g, m), *member = interface_name(g->i, &m->item);

	write_read(g, t);
	c_print(g, "int\n%s_topic(tern_bus *bus, const char *const *tags, tern_topic **ret)\n{\n"
		"\tconst char *all[TERN_MAX_TAGS + 1];\n\tint r = add_tags(%s_INTERFACE \".%s\", tags, all);\n\n"
		"\treturn r < 0 ? r : tern_topic_new(bus, all, ret);\n}\n\n", name, g->upper, member);
	c_print(g, "int\n%s_publish(tern_topic *topic, const struct %s *v)\n{\n", name, name);
	declare_none(g, t);
	c_print(g, "%s", t->n > 0 && c_needs_nothing(g, t) ? "\n" : "");
	write_none(g, t);
	c_print(g, "\treturn tern_publish(topic");
	c_put_pack(g, t, "", false);
	c_print(g, ");\n}\n\n");
	if (c_has_bytes(g, t)) {
		c_print(g, "int\n%s_new(tern_topic *topic, const struct %s *v, tern_message **ret)\n{\n", name, name);
		declare_none(g, t);
		c_print(g, "\ttern_message *m;\n\tint r;\n\n");
		write_none(g, t);
		c_print(g, "\tr = tern_message_new_event(topic, &m);\n\tif (r < 0)\n\t\treturn r;\n\tr = tern_message_pack(m");
		c_put_pack(g, t, "", true);
		c_print(g, ");\n\treturn keep_message(r, m, ret, NULL);\n}\n\n");
	}
	c_print(g, "int\n%s_subscribe(tern_bus *bus, const struct tern_rule *rule, tern_event_fn *fn, void *user, "
		"tern_subscription **ret)\n{\n\tconst char *all[TERN_MAX_TAGS + 1];\n\tstruct tern_rule with_tag;\n\tint r;\n\n"
		"\tmemset(&with_tag, 0, sizeof(with_tag));\n\twith_tag.size = sizeof(with_tag);\n\tif (rule)\n\t\twith_tag = *rule;\n"
		"\tr = add_tags(%s_INTERFACE \".%s\", with_tag.tags, all);\n\twith_tag.tags = all;\n"
		"\treturn r < 0 ? r : tern_subscribe(bus, &with_tag, fn, user, ret);\n}\n\n", name, g->upper, member);
	c_print(g, "bool\n%s_is(const tern_message *m)\n{\n\treturn has_tag(m, %s_INTERFACE \".%s\");\n}\n\n", name, g->upper,
		member);
}

static void
write_state(struct c_generator *g, const struct interface_member *m)
{
	const struct interface_type *t = &m->types[0];
	const char *name = c_name(g, m), *member = interface_name(g->i, &m->item);

	write_read(g, t);
	write_clear(g, t);
	c_print(g, "int\n%s_keep(tern_service *service, size_t max, tern_state **ret)\n{\n"
		"\treturn tern_state_new(service, \"%s\", max, ret);\n}\n\n", name, member);
	c_print(g, "int\n%s_set(tern_state *state, const struct %s *v)\n{\n", name, name);
	declare_none(g, t);
	c_print(g, "%s", t->n > 0 && c_needs_nothing(g, t) ? "\n" : "");
	write_none(g, t);
	c_print(g, "\treturn tern_state_set(state");
	if (t->n == 0)
		c_print(g, ", \"{}\"");
	else
		c_put_pack(g, t, "", false);
	c_print(g, ");\n}\n\n");
	c_print(g, "int\n%s_open(tern_bus *bus, const char *service, tern_state **ret)\n{\n"
		"\treturn tern_state_open(bus, service, \"%s\", ret);\n}\n\n", name, member);
	c_print(g, "int\n%s_get(tern_state *state, struct %s *ret, uint64_t *ret_version)\n{\n\ttern_message *m;\n\tint r;\n\n"
		"\tr = tern_state_get(state, &m);\n\tif (r < 0)\n\t\treturn r;\n\tif (ret_version)\n"
		"\t\t*ret_version = tern_message_version(m);\n"
		"\treturn keep_message(%s_read(m, ret), m, &ret->message_, NULL);\n}\n\n", name, name, name);
}

/* -------- the service -------- */

static void
write_service(struct c_generator *g)
{
	const struct interface_member *m = interface_members(g->i);
	uint32_t n = 0;

	for (; m; m = member_next(g->i, m))
		n += m->kind == MEMBER_METHOD;
	c_print(g, "int\n%s_serve(tern_bus *bus, const char *name, const struct %s_server *server, tern_service **ret)\n{\n"
		"\tstruct tern_method methods[%u];\n\tsize_t n = 0;\n\n", g->prefix, g->prefix, n ? n : 1);
	for (m = interface_members(g->i); m; m = member_next(g->i, m)) {
		if (m->kind != MEMBER_METHOD)
			continue;
		c_print(g, "\tif (server->ops->%s) {\n\t\tmethods[n].member = \"%s\";\n\t\tmethods[n++].fn = serve_%s;\n\t}\n",
			c_op(g, m), interface_name(g->i, &m->item), c_name(g, m));
	}
	c_print(g, "\treturn tern_serve(bus, name, %s_interface, methods, n, (void *)(uintptr_t)server, ret);\n}\n", g->prefix);
}

static void
write_text(struct c_generator *g, const char *text, size_t size)
{
	bool is_literal = size < LITERAL;

	c_print(g, "const char %s_interface[] =%s", g->prefix, is_literal ? "" : " {");
	for (size_t k = 0; k < size; k++) {
		uint8_t c = (uint8_t)text[k];

		if (!is_literal) {
			c_print(g, "%s%d,", k % 16 ? " " : "\n\t", c < 128 ? c : c - 256);
			continue;
		}
		if (k == 0 || text[k - 1] == '\n')
			c_print(g, "\n\t\"");
		if (c == '\n')
			c_print(g, "\\n\"");
		else if (c == '"' || c == '\\' || c == '?')
			c_print(g, "\\%c", c);
		else if (c < ' ' || c > '~')
			c_print(g, "\\%03o", c);
		else
			c_print(g, "%c", c);
	}
	c_print(g, is_literal ? ";\n\n" : " 0\n};\n\n");
}

static void
write_expect(struct c_generator *g)
{
	c_print(g, "int\n%s_expect(tern_bus *bus, const char *service)\n{\n\ttern_interface *i;\n\tint r;\n\n"
		"\tr = tern_interface_new(%s_interface, strlen(%s_interface), &i);\n\tif (r < 0)\n"
		"\t\treturn r;\n\tr = tern_expect(bus, service, i);\n"
		"\t(void)tern_interface_unref(i); /* NULL */\n\treturn r;\n}\n\n", g->prefix, g->prefix, g->prefix);
}

static void
write_member(struct c_generator *g, const struct interface_member *m)
{
	if (m->kind != MEMBER_TYPE)
		c_print(g, "/* -------- %s %s -------- */\n\n", member_keyword((enum member_kind)m->kind),
			interface_name(g->i, &m->item));
	if (m->kind == MEMBER_METHOD)
		write_method(g, m);
	else if (m->kind == MEMBER_ERROR)
		write_error(g, m);
	else if (m->kind == MEMBER_EVENT)
		write_event(g, m);
	else if (m->kind == MEMBER_STATE)
		write_state(g, m);
}

void
c_write_source(struct c_generator *g)
{
	const struct interface_member *m = interface_members(g->i);
	_cleanup_(freep) char *text = NULL;
	size_t size;

	if (interface_text(g->i, &text, &size) < 0) {
		g->failed = true;
		return;
	}
	c_print(g, "/* %s in C, made by `tern generate c`: what is changed here is lost the next time */\n",
		interface_name(g->i, &g->i->item));
	c_print(g, "#include <errno.h>\n#include <string.h>\n\n#include \"%s-tern.h\"\n\n", g->prefix);
	write_text(g, text, size);
	c_print(g, "/* -------- types -------- */\n\n");
	c_write_functions(g);
	if (has_member(g, true))
		write_keep(g);
	if (has_member(g, false))
		write_tags(g);
	for (; m; m = member_next(g->i, m))
		write_member(g, m);
	write_expect(g);
	c_print(g, "/* -------- serving -------- */\n\n");
	write_service(g);
}
