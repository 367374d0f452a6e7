/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * service-file: what is to be started for a name, from the bytes of NAME.service
 *
 *      [Service]
 *      Exec=/usr/bin/mixer --device "USB Audio"
 *      Environment=LANG=C "GREETING=hello there"
 *      WorkingDirectory=/var/lib/mixer
 *      User=audio
 *      Timeout=10
 *
 * Exec and Environment are words between blanks, without a shell: "…" and '…' make one word of several, \ stands
 * before a blank, a quote or another \ that is meant as such. Only Exec is required. Read as strictly as ternd.conf
 * (config.c); the user is looked up when the program is started.
 */

#include "daemon/config.h"

enum {
	SERVICE_FILE_MAX_SIZE = 16 << 10,
	SERVICE_FILE_MAX_WORDS = 255, /* of a program's arguments, with its own name; of its environment */
	SERVICE_FILE_MAX_TIMEOUT = 3600,
	SERVICE_FILE_TIMEOUT = 25,
};

/* All strings lie in memory; words end with NULL. Large: not for the stack of deep calls. */
struct service_file {
	const char *exec[SERVICE_FILE_MAX_WORDS + 1];
	const char *environment[SERVICE_FILE_MAX_WORDS + 1];
	size_t n_exec, n_environment;
	const char *user;      /* NULL: whoever ternd is */
	const char *directory; /* NULL: / */
	unsigned int timeout;  /* seconds it has until it owns its name */
	size_t used;
	char memory[2 * SERVICE_FILE_MAX_SIZE];
};

/**
 * service_file_parse() - read one
 * @path: for errors
 *
 * Return: 0, -EINVAL (@ret_error says what is wrong) or -ENOMEM.  Threads: one at a time.  Blocks: never.
 */
int service_file_parse(
	struct service_file *ret, const char *path, const char *text, size_t size, struct config_error *ret_error);

/**
 * service_file_read() - the same of a file, which nobody but root and ternd's own user may write
 * @is_system: for the bus of a machine: it has to say who the program runs as
 *
 * Return: 0 or a negative errno, and @ret_error says what is wrong.  Threads: one at a time.  Blocks: while it is read.
 */
int service_file_read(struct service_file *ret, const char *path, bool is_system, struct config_error *ret_error);
