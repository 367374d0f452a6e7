/* SPDX-License-Identifier: MIT */

/*
 * Tests of shm/table and shm/table_writer, with a kind of table of their own.
 * The interleavings that matter are played by hand: a walk is begun, the writer
 * does something, the walk goes on. The same at full speed, with threads and
 * processes, is tests/system/tables.c.
 */

#include <check.h>
#include <dirent.h>
#include <stdlib.h>

#include "shm/hash.h"
#include "shm/table_writer.h"

struct sample {
	struct shm_record record;
	uint64_t key;
	uint64_t value;
	uint64_t more[8]; /* as many as the record has */
};

static const void *
sample_key(const void *record, size_t size, size_t *ret_size)
{
	const struct sample *sample = record;

	if (size < TABLE_UNIT)
		return NULL;
	*ret_size = sizeof(sample->key);
	return &sample->key;
}

static bool
sample_valid(const void *record, size_t size)
{
	return size >= TABLE_UNIT && ((const struct sample *)record)->key != 0;
}

static const struct table_type unique_type = {
	.kind = SHM_KIND_PEERS,
	.walk_max = TABLE_WALK_MAX,
	.key = sample_key,
	.valid = sample_valid,
};

static const struct table_type short_type = {
	.kind = SHM_KIND_PEERS,
	.walk_max = 2,
	.key = sample_key,
	.valid = sample_valid,
};

static const struct table_type many_type = {
	.kind = SHM_KIND_RULES,
	.walk_max = 0,
	.key = sample_key,
	.valid = sample_valid,
};

static struct table_writer writer;
static struct table table;
static int n_fds;

static int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void
begin(const struct table_type *type, uint32_t capacity, uint32_t n_extra)
{
	ck_assert_int_eq(table_writer_init(&writer, type, "tern-test", capacity, n_extra), 0);
	ck_assert_int_eq(table_open(&table, type, table_fd(&writer)), 0);
	ck_assert(table_valid(&table));
}

static void
setup(void)
{
	n_fds = count_fds();
	writer = TABLE_WRITER_INIT;
	table = (struct table){0};
}

static void
teardown(void)
{
	table_deinit(&table);
	table_writer_deinit(&writer);
	ck_assert_int_eq(count_fds(), n_fds);
}

static int
put(uint64_t key, uint64_t value)
{
	struct sample sample = {.key = key, .value = value};

	return table_put(&writer, &sample, TABLE_UNIT, NULL);
}

static void
drop(uint64_t key)
{
	uint32_t unit;

	ck_assert_int_eq(table_locate(&writer, &key, sizeof(key), &unit), 0);
	table_remove(&writer, unit);
}

/* The value of a key, or 0; the answer must be one that may come without anything beside it. */
static uint64_t
get(const struct table *from, uint64_t key)
{
	uint64_t copy[TABLE_RECORD_MAX / 8];
	size_t size;
	int r = table_find(from, &key, sizeof(key), copy, &size);

	ck_assert(r == 0 || r == TABLE_E_NOT_FOUND);
	return r ? 0 : ((struct sample *)copy)->value;
}

START_TEST(test_hash)
{
	/* The vectors of docs/shm-format.md: both sides must agree for ever. */
	ck_assert_uint_eq(hash_bytes(0, "", 0), 0);
	ck_assert_uint_eq(hash_bytes(1, "new", 3), UINT64_C(0xd3ad3d3b920de1b0));
	ck_assert_uint_eq(hash_bytes(2, "org.example.Mixer", 17), UINT64_C(0xa081d188a7a6b47d));
	ck_assert_uint_ne(hash_bytes(1, "a", 1), hash_bytes(1, "a\0", 2));
}
END_TEST

