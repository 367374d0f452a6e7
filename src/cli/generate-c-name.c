/* SPDX-License-Identifier: MIT */

/*
 * generate-c-name: names of C that differ from each other and from C's own
 *
 *     org.example.Mixer           mixer                       the prefix of all
 *     type Player                 struct mixer_player
 *       its field `state`         enum mixer_player_state     where its type has no name of its own
 *       value `notReady`          MIXER_PLAYER_STATE_NOT_READY
 *     method GetAll               mixer_get_all(), struct mixer_get_all_args, ...
 *
 * Who comes first in the text has the name; members before what is inside of them. A name that is
 * taken gets _2, _3, and so on at its end. Fields that are words of C or C++, or all capitals, get `_`:
 * names of an interface never end in one, so that nothing else can have it.
 */

#include <ctype.h>
#include <search.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/generate-c.h"

#define MAX_NAME 512 /* of C; longer ones are cut, and differ by their numbers */

/* What fields may not be called: words of C and C++, and macros of Linux and its compilers in small letters. */
static const char *const WORDS[] = {
	"alignas", "alignof", "and", "and_eq", "asm", "assert", "atomic", "auto", "bitand", "bitor", "bool",
	"break", "case", "catch", "char", "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return",
	"co_yield", "compl", "complex", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
	"continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "errno",
	"explicit", "export", "extern", "false", "float", "for", "friend", "goto", "i386", "if", "imaginary",
	"inline", "int", "linux", "long", "major", "makedev", "minor", "mutable", "namespace", "new", "noexcept",
	"noreturn", "not", "not_eq", "nullptr", "offsetof", "operator", "or", "or_eq", "private", "protected",
	"public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof",
	"static", "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct", "switch", "template",
	"this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "union",
	"unix", "unsigned", "using", "va_arg", "va_copy", "va_end", "va_start", "virtual", "void", "volatile",
	"wchar_t", "while", "xor", "xor_eq",
};

/* What a prefix may not be besides: beginnings of names that the source has for itself, of libtern's and of libc's. */
static const char *const OWN[] = {
	"aio", "epoll", "get", "mq", "opt", "pthread", "put", "sched", "sem", "serve", "shm", "tern", "timer",
};

static bool
is_word(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(WORDS); i++)
		if (strcmp(name, WORDS[i]) == 0)
			return true;
	return false;
}

static size_t
place_of(const struct c_generator *g, const void *part)
{
	return (size_t)((const char *)part - (const char *)g->i) / 4;
}

const char *
c_name(const struct c_generator *g, const void *part)
{
	return g->names[place_of(g, part)];
}

static void
set_name(struct c_generator *g, const void *part, const char *name)
{
	char **place = &g->names[place_of(g, part)];

	*place = strdup(name);
	if (!*place)
		g->failed = true;
}

/* snake() - "GetAll2nd", "HTTPGet", "noSuch" as get_all2nd, http_get, no_such. Return: its end. */
static char *
snake(char *to, const char *end, const char *name)
{
	for (const char *c = name; *c && to + 2 < end; c++) {
		bool is_start = isupper((unsigned char)*c) && c > name && c[-1] != '_' &&
				(!isupper((unsigned char)c[-1]) || islower((unsigned char)c[1]));

		if (is_start)
			*to++ = '_';
		*to++ = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '_';
	}
	*to = '\0';
	return to;
}

const char *
c_upper(const char *name, char *buf, size_t size)
{
	size_t n = 0;

	for (; name[n] && n + 1 < size; n++)
		buf[n] = (char)toupper((unsigned char)name[n]);
	buf[n] = '\0';
	return buf;
}

const char *
c_op(const struct c_generator *g, const struct interface_member *method)
{
	return c_name(g, &method->source); /* a place of its own */
}

/* -------- what is taken -------- */

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool
is_taken(struct c_generator *g, const char *name, const char *suffix)
{
	char all[MAX_NAME + 64];

	(void)snprintf(all, sizeof(all), "%s%s", name, suffix); /* fits */
	return tfind(all, &g->taken, compare) != NULL;
}

static void
take(struct c_generator *g, const char *name, const char *suffix)
{
	char *all;

	if (asprintf(&all, "%s%s", name, suffix) < 0) {
		g->failed = true;
		return;
	}
	if (!tsearch(all, &g->taken, compare)) {
		free(all);
		g->failed = true;
	}
}

