/* SPDX-License-Identifier: MIT */

/* options: ternd's command line */

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "base/attribute.h"
#include "daemon/options.h"

static const char help[] =
	"usage: ternd [OPTION]...\n"
	"\n"
	"Runs a bus: introduces the programs of this machine to each other, keeps their\n"
	"names and rules. Their messages do not pass through it.\n"
	"\n"
	"  --address unix:PATH  where to listen; default: $TERN_BUS, else\n"
	"                       $XDG_RUNTIME_DIR/tern/bus, else /run/tern/bus\n"
	"  --config FILE        what is allowed to whom, ternd.conf(5); default: for a bus in\n"
	"                       /run/tern /etc/tern/ternd.conf, else\n"
	"                       $XDG_CONFIG_HOME/tern/ternd.conf, if it is there\n"
	"  --allow-uid UID      let this user in, besides ternd's own; may be repeated\n"
	"  --limit KIND=N       how many a user's programs may have together, of connections,\n"
	"                       half-open ones, names, rules, links, bytes or starts; may be\n"
	"                       repeated\n"
	"  --services DIR       where service files are, tern-service(5), instead of the usual\n"
	"                       folders; may be repeated\n"
	"  --check              say what is wrong with configuration and service files, and end\n"
	"  --replace            take the place of the ternd that runs there\n"
	"  --ready-fd N         write a line to this descriptor and close it when ready\n"
	"  --version            print the version\n"
	"  --help               print this\n"
	"\n"
	"Ends on SIGTERM and SIGINT; makes room for another ternd on SIGUSR2. See ternd(1).\n";

enum {
	OPTION_ADDRESS = 'a',
	OPTION_CONFIG = 'c',
	OPTION_ALLOW_UID = 'u',
	OPTION_LIMIT = 'l',
	OPTION_READY_FD = 'r',
	OPTION_SERVICES = 's',
	OPTION_REPLACE = 'p',
	OPTION_CHECK = 'k',
	OPTION_VERSION = 'v',
	OPTION_HELP = 'h',
};

static const struct option longs[] = {
	{"address", required_argument, NULL, OPTION_ADDRESS},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"allow-uid", required_argument, NULL, OPTION_ALLOW_UID},
	{"limit", required_argument, NULL, OPTION_LIMIT},
	{"ready-fd", required_argument, NULL, OPTION_READY_FD},
	{"services", required_argument, NULL, OPTION_SERVICES},
	{"replace", no_argument, NULL, OPTION_REPLACE},
	{"check", no_argument, NULL, OPTION_CHECK},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

/* A decimal number and nothing else. */
static bool
parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value > max)
		return false;
	*ret = value;
	return true;
}

static int
add_user(struct options *options, const char *text)
{
	uint64_t uid;

	/* (uid_t)-1 is nobody in every system call. */
	if (!parse_number(text, UINT32_MAX - 1, &uid)) {
		fprintf(stderr, "ternd: --allow-uid %s: not the number of a user\n", text);
		return OPTIONS_WRONG;
	}
	if (options->n_users == OPTIONS_MAX_USERS) {
		fprintf(stderr, "ternd: --allow-uid: more than %d users\n", OPTIONS_MAX_USERS);
		return OPTIONS_WRONG;
	}
	options->users[options->n_users++] = (uint32_t)uid;
	return OPTIONS_RUN;
}

static int
set_limit(struct options *options, const char *text)
{
	size_t size = strcspn(text, "=");
	enum quota_kind kind = quota_kind_find(text, size);
	uint64_t n;

	if (kind < N_QUOTA && text[size] == '=' && parse_number(text + size + 1, QUOTA_LIMIT_MAX, &n) && n > 0) {
		options->limits[kind] = n;
		return OPTIONS_RUN;
	}
	fprintf(stderr,
		"ternd: --limit %s: not connections, half-open, names, rules, links, bytes or starts, =, "
		"and a number from 1 to %llu\n",
		text, (unsigned long long)QUOTA_LIMIT_MAX);
	return OPTIONS_WRONG;
}

