/* SPDX-License-Identifier: MIT */

/* guide-type: one word as a value of one type */

#include <fcntl.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <tern/cbor.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/base64.h"
#include "cli/guide-type.h"
#include "cli/json.h"

#define MOST_BYTES (64U << 20) /* of a file */

const struct interface_type GUIDE_ANY = {.kind = KIND_ANY};

const struct interface_type *
guide_resolve(const struct interface *i, const struct interface_type *type)
{
	while (type->kind == KIND_NAMED)
		type = &type_member(i, type)->types[0];
	return type;
}

static int
bad(struct guide *g, const struct interface_type *type, const char *word)
{
	struct interface_type needed = *type;
	char text[96];

	needed.is_optional = false;
	return argument_bad(g->why, "'%s' takes %s, not '%.60s'", g->key,
		guide_describe(g->i, &needed, text, sizeof(text)), word);
}

/* done() - Return: 0, or -ENOMEM if it could not be made */
static int
done(struct json_object *value, struct json_object **ret)
{
	*ret = value;
	return value ? 0 : -ENOMEM;
}

/* -------- numbers and words -------- */

static int
value_bool(struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret)
{
	static const char *const WORDS[] = {"false", "true", "no", "yes", "off", "on"};

	for (size_t k = 0; k < ARRAY_SIZE(WORDS); k++)
		if (strcasecmp(word, WORDS[k]) == 0)
			return done(json_object_new_boolean(k % 2), ret);
	return bad(g, type, word);
}

/* value_integer() - decimal or 0x; a sign and no blanks, which strtoull() would take */
static int
value_integer(struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret)
{
	bool is_negative = *word == '-';
	const char *digits = word + is_negative;
	bool is_hex = digits[0] == '0' && (digits[1] | 32) == 'x';
	uint64_t n;
	char *end;

	errno = 0;
	n = strtoull(digits, &end, is_hex ? 16 : 10);
	if (*digits < '0' || *digits > '9' || *end || end == digits || (is_negative && type->kind == KIND_UINT))
		return bad(g, type, word);
	if (errno || (type->kind == KIND_INT && n > (uint64_t)INT64_MAX + is_negative))
		return argument_bad(g->why, "'%s': %.40s is out of range", g->key, word);
	if (is_negative)
		return done(json_object_new_int64((int64_t)-n), ret);
	return done(json_object_new_uint64(n), ret);
}

static int
value_float(struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret)
{
	struct json_object *special;
	double number;
	char *end;

	if (strcasecmp(word, "nan") == 0 || strcasecmp(word, "infinity") == 0 || strcasecmp(word, "-infinity") == 0) {
		special = json_object_new_object();
		if (special)
			json_object_object_add(special, "$float", json_object_new_string(
				strcasecmp(word, "nan") == 0 ? "NaN" : *word == '-' ? "-Infinity" : "Infinity"));
		return done(special, ret);
	}
	if (!*word || word[strspn(word, "0123456789+-.eE")])
		return bad(g, type, word);
	number = strtod(word, &end);
	if (*end || !isfinite(number))
		return bad(g, type, word);
	return done(json_object_new_double(number), ret);
}

static int
value_enum(struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret)
{
	const struct interface_item *item = type_values(g->i, type);
	struct near near = {.word = word};

	for (; item; item = value_next(g->i, item)) {
		if (strcmp(interface_name(g->i, item), word) == 0)
			return done(json_object_new_string(word), ret);
		near_offer(&near, interface_name(g->i, item));
	}
	if (near.nearest)
		return argument_bad(g->why, "'%s' takes no '%.60s'; did you mean '%s'?", g->key, word, near.nearest);
	return bad(g, type, word);
}

/* -------- bytes -------- */

static int
hex_bytes(struct guide *g, const char *text, struct json_object **ret)
{
	_cleanup_(freep) uint8_t *bytes = malloc(strlen(text) / 2 + 1);
	size_t n = 0;

	if (!bytes)
		return -ENOMEM;
	for (; text[0] && strspn(text, "0123456789abcdefABCDEF") >= 2; text += 2) {
		const char pair[3] = {text[0], text[1], '\0'};

		bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	if (*text)
		return argument_bad(g->why, "'%s': pairs of 0-9 and a-f are expected from '%.40s' on", g->key, text);
	return json_new_bytes(bytes, n, ret);
}

/* base64_bytes() - of either alphabet, with or without padding */
static int
base64_bytes(struct guide *g, const char *text, struct json_object **ret)
{
	size_t n = strcspn(text, "=");
	_cleanup_(freep) char *copy = strndup(text, n);
	_cleanup_(freep) void *bytes = NULL;
	size_t size;
	int r;

	if (!copy)
		return -ENOMEM;
	for (char *c = copy; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	r = text[n + strspn(text + n, "=")] ? BASE64_E_INVALID : base64_decode(copy, n, &bytes, &size);
	if (r == BASE64_E_INVALID)
		return argument_bad(g->why, "'%s': '%.60s' is no base64", g->key, text);
	return r ? r : json_new_bytes(bytes, size, ret);
}

static int
file_bytes(struct guide *g, const char *path, struct json_object **ret)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) uint8_t *bytes = malloc(MOST_BYTES);
	size_t size = 0;
	ssize_t n = 1;

	if (!bytes)
		return -ENOMEM;
	while (fd >= 0 && n > 0 && size < MOST_BYTES) {
		n = read(fd, bytes + size, MOST_BYTES - size);
		size += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0)
		return argument_bad(g->why, "'%s': %.120s cannot be read: %m", g->key, path);
	if (size == MOST_BYTES)
		return argument_bad(g->why, "'%s': %.120s has more than %u MiB", g->key, path, MOST_BYTES >> 20);
	return json_new_bytes(bytes, size, ret);
}

