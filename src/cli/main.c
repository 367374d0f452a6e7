/* SPDX-License-Identifier: MIT */

/*
 * tern: talk to a bus from the shell
 *
 * The words in front of the command are read here, those behind it by the
 * command (command.h). Standard output is asked once, at the end, whether all of it was written.
 */

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/plain.h"

enum {
	OPTION_VERSION = OPTION_OWN,
};

static const struct option_spec OPTIONS[] = {
	{OPTION_VERSION, 'V', "version", NULL, "which tern this is"},
	OPTIONS_OF_ALL,
};

static const char *const STATUSES =
	"exit status:\n"
	"  0  done                        4  the time was over\n"
	"  1  the service, or check, no   5  the service or the bus died under way\n"
	"  2  command line wrong          6  anything else\n"
	"  3  no bus or no such service   run: that of its command\n";

static void
help(void)
{
	(void)printf("usage: tern [--bus ADDRESS] COMMAND …\n\n"
		     "Talk to the programs on a tern bus.\n\ncommands:\n"); /* finish() asks */
	for (size_t i = 0; COMMANDS[i]; i++)
		(void)printf(
			"  %-12s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary); /* as above */
	(void)printf(
		"\n'tern COMMAND --help' tells more. All take --bus ADDRESS (unix:PATH; else\n"
		"TERN_BUS, else $XDG_RUNTIME_DIR/tern/bus, else /run/tern/bus) and -j for JSON.\n"
		"\n%s",
		STATUSES); /* as above */
}

/* help_for() - `tern help` and `tern help COMMAND` */
static int
help_for(const char *name)
{
	const struct command *command = name ? commands_find(name) : NULL;

	if (name && !command)
		return commands_unknown(name);
	if (command)
		command_help(command);
	else
		help();
	return STATUS_OK;
}

static int
run(struct cli *cli, char **words)
{
	option_reader_init(&cli->words, OPTIONS, ARRAY_SIZE(OPTIONS), words);
	for (;;) {
		int id = option_next(&cli->words);

		switch (id) {
		case OPTION_BUS:
			cli->address = cli->words.value;
			break;
		case OPTION_JSON:
			cli->json = true;
			break;
		case OPTION_COLOUR:
			if (command_colour(cli))
				return STATUS_USAGE;
			break;
		case OPTION_HELP:
			help();
			return STATUS_OK;
		case OPTION_VERSION:
			(void)puts("tern " TERN_VERSION); /* finish() asks */
			return STATUS_OK;
		case OPTION_BAD:
			report("%s; 'tern --help' tells what there is", cli->words.text);
			return STATUS_USAGE;
		case OPTION_END:
			report("which command? 'tern --help' lists them");
			return STATUS_USAGE;
		default:
			words = cli->words.words;
			if (strcmp(cli->words.value, "help") == 0)
				return help_for(*words);
			cli->command = commands_find(cli->words.value);
			if (!cli->command)
				return commands_unknown(cli->words.value);
			option_reader_init(
				&cli->words, cli->command->options, cli->command->n_options, words);
			return cli->command->run(cli);
		}
	}
}

static int
finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	report("standard output cannot be written: %m");
	return status ? status : STATUS_OTHER;
}

/* utf8() - text is UTF-8 here, whatever the locale: how wide it is depends on that */
static void
utf8(void)
{
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		(void)setlocale(LC_CTYPE, "C.UTF-8"); /* then nothing is aligned, but all is there */
}

int
main(int argc, char **argv)
{
	struct cli cli = {.status = STATUS_OK};
	int status;

	utf8();
	status = run(&cli, argv + (argc > 0));

	return finish(status == STATUS_HELP ? STATUS_OK : status);
}
