/* SPDX-License-Identifier: MIT */

/* table_writer: the writer's side; the order of its stores is what table.h promises */

#include <sys/random.h>

#include "shm/hash.h"
#include "shm/table_writer.h"

enum {
	SEED_TRIES = 8, /* other keys to try when a chain is too long */
};

static uint64_t
new_seed(void)
{
	static uint64_t counter;
	uint64_t seed;

	/* Never short for so few bytes; before the kernel has entropy any other key will do. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = hash_fold((uintptr_t)&counter, ++counter);
	return seed;
}

static uint32_t
units_of(size_t size)
{
	return (uint32_t)((size + TABLE_UNIT - 1) / TABLE_UNIT);
}

/* a place: one half of one segment, being written */

struct place {
	_Atomic uint64_t *half;
	uint32_t *previous;
	uint32_t capacity;
	uint32_t used;
};

static _Atomic uint64_t *
place_record(const struct place *place, uint32_t unit)
{
	return place->half + table_unit_word(place->capacity, unit);
}

static _Atomic uint64_t *
place_bucket(const struct place *place, uint64_t hash)
{
	return place->half + table_bucket_word(place->capacity, hash);
}

/* Relaxed stores: no reader is here yet, or T4 lets it know; the flip is a release. */
static void
place_clear(struct place *place, uint64_t seed)
{
	store_rlx(&place->half[HALF_SEED], seed);
	store_rlx(&place->half[HALF_USED], 0);
	for (uint32_t i = 0; i < table_n_buckets(place->capacity); i++)
		store_rlx(place_bucket(place, i), 0);
	memset(place->previous, 0, place->capacity * sizeof(*place->previous));
	place->used = 0;
}

/* Append, link, and make live, in this order: the last store is the commit. */
static uint32_t
place_append(struct place *place, uint64_t hash, const void *record, size_t size)
{
	uint32_t n_units = units_of(size), unit = place->used;
	_Atomic uint64_t *words = place_record(place, unit), *bucket = place_bucket(place, hash);
	uint64_t first = load_rlx(bucket), state = (uint64_t)n_units << 32; /* own words */
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)] = {0};

	assert(size > sizeof(struct shm_record) && size <= sizeof(copy));
	assert(n_units <= place->capacity - unit);

	memcpy(copy, record, size);
	copy[RECORD_LINK] = first;
	copy[RECORD_STATE] = state | RECORD_EMPTY;
	/* Relaxed: the mark, the bucket and the state below are releases. */
	for (size_t i = 0; i < (size_t)n_units * TABLE_UNIT_WORDS; i++)
		store_rlx(&words[i], copy[i]);
	place->used += n_units;
	store_rel(&place->half[HALF_USED], place->used);

	place->previous[unit] = 0;
	if (first)
		place->previous[(uint32_t)first - 1] = unit + 1;
	store_rel(bucket, table_link(hash, unit));	      /* T2 */
	store_rel(&words[RECORD_STATE], state | RECORD_LIVE); /* T1 */
	return unit;
}

static uint32_t
place_chain_length(const struct place *place, uint64_t hash, uint32_t limit)
{
	uint64_t link = load_rlx(place_bucket(place, hash)); /* own words */
	uint32_t n = 0;

	for (; link && n < limit; n++)
		link = load_rlx(place_record(place, (uint32_t)link - 1)); /* own words */
	return n;
}

/* the writer's half */

static uint32_t
half_index(const struct table_writer *writer)
{
	return load_rlx(&writer->shm->generation) & 1; /* own word */
}

static struct place
writer_place(const struct table_writer *writer, uint32_t index)
{
	return (struct place){
		.half = writer->half[index],
		.previous = writer->previous,
		.capacity = writer->view.capacity,
		.used = writer->used,
	};
}

static uint64_t
writer_hash(const struct table_writer *writer, uint64_t seed, const void *record, size_t size)
{
	size_t key_size = 0;
	const void *key = writer->view.type->key(record, size, &key_size);

	assert(key);
	return hash_bytes(seed, key, key_size);
}

static uint64_t
writer_seed(const struct table_writer *writer)
{
	return load_rlx(&writer->half[half_index(writer)][HALF_SEED]); /* own word */
}

