/* SPDX-License-Identifier: MIT */

/* ternd: options, limits, and the server until a signal ends it */

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "base/standard.h"
#include "daemon/server.h"

/* As many descriptors as we may have; who uses them up is the quotas' business. */
static uint64_t
raise_limit(struct rlimit *ret_before)
{
	struct rlimit limit = {1024, 1024};

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	*ret_before = limit;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* if not, the lower one holds */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	return limit.rlim_cur;
}

static void
set_limits(struct server *server, uint64_t n_fds)
{
	uint64_t *limits = server->bus.quota.limits;

	for (enum quota_kind kind = 0; kind < N_QUOTA; kind++)
		if (server->options->limits[kind])
			limits[kind] = server->options->limits[kind];
	limits[QUOTA_FDS] = n_fds > 2 * SERVER_RESERVED_FDS ? n_fds - SERVER_RESERVED_FDS : n_fds / 2;
	server->bus.quota.budgets[QUOTA_FDS] = (struct budget){
		.max = limits[QUOTA_FDS],
		.expected = server->options->n_users > 0, /* else nobody else may come */
	};
}

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
	uint64_t n_fds;
	int r;

	if (standard_hold() < 0)
		return 1;
	r = options_parse(&options, argc, argv);
	if (r != OPTIONS_RUN)
		return r == OPTIONS_DONE ? 0 : 2;
	n_fds = raise_limit(&options.files);
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
	set_limits(server, n_fds);
	/* The tables are writable in this process alone: nobody is to look into it. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail */
	tell_ready(options.ready_fd);
	r = server_run(server);
	server = server_free(server);
	return r ? fail(options.address, "it had to end", r) : 0;
}
