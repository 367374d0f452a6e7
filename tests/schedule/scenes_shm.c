/* SPDX-License-Identifier: MIT */

/* scenes of shm: a ring, a value, a table, each between who writes it and who reads */

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/hook.h"
#include "scenes.h"
#include "shm/ring.h"
#include "shm/table_writer.h"
#include "shm/value.h"

/* Tables are to be the same each time a seed is tried: they draw their keys with this. */
ssize_t
getrandom(void *to, size_t size, unsigned int flags)
{
	static uint8_t next;

	memset(to, ++next, size);
	return (ssize_t)size;
}

/* --- ring: records of several sizes, padded where they would be split --- */

enum {
	RING_SIZE = 128,
	N_RECORDS = 6,
};

static struct {
	alignas(CACHE_LINE) _Atomic uint64_t produced;
	alignas(CACHE_LINE) _Atomic uint64_t consumed;
	alignas(CACHE_LINE) uint8_t bytes[RING_SIZE];
} pipe_memory;
static struct ring_out ring_out;
static struct ring_in ring_in;
static uint32_t n_pushed, n_popped;

static void
ring_begin(void)
{
	memset(&pipe_memory, 0, sizeof(pipe_memory));
	schedule_share(&pipe_memory, sizeof(pipe_memory));
	ring_out = (struct ring_out){
		.base = pipe_memory.bytes,
		.size = RING_SIZE,
		.produced = &pipe_memory.produced,
		.consumed = &pipe_memory.consumed,
	};
	ring_in = (struct ring_in){
		.base = pipe_memory.bytes,
		.size = RING_SIZE,
		.produced = &pipe_memory.produced,
		.consumed = &pipe_memory.consumed,
	};
	n_pushed = n_popped = 0;
}

static void
ring_end(void)
{
	schedule_unshare(&pipe_memory);
}

static uint32_t
size_of(uint32_t number)
{
	return RING_ALIGN * (1 + number % 3);
}

static void
ring_push_some(void)
{
	for (int i = 0; i < N_RECORDS; i++, n_pushed++) {
		uint32_t size = size_of(n_pushed);
		struct shm_ring_record record = {.size = size, .tag = 1};
		uint8_t *at;

		while (ring_out_room(&ring_out, size, 0) != 1)
			schedule_pause();
		at = ring_out_begin(&ring_out, size);
		memset(at, (int)(n_pushed & 0xff), size);
		memcpy(at, &record, sizeof(record));
		ring_out_end(&ring_out, size);
		promise(ring_out_valid(&ring_out));
	}
}

static void
ring_pop_some(void)
{
	for (int i = 0; i < N_RECORDS; i++, n_popped++) {
		struct shm_ring_record record;
		uint8_t copy[RING_SIZE];
		const uint8_t *bytes;

		while (ring_in_look(&ring_in) != 1) {
			(void)ring_in_publish(&ring_in); /* the other may wait for it */
			schedule_pause();
		}
		promise(ring_in_peek(&ring_in, &record, &bytes) == 1);
		promise(record.size == size_of(n_popped) && record.tag == 1);
		copy_once(copy, bytes, record.size);
		for (size_t b = sizeof(record); b < record.size; b++)
			promise(copy[b] == (n_popped & 0xff));
		ring_in_pop(&ring_in, record.size);
		if (schedule_random(2) || i == N_RECORDS - 1)
			(void)ring_in_publish(&ring_in); /* not each time */
		promise(ring_in_valid(&ring_in));
	}
}

const struct scene scene_ring = {
	.name = "ring",
	.n_actors = 2,
	.actors = {ring_push_some, ring_pop_some},
	.begin = ring_begin,
	.end = ring_end,
	.batch = 10000,
	.faults = 1 << FAULT_RELEASE | 1 << FAULT_ACQUIRE,
};

/* --- value: one writes, two read --- */

enum {
	N_VALUES = 5, /* written in a schedule: more than there are places */
	VALUE_WORDS = 2,
};

static struct value value = {.memory = {.fd = -1}};
static uint64_t versions_seen[MAX_ACTORS];

static void
value_begin(void)
{
	int r = value_create(&value, VALUE_WORDS * sizeof(uint64_t));

	assert(r == 0);
	memset(versions_seen, 0, sizeof(versions_seen));
}

