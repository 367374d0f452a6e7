/* SPDX-License-Identifier: MIT */

/* command-list: the names on the bus, and whose they are */

#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>
#include <tern/message.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/list-peer.h"
#include "cli/list-queue.h"
#include "cli/list-service.h"
#include "cli/name.h"
#include "cli/table.h"

static const struct table_column COLUMNS[] = {
	{"NAME", 0, COLOUR_NAME},
	{"PROGRAM", TABLE_CUT, COLOUR_PLAIN},
	{"PID", TABLE_RIGHT, COLOUR_PLAIN},
	{"USER", 0, COLOUR_PLAIN},
	{"OWNER", TABLE_RIGHT, COLOUR_FAINT},
	{"QUEUE", TABLE_CUT, COLOUR_FAINT},
	{"LABELS", TABLE_CUT, COLOUR_FAINT},
};

enum {
	N_SHORT = 4, /* columns without -l */
};

enum {
	OPTION_LONG = OPTION_OWN,
	OPTION_NAMES,
	OPTION_LABEL,
	OPTION_UNIQUE,
	OPTION_ACTIVATABLE,
};

/* What is to be listed, and how. */
struct list_order {
	bool is_long, names_only, is_unique, is_activatable;
	const char *prefix; /* NULL: all names */
	const char *labels[TERN_MAX_TAGS + 1]; /* NULL-ended; an owner has all of them */
	size_t n_labels;
	struct json_object *queues; /* with is_long, and in JSON (list-queue.h) */
};

static bool
has_label(const struct owned_name *name, const char *label)
{
	for (size_t i = 0; i < name->n_labels; i++)
		if (strcmp(name->labels[i], label) == 0)
			return true;
	return false;
}

static bool
is_wanted(const struct list_order *order, const struct owned_name *name)
{
	if (order->prefix && strncmp(name->name, order->prefix, strlen(order->prefix)) != 0)
		return false;
	for (size_t i = 0; i < order->n_labels; i++)
		if (!has_label(name, order->labels[i]))
			return false;
	return true;
}

void
list_user(uint32_t uid, char *buf, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		(void)snprintf(buf, size, "%s", user->pw_name); /* may be cut */
	else
		(void)snprintf(buf, size, "%u", uid); /* fits */
}

static void
join_labels(const struct owned_name *name, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < name->n_labels && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", name->labels[i]); /* may be cut */
}

static void
add_row(struct table *t, const struct owned_name *name, const struct list_order *order)
{
	char buf[TERN_MAX_HEADER + TERN_MAX_TAGS];

	table_row(t);
	table_cell(t, 0, "%s", name->name);
	name_program(name->pid, buf);
	table_cell(t, 1, "%s", buf);
	table_cell(t, 2, "%u", name->pid);
	list_user(name->uid, buf, sizeof(buf));
	table_cell(t, 3, "%s", buf);
	if (!order->is_long)
		return;
	table_cell(t, 4, ":%llu", (unsigned long long)name->owner);
	queue_join(queue_of(order->queues, name->name), buf, sizeof(buf));
	table_cell(t, 5, "%s", buf);
	join_labels(name, buf, sizeof(buf));
	table_cell(t, 6, "%s", buf);
}

static void
print_sum(size_t n, const char *address)
{
	if (n == 0)
		(void)printf("no such name is owned on %s\n", address); /* main() asks, as below */
	else
		(void)printf("\n%s%zu name%s on %s%s\n", colour_begin(stdout, COLOUR_FAINT), n, n == 1 ? "" : "s",
			address, colour_end(stdout, COLOUR_FAINT));
}

static int
print_table(const struct cli *cli, const struct name_list *list, const struct list_order *order, const char *address)
{
	_cleanup_(table_freep) struct table *t = NULL;
	bool has_legend = table_has_legend(cli);
	int r;

	r = table_new(COLUMNS, order->is_long ? ARRAY_SIZE(COLUMNS) : N_SHORT, has_legend, &t);
	for (size_t i = 0; r == 0 && i < list->n; i++)
		if (is_wanted(order, &list->names[i]))
			add_row(t, &list->names[i], order);
	if (r == 0)
		r = table_print(t);
	if (r)
		return STATUS_OTHER;
	if (has_legend)
		print_sum(table_n_rows(t), address);
	return STATUS_OK;
}

