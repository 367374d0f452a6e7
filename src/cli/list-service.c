/* SPDX-License-Identifier: MIT */

/* list-service: see list-service.h */

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/attribute.h"
#include "cli/ask.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/list-service.h"
#include "cli/table.h"

static const struct table_column COLUMNS[] = {
	{"NAME", 0, COLOUR_NAME},
	{"STATE", 0, COLOUR_PLAIN},
	{"PID", TABLE_RIGHT, COLOUR_PLAIN},
	{"FILE", TABLE_CUT, COLOUR_FAINT},
	{"FAULT", TABLE_CUT, COLOUR_PLAIN},
};

static bool
is_wanted(struct json_object *service, const char *prefix)
{
	return !prefix || strncmp(ask_text(service, "name"), prefix, strlen(prefix)) == 0;
}

static void
add_row(struct table *t, struct json_object *service)
{
	table_row(t);
	table_cell(t, 0, "%s", ask_text(service, "name"));
	table_cell(t, 1, "%s", ask_text(service, "state"));
	if (ask_number(service, "pid"))
		table_cell(t, 2, "%llu", (unsigned long long)ask_number(service, "pid"));
	table_cell(t, 3, "%s", ask_text(service, "file"));
	table_cell(t, 4, "%s", ask_text(service, "fault"));
}

static int
print_table(const struct cli *cli, struct json_object *services)
{
	_cleanup_(table_freep) struct table *t = NULL;
	int r = table_new(COLUMNS, ARRAY_SIZE(COLUMNS), table_has_legend(cli), &t);

	for (size_t i = 0; r == 0 && i < json_object_array_length(services); i++)
		add_row(t, json_object_array_get_idx(services, i));
	if (r == 0)
		r = table_print(t);
	return r ? STATUS_OTHER : STATUS_OK;
}

int
list_services(const struct cli *cli, tern_bus *bus, const char *prefix, bool names_only)
{
	_cleanup_(json_putp) struct json_object *all = NULL, *wanted = json_object_new_array();
	_cleanup_(freep) char *text = NULL;
	int r;

	r = ask_pages(bus, "Services", "services", &all);
	if (r)
		return connect_failed("the services that can be started cannot be listed", r, NULL);
	for (size_t i = 0; i < json_object_array_length(all); i++)
		if (is_wanted(json_object_array_get_idx(all, i), prefix))
			json_object_array_add(wanted, json_object_get(json_object_array_get_idx(all, i)));
	if (names_only) {
		for (size_t i = 0; i < json_object_array_length(wanted); i++)
			(void)puts(ask_text(json_object_array_get_idx(wanted, i), "name")); /* main() asks, as below */
		return STATUS_OK;
	}
	if (!cli->json)
		return print_table(cli, wanted);
	text = json_print(wanted, isatty(STDOUT_FILENO));
	if (!text)
		return STATUS_OTHER;
	(void)puts(text);
	return STATUS_OK;
}