static void
value_finish(void)
{
	value_deinit(&value);
}

static void
value_write_some(void)
{
	for (int i = 0; i < N_VALUES; i++) {
		uint64_t number = value.version + 1, words[VALUE_WORDS] = {number, number};

		promise(value_write(&value, words, sizeof(words)) == number);
	}
}

static void
value_read_some(void)
{
	uint64_t words[VALUE_WORDS], version = 0;
	size_t size = 0;

	for (int i = 0; i < 2; i++) {
		int r = value_read(&value, words, sizeof(words), &size, &version);

		if (r == VALUE_E_NONE || r == VALUE_E_BUSY)
			continue;
		promise(r == 0 && size == sizeof(words));
		promise(words[0] == version && words[1] == version);
		promise(version >= versions_seen[schedule_actor()]);
		versions_seen[schedule_actor()] = version;
	}
}

static const int value_rules[] = {RULE_VALUE_LOOK, -1};

const struct scene scene_value = {
	.name = "value",
	.n_actors = 3,
	.actors = {value_write_some, value_read_some, value_read_some},
	.begin = value_begin,
	.end = value_finish,
	.batch = 10000,
	.faults = 1 << FAULT_RELEASE | 1 << FAULT_ACQUIRE | 1 << FAULT_FENCE_ACQ | 1 << FAULT_FENCE_REL,
	.rules = value_rules,
};

/* --- table: one writes, two look up --- */

enum {
	KEPT = 1,   /* a key that is always there */
	PASSING = 2,
};

struct sample {
	struct shm_record record;
	uint64_t key, value;
	uint64_t more[4]; /* each as the value */
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
	return size == sizeof(struct sample) && ((const struct sample *)record)->key != 0;
}

static const struct table_type sample_type = {
	.kind = SHM_KIND_PEERS,
	.walk_max = TABLE_WALK_MAX,
	.key = sample_key,
	.valid = sample_valid,
};

static struct table_writer writer;
static struct table view;
static uint64_t last_value;

static void
sample_put(uint64_t key)
{
	struct sample sample = {.key = key, .value = ++last_value};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(sample.more); i++)
		sample.more[i] = sample.value;
	r = table_put(&writer, &sample, sizeof(sample), NULL);
	promise(r == 0);
}

static void
table_start(void)
{
	int r = table_writer_init(&writer, &sample_type, "tern-test", TABLE_CAPACITY_MIN, 0);

	assert(r == 0);
	r = table_view(&view, &sample_type, writer.segment.base, writer.segment.size);
	assert(r == 0);
	sample_put(KEPT);
}

static void
table_finish(void)
{
	table_writer_deinit(&writer);
}

static void
table_change(void)
{
	uint32_t unit;
	uint64_t key = PASSING;

	sample_put(PASSING);
	sample_put(KEPT);
	table_compact(&writer);
	if (table_locate(&writer, &key, sizeof(key), &unit) == 0)
		table_remove(&writer, unit);
	sample_put(KEPT);
	table_compact(&writer);
	sample_put(KEPT);
}

static void
table_look_up(void)
{
	for (uint64_t n = 0; n < 3; n++) {
		alignas(8) uint8_t record[TABLE_RECORD_MAX];
		const struct sample *sample = (const struct sample *)record;
		uint64_t key = n == 1 ? PASSING : KEPT;
		size_t size = 0;
		int r = table_find(&view, &key, sizeof(key), record, &size);

		if (r == TABLE_E_BUSY || (r == TABLE_E_NOT_FOUND && key == PASSING))
			continue;
		promise(r == 0 && size == sizeof(*sample));
		promise(sample->key == key && sample->value > 0);
		for (size_t i = 0; i < ARRAY_SIZE(sample->more); i++)
			promise(sample->more[i] == sample->value);
	}
}

const struct scene scene_table = {
	.name = "table",
	.n_actors = 3,
	.actors = {table_change, table_look_up, table_look_up},
	.begin = table_start,
	.end = table_finish,
	.batch = 10000,
	.faults = 1 << FAULT_RELEASE | 1 << FAULT_ACQUIRE | 1 << FAULT_FENCE_ACQ | 1 << FAULT_FENCE_REL,
};
