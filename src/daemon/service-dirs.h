/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * service-dirs: where service files are
 *
 *      a user's bus   $XDG_DATA_HOME, /etc, each of $XDG_DATA_DIRS: /tern/services of them
 *      a machine's    /etc, /usr/local/share, /usr/share: /tern/services of them
 *      --services     these and no others
 *
 * The first folder that has NAME.service decides. They are looked at when they are needed and not watched: what was
 * installed a moment ago is found. The list of all is read again when one of the folders has changed since.
 */

#include <limits.h>
#include <sys/stat.h>

#include "wire/control.h"

struct options;

enum {
	SERVICE_DIRS_MAX = 32,
	SERVICE_DIRS_MAX_FILES = 4096, /* that are listed */
};

/* Names, each once, sorted. */
struct service_names {
	char **names;
	size_t n;
};

/* When a folder was as it is. */
struct service_stamp {
	dev_t device;
	ino_t inode;
	struct timespec changed;
};

struct service_dirs {
	size_t n;
	char *paths[SERVICE_DIRS_MAX];
	struct service_names all; /* as they were when these were so; names is NULL: not known */
	struct service_stamp stamps[SERVICE_DIRS_MAX];
};

struct service_path {
	char text[PATH_MAX];
};

/* service_dirs_init() - by options and environment. Return: 0 or -ENOMEM */
int service_dirs_init(struct service_dirs *ret, const struct options *options);

/* service_dirs_deinit() - a zeroed one is fine */
void service_dirs_deinit(struct service_dirs *dirs);

/* service_dirs_find() - the file of a name, which has been checked (wire/name.h). Return: is there one? */
bool service_dirs_find(const struct service_dirs *dirs, const struct control_text *name, struct service_path *ret);

/**
 * service_dirs_list() - the names for which there is a file
 * @ret: borrowed until the next call
 *
 * Costs a look at each folder, unless one of them has changed, or did in the last two seconds.
 *
 * Return: 0 or -ENOMEM.  Threads: owner.  Blocks: while folders are read.
 */
int service_dirs_list(struct service_dirs *dirs, const struct service_names **ret);
