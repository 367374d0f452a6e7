/* SPDX-License-Identifier: MIT */

/*
 * cbor-check: a whole buffer at once, duplicate keys included
 *
 * Finding duplicates without memory: keys that come in ascending order cannot be
 * equal, which settles every map of a deterministic encoder. Otherwise a filter
 * of 64 Ki bits, one for the buffer, says of most keys that they are new; of the
 * few others the map is read again up to there, and what that costs has a limit.
 *
 * Equal keys are equal values: numbers of any width, and 1 is not 1.0; one NaN is as any.
 */

#include <math.h>

#include "base/attribute.h"
#include "wire/cbor.h"

#define FILTER_BITS  65536
#define REREAD_LIMIT (UINT64_C(1) << 24) /* bytes read again for one buffer; some 0.1 s */

struct key {
	uint64_t type;
	uint64_t argument; /* of a float: as a double */
	const uint8_t *bytes;
	size_t size;
	const uint8_t *raw; /* head and all */
	size_t raw_size;
};

/* What is known of a map that is open. */
struct map {
	uint64_t first; /* offset of its first key */
	struct key last;
	bool has_last, is_ascending;
};

struct check {
	struct tern_cbor_reader reader;
	uint32_t depth; /* where the buffer begins */
	uint32_t flags;
	uint64_t reread;
	bool has_filter;
	struct map maps[TERN_CBOR_MAX_DEPTH + 1];
	uint64_t filter[FILTER_BITS / 64];
};

static double
head_double(const struct tern_cbor_reader *r)
{
	if (r->info == CBOR_INFO_2)
		return cbor_half_to_double((uint16_t)r->argument);
	if (r->info == CBOR_INFO_4)
		return cbor_float_bits_double((uint32_t)r->argument);
	return cbor_bits_double(r->argument);
}

static uint64_t
float_key(double value)
{
	return isnan(value) ? UINT64_MAX : cbor_double_bits(value);
}

/* The key that the reader has looked at. False: none that can be compared. */
static bool
key_get(const struct tern_cbor_reader *r, struct key *ret)
{
	bool is_string = r->type == TERN_CBOR_TEXT || r->type == TERN_CBOR_BYTES;

	if (r->type == TERN_CBOR_ARRAY || r->type == TERN_CBOR_MAP || r->type == TERN_CBOR_TAG)
		return false;
	if (is_string && r->info == CBOR_INFO_INDEFINITE)
		return false;
	ret->type = r->type;
	ret->argument = r->type == TERN_CBOR_FLOAT ? float_key(head_double(r)) : r->argument;
	ret->bytes = r->at;
	ret->size = is_string ? (size_t)r->argument : 0;
	ret->raw = r->start + r->item;
	ret->raw_size = (size_t)(r->at - ret->raw) + ret->size;
	return true;
}

static int
key_compare(const struct key *a, const struct key *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->argument != b->argument)
		return a->argument < b->argument ? -1 : 1;
	return memcmp(a->bytes, b->bytes, a->size);
}

/* The order of RFC 8949, 4.2.1: by what is encoded, byte for byte. No encoding is the beginning of another one. */
static int
key_compare_raw(const struct key *a, const struct key *b)
{
	return memcmp(a->raw, b->raw, MIN(a->raw_size, b->raw_size));
}

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t
key_hash(const struct key *key, uint64_t map)
{
	uint64_t hash = mix(mix(mix(0, map), key->type), key->argument);
	size_t i = 0;

	for (; key->size - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t eight;

		memcpy(&eight, key->bytes + i, sizeof(eight));
		hash = mix(hash, eight);
	}
	for (; i < key->size; i++)
		hash = mix(hash, key->bytes[i]);
	return mix(hash, 0) % FILTER_BITS;
}

/* Remember a key of a map. False: it was remembered before, or another like it. */
static bool
filter_add(struct check *c, const struct key *key, uint64_t map)
{
	uint64_t bit = key_hash(key, map);
	uint64_t mask = UINT64_C(1) << bit % 64;
	bool is_new;

	if (!c->has_filter) {
		memset(c->filter, 0, sizeof(c->filter));
		c->has_filter = true;
	}
	is_new = !(c->filter[bit / 64] & mask);
	c->filter[bit / 64] |= mask;
	return is_new;
}

/* Read a map again up to this key, to see whether it was there before. */
static int
check_again(struct check *c, const struct map *map, const struct key *key)
{
	struct tern_cbor_reader again;
	struct key other = {0};
	size_t size = (size_t)(key->raw - c->reader.start - map->first);

	c->reread += size;
	if (c->reread > REREAD_LIMIT)
		return cbor_reader_fail(&c->reader, TERN_CBOR_E_KEYS, c->reader.item);
	tern_cbor_reader_init(&again, c->reader.start + map->first, size);
	while (tern_cbor_peek(&again) > 0) {
		(void)key_get(&again, &other); /* it could be compared when it was checked itself */
		if (key_compare(&other, key) == 0)
			return cbor_reader_fail(&c->reader, TERN_CBOR_E_DUPLICATE, c->reader.item);
		(void)tern_cbor_skip(&again); /* was read before; a fault ends the loop */
		(void)tern_cbor_skip(&again);
	}
	return 0;
}

