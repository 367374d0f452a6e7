/* SPDX-License-Identifier: MIT */

/*
 * config: ternd.conf
 *
 * libinih takes lines apart. It is given them one by one, without what it would
 * cut off or let pass: long lines, sections (of which it keeps 49 bytes, and
 * which it does not tell of when nothing is in them), lines that go on.
 */

#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/near.h"
#include "daemon/config-section.h"

static const struct config_section *const sections[] = {
	&config_section_limits,
	&config_section_policy,
	&config_section_name,
};

static_assert(ARRAY_SIZE(sections) <= 32, "a bit for each");

int
config_fail(struct config_parse *p, const char *format, ...)
{
	char *text = p->error->text;
	int n = snprintf(text, CONFIG_TEXT_SIZE, "%s:%u: ", p->path, p->line);
	va_list ap;

	va_start(ap, format);
	if (n >= 0 && n < CONFIG_TEXT_SIZE)
		(void)vsnprintf(text + n, (size_t)(CONFIG_TEXT_SIZE - n), format, ap); /* cut if it must be */
	va_end(ap);
	for (char *c = text; *c; c++)
		if ((uint8_t)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -EINVAL;
}

/* --- sections --- */

static int
fail_section(struct config_parse *p, const char *name)
{
	struct near near = {.word = name};
	char all[128] = "";

	for (size_t i = 0; i < p->n_sections; i++) {
		size_t n = strlen(all);

		near_offer(&near, p->sections[i]->name);
		(void)snprintf(all + n, sizeof(all) - n, " [%s%s]", p->sections[i]->name,
			p->sections[i]->has_argument ? " …" : ""); /* cut if it must be */
	}
	if (near.nearest)
		return config_fail(p, "there is no section [%s]: did you mean [%s]?", name, near.nearest);
	return config_fail(p, "there is no section [%s]: there are%s", name, all);
}

/* @text: between the brackets */
static int
begin_section(struct config_parse *p, char *text)
{
	char *argument = text + strcspn(text, " \t");
	const struct config_section *section = NULL;

	if (*argument)
		*argument++ = '\0';
	argument += strspn(argument, " \t");
	for (size_t i = 0; i < p->n_sections && !section; i++)
		if (!strcmp(p->sections[i]->name, text))
			section = p->sections[i];
	if (!section)
		return fail_section(p, text);
	if (section->has_argument && !*argument)
		return config_fail(p, "which %s? Write [%s org.example.Name]", text, text);
	if (!section->has_argument && *argument)
		return config_fail(p, "write [%s], and nothing else between the brackets", text);
	p->section = section;
	p->seen = 0;
	return section->begin ? section->begin(p, argument) : 0;
}

static int
read_section(struct config_parse *p, char *line)
{
	char *end = strchr(line, ']'), *last;

	if (!end)
		return config_fail(p, "the ] is missing");
	last = end + 1 + strspn(end + 1, " \t");
	if (*last && *last != ';' && *last != '#')
		return config_fail(p, "only a comment may follow the ]");
	while (end > line + 1 && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	line++;
	line += strspn(line, " \t");
	return begin_section(p, line);
}

/* --- lines --- */

/* The next one, into @line of @room bytes, without blanks around it. Return: there is one, and it fits. */
static bool
take_line(struct config_parse *p, char *line, size_t room)
{
	const char *end = memchr(p->text, '\n', p->size), *text = p->text;
	size_t n = end ? (size_t)(end - text) : p->size;

	p->line++;
	p->text += end ? n + 1 : n;
	p->size -= end ? n + 1 : n;
	for (; n > 0 && strchr(" \t\r", text[n - 1]); n--)
		;
	for (; n > 0 && strchr(" \t", *text); n--)
		text++;
	if (n + 2 > room) {
		p->r = config_fail(p, "a line has %zu bytes at most: write it shorter", room - 2);
		return false;
	}
	memcpy(line, text, n);
	line[n] = '\0';
	return true;
}

/* What libinih reads: one line. */
static char *
next_line(char *line, int room, void *user)
{
	struct config_parse *p = user;

	if (p->r || p->size == 0 || !take_line(p, line, (size_t)room))
		return NULL;
	if (line[0] == '[') {
		p->r = read_section(p, line);
		line[0] = '\0';
	}
	(void)strcat(line, "\n"); /* fits */
	return p->r ? NULL : line;
}

static int
fail_key(struct config_parse *p, const char *key)
{
	struct near near = {.word = key};
	char all[256] = "";

	for (size_t i = 0; p->section->keys[i]; i++) {
		size_t n = strlen(all);

		near_offer(&near, p->section->keys[i]);
		(void)snprintf(all + n, sizeof(all) - n, " %s", p->section->keys[i]); /* cut if it must be */
	}
	if (near.nearest)
		return config_fail(p, "[%s] has no \"%s\": did you mean %s?", p->section->name, key, near.nearest);
	return config_fail(p, "[%s] has no \"%s\": it has%s", p->section->name, key, all);
}

static int
set_key(struct config_parse *p, const char *key, const char *value)
{
	unsigned int i = 0;

	if (!p->section)
		return config_fail(p, "a section comes first, as [name org.example.Mixer]");
	while (p->section->keys[i] && strcmp(p->section->keys[i], key) != 0)
		i++;
	if (!p->section->keys[i])
		return fail_key(p, key);
	if (p->seen >> i & 1)
		return config_fail(p, "\"%s\" is in this section already: write one line", key);
	p->seen |= UINT32_C(1) << i;
	return p->section->set(p, i, value);
}

/* Of libinih: 0 is a failure. */
static int
on_key(void *user, const char *section, const char *key, const char *value)
{
	struct config_parse *p = user;

	if (p->r == 0)
		p->r = set_key(p, key, value);
	return p->r == 0;
}

int
config_read(struct config_parse *p)
{
	int n = 0;

	ini_max_line = CONFIG_MAX_LINE + 2;
	if (memchr(p->text, '\0', p->size))
		p->r = config_fail(p, "it is no text: there are zero bytes in it");
	if (p->r == 0)
		n = ini_parse_stream(next_line, p, on_key, p);
	p->line = n > 0 ? (uint32_t)n : p->line;
	if (p->r == 0 && n > 0)
		p->r = config_fail(p, "write KEY = VALUE");
	if (p->r == 0 && n < 0)
		p->r = -ENOMEM;
	return p->r;
}

/* --- files --- */

int
config_parse(struct config *ret, const char *path, const char *text, size_t size, bool is_system,
	const struct config_names *names, struct config_error *ret_error)
{
	struct config config = {0};
	struct config_parse p = {
		.config = &config,
		.sections = sections,
		.n_sections = ARRAY_SIZE(sections),
		.path = path,
		.text = text,
		.size = size,
		.names = names,
		.error = ret_error,
	};

	(void)snprintf(ret_error->text, sizeof(ret_error->text), "%s: no memory", path); /* cut if it must be */
	p.r = policy_new(&config.policy);
	if (p.r == 0)
		p.r = config_read(&p);
	if (p.r == 0)
		p.r = config_policy_default(config.policy, is_system);
	if (p.r == 0)
		*ret = config;
	else
		config_deinit(&config);
	return p.r;
}

/* Who could write it could have what he likes allowed. */
static int
check_file(int fd, const char *path, size_t max, struct config_error *ret_error)
{
	const char *wrong = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		wrong = "it is no file";
	else if (st.st_size > (off_t)max)
		wrong = "it is too large";
	else if (st.st_mode & S_IWOTH)
		wrong = "everybody may write it: chmod o-w";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		wrong = "it belongs to another user: it has to be root's, or ternd's own user's";
	if (!wrong)
		return 0;
	(void)snprintf(ret_error->text, sizeof(ret_error->text), "%s: %s", path, wrong); /* cut if it must be */
	return -EINVAL;
}

int
config_read_file(const char *path, char *text, size_t room, size_t *ret_size, struct config_error *ret_error)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t size = 0;
	ssize_t n = 1;
	int r;

	if (fd < 0)
		return -errno;
	r = check_file(fd, path, room, ret_error);
	while (!r && n > 0 && size < room) {
		n = read(fd, text + size, room - size);
		if (n > 0)
			size += (size_t)n;
		else if (n < 0 && errno != EINTR)
			r = -errno;
		n = n < 0 ? 1 : n;
	}
	*ret_size = size;
	return r;
}

int
config_load(struct config *ret, const char *path, bool is_system, struct config_error *ret_error)
{
	_cleanup_(freep) char *text = malloc(CONFIG_MAX_SIZE);
	size_t size = 0;
	int r;

	if (!text)
		return -ENOMEM;
	if (path) {
		(void)snprintf(ret_error->text, sizeof(ret_error->text), "%s", path); /* cut if it must be */
		r = config_read_file(path, text, CONFIG_MAX_SIZE, &size, ret_error);
		if (r < 0 && r != -EINVAL)
			(void)snprintf(ret_error->text, sizeof(ret_error->text), "%s: it cannot be read (%s)", path,
				strerror(-r)); /* cut if it must be */
		if (r)
			return r;
	}
	return config_parse(ret, path ? path : "", text, size, is_system, &config_system_names, ret_error);
}

void
config_deinit(struct config *config)
{
	config->policy = policy_free(config->policy);
}