static struct json_object *
json_of_name(const struct owned_name *name, struct json_object *queues)
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
	if (queue_of(queues, name->name))
		json_object_object_add(object, "queue", json_object_get(queue_of(queues, name->name)));
	return object;
}

static int
print_json(const struct name_list *list, const struct list_order *order)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	_cleanup_(freep) char *text = NULL;

	for (size_t i = 0; i < list->n; i++)
		if (is_wanted(order, &list->names[i]))
			json_object_array_add(array, json_of_name(&list->names[i], order->queues));
	text = json_print(array, isatty(STDOUT_FILENO));
	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}

static void
print_names(const struct name_list *list, const struct list_order *order)
{
	for (size_t i = 0; i < list->n; i++)
		if (is_wanted(order, &list->names[i]))
			(void)puts(list->names[i].name); /* a name has no bytes that need care */
}

static int
read_order(struct cli *cli, struct list_order *order)
{
	int id;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		order->is_long = order->is_long || id == OPTION_LONG;
		order->names_only = order->names_only || id == OPTION_NAMES;
		order->is_unique = order->is_unique || id == OPTION_UNIQUE;
		order->is_activatable = order->is_activatable || id == OPTION_ACTIVATABLE;
		if (id == OPTION_LABEL && order->n_labels == TERN_MAX_TAGS)
			return command_usage(cli, "a name has %d labels at most", TERN_MAX_TAGS);
		if (id == OPTION_LABEL)
			order->labels[order->n_labels++] = cli->words.value;
		if (id == OPTION_OPERAND && order->prefix)
			return command_usage(cli, "one PREFIX, not also '%s'", cli->words.value);
		if (id == OPTION_OPERAND)
			order->prefix = cli->words.value;
	}
	if (order->is_unique && (order->prefix || order->n_labels || order->names_only))
		return command_usage(cli, "--unique lists programs: no PREFIX, --label or --names");
	if (order->is_activatable && (order->is_unique || order->n_labels))
		return command_usage(cli, "--activatable lists services, also those that do not run: no --unique or --label");
	return STATUS_OK;
}

static int
run_list(struct cli *cli)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	_cleanup_(json_putp) struct json_object *queues = NULL;
	struct list_order order = {0};
	int r;

	r = read_order(cli, &order);
	if (r == STATUS_OK)
		r = connect_bus(cli, &bus);
	if (r)
		return r;
	if (order.is_activatable)
		return list_services(cli, bus, order.prefix, order.names_only);
	r = name_list_get(bus, &list);
	if (r == 0 && !order.is_unique && (order.is_long || cli->json))
		r = queues_get(bus, &queues);
	if (r)
		return connect_failed("the names cannot be listed", r, NULL);
	order.queues = queues;
	if (order.is_unique)
		return list_peers(cli, bus, &list);
	if (cli->json)
		return print_json(&list, &order);
	if (!order.names_only)
		return print_table(cli, &list, &order, tern_address(bus));
	print_names(&list, &order);
	return STATUS_OK;
}

static const struct option_spec OPTIONS[] = {
	{OPTION_LONG, 'l', "long", NULL, "owners' numbers, labels, and who waits in line, too"},
	{OPTION_NAMES, 'n', "names", NULL, "nothing but the names"},
	{OPTION_LABEL, 0, "label", "LABEL", "only names whose owners gave them this label"},
	{OPTION_UNIQUE, 'u', "unique", NULL, "the programs on the bus instead, also those without a name"},
	{OPTION_ACTIVATABLE, 'a', "activatable", NULL, "the services that are started when they are called instead"},
	OPTION_OF_TABLES,
	OPTIONS_OF_ALL,
};

const struct command command_list = {
	.name = "list",
	.operands = "[PREFIX]",
	.completes = COMPLETES_SERVICE,
	.summary = "List the names on the bus, and whose they are.",
	.about = "Columns: name, program, process, user; with -l owner, labels, and who\n"
		 "waits for the name, the next one first. The number of a program (:17) can be\n"
		 "called like a name. With PREFIX, only names that begin so.\n"
		 "\n"
		 "examples:\n"
		 "  tern list -l\n"
		 "  tern list org.example. --label=loud\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_list,
};
