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
	const char *words;     /* where an operand is one of a few: those, with blanks between */
	const char *completes; /* a letter an operand, the last is for all others too; NULL: none */
	int (*run)(struct cli *cli);
};

/* Letters of struct command.completes; with `words` an operand is one of those. */
#define COMPLETES_SERVICE "s"
#define COMPLETES_METHOD  "m" /* of the service in front of it */
#define COMPLETES_FIELD   "a" /* KEY=VALUE of the method in front of it */
#define COMPLETES_STATE   "v" /* a value that the service in front keeps */
#define COMPLETES_TAG	  "t" /* of events */
#define COMPLETES_FILE	  "f"
#define COMPLETES_PROGRAM "p" /* a command of the shell's, and its words */
#define COMPLETES_COMMAND "c" /* a command of this tool */
#define COMPLETES_WORD	  "w" /* one of `words` */
#define COMPLETES_NOTHING "-"

struct cli {
	const struct command *command;
	struct option_reader words;
	const char *address; /* --bus; NULL: where a bus is by default */
	bool json;	     /* -j */
	bool no_legend;	     /* --no-legend */
	int status;	     /* with OPTION_BAD: what to exit with */
};

/* Ids of a command's own options begin here; OPTIONS_OF_ALL ends each table of them. */
enum {
	OPTION_BUS = 1,
	OPTION_JSON,
	OPTION_COLOUR,
	OPTION_NO_LEGEND,
	OPTION_HELP,
	OPTION_OWN,
};

#define OPTION_OF_HELP                                                                             \
	{                                                                                          \
		OPTION_HELP, 'h', "help", NULL, "this help"                                        \
	}
#define OPTION_OF_COLOUR                                                                           \
	{                                                                                          \
		OPTION_COLOUR, 0, "color", "WHEN", "auto (usual: on terminals), always or never",  \
			"auto always never"                                                        \
	}
/* of those that print tables */
#define OPTION_OF_TABLES                                                                           \
	{                                                                                          \
		OPTION_NO_LEGEND, 0, "no-legend", NULL, "no headings and sums, also on a terminal" \
	}
#define OPTIONS_OF_ALL                                                                             \
	{OPTION_JSON, 'j', "json", NULL, "JSON instead of text for people"},                       \
		{OPTION_BUS, 0, "bus", "ADDRESS", "the bus to use: unix:PATH"}, OPTION_OF_COLOUR,  \
		OPTION_OF_HELP

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

/* command_output() - is all written so far? If not, it is said once. Return: STATUS_OK or STATUS_OTHER. */
int command_output(void);

/* command_number() - the same for a number of at least `least`; at most 2^53 */
int command_number(const struct cli *cli, uint64_t least, uint64_t *ret);

/* command_colour() - the value of --color, just read; STATUS_OK, or STATUS_USAGE, which is said */
int command_colour(const struct cli *cli);

/* command_help() - write how a command is used */
void command_help(const struct command *command);
