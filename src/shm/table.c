/* SPDX-License-Identifier: MIT */

/* table: the reader's side; table.h says what it relies on */

#include "shm/table.h"
#include "shm/hash.h"

enum {
	LOOK_UP_EVERY = 64, /* steps of a long walk between two looks at the generation */
};

static_assert(sizeof(struct shm_table) == CACHE_LINE, "the state line is one cache line");
static_assert(sizeof(struct shm_half) == CACHE_LINE, "no padding");
static_assert(sizeof(struct shm_record) == 2 * sizeof(uint64_t), "no padding");
static_assert(TABLE_UNIT == TABLE_UNIT_WORDS * sizeof(uint64_t), "units are words");
static_assert(offsetof(struct shm_half, used) == HALF_USED * sizeof(uint64_t), "as numbered");
static_assert(offsetof(struct shm_record, state) == RECORD_STATE * sizeof(uint64_t), "as numbered");

/* life cycle */

static bool
is_capacity(uint32_t capacity)
{
	return capacity >= TABLE_CAPACITY_MIN && capacity <= TABLE_CAPACITY_MAX &&
	       (capacity & (capacity - 1)) == 0;
}

int
table_view(struct table *ret, const struct table_type *type, const void *base, size_t size)
{
	struct table table = {.type = type};
	struct head head;
	const uint8_t *p = base;
	int r;

	r = head_check(base, size, type->kind, &head);
	if (r)
		return r == HEAD_E_VERSION ? TABLE_E_VERSION : TABLE_E_FORMAT;
	if (head.parts[TABLE_PART_STATE].size < sizeof(struct shm_table))
		return TABLE_E_FORMAT;

	table.shm = (const void *)(p + head.parts[TABLE_PART_STATE].off.off);
	table.capacity = load_rlx(&table.shm->capacity); /* written before the table was sent */
	if (!is_capacity(table.capacity))
		return TABLE_E_FORMAT;
	for (int i = 0; i < 2; i++) {
		struct shm_part part = head.parts[TABLE_PART_HALF_0 + i];

		if (part.size < table_half_size(table.capacity))
			return TABLE_E_FORMAT;
		table.half[i] = (const void *)(p + part.off.off);
	}
	table.extra = (const void *)(p + head.parts[TABLE_PART_EXTRA].off.off);
	table.n_extra = head.parts[TABLE_PART_EXTRA].size / sizeof(uint64_t);
	*ret = table;
	return 0;
}

int
table_open(struct table *ret, const struct table_type *type, int fd)
{
	struct segment segment = SEGMENT_INIT;
	int r;

	r = segment_open_trusted(&segment, fd, sizeof(struct shm_head), TABLE_SIZE_MAX);
	if (r)
		return r > 0 ? TABLE_E_SEGMENT : error_trace(r);
	r = table_view(ret, type, segment.base, segment.size);
	if (r) {
		segment_deinit(&segment);
		return r;
	}
	ret->segment = segment;
	return 0;
}

void
table_deinit(struct table *table)
{
	if (table->segment.base)
		segment_deinit(&table->segment);
	*table = (struct table){.segment = SEGMENT_INIT};
}

/* reading */

/*
 * The words of a record that is live, whole or its first @max_units; or none: 0. The size is
 * checked, nothing else can be.
 */
static inline size_t
record_copy_part(const struct table *table, const _Atomic uint64_t *half, uint32_t unit, void *ret,
	uint64_t max_units)
{
	const _Atomic uint64_t *words = half + table_unit_word(table->capacity, unit);
	uint64_t state = load_acq(&words[RECORD_STATE]); /* T1, T3 */
	uint64_t n_units = state >> 32, *copy = ret;

	if ((uint32_t)state != RECORD_LIVE || n_units == 0 ||
		n_units > TABLE_RECORD_MAX / TABLE_UNIT || n_units > table->capacity - unit)
		return 0;
	n_units = MIN(n_units, max_units);
	/* Relaxed: T1 orders them for a record of this generation, T4 tells of another. */
	for (size_t i = 0; i < n_units * TABLE_UNIT_WORDS; i++)
		copy[i] = load_rlx(&words[i]);
	return n_units * TABLE_UNIT;
}