/* are_taken() - any of the names with these suffixes, NULL-ended */
static bool
are_taken(struct c_generator *g, const char *name, const char *const *suffixes)
{
	for (; *suffixes; suffixes++)
		if (is_taken(g, name, *suffixes))
			return true;
	return false;
}

/* name_part() - the name, with a number if one of those made of it is taken */
static void
name_part(struct c_generator *g, const void *part, const char *wish, const char *const *suffixes)
{
	char name[MAX_NAME];

	(void)snprintf(name, sizeof(name), "%.*s", MAX_NAME - 16, wish); /* may be cut */
	for (unsigned int k = 2; are_taken(g, name, suffixes) && !g->failed; k++)
		(void)snprintf(name, sizeof(name), "%.*s_%u", MAX_NAME - 16, wish, k); /* fits */
	for (; *suffixes; suffixes++)
		take(g, name, *suffixes);
	set_name(g, part, name);
}

/* -------- parts -------- */

static void name_type(struct c_generator *g, const struct interface_type *type, const char *path);

static void
name_values(struct c_generator *g, const struct interface_type *type, const char *name)
{
	static const char *const ALONE[] = {"", NULL};
	const struct interface_item *value = type_values(g->i, type);

	for (; value; value = value_next(g->i, value)) {
		char wish[2 * MAX_NAME], small[MAX_NAME];

		(void)snake(small, small + sizeof(small), interface_name(g->i, value));
		(void)snprintf(wish, sizeof(wish), "%s_%s", name, small); /* fits */
		name_part(g, value, c_upper(wish, wish, sizeof(wish)), ALONE);
	}
}

/* set_field_name() - as it is, or with `_` */
static void
set_field_name(struct c_generator *g, const void *part, const char *name)
{
	bool has_small = false;
	char text[MAX_NAME + 2];

	for (const char *c = name; *c; c++)
		has_small = has_small || islower((unsigned char)*c);
	(void)snprintf(text, sizeof(text), "%s%s", name, has_small && !is_word(name) ? "" : "_"); /* fits */
	set_name(g, part, text);
}

static void
name_fields(struct c_generator *g, const struct interface_type *type, const char *name)
{
	const struct interface_field *field = type_fields(g->i, type);

	for (; field; field = field_next(g->i, field)) {
		char path[2 * MAX_NAME], small[MAX_NAME];

		set_field_name(g, field, interface_name(g->i, &field->item));
		(void)snake(small, small + sizeof(small), interface_name(g->i, &field->item));
		(void)snprintf(path, sizeof(path), "%s_%s", name, small); /* fits */
		name_type(g, &field->type, path);
	}
}

/* name_inside() - of what has a name already */
static void
name_inside(struct c_generator *g, const struct interface_type *type)
{
	const char *name = c_name(g, type);
	char path[2 * MAX_NAME];

	if (g->failed)
		return;
	if (type->kind == KIND_STRUCT)
		name_fields(g, type, name);
	if (type->kind == KIND_ENUM)
		name_values(g, type, name);
	if (type->kind != KIND_ARRAY && type->kind != KIND_MAP)
		return;
	(void)snprintf(path, sizeof(path), "%s_item", name); /* fits */
	name_type(g, type_elements(g->i, type), path);
}

static void
name_type(struct c_generator *g, const struct interface_type *type, const char *path)
{
	static const char *const STRUCT[] = {"", NULL}, *const MAP[] = {"", "_entry", NULL};
	static const char *const ENUM[] = {"", "_to_string", "_from_string", NULL};

	if (type->kind < KIND_STRUCT || type->kind == KIND_NAMED || g->failed)
		return;
	name_part(g, type, path, type->kind == KIND_ENUM ? ENUM : type->kind == KIND_MAP ? MAP : STRUCT);
	name_inside(g, type);
}

/* -------- members -------- */

static const char *const SUFFIXES[N_MEMBER_KINDS][24] = {
	[MEMBER_TYPE] = {"", "_to_string", "_from_string"},
	[MEMBER_METHOD] = {"", "_new", "_begin", "_finish", "_return", "_args", "_args_read", "_reply", "_reply_read",
		"_reply_new", "_reply_clear", "_input", "_input_read", "_input_put", "_input_new", "_input_next",
		"_input_clear", "_output_clear",
		"_output", "_output_read", "_output_put", "_output_new", "_output_next"},
	[MEMBER_ERROR] = {"", "_is", "_return", "_read"},
	[MEMBER_EVENT] = {"", "_topic", "_publish", "_new", "_subscribe", "_is", "_read"},
	[MEMBER_STATE] = {"", "_keep", "_set", "_open", "_get", "_clear", "_read"},
};

