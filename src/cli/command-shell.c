/* SPDX-License-Identifier: MIT */

/* command-shell: type commands without their tern in front */

#include <stdio.h>

#include "base/attribute.h"
#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/plain.h"
#include "cli/shell.h"

/* run_script() - lines from a file or a pipe, one after the other. Return: the status of the last. */
static int
run_script(struct shell *shell)
{
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;

	while (!shell->is_over && getline(&line, &room, stdin) > 0)
		shell_run_line(shell, line);
	return shell->status;
}

static void
greet(const struct shell *shell)
{
	(void)printf("tern " TERN_VERSION " on %s; help and Tab tell what there is\n",
		tern_address(shell->bus)); /* main() asks */
}

static void
shell_deinit(struct shell *shell)
{
	shell_end_jobs(shell);
	shell_history_close(shell);
	(void)tern_close(shell->bus); /* always NULL */
}

static int
run_shell(struct cli *cli)
{
	_cleanup_(shell_deinit) struct shell shell = {.cli = cli};
	int id, r;

	for (size_t i = 0; i < SHELL_MOST_JOBS; i++)
		shell.jobs[i].fd = -1;
	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (id == OPTION_OPERAND)
			return command_usage(cli, "lines come from the terminal or standard input, not '%s'", cli->words.value);
	}
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return run_script(&shell);
	r = connect_bus(cli, &shell.bus);
	if (r)
		return r;
	greet(&shell);
	shell_history_open(&shell);
	return shell_edit(&shell);
}

static const struct option_spec OPTIONS[] = {
	{OPTION_BUS, 0, "bus", "ADDRESS", "the bus to use: unix:PATH"},
	OPTION_OF_COLOUR,
	OPTION_OF_HELP,
};

const struct command command_shell = {
	.name = "shell",
	.operands = "",
	.summary = "Type commands, with history and completion; see events meanwhile.",
	.about = "Each line is a command of tern with its words; '…' and \"…\" keep blanks in them. Tab\n"
		 "completes, Ctrl-R finds earlier lines, Ctrl-C drops a line or ends what runs, Ctrl-D\n"
		 "leaves. With & at its end a command runs in the background, and what it prints appears\n"
		 "above the line being typed: 'subscribe lamp &'. jobs, stop and exit are the shell's own.\n"
		 "If standard input is no terminal, its lines are run one after the other.\n"
		 "\n"
		 "examples:\n"
		 "  tern shell\n"
		 "  echo 'list -l' | tern shell\n",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_shell,
};
