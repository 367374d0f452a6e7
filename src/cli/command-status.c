/* SPDX-License-Identifier: MIT */

/* command-status: how the bus is, or a program on it */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/amount.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/plain.h"
#include "cli/status-limits.h"
#include "cli/table.h"

enum {
	OPTION_LIMITS = OPTION_OWN,
	OPTION_PROGRAMS,
	OPTION_TIMEOUT,
};

struct status {
	const struct cli *cli;
	tern_bus *bus;
	const char *whom; /* NULL: the bus */
	bool limits, programs;
	uint64_t timeout_ns;
};

/* --- printing --- */

static int
print_json(struct json_object *value)
{
	_cleanup_(freep) char *text = json_print(value, isatty(STDOUT_FILENO));

	if (!text)
		return STATUS_OTHER;
	(void)puts(text); /* main() asks */
	return STATUS_OK;
}

/* line() - a word and what is to be said under it; the text may be anybody's */
static void _printf_(2, 3)
line(const char *head, const char *format, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap); /* may be cut */
	va_end(ap);
	(void)printf("%s%-10s%s", colour_begin(stdout, COLOUR_KEY), head, colour_end(stdout, COLOUR_KEY)); /* main() asks */
	plain_print(stdout, text, strlen(text), false);
	(void)putchar('\n'); /* as above */
}

static unsigned long long
number(struct json_object *object, const char *key)
{
	return ask_number(object, key);
}

static unsigned long long
below(struct json_object *object, const char *group, const char *key)
{
	return ask_number_below(object, group, key);
}

/* --- the bus --- */

static void
show_bus(struct json_object *bus)
{
	char user[64], time[AMOUNT_SIZE], bytes[AMOUNT_SIZE];

	line("bus", "%s", ask_text(bus, "address"));
	line("ternd", "version %s, protocol %s; process %llu of %s, up %s, %llu requests", ask_text(bus, "version"),
		ask_text(bus, "protocol"), number(bus, "pid"),
		amount_user((uint32_t)number(bus, "uid"), user, sizeof(user)), amount_time(number(bus, "uptime"), time),
		number(bus, "requests"));
	line("programs", "%llu in %llu trust domains, %llu links between them", number(bus, "peers"),
		number(bus, "domains"), number(bus, "links"));
	line("names", "%llu, and %llu rules about events", number(bus, "names"), number(bus, "rules"));
	line("tables", "%s", amount_bytes(number(bus, "table_bytes"), bytes));
}

static int
failed(int r)
{
	return connect_failed("the bus does not tell how it is", r, NULL);
}

static int
status_of_bus(const struct status *status)
{
	_cleanup_(json_putp) struct json_object *bus = NULL;
	int r = ask(status->bus, "tern", "Status", 0, status->timeout_ns, &bus);

	if (r < 0)
		return failed(r);
	if (status->cli->json)
		return print_json(bus);
	show_bus(bus);
	return STATUS_OK;
}

/* --- all programs --- */

static const struct table_column PROGRAM_COLUMNS[] = {
	{"ID", 0, COLOUR_FAINT},
	{"PROGRAM", 0, COLOUR_NAME},
	{"PID", TABLE_RIGHT, COLOUR_NUMBER},
	{"USER", 0, COLOUR_PLAIN},
	{"NAMES", TABLE_RIGHT, COLOUR_PLAIN},
	{"RULES", TABLE_RIGHT, COLOUR_PLAIN},
	{"LINKS", TABLE_RIGHT, COLOUR_PLAIN},
	{"WAITING", TABLE_RIGHT, COLOUR_PLAIN},
};

/* optional_cell() - what is told to the own user alone */
static void
optional_cell(struct table *t, size_t column, struct json_object *peer, const char *key)
{
	if (json_object_object_get_ex(peer, key, NULL))
		table_cell(t, column, "%llu", number(peer, key));
}

static void
program_cells(struct table *t, struct json_object *peer)
{
	char program[64], user[64];

	table_row(t);
	table_cell(t, 0, ":%llu", number(peer, "id"));
	name_program((uint32_t)number(peer, "pid"), program);
	table_cell(t, 1, "%s", program);
	table_cell(t, 2, "%llu", number(peer, "pid"));
	table_cell(t, 3, "%s", amount_user((uint32_t)number(peer, "uid"), user, sizeof(user)));
	table_cell(t, 4, "%llu", number(peer, "names"));
	optional_cell(t, 5, peer, "rules");
	optional_cell(t, 6, peer, "links");
	optional_cell(t, 7, peer, "waiting");
}