static void
name_member(struct c_generator *g, const struct interface_member *member)
{
	char wish[2 * MAX_NAME], *at = stpcpy(stpcpy(wish, g->prefix), "_");

	(void)snake(at, wish + sizeof(wish), interface_name(g->i, &member->item));
	name_part(g, member, wish, SUFFIXES[member->kind]);
	if (g->failed)
		return;
	if (member->kind == MEMBER_METHOD)
		set_field_name(g, &member->source, c_name(g, member) + strlen(g->prefix) + 1);
	else
		set_name(g, &member->types[0], c_name(g, member));
}

/* What the structs of a method are called is taken with its name. */
static void
name_method_types(struct c_generator *g, const struct interface_member *member)
{
	static const char *const BEHIND[N_METHOD_TYPES] = {
		[METHOD_IN] = "args",
		[METHOD_IN_STREAM] = "input",
		[METHOD_OUT_STREAM] = "output",
		[METHOD_OUT] = "reply",
	};
	char name[MAX_NAME + 16];

	for (size_t k = 0; k < N_METHOD_TYPES && !g->failed; k++) {
		(void)snprintf(name, sizeof(name), "%s_%s", c_name(g, member), BEHIND[k]); /* fits */
		set_name(g, &member->types[k], name);
	}
}

void
c_names_make(struct c_generator *g)
{
	static const char *const BASE[] = {"_interface", "_expect", "_ops", "_server", "_serve", NULL};
	const struct interface_member *m;

	for (size_t k = 0; BASE[k]; k++)
		take(g, g->prefix, BASE[k]);
	take(g, g->upper, "_INTERFACE");
	take(g, g->upper, "_TERN_H");
	for (m = interface_members(g->i); m && !g->failed; m = member_next(g->i, m))
		name_member(g, m);
	for (m = interface_members(g->i); m && !g->failed; m = member_next(g->i, m)) {
		if (m->kind == MEMBER_METHOD)
			name_method_types(g, m);
		for (size_t k = 0; k < (m->kind == MEMBER_METHOD ? N_METHOD_TYPES : 1) && !g->failed; k++)
			name_inside(g, &m->types[k]);
	}
}

void
c_names_free(struct c_generator *g)
{
	tdestroy(g->taken, free);
	for (size_t k = 0; g->names && k < g->i->size / 4; k++)
		free(g->names[k]);
	free(g->names);
	free(g->uses);
}

/* -------- the prefix -------- */

static bool
is_own(const char *prefix)
{
	for (size_t k = 0; k < ARRAY_SIZE(OWN); k++) {
		size_t n = strlen(OWN[k]);

		if (strncmp(prefix, OWN[k], n) == 0 && (!prefix[n] || prefix[n] == '_'))
			return true;
	}
	for (int kind = KIND_BOOL; kind < N_KINDS; kind++)
		if (strcmp(prefix, kind_keyword((enum interface_kind)kind)) == 0)
			return true;
	return is_word(prefix);
}

static bool
is_prefix(const char *text)
{
	if (!*text || strlen(text) > GENERATE_MAX_PREFIX || !islower((unsigned char)*text) || is_own(text))
		return false;
	for (const char *c = text; *c; c++) {
		bool is_good = islower((unsigned char)*c) || isdigit((unsigned char)*c) ||
			       (*c == '_' && c[1] && c[1] != '_');

		if (!is_good)
			return false;
	}
	return true;
}

int
c_prefix(const struct interface *i, const char *wish, char ret[GENERATE_MAX_PREFIX + 1])
{
	const char *name = interface_name(i, &i->item), *dot = strrchr(name, '.');
	char text[GENERATE_MAX_PREFIX - 1], *to = ret;

	if (wish) {
		if (!is_prefix(wish))
			return -EINVAL;
		(void)strcpy(ret, wish);
		return 0;
	}
	(void)snake(text, text + sizeof(text), dot ? dot + 1 : name);
	if (!islower((unsigned char)text[0]) || is_own(text))
		to = stpcpy(ret, "i_");
	for (const char *c = text; *c; c++) /* '-' became '_', and no two of these go together */
		if (*c != '_' || (to > ret && to[-1] != '_' && c[1]))
			*to++ = *c;
	*to = '\0';
	return 0;
}
