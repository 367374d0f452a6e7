/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * owners: who owned the names that were looked up lately, while that is so for certain
 *
 * A name's owner is a record of ternd's table, and a record that dies is counted
 * before it does and after (edge T3 of table.h). So what was found after an even
 * count holds as long as the count stands there, and the table has not moved:
 * one cache line of ternd's instead of a hash and three lines. Names
 * that nobody owns are not remembered. A name that changes hands anywhere on the
 * bus makes all of them be looked up once more.
 *
 * Memory of its own alone; 8 KiB, allocated by the first look-up.
 */

#include "shm/names.h"

struct owners {
	struct known_owner *known; /* OWNERS_N, in pairs; NULL: none yet */
};

enum {
	OWNERS_N = 128,
	OWNERS_TEXT_MAX = 47, /* longer names are looked up each time */
};

/**
 * owners_find() - names_owner(), from memory where that holds
 *
 * For one table alone: owners_deinit() when @names is another.
 *
 * Return: as names_owner().  Threads: owner.  Blocks: never.
 */
int owners_find(struct owners *owners, const struct names *names, const char *name, size_t size,
	uint64_t *ret_owner);

/* owners_deinit() - forget all; a zeroed one is fine, and the result can be used again */
void owners_deinit(struct owners *owners);
