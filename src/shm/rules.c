/* SPDX-License-Identifier: MIT */

/* rules: the reader's side; a table of chains by what a rule is indexed by, and the match */

#include "shm/rules.h"

enum {
	KEY_SIZE = 12,	/* value and kind, side by side */
	HITS_FIRST = 8, /* room for hits that is made first */
};

static_assert(sizeof(struct shm_rule) == 2 * TABLE_UNIT, "two units, no padding");
static_assert(offsetof(struct shm_rule, kind) == offsetof(struct shm_rule, value) + 8,
	"value and kind are the key");
static_assert(
	sizeof(struct shm_rule) + 4 * RULES_TAGS_MAX <= TABLE_RECORD_MAX, "all tags have room");

/* A key to look for; its first KEY_SIZE bytes are as in the record. */
struct rule_key {
	uint64_t value;
	uint32_t kind;
	uint32_t reserved;
};

static_assert(offsetof(struct rule_key, kind) == 8, "as in the record");

static const uint32_t *
rule_tags(const struct shm_rule *rule)
{
	return (const uint32_t *)(rule + 1);
}

static const void *
rule_key(const void *record, size_t size, size_t *ret_size)
{
	const struct shm_rule *rule = record;

	if (size < sizeof(*rule))
		return NULL;
	*ret_size = KEY_SIZE;
	return &rule->value;
}

static bool
rule_valid(const void *record, size_t size)
{
	const struct shm_rule *rule = record;

	if (size < sizeof(*rule) || rule->n_tags > RULES_TAGS_MAX || rule->subscriber == 0)
		return false;
	if (rule->n_tags * sizeof(uint32_t) > size - sizeof(*rule))
		return false;
	if (rule->kind < RULE_TAGLESS || rule->kind > RULE_NAME)
		return false;
	if (rule->kind == RULE_TAGLESS)
		return rule->value == 0 && rule->n_tags == 0;
	for (uint32_t i = 1; i < rule->n_tags; i++)
		if (rule_tags(rule)[i - 1] >= rule_tags(rule)[i])
			return false;
	return rule->value != 0;
}

const struct table_type rules_type = {
	.kind = SHM_KIND_RULES,
	.walk_max = 0,
	.key = rule_key,
	.valid = rule_valid,
};

int
rules_open(struct rules *ret, int fd)
{
	return table_open(&ret->table, &rules_type, fd);
}

void
rules_deinit(struct rules *rules)
{
	table_deinit(&rules->table);
}

/* Are all of these on the message? Both are ascending. */
static bool
has_tags(const struct match_query *query, const uint32_t *tags, uint32_t n_tags)
{
	size_t at = 0;

	for (uint32_t i = 0; i < n_tags; i++) {
		while (at < query->n_tags && query->tags[at] < tags[i])
			at++;
		if (at == query->n_tags || query->tags[at] != tags[i])
			return false;
	}
	return true;
}

static int
hits_add(struct rule_hits *hits, const struct shm_rule *rule)
{
	if (hits->n_hits == hits->capacity) {
		size_t capacity = MAX(hits->capacity * 2, (size_t)HITS_FIRST);
		struct rule_hit *p = realloc(hits->hits, capacity * sizeof(*p));

		if (!p)
			return -ENOMEM;
		hits->hits = p;
		hits->capacity = capacity;
	}
	hits->hits[hits->n_hits++] = (struct rule_hit){
		.subscriber = rule->subscriber,
		.id = rule->id,
		.policy = rule->policy,
		.key = rule->key,
		.queue = rule->queue,
		.max_rate = rule->max_rate,
		.is_tagless = rule->kind != RULE_TAG && rule->n_tags == 0,
	};
	return 0;
}

static int
match_chain(struct table_walk *walk, uint32_t kind, uint64_t value, const struct match_query *query,
	struct rule_hits *hits)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	const struct shm_rule *rule = (const void *)copy;
	struct rule_key key = {.value = value, .kind = kind};
	size_t size;

	table_seek(walk, &key, KEY_SIZE);
	while (table_step(walk, copy, &size)) {
		/* Not valid: torn, as table_settled() will tell, or garbage: matches nothing. */
		if (!rule_valid(copy, size) || !has_tags(query, rule_tags(rule), rule->n_tags))
			continue;
		if (hits_add(hits, rule) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
match_all(struct table_walk *walk, const struct match_query *query, struct rule_hits *hits)
{
	int r;

	hits->n_hits = 0;
	r = query->is_tagged ? 0 : match_chain(walk, RULE_TAGLESS, 0, query, hits);
	for (size_t i = 0; i < query->n_tags && r == 0; i++)
		r = match_chain(walk, RULE_TAG, query->tags[i], query, hits);
	if (query->sender && r == 0)
		r = match_chain(walk, RULE_PEER, query->sender, query, hits);
	for (size_t i = 0; i < query->n_names && r == 0; i++)
		r = match_chain(walk, RULE_NAME, query->names[i], query, hits);
	return error_trace(r);
}

int
rules_match(const struct rules *rules, const struct match_query *query, struct rule_hits *hits)
{
	struct table_walk walk;
	int r;

	for (int i = 0; i < TABLE_TRIES; i++) {
		r = table_begin(&walk, &rules->table);
		if (r)
			return r; /* same answers as ours */
		r = match_all(&walk, query, hits);
		if (r < 0)
			return error_trace(r);
		/* Not `missed`: a rule is never replaced, so what lives on is not stepped over. */
		if (table_settled(&walk, false))
			return 0;
		cpu_relax();
	}
	return TABLE_E_BUSY;
}

void
rule_hits_deinit(struct rule_hits *hits)
{
	free(hits->hits);
	*hits = RULE_HITS_INIT;
}

int
rule_read(const void *record, size_t size, struct rule *ret)
{
	const struct shm_rule *rule = record;

	if (!rule_valid(record, size))
		return -EBADMSG;
	*ret = (struct rule){
		.subscriber = rule->subscriber,
		.id = rule->id,
		.value = rule->value,
		.kind = rule->kind,
		.policy = rule->policy,
		.key = rule->key,
		.queue = rule->queue,
		.max_rate = rule->max_rate,
		.n_tags = rule->n_tags,
	};
	memcpy(ret->tags, rule_tags(rule), rule->n_tags * sizeof(uint32_t));
	return 0;
}

int
rules_next(const struct rules *rules, struct table_cursor *cursor, struct rule *ret)
{
	uint64_t copy[TABLE_RECORD_MAX / sizeof(uint64_t)];
	size_t size;
	int r;

	r = table_next(&rules->table, cursor, copy, &size);
	return r ? r : rule_read(copy, size, ret);
}
