/* SPDX-License-Identifier: MIT */
#pragma once

/* connect: onto a bus, and in words what went wrong with one */

#include <tern/bus.h>
#include <tern/error.h>

#include "cli/command.h"

static inline void
bus_closep(tern_bus **bus)
{
	(void)tern_close(*bus); /* always NULL */
}

/* connect_bus() - open the bus of the command line. Return: STATUS_*; if not 0 it is said why. */
int connect_bus(const struct cli *cli, tern_bus **ret);

/*
 * connect_failed() - say what went wrong while `doing`, a few words
 * @error: what the call told; NULL: what tern_last_error() tells
 *
 * Return: the status that belongs to the errno.
 */
int connect_failed(const char *doing, int r, const struct tern_error *error);

/* connect_status() - the exit status that belongs to a negative errno of the library */
int connect_status(int r);
