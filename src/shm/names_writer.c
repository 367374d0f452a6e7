/* SPDX-License-Identifier: MIT */

/* names_writer: a change of owner is a new record, and then the death of the old one */

#include "shm/names_writer.h"

int
names_writer_init(struct names_writer *ret, uint32_t capacity)
{
	return table_writer_init(&ret->table, &names_type, "tern-names", capacity, 0);
}

void
names_writer_deinit(struct names_writer *names)
{
	table_writer_deinit(&names->table);
}

static int
spec_check(const struct name_spec *spec, size_t *ret_labels_size)
{
	size_t size = 0;

	if (spec->name.size == 0)
		return -EINVAL;
	if (spec->name.size > NAMES_TEXT_MAX || spec->n_labels > NAMES_LABELS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < spec->n_labels; i++) {
		if (spec->labels[i].size == 0)
			return -EINVAL;
		if (spec->labels[i].size > NAMES_TEXT_MAX)
			return -E2BIG;
		size += 1 + spec->labels[i].size;
	}
	if (size > NAMES_LABELS_SIZE)
		return -E2BIG;
	*ret_labels_size = size;
	return 0;
}

int
names_set(struct names_writer *names, const struct name_spec *spec)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	struct shm_name *record = (void *)copy;
	uint8_t *p = (uint8_t *)(record + 1);
	size_t labels_size;
	int r;

	r = spec_check(spec, &labels_size);
	if (r)
		return error_trace(r);
	*record = (struct shm_name){
		.owner = spec->owner,
		.serial = spec->serial,
		.name_size = (uint16_t)spec->name.size,
		.labels_size = (uint16_t)labels_size,
		.n_labels = (uint16_t)spec->n_labels,
	};
	memcpy(p, spec->name.text, spec->name.size);
	p += spec->name.size;
	for (size_t i = 0; i < spec->n_labels; i++) {
		*p++ = (uint8_t)spec->labels[i].size;
		memcpy(p, spec->labels[i].text, spec->labels[i].size);
		p += spec->labels[i].size;
	}
	return table_put(&names->table, copy, (size_t)(p - (uint8_t *)copy), NULL);
}

int
names_remove(struct names_writer *names, const char *name, size_t size)
{
	uint32_t unit;

	if (table_locate(&names->table, name, size, &unit))
		return TABLE_E_NOT_FOUND;
	table_remove(&names->table, unit);
	return 0;
}