static int
check_key(struct check *c)
{
	struct map *map = &c->maps[c->reader.depth];
	struct key key;
	bool is_new;
	int order;

	if (!key_get(&c->reader, &key))
		return cbor_reader_fail(&c->reader, TERN_CBOR_E_KEY, c->reader.item);
	if (!map->has_last)
		map->first = c->reader.item;
	is_new = filter_add(c, &key, map->first);
	order = map->has_last ? key_compare(&map->last, &key) : -1;
	if (order == 0)
		return cbor_reader_fail(&c->reader, TERN_CBOR_E_DUPLICATE, c->reader.item);
	if (c->flags & TERN_CBOR_DETERMINISTIC && map->has_last &&
		key_compare_raw(&map->last, &key) > 0)
		return cbor_reader_fail(&c->reader, TERN_CBOR_E_UNSORTED, c->reader.item);
	map->is_ascending = map->is_ascending && order < 0;
	map->has_last = true;
	map->last = key;
	return is_new || map->is_ascending ? 0 : error_trace(check_again(c, map, &key));
}

/* Is the head that was looked at the shortest there is, with a length? */
static bool
head_is_short(const struct tern_cbor_reader *r)
{
	static const uint64_t least[] = {
		CBOR_INFO_1, UINT8_MAX + 1, UINT16_MAX + 1, UINT64_C(1) << 32};
	uint64_t bits;

	if (r->type == TERN_CBOR_FLOAT)
		return cbor_double_shrink(head_double(r), &bits) == r->info && bits == r->argument;
	if (r->info == CBOR_INFO_INDEFINITE)
		return false;
	return r->info < CBOR_INFO_1 || r->argument >= least[r->info - CBOR_INFO_1];
}

static int
check_step(struct check *c)
{
	struct tern_cbor_reader *r = &c->reader;
	int type = tern_cbor_peek(r);
	int e = 0;

	if (type < 0)
		return error_trace(type);
	if (type == TERN_CBOR_END && r->depth == c->depth)
		return cbor_reader_fail(r, TERN_CBOR_E_TRUNCATED, r->item);
	if (type != TERN_CBOR_END && c->flags & TERN_CBOR_DETERMINISTIC && !head_is_short(r))
		return cbor_reader_fail(r, TERN_CBOR_E_LONG, r->item);
	if (type != TERN_CBOR_END && cbor_reader_is_key(r))
		e = check_key(c);
	if (e)
		return error_trace(e);
	e = cbor_reader_step(r);
	if (!e && type == TERN_CBOR_MAP)
		c->maps[r->depth] = (struct map){.is_ascending = true};
	return error_trace(e);
}

static int
check_items(struct check *c)
{
	struct tern_cbor_reader *r = &c->reader;

	while (r->at != r->end || !(c->flags & TERN_CBOR_SEQUENCE)) {
		do {
			int e = check_step(c);

			if (e)
				return error_trace(e);
		} while (r->depth > c->depth);
		if (!(c->flags & TERN_CBOR_SEQUENCE))
			break;
	}
	if (r->at != r->end)
		return cbor_reader_fail(r, TERN_CBOR_E_TRAILING, (uint64_t)(r->at - r->start));
	return 0;
}

int
cbor_check_at(const void *buf, size_t size, uint32_t depth, uint32_t flags,
	struct tern_cbor_fault *ret_fault)
{
	struct check c; /* the filter is cleared when it is needed, maps when they are entered */
	int e;

	tern_cbor_reader_init(&c.reader, buf, size);
	for (uint32_t i = 0; i < depth; i++) {
		c.reader.kind[i] = CBOR_MAJOR_ARRAY;
		c.reader.left[i] = UINT64_MAX;
	}
	c.reader.depth = depth;
	c.depth = depth;
	c.flags = flags;
	c.reread = 0;
	c.has_filter = false;
	e = check_items(&c);
	if (e && ret_fault)
		*ret_fault = c.reader.fault;
	return error_trace(e);
}

_public_ int
tern_cbor_check(const void *buf, size_t size, uint32_t flags, struct tern_cbor_fault *ret_fault)
{
	if (flags & ~(uint32_t)(TERN_CBOR_SEQUENCE | TERN_CBOR_DETERMINISTIC))
		return -EINVAL;
	return error_trace(cbor_check_at(buf, size, 0, flags, ret_fault));
}
