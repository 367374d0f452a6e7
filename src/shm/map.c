/* SPDX-License-Identifier: MIT */

/* map: at most three quarters full, at least an eighth, save for the smallest */

#include "shm/map.h"

enum {
	CAPACITY_MIN = 8,
};

static size_t
home_of(const struct map *map, uint64_t key)
{
	key *= UINT64_C(0x9e3779b97f4a7c15); /* Knuth's multiplicative hash: 2^64 / golden ratio */
	return (size_t)(key >> 32) & (map->capacity - 1);
}

static size_t
next_of(const struct map *map, size_t at)
{
	return (at + 1) & (map->capacity - 1);
}

/* The slot of a key, or the empty one where it would go. There is always an empty one. */
static struct map_slot *
slot_of(const struct map *map, uint64_t key)
{
	size_t at = home_of(map, key);

	while (map->slots[at].key && map->slots[at].key != key)
		at = next_of(map, at);
	return &map->slots[at];
}

static int
map_resize(struct map *map, size_t capacity)
{
	struct map resized = {.n = map->n, .capacity = capacity};

	resized.slots = calloc(capacity, sizeof(*resized.slots));
	if (!resized.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].key)
			*slot_of(&resized, map->slots[i].key) = map->slots[i];
	free(map->slots);
	*map = resized;
	return 0;
}

void
map_deinit(struct map *map)
{
	free(map->slots);
	*map = MAP_INIT;
}

uint64_t *
map_get(const struct map *map, uint64_t key)
{
	struct map_slot *slot;

	if (map->n == 0 || key == 0)
		return NULL;
	slot = slot_of(map, key);
	return slot->key ? &slot->value : NULL;
}

int
map_put(struct map *map, uint64_t key, uint64_t value)
{
	uint64_t *known = map_get(map, key);
	int r;

	assert(key != 0);

	if (known) {
		*known = value;
		return 0;
	}
	if (map->n + 1 > map->capacity / 4 * 3) {
		r = map_resize(map, MAX(map->capacity * 2, (size_t)CAPACITY_MIN));
		if (r)
			return error_trace(r);
	}
	*slot_of(map, key) = (struct map_slot){key, value};
	map->n++;
	return 0;
}

/* Move up what would not be found over the gap (Knuth 6.4, algorithm R). */
static void
map_close_gap(struct map *map, size_t gap)
{
	size_t mask = map->capacity - 1;

	for (size_t at = next_of(map, gap); map->slots[at].key; at = next_of(map, at)) {
		size_t home = home_of(map, map->slots[at].key);

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		map->slots[gap] = map->slots[at];
		gap = at;
	}
	map->slots[gap] = (struct map_slot){0};
}

bool
map_remove(struct map *map, uint64_t key)
{
	struct map_slot *slot;

	if (!map_get(map, key))
		return false;
	slot = slot_of(map, key);
	map_close_gap(map, (size_t)(slot - map->slots));
	map->n--;
	if (map->capacity > CAPACITY_MIN && map->n < map->capacity / 8)
		(void)map_resize(map, map->capacity / 2); /* else it stays large */
	return true;
}

bool
map_valid(const struct map *map)
{
	size_t n = 0;

	if (!map->slots)
		return map->n == 0 && map->capacity == 0;
	if (map->capacity & (map->capacity - 1) || map->n >= map->capacity)
		return false;
	for (size_t i = 0; i < map->capacity; i++) {
		if (!map->slots[i].key)
			continue;
		if (slot_of(map, map->slots[i].key) != &map->slots[i])
			return false;
		n++;
	}
	return n == map->n;
}