static size_t
record_copy(const struct table *table, const _Atomic uint64_t *half, uint32_t unit, void *ret)
{
	return record_copy_part(table, half, unit, ret, TABLE_RECORD_MAX / TABLE_UNIT);
}

int
table_begin(struct table_walk *ret, const struct table *table)
{
	if (unlikely(load_acq(&table->shm->moved))) /* T5 */
		return TABLE_E_MOVED;
	ret->table = table;
	ret->generation = load_acq(&table->shm->generation);
	ret->changes = load_acq(&table->shm->changes); /* T3 */
	ret->half = table->half[ret->generation & 1];
	ret->seed = load_rlx(&ret->half[HALF_SEED]); /* before the flip, so seen with it */
	ret->limit = table->type->walk_max ? table->type->walk_max : table->capacity;
	ret->lost = false;
	ret->link = 0;
	return 0;
}

void
table_seek(struct table_walk *walk, const void *key, size_t key_size)
{
	uint32_t capacity = walk->table->capacity;
	uint64_t hash = hash_bytes(walk->seed, key, key_size);

	walk->key = key;
	walk->key_size = key_size;
	walk->hash = (uint32_t)(hash >> 32);
	walk->n_steps = 0;
	walk->link = load_acq(&walk->half[table_bucket_word(capacity, hash)]); /* T2 */
}

static bool
walk_is_current(const struct table_walk *walk)
{
	fence_acq(); /* T4: whatever was copied before this, from whichever life of the half */
	return load_rlx(&walk->table->shm->generation) == walk->generation;
}

static bool
walk_has_key(const struct table_walk *walk, const void *record, size_t size)
{
	size_t key_size = 0;
	const void *key = walk->table->type->key(record, size, &key_size);

	return key && key_size == walk->key_size && memcmp(key, walk->key, key_size) == 0;
}

size_t
table_step_part(struct table_walk *walk, void *ret_part, uint32_t max_units)
{
	const struct table *table = walk->table;

	while (walk->link && !walk->lost) {
		uint32_t hash = (uint32_t)(walk->link >> 32), unit = (uint32_t)walk->link - 1;
		size_t size;

		if (unit >= table->capacity || ++walk->n_steps > walk->limit ||
			(walk->n_steps % LOOK_UP_EVERY == 0 && !walk_is_current(walk))) {
			walk->lost = true;
			break;
		}
		walk->link = load_acq(&walk->half[table_unit_word(table->capacity, unit)]); /* T2 */
		if (hash != walk->hash)
			continue;
		walk->unit = unit;
		size = record_copy_part(table, walk->half, unit, ret_part, max_units);
		if (size)
			return size;
	}
	return 0;
}

bool
table_step(struct table_walk *walk, void *ret_record, size_t *ret_size)
{
	size_t size;

	do {
		size = table_step_part(walk, ret_record, TABLE_RECORD_MAX / TABLE_UNIT);
	} while (size && !walk_has_key(walk, ret_record, size));
	*ret_size = size;
	return size > 0;
}

bool
table_settled(const struct table_walk *walk, bool missed)
{
	if (walk->lost || !walk_is_current(walk))
		return false;
	return !missed || load_rlx(&walk->table->shm->changes) == walk->changes; /* T3 */
}

int
table_find(const struct table *table, const void *key, size_t key_size, void *ret_record,
	size_t *ret_size)
{
	struct table_walk walk;

	for (int i = 0; i < TABLE_TRIES; i++) {
		bool found;
		int r;

		r = table_begin(&walk, table);
		if (r)
			return r;
		table_seek(&walk, key, key_size);
		found = table_step(&walk, ret_record, ret_size);
		if (table_settled(&walk, !found))
			return found ? 0 : TABLE_E_NOT_FOUND;
		cpu_relax();
	}
	return TABLE_E_BUSY;
}

/* The next live record of a generation; 0: none, or not to be trusted, as the caller finds out. */
static size_t
cursor_step(const struct table *table, const _Atomic uint64_t *half, struct table_cursor *cursor,
	void *ret_record)
{
	/*
	 * The mark is read anew at each step: a record seen dead may have been
	 * replaced by one that was appended just before, and must not be
	 * missed.
	 */
	while (cursor->next < table->capacity && cursor->next < load_acq(&half[HALF_USED])) {
		uint32_t unit = cursor->next;
		uint64_t state =
			load_rlx(&half[table_unit_word(table->capacity, unit) + RECORD_STATE]);
		size_t size;

		if (state >> 32 == 0 || state >> 32 > table->capacity - unit)
			return 0;
		cursor->next += (uint32_t)(state >> 32);
		size = record_copy(table, half, unit, ret_record);
		if (size)
			return size;
	}
	return 0;
}

