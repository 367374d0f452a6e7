/* SPDX-License-Identifier: MIT */

/* command-list: the names on the bus, and whose they are */

#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/plain.h"

#define N_COLUMNS 6
#define CELL_SIZE 256

/* A row of the table; a program's name and the labels are what others chose. */
struct row {
	char cells[N_COLUMNS][CELL_SIZE];
};

static const char *const HEADS[N_COLUMNS] = {"NAME", "PROGRAM", "PID", "USER", "OWNER", "LABELS"};

enum {
	OPTION_LONG = OPTION_OWN,
	OPTION_NAMES,
};

static void
user_name(uint32_t uid, char *buf, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		(void)snprintf(buf, size, "%s", user->pw_name); /* may be cut */
	else
		(void)snprintf(buf, size, "%u", uid); /* fits */
}

static void
fill_row(struct row *row, const struct owned_name *name)
{
	char *labels = row->cells[5];

	(void)snprintf(
		row->cells[0], CELL_SIZE, "%s", name->name); /* fits; as all these, or is cut */
	name_program(name->pid, row->cells[1]);
	(void)snprintf(row->cells[2], CELL_SIZE, "%u", name->pid);
	user_name(name->uid, row->cells[3], CELL_SIZE);
	(void)snprintf(row->cells[4], CELL_SIZE, ":%llu", (unsigned long long)name->owner);
	labels[0] = '\0';
	for (size_t i = 0; i < name->n_labels; i++) {
		size_t n = strlen(labels);

		(void)snprintf(labels + n, CELL_SIZE - n, "%s%s", n ? " " : "", name->labels[i]);
	}
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (!row->cells[i][0])
			strcpy(row->cells[i], "-"); /* never an empty column for awk */
}

/* cell_width() - columns on a terminal, near enough: characters */
static int
cell_width(const char *cell)
{
	int n = 0;

	for (; *cell; cell++)
		n += ((uint8_t)*cell & 0xc0) != 0x80;
	return n;
}

static void
print_row(const char *const *cells, const int *widths, size_t n_columns)
{
	for (size_t i = 0; i < n_columns; i++) {
		plain_print(stdout, cells[i], strlen(cells[i]), false);
		if (i + 1 < n_columns)
			(void)printf(
				"%*s", widths[i] - cell_width(cells[i]) + 2, ""); /* main() asks */
	}
	(void)putchar('\n'); /* as above */
}

static int
print_table(const struct name_list *list, size_t n_columns)
{
	_cleanup_(freep) struct row *rows = calloc(list->n + 1, sizeof(*rows));
	const char *cells[N_COLUMNS];
	int widths[N_COLUMNS] = {0};
	bool heads = isatty(STDOUT_FILENO);

	if (!rows)
		return STATUS_OTHER;
	for (size_t i = 0; heads && i < n_columns; i++)
		widths[i] = cell_width(HEADS[i]);
	for (size_t i = 0; i < list->n; i++) {
		fill_row(&rows[i], &list->names[i]);
		for (size_t k = 0; k < n_columns; k++)
			widths[k] = MAX(widths[k], cell_width(rows[i].cells[k]));
	}
	if (heads && list->n > 0)
		print_row(HEADS, widths, n_columns);
	for (size_t i = 0; i < list->n; i++) {
		for (size_t k = 0; k < n_columns; k++)
			cells[k] = rows[i].cells[k];
		print_row(cells, widths, n_columns);
	}
	return STATUS_OK;
}

static struct json_object *
json_of_name(const struct owned_name *name)
{
	struct json_object *object = json_object_new_object(), *labels = json_object_new_array();
	char program[64], owner[32];

	(void)snprintf(owner, sizeof(owner), ":%llu", (unsigned long long)name->owner); /* fits */
	name_program(name->pid, program);
	json_object_object_add(object, "name", json_object_new_string(name->name));
	json_object_object_add(object, "owner", json_object_new_string(owner));
	json_object_object_add(object, "pid", json_object_new_int64(name->pid));
	json_object_object_add(object, "uid", json_object_new_int64(name->uid));
	json_object_object_add(object, "program", json_new_text(program));
	for (size_t i = 0; i < name->n_labels; i++)
		json_object_array_add(labels, json_new_text(name->labels[i]));
	json_object_object_add(object, "labels", labels);
	return object;
}

static int
print_json(const struct name_list *list)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	_cleanup_(freep) char *text = NULL;

	for (size_t i = 0; i < list->n; i++)
		json_object_array_add(array, json_of_name(&list->names[i]));
	text = json_print(array, isatty(STDOUT_FILENO));
	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}

static void
print_names(const struct name_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		(void)puts(list->names[i].name); /* a name has no bytes that need care */
}

static int
run_list(struct cli *cli)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	bool all = false, names = false;
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_OPERAND)
			return command_usage(cli, "list takes no '%s'", cli->words.value);
		all = all || id == OPTION_LONG;
		names = names || id == OPTION_NAMES;
	}
	r = connect_bus(cli, &bus);
	if (r)
		return r;
	r = name_list_get(bus, &list);
	if (r)
		return connect_failed("the names cannot be listed", r, NULL);
	if (cli->json)
		return print_json(&list);
	if (names)
		print_names(&list);
	else if (list.n == 0 && isatty(STDOUT_FILENO))
		(void)printf("nobody owns a name on %s\n", tern_address(bus)); /* main() asks */
	else
		return print_table(&list, all ? N_COLUMNS : N_COLUMNS - 2);
	return STATUS_OK;
}

static const struct option_spec OPTIONS[] = {
	{OPTION_LONG, 'l', "long", NULL, "owners' numbers and labels too"},
	{OPTION_NAMES, 'n', "names", NULL, "nothing but the names"},
	OPTIONS_OF_ALL,
};

const struct command command_list = {
	.name = "list",
	.operands = "",
	.summary = "List the names on the bus, and whose they are.",
	.about = "Columns: name, program, process, user; with -l owner and labels. The number of\n"
		 "an owner (:17) can be called like a name.\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_list,
};
