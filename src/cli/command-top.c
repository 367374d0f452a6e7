/* SPDX-License-Identifier: MIT */

/* command-top: what the programs on the bus do, all the time */

#include <stdio.h>
#include <stdlib.h>
#include <tern/loop.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/amount.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/plain.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/top.h"

#define LINES_AROUND 3 /* of a page that are not programs */

enum {
	OPTION_COUNT = OPTION_OWN,
	OPTION_DELAY,
};

struct view {
	const struct cli *cli;
	struct top top;
	bool is_screen;
	uint64_t count, delay_ns; /* count 0: for ever */
};

static const struct table_column COLUMNS[] = {
	{"NAME", TABLE_CUT, COLOUR_NAME},
	{"PID", TABLE_RIGHT, COLOUR_NUMBER},
	{"SERVED/s", TABLE_RIGHT, COLOUR_PLAIN},
	{"HALF", TABLE_RIGHT, COLOUR_PLAIN},
	{"99%", TABLE_RIGHT, COLOUR_PLAIN},
	{"MADE/s", TABLE_RIGHT | TABLE_SPARE, COLOUR_PLAIN},
	{"EVENTS/s", TABLE_RIGHT, COLOUR_PLAIN},
	{"HEARD/s", TABLE_RIGHT | TABLE_SPARE, COLOUR_PLAIN},
	{"DROPS/s", TABLE_RIGHT, COLOUR_PLAIN},
	{"BYTES/s", TABLE_RIGHT | TABLE_SPARE, COLOUR_PLAIN},
	{"MEMORY", TABLE_RIGHT, COLOUR_PLAIN},
	{"HELD BY", TABLE_SPARE, COLOUR_PLAIN},
	{"STATE", 0, COLOUR_PLAIN},
};

static const char *const STATES[] = {
	[TOP_NEW] = "new",
	[TOP_GOOD] = "good",
	[TOP_BUSY] = "busy",
	[TOP_STRANGE] = "another user's",
};

/* --- as a table --- */

static void
program_cells(struct table *t, const struct program *program)
{
	const double rates[] = {program->made, program->published, program->heard, program->dropped};
	char text[AMOUNT_SIZE], holder[64];

	table_row(t);
	table_cell(t, 0, "%s", program->names ? program->names : "");
	table_cell(t, 1, "%u", program->pid);
	table_cell(t, 12, "%s", STATES[program->state]);
	table_colour(t, 12, program->state == TOP_BUSY ? COLOUR_BAD : COLOUR_FAINT);
	if (program->state == TOP_BUSY || program->state == TOP_STRANGE)
		return;
	table_cell(t, 2, "%s", amount_rate(program->served, text));
	if (program->half)
		table_cell(t, 3, "%s", amount_time(program->half, text));
	if (program->most)
		table_cell(t, 4, "%s", amount_time(program->most, text));
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		table_cell(t, 5 + i, "%s", amount_rate(rates[i], text));
	if (program->dropped > 0)
		table_colour(t, 8, COLOUR_WARNING);
	table_cell(t, 9, "%s", amount_bytes((uint64_t)program->bytes, text));
	table_cell(t, 10, "%s", amount_bytes(program->memory, text));
	if (!program->holder)
		return;
	name_program(program->holder, holder);
	table_cell(t, 11, "%s %u: %s", holder, program->holder, amount_bytes(program->held, text));
}

static int
print_table(const struct view *view, size_t most)
{
	_cleanup_(table_freep) struct table *t = NULL;
	size_t n = MIN(view->top.n, most);

	if (table_new(COLUMNS, ARRAY_SIZE(COLUMNS), table_has_legend(view->cli), &t))
		return STATUS_OTHER;
	for (size_t i = 0; i < n; i++)
		program_cells(t, &view->top.programs[i]);
	return table_print(t) ? STATUS_OTHER : STATUS_OK;
}

static int
print_page(const struct view *view)
{
	unsigned int lines, columns;
	char head[160];
	int r;

	screen_size(&lines, &columns);
	(void)snprintf(head, sizeof(head), "%zu programs on %s", view->top.n + view->top.n_more,
		tern_address(view->top.bus)); /* may be cut, as below */
	screen_begin();
	plain_print(stdout, head, MIN(strlen(head), (size_t)columns), false);
	(void)fputs("\n\n", stdout); /* screen_end() asks */
	r = view->top.n ? print_table(view, lines > LINES_AROUND + 1 ? lines - LINES_AROUND - 1 : 1) : STATUS_OK;
	return screen_end() ? r : STATUS_OTHER;
}

/* --- as JSON --- */

static struct json_object *
json_of_program(const struct program *program)
{
	struct json_object *object = json_object_new_object();
	char id[32];

	(void)snprintf(id, sizeof(id), ":%llu", (unsigned long long)program->id); /* fits */
	json_object_object_add(object, "id", json_object_new_string(id));
	json_object_object_add(object, "pid", json_object_new_int64(program->pid));
	json_object_object_add(object, "uid", json_object_new_int64(program->uid));
	json_object_object_add(object, "names", json_new_text(program->names ? program->names : ""));
	json_object_object_add(object, "state", json_object_new_string(STATES[program->state]));
	if (program->state != TOP_GOOD)
		return object;
	json_object_object_add(object, "served", json_object_new_double(program->served));
	json_object_object_add(object, "half_ns", json_object_new_uint64(program->half));
	json_object_object_add(object, "most_ns", json_object_new_uint64(program->most));
	json_object_object_add(object, "made", json_object_new_double(program->made));
	json_object_object_add(object, "published", json_object_new_double(program->published));
	json_object_object_add(object, "heard", json_object_new_double(program->heard));
	json_object_object_add(object, "dropped", json_object_new_double(program->dropped));
	json_object_object_add(object, "bytes", json_object_new_double(program->bytes));
	json_object_object_add(object, "memory", json_object_new_uint64(program->memory));
	if (program->holder) {
		json_object_object_add(object, "holder", json_object_new_int64(program->holder));
		json_object_object_add(object, "held", json_object_new_uint64(program->held));
	}
	return object;
}