static int
status_programs(const struct status *status)
{
	_cleanup_(json_putp) struct json_object *peers = NULL;
	_cleanup_(table_freep) struct table *t = NULL;
	int r = ask_pages(status->bus, "Peers", "peers", &peers);

	if (r < 0)
		return failed(r);
	if (status->cli->json)
		return print_json(peers);
	if (table_new(PROGRAM_COLUMNS, ARRAY_SIZE(PROGRAM_COLUMNS), table_has_legend(status->cli), &t))
		return STATUS_OTHER;
	for (size_t i = 0; i < json_object_array_length(peers); i++)
		program_cells(t, json_object_array_get_idx(peers, i));
	return table_print(t) ? STATUS_OTHER : STATUS_OK;
}

/* --- one program --- */

static void
show_calls(const char *head, struct json_object *calls, const char *times)
{
	struct json_object *list = ask_list(calls, times);
	char half[AMOUNT_SIZE], most[AMOUNT_SIZE];
	bool served = *head == 's';

	if (served)
		line(head, "%llu calls of %llu that arrived", number(calls, "answered"), number(calls, "arrived"));
	else
		line(head, "%llu calls; %llu failed, %llu wait for their answer", number(calls, "made"),
			number(calls, "failed"), number(calls, "pending"));
	if (amount_share(list, NULL, 0.5))
		line("", "half within %s, 99 of 100 within %s", amount_time(amount_share(list, NULL, 0.5), half),
			amount_time(amount_share(list, NULL, 0.99), most));
}

static void
show_memory(struct json_object *answer)
{
	char lent[AMOUNT_SIZE], out[AMOUNT_SIZE], replies[AMOUNT_SIZE], queued[AMOUNT_SIZE];

	line("memory", "%s to lend, %s of it with others; %s of answers wait for room, %s of messages for the program",
		amount_bytes(below(answer, "memory", "lent"), lent), amount_bytes(below(answer, "memory", "out"), out),
		amount_bytes(below(answer, "memory", "replies"), replies),
		amount_bytes(below(answer, "memory", "queued"), queued));
}

static const struct table_column PARTNER_COLUMNS[] = {
	{"PARTNER", 0, COLOUR_FAINT},
	{"PROGRAM", 0, COLOUR_NAME},
	{"PID", TABLE_RIGHT, COLOUR_NUMBER},
	{"KEEPS", TABLE_RIGHT, COLOUR_PLAIN},
	{"BLOCKS", TABLE_RIGHT, COLOUR_PLAIN},
	{"UNSENT", TABLE_RIGHT, COLOUR_PLAIN},
	{"QUEUED", TABLE_RIGHT, COLOUR_PLAIN},
	{"SENT", TABLE_RIGHT, COLOUR_PLAIN},
	{"RECEIVED", TABLE_RIGHT, COLOUR_PLAIN},
};

static void
partner_cells(struct table *t, struct json_object *partner)
{
	static const char *const keys[] = {"out", NULL, "replies", "queued", "sent", "received"};
	char program[64], bytes[AMOUNT_SIZE];

	table_row(t);
	table_cell(t, 0, ":%llu", number(partner, "peer"));
	name_program((uint32_t)number(partner, "pid"), program);
	table_cell(t, 1, "%s", program);
	table_cell(t, 2, "%llu", number(partner, "pid"));
	table_cell(t, 4, "%llu", number(partner, "blocks"));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i])
			table_cell(t, 3 + i, "%s", amount_bytes(number(partner, keys[i]), bytes));
}

static int
show_partners(const struct status *status, struct json_object *partners)
{
	_cleanup_(table_freep) struct table *t = NULL;

	if (!partners || json_object_array_length(partners) == 0)
		return STATUS_OK;
	if (table_new(PARTNER_COLUMNS, ARRAY_SIZE(PARTNER_COLUMNS), table_has_legend(status->cli), &t))
		return STATUS_OTHER;
	for (size_t i = 0; i < json_object_array_length(partners); i++)
		partner_cells(t, json_object_array_get_idx(partners, i));
	(void)putchar('\n'); /* main() asks */
	return table_print(t) ? STATUS_OTHER : STATUS_OK;
}

static const struct {
	const char *key, *words;
	bool is_bytes;
} HELD[] = {
	{"lent", "lent to them", true},
	{"queued", "messages for the program", true},
	{"replies", "answers they do not take", true},
	{"events", "events kept for them", true},
	{"calls", "calls not answered", false},
	{"streams", "streams", false},
	{"segments", "segments mapped", false},
	{"fds", "descriptors", false},
};

static const struct table_column HELD_COLUMNS[] = {
	{"USER", 0, COLOUR_NAME},
	{"OF", 0, COLOUR_PLAIN},
	{"USED", TABLE_RIGHT, COLOUR_NUMBER},
	{"ALLOWED", TABLE_RIGHT, COLOUR_PLAIN},
};

