/* SPDX-License-Identifier: MIT */

/* names: the reader's side; a table by name, its records as long as their strings */

#include "shm/names.h"

static_assert(sizeof(struct shm_name) == 40, "no padding");
static_assert(sizeof(struct shm_name) + NAMES_TEXT_MAX + NAMES_LABELS_SIZE <= TABLE_RECORD_MAX,
	"the longest name has room");

enum {
	/* the longest name without its labels */
	OWNER_UNITS = (sizeof(struct shm_name) + NAMES_TEXT_MAX + TABLE_UNIT - 1) / TABLE_UNIT,
};

static const char *
name_text(const struct shm_name *name)
{
	return (const char *)(name + 1);
}

static bool
name_fits(const struct shm_name *name, size_t size)
{
	return size >= sizeof(*name) && name->name_size > 0 && name->name_size <= NAMES_TEXT_MAX &&
	       name->labels_size <= NAMES_LABELS_SIZE && name->n_labels <= NAMES_LABELS_MAX &&
	       name->name_size + (size_t)name->labels_size <= size - sizeof(*name);
}

static const void *
name_key(const void *record, size_t size, size_t *ret_size)
{
	const struct shm_name *name = record;

	if (!name_fits(name, size))
		return NULL;
	*ret_size = name->name_size;
	return name_text(name);
}

static bool
name_valid(const void *record, size_t size)
{
	const struct shm_name *name = record;
	const uint8_t *labels;
	size_t at = 0, n = 0;

	if (!name_fits(name, size))
		return false;
	labels = (const uint8_t *)name_text(name) + name->name_size;
	for (; at < name->labels_size; n++) {
		if (labels[at] == 0 || labels[at] > name->labels_size - at - 1)
			return false;
		at += 1 + (size_t)labels[at];
	}
	return n == name->n_labels;
}

const struct table_type names_type = {
	.kind = SHM_KIND_NAMES,
	.walk_max = TABLE_WALK_MAX,
	.key = name_key,
	.valid = name_valid,
};

int
names_open(struct names *ret, int fd)
{
	return table_open(&ret->table, &names_type, fd);
}

void
names_deinit(struct names *names)
{
	table_deinit(&names->table);
}

static int
name_read(const void *record, size_t size, struct name_entry *ret)
{
	const struct shm_name *name = record;

	if (!name_valid(record, size))
		return -EBADMSG;
	ret->owner = name->owner;
	ret->serial = name->serial;
	ret->name_size = name->name_size;
	ret->labels_size = name->labels_size;
	ret->n_labels = name->n_labels;
	memcpy(ret->name, name_text(name), name->name_size);
	ret->name[name->name_size] = '\0';
	memcpy(ret->labels, name_text(name) + name->name_size, name->labels_size);
	return 0;
}

int
names_lookup(const struct names *names, const char *name, size_t size, struct name_entry *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	size_t copy_size;
	int r;

	r = table_find(&names->table, name, size, copy, &copy_size);
	return r ? r : name_read(copy, copy_size, ret);
}

/* The next record of this name: its head and its name alone. */
static bool
owner_step(struct table_walk *walk, const char *name, size_t size, void *ret_part)
{
	const struct shm_name *record = ret_part;
	uint32_t n_units = (uint32_t)((sizeof(*record) + size + TABLE_UNIT - 1) / TABLE_UNIT);
	size_t part;

	while ((part = table_step_part(walk, ret_part, n_units)))
		if (part >= sizeof(*record) + size && record->name_size == size &&
			memcmp(name_text(record), name, size) == 0)
			return true;
	return false;
}

int
names_owner(const struct names *names, const char *name, size_t size, uint64_t *ret_owner)
{
	uint64_t part[OWNER_UNITS * TABLE_UNIT_WORDS];
	struct table_walk walk;
	int r;

	if (size > NAMES_TEXT_MAX)
		return TABLE_E_NOT_FOUND;
	for (int i = 0; i < TABLE_TRIES; i++) {
		bool found;

		r = table_begin(&walk, &names->table);
		if (r)
			return r; /* same answers as ours */
		table_seek(&walk, name, size);
		found = owner_step(&walk, name, size, part);
		if (table_settled(&walk, !found)) {
			if (found)
				*ret_owner = ((const struct shm_name *)(const void *)part)->owner;
			return found ? 0 : TABLE_E_NOT_FOUND;
		}
		cpu_relax();
	}
	return TABLE_E_BUSY;
}

int
names_next(const struct names *names, struct table_cursor *cursor, struct name_entry *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	size_t size;
	int r;

	r = table_next(&names->table, cursor, copy, &size);
	return r ? r : name_read(copy, size, ret);
}

bool
name_label(const struct name_entry *entry, size_t *at, struct table_text *ret)
{
	size_t size;

	if (*at >= entry->labels_size)
		return false;
	size = entry->labels[*at];
	assert(size < entry->labels_size - *at);
	*ret = (struct table_text){(const char *)&entry->labels[*at + 1], size};
	*at += 1 + size;
	return true;
}
