/* SPDX-License-Identifier: MIT */

/* commands: all that the tool can do */

#include "base/attribute.h"
#include "base/near.h"
#include "cli/commands.h"
#include "cli/plain.h"

const struct command *const COMMANDS[] = {
	&command_list,
	&command_call,
	&command_ping,
	&command_publish,
	&command_subscribe,
	&command_monitor,
	&command_record,
	&command_replay,
	&command_introspect,
	&command_tree,
	&command_get,
	&command_set,
	&command_watch,
	&command_status,
	&command_top,
	&command_doctor,
	&command_run,
	&command_check,
	&command_generate,
	&command_wait,
	&command_serve,
	&command_shell,
	&command_completion,
	&command_of_help,
	NULL,
};

const struct command *
commands_find(const char *name)
{
	for (size_t i = 0; COMMANDS[i]; i++)
		if (strcmp(COMMANDS[i]->name, name) == 0)
			return COMMANDS[i];
	return NULL;
}

int
commands_unknown(const char *name)
{
	struct near near = {.word = name};

	for (size_t i = 0; COMMANDS[i]; i++)
		near_offer(&near, COMMANDS[i]->name);
	if (near.nearest)
		report("there is no command '%s'; did you mean '%s'?", name, near.nearest);
	else
		report("there is no command '%s'; 'tern --help' lists them", name);
	return STATUS_USAGE;
}