static int
set_ready_fd(struct options *options, const char *text)
{
	uint64_t fd;

	if (!parse_number(text, INT32_MAX, &fd) || fcntl((int)fd, F_GETFD) < 0) {
		fprintf(stderr, "ternd: --ready-fd %s: not the number of an open descriptor\n",
			text);
		return OPTIONS_WRONG;
	}
	options->ready_fd = (int)fd;
	return OPTIONS_RUN;
}

static int
add_services(struct options *options, const char *path)
{
	if (*path != '/' || options->n_services == OPTIONS_MAX_SERVICES) {
		fprintf(stderr, "ternd: --services %s: %s\n", path,
			*path == '/' ? "too many folders" : "not a path from / on");
		return OPTIONS_WRONG;
	}
	options->services[options->n_services++] = path;
	return OPTIONS_RUN;
}

static int
set_option(struct options *options, int option, const char **address)
{
	switch (option) {
	case OPTION_ADDRESS:
		*address = optarg;
		return OPTIONS_RUN;
	case OPTION_CONFIG:
		options->config = optarg;
		return OPTIONS_RUN;
	case OPTION_ALLOW_UID:
		return add_user(options, optarg);
	case OPTION_LIMIT:
		return set_limit(options, optarg);
	case OPTION_READY_FD:
		return set_ready_fd(options, optarg);
	case OPTION_SERVICES:
		return add_services(options, optarg);
	case OPTION_REPLACE:
		options->replace = true;
		return OPTIONS_RUN;
	case OPTION_CHECK:
		options->check = true;
		return OPTIONS_RUN;
	case OPTION_VERSION:
		puts("ternd " TERN_VERSION);
		return OPTIONS_DONE;
	case OPTION_HELP:
		fputs(help, stdout);
		return OPTIONS_DONE;
	default:
		fputs("Try ternd --help.\n", stderr);
		return OPTIONS_WRONG;
	}
}

static int
set_address(struct options *options, const char *address)
{
	const char *path;
	int r;

	if (!address) {
		r = address_default(options->address);
		address = "the address of TERN_BUS or XDG_RUNTIME_DIR";
	} else {
		r = address_path(address, &path);
		if (!r)
			memcpy(options->address, address, strlen(address) + 1);
	}
	if (r) {
		fprintf(stderr, "ternd: %s %s\n", address, address_strerror(r));
		return OPTIONS_WRONG;
	}
	r = address_path(options->address, &options->path);
	assert(r == 0);
	return OPTIONS_RUN;
}

/* The file that is read if it is there. */
static void
set_config(struct options *options)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *below = "";

	if (options->is_system) {
		base = "/etc";
	} else if (!base || base[0] != '/') {
		base = home && home[0] == '/' ? home : NULL;
		below = "/.config";
	}
	if (options->config || !base)
		return;
	if (snprintf(options->config_path, sizeof(options->config_path), "%s%s/tern/ternd.conf", base, below) >=
		(int)sizeof(options->config_path))
		options->config_path[0] = '\0';
	options_find_config(options);
}

void
options_find_config(struct options *options)
{
	if (!options->config && options->config_path[0] &&
		(access(options->config_path, F_OK) == 0 || errno != ENOENT))
		options->config = options->config_path;
}

int
options_parse(struct options *ret, int argc, char **argv)
{
	const char *address = NULL;
	int option, r;

	*ret = (struct options){.ready_fd = -1};
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		r = set_option(ret, option, &address);
		if (r != OPTIONS_RUN)
			return r;
	}
	if (optind < argc) {
		fprintf(stderr, "ternd: %s: takes no arguments\nTry ternd --help.\n", argv[optind]);
		return OPTIONS_WRONG;
	}
	r = set_address(ret, address);
	if (r != OPTIONS_RUN)
		return r;
	ret->is_system = !strncmp(ret->path, OPTIONS_SYSTEM, sizeof(OPTIONS_SYSTEM) - 1);
	if (ret->config && ret->config[0] == '\0')
		ret->config = NULL; /* none, also not by default */
	else
		set_config(ret);
	return OPTIONS_RUN;
}