START_TEST(test_put_find_remove)
{
	begin(&unique_type, 64, 0);
	ck_assert_uint_eq(get(&table, 1), 0);
	ck_assert_int_eq(put(1, 10), 0);
	ck_assert_int_eq(put(2, 20), 0);
	ck_assert_uint_eq(get(&table, 1), 10);
	ck_assert_uint_eq(get(&table, 2), 20);
	ck_assert_int_eq(put(1, 11), 0);
	ck_assert_uint_eq(get(&table, 1), 11);
	ck_assert_uint_eq(writer.n_records, 2);
	drop(1);
	ck_assert_uint_eq(get(&table, 1), 0);
	ck_assert_uint_eq(get(&table, 2), 20);
	ck_assert(table_valid(&table));
	ck_assert(!table_is_complete(&table));
	table_complete(&writer);
	ck_assert(table_is_complete(&table));
}
END_TEST

START_TEST(test_records_of_any_length)
{
	struct sample sample = {.more = {1, 2, 3, 4, 5, 6, 7, 8}};
	uint64_t copy[TABLE_RECORD_MAX / 8];

	begin(&unique_type, 64, 0);
	for (uint64_t n = 0; n <= 8; n++) {
		sample.key = n + 1;
		ck_assert_int_eq(table_put(&writer, &sample, TABLE_UNIT + n * 8, NULL), 0);
	}
	ck_assert(table_valid(&table));
	for (uint64_t n = 0; n <= 8; n++) {
		uint64_t key = n + 1;
		size_t size;

		ck_assert_int_eq(table_find(&table, &key, sizeof(key), copy, &size), 0);
		ck_assert_uint_eq(size, ALIGN_TO(TABLE_UNIT + n * 8, TABLE_UNIT));
		ck_assert_mem_eq(((struct sample *)copy)->more, sample.more, n * 8);
	}
}
END_TEST

/* A table that is a quarter full lives for ever in its segment, whatever is done to it. */
START_TEST(test_compaction)
{
	begin(&unique_type, 64, 0);
	for (uint64_t i = 1; i <= 20000; i++) {
		ck_assert_int_eq(put(i, i * 3), 0);
		if (i > 16)
			drop(i - 16);
		if (i % 100)
			continue;
		ck_assert(table_valid(&table));
		for (uint64_t key = i - 15; key <= i; key++)
			ck_assert_uint_eq(get(&table, key), key * 3);
		ck_assert_uint_eq(get(&table, i - 16), 0);
	}
	ck_assert_uint_ge(load_rlx(&writer.shm->generation), 300);
	ck_assert_uint_eq(writer.n_units, 16);
}
END_TEST

START_TEST(test_growth)
{
	struct table grown = {0};

	begin(&unique_type, 32, 4);
	table_extra_add(&writer, 3);
	for (uint64_t key = 1; key <= 32; key++)
		ck_assert_int_eq(put(key, key), 0);
	ck_assert_int_eq(put(33, 33), TABLE_E_FULL);
	ck_assert(writer.full);

	ck_assert_int_eq(table_grow(&writer), 0);
	ck_assert_int_eq(table_open(&grown, &unique_type, table_fd(&writer)), 0);
	ck_assert_uint_eq(get(&table, 32), 32); /* the old one is good until it is forwarded */
	ck_assert_uint_eq(table_extra(&table, 3), 1);
	table_forward(&writer);
	table_forward(&writer); /* once is enough, twice does no harm */
	ck_assert_uint_eq(table_extra(&table, 3), 2);
	ck_assert_uint_eq(table_extra(&table, 4), 0);
	ck_assert_uint_eq(table_extra(&grown, 3), (UINT64_C(1) << 32) + 1);
	ck_assert_uint_eq(table_extra(&grown, 7), 0);
	ck_assert_uint_eq(grown.n_extra, 8);

	ck_assert_int_eq(put(33, 33), 0);
	for (uint64_t key = 1; key <= 33; key++)
		ck_assert_uint_eq(get(&grown, key), key);
	ck_assert(table_valid(&grown));
	table_deinit(&grown);
}
END_TEST