size_t
table_copy(const struct table_writer *writer, uint32_t unit, void *ret_record)
{
	struct place place = writer_place(writer, half_index(writer));
	const _Atomic uint64_t *words = place_record(&place, unit);
	uint64_t n_units = load_rlx(&words[RECORD_STATE]) >> 32, *copy = ret_record; /* own words */

	assert(unit < place.used && n_units <= place.used - unit);
	for (size_t i = 0; i < n_units * TABLE_UNIT_WORDS; i++)
		copy[i] = load_rlx(&words[i]); /* own words */
	return n_units * TABLE_UNIT;
}

/* Copy the live records to an empty place; false: a chain came out too long under this key. */
static bool
writer_fill(struct table_writer *writer, struct place *place, uint64_t seed)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	uint32_t walk_max = writer->view.type->walk_max;
	bool fits = true;
	size_t size;

	place_clear(place, seed);
	for (uint32_t unit = 0; unit < writer->used; unit += units_of(size)) {
		uint32_t new_unit;
		uint64_t hash;

		size = table_copy(writer, unit, copy);
		if ((uint32_t)copy[RECORD_STATE] != RECORD_LIVE)
			continue;
		hash = writer_hash(writer, seed, copy, size);
		if (walk_max && place_chain_length(place, hash, walk_max) == walk_max)
			fits = false;
		new_unit = place_append(place, hash, copy, size);
		if (writer->relocated)
			writer->relocated(writer, new_unit, copy);
	}
	return fits;
}

/* A key under which no chain is too long; against all odds, readers of a longer one ask ternd. */
static void
writer_fill_well(struct table_writer *writer, struct place *place)
{
	for (int i = 0; i < SEED_TRIES; i++)
		if (writer_fill(writer, place, new_seed()))
			return;
}

/* life cycle */

/* Where the parts go. */
struct plan {
	uint64_t state;
	uint64_t extra;
	uint64_t half[2];
	uint64_t end;
};

static struct plan
plan_make(uint32_t capacity, uint32_t n_extra)
{
	struct plan plan = {.state = sizeof(struct shm_head)};

	static_assert(TABLE_CAPACITY_MIN % 16 == 0, "a half is a multiple of a cache line");
	plan.extra = plan.state + sizeof(struct shm_table);
	plan.half[0] = plan.extra + ALIGN_TO(n_extra * sizeof(uint64_t), SHM_PART_ALIGN);
	plan.half[1] = plan.half[0] + table_half_size(capacity);
	plan.end = plan.half[1] + table_half_size(capacity);
	assert(plan.end <= TABLE_SIZE_MAX);
	return plan;
}

static void
plan_write(const struct plan *plan, void *base, uint32_t capacity, uint32_t n_extra)
{
	head_set_part(base, TABLE_PART_STATE, plan->state, sizeof(struct shm_table));
	if (n_extra)
		head_set_part(base, TABLE_PART_EXTRA, plan->extra, n_extra * sizeof(uint64_t));
	head_set_part(base, TABLE_PART_HALF_0, plan->half[0], table_half_size(capacity));
	head_set_part(base, TABLE_PART_HALF_1, plan->half[1], table_half_size(capacity));
}

/* A fresh segment with everything in it but records; on failure @writer is not to be used. */
static int
writer_attach(
	struct table_writer *writer, struct segment *segment, uint32_t capacity, uint32_t n_extra)
{
	struct plan plan = plan_make(capacity, n_extra);
	int r;

	r = segment_create(segment, writer->name, plan.end);
	if (r)
		return error_trace(r);
	head_init((void *)segment->base, writer->view.type->kind, segment->size);
	plan_write(&plan, segment->base, capacity, n_extra);
	writer->shm = (void *)(segment->base + plan.state);
	writer->extra = (void *)(segment->base + plan.extra);
	for (int i = 0; i < 2; i++)
		writer->half[i] = (void *)(segment->base + plan.half[i]);
	/* Relaxed: nobody has the segment yet, and handing it out goes through the kernel. */
	store_rlx(&writer->shm->capacity, capacity);
	store_rlx(&writer->half[0][HALF_SEED], new_seed());
	r = table_view(&writer->view, writer->view.type, segment->base, segment->size);
	assert(r == 0); /* our own layout */
	return 0;
}

static uint32_t
round_capacity(uint32_t capacity)
{
	uint32_t rounded = TABLE_CAPACITY_MIN;

	while (rounded < capacity && rounded < TABLE_CAPACITY_MAX)
		rounded *= 2;
	return rounded;
}

