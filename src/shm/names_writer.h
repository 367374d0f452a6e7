/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * names_writer: ternd's side of the table of names
 *
 * It grows by table_grow(), table_fd() and table_forward() on &names->table.
 */

#include "shm/names.h"
#include "shm/table_writer.h"

enum {
	NAMES_CAPACITY = 256, /* units of the first segment: about 100 names */
};

struct names_writer {
	struct table_writer table;
};

#define NAMES_WRITER_INIT ((struct names_writer){.table = TABLE_WRITER_INIT})

/* struct name_spec - a name and its owner; all borrowed */
struct name_spec {
	struct table_text name; /* 1 to NAMES_TEXT_MAX bytes */
	uint64_t owner;
	uint64_t serial;
	const struct table_text *labels;
	size_t n_labels;
};

/* names_writer_init() - an empty table; 0 or a negative errno */
int names_writer_init(struct names_writer *ret, uint32_t capacity);

/* names_writer_deinit() - unmap and close; a zeroed or half-built one is fine */
void names_writer_deinit(struct names_writer *names);

/**
 * names_set() - a name has this owner now, whoever had it before
 *
 * Readers find the old owner or the new one, never none.
 *
 * Return: 0, TABLE_E_FULL (grow, and again), -EINVAL (no name), -E2BIG (longer
 * than the limits of names.h).  Threads: owner.  Blocks: never.
 */
int names_set(struct names_writer *names, const struct name_spec *spec);

/* names_remove() - nobody owns this name now; 0 or TABLE_E_NOT_FOUND */
int names_remove(struct names_writer *names, const char *name, size_t size);