START_TEST(test_moved_is_told)
{
	uint64_t key = 1, copy[TABLE_RECORD_MAX / 8];
	struct table_cursor cursor = {0};
	struct table_walk walk;
	size_t size;

	begin(&unique_type, 32, 0);
	ck_assert_int_eq(put(1, 1), 0);
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), 0);
	ck_assert_int_eq(table_grow(&writer), 0);
	table_forward(&writer);
	ck_assert_int_eq(table_find(&table, &key, sizeof(key), copy, &size), TABLE_E_MOVED);
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), TABLE_E_MOVED);
	ck_assert_int_eq(table_begin(&walk, &table), TABLE_E_MOVED);
}
END_TEST

/* Chains of at most two: other keys are tried until that is so, and all are found. */
START_TEST(test_long_chain_reseeds)
{
	begin(&short_type, 64, 0);
	for (uint64_t round = 0; round < 200; round++) {
		for (uint64_t key = 1; key <= 12; key++)
			ck_assert_int_eq(put(round * 100 + key, key), 0);
		for (uint64_t key = 1; key <= 12; key++)
			ck_assert_uint_eq(get(&table, round * 100 + key), key);
		ck_assert(table_valid(&table));
		for (uint64_t key = 1; key <= 12; key++)
			drop(round * 100 + key);
	}
	/* More often than for want of room, which is at most once in 52 records. */
	ck_assert_uint_gt(load_rlx(&writer.shm->generation), 200 * 12 / 52 + 1);
}
END_TEST

/* If no key helps, a reader says that it does not know, never that there is nothing. */
START_TEST(test_too_long_chain_is_busy)
{
	static struct table_type no_walk;
	uint64_t copy[TABLE_RECORD_MAX / 8], key;
	int n_found = 0, n_busy = 0;
	size_t size;

	no_walk = unique_type;
	begin(&unique_type, 32, 0);
	for (key = 1; key <= 32; key++)
		ck_assert_int_eq(put(key, key), 0);
	no_walk.walk_max = 1;
	table.type = &no_walk;
	for (key = 1; key <= 32; key++) {
		int r = table_find(&table, &key, sizeof(key), copy, &size);

		ck_assert(r == 0 || r == TABLE_E_BUSY);
		n_found += r == 0;
		n_busy += r == TABLE_E_BUSY;
	}
	ck_assert_int_gt(n_found, 0);
	ck_assert_int_gt(n_busy, 0); /* 32 records in 16 buckets: some are second */
}
END_TEST

START_TEST(test_cursor)
{
	uint64_t copy[TABLE_RECORD_MAX / 8];
	struct sample *sample = (void *)copy;
	struct table_cursor cursor = {0};
	size_t size;

	begin(&unique_type, 64, 0);
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), TABLE_E_END);
	for (uint64_t key = 1; key <= 4; key++)
		ck_assert_int_eq(put(key, key), 0);
	drop(2);
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), 0);
	ck_assert_uint_eq(sample->key, 1);
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), 0);
	ck_assert_uint_eq(sample->key, 3);
	ck_assert_int_eq(put(4, 40), 0); /* replaced before the cursor gets there: not missed */
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), 0);
	ck_assert_uint_eq(sample->key, 4);
	ck_assert_uint_eq(sample->value, 40);
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), TABLE_E_END);
	table_compact(&writer);
	ck_assert_int_eq(table_next(&table, &cursor, copy, &size), TABLE_E_RESTART);
}
END_TEST

/* T3: the reader stands before a record that is replaced, and must not say "not found". */
START_TEST(test_replaced_under_a_walk)
{
	uint64_t key = 1, copy[TABLE_RECORD_MAX / 8];
	struct table_walk walk;
	size_t size;

	begin(&unique_type, 64, 0);
	ck_assert_int_eq(put(1, 1), 0);
	ck_assert_int_eq(table_begin(&walk, &table), 0);
	table_seek(&walk, &key, sizeof(key));
	ck_assert_int_eq(put(1, 2), 0);
	ck_assert(!table_step(&walk, copy, &size)); /* the old one is dead */
	ck_assert(!table_settled(&walk, true));
	ck_assert(table_settled(&walk, false));
}
END_TEST

