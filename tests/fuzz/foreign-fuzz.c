/* SPDX-License-Identifier: MIT */

/*
 * foreign-fuzz: rings, tables and values whose writer changes them while they are read
 *
 * Readers must come back, from within the memory, with an answer of their contracts. The first byte says what is read.
 */

#include "base/attribute.h"
#include "foreign.h"
#include "shm/head.h"
#include "shm/ring.h"
#include "shm/value.h"
#include "tables-ask.h"

enum {
	RING = N_TABLES,
	RING_OUT,
	VALUE,
	N_SUBJECTS,
	RING_SIZE = 1024,
	N_RECORDS = 64,
	VALUE_SIZE = 100,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sink; /* what is read must be readable */

static void
read_through(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sink += bytes[i];
}

/* A good ring with some records, then nothing of it is sure. */
static void
fill_ring(struct ring_out *out)
{
	for (uint16_t i = 0; i < 8; i++) {
		uint32_t size = 16u + foreign_byte() % 5 * 16u;
		struct shm_ring_record head = {.size = size, .tag = i};

		if (ring_out_room(out, size, 0) != 1)
			return;
		memcpy(ring_out_begin(out, size), &head, sizeof(head));
		ring_out_end(out, size);
	}
}

static void
fuzz_ring(bool is_reader)
{
	static _Alignas(CACHE_LINE) uint8_t bytes[RING_SIZE];
	static _Alignas(CACHE_LINE) _Atomic uint64_t produced, consumed;
	struct ring_out out = {.base = bytes, .size = RING_SIZE, .produced = &produced, .consumed = &consumed};
	struct ring_in in = {.base = bytes, .size = RING_SIZE, .produced = &produced, .consumed = &consumed};
	struct shm_ring_record record;
	const uint8_t *at;

	memset(bytes, 0, sizeof(bytes));
	store_rlx(&produced, 0);
	store_rlx(&consumed, 0);
	fill_ring(&out);
	if (!is_reader) {
		foreign_add(&consumed, sizeof(consumed));
		for (int i = 0; i < N_RECORDS; i++) {
			if (ring_out_look(&out) < 0)
				return;
			fill_ring(&out);
			assert(ring_out_valid(&out));
		}
		return;
	}
	foreign_add(bytes, sizeof(bytes));
	foreign_add(&produced, sizeof(produced));
	for (int i = 0; i < N_RECORDS; i++) {
		if (ring_in_look(&in) < 0 || ring_in_peek(&in, &record, &at) != 1)
			return;
		assert(at >= bytes && record.size >= sizeof(record));
		assert(record.size <= RING_SIZE && (size_t)(at - bytes) <= RING_SIZE - record.size);
		read_through(at, record.size);
		ring_in_pop(&in, record.size);
		assert(ring_in_valid(&in));
		(void)ring_in_publish(&in); /* whether there was something */
	}
}

static void
fuzz_value(void)
{
	struct value own, seen = VALUE_INIT;
	uint8_t bytes[VALUE_SIZE] = {1}, to[2 * VALUE_SIZE];
	uint64_t version, before = 0;
	size_t size;
	int r = value_create(&own, VALUE_SIZE);

	assert(r == 0);
	for (size_t i = 0; i < 3; i++)
		(void)value_write(&own, bytes, 10 + 40 * i);
	r = value_open(&seen, own.memory.fd);
	assert(r == 0);
	foreign_take(seen.memory.base, seen.memory.size);
	for (int i = 0; i < 8; i++) {
		r = value_read(&seen, to, VALUE_SIZE / 2 + (size_t)i * 10, &size, &version);
		assert(r >= 0);
		assert(r || size <= VALUE_SIZE / 2 + (size_t)i * 10);
		before = r ? before : version;
		(void)value_version(&seen);
		(void)value_is_ended(&seen);
	}
	value_deinit(&seen);
	value_deinit(&own);
}

static void
fuzz_table(int which, const uint8_t *data, size_t size)
{
	size_t image_size;
	void *image = tables_image(which, data, size, &image_size);

	foreign_add((uint8_t *)image + sizeof(struct shm_head), image_size - sizeof(struct shm_head));
	tables_ask(which, image, image_size);
	free(image);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int which;

	if (size < 2)
		return 0;
	which = data[0] % N_SUBJECTS;
	foreign_begin(data + 1, size - 1);
	if (which < N_TABLES)
		fuzz_table(which, data + 1, size - 1);
	else if (which == VALUE)
		fuzz_value();
	else
		fuzz_ring(which == RING);
	foreign_begin(NULL, 0);
	return 0;
}