int
table_next(
	const struct table *table, struct table_cursor *cursor, void *ret_record, size_t *ret_size)
{
	uint64_t generation;
	size_t size;

	if (load_acq(&table->shm->moved)) /* T5 */
		return TABLE_E_MOVED;
	generation = load_acq(&table->shm->generation);
	if (!cursor->begun)
		*cursor = (struct table_cursor){.generation = generation, .begun = 1};
	if (cursor->generation != generation)
		return TABLE_E_RESTART;

	size = cursor_step(table, table->half[generation & 1], cursor, ret_record);
	fence_acq(); /* T4 */
	if (load_rlx(&table->shm->generation) != generation)
		return TABLE_E_RESTART;
	if (size == 0)
		return TABLE_E_END;
	*ret_size = size;
	return 0;
}

bool
table_is_complete(const struct table *table)
{
	return load_acq(&table->shm->complete) != 0;
}

uint64_t
table_extra(const struct table *table, uint32_t index)
{
	return index < table->n_extra ? load_acq(&table->extra[index]) : 0; /* T6 */
}

const _Atomic uint64_t *
table_extra_at(const struct table *table, uint32_t index)
{
	return index < table->n_extra ? &table->extra[index] : NULL;
}

/* validity */

/* Every record in a row, up to the mark; how many are live, or -1. */
static int64_t
valid_records(const struct table *table, const _Atomic uint64_t *half, uint64_t used)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	int64_t n_live = 0;

	for (uint64_t unit = 0; unit < used;) {
		uint64_t word = table_unit_word(table->capacity, (uint32_t)unit);
		uint64_t state = load_acq(&half[word + RECORD_STATE]);
		size_t size;

		if ((uint32_t)state > RECORD_DEAD || state >> 32 == 0 || state >> 32 > used - unit)
			return -1;
		if ((uint32_t)state == RECORD_LIVE) {
			size = record_copy(table, half, (uint32_t)unit, copy);
			if (size == 0 || !table->type->valid(copy, size))
				return -1;
			n_live++;
		}
		unit += state >> 32;
	}
	return n_live;
}

/* The live records of a chain, each under its own hash and before the mark; or -1. */
static int64_t
valid_chain(const struct table *table, const _Atomic uint64_t *half, uint64_t used, uint32_t bucket)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	uint64_t link = load_acq(&half[table_bucket_word(table->capacity, bucket)]);
	uint64_t seed = load_rlx(&half[HALF_SEED]);
	int64_t n_live = 0;

	for (uint32_t n = 0; link; n++) {
		uint32_t unit = (uint32_t)link - 1;
		uint64_t hash;
		const void *key;
		size_t size, key_size = 0;

		if (unit >= used || n >= table->capacity)
			return -1;
		size = record_copy(table, half, unit, copy);
		key = size ? table->type->key(copy, size, &key_size) : NULL;
		if (key) {
			hash = hash_bytes(seed, key, key_size);
			if (hash >> 32 != link >> 32 ||
				(hash & (table_n_buckets(table->capacity) - 1)) != bucket)
				return -1;
			n_live++;
		}
		link = load_acq(&half[table_unit_word(table->capacity, unit)]);
	}
	return n_live;
}

bool
table_valid(const struct table *table)
{
	const _Atomic uint64_t *half = table->half[load_acq(&table->shm->generation) & 1];
	uint64_t used = load_acq(&half[HALF_USED]);
	int64_t n_records, n_linked = 0;

	if (!is_capacity(table->capacity) || used > table->capacity)
		return false;
	n_records = valid_records(table, half, used);
	if (n_records < 0)
		return false;
	for (uint32_t i = 0; i < table_n_buckets(table->capacity); i++) {
		int64_t n = valid_chain(table, half, used, i);

		if (n < 0)
			return false;
		n_linked += n;
	}
	return n_linked == n_records;
}
