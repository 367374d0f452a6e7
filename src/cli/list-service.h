/* SPDX-License-Identifier: MIT */
#pragma once

/* list-service: the services that run when they are called; ternd is asked for them */

#include <tern/bus.h>

#include "cli/command.h"

/**
 * list_services() - print them
 * @prefix: of their names; NULL: all
 * @names_only: nothing else
 *
 * Return: STATUS_*.
 */
int list_services(const struct cli *cli, tern_bus *bus, const char *prefix, bool names_only);
