/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * map: what a writer remembers by number, privately: 64-bit key -> 64-bit value
 *
 * Open addressing with linear probing; removal closes the gap, so there are no
 * tombstones. Keys are numbers that ternd itself gave out (peers, tags), so
 * nobody can choose them to collide. 0 is no key. Nothing here is shared.
 */

#include "base/attribute.h"

struct map_slot {
	uint64_t key; /* 0: empty */
	uint64_t value;
};

struct map {
	struct map_slot *slots;
	size_t n;
	size_t capacity; /* 0 or a power of two */
};

#define MAP_INIT ((struct map){0})

/* map_deinit() - free the slots; what values may point to is the caller's */
void map_deinit(struct map *map);

/**
 * map_get() - where the value of a key is
 *
 * Return: the place, borrowed until the next map_put() or map_remove(); NULL:
 * no such key. Threads: owner.  Blocks: never.
 */
uint64_t *map_get(const struct map *map, uint64_t key);

/* map_put() - set the value of a key; 0 or -ENOMEM, and then nothing has changed */
int map_put(struct map *map, uint64_t key, uint64_t value);

/* map_remove() - forget a key; true if it was there */
bool map_remove(struct map *map, uint64_t key);

/* map_valid() - is every key found where it is? */
bool map_valid(const struct map *map);
