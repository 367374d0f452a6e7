/* SPDX-License-Identifier: MIT */

/* ledger: what is written into messages, and read out of them; see soak.h */

#include "soak.h"

#include <stdlib.h>
#include <string.h>

#include "whole.h"

static uint64_t
mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ (b + UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);

	return x ^ x >> 29;
}

/* --- dice --- */

void
dice_init(struct dice *dice, uint64_t seed, uint64_t who)
{
	dice->state = mix(mix(seed, who), 1) | 1;
}

uint64_t
dice_roll(struct dice *dice)
{
	dice->state ^= dice->state << 13;
	dice->state ^= dice->state >> 7;
	dice->state ^= dice->state << 17;
	return dice->state * UINT64_C(0x2545f4914f6cdd1d);
}

uint32_t
dice_below(struct dice *dice, uint32_t n)
{
	return (uint32_t)((dice_roll(dice) >> 32) % n);
}

bool
dice_is(struct dice *dice, uint32_t n)
{
	return dice_below(dice, 100) < n;
}

/* --- names and tags --- */

const char *
soak_name(uint32_t n)
{
	static const char *const names[N_NAMES] = {
		"org.example.One", "org.example.Two", "org.example.Three", "org.example.Four"};

	return names[n];
}

const char *const *
mask_tags(uint32_t mask, const char *storage[N_TAGS + 1])
{
	static const char *const tags[N_TAGS] = {"red", "green", "blue", "round", "loud"};
	size_t n = 0;

	for (size_t i = 0; i < N_TAGS; i++)
		if (mask & 1u << i)
			storage[n++] = tags[i];
	storage[n] = NULL;
	return storage;
}

uint32_t
topic_mask(uint32_t topic)
{
	static const uint32_t masks[N_TOPICS] = {1, 2, 4, 3, 5, 9, 17, 7, 24, 31};

	return masks[topic];
}

/* --- stamps --- */

uint64_t
stamp_sum(const struct stamp *stamp)
{
	uint64_t sum = mix(stamp->life, stamp->stream);

	sum = mix(mix(sum, stamp->order), stamp->number);
	sum = mix(mix(sum, stamp->topic), stamp->size);
	return mix(sum, stamp->has_fd);
}

/* fill() - bytes that only this stamp has; check() - are they the same? */
static void
fill(uint8_t *bytes, size_t size, uint64_t sum)
{
	for (size_t i = 0; i < size; i += sizeof(sum)) {
		memcpy(bytes + i, &sum, size - i < sizeof(sum) ? size - i : sizeof(sum));
		sum = sum * 5 + 1;
	}
}

static bool
check(const uint8_t *bytes, size_t size, uint64_t sum)
{
	int wrong = 0;

	for (size_t i = 0; i < size && !wrong; i += sizeof(sum)) {
		wrong = memcmp(bytes + i, &sum, size - i < sizeof(sum) ? size - i : sizeof(sum));
		sum = sum * 5 + 1;
	}
	return !wrong;
}

int
stamp_write(const struct stamp *stamp, tern_message *m, bool lend)
{
	uint64_t sum = stamp_sum(stamp);
	void *bytes;
	int r;

	must_be(tern_message_pack(m, STAMP_FORMAT, stamp->life, stamp->stream, stamp->order, stamp->number,
			stamp->topic, stamp->size, stamp->has_fd, sum), 0);
	if (stamp->has_fd)
		must_be(attach_number(m, sum), 0);
	if (!stamp->size)
		return 0;
	if (lend) {
		r = tern_message_lend(m, stamp->size, &bytes);
		if (r == 0)
			fill(bytes, stamp->size, sum);
		return r;
	}
	bytes = malloc(stamp->size);
	must(bytes != NULL);
	fill(bytes, stamp->size, sum);
	r = tern_message_append(m, bytes, stamp->size);
	free(bytes);
	return r;
}

void
stamp_read(struct stamp *stamp, tern_message *m)
{
	const void *bytes = NULL;
	uint64_t sum, sent;

	must_be(tern_message_unpack(m, STAMP_FORMAT, &stamp->life, &stamp->stream, &stamp->order, &stamp->number,
			&stamp->topic, &stamp->size, &stamp->has_fd, &sent), 0);
	sum = stamp_sum(stamp);
	must(sum == sent);
	must(is_whole(m, stamp->size, stamp->has_fd, sum, &bytes));
	must(check(bytes, stamp->size, sum));
}