static int
value_bytes(struct guide *g, const char *word, struct json_object **ret)
{
	if (*word == '@')
		return file_bytes(g, word + 1, ret);
	if (strncmp(word, "hex:", 4) == 0)
		return hex_bytes(g, word + 4, ret);
	if (strncmp(word, "base64:", 7) == 0)
		return base64_bytes(g, word + 7, ret);
	if (strncmp(word, "text:", 5) == 0)
		return json_new_bytes(word + 5, strlen(word + 5), ret);
	return argument_bad(g->why, "'%s' takes bytes: hex:00ff, base64:AP8, text:abc or @FILE", g->key);
}

/* -------- descriptors -------- */

/* open_word() - @FILE in one of its ways, or a number. Return: the descriptor; -1 and errno. */
static int
open_word(const char *word)
{
	static const struct {
		const char *sign;
		int flags;
	} WAYS[] = {
		{"@>>", O_WRONLY | O_CREAT | O_APPEND},
		{"@>", O_WRONLY | O_CREAT | O_TRUNC},
		{"@+", O_RDWR},
		{"@", O_RDONLY},
	};

	for (size_t k = 0; k < ARRAY_SIZE(WAYS); k++)
		if (strncmp(word, WAYS[k].sign, strlen(WAYS[k].sign)) == 0)
			return open(word + strlen(WAYS[k].sign), WAYS[k].flags | O_CLOEXEC, 0666);
	return fcntl(atoi(word), F_DUPFD_CLOEXEC, 3);
}

static int
value_fd(struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret)
{
	struct json_object *object;
	int fd;

	if (*word != '@' && (!*word || word[strspn(word, "0123456789")] || strlen(word) > 9))
		return argument_bad(g->why, "'%s' takes a descriptor: @FILE, @>FILE, @>>FILE, @+FILE or a number", g->key);
	if (g->ret->n_fds == GUIDE_MOST_FDS)
		return argument_bad(g->why, "more than %d descriptors", GUIDE_MOST_FDS);
	fd = open_word(word);
	if (fd < 0)
		return argument_bad(g->why, "'%s': %.120s cannot be opened: %m", g->key, word);
	g->ret->fds[g->ret->n_fds++] = fd;
	object = json_object_new_object();
	if (!object)
		return -ENOMEM;
	json_object_object_add(object, "$tag", json_object_new_int64(TERN_CBOR_TAG_FD));
	json_object_object_add(object, "value", json_object_new_int64(g->ret->n_fds - 1));
	return done(object, ret);
}

/* -------- any of them -------- */

static int
value_json(struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret)
{
	if (!*word || !strchr("[{", *word))
		return bad(g, type, word);
	return argument_json(word, ret, g->why);
}

int
guide_value(struct guide *g, const struct interface_type *type, const char *word, struct json_object **ret)
{
	bool is_optional = type->is_optional;
	const struct interface_type *inner = guide_resolve(g->i, type);

	if ((is_optional || inner->is_optional) && strcmp(word, "null") == 0) {
		*ret = NULL;
		return 0;
	}
	switch (inner->kind) {
	case KIND_BOOL:
		return value_bool(g, inner, word, ret);
	case KIND_INT:
	case KIND_UINT:
		return value_integer(g, inner, word, ret);
	case KIND_FLOAT:
		return value_float(g, inner, word, ret);
	case KIND_STRING:
		return argument_text(word, ret, g->why);
	case KIND_BYTES:
		return value_bytes(g, word, ret);
	case KIND_FD:
		return value_fd(g, inner, word, ret);
	case KIND_ENUM:
		return value_enum(g, inner, word, ret);
	case KIND_ANY:
		return argument_value(word, ret, g->why);
	default:
		return value_json(g, inner, word, ret);
	}
}

/* -------- types in a few words -------- */

static void describe(FILE *out, const struct interface *i, const struct interface_type *type, int depth);

static void
describe_items(FILE *out, const struct interface *i, const struct interface_type *type, int depth)
{
	const struct interface_item *item = type_values(i, type); /* fields begin with one, too */

	(void)fputc('(', out); /* memory: full is cut, as all here */
	for (; item; item = value_next(i, item)) {
		(void)fprintf(out, "%s%s", item->order ? ", " : "", interface_name(i, item));
		if (type->kind == KIND_STRUCT) {
			(void)fputs(": ", out);
			describe(out, i, &container_of(item, struct interface_field, item)->type, depth + 1);
		}
	}
	(void)fputc(')', out);
}

static void
describe(FILE *out, const struct interface *i, const struct interface_type *type, int depth)
{
	if (type->is_optional)
		(void)fputc('?', out); /* as above */
	switch (type->kind) {
	case KIND_STRUCT:
	case KIND_ENUM:
		if (depth < 2)
			describe_items(out, i, type, depth);
		else
			(void)fputs("(…)", out);
		break;
	case KIND_ARRAY:
	case KIND_MAP:
		(void)fputs(type->kind == KIND_ARRAY ? "[]" : "[string]", out);
		describe(out, i, type_elements(i, type), depth);
		break;
	case KIND_NAMED:
		(void)fputs(interface_name(i, &type_member(i, type)->item), out);
		break;
	default:
		(void)fputs(kind_keyword(type->kind), out);
	}
}

const char *
guide_describe(const struct interface *i, const struct interface_type *type, char *buf, size_t size)
{
	_cleanup_(freep) char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	buf[0] = '\0';
	if (!out)
		return buf;
	describe(out, i, type, 0);
	if (fclose(out) == 0 && snprintf(buf, size, "%s", text) >= (int)size && size > 4)
		(void)strcpy(buf + size - 4, "…"); /* three bytes; a name is ASCII, so none is cut in two */
	return buf;
}
