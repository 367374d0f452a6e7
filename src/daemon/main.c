/* SPDX-License-Identifier: MIT */

/* ternd: options, limits, and the server until a signal ends it */

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include "base/standard.h"
#include "daemon/allowance.h"
#include "daemon/check.h"

/* Names are chosen by strangers: the key of the hash is not to be guessed. */
static int
choose_hash_key(void)
{
	if (getrandom(hash_key, sizeof(hash_key), 0) != (ssize_t)sizeof(hash_key))
		return -EIO;
	hash_key[1] |= 1;
	return 0;
}

static void
tell_ready(int fd)
{
	if (fd < 0)
		return;
	while (write(fd, "\n", 1) < 0 && errno == EINTR)
		; /* who does not listen any more need not know */
	(void)fd_close(fd);
}

static int
fail(const char *address, const char *why, int error)
{
	fprintf(stderr, "ternd: %s: %s (%s)\n", address, why, strerror(-error));
	return 1;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct config config = {0};
	struct config_error error = {"no memory"};
	struct server *server;
	const char *why = "no random numbers";
	int r;

	if (standard_hold() < 0)
		return 1;
	r = options_parse(&options, argc, argv);
	if (r != OPTIONS_RUN)
		return r == OPTIONS_DONE ? 0 : 2;
	if (options.check)
		return check_files(&options) > 0;
	allowance_raise(&options.files);
	r = choose_hash_key();
	if (!r && config_load(&config, options.config, options.is_system, &error) < 0) {
		fprintf(stderr, "ternd: %s\n", error.text);
		return 1;
	}
	if (!r)
		r = server_new(&options, &config, &server, &why);
	config_deinit(&config);
	if (r)
		return fail(options.address, why, r);
	allowance_apply(server);
	/* The tables are writable in this process alone: nobody is to look into it. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail */
	tell_ready(options.ready_fd);
	r = server_run(server);
	server = server_free(server);
	return r ? fail(options.address, "it had to end", r) : 0;
}