int
table_writer_init(struct table_writer *ret, const struct table_type *type, const char *name,
	uint32_t capacity, uint32_t n_extra)
{
	struct table_writer writer = TABLE_WRITER_INIT;
	int r;

	assert(n_extra <= TABLE_CAPACITY_MAX);

	writer.name = name;
	writer.view.type = type;
	capacity = round_capacity(capacity);
	writer.previous = calloc(capacity, sizeof(*writer.previous));
	if (!writer.previous)
		return -ENOMEM;
	r = writer_attach(&writer, &writer.segment, capacity, n_extra);
	if (r) {
		table_writer_deinit(&writer);
		return error_trace(r);
	}
	*ret = writer;
	return 0;
}

void
table_writer_deinit(struct table_writer *writer)
{
	if (writer->segment.base)
		segment_deinit(&writer->segment);
	if (writer->old.base)
		segment_deinit(&writer->old);
	free(writer->previous);
	*writer = TABLE_WRITER_INIT;
}

int
table_fd(const struct table_writer *writer)
{
	return writer->segment.fd;
}

size_t
table_bytes(const struct table_writer *writer)
{
	return writer->segment.size + (writer->old.base ? writer->old.size : 0);
}

void
table_complete(struct table_writer *writer)
{
	store_rel(&writer->shm->complete, 1);
}

/* operations */

static bool
writer_has_room(const struct table_writer *writer, uint32_t n_units)
{
	return n_units <= writer->view.capacity - writer->used;
}

int
table_reserve(struct table_writer *writer, uint32_t n_units)
{
	uint64_t wanted = (uint64_t)writer->n_units + n_units;

	assert(!writer->old.base);

	if (writer_has_room(writer, n_units))
		return 0;
	if (wanted > writer->view.capacity / 4 * UINT64_C(3)) {
		writer->full = true;
		return TABLE_E_FULL;
	}
	table_compact(writer);
	assert(writer_has_room(writer, n_units));
	return 0;
}

uint32_t
table_append(struct table_writer *writer, const void *record, size_t size)
{
	struct place place = writer_place(writer, half_index(writer));
	uint64_t hash = writer_hash(writer, writer_seed(writer), record, size);
	uint32_t unit;

	assert(!writer->old.base);
	assert(writer->view.type->valid(record, size));

	unit = place_append(&place, hash, record, size);
	writer->n_units += place.used - writer->used;
	writer->n_records++;
	writer->used = place.used;
	return unit;
}

/* While one more would make the chain of this record too long, choose another key. */
static void
writer_reseed_for(struct table_writer *writer, const void *record, size_t size)
{
	uint32_t walk_max = writer->view.type->walk_max;

	for (int i = 0; i < SEED_TRIES; i++) {
		struct place place = writer_place(writer, half_index(writer));
		uint64_t hash = writer_hash(writer, writer_seed(writer), record, size);

		if (place_chain_length(&place, hash, walk_max) < walk_max)
			return;
		table_compact(writer);
	}
}

int
table_put(struct table_writer *writer, const void *record, size_t size, uint32_t *ret_unit)
{
	uint32_t unit, old_unit;
	size_t key_size = 0;
	const void *key;
	int r, found;

	assert(writer->view.type->walk_max);

	r = table_reserve(writer, units_of(size));
	if (r)
		return r;
	writer_reseed_for(writer, record, size);
	key = writer->view.type->key(record, size, &key_size);
	found = table_locate(writer, key, key_size, &old_unit);
	unit = table_append(writer, record, size);
	if (found == 0)
		table_remove(writer, old_unit);
	if (ret_unit)
		*ret_unit = unit;
	return 0;
}

