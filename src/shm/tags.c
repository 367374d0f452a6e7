/* SPDX-License-Identifier: MIT */

/* tags: the reader's side; a table by text */

#include "shm/tags.h"

static_assert(sizeof(struct shm_tag) == 24, "no padding");

static const void *
tag_key(const void *record, size_t size, size_t *ret_size)
{
	const struct shm_tag *tag = record;

	if (size < sizeof(*tag) || tag->size > size - sizeof(*tag))
		return NULL;
	*ret_size = tag->size;
	return tag + 1;
}

static bool
tag_valid(const void *record, size_t size)
{
	const struct shm_tag *tag = record;

	return size >= sizeof(*tag) && tag->id != 0 && tag->size > 0 &&
	       tag->size <= TAGS_TEXT_MAX && tag->size <= size - sizeof(*tag);
}

const struct table_type tags_type = {
	.kind = SHM_KIND_TAGS,
	.walk_max = TABLE_WALK_MAX,
	.key = tag_key,
	.valid = tag_valid,
};

int
tags_open(struct tags *ret, int fd)
{
	return table_open(&ret->table, &tags_type, fd);
}

void
tags_deinit(struct tags *tags)
{
	table_deinit(&tags->table);
}

int
tags_find(const struct tags *tags, const char *text, size_t size, uint32_t *ret_id)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	const struct shm_tag *tag = (const void *)copy;
	size_t copy_size;
	int r;

	r = table_find(&tags->table, text, size, copy, &copy_size);
	if (r)
		return r; /* same answers as ours */
	if (!tag_valid(copy, copy_size))
		return -EBADMSG;
	*ret_id = tag->id;
	return 0;
}

int
tags_next(const struct tags *tags, struct table_cursor *cursor, struct tag_entry *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	const struct shm_tag *tag = (const void *)copy;
	size_t size;
	int r;

	r = table_next(&tags->table, cursor, copy, &size);
	if (r)
		return r; /* same answers as ours */
	if (!tag_valid(copy, size))
		return -EBADMSG;
	ret->id = tag->id;
	ret->size = tag->size;
	memcpy(ret->text, tag + 1, tag->size);
	ret->text[tag->size] = '\0';
	return 0;
}
