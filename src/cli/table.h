/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * table: rows and columns on standard output
 *
 * On a terminal there are headings, colours, and cells that are cut where the
 * terminal ends; elsewhere the same columns with nothing else, whole. No cell
 * is ever empty (a - is there instead), so that awk counts right.
 *
 *     _cleanup_(table_freep) struct table *t = NULL;
 *
 *     r = table_new(COLUMNS, ARRAY_SIZE(COLUMNS), table_has_legend(cli), &t);
 *     table_row(t);
 *     table_cell(t, 0, "%s", name);
 *     r = table_print(t);
 *
 * What goes wrong on the way is kept, and returned at the end.
 *
 * Threads: owner.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/attribute.h"
#include "cli/colour.h"

enum {
	TABLE_RIGHT = 1, /* numbers */
	TABLE_SPARE = 4, /* left out on terminals of fewer than 110 columns */
	TABLE_CUT = 2,   /* may be cut on a terminal: all of it is said elsewhere, or is talk */
};

struct table_column {
	const char *head;
	unsigned flags; /* TABLE_* */
	enum colour colour;
};

struct table;
struct cli;

/* table_has_legend() - headings and sums: on terminals, unless --no-legend was given */
bool table_has_legend(const struct cli *cli);

/* table_new() - a table without rows. Return: 0; -ENOMEM. */
int table_new(
	const struct table_column *columns, size_t n_columns, bool has_legend, struct table **ret);

/* table_free() - returns NULL */
struct table *table_free(struct table *t);
DEFINE_FREEP(struct table, table_free)

/* table_row() - begin the next row */
void table_row(struct table *t);

/* table_cell() - of the last row; the text may be anybody's */
void table_cell(struct table *t, size_t column, const char *format, ...) _printf_(3, 4);

/* table_colour() - another colour for one cell of the last row */
void table_colour(struct table *t, size_t column, enum colour colour);

/* table_n_rows() - how many there are */
size_t table_n_rows(const struct table *t);

/* table_print() - write it. Return: 0; -ENOMEM, also of what was done before. */
int table_print(struct table *t);