void
table_remove(struct table_writer *writer, uint32_t unit)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	struct place place = writer_place(writer, half_index(writer));
	_Atomic uint64_t *words = place_record(&place, unit);
	size_t size = table_copy(writer, unit, copy);
	uint64_t hash = writer_hash(writer, writer_seed(writer), copy, size);
	uint64_t next = copy[RECORD_LINK], n_units = size / TABLE_UNIT;

	assert(!writer->old.base);
	assert((uint32_t)copy[RECORD_STATE] == RECORD_LIVE);

	/* T3: who finds it dead, or finds it no longer, finds the count changed; who finds it odd finds it dying. */
	store_rel(&writer->shm->changes, load_rlx(&writer->shm->changes) + 1); /* own word */
	store_rel(&words[RECORD_STATE], n_units << 32 | RECORD_DEAD);
	store_rel(&writer->shm->changes, load_rlx(&writer->shm->changes) + 1); /* likewise */

	/* Out of its chain; its own link stays, for readers that stand on it. */
	if (place.previous[unit])
		store_rel(place_record(&place, place.previous[unit] - 1), next); /* T2 */
	else
		store_rel(place_bucket(&place, hash), next); /* T2 */
	if (next)
		place.previous[(uint32_t)next - 1] = place.previous[unit];
	writer->n_units -= (uint32_t)n_units;
	writer->n_records--;
}

int
table_locate(
	const struct table_writer *writer, const void *key, size_t key_size, uint32_t *ret_unit)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	struct table_walk walk;
	size_t size;
	int r;

	r = table_begin(&walk, &writer->view);
	assert(r == 0); /* only an old segment is marked moved */
	walk.limit = writer->view.capacity;
	table_seek(&walk, key, key_size);
	if (!table_step(&walk, copy, &size))
		return TABLE_E_NOT_FOUND;
	*ret_unit = walk.unit;
	return 0;
}

void
table_extra_add(struct table_writer *writer, uint32_t index)
{
	assert(index < writer->view.n_extra);
	store_rel(&writer->extra[index], load_rlx(&writer->extra[index]) + 1); /* own word; T6 */
}

_Atomic uint64_t *
table_extra_own(struct table_writer *writer, uint32_t index)
{
	assert(index < writer->view.n_extra);
	return &writer->extra[index];
}

void
table_compact(struct table_writer *writer)
{
	uint64_t generation = load_rlx(&writer->shm->generation); /* own word */
	struct place place = writer_place(writer, !(generation & 1));

	assert(!writer->old.base);

	/*
	 * T4: the flip that left this half was before the fence, the stores
	 * into it come after. A reader that copies one of them, fences and then
	 * looks at the generation finds it flipped.
	 */
	fence_rel();
	writer_fill_well(writer, &place);
	writer->used = place.used;
	store_rel(&writer->shm->generation, generation + 1); /* T4 */
}

/* Take along the words beside the records. Relaxed: nobody has the new segment yet. */
static void
writer_carry(const struct table_writer *from, struct table_writer *to)
{
	for (uint32_t i = 0; i < from->view.n_extra; i++)
		store_rlx(&to->extra[i], load_rlx(&from->extra[i]) + (UINT64_C(1) << 32));
	for (uint32_t i = from->view.n_extra; i < to->view.n_extra; i++)
		store_rlx(&to->extra[i], 0);
	store_rlx(&to->shm->complete, load_rlx(&from->shm->complete));
}

int
table_grow(struct table_writer *writer)
{
	uint32_t capacity = writer->view.capacity * 2;
	struct table_writer larger = *writer;
	struct place place;
	int r;

	assert(!writer->old.base);

	if (capacity > TABLE_CAPACITY_MAX)
		return -ENOSPC;
	larger.segment = SEGMENT_INIT;
	larger.previous = calloc(capacity, sizeof(*larger.previous));
	if (!larger.previous)
		return -ENOMEM;
	r = writer_attach(&larger, &larger.segment, capacity, writer->view.n_extra * 2);
	if (r) {
		free(larger.previous);
		return error_trace(r);
	}
	writer_carry(writer, &larger);
	place = writer_place(&larger, 0);
	writer_fill_well(writer, &place);
	larger.used = place.used;
	larger.full = false;
	larger.old = writer->segment;
	larger.old_shm = writer->shm;
	larger.old_extra = writer->extra;
	free(writer->previous);
	*writer = larger;
	return 0;
}

void
table_forward(struct table_writer *writer)
{
	if (!writer->old.base)
		return;
	store_rel(&writer->old_shm->moved, 1); /* T5 */
	/* T6: nobody sleeps through the move. The new words begin elsewhere, so none is repeated.
	 */
	for (uint32_t i = 0; i < writer->view.n_extra / 2; i++)
		store_rel(
			&writer->old_extra[i], load_rlx(&writer->old_extra[i]) + 1); /* own word */
	segment_deinit(&writer->old);
	writer->old_shm = NULL;
	writer->old_extra = NULL;
}
