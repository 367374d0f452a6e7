/* SPDX-License-Identifier: MIT */
#pragma once

/* list-peer: the programs on the bus, with names or without */

#include <tern/bus.h>

#include "cli/command.h"
#include "cli/name.h"

/* list_peers() - print them; `names` are all there are. Return: STATUS_*; if not 0 it is said why. */
int list_peers(const struct cli *cli, tern_bus *bus, const struct name_list *names);

/* list_user() - the name of a user, or the number; cut where it does not fit */
void list_user(uint32_t uid, char *buf, size_t size);
