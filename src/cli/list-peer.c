/* SPDX-License-Identifier: MIT */

/* list-peer: the programs on the bus, with names or without; ternd is asked for them */

#include <json-c/json.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/ask.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/list-peer.h"
#include "cli/table.h"

#define NAMES_SIZE 1024

static const struct table_column COLUMNS[] = {
	{"PEER", TABLE_RIGHT, COLOUR_NAME},
	{"PROGRAM", TABLE_CUT, COLOUR_PLAIN},
	{"PID", TABLE_RIGHT, COLOUR_PLAIN},
	{"USER", 0, COLOUR_PLAIN},
	{"NAMES", TABLE_CUT, COLOUR_FAINT},
};

/* join_names() - what a peer owns; may be cut */
static void
join_names(const struct name_list *names, tern_peer peer, char buf[NAMES_SIZE])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < names->n && n < NAMES_SIZE; i++)
		if (names->names[i].owner == peer)
			n += (size_t)snprintf(buf + n, NAMES_SIZE - n, "%s%s", n ? " " : "", names->names[i].name);
}

static void
add_row(struct table *t, struct json_object *peer, const struct name_list *names)
{
	uint32_t pid = (uint32_t)ask_number(peer, "pid");
	char buf[NAMES_SIZE];

	table_row(t);
	table_cell(t, 0, ":%llu", (unsigned long long)ask_number(peer, "id"));
	name_program(pid, buf);
	table_cell(t, 1, "%s", buf);
	table_cell(t, 2, "%u", pid);
	list_user((uint32_t)ask_number(peer, "uid"), buf, sizeof(buf));
	table_cell(t, 3, "%s", buf);
	join_names(names, ask_number(peer, "id"), buf);
	table_cell(t, 4, "%s", buf);
}

static int
print_peers(const struct cli *cli, struct json_object *peers, const struct name_list *names)
{
	_cleanup_(table_freep) struct table *t = NULL;
	bool has_legend = table_has_legend(cli);
	size_t n = json_object_array_length(peers);
	int r;

	r = table_new(COLUMNS, ARRAY_SIZE(COLUMNS), has_legend, &t);
	for (size_t i = 0; r == 0 && i < n; i++)
		add_row(t, json_object_array_get_idx(peers, i), names);
	if (r == 0)
		r = table_print(t);
	if (r)
		return STATUS_OTHER;
	if (has_legend)
		(void)printf("\n%s%zu program%s%s\n", colour_begin(stdout, COLOUR_FAINT), n, n == 1 ? "" : "s",
			colour_end(stdout, COLOUR_FAINT)); /* main() asks */
	return STATUS_OK;
}

int
list_peers(const struct cli *cli, tern_bus *bus, const struct name_list *names)
{
	_cleanup_(json_putp) struct json_object *peers = NULL;
	_cleanup_(freep) char *text = NULL;
	int r;

	r = ask_pages(bus, "Peers", "peers", &peers);
	if (r)
		return connect_failed("the programs cannot be listed", r, NULL);
	if (!cli->json)
		return print_peers(cli, peers, names);
	text = json_print(peers, isatty(STDOUT_FILENO));
	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}
