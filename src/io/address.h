/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * address: where a bus is: "unix:PATH"
 *
 * Which one, if none is given: TERN_BUS, else $XDG_RUNTIME_DIR/tern/bus, else
 * /run/tern/bus. Nothing else is tried, and none of them is guessed from another.
 */

#include <stddef.h>

enum {
	ADDRESS_PATH_SIZE = 108, /* of sun_path, with the zero byte */
	ADDRESS_SIZE = ADDRESS_PATH_SIZE + 5,
};

enum {
	_ADDRESS_E_OK,
	ADDRESS_E_SCHEME, /* does not begin with "unix:" */
	ADDRESS_E_PATH,	  /* no path, or not an absolute one */
	ADDRESS_E_LONG,	  /* a socket's path has 107 bytes at most */
};

/* address_default() - where the bus of this environment is; @ret has ADDRESS_SIZE bytes. 0 or
 * ADDRESS_E_* */
int address_default(char *ret);

/* address_path() - the path in an address, borrowed from it. Return: 0 or ADDRESS_E_* */
int address_path(const char *address, const char **ret);

/* address_strerror() - what is wrong, as the end of a sentence */
const char *address_strerror(int error);