/* T4: what was copied from a half that is written anew does not count. */
START_TEST(test_compacted_under_a_walk)
{
	uint64_t key = 1, copy[TABLE_RECORD_MAX / 8];
	struct table_walk walk;
	size_t size;

	begin(&unique_type, 64, 0);
	ck_assert_int_eq(put(1, 1), 0);
	ck_assert_int_eq(table_begin(&walk, &table), 0);
	table_seek(&walk, &key, sizeof(key));
	ck_assert(table_step(&walk, copy, &size));
	ck_assert(table_settled(&walk, false));
	table_compact(&writer);
	ck_assert(!table_settled(&walk, false));
	table_compact(&writer); /* the same half again, but another generation */
	ck_assert(!table_settled(&walk, false));
}
END_TEST

/* Whoever stands on a record that dies still comes to all that live behind it. */
START_TEST(test_removed_under_a_walk)
{
	uint64_t key = 7, copy[TABLE_RECORD_MAX / 8], seen = 0;
	struct sample sample = {.key = 7};
	struct table_walk walk;
	uint32_t units[6];
	size_t size;

	begin(&many_type, 64, 0);
	for (uint64_t i = 0; i < 6; i++) {
		sample.value = UINT64_C(1) << i;
		ck_assert_int_eq(table_reserve(&writer, 1), 0);
		units[i] = table_append(&writer, &sample, TABLE_UNIT);
	}
	ck_assert(table_valid(&table));
	ck_assert_int_eq(table_begin(&walk, &table), 0);
	table_seek(&walk, &key, sizeof(key));
	ck_assert(table_step(&walk, copy, &size)); /* the newest, 5 */
	table_remove(&writer, units[4]);
	table_remove(&writer, units[5]);
	table_remove(&writer, units[2]);
	while (table_step(&walk, copy, &size))
		seen |= ((struct sample *)copy)->value;
	ck_assert_uint_eq(seen, 1 << 3 | 1 << 1 | 1 << 0);
	ck_assert(table_settled(&walk, false));
	ck_assert(table_valid(&table));
	table_remove(&writer, units[0]);
	table_remove(&writer, units[3]);
	table_remove(&writer, units[1]);
	ck_assert(table_valid(&table));
	ck_assert_uint_eq(writer.n_records, 0);
}
END_TEST

/* A private image of a table, to be spoilt. */
static uint8_t *
image_take(size_t *ret_size)
{
	uint8_t *image = aligned_alloc(CACHE_LINE, writer.segment.size);

	ck_assert_ptr_nonnull(image);
	memcpy(image, writer.segment.base, writer.segment.size);
	*ret_size = writer.segment.size;
	return image;
}

START_TEST(test_geometry_is_checked)
{
	size_t size, state_at = sizeof(struct shm_head);
	const uint32_t capacities[] = {0, 1, 16, 33, 128, 1u << 25, UINT32_MAX};
	struct shm_table *state;
	struct table view;
	uint8_t *image;

	begin(&unique_type, 64, 2);
	image = image_take(&size);
	state = (void *)(image + state_at);
	ck_assert_int_eq(table_view(&view, &unique_type, image, size), 0);
	ck_assert_int_eq(table_view(&view, &many_type, image, size), TABLE_E_FORMAT);
	ck_assert_int_eq(table_view(&view, &unique_type, image, size - 4096), TABLE_E_FORMAT);
	for (size_t i = 0; i < ARRAY_SIZE(capacities); i++) {
		store_rlx(&state->capacity, capacities[i]);
		ck_assert_int_eq(table_view(&view, &unique_type, image, size), TABLE_E_FORMAT);
	}
	store_rlx(&state->capacity, 64);
	store_rlx(&((struct shm_head *)image)->major, SHM_MAJOR + 1);
	ck_assert_int_eq(table_view(&view, &unique_type, image, size), TABLE_E_VERSION);
	store_rlx(&((struct shm_head *)image)->major, SHM_MAJOR);
	for (unsigned int part = TABLE_PART_STATE; part <= TABLE_PART_HALF_1; part++) {
		uint8_t *spoilt = image_take(&size);

		if (part != TABLE_PART_EXTRA) {
			head_set_part((void *)spoilt, part, state_at, 8);
			ck_assert_int_eq(
				table_view(&view, &unique_type, spoilt, size), TABLE_E_FORMAT);
		}
		free(spoilt);
	}
	free(image);
}
END_TEST

