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
#include "base/standard.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/plain.h"

enum {
	OPTION_VERSION = OPTION_OWN,
};

const struct option_spec OPTIONS_BEFORE[] = {
	{OPTION_VERSION, 'V', "version", NULL, "which tern this is"},
	OPTIONS_OF_ALL,
};

const size_t N_OPTIONS_BEFORE = ARRAY_SIZE(OPTIONS_BEFORE);

static int
run(struct cli *cli, char **words)
{
	option_reader_init(&cli->words, OPTIONS_BEFORE, N_OPTIONS_BEFORE, words);
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
			help_print();
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
			if (strcmp(cli->words.value, "__complete") == 0)
				return complete_run(words);
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
	int output = command_output();

	return status ? status : output;
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

	if (standard_hold() < 0)
		return STATUS_OTHER;
	utf8();
	status = run(&cli, argv + (argc > 0));

	return finish(status == STATUS_HELP ? STATUS_OK : status);
}
