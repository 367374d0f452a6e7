/* SPDX-License-Identifier: MIT */

/* command-help: what there is, and how a command is used */

#include <stdio.h>

#include "base/attribute.h"
#include "cli/commands.h"

static const char *const STATUSES =
	"exit status:\n"
	"  0  done                        4  the time was over\n"
	"  1  the service, or check, no   5  the service or the bus died under way\n"
	"  2  command line wrong          6  anything else\n"
	"  3  no bus or no such service   run: that of its command\n";

void
help_print(void)
{
	(void)printf("usage: tern [--bus ADDRESS] COMMAND …\n\n"
		     "Talk to the programs on a tern bus.\n\ncommands:\n"); /* main() asks */
	for (size_t i = 0; COMMANDS[i]; i++)
		(void)printf(
			"  %-12s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary); /* as above */
	(void)printf(
		"\n'tern COMMAND --help' tells more. All take --bus ADDRESS (unix:PATH; else\n"
		"TERN_BUS, else $XDG_RUNTIME_DIR/tern/bus, else /run/tern/bus) and -j for JSON.\n"
		"\n%s",
		STATUSES); /* as above */
}

static int
run_help(struct cli *cli)
{
	const struct command *command = NULL;
	int id;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (command)
			return command_usage(cli, "one COMMAND, not also '%s'", cli->words.value);
		command = commands_find(cli->words.value);
		if (!command)
			return commands_unknown(cli->words.value);
	}
	if (command)
		command_help(command);
	else
		help_print();
	return STATUS_OK;
}

static const struct option_spec OPTIONS[] = {
	OPTION_OF_HELP,
};

const struct command command_of_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.summary = "Tell what there is, or how a command is used.",
	.about = "'tern COMMAND --help' tells the same; tern(1) tells more.\n",
	.completes = COMPLETES_COMMAND COMPLETES_NOTHING,
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_help,
};
