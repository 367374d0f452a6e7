/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * command: what a command of the tool is, and what all of them do alike
 *
 * A command is a table entry: how it is used, its options, and a function that
 * returns the exit status of the tool. Errors are reported where they are found,
 * on standard error; standard output has results and nothing else.
 */

#include <stdbool.h>
#include <stdint.h>
#include <tern/bus.h>

#include "cli/option.h"

/* Exit statuses; tern(1) documents them. `tern run` has those of its command. */
enum command_status {
	STATUS_HELP = -1, /* --help was given, and done: main() makes it 0 */
	STATUS_OK = 0,
	STATUS_REMOTE = 1, /* the service answered with an error */
	STATUS_FAULTS = 1, /* something is wrong with the text of an interface */
	STATUS_USAGE = 2,  /* the command line was not understood */
	STATUS_NO_BUS =
		3, /* no bus runs there, it does not let us in, or there is no such service */
	STATUS_TIMEOUT = 4, /* the time was over */
	STATUS_LOST = 5,    /* the service or the bus died under way */
	STATUS_OTHER = 6,   /* anything else: memory, size, output that could not be written */
	STATUS_RUN = 125,   /* tern run: the bus could not be started */
};

struct cli;

struct command {
	const char *name;
	const char *operands; /* as in the usage line */
	const char *summary;  /* one line, for the list of commands */
	const char *about;    /* what --help tells besides; ends with a newline */
	const struct option_spec *options;
	size_t n_options;
	bool operands_last; /* what follows the first operand is not looked at */
	int (*run)(struct cli *cli);
};

extern const struct command command_list, command_call, command_publish, command_subscribe,
	command_run, command_ping, command_check, command_generate, command_get, command_watch;

struct cli {
	const struct command *command;
	struct option_reader words;
	const char *address; /* --bus; NULL: where a bus is by default */
	bool json;	     /* -j */
	int status;	     /* with OPTION_BAD: what to exit with */
};

/* Ids of a command's own options begin here; OPTIONS_OF_ALL ends each table of them. */
enum {
	OPTION_BUS = 1,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_OWN,
};

#define OPTION_OF_HELP                                                                             \
	{                                                                                          \
		OPTION_HELP, 'h', "help", NULL, "this help"                                        \
	}
#define OPTIONS_OF_ALL                                                                             \
	{OPTION_JSON, 'j', "json", NULL, "JSON instead of text for people"},                       \
		{OPTION_BUS, 0, "bus", "ADDRESS", "the bus to use: unix:PATH"}, OPTION_OF_HELP

/*
 * command_next() - option_next(), with what all commands have in common done
 *
 * Return: an id of the command's own, OPTION_OPERAND, OPTION_END; OPTION_BAD: exit with
 * cli->status, all is said (also after --help).
 */
int command_next(struct cli *cli);

/* command_usage() - say what is wrong with the command line, and where help is; STATUS_USAGE */
int command_usage(const struct cli *cli, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* command_duration() - the value of the option just read; STATUS_OK, or STATUS_USAGE, which is said
 */
int command_duration(const struct cli *cli, uint64_t *ret_ns);

/* command_number() - the same for a number of at least `least`; at most 2^53 */
int command_number(const struct cli *cli, uint64_t least, uint64_t *ret);

/* command_help() - write how a command is used */
void command_help(const struct command *command);
