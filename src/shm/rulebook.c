/* SPDX-License-Identifier: MIT */

/* rulebook: tags, then the rule, then its version, then a fence; and the other way back */

#include "shm/rulebook.h"

int
rulebook_init(struct rulebook *ret, uint32_t capacity, uint64_t first)
{
	struct rulebook book = RULEBOOK_INIT;
	int r;

	r = tags_writer_init(&book.tags, capacity);
	if (!r)
		r = rules_writer_init(&book.rules, capacity);
	if (!r)
		r = versions_writer_init(&book.versions, first);
	if (r) {
		rulebook_deinit(&book);
		return error_trace(r);
	}
	*ret = book;
	return 0;
}

void
rulebook_deinit(struct rulebook *book)
{
	tags_writer_deinit(&book->tags);
	rules_writer_deinit(&book->rules);
	versions_writer_deinit(&book->versions);
}

/* adding */

/* The texts of a rule: its tags, each once, and last the name of its sender if it has one. */
struct texts {
	struct table_text texts[RULES_TAGS_MAX + 1];
	uint32_t ids[RULES_TAGS_MAX + 1];
	uint32_t uses[RULES_TAGS_MAX + 1];
	uint32_t n_texts;
	uint32_t n_tags;
};

static bool
texts_have(const struct texts *texts, const struct table_text *text)
{
	for (uint32_t i = 0; i < texts->n_texts; i++)
		if (texts->texts[i].size == text->size &&
			memcmp(texts->texts[i].text, text->text, text->size) == 0)
			return true;
	return false;
}

static int
text_check(const struct table_text *text)
{
	if (text->size == 0)
		return -EINVAL;
	return text->size > TAGS_TEXT_MAX ? -E2BIG : 0;
}

static int
texts_collect(const struct rule_spec *spec, struct texts *ret)
{
	int r;

	if (spec->n_tags > RULES_TAGS_MAX)
		return -E2BIG;
	ret->n_texts = 0;
	for (size_t i = 0; i < spec->n_tags; i++) {
		r = text_check(&spec->tags[i]);
		if (r)
			return error_trace(r);
		if (!texts_have(ret, &spec->tags[i]))
			ret->texts[ret->n_texts++] = spec->tags[i];
	}
	ret->n_tags = ret->n_texts;
	if (spec->sender_name.text) {
		r = text_check(&spec->sender_name);
		if (r)
			return error_trace(r);
		ret->texts[ret->n_texts++] = spec->sender_name;
	}
	return 0;
}

static int
texts_reserve(struct rulebook *book, const struct texts *texts)
{
	uint32_t n_units = 0;
	int r_tags, r_rules;

	for (uint32_t i = 0; i < texts->n_texts; i++)
		n_units += tags_units(texts->texts[i].size);
	/* Both are asked, so that both are grown at once if both are full. */
	r_tags = table_reserve(&book->tags.table, n_units);
	r_rules = table_reserve(&book->rules.table, rules_units(texts->n_tags));
	return r_tags ? r_tags : r_rules;
}

static void
texts_unref(struct rulebook *book, const struct texts *texts, uint32_t n)
{
	while (n-- > 0)
		tags_unref(&book->tags, texts->ids[n]);
}

static int
texts_ref(struct rulebook *book, struct texts *texts)
{
	int r;

	for (uint32_t i = 0; i < texts->n_texts; i++) {
		r = tags_ref(&book->tags, texts->texts[i].text, texts->texts[i].size,
			&texts->ids[i], &texts->uses[i]);
		if (r) {
			texts_unref(book, texts, i);
			return error_fold(r); /* there is room */
		}
	}
	return 0;
}

static int
compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* What it is indexed by: its sender, else its rarest tag, else nothing. */
static void
texts_index(const struct rule_spec *spec, const struct texts *texts, struct rule *rule)
{
	uint32_t rarest = 0;

	if (spec->sender_name.text) {
		rule->kind = RULE_NAME;
		rule->value = texts->ids[texts->n_texts - 1];
	} else if (spec->sender) {
		rule->kind = RULE_PEER;
		rule->value = spec->sender;
	} else if (texts->n_tags == 0) {
		rule->kind = RULE_TAGLESS;
	} else {
		for (uint32_t i = 1; i < texts->n_tags; i++)
			if (texts->uses[i] < texts->uses[rarest])
				rarest = i;
		rule->kind = RULE_TAG;
		rule->value = texts->ids[rarest];
	}
	for (uint32_t i = 0; i < texts->n_tags; i++)
		if (rule->kind != RULE_TAG || i != rarest)
			rule->tags[rule->n_tags++] = texts->ids[i];
	qsort(rule->tags, rule->n_tags, sizeof(rule->tags[0]), compare_ids);
}