static int
print_json(const struct view *view)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	_cleanup_(freep) char *text = NULL;

	for (size_t i = 0; i < view->top.n; i++)
		(void)json_object_array_add(array, json_of_program(&view->top.programs[i])); /* short of memory: short */
	text = json_print(array, false);
	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* below */
	return fflush(stdout) ? STATUS_OTHER : STATUS_OK;
}

static int
print(const struct view *view)
{
	int r;

	if (view->is_screen)
		return print_page(view);
	if (view->cli->json)
		return print_json(view);
	r = print_table(view, SIZE_MAX);
	return fflush(stdout) ? STATUS_OTHER : r;
}

/* --- the samples --- */

/* take_until() - answers, until then; complete: or all are here */
static int
take_until(struct view *view, uint64_t until, bool complete)
{
	struct top *top = &view->top;

	while (!screen_is_over() && !(complete && top_is_complete(top))) {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t now = clock_now_ns();
		int r = now < until ? tern_next(top->bus, until - now, &event) : -ETIME;

		if (r == -ETIME)
			return 0;
		if (r == -EINTR && screen_is_pressed() && !complete)
			(void)print(view); /* another size */
		if (r < 0 && r != -EINTR)
			return r;
		if (r < 0)
			continue;
		if (event.kind == TERN_REPLY || event.kind == TERN_ERROR)
			top_take(top, event.call, event.message, event.result);
		if (event.kind == TERN_LOST && event.peer == TERN_PEER_BUS)
			r = -EHOSTDOWN;
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
		if (r < 0)
			return r;
	}
	return 0;
}

/* sample() - one round: who is there, how they are, what is to be seen of it */
static int
sample(struct view *view, bool is_first)
{
	uint64_t begin = clock_now_ns();
	int r = top_begin(&view->top, view->delay_ns);

	if (r == 0)
		r = take_until(view, begin + view->delay_ns / 2, true);
	if (r < 0)
		return connect_failed("the bus does not tell what goes on", r, NULL);
	top_end(&view->top);
	if (!is_first || view->is_screen)
		r = print(view);
	return r;
}

static int
watch(struct view *view)
{
	uint64_t next = clock_now_ns();
	int r = STATUS_OK;

	for (uint64_t i = 0; r == STATUS_OK && !screen_is_over(); i++) { /* the first is what others are compared with */
		r = sample(view, i == 0);
		if (r || (view->count && i == view->count))
			break;
		next += view->delay_ns;
		if (take_until(view, next, false) < 0)
			return connect_failed("the bus is gone", -EHOSTDOWN, NULL);
	}
	return r;
}

static int
run_view(struct view *view)
{
	int r;

	view->is_screen = !view->cli->json && !view->count && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
	if (view->is_screen && screen_open(view->top.bus) < 0)
		view->is_screen = false;
	r = watch(view);
	screen_close();
	return screen_is_over() ? STATUS_OK : r;
}

/* --- the command --- */

static int
read_word(struct cli *cli, int id, struct view *view)
{
	switch (id) {
	case OPTION_COUNT:
		return command_number(cli, 1, &view->count);
	case OPTION_DELAY:
		if (command_duration(cli, &view->delay_ns))
			return STATUS_USAGE;
		if (view->delay_ns < 100 * NSEC_PER_MSEC || view->delay_ns > 3600 * NSEC_PER_SEC)
			return command_usage(cli, "a delay is between 100ms and an hour");
		return STATUS_OK;
	default:
		return command_usage(cli, "top takes no '%s'", cli->words.value);
	}
}

static int
run_top(struct cli *cli)
{
	struct view view = {.cli = cli, .delay_ns = NSEC_PER_SEC};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		r = id == OPTION_BAD ? cli->status : read_word(cli, id, &view);
		if (id == OPTION_BAD || r)
			return r;
	}
	r = connect_bus(cli, &bus);
	if (r)
		return r;
	view.top.bus = bus;
	(void)tern_set_option(bus, TERN_OPT_TIMEOUT, MIN(view.delay_ns, NSEC_PER_SEC / 2)); /* it is an option */
	r = run_view(&view);
	top_deinit(&view.top);
	return r;
}

static const struct option_spec OPTIONS[] = {
	{OPTION_COUNT, 'n', "count", "COUNT", "print so many samples and end; else on and on"},
	{OPTION_DELAY, 'd', "delay", "TIME", "between samples: 250ms, 5; else 1"},
	OPTION_OF_TABLES,
	OPTIONS_OF_ALL,
};

const struct command command_top = {
	.name = "top",
	.operands = "",
	.summary = "Show what the programs on the bus do, all the time.",
	.about = "For each: calls served a second, and the times within which half and 99 of 100 were\n"
		 "answered; calls made; events published, heard and dropped; bytes; memory that it\n"
		 "lends or keeps for others, and who holds most of it. `busy` is who does not take in its messages. On a terminal\n"
		 "a page, until q is typed; elsewhere, and with -n, a table each time; with -j a line\n"
		 "each time, an array.\n"
		 "\n"
		 "examples:\n"
		 "  tern top\n"
		 "  tern top -n 1 -d 5\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.completes = COMPLETES_NOTHING,
	.run = run_top,
};
