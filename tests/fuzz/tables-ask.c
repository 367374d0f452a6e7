/* SPDX-License-Identifier: MIT */

/* tables-ask: see tables-ask.h */

#include "tables-ask.h"

static const struct table_type *const types[] = {
	&names_type,
	&peers_type,
	&rules_type,
	&tags_type,
};

/* Head and geometry as a writer makes them, the rest from the input. */
void *
tables_image(int which, const uint8_t *data, size_t size, size_t *ret_size)
{
	const struct table_type *type = types[which];
	size_t half = table_half_size(TABLES_CAPACITY), state_at = sizeof(struct shm_head);
	size_t extra_at = state_at + sizeof(struct shm_table);
	size_t half_at = extra_at + TABLES_EXTRA * sizeof(uint64_t);
	size_t end = half_at + 2 * half;
	uint8_t *image = aligned_alloc(CACHE_LINE, end);

	assert(image);
	memset(image, 0, end);
	memcpy(image + state_at, data, MIN(size, end - state_at));
	head_init((void *)image, type->kind, end);
	head_set_part((void *)image, TABLE_PART_STATE, state_at, sizeof(struct shm_table));
	head_set_part((void *)image, TABLE_PART_EXTRA, extra_at, TABLES_EXTRA * sizeof(uint64_t));
	head_set_part((void *)image, TABLE_PART_HALF_0, half_at, half);
	head_set_part((void *)image, TABLE_PART_HALF_1, half_at + half, half);
	store_rlx(&((struct shm_table *)(image + state_at))->capacity, TABLES_CAPACITY);
	*ret_size = end;
	return image;
}

static void
expect(int r)
{
	assert(r == 0 || r == TABLE_E_NOT_FOUND || r == TABLE_E_MOVED || r == TABLE_E_BUSY ||
		r == TABLE_E_END || r == TABLE_E_RESTART || r == -EBADMSG);
}

static void
ask_names(const struct table *table)
{
	struct names names = {.table = *table};
	struct table_cursor cursor = {0};
	struct name_entry entry;
	int r;

	while ((r = names_next(&names, &cursor, &entry)) == 0) {
		struct table_text label;
		size_t at = 0;

		while (name_label(&entry, &at, &label))
			assert(label.size > 0);
		expect(names_lookup(&names, entry.name, entry.name_size, &entry));
	}
	expect(r);
	expect(names_lookup(&names, "org.example.Mixer", 17, &entry));
}

static void
ask_peers(const struct table *table)
{
	struct peers peers = {.table = *table};
	struct table_cursor cursor = {0};
	struct peer_entry entry;
	int r;

	while ((r = peers_next(&peers, &cursor, &entry)) == 0) {
		(void)peers_inbox(&peers, entry.slot);
		expect(peers_find(&peers, entry.id, &entry));
	}
	expect(r);
}

static void
ask_rules(const struct table *table)
{
	static struct rule_hits hits;
	const uint32_t tags[] = {1, 2, 3, 4}, names[] = {5};
	struct match_query query = {tags, ARRAY_SIZE(tags), 7, names, ARRAY_SIZE(names)};
	struct rules rules = {.table = *table};
	struct table_cursor cursor = {0};
	struct rule rule;
	int r;

	while ((r = rules_next(&rules, &cursor, &rule)) == 0)
		assert(rule.n_tags <= RULES_TAGS_MAX);
	expect(r);
	expect(rules_match(&rules, &query, &hits));
}

static void
ask_tags(const struct table *table)
{
	struct tags tags = {.table = *table};
	struct table_cursor cursor = {0};
	struct tag_entry entry;
	int r;

	while ((r = tags_next(&tags, &cursor, &entry)) == 0)
		expect(tags_find(&tags, entry.text, entry.size, &entry.id));
	expect(r);
}

void
tables_ask(int which, void *image, size_t size)
{
	static void (*const asks[N_TABLES])(const struct table *) = {
		ask_names,
		ask_peers,
		ask_rules,
		ask_tags,
	};
	struct table table;

	if (table_view(&table, types[which], image, size) != 0)
		return;
	asks[which](&table);
	(void)table_valid(&table); /* either */
}
