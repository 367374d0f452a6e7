/* SPDX-License-Identifier: MIT */
#pragma once

/* commands: all that the tool can do, in the order that help shows it */

#include "cli/command.h"

/* A command's own file has the rest of it. */
extern const struct command command_call, command_check, command_generate, command_get,
	command_list, command_monitor, command_ping, command_publish, command_record, command_replay, command_run,
	command_subscribe, command_watch, command_completion, command_of_help, command_serve, command_shell,
	command_wait;
extern const struct command command_doctor, command_status, command_top;
extern const struct command command_introspect, command_tree, command_set;

extern const struct command *const COMMANDS[]; /* NULL-ended */

/* commands_find() - by its name; NULL: there is none */
const struct command *commands_find(const char *name);

/* commands_unknown() - say that there is none of this name, and which may be meant; STATUS_USAGE */
int commands_unknown(const char *name);

/* What may stand in front of a command. */
extern const struct option_spec OPTIONS_BEFORE[];
extern const size_t N_OPTIONS_BEFORE;

/* help_print() - write what there is */
void help_print(void);