/* Spoil some words behind the head, and use what is left: no crash, no endless walk. */
START_TEST(test_total_on_garbage)
{
	uint64_t copy[TABLE_RECORD_MAX / 8];
	int n_invalid = 0;
	size_t size, at = sizeof(struct shm_head) + sizeof(struct shm_table);

	srand(1);
	begin(&unique_type, 64, 2);
	for (uint64_t key = 1; key <= 40; key++)
		ck_assert_int_eq(put(key, key), 0);
	for (int round = 0; round < 3000; round++) {
		uint8_t *image = image_take(&size);
		struct table_cursor cursor = {0};
		struct table view;
		size_t n;

		for (int i = 0; i <= round % 40; i++) {
			uint64_t word = (uint64_t)rand() << 32 | (uint64_t)rand();
			size_t to = at + 8 * ((size_t)rand() % ((size - at) / 8));

			memcpy(image + to, &word, round % 3 ? 8 : 1 + (size_t)rand() % 4);
		}
		ck_assert_int_eq(table_view(&view, &unique_type, image, size), 0);
		for (uint64_t key = 1; key <= 40; key++) {
			(void)table_find(&view, &key, sizeof(key), copy, &n);
		}
		while (table_next(&view, &cursor, copy, &n) == 0)
			;
		n_invalid += !table_valid(&view);
		free(image);
	}
	ck_assert_int_gt(n_invalid, 1000);
}
END_TEST

/* Where the words of a unit, a bucket or a half lie in an image. */
static _Atomic uint64_t *
word_of(const struct table *view, uint64_t word)
{
	return (_Atomic uint64_t *)&view->half[load_rlx(&view->shm->generation) & 1][word];
}

struct fault {
	enum { AT_USED, AT_STATE, AT_KEY, AT_NEXT, AT_BUCKET } at;
	bool is_found; /* the record is found all the same */
	uint64_t value;
};

/* The first record of some has one word spoilt: the table is told to be wrong, and the walk ends. */
static void
one_fault(const struct fault *fault)
{
	uint64_t key = 1, copy[TABLE_RECORD_MAX / 8];
	struct table_cursor cursor = {0};
	struct table view;
	size_t size, n = 0;
	uint8_t *image = image_take(&size);
	uint64_t at[5], bucket, unit;

	ck_assert_int_eq(table_view(&view, &unique_type, image, size), 0);
	bucket = table_bucket_word(view.capacity, hash_bytes(load_rlx(word_of(&view, 0)), &key, sizeof(key)));
	unit = table_unit_word(view.capacity, 0);
	at[AT_USED] = offsetof(struct shm_half, used) / 8;
	at[AT_STATE] = unit + 1;
	at[AT_KEY] = unit + offsetof(struct sample, key) / 8;
	at[AT_NEXT] = unit;
	at[AT_BUCKET] = bucket;
	ck_assert(table_valid(&view));
	store_rlx(word_of(&view, at[fault->at]), fault->value);
	ck_assert(!table_valid(&view));
	ck_assert_int_eq(table_find(&view, &key, sizeof(key), copy, &n) == 0, fault->is_found);
	for (int i = 0; i < 64 && table_next(&view, &cursor, copy, &n) == 0; i++)
		ck_assert_uint_le(n, TABLE_RECORD_MAX);
	free(image);
}

