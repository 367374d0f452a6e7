/* SPDX-License-Identifier: MIT */

/* owners: look-ups remembered, in pairs of places that a name has by its last bytes */

#include "shm/owners.h"
#include "shm/hash.h"

struct known_owner {
	uint64_t changes; /* of the table, before it was found */
	uint64_t owner;
	uint8_t size; /* 0: unused */
	char name[OWNERS_TEXT_MAX];
};

static_assert(sizeof(struct known_owner) == CACHE_LINE, "a place is a cache line");
static_assert((OWNERS_N & (OWNERS_N - 1)) == 0, "a power of two");

void
owners_deinit(struct owners *owners)
{
	free(owners->known);
	*owners = (struct owners){NULL};
}

/* last_word() - the last eight bytes, or what there is: names of one kind differ in the end */
static inline uint64_t
last_word(const char *text, size_t size)
{
	uint64_t word;

	if (size < sizeof(word))
		return hash_tail((const uint8_t *)text, size);
	memcpy(&word, text + size - sizeof(word), sizeof(word));
	return word;
}

/* The first of the two places of a name; the other one is behind it. */
static inline size_t
place_of(const char *name, size_t size)
{
	uint64_t hash = (last_word(name, size) ^ size) * HASH_MULTIPLY;

	return (size_t)(hash / (UINT64_MAX / OWNERS_N + 1)) & ~(size_t)1; /* the top: all bytes come up there */
}

/* memcmp() for some dozen bytes: calling it takes longer than to compare them */
static inline bool
is_same(const char *a, const char *b, size_t size)
{
	uint64_t x, y, differ = last_word(a, size) ^ last_word(b, size);

	for (; size > sizeof(x) && !differ; a += sizeof(x), b += sizeof(x), size -= sizeof(x)) {
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		differ = x ^ y;
	}
	return !differ;
}

/* owners_remember() - in the first place; what was there is second now, what was second is gone */
static void
owners_remember(struct owners *owners, const struct known_owner *new)
{
	struct known_owner *places;

	if (!owners->known)
		owners->known = calloc(OWNERS_N, sizeof(*owners->known));
	if (!owners->known)
		return; /* it is looked up again */
	places = &owners->known[place_of(new->name, new->size)];
	places[1] = places[0];
	places[0] = *new;
}

static int
owners_ask(struct owners *owners, const struct names *names, const char *name, size_t size,
	uint64_t *ret_owner)
{
	struct known_owner new = {.changes = table_changes(&names->table), .size = (uint8_t)size};
	int r;

	r = names_owner(names, name, size, &new.owner);
	if (r)
		return r; /* same answers as ours */
	*ret_owner = new.owner;
	if (size == 0 || size > OWNERS_TEXT_MAX || new.changes & 1)
		return 0; /* odd: it may be dying */
	memcpy(new.name, name, size);
	owners_remember(owners, &new);
	return 0;
}

int
owners_find(struct owners *owners, const struct names *names, const char *name, size_t size,
	uint64_t *ret_owner)
{
	const struct known_owner *known = owners->known;

	if (known && size && !table_has_moved(&names->table)) {
		uint64_t changes = table_changes(&names->table);

		known += place_of(name, size);
		for (const struct known_owner *end = known + 2; known < end; known++) {
			if (known->changes != changes || known->size != size ||
				!is_same(known->name, name, size))
				continue;
			*ret_owner = known->owner;
			return 0;
		}
	}
	return owners_ask(owners, names, name, size, ret_owner);
}
