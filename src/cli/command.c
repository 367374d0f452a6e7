/* SPDX-License-Identifier: MIT */

/* command: what all commands of the tool do alike */

#include <stdarg.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/colour.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/plain.h"

static void
help_option(const struct option_spec *spec)
{
	char left[48];

	(void)snprintf(left, sizeof(left), "%c%c%s--%s%s%s", spec->letter ? '-' : ' ',
		spec->letter ? spec->letter : ' ', spec->letter ? ", " : "  ", spec->name,
		spec->value ? " " : "", spec->value ? spec->value : ""); /* fits, or is cut */
	(void)printf("  %-26s %s\n", left, spec->help); /* main() asks whether it was written */
}

void
command_help(const struct command *command)
{
	(void)printf("usage: tern %s [OPTION]… %s\n\n%s\n\n%s\noptions:\n", command->name,
		command->operands, command->summary, command->about); /* as above */
	for (size_t i = 0; i < command->n_options; i++)
		help_option(&command->options[i]);
}

int
command_next(struct cli *cli)
{
	for (;;) {
		int id = option_next(&cli->words);

		switch (id) {
		case OPTION_BUS:
			cli->address = cli->words.value;
			break;
		case OPTION_JSON:
			cli->json = true;
			break;
		case OPTION_NO_LEGEND:
			cli->no_legend = true;
			break;
		case OPTION_COLOUR:
			cli->status = command_colour(cli);
			if (cli->status)
				return OPTION_BAD;
			break;
		case OPTION_HELP:
			command_help(cli->command);
			cli->status = STATUS_HELP;
			return OPTION_BAD;
		case OPTION_BAD:
			cli->status = command_usage(cli, "%s", cli->words.text);
			return OPTION_BAD;
		case OPTION_OPERAND:
			cli->words.operands_only |= cli->command->operands_last;
			return id;
		default:
			return id;
		}
	}
}

int
command_usage(const struct cli *cli, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap); /* may be cut */
	va_end(ap);
	report("%s; 'tern %s --help' tells how it is used", text, cli->command->name);
	return STATUS_USAGE;
}

int
command_colour(const struct cli *cli)
{
	const char *word = cli->words.value;

	if (colour_choose(word) == 0)
		return STATUS_OK;
	if (cli->command)
		return command_usage(cli, "--color is auto, always or never, not '%s'", word);
	report("--color is auto, always or never, not '%s'", word);
	return STATUS_USAGE;
}

int
command_duration(const struct cli *cli, uint64_t *ret_ns)
{
	if (duration_read(cli->words.value, ret_ns) == 0) {
		*ret_ns += *ret_ns == 0; /* for the library 0 means: the usual time */
		return STATUS_OK;
	}
	return command_usage(
		cli, "'%s' is no time; 2, 0.5, 250ms, 3m or forever are", cli->words.value);
}

int
command_number(const struct cli *cli, uint64_t least, uint64_t *ret)
{
	const char *text = cli->words.value;
	uint64_t number;

	errno = 0;
	number = strtoull(text, NULL, 10);
	if (!*text || text[strspn(text, "0123456789")] || errno || number < least ||
		number > UINT64_C(1) << 53)
		return command_usage(
			cli, "'%s' is no number from %llu on", text, (unsigned long long)least);
	*ret = number;
	return STATUS_OK;
}

int
command_output(void)
{
	static bool is_said;
	int r = fflush(stdout);

	if (r == 0 && !ferror(stdout))
		return STATUS_OK;
	if (!is_said && r)
		report("standard output cannot be written: %m");
	else if (!is_said)
		report("not all of standard output could be written");
	is_said = true;
	return STATUS_OTHER;
}
