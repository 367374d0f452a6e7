/* SPDX-License-Identifier: MIT */
#pragma once

/* status-limits: what users hold of ternd, may hold, and where that is said */

#include "cli/command.h"

/* status_limits() - tern status --limits. Return: the exit status, or a negative errno: ternd does not tell. */
int status_limits(const struct cli *cli, tern_bus *bus, uint64_t timeout_ns);
