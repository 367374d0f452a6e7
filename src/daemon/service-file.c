/* SPDX-License-Identifier: MIT */

/* service-file: see service-file.h */

#include <stdio.h>

#include "base/attribute.h"
#include "daemon/config-section.h"
#include "daemon/service-file.h"

/* put_char() - into the memory of the file, which has room for all of it: what is kept is never longer */
static void
put_char(struct service_file *file, char c)
{
	assert(file->used < sizeof(file->memory));
	file->memory[file->used++] = c;
}

static const char *
put_string(struct service_file *file, const char *text)
{
	const char *copy = file->memory + file->used;

	for (; *text; text++)
		put_char(file, *text);
	put_char(file, '\0');
	return copy;
}

/* --- words --- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* may_escape() - what a backslash may stand before: \n and the like are not known, and so refused */
static bool
may_escape(char c)
{
	return c == '\\' || c == '"' || c == '\'' || is_blank(c);
}

/* put_quoted() - up to the quote that ends it; @at stands behind the one that begins it. NULL: there is none. */
static const char *
put_quoted(struct service_file *file, const char *at, char quote)
{
	for (; *at && *at != quote; at++) {
		if (quote == '"' && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		put_char(file, *at);
	}
	return *at ? at + 1 : NULL;
}

/* put_word() - one word; NULL: it is wrong */
static const char *
put_word(struct service_file *file, const char *at, struct config_parse *p)
{
	while (*at && !is_blank(*at)) {
		if (*at == '"' || *at == '\'') {
			at = put_quoted(file, at + 1, *at);
			if (!at) {
				(void)config_fail(p, "a quote is not closed: what is quoted ends in its line");
				return NULL;
			}
		} else if (*at == '\\' && !may_escape(at[1])) {
			(void)config_fail(p, "a backslash stands before a blank, a quote or a backslash; write \\\\ for one");
			return NULL;
		} else {
			at += *at == '\\';
			put_char(file, *at++);
		}
	}
	put_char(file, '\0');
	return at;
}

static int
add_words(struct service_file *file, const char *at, const char **words, size_t *n, struct config_parse *p)
{
	while (is_blank(*at))
		at++;
	while (*at) {
		if (*n == SERVICE_FILE_MAX_WORDS)
			return config_fail(p, "there are more than %d words", SERVICE_FILE_MAX_WORDS);
		words[(*n)++] = file->memory + file->used;
		at = put_word(file, at, p);
		if (!at)
			return -EINVAL;
		while (is_blank(*at))
			at++;
	}
	return 0;
}

/* --- keys --- */

static int
set_exec(struct config_parse *p, struct service_file *file, const char *value)
{
	int r = add_words(file, value, file->exec, &file->n_exec, p);

	if (r)
		return r;
	if (file->n_exec == 0 || file->exec[0][0] != '/')
		return config_fail(p, "Exec is the path of a program, from / on, and its arguments");
	return 0;
}

static int
set_environment(struct config_parse *p, struct service_file *file, const char *value)
{
	int r = add_words(file, value, file->environment, &file->n_environment, p);

	for (size_t i = 0; r == 0 && i < file->n_environment; i++) {
		const char *equals = strchr(file->environment[i], '=');

		if (!equals || equals == file->environment[i])
			r = config_fail(p, "Environment is words like NAME=value, not \"%s\"", file->environment[i]);
	}
	return r;
}

static int
set_user(struct config_parse *p, struct service_file *file, const char *value)
{
	if (*value == '\0' || strpbrk(value, " \t:/"))
		return config_fail(p, "User is the name of one user, not \"%s\"", value);
	file->user = put_string(file, value);
	return 0;
}

static int
set_directory(struct config_parse *p, struct service_file *file, const char *value)
{
	if (*value != '/')
		return config_fail(p, "WorkingDirectory is a path from / on, not \"%s\"", value);
	file->directory = put_string(file, value);
	return 0;
}

static int
set_timeout(struct config_parse *p, struct service_file *file, const char *value)
{
	char *end;
	unsigned long seconds = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || seconds < 1 || seconds > SERVICE_FILE_MAX_TIMEOUT)
		return config_fail(p, "Timeout is a number of seconds from 1 to %d, not \"%s\"", SERVICE_FILE_MAX_TIMEOUT,
			value);
	file->timeout = (unsigned int)seconds;
	return 0;
}

static const char *const keys[] = {"Exec", "Environment", "User", "WorkingDirectory", "Timeout", NULL};

static int
set_key(struct config_parse *p, unsigned int key, const char *value)
{
	static int (*const set[])(struct config_parse *p, struct service_file *file, const char *value) = {
		set_exec, set_environment, set_user, set_directory, set_timeout,
	};

	return set[key](p, p->user, value);
}

static const struct config_section section_service = {.name = "Service", .keys = keys, .set = set_key};

int
service_file_parse(
	struct service_file *ret, const char *path, const char *text, size_t size, struct config_error *ret_error)
{
	static const struct config_section *const sections[] = {&section_service};
	struct config_parse p = {
		.user = ret,
		.sections = sections,
		.n_sections = ARRAY_SIZE(sections),
		.path = path,
		.text = text,
		.size = size,
		.error = ret_error,
	};
	int r;

	memset(ret, 0, offsetof(struct service_file, memory));
	ret->timeout = SERVICE_FILE_TIMEOUT;
	if (size > SERVICE_FILE_MAX_SIZE)
		return config_fail(&p, "the file is longer than %d bytes", SERVICE_FILE_MAX_SIZE);
	r = config_read(&p);
	if (r == 0 && ret->n_exec == 0)
		r = config_fail(&p, "Exec is missing: the path of the program, and its arguments");
	return r;
}

int
service_file_read(struct service_file *ret, const char *path, bool is_system, struct config_error *ret_error)
{
	char text[SERVICE_FILE_MAX_SIZE + 1];
	size_t size;
	int r;

	r = config_read_file(path, text, sizeof(text), &size, ret_error);
	if (r == 0)
		r = service_file_parse(ret, path, text, size, ret_error);
	if (r && r != -EINVAL)
		(void)snprintf(ret_error->text, sizeof(ret_error->text), "%.800s: it cannot be read (%s)", path, strerror(-r));
	if (r == 0 && is_system && !ret->user) {
		(void)snprintf(ret_error->text, sizeof(ret_error->text),
			"%.800s: on the bus of a machine User= says who it runs as", path);
		r = -EINVAL;
	}
	return r;
}
