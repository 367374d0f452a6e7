/* SPDX-License-Identifier: MIT */

/* status-limits: see status-limits.h */

#include <stdio.h>
#include <unistd.h>

#include "base/attribute.h"
#include "cli/amount.h"
#include "cli/ask.h"
#include "cli/json.h"
#include "cli/status-limits.h"
#include "cli/table.h"

static const struct {
	const char *key, *words, *change;
} KINDS[] = {
	{"peers", "connections", "[limits] connections = N"},
	{"half_open", "half-open connections", "[limits] half-open = N"},
	{"names", "names", "[limits] names = N"},
	{"rules", "rules", "[limits] rules = N"},
	{"links", "links", "[limits] links = N"},
	{"bytes", "bytes", "[limits] bytes = N"},
	{"fds", "descriptors", "RLIMIT_NOFILE of ternd"},
	{"starts", "calls that wait for a start", "[limits] starts = N"},
};

static const struct table_column COLUMNS[] = {
	{"USER", 0, COLOUR_NAME},
	{"OF", 0, COLOUR_PLAIN},
	{"USED", TABLE_RIGHT, COLOUR_NUMBER},
	{"ALLOWED", TABLE_RIGHT, COLOUR_PLAIN},
	{"CHANGED BY", 0, COLOUR_FAINT},
};

static void
put_row(struct table *t, const char *user, size_t kind, uint64_t used, uint64_t allowed)
{
	table_row(t);
	table_cell(t, 0, "%s", user);
	table_cell(t, 1, "%s", KINDS[kind].words);
	table_cell(t, 2, "%llu", (unsigned long long)used);
	table_cell(t, 3, "%llu", (unsigned long long)allowed);
	table_cell(t, 4, "%s", KINDS[kind].change);
	if (used >= allowed - allowed / 10)
		table_colour(t, 2, COLOUR_BAD);
}

/* put_user() - what he has of; of the own user also what he has nothing of */
static void
put_user(struct table *t, struct json_object *user, struct json_object *limits)
{
	struct json_object *used = NULL, *allowed = limits;
	uint32_t uid = (uint32_t)ask_number(user, "uid");
	char name[64];

	(void)json_object_object_get_ex(user, "used", &used); /* not there: zeros */
	(void)json_object_object_get_ex(user, "allowed", &allowed); /* not there: of an older ternd */
	(void)amount_user(uid, name, sizeof(name)); /* itself */
	for (size_t i = 0; i < ARRAY_SIZE(KINDS); i++)
		if (ask_number(used, KINDS[i].key) > 0 || uid == geteuid())
			put_row(t, name, i, ask_number(used, KINDS[i].key), ask_number(allowed, KINDS[i].key));
}

static int
show(const struct cli *cli, struct json_object *answer)
{
	_cleanup_(table_freep) struct table *t = NULL;
	struct json_object *users = ask_list(answer, "users"), *limits = NULL;

	(void)json_object_object_get_ex(answer, "limits", &limits); /* not there: zeros */
	if (table_new(COLUMNS, ARRAY_SIZE(COLUMNS), table_has_legend(cli), &t))
		return STATUS_OTHER;
	for (size_t i = 0; users && i < json_object_array_length(users); i++)
		put_user(t, json_object_array_get_idx(users, i), limits);
	return table_print(t) ? STATUS_OTHER : STATUS_OK;
}

static int
print(struct json_object *answer)
{
	_cleanup_(freep) char *text = json_print(answer, isatty(STDOUT_FILENO));

	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}

int
status_limits(const struct cli *cli, tern_bus *bus, uint64_t timeout_ns)
{
	_cleanup_(json_putp) struct json_object *answer = NULL, *users = NULL;
	int r = ask(bus, "tern", "Limits", 0, timeout_ns, &answer);

	if (r == 0)
		r = ask_pages(bus, "Limits", "users", &users);
	if (r < 0)
		return r;
	(void)json_object_object_add(answer, "users", steal(users)); /* its own memory: it is there already */
	json_object_object_del(answer, "next");
	return cli->json ? print(answer) : show(cli, answer);
}