static void
held_cells(struct table *t, struct json_object *user)
{
	char name[64], bytes[AMOUNT_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(HELD); i++) {
		uint64_t amounts[] = {below(user, "used", HELD[i].key), below(user, "allowed", HELD[i].key)};

		if (amounts[0] == 0)
			continue;
		table_row(t);
		table_cell(t, 0, "%s", amount_user((uint32_t)number(user, "uid"), name, sizeof(name)));
		table_cell(t, 1, "%s", HELD[i].words);
		for (size_t j = 0; j < ARRAY_SIZE(amounts); j++) {
			if (HELD[i].is_bytes)
				table_cell(t, 2 + j, "%s", amount_bytes(amounts[j], bytes));
			else
				table_cell(t, 2 + j, "%llu", (unsigned long long)amounts[j]);
		}
	}
}

/* show_users() - what other users make it hold, and may */
static int
show_users(const struct status *status, struct json_object *users)
{
	_cleanup_(table_freep) struct table *t = NULL;

	if (!users || json_object_array_length(users) == 0)
		return STATUS_OK;
	if (table_new(HELD_COLUMNS, ARRAY_SIZE(HELD_COLUMNS), table_has_legend(status->cli), &t))
		return STATUS_OTHER;
	for (size_t i = 0; i < json_object_array_length(users); i++)
		held_cells(t, json_object_array_get_idx(users, i));
	(void)putchar('\n'); /* main() asks */
	return table_print(t) ? STATUS_OTHER : STATUS_OK;
}

static int
show_answer(const struct status *status, struct json_object *answer)
{
	struct json_object *calls = NULL;

	(void)json_object_object_get_ex(answer, "calls", &calls); /* not there: zeros */
	show_calls("served", calls, "served_ns");
	show_calls("made", calls, "made_ns");
	line("events", "%llu published, delivered %llu times; %llu dropped, %llu missed for want of a link",
		below(answer, "events", "published"), below(answer, "events", "delivered"),
		below(answer, "events", "dropped"), below(answer, "events", "missed"));
	line("", "%llu heard, %llu lost", below(answer, "events", "heard"), below(answer, "events", "lost"));
	show_memory(answer);
	line("loop", "%llu wait, %llu nobody took; slept %llu times, spun %llu, woke others %llu times",
		below(answer, "loop", "queue"), below(answer, "loop", "kept"), below(answer, "loop", "sleeps"),
		below(answer, "loop", "spins"), below(answer, "loop", "bells"));
	line("links", "%llu, %llu of them awake", below(answer, "links", "hot") + below(answer, "links", "cold"),
		below(answer, "links", "hot"));
	if (show_partners(status, ask_list(answer, "partners")))
		return STATUS_OTHER;
	return show_users(status, ask_list(answer, "users"));
}

/* names_of() - all that a peer owns, with blanks between */
static void
names_of(tern_bus *bus, tern_peer id, char *ret, size_t size)
{
	_cleanup_(name_list_deinit) struct name_list list = {0};
	size_t n = 0;

	ret[0] = '\0';
	if (name_list_get(bus, &list))
		return;
	for (size_t i = 0; i < list.n; i++) {
		if (list.names[i].owner != id)
			continue;
		(void)snprintf(ret + n, size - n, "%s%s", n ? " " : "", list.names[i].name); /* may be cut */
		n = strlen(ret);
	}
}

static void
show_program(const struct status *status, struct json_object *peer)
{
	char user[64], text[2048];

	line("program", "%s", amount_command((uint32_t)number(peer, "pid"), text, sizeof(text)));
	line("process", "%llu of %s", number(peer, "pid"),
		amount_user((uint32_t)number(peer, "uid"), user, sizeof(user)));
	line("peer", ":%llu, in trust domain %llu", number(peer, "id"), number(peer, "domain"));
	names_of(status->bus, ask_number(peer, "id"), text, sizeof(text));
	line("names", "%s", *text ? text : "none");
	if (json_object_object_get_ex(peer, "rules", NULL))
		line("at ternd", "%llu rules, %llu links, %llu bytes not taken, %llu news lost", number(peer, "rules"),
			number(peer, "links"), number(peer, "waiting"), number(peer, "lost"));
}

/* find_peer() - what ternd tells of one. Return: 0, -ENXIO, or another negative errno. */
static int
find_peer(tern_bus *bus, tern_peer id, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *page = NULL;
	struct json_object *first, *list;
	int r = ask(bus, "tern", "Peers", id - 1, TERN_DEFAULT, &page);

	if (r < 0)
		return r;
	list = ask_list(page, "peers");
	first = list ? json_object_array_get_idx(list, 0) : NULL;
	if (!first || ask_number(first, "id") != id)
		return -ENXIO;
	*ret = json_object_get(first);
	return 0;
}

