/* SPDX-License-Identifier: MIT */
#pragma once

/* source: files with interfaces, and what is wrong with them, for people and for programs */

#include <json-c/json_object.h>
#include <stdio.h>

#include "interface/interface.h"

struct source {
	const char *path; /* as given; borrowed */
	char *text;	  /* what is in it, of INTERFACE_MAX_SIZE and a byte at most */
	size_t size;
};

/*
 * source_read() - read the file; "-" is standard input
 *
 * Return: 0; a negative errno.  Blocks: while it reads.
 */
int source_read(struct source *source, const char *path);

void source_deinit(struct source *source);

/*
 * source_print_faults() - each as PATH:LINE:COLUMN: what is wrong, the line, and where in it
 *
 * Errors stay in the stream.
 */
void source_print_faults(
	FILE *out, const struct source *source, const struct interface_faults *faults);

/* source_add_faults() - each as an object, to a JSON array. Return: 0; -ENOMEM. */
int source_add_faults(struct json_object *array, const struct source *source,
	const struct interface_faults *faults);