START_TEST(test_each_fault_is_found)
{
	const uint64_t one = UINT64_C(1) << 32, units = TABLE_RECORD_MAX / TABLE_UNIT;
	const struct fault faults[] = {
		{AT_USED, true, 65},
		{AT_USED, true, UINT64_MAX},
		{AT_USED, true, 0},
		{AT_STATE, false, one | (RECORD_DEAD + 1)},
		{AT_STATE, false, RECORD_LIVE},
		{AT_STATE, false, RECORD_DEAD},
		{AT_STATE, false, (units + 1) * one | RECORD_LIVE},
		{AT_STATE, false, UINT64_C(65) * one | RECORD_LIVE},
		{AT_KEY, false, 0},
		{AT_KEY, false, 2},
		{AT_NEXT, true, 1},  /* itself */
		{AT_NEXT, true, 65}, /* behind the end */
		{AT_BUCKET, false, 0},
		{AT_BUCKET, false, 1},
		{AT_BUCKET, false, 65},
	};

	begin(&unique_type, 64, 2);
	for (uint64_t key = 1; key <= 50; key++) /* more than the longest record has units */
		ck_assert_int_eq(put(key, key), 0);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		one_fault(&faults[i]);

	table.capacity = 3;
	ck_assert(!table_valid(&table));
	table.capacity = 64;
	ck_assert(table_valid(&table));
}
END_TEST

/* What a writer that ends here leaves: a record is dead, and in its chain yet. And a chain that has no end. */
START_TEST(test_chain_is_walked_once)
{
	uint64_t key = 1, copy[TABLE_RECORD_MAX / 8], bucket, unit = table_unit_word(64, 0), state;
	struct table view;
	size_t size;
	uint8_t *image;

	begin(&unique_type, 64, 0);
	ck_assert_int_eq(put(key, 1), 0);
	image = image_take(&size);
	ck_assert_int_eq(table_view(&view, &unique_type, image, size), 0);
	state = load_rlx(word_of(&view, unit + 1));
	store_rlx(word_of(&view, unit + 1), (state & ~(uint64_t)UINT32_MAX) | RECORD_DEAD);
	ck_assert(table_valid(&view));
	ck_assert_int_eq(table_find(&view, &key, sizeof(key), copy, &size), TABLE_E_NOT_FOUND);

	store_rlx(word_of(&view, unit + 1), state);
	bucket = table_bucket_word(64, hash_bytes(load_rlx(word_of(&view, 0)), &key, sizeof(key)));
	store_rlx(word_of(&view, unit), load_rlx(word_of(&view, bucket))); /* itself, with its hash */
	ck_assert(!table_valid(&view));
	ck_assert_uint_eq(get(&view, key), 1);
	free(image);
}
END_TEST

/* A record with a good hash in the chain of another bucket: nobody would find it. */
START_TEST(test_wrong_bucket)
{
	struct table view;
	size_t size;
	uint64_t link = 0, from = 0;
	uint8_t *image;

	begin(&unique_type, 64, 0);
	ck_assert_int_eq(put(1, 1), 0);
	image = image_take(&size);
	ck_assert_int_eq(table_view(&view, &unique_type, image, size), 0);
	for (uint64_t bucket = 0; bucket < 32 && !link; bucket++) {
		from = table_bucket_word(64, bucket);
		link = load_rlx(word_of(&view, from));
	}
	ck_assert_uint_ne(link, 0);
	ck_assert(table_valid(&view));
	store_rlx(word_of(&view, from), 0);
	store_rlx(word_of(&view, from == table_bucket_word(64, 0) ? from + 1 : from - 1), link);
	ck_assert(!table_valid(&view));
	free(image);
}
END_TEST

