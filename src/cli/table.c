/* SPDX-License-Identifier: MIT */

/* table: rows and columns on standard output (libsmartcols lays them out) */

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/plain.h"
#include "cli/table.h"

struct table {
	struct libscols_table *lib;
	struct libscols_line *line; /* the last */
	size_t n_columns;
	int problem; /* the first error */
};

bool
table_has_legend(const struct cli *cli)
{
	return !cli->no_legend && isatty(STDOUT_FILENO);
}

struct table *
table_free(struct table *t)
{
	if (t)
		scols_unref_table(t->lib);
	free(t);
	return NULL;
}

static int
add_column(struct table *t, const struct table_column *column)
{
	struct libscols_column *c;
	struct winsize size = {0};
	bool is_narrow = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col &&
		size.ws_col < 110;

	c = scols_table_new_column(t->lib, column->head, 0,
		(is_narrow && column->flags & TABLE_SPARE ? SCOLS_FL_HIDDEN : 0) | (column->flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0) |
			(column->flags & TABLE_CUT ? SCOLS_FL_TRUNC : 0));
	if (!c)
		return -ENOMEM;
	if (column->colour != COLOUR_PLAIN)
		(void)scols_column_set_color(c, colour_sequence(column->colour)); /* only a colour */
	(void)scols_cell_set_color(
		scols_column_get_header(c), colour_sequence(COLOUR_HEADING)); /* as above */
	return 0;
}

int
table_new(const struct table_column *columns, size_t n_columns, bool has_legend, struct table **ret)
{
	_cleanup_(table_freep) struct table *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->n_columns = n_columns;
	t->lib = scols_new_table();
	if (!t->lib || scols_table_set_column_separator(t->lib, "  ") < 0)
		return -ENOMEM;
	(void)scols_table_enable_noheadings(t->lib, !has_legend);       /* flags of a table: cannot fail */
	(void)scols_table_enable_noencoding(t->lib, true);	      /* plain_print() has seen all cells */
	(void)scols_table_enable_colors(t->lib, colour_is_on(stdout)); /* as above */
	for (size_t i = 0; r == 0 && i < n_columns; i++)
		r = add_column(t, &columns[i]);
	if (r)
		return r;
	*ret = steal(t);
	return 0;
}

void
table_row(struct table *t)
{
	t->line = scols_table_new_line(t->lib, NULL);
	for (size_t i = 0; t->line && i < t->n_columns; i++)
		if (scols_line_set_data(t->line, i, "-") < 0)
			t->line = NULL;
	if (!t->line)
		t->problem = -ENOMEM;
}

/* plain_text() - a copy without what could play tricks; NULL: no memory */
static char *
plain_text(const char *text)
{
	_cleanup_(freep) char *plain = NULL;
	size_t size;
	FILE *out = open_memstream(&plain, &size);

	if (!out)
		return NULL;
	plain_print(out, text, strlen(text), false);
	return fclose(out) == 0 ? steal(plain) : NULL;
}

void
table_cell(struct table *t, size_t column, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL, *plain = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		text = NULL; /* undefined then */
	if (n == 0)
		return;
	plain = text ? plain_text(text) : NULL;
	if (!plain || !t->line || scols_line_refer_data(t->line, column, plain) < 0) {
		t->problem = -ENOMEM;
		return;
	}
	plain = NULL; /* the line's now */
}

void
table_colour(struct table *t, size_t column, enum colour colour)
{
	if (t->line)
		(void)scols_cell_set_color(scols_line_get_cell(t->line, column),
			colour_sequence(colour)); /* only a colour */
}

size_t
table_n_rows(const struct table *t)
{
	return scols_table_get_nlines(t->lib);
}

int
table_print(struct table *t)
{
	if (t->problem)
		return t->problem;
	if (table_n_rows(t) == 0)
		return 0;
	return scols_print_table(t->lib) < 0 ? -ENOMEM : 0; /* main() asks whether it was written */
}
