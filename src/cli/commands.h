/* SPDX-License-Identifier: MIT */
#pragma once

/* commands: all that the tool can do, in the order that help shows it */

#include "cli/command.h"

/* A command's own file has the rest of it. */
extern const struct command command_call, command_check, command_generate, command_get,
	command_list, command_monitor, command_ping, command_publish, command_run, command_subscribe, command_watch;

extern const struct command *const COMMANDS[]; /* NULL-ended */

/* commands_find() - by its name; NULL: there is none */
const struct command *commands_find(const char *name);

/* commands_unknown() - say that there is none of this name, and which may be meant; STATUS_USAGE */
int commands_unknown(const char *name);
