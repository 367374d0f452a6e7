/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * tags: string <-> number, for the tags that some rule names and for the names
 * of senders
 *
 * Only rules make tags: what is not here cannot match, and a publisher that
 * does not find a tag leaves it out of the matching. A number is not given
 * again before four thousand million others were (a publisher that was stopped
 * between looking a tag up and matching must not match another's).
 */

#include "shm/table.h"

enum {
	TAGS_TEXT_MAX = 255, /* bytes of a tag */
};

/* struct shm_tag - a record; followed by the text */
struct shm_tag {
	struct shm_record record;
	uint32_t id;
	uint16_t size;
	uint16_t reserved;
};

struct tags {
	struct table table;
};

/* struct tag_entry - what the table tells of a tag */
struct tag_entry {
	uint32_t id; /* never 0 */
	uint16_t size;
	char text[TAGS_TEXT_MAX + 1]; /* ends in a zero byte */
};

extern const struct table_type tags_type;

/* tags_open() - map the table that ternd sent; as table_open() */
int tags_open(struct tags *ret, int fd);

/* tags_deinit() - unmap; a zeroed one is fine */
void tags_deinit(struct tags *tags);

/**
 * tags_find() - the number of a string
 *
 * Return: 0, TABLE_E_NOT_FOUND (no rule names it), TABLE_E_MOVED, TABLE_E_BUSY,
 * or -EBADMSG (the table is broken). Threads: any.  Blocks: never.
 */
int tags_find(const struct tags *tags, const char *text, size_t size, uint32_t *ret_id);

/* tags_next() - iterate; as table_next(), and -EBADMSG */
int tags_next(const struct tags *tags, struct table_cursor *cursor, struct tag_entry *ret);
