/* SPDX-License-Identifier: MIT */

/* connect: onto a bus, and in words what went wrong with one */

#include <stdio.h>

#include "base/attribute.h"
#include "cli/connect.h"
#include "cli/plain.h"

/* default_address() - what tern_open() tries when it is told nothing */
static const char *
default_address(char *buf, size_t size)
{
	const char *address = getenv("TERN_BUS"), *runtime = getenv("XDG_RUNTIME_DIR");

	if (address)
		return address;
	if (!runtime || !*runtime)
		return "unix:/run/tern/bus";
	(void)snprintf(buf, size, "unix:%s/tern/bus", runtime); /* for people: may be cut */
	return buf;
}

static void
say_no_bus(const struct cli *cli, const char *address, int r)
{
	const char *from = cli->address ? "--bus" : getenv("TERN_BUS") ? "TERN_BUS" : NULL;
	const struct tern_error *error = tern_last_error();

	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
		if (from)
			report("no bus runs at %s, as %s says; start it with 'ternd --address %s', "
			       "or a "
			       "private one with 'tern run -- COMMAND'",
				address, from, address);
		else
			report("no bus runs at %s; start one with 'ternd', a private one with "
			       "'tern run "
			       "-- COMMAND', or say with --bus or TERN_BUS where it is",
				address);
		break;
	case -EACCES:
		report("user %u may not use the socket of %s: its owner must allow that", getuid(),
			address);
		break;
	case -EINVAL:
		report("'%s' is no address of a bus; unix:PATH is, with an absolute PATH of at most 107 "
		       "bytes",
			address);
		break;
	default:
		report("no way onto the bus at %s: %s", address,
			error->text[0] ? error->text : strerror(-r));
	}
}

int
connect_status(int r)
{
	switch (r) {
	case 0:
		return STATUS_OK;
	case -EREMOTEIO:
	case -EBADMSG: /* what it said is not what its interface says */
		return STATUS_REMOTE;
	case -EINVAL:
		return STATUS_USAGE;
	case -ENOENT:
	case -ECONNREFUSED:
	case -EACCES:
	case -EPERM:
	case -EPROTO:
	case -ENXIO:
		return STATUS_NO_BUS;
	case -ETIME:
		return STATUS_TIMEOUT;
	case -EHOSTDOWN:
	case -ECONNRESET:
	case -ENOTCONN:
	case -ECANCELED:
	case -ESHUTDOWN:
		return STATUS_LOST;
	default:
		return STATUS_OTHER;
	}
}

int
connect_bus(const struct cli *cli, tern_bus **ret)
{
	char buf[256];
	int r;

	r = tern_open(cli->address, ret);
	if (r == 0)
		return STATUS_OK;
	say_no_bus(cli, cli->address ? cli->address : default_address(buf, sizeof(buf)), r);
	return connect_status(r);
}

int
connect_failed(const char *doing, int r, const struct tern_error *error)
{
	if (!error)
		error = tern_last_error();
	if (error->text[0])
		report("%s: %s", doing, error->text);
	else
		report("%s: %s", doing, strerror(-r));
	return connect_status(r);
}
