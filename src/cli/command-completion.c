/* SPDX-License-Identifier: MIT */

/* command-completion: what makes a shell complete the words of tern */

#include <stdio.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/commands.h"
#include "completion-scripts.h"

static const struct {
	const char *shell, *script;
} SCRIPTS[] = {
	{"bash", SCRIPT_bash},
	{"zsh", SCRIPT_zsh},
	{"fish", SCRIPT_fish},
};

static int
print_script(const struct cli *cli, const char *shell)
{
	for (size_t i = 0; i < ARRAY_SIZE(SCRIPTS); i++)
		if (strcmp(SCRIPTS[i].shell, shell) == 0) {
			(void)fputs(SCRIPTS[i].script, stdout); /* main() asks whether it was written */
			return STATUS_OK;
		}
	return command_usage(cli, "bash, zsh and fish are the shells known here, '%s' is not", shell);
}

static int
run_completion(struct cli *cli)
{
	const char *shell = NULL;
	int id;

	while ((id = command_next(cli)) != OPTION_END) {
		if (id == OPTION_BAD)
			return cli->status;
		if (shell)
			return command_usage(cli, "one SHELL, not also '%s'", cli->words.value);
		shell = cli->words.value;
	}
	return shell ? print_script(cli, shell) : command_usage(cli, "for which SHELL? bash, zsh or fish");
}

static const struct option_spec OPTIONS[] = {
	OPTION_OF_HELP,
};

const struct command command_completion = {
	.name = "completion",
	.operands = "SHELL",
	.summary = "Print what makes bash, zsh or fish complete the words of tern.",
	.about = "Names, members, their arguments and values come from the bus as it is then.\n"
		 "An installed tern has these where the shells look by themselves.\n"
		 "\n"
		 "examples:\n"
		 "  . <(tern completion bash)\n",
	.completes = COMPLETES_WORD COMPLETES_NOTHING,
	.words = "bash zsh fish",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.run = run_completion,
};
