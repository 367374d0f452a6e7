/* SPDX-License-Identifier: MIT */
#pragma once

/* name: the names on a bus, copied, in order; and who owns them */

#include <stddef.h>
#include <stdint.h>
#include <tern/name.h>

struct owned_name {
	char *name;
	char **labels; /* n_labels of them */
	size_t n_labels;
	tern_peer owner;
	uint32_t uid;
	uint32_t pid;
};

struct name_list {
	struct owned_name *names; /* sorted */
	size_t n;
};

void name_list_deinit(struct name_list *list);

/* name_list_get() - all names now. Return: 0 or a negative errno; the list is the caller's to
 * deinit. */
int name_list_get(tern_bus *bus, struct name_list *ret);

/* name_program() - what a process calls itself, "" if nobody can tell; at most 63 bytes */
void name_program(uint32_t pid, char ret[64]);

/* name_suggest() - say that there is no such service, and which there are that may be meant */
void name_suggest(tern_bus *bus, const char *service);