static const void *
no_key(const void *record, size_t size, size_t *ret_size)
{
	return NULL;
}

static const void *
short_key(const void *record, size_t size, size_t *ret_size)
{
	*ret_size = 4;
	return &((const struct sample *)record)->key;
}

/* The hash is right, and the record has no key, or one of another length. */
START_TEST(test_records_without_the_key)
{
	struct table_type other = unique_type;
	uint64_t key = 1, copy[TABLE_RECORD_MAX / 8];
	size_t size;

	begin(&unique_type, 64, 1);
	ck_assert_int_eq(put(1, 1), 0);
	table.type = &other;
	other.key = no_key;
	ck_assert_int_eq(table_find(&table, &key, sizeof(key), copy, &size), TABLE_E_NOT_FOUND);
	other.key = short_key;
	ck_assert_int_eq(table_find(&table, &key, sizeof(key), copy, &size), TABLE_E_NOT_FOUND);
	ck_assert_ptr_eq(table_extra_at(&table, 0), &table.extra[0]);
	ck_assert_ptr_null(table_extra_at(&table, 1));
}
END_TEST

/* A long walk looks up, finds that its half is written anew, and ends; asked again it says nothing else. */
START_TEST(test_long_walk_is_lost)
{
	uint64_t key = 7, copy[TABLE_RECORD_MAX / 8];
	struct sample sample = {.key = 7};
	struct table_walk walk;
	size_t size;
	int n = 0;

	begin(&many_type, 256, 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(table_reserve(&writer, 1), 0);
		(void)table_append(&writer, &sample, TABLE_UNIT);
	}
	ck_assert_int_eq(table_begin(&walk, &table), 0);
	table_seek(&walk, &key, sizeof(key));
	ck_assert(table_step(&walk, copy, &size));
	table_compact(&writer);
	while (table_step(&walk, copy, &size))
		n++;
	ck_assert(walk.lost);
	ck_assert_int_lt(n, 99);
	ck_assert(!table_step(&walk, copy, &size));
	ck_assert(!table_settled(&walk, false));
}
END_TEST

START_TEST(test_open_refuses)
{
	struct segment segment = SEGMENT_INIT;
	struct table view = {0};

	ck_assert_int_eq(table_open(&view, &unique_type, 0x7fffffff), TABLE_E_SEGMENT);
	ck_assert_int_eq(segment_create(&segment, "tern-test", 4096), 0);
	ck_assert_int_eq(table_open(&view, &unique_type, segment.fd), TABLE_E_FORMAT);
	segment_deinit(&segment);
	table_deinit(&view);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("table");
	TCase *tcase = tcase_create("table");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_hash);
	tcase_add_test(tcase, test_put_find_remove);
	tcase_add_test(tcase, test_records_of_any_length);
	tcase_add_test(tcase, test_compaction);
	tcase_add_test(tcase, test_growth);
	tcase_add_test(tcase, test_moved_is_told);
	tcase_add_test(tcase, test_long_chain_reseeds);
	tcase_add_test(tcase, test_too_long_chain_is_busy);
	tcase_add_test(tcase, test_cursor);
	tcase_add_test(tcase, test_replaced_under_a_walk);
	tcase_add_test(tcase, test_compacted_under_a_walk);
	tcase_add_test(tcase, test_removed_under_a_walk);
	tcase_add_test(tcase, test_geometry_is_checked);
	tcase_add_test(tcase, test_total_on_garbage);
	tcase_add_test(tcase, test_each_fault_is_found);
	tcase_add_test(tcase, test_chain_is_walked_once);
	tcase_add_test(tcase, test_wrong_bucket);
	tcase_add_test(tcase, test_records_without_the_key);
	tcase_add_test(tcase, test_long_walk_is_lost);
	tcase_add_test(tcase, test_open_refuses);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
