/* SPDX-License-Identifier: MIT */

/* generate-c: names first, then both texts, then their long lines broken */

#include <stdarg.h>

#include "base/attribute.h"
#include "cli/generate-c.h"

#define COLUMNS 100
#define TAB	8

void
c_print(struct c_generator *g, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vfprintf(g->out, format, ap); /* a failure stays in the stream */
	va_end(ap);
}

static size_t
width_of(const char *line, size_t n)
{
	size_t width = 0;

	for (size_t k = 0; k < n; k++)
		width = line[k] == '\t' ? (width / TAB + 1) * TAB : width + 1;
	return width;
}

/* find_break() - behind the last comma outside of strings that leaves the line short enough; 0: none */
static size_t
find_break(const char *line, size_t n, size_t indent)
{
	size_t best = 0, width = indent;
	bool in_string = false;

	for (size_t k = 0; k < n; k++) {
		width = line[k] == '\t' ? (width / TAB + 1) * TAB : width + 1;
		if (line[k] == '"' && (k == 0 || line[k - 1] != '\\'))
			in_string = !in_string;
		if (in_string || line[k] != ',' || k + 1 == n)
			continue;
		if (width > COLUMNS && best)
			break;
		best = k + 1;
	}
	return best;
}

static void
put_line(FILE *out, const char *line, size_t n)
{
	(void)fwrite(line, 1, n, out); /* a failure stays in the stream */
	(void)fputc('\n', out); /* as above */
}

/* fold_line() - a statement or a declaration, after tabs; what follows a break has one more */
static void
fold_line(FILE *out, const char *line, size_t n)
{
	size_t tabs = strspn(line, "\t"), indent = 0;

	while (width_of(line, n) + indent > COLUMNS) {
		size_t at = find_break(line, n, indent);

		if (!at)
			break;
		put_line(out, line, at);
		line += at;
		n -= at;
		while (n > 0 && *line == ' ') {
			line++;
			n--;
		}
		for (size_t k = 0; k <= tabs; k++)
			(void)fputc('\t', out); /* as above */
		indent = (tabs + 1) * TAB;
	}
	put_line(out, line, n);
}

static int
fold(const char *text, char **ret)
{
	bool in_comment = false;
	size_t size;
	FILE *out = open_memstream(ret, &size);

	if (!out)
		return -ENOMEM;
	while (*text) {
		size_t n = strcspn(text, "\n");
		const char *begin = text + strspn(text, "\t ");

		in_comment = in_comment || strncmp(begin, "/*", 2) == 0;
		if (in_comment)
			put_line(out, text, n);
		else
			fold_line(out, text, n);
		if (in_comment && memmem(text, n, "*/", 2))
			in_comment = false;
		text += n + (text[n] == '\n');
	}
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

/* write_text() - one of both */
static int
write_text(struct c_generator *g, void (*write)(struct c_generator *g), char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;

	g->out = open_memstream(&text, &size);
	if (!g->out)
		return -ENOMEM;
	write(g);
	if (fclose(g->out) != 0 || g->failed || !text)
		return -ENOMEM;
	return fold(text, ret);
}

int
generate_c(const struct interface *i, const char *prefix, char **ret_header, char **ret_source,
	char ret_prefix[GENERATE_MAX_PREFIX + 1])
{
	struct c_generator g = {.i = i};
	_cleanup_(freep) char *header = NULL, *source = NULL;
	int r;

	r = c_prefix(i, prefix, ret_prefix);
	if (r < 0)
		return r;
	g.prefix = ret_prefix;
	(void)c_upper(ret_prefix, g.upper, sizeof(g.upper));
	g.names = calloc(i->size / 4 + 1, sizeof(*g.names));
	g.uses = calloc(i->size / 4 + 1, sizeof(*g.uses));
	g.failed = !g.names || !g.uses;
	if (!g.failed)
		c_names_make(&g);
	r = g.failed ? -ENOMEM : 0;
	if (r == 0) {
		c_mark_uses(&g);
		r = write_text(&g, c_write_header, &header);
	}
	if (r == 0)
		r = write_text(&g, c_write_source, &source);
	c_names_free(&g);
	if (r == 0) {
		*ret_header = steal(header);
		*ret_source = steal(source);
	}
	return r;
}
