/* SPDX-License-Identifier: MIT */

/* rules_writer: a private map from subscriber to its rules, ascending, beside the shared table */

#include "shm/rules_writer.h"

enum {
	PLACES_FIRST = 2, /* room for rules of a new subscriber */
};

/* Where one rule of a subscriber is. */
struct place {
	uint64_t id;
	uint32_t unit;
};

struct rule_owner {
	uint32_t n_places;
	uint32_t capacity;
	struct place places[];
};

/* A map's value is a number wide enough for a pointer. */
static struct rule_owner *
owner_get(const struct map *owners, uint64_t subscriber)
{
	uint64_t *value = map_get(owners, subscriber);

	return value ? (struct rule_owner *)(uintptr_t)*value : NULL;
}

/* The first place whose id is not below this one. */
static uint32_t
owner_search(const struct rule_owner *owner, uint64_t id)
{
	uint32_t low = 0, high = owner->n_places;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (owner->places[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct place *
owner_find(const struct map *owners, uint64_t subscriber, uint64_t id)
{
	struct rule_owner *owner = owner_get(owners, subscriber);
	uint32_t at;

	if (!owner)
		return NULL;
	at = owner_search(owner, id);
	return at < owner->n_places && owner->places[at].id == id ? &owner->places[at] : NULL;
}

/* Make sure that the subscriber can have one more; 0 or -ENOMEM. */
static int
owner_make_room(struct map *owners, uint64_t subscriber)
{
	struct rule_owner *owner = owner_get(owners, subscriber), *p;
	uint32_t capacity = owner ? owner->capacity : 0;
	int r;

	if (owner && owner->n_places < capacity)
		return 0;
	capacity = MAX(capacity * 2, (uint32_t)PLACES_FIRST);
	p = realloc(owner, sizeof(*p) + capacity * sizeof(p->places[0]));
	if (!p)
		return -ENOMEM;
	if (!owner)
		p->n_places = 0;
	p->capacity = capacity;
	r = map_put(owners, subscriber, (uintptr_t)p); /* fails only for a new key */
	if (r)
		free(p);
	return error_trace(r);
}

static void
owner_insert(struct map *owners, uint64_t subscriber, struct place place)
{
	struct rule_owner *owner = owner_get(owners, subscriber);
	uint32_t at = owner_search(owner, place.id);

	assert(owner->n_places < owner->capacity);
	memmove(&owner->places[at + 1], &owner->places[at],
		(owner->n_places - at) * sizeof(owner->places[0]));
	owner->places[at] = place;
	owner->n_places++;
}

static void
owner_remove(struct map *owners, uint64_t subscriber, struct place *place)
{
	struct rule_owner *owner = owner_get(owners, subscriber);
	size_t at = (size_t)(place - owner->places);

	memmove(place, place + 1, (--owner->n_places - at) * sizeof(*place));
	if (owner->n_places == 0) {
		(void)map_remove(owners, subscriber); /* it is there */
		free(owner);
	}
}

static void
rule_relocated(struct table_writer *writer, uint32_t unit, const void *record)
{
	struct rules_writer *rules = container_of(writer, struct rules_writer, table);
	const struct shm_rule *rule = record;
	struct place *place = owner_find(&rules->owners, rule->subscriber, rule->id);

	assert(place);
	place->unit = unit;
}

int
rules_writer_init(struct rules_writer *ret, uint32_t capacity)
{
	struct rules_writer rules = RULES_WRITER_INIT;
	int r;

	r = table_writer_init(&rules.table, &rules_type, "tern-rules", capacity, 0);
	if (r)
		return error_trace(r);
	rules.table.relocated = rule_relocated;
	*ret = rules;
	return 0;
}

void
rules_writer_deinit(struct rules_writer *rules)
{
	table_writer_deinit(&rules->table);
	for (size_t i = 0; i < rules->owners.capacity; i++)
		if (rules->owners.slots[i].key)
			free((void *)(uintptr_t)rules->owners.slots[i].value);
	map_deinit(&rules->owners);
	*rules = RULES_WRITER_INIT;
}

static size_t
rule_write(const struct rule *rule, void *ret_record)
{
	struct shm_rule *record = ret_record;

	*record = (struct shm_rule){
		.value = rule->value,
		.kind = rule->kind,
		.n_tags = rule->n_tags,
		.subscriber = rule->subscriber,
		.id = rule->id,
		.policy = rule->policy,
		.key = rule->key,
		.queue = rule->queue,
		.max_rate = rule->max_rate,
	};
	memcpy(record + 1, rule->tags, rule->n_tags * sizeof(rule->tags[0]));
	return sizeof(*record) + rule->n_tags * sizeof(rule->tags[0]);
}

uint32_t
rules_units(size_t n_tags)
{
	return (uint32_t)((sizeof(struct shm_rule) + n_tags * sizeof(uint32_t) + TABLE_UNIT - 1) /
			  TABLE_UNIT);
}

int
rules_add(struct rules_writer *rules, const struct rule *rule)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)] = {0};
	struct place place = {.id = rule->id};
	size_t size;
	int r;

	assert(rule->n_tags <= RULES_TAGS_MAX);

	if (rules_has(rules, rule->subscriber, rule->id))
		return TABLE_E_EXISTS;
	r = table_reserve(&rules->table, rules_units(rule->n_tags));
	if (r)
		return r; /* same answers as ours */
	r = owner_make_room(&rules->owners, rule->subscriber);
	if (r)
		return error_trace(r);
	size = rule_write(rule, copy);
	place.unit = table_append(&rules->table, copy, size);
	owner_insert(&rules->owners, rule->subscriber, place);
	return 0;
}

bool
rules_has(const struct rules_writer *rules, uint64_t subscriber, uint64_t id)
{
	return owner_find(&rules->owners, subscriber, id) != NULL;
}

int
rules_remove(struct rules_writer *rules, uint64_t subscriber, uint64_t id, struct rule *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	struct place *place = owner_find(&rules->owners, subscriber, id);
	size_t size;
	int r;

	if (!place)
		return TABLE_E_NOT_FOUND;
	size = table_copy(&rules->table, place->unit, copy);
	r = rule_read(copy, size, ret);
	assert(r == 0); /* our own record */
	table_remove(&rules->table, place->unit);
	owner_remove(&rules->owners, subscriber, place);
	return 0;
}

int
rules_remove_any(struct rules_writer *rules, uint64_t subscriber, struct rule *ret)
{
	struct rule_owner *owner = owner_get(&rules->owners, subscriber);

	if (!owner)
		return TABLE_E_NOT_FOUND;
	/* The last: nothing has to move up. An owner has at least one. */
	return rules_remove(rules, subscriber, owner->places[owner->n_places - 1].id, ret);
}
