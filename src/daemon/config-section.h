/* SPDX-License-Identifier: MIT */
#pragma once

/* config-section: what a section of a file gives to those who read it (config.c): of ternd.conf, or of a service file */

#include "base/attribute.h"
#include "daemon/config.h"

struct config_parse {
	struct config *config;
	void *user; /* of a file that is none */
	const struct config_section *const *sections; /* that there are */
	size_t n_sections;
	const char *path;
	const char *text; /* what is left of the file */
	size_t size;
	uint32_t line; /* in hand, from 1 */
	const struct config_section *section;
	uint32_t seen; /* keys of this section, bits */
	struct policy_entry *entry; /* of a section [name …] */
	const struct config_names *names;
	struct config_error *error;
	int r; /* 0, or why it ended */
};

struct config_section {
	const char *name;
	bool has_argument;	 /* [name org.example.Mixer] */
	const char *const *keys; /* NULL behind the last one, 32 at most */
	/* may be NULL. Return: 0, or what config_fail() returns */
	int (*begin)(struct config_parse *p, const char *argument);
	/* Return: 0, or what config_fail() returns */
	int (*set)(struct config_parse *p, unsigned int key, const char *value);
};

/*
 * config_read() - all of a text, line by line; path, text, size, sections, error and what those need are set
 *
 * Return: 0, -EINVAL and the error, or -ENOMEM.  Threads: one at a time.  Blocks: as the sections do.
 */
int config_read(struct config_parse *p);

/*
 * config_read_file() - a file that nobody but root and ternd's own user can write, whole
 * @room: its greatest size, too
 * @ret_error: set with -EINVAL
 *
 * Return: 0, -EINVAL, or another negative errno.  Threads: any.  Blocks: while it is read.
 */
int config_read_file(const char *path, char *text, size_t room, size_t *ret_size, struct config_error *ret_error);

/* config_fail() - the line in hand is wrong: say what, and what to write instead. Return: -EINVAL */
int config_fail(struct config_parse *p, const char *format, ...) _printf_(2, 3);

extern const struct config_section config_section_limits, config_section_policy, config_section_name;

/* config_policy_default() - what holds where the file does not speak of all names. Return: 0 or -ENOMEM */
int config_policy_default(struct policy *policy, bool is_system);
