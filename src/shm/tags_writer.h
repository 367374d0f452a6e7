/* SPDX-License-Identifier: MIT */
#pragma once

/* tags_writer: ternd's side of the tags; counts how many rules use each, privately */

#include "shm/map.h"
#include "shm/table_writer.h"
#include "shm/tags.h"

struct tags_writer {
	struct table_writer table;
	struct map uses; /* by number: uses << 32 | unit */
	uint32_t last_id;
};

#define TAGS_WRITER_INIT ((struct tags_writer){.table = TABLE_WRITER_INIT})

/* tags_writer_init() - an empty table; 0 or a negative errno */
int tags_writer_init(struct tags_writer *ret, uint32_t capacity);

/* tags_writer_deinit() - unmap, close and free; a zeroed or half-built one is fine */
void tags_writer_deinit(struct tags_writer *tags);

/* tags_units() - units that a tag of @size bytes takes, for table_reserve() */
uint32_t tags_units(size_t size);

/**
 * tags_ref() - use a tag, which is made if it is new
 * @ret_uses: how many others use it
 *
 * Undone by tags_unref().
 *
 * Return: 0, TABLE_E_FULL (never after table_reserve()), -EINVAL (empty),
 * -E2BIG (over TAGS_TEXT_MAX) or -ENOMEM. Threads: owner.  Blocks: never.
 */
int tags_ref(struct tags_writer *tags, const char *text, size_t size, uint32_t *ret_id,
	uint32_t *ret_uses);

/* tags_unref() - use it no longer; the tag dies with its last use */
void tags_unref(struct tags_writer *tags, uint32_t id);

/* tags_text() - the text of a tag in use: its size; @ret has room for TAGS_TEXT_MAX + 1 */
size_t tags_text(const struct tags_writer *tags, uint32_t id, char *ret);
