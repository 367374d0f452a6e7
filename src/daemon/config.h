/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * config: the one file that ternd reads, ternd.conf(5)
 *
 * INI, and strict: a section or key that is not known, a key said twice, a word
 * that means nothing, a user who is not there, are errors, told with file and
 * line and with what to write instead. A file is taken as a whole or not at all.
 *
 * More sections: add them to sections[] in config.c.
 */

#include <limits.h>

#include "bus/policy.h"
#include "bus/quota.h"

enum {
	CONFIG_TEXT_SIZE = 1000,
	CONFIG_MAX_LINE = 1000,	      /* bytes of a line */
	CONFIG_MAX_SIZE = 1024 * 1024, /* of the file */
};

struct config {
	struct policy *policy;
	uint64_t limits[N_QUOTA]; /* per user; 0: not in the file */
};

/* What is wrong, for people: "/etc/tern/ternd.conf:7: …". */
struct config_error {
	char text[CONFIG_TEXT_SIZE];
};

/* How names become numbers: 0, or -ENOENT (there is no such user or group), or another negative errno. */
struct config_names {
	int (*user)(const char *name, uint32_t *ret_uid);
	int (*group)(const char *name, uint32_t *ret_gid);
};

extern const struct config_names config_system_names; /* as the system knows them */

/**
 * config_parse() - the text of a file
 * @path: for errors
 * @is_system: nothing is allowed that the file does not allow (a system bus)
 *
 * Return: 0, -EINVAL (@ret_error says what is wrong), or another negative errno.  Threads: any.
 * Blocks: while names are looked up.
 */
int config_parse(struct config *ret, const char *path, const char *text, size_t size, bool is_system,
	const struct config_names *names, struct config_error *ret_error);

/**
 * config_load() - read the file
 * @path: NULL: there is none, all is as by default
 *
 * Return: 0, or a negative errno and @ret_error.  Threads: any.  Blocks: while it is read.
 */
int config_load(struct config *ret, const char *path, bool is_system, struct config_error *ret_error);

/* config_deinit() - a zeroed one is fine */
void config_deinit(struct config *config);
