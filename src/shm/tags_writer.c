/* SPDX-License-Identifier: MIT */

/* tags_writer: a private map from number to {uses, unit} beside the shared table by text */

#include "shm/tags_writer.h"

static uint64_t
use_pack(uint32_t n_uses, uint32_t unit)
{
	return (uint64_t)n_uses << 32 | unit;
}

static void
tag_relocated(struct table_writer *writer, uint32_t unit, const void *record)
{
	struct tags_writer *tags = container_of(writer, struct tags_writer, table);
	const struct shm_tag *tag = record;
	uint64_t *use = map_get(&tags->uses, tag->id);

	assert(use);
	*use = use_pack((uint32_t)(*use >> 32), unit);
}

int
tags_writer_init(struct tags_writer *ret, uint32_t capacity)
{
	struct tags_writer tags = TAGS_WRITER_INIT;
	int r;

	r = table_writer_init(&tags.table, &tags_type, "tern-tags", capacity, 0);
	if (r)
		return error_trace(r);
	tags.table.relocated = tag_relocated;
	*ret = tags;
	return 0;
}

void
tags_writer_deinit(struct tags_writer *tags)
{
	table_writer_deinit(&tags->table);
	map_deinit(&tags->uses);
	*tags = TAGS_WRITER_INIT;
}

uint32_t
tags_units(size_t size)
{
	return (uint32_t)((sizeof(struct shm_tag) + size + TABLE_UNIT - 1) / TABLE_UNIT);
}

/* A number that no tag in use has; after all were given it begins anew. */
static uint32_t
tags_new_id(struct tags_writer *tags)
{
	do
		tags->last_id++;
	while (tags->last_id == 0 || map_get(&tags->uses, tags->last_id));
	return tags->last_id;
}

static int
tags_make(struct tags_writer *tags, const char *text, size_t size, uint32_t *ret_id)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)] = {0};
	struct shm_tag *record = (void *)copy;
	uint32_t unit, id = tags_new_id(tags);
	int r;

	r = map_put(&tags->uses, id, 0);
	if (r)
		return error_trace(r);
	record->id = id;
	record->size = (uint16_t)size;
	memcpy(record + 1, text, size);
	r = table_put(&tags->table, copy, sizeof(*record) + size, &unit);
	if (r) {
		(void)map_remove(&tags->uses, id);
		return r; /* same answers as ours */
	}
	*map_get(&tags->uses, id) = use_pack(1, unit);
	*ret_id = id;
	return 0;
}

int
tags_ref(struct tags_writer *tags, const char *text, size_t size, uint32_t *ret_id,
	uint32_t *ret_uses)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)], *use;
	const struct shm_tag *record = (const void *)copy;
	uint32_t unit;
	int r;

	if (size == 0)
		return -EINVAL;
	if (size > TAGS_TEXT_MAX)
		return -E2BIG;
	if (table_locate(&tags->table, text, size, &unit)) {
		r = tags_make(tags, text, size, ret_id);
		if (r)
			return r; /* same answers as ours */
		*ret_uses = 0;
		return 0;
	}
	(void)table_copy(&tags->table, unit, copy); /* as long as it said when it was put */
	use = map_get(&tags->uses, record->id);
	assert(use);
	*ret_id = record->id;
	*ret_uses = (uint32_t)(*use >> 32);
	*use += use_pack(1, 0);
	return 0;
}

void
tags_unref(struct tags_writer *tags, uint32_t id)
{
	uint64_t *use = map_get(&tags->uses, id);

	assert(use && *use >> 32 > 0);

	*use -= use_pack(1, 0);
	if (*use >> 32 == 0) {
		table_remove(&tags->table, (uint32_t)*use);
		(void)map_remove(&tags->uses, id); /* it is there */
	}
}

size_t
tags_text(const struct tags_writer *tags, uint32_t id, char *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)], *use = map_get(&tags->uses, id);
	const struct shm_tag *record = (const void *)copy;

	assert(use);

	(void)table_copy(&tags->table, (uint32_t)*use, copy); /* as above */
	assert(record->size <= TAGS_TEXT_MAX);
	memcpy(ret, record + 1, record->size);
	ret[record->size] = '\0';
	return record->size;
}