/* who() - the peer that is meant */
static int
who(const struct status *status, tern_peer *ret)
{
	char *end;

	if (status->whom[0] != ':')
		return tern_lookup(status->bus, status->whom, ret);
	*ret = strtoull(status->whom + 1, &end, 10);
	return *end || end == status->whom + 1 || *ret == 0 ? -ENXIO : 0;
}

static int
say_nobody(const struct status *status)
{
	if (status->whom[0] == ':')
		report("there is no program %s on this bus", status->whom);
	else
		name_suggest(status->bus, status->whom);
	return STATUS_NO_BUS;
}

static int
say_silent(const struct status *status, int r)
{
	char time[AMOUNT_SIZE];

	if (r != -ETIME && r != -EAGAIN)
		return connect_failed("the program does not tell how it is", r, NULL);
	report("the program has not taken in its messages for %s: it computes, waits for something else, or was stopped",
		amount_time(status->timeout_ns, time));
	return STATUS_TIMEOUT;
}

static int
status_of_program(const struct status *status)
{
	_cleanup_(json_putp) struct json_object *peer = NULL, *answer = NULL;
	tern_peer id = 0;
	char whom[32];
	int r;

	r = who(status, &id);
	if (r == 0 && id == TERN_PEER_BUS)
		return status_of_bus(status);
	if (r == 0)
		r = find_peer(status->bus, id, &peer);
	if (r == -ENXIO)
		return say_nobody(status);
	if (r < 0)
		return failed(r);
	if (!status->cli->json)
		show_program(status, peer);
	(void)snprintf(whom, sizeof(whom), ":%llu", (unsigned long long)id); /* fits */
	r = ask(status->bus, whom, "tern.Status", 0, status->timeout_ns, &answer);
	if (status->cli->json) {
		(void)json_object_object_add(peer, "status", json_object_get(answer)); /* short of memory: not there */
		(void)print_json(peer); /* the status below says more */
	}
	if (r < 0)
		return say_silent(status, r);
	return status->cli->json ? STATUS_OK : show_answer(status, answer);
}

/* --- the command --- */

static int
read_word(struct cli *cli, int id, struct status *status)
{
	switch (id) {
	case OPTION_LIMITS:
		status->limits = true;
		return STATUS_OK;
	case OPTION_PROGRAMS:
		status->programs = true;
		return STATUS_OK;
	case OPTION_TIMEOUT:
		return command_duration(cli, &status->timeout_ns);
	default:
		if (status->whom)
			return command_usage(cli, "one SERVICE at a time");
		status->whom = cli->words.value;
		return STATUS_OK;
	}
}

static int
run_status(struct cli *cli)
{
	struct status status = {.cli = cli, .timeout_ns = 2 * NSEC_PER_SEC};
	_cleanup_(bus_closep) tern_bus *bus = NULL;
	int id, r;

	while ((id = command_next(cli)) != OPTION_END) {
		r = id == OPTION_BAD ? cli->status : read_word(cli, id, &status);
		if (id == OPTION_BAD || r)
			return r;
	}
	if (status.limits + status.programs + (status.whom != NULL) > 1)
		return command_usage(cli, "a SERVICE, --limits or --programs, one of them");
	r = connect_bus(cli, &bus);
	if (r)
		return r;
	status.bus = bus;
	(void)tern_set_option(bus, TERN_OPT_TIMEOUT, status.timeout_ns); /* cannot fail: it is an option */
	if (status.limits) {
		r = status_limits(status.cli, bus, status.timeout_ns);
		return r < 0 ? failed(r) : r;
	}
	if (status.programs)
		return status_programs(&status);
	return status.whom ? status_of_program(&status) : status_of_bus(&status);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_LIMITS, 'l', "limits", NULL, "what each user's programs hold, may hold, and what says so"},
	{OPTION_PROGRAMS, 'p', "programs", NULL, "all programs on the bus, also those without names"},
	{OPTION_TIMEOUT, 't', "timeout", "TIME", "wait so long for answers: 250ms, 5; else 2"},
	OPTION_OF_TABLES,
	OPTIONS_OF_ALL,
};

const struct command command_status = {
	.name = "status",
	.operands = "[SERVICE]",
	.summary = "Tell how the bus is, or a program on it.",
	.about = "With a SERVICE or an :ID: who that is, what it has done, how long calls took, and who\n"
		 "keeps its memory. Programs of other users do not tell that; root is told.\n"
		 "\n"
		 "examples:\n"
		 "  tern status\n"
		 "  tern status org.example.Mixer\n"
		 "  tern status --limits\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.completes = COMPLETES_SERVICE COMPLETES_NOTHING,
	.run = run_status,
};
