/* SPDX-License-Identifier: MIT */

/* value: the writer's and the reader's half of it; edges V1 and V2 are in value.h */

#include <string.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "shm/head.h"
#include "shm/value.h"

#define WORD        sizeof(uint64_t)
#define WORD_AT     128u
#define PLACES_AT   192u

static_assert(sizeof(struct shm_value) == CACHE_LINE, "the version and the sizes come at once");

static uint32_t
stride_of(uint32_t max)
{
	return MAX((uint32_t)ALIGN_TO((uint64_t)max, CACHE_LINE), (uint32_t)CACHE_LINE);
}

static shm_place_word *
place_of(const struct value *value, uint64_t version)
{
	return (shm_place_word *)(value->places + version % VALUE_N_PLACES * value->stride);
}

int
value_create(struct value *ret, uint32_t max)
{
	struct value value = VALUE_INIT;
	struct shm_head *head;
	int r;

	if (max > VALUE_MAX)
		return -E2BIG;
	value.max = max;
	value.stride = stride_of(max);
	r = segment_create(&value.memory, "tern-state", PLACES_AT + (size_t)VALUE_N_PLACES * value.stride);
	if (r < 0)
		return r;
	head = (struct shm_head *)value.memory.base;
	head_init(head, SHM_KIND_STATE, value.memory.size);
	head_set_part(head, VALUE_PART_WORD, WORD_AT, sizeof(struct shm_value));
	head_set_part(head, VALUE_PART_PLACES, PLACES_AT, VALUE_N_PLACES * value.stride);
	value.word = (struct shm_value *)(value.memory.base + WORD_AT);
	value.places = value.memory.base + PLACES_AT;
	*ret = value;
	return 0;
}

static void
place_fill(shm_place_word *place, const uint8_t *bytes, size_t size)
{
	uint64_t word = 0;
	size_t i;

	for (i = 0; i + WORD <= size; i += WORD) {
		memcpy(&word, bytes + i, WORD);
		store_rlx(&place[i / WORD], word);
	}
	if (i < size) {
		word = 0;
		memcpy(&word, bytes + i, size - i);
		store_rlx(&place[i / WORD], word);
	}
}

uint64_t
value_write(struct value *value, const void *bytes, size_t size)
{
	if (size > value->max)
		return 0;
	value->version++;
	fence_rel(); /* V2; between it and V1 the order does not matter */
	store_rlx(&value->word->sizes[value->version % VALUE_N_PLACES], size);
	place_fill(place_of(value, value->version), bytes, size);
	STOP_POINT("value filled");
	store_rel(&value->word->version, value->version); /* V1 */
	return value->version;
}

int
value_open(struct value *ret, int fd)
{
	struct value value = VALUE_INIT;
	struct shm_part word, places;
	struct head head;
	int r;

	r = segment_open(&value.memory, fd, PLACES_AT, SEGMENT_SIZE_MAX);
	if (r)
		return r < 0 ? r : VALUE_E_FORMAT;
	if (head_check(value.memory.base, value.memory.size, SHM_KIND_STATE, &head))
		goto format;
	word = head.parts[VALUE_PART_WORD];
	places = head.parts[VALUE_PART_PLACES];
	value.stride = places.size / VALUE_N_PLACES;
	if (word.size < sizeof(struct shm_value) || value.stride < CACHE_LINE || value.stride % CACHE_LINE ||
		value.stride > stride_of(VALUE_MAX))
		goto format;
	value.max = value.stride;
	value.word = (struct shm_value *)(value.memory.base + word.off.off);
	value.places = value.memory.base + places.off.off;
	segment_close_fd(&value.memory);
	*ret = value;
	return 0;

format:
	segment_deinit(&value.memory);
	return VALUE_E_FORMAT;
}

/* place_copy() - each word read once */
static void
place_copy(const shm_place_word *place, uint8_t *to, size_t size)
{
	uint64_t word;
	size_t i;

	for (i = 0; i + WORD <= size; i += WORD) {
		word = load_rlx(&place[i / WORD]);
		memcpy(to + i, &word, WORD);
	}
	if (i < size) {
		word = load_rlx(&place[i / WORD]);
		memcpy(to + i, &word, size - i);
	}
}

int
value_read(const struct value *value, void *to, size_t room, size_t *ret_size, uint64_t *ret_version)
{
	size_t vain = 0;

	for (unsigned int i = 0; i < VALUE_TRIES && vain <= VALUE_VAIN; i++) {
		uint64_t version = load_acq(&value->word->version); /* V1 */
		uint64_t size = load_rlx(&value->word->sizes[version % VALUE_N_PLACES]);

		if (version == 0)
			return VALUE_E_NONE;
		STOP_POINT("value seen");
		if (size <= MIN((uint64_t)room, (uint64_t)value->max))
			place_copy(place_of(value, version), to, (size_t)size);
		fence_acq(); /* V2 */
		if (RULE(VALUE_LOOK) && load_rlx(&value->word->version) - version > VALUE_N_PLACES - 2) {
			vain += size <= room ? (size_t)size : 0;
			continue;
		}
		if (size > value->max)
			return VALUE_E_FORMAT;
		*ret_size = (size_t)size;
		if (size > room)
			return VALUE_E_SIZE;
		*ret_version = version;
		return 0;
	}
	return VALUE_E_BUSY;
}

void
value_end(struct value *value)
{
	store_rlx(&value->word->ended, 1); /* nothing is concluded from it about the value */
}

bool
value_is_ended(const struct value *value)
{
	return load_rlx(&value->word->ended) != 0; /* as above */
}

uint64_t
value_version(const struct value *value)
{
	return load_acq(&value->word->version); /* V1 */
}

void
value_deinit(struct value *value)
{
	segment_deinit(&value->memory);
	*value = VALUE_INIT;
}
