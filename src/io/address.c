/* SPDX-License-Identifier: MIT */

/* address: where a bus is */

#include <stdio.h>

#include "base/attribute.h"
#include "io/address.h"

static const char scheme[] = "unix:";

int
address_path(const char *address, const char **ret)
{
	const char *path = address + sizeof(scheme) - 1;

	if (strncmp(address, scheme, sizeof(scheme) - 1) != 0)
		return ADDRESS_E_SCHEME;
	if (path[0] != '/')
		return ADDRESS_E_PATH;
	if (strlen(path) >= ADDRESS_PATH_SIZE)
		return ADDRESS_E_LONG;
	*ret = path;
	return 0;
}

int
address_default(char *ret)
{
	const char *bus = getenv("TERN_BUS"), *runtime = getenv("XDG_RUNTIME_DIR");
	const char *path;
	char text[ADDRESS_SIZE];
	int n, r;

	if (bus)
		n = snprintf(text, sizeof(text), "%s", bus);
	else if (runtime && runtime[0])
		n = snprintf(text, sizeof(text), "unix:%s/tern/bus", runtime);
	else
		n = snprintf(text, sizeof(text), "unix:/run/tern/bus");
	if (n < 0 || (size_t)n >= sizeof(text))
		return ADDRESS_E_LONG;
	r = address_path(text, &path);
	if (r)
		return r;
	memcpy(ret, text, (size_t)n + 1);
	return 0;
}

const char *
address_strerror(int error)
{
	switch (error) {
	case ADDRESS_E_SCHEME:
		return "does not begin with unix:";
	case ADDRESS_E_PATH:
		return "has no absolute path behind unix:";
	case ADDRESS_E_LONG:
		return "is too long: the path of a socket has 107 bytes at most";
	default:
		return "is well";
	}
}
