/* SPDX-License-Identifier: MIT */

/* argument: the words behind a member, as one value */

#include <ctype.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/argument.h"
#include "cli/json.h"

#define INPUT_SIZE (64U << 20)

int
argument_bad(struct argument_fault *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, ap); /* may be cut */
	va_end(ap);
	return ARGUMENT_E_INVALID;
}

int
argument_json(const char *word, struct json_object **ret, struct argument_fault *why)
{
	struct json_fault fault;
	int r;

	r = json_read(word, strlen(word), ret, &fault);
	if (r == JSON_E_INVALID)
		return argument_bad(
			why, "'%.80s' is no JSON: %s, at byte %zu", word, fault.text, fault.offset);
	return r;
}

int
argument_text(const char *word, struct json_object **ret, struct argument_fault *why)
{
	size_t n = strlen(word), offset;

	if (!json_is_text(word, n, &offset))
		return argument_bad(why, "'%.80s' is not UTF-8, from byte %zu on", word, offset);
	if (n > INT32_MAX)
		return argument_bad(why, "a text over 2 GiB");
	*ret = json_object_new_string_len(word, (int)n);
	return *ret ? 0 : -ENOMEM;
}

/* is_number_like() - 1e999 is refused rather than taken as text; 1.2.3 and 10:30 are text */
static bool
is_number_like(const char *word)
{
	char *end;

	if (!strchr("-0123456789", word[0]))
		return false;
	(void)strtod(word, &end); /* only where it ends matters */
	return end > word && !*end && !strpbrk(word, "xXnN");
}

int
argument_value(const char *word, struct json_object **ret, struct argument_fault *why)
{
	struct json_fault fault;
	int r;

	if (!*word)
		return argument_text(word, ret, why);
	r = json_read(word, strlen(word), ret, &fault);
	if (r != JSON_E_INVALID)
		return r;
	if (strchr("{[\"", word[0]) || is_number_like(word))
		return argument_json(word, ret, why);
	return argument_text(word, ret, why);
}

size_t
argument_key(const char *word)
{
	size_t n = 0;

	if (!isalpha((unsigned char)word[0]) && word[0] != '_')
		return 0;
	while (isalnum((unsigned char)word[n]) || (word[n] && strchr("_-.", word[n])))
		n++;
	return word[n] == '=' || (word[n] == ':' && word[n + 1] == '=') ? n : 0;
}

static int
read_member(const char *word, size_t n_key, struct json_object *map, struct argument_fault *why)
{
	_cleanup_(freep) char *key = strndup(word, n_key);
	struct json_object *value;
	const char *rest = word + n_key;
	int r;

	if (!key)
		return -ENOMEM;
	if (json_object_object_get_ex(map, key, NULL))
		return argument_bad(why, "'%.80s' is given twice", key);
	if (strncmp(rest, ":=", 2) == 0)
		r = argument_json(rest + 2, &value, why);
	else if (strncmp(rest, "==", 2) == 0)
		r = argument_text(rest + 2, &value, why);
	else
		r = argument_value(rest + 1, &value, why);
	if (r)
		return r;
	if (json_object_object_add(map, key, value) < 0) {
		(void)json_object_put(value); /* not taken over */
		return -ENOMEM;
	}
	return 0;
}

static int
read_map(char *const *words, size_t n, struct json_object **ret, struct argument_fault *why)
{
	_cleanup_(json_putp) struct json_object *map = json_object_new_object();
	int r;

	if (!map)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t n_key = argument_key(words[i]);

		if (n_key == 0)
			return argument_bad(why,
				"'%.80s' is no KEY=VALUE, as '%.80s' is; a map or a list, not both",
				words[i], words[0]);
		r = read_member(words[i], n_key, map, why);
		if (r)
			return r;
	}
	*ret = steal(map);
	return 0;
}

static int
read_array(char *const *words, size_t n, struct json_object **ret, struct argument_fault *why)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	int r;

	if (!array)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *value;

		if (argument_key(words[i]))
			return argument_bad(why,
				"'%.80s' is a KEY=VALUE, '%.80s' is none; a map or a list, not "
				"both",
				words[i], words[0]);
		r = argument_value(words[i], &value, why);
		if (r)
			return r;
		if (json_object_array_add(array, value) < 0) {
			(void)json_object_put(value); /* not taken over */
			return -ENOMEM;
		}
	}
	*ret = steal(array);
	return 0;
}

/* read_stream() - all of it as JSON; `what` it is, for people */
static int
read_stream(FILE *in, const char *what, struct json_object **ret, struct argument_fault *why)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0, room = 0, n;
	struct json_fault fault;
	int r;

	do {
		if (size == room) {
			char *more = realloc(text, room = room ? 2 * room : 4096);

			if (!more)
				return -ENOMEM;
			text = more;
		}
		n = fread(text + size, 1, room - size, in);
		size += n;
	} while (n > 0 && size < INPUT_SIZE);
	if (ferror(in))
		return argument_bad(why, "%s cannot be read: %m", what);
	if (size >= INPUT_SIZE)
		return argument_bad(why, "%s has more than %u MiB", what, INPUT_SIZE >> 20);
	r = json_read(text, size, ret, &fault);
	if (r == JSON_E_INVALID)
		return argument_bad(why, "%s is no JSON: %s, at byte %zu", what, fault.text, fault.offset);
	return r;
}

int
argument_input(struct json_object **ret, struct argument_fault *why)
{
	return read_stream(stdin, "standard input", ret, why);
}

int
argument_file(const char *path, struct json_object **ret, struct argument_fault *why)
{
	FILE *in = fopen(path, "re");
	int r;

	if (!in)
		return argument_bad(why, "%.160s cannot be read: %m", path);
	r = read_stream(in, path, ret, why);
	(void)fclose(in); /* was only read */
	return r;
}

int
argument_read(char *const *words, size_t n, struct json_object **ret, struct argument_fault *why)
{
	assert(n >= 1);
	if (n == 1 && strcmp(words[0], "-") == 0)
		return argument_input(ret, why);
	if (n == 1 && words[0][0] == '@' && words[0][1])
		return argument_file(words[0] + 1, ret, why);
	if (argument_key(words[0]))
		return read_map(words, n, ret, why);
	if (n > 1)
		return read_array(words, n, ret, why);
	return argument_value(words[0], ret, why);
}