/* Tell publishers that the rules under this key are not what they were. */
static void
book_bump(struct rulebook *book, const struct rule *rule)
{
	char text[TAGS_TEXT_MAX + 1];
	uint32_t index = VERSIONS_TAGLESS;

	if (rule->kind == RULE_PEER)
		index = versions_of_peer(rule->value);
	else if (rule->kind == RULE_NAME)
		index = versions_of_name(text, tags_text(&book->tags, (uint32_t)rule->value, text));
	else if (rule->kind == RULE_TAG)
		index = versions_of_tag(text, tags_text(&book->tags, (uint32_t)rule->value, text));
	versions_bump(&book->versions, index);
	if (book->bumped)
		book->bumped(book, index);
}

int
rulebook_add(struct rulebook *book, const struct rule_spec *spec)
{
	struct texts texts;
	struct rule rule = {
		.subscriber = spec->subscriber,
		.id = spec->id,
		.policy = spec->policy,
		.key = spec->key,
		.queue = spec->queue,
		.max_rate = spec->max_rate,
	};
	int r;

	assert(spec->subscriber != 0);

	r = texts_collect(spec, &texts);
	if (r)
		return error_trace(r);
	if (rules_has(&book->rules, spec->subscriber, spec->id))
		return TABLE_E_EXISTS;
	r = texts_reserve(book, &texts);
	if (r)
		return r; /* same answers as ours */
	r = texts_ref(book, &texts);
	if (r)
		return error_trace(r);
	texts_index(spec, &texts, &rule);
	r = rules_add(&book->rules, &rule);
	if (r) {
		texts_unref(book, &texts, texts.n_texts);
		return error_fold(r); /* there is room, and it is new */
	}
	book_bump(book, &rule);
	/*
	 * T8: the rule and its version, then the answer. Whoever publishes
	 * state stores it, fences, and loads the version; whoever subscribes
	 * waits for the answer and loads the state. Without both fences each
	 * could miss the other's store.
	 */
	fence_seq();
	return 0;
}

/* removing */

/* The rule is out of its table already: tell, and give back its tags. */
static void
book_drop(struct rulebook *book, const struct rule *rule)
{
	book_bump(book, rule);
	for (uint32_t i = 0; i < rule->n_tags; i++)
		tags_unref(&book->tags, rule->tags[i]);
	if (rule->kind == RULE_TAG || rule->kind == RULE_NAME)
		tags_unref(&book->tags, (uint32_t)rule->value);
}

int
rulebook_remove(struct rulebook *book, uint64_t subscriber, uint64_t id)
{
	struct rule rule;
	int r;

	r = rules_remove(&book->rules, subscriber, id, &rule);
	if (r)
		return r; /* same answers as ours */
	book_drop(book, &rule);
	return 0;
}

size_t
rulebook_remove_peer(struct rulebook *book, uint64_t subscriber)
{
	struct rule rule;
	size_t n = 0;

	for (; rules_remove_any(&book->rules, subscriber, &rule) == 0; n++)
		book_drop(book, &rule);
	return n;
}

/* growing */

static int
grow_if_full(struct table_writer *table, bool *ret_grown)
{
	int r = 0;

	*ret_grown = table->full && !table->old.base;
	if (*ret_grown)
		r = table_grow(table);
	if (r)
		*ret_grown = false;
	return error_trace(r);
}

int
rulebook_grow(struct rulebook *book, bool *ret_tags, bool *ret_rules)
{
	int r;

	r = grow_if_full(&book->tags.table, ret_tags);
	if (r) {
		*ret_rules = false;
		return error_trace(r);
	}
	/* If only this one fails, the grown one is told of all the same. */
	return error_trace(grow_if_full(&book->rules.table, ret_rules));
}

void
rulebook_forward(struct rulebook *book)
{
	table_forward(&book->tags.table);
	table_forward(&book->rules.table);
}

void
rulebook_complete(struct rulebook *book)
{
	table_complete(&book->tags.table);
	table_complete(&book->rules.table);
}

size_t
rulebook_bytes(const struct rulebook *book)
{
	return table_bytes(&book->tags.table) + table_bytes(&book->rules.table) +
	       book->versions.segment.size;
}
