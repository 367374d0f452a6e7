/* SPDX-License-Identifier: MIT */

/* topic: sets of tags to publish with, and who hears them; see topic.h */

#include <stdlib.h>

#include "base/atomic.h"
#include "client/daemon.h"
#include "client/error.h"
#include "client/listeners.h"
#include "client/rights.h"
#include "client/tag.h"
#include "client/topic.h"
#include "shm/hash.h"

static_assert(TOPIC_WORDS % TOPIC_WORDS_STEP == 0, "in whole steps");

static const _Atomic uint64_t never; /* changes */

#define TOPIC_SEED UINT64_C(0x7465726e) /* any: compared inside of this process */

/* --- topics --- */

static tern_topic *
topic_free(tern_topic *topic)
{
	free(topic->split);
	free(topic->recipients);
	free(topic->wishes);
	free(topic);
	return NULL;
}

static tern_topic **
topic_idle(tern_bus *bus, uint64_t hash)
{
	return &bus->idle_topics[hash % IDLE_TOPICS];
}

void
topics_drop_idle(tern_bus *bus)
{
	for (size_t i = 0; i < IDLE_TOPICS; i++)
		if (bus->idle_topics[i])
			bus->idle_topics[i] = topic_free(bus->idle_topics[i]);
}

/* topic_put_aside() - keep it, with its plan, in place of another one that nobody asked for again */
static void
topic_put_aside(tern_bus *bus, tern_topic *topic)
{
	tern_topic **idle = topic_idle(bus, topic->hash);

	if (*idle)
		(void)topic_free(*idle); /* always NULL */
	store_rlx(&topic->expiry, 0); /* nobody has it now */
	*idle = topic;
	if (bus->closed)
		*idle = topic_free(topic);
}

tern_topic *
topic_unref_locked(tern_topic *topic)
{
	if (topic && --topic->refs == 0) {
		tern_bus *bus = topic->bus;

		topic_put_aside(bus, topic);
		(void)bus_unref(bus); /* not the last: the caller holds its lock */
	}
	return NULL;
}

/* topic_take() - the one with these tags that was put aside, or NULL */
static tern_topic *
topic_take(tern_bus *bus, const uint8_t *tags, size_t size, uint64_t hash)
{
	tern_topic **idle = topic_idle(bus, hash), *topic = *idle;

	if (!topic || topic->hash != hash || topic->tags_size != size || memcmp(topic->tags, tags, size) != 0)
		return NULL;
	*idle = NULL;
	return topic;
}

static tern_topic *
topic_make(const uint8_t *tags, uint16_t size, uint8_t n, uint64_t hash)
{
	struct wire_header head = {.kind = WIRE_EVENT, .tags_size = size, .n_tags = n};
	struct wire_places places;
	tern_topic *topic;
	uint8_t *record;

	wire_places(&head, &places);
	topic = calloc(1, offsetof(tern_topic, head) + places.parts);
	if (!topic)
		return NULL;
	store_rlx(&topic->turn, 1); /* nobody has it yet, as in all here */
	for (size_t i = 0; i < TOPIC_WORDS; i++)
		store_rlx(&topic->words[i], &never); /* who reads of two plans reads something */
	topic->hash = hash;
	topic->n_tags = n;
	topic->tags_size = size;
	topic->head = head;
	topic->head_size = places.parts;
	record = (uint8_t *)topic + offsetof(tern_topic, head);
	topic->tags = memcpy(record + places.tags, tags, size);
	return topic;
}

_public_ int
tern_topic_new(tern_bus *bus, const char *const *tags, tern_topic **ret)
{
	uint8_t encoded[TERN_MAX_HEADER], n;
	tern_topic *topic;
	uint16_t size;
	uint64_t hash;
	int r;

	r = tags_write(tags, encoded, &size, &n);
	if (r < 0)
		return r;
	if (n == 0)
		return error_set(-EINVAL, ERROR_INVALID, "a topic needs a tag");
	if (tags_have_tap(encoded, n))
		return error_set(-EINVAL, ERROR_INVALID, "the tag " TERN_TAG_TAP " is for copies that the library makes");
	hash = hash_bytes(TOPIC_SEED, encoded, size);
	r = bus_enter(bus);
	if (r < 0)
		return r;
	topic = topic_take(bus, encoded, size, hash);
	if (!topic)
		topic = topic_make(encoded, size, n, hash);
	if (topic) {
		topic->refs = 1;
		topic->bus = bus_ref(bus);
		*ret = topic;
	}
	bus_leave(bus);
	return topic ? 0 : error_errno(-ENOMEM, "topic");
}

_public_ tern_topic *
tern_topic_free(tern_topic *topic)
{
	tern_bus *bus;

	if (!topic || bus_is_forked(topic->bus))
		return NULL;
	bus = bus_ref(topic->bus);
	bus_lock(bus);
	listeners_end(topic);
	(void)topic_unref_locked(topic); /* always NULL */
	(void)pthread_mutex_unlock(&bus->lock);
	return (tern_topic *)bus_unref(bus); /* NULL */
}

uint64_t
topic_set(tern_topic *topic)
{
	const uint8_t *tags = topic->tags;
	struct tag split[WIRE_MAX_TAGS];

	if (topic->set)
		return topic->set;
	tags_hash(&tags, topic->n_tags, split);
	for (uint8_t i = 0; i < topic->n_tags; i++)
		topic->set += split[i].hash;
	topic->set += topic->set == 0;
	return topic->set;
}

_public_ int
tern_topic_set_expiry(tern_topic *topic, uint64_t ns)
{
	store_rlx(&topic->expiry, ns); /* a number, for what is published from now on */
	return 0;
}

/* --- who hears it --- */

/* sum_all_senders() - where there are too many own names to remember the word of each */
static _cold_ uint64_t
sum_all_senders(const struct versions *versions)
{
	uint64_t sum = 0;

	for (uint32_t at = 0; at < VERSIONS_N_SENDERS; at++)
		sum += versions_load(versions, VERSIONS_SENDERS + at);
	return sum;
}

/* word_at() - T7, or that of bus_plans_end(); its place Q1 */
static inline uint64_t
word_at(const topic_word *at)
{
	return load_acq(load_rlx(at));
}

/* topic_sum() - of the words that decide. They only rise: the same sum is the same words. */
static inline uint64_t
topic_sum(const tern_topic *topic)
{
	uint32_t n = load_rlx(&topic->n_words); /* Q1 */
	const topic_word *at = topic->words, *end;
	uint64_t sum = word_at(&topic->bus->life);

	if (unlikely(n > TOPIC_WORDS)) {
		n = TOPIC_WORDS;
		sum += sum_all_senders(&topic->bus->versions);
	}
	for (end = at + n; at < end; at += TOPIC_WORDS_STEP)
		sum += word_at(at) + word_at(at + 1) + word_at(at + 2) + word_at(at + 3);
	return sum;
}

/* plan_holds() - nothing changed that could matter to this topic; with the lock */
static inline bool
plan_holds(const tern_topic *topic)
{
	/* Relaxed: written under the lock that we have. */
	return !(load_rlx(&topic->turn) & 1) && topic_sum(topic) == load_rlx(&topic->sum);
}

/* plan_glance() - the same without the lock, on a bus. Return: 1 there is one that holds, and what it says; 0 no. */
static inline int
plan_glance(const tern_topic *topic, bool *ret_heard)
{
	uint32_t turn = load_acq(&topic->turn); /* Q1 */
	const tern_bus *bus = topic->bus;
	bool heard;

	if (unlikely(turn & 1 || !bus->versions.words || bus_is_forked(bus)))
		return 0;
	/* Relaxed, all of the plan: Q1 tells if it is of two. */
	heard = load_rlx(&topic->is_heard);
	if (unlikely(load_rlx(&topic->sum) != topic_sum(topic)))
		return 0;
	fence_acq(); /* Q1 */
	if (unlikely(load_rlx(&topic->turn) != turn))
		return 0;
	*ret_heard = heard;
	return 1;
}

/* What a plan is made of: an entry for each rule that matches. */
struct plan {
	struct plan_entry *entries;
	size_t n;
};

/* plan_add() - once for each rule; the memory doubles where n is a power of two */
static int
plan_add(struct plan *plan, tern_peer peer, const struct wish *wish)
{
	size_t n = plan->n;
	struct plan_entry *entries;

	if ((n & (n - 1)) == 0) {
		entries = reallocarray(plan->entries, MAX(2 * n, (size_t)1), sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		plan->entries = entries;
	}
	plan->entries[plan->n++] = (struct plan_entry){.peer = peer, .wish = *wish};
	return 0;
}

static int
compare_peers(const void *a, const void *b)
{
	const struct plan_entry *x = a, *y = b;

	return (x->peer > y->peer) - (x->peer < y->peer);
}

/* plan_merge() - each peer once, with all that it wishes */
static void
plan_merge(struct plan *plan)
{
	struct plan_entry *entries = plan->entries;
	size_t n = 0;

	if (plan->n > 1)
		qsort(entries, plan->n, sizeof(*entries), compare_peers);
	for (size_t i = 0; i < plan->n; i++) {
		if (n > 0 && entries[n - 1].peer == entries[i].peer)
			wish_merge(&entries[n - 1].wish, &entries[i].wish);
		else
			entries[n++] = entries[i];
	}
	plan->n = n;
}

/* plan_judge() - without those that may not hear this program */
static void
plan_judge(tern_bus *bus, struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		if (rights_may_hear(bus, plan->entries[i].peer))
			plan->entries[n++] = plan->entries[i];
	plan->n = n;
}

/* plan_keep() - the topic's from now on */
static int
plan_keep(tern_topic *topic, const struct plan *plan)
{
	struct recipient *recipients = reallocarray(topic->recipients, plan->n + 1, sizeof(*recipients));
	struct wish *wishes = reallocarray(topic->wishes, plan->n + 1, sizeof(*wishes));

	topic->recipients = recipients ? recipients : topic->recipients;
	topic->wishes = wishes ? wishes : topic->wishes;
	if (!recipients || !wishes)
		return -ENOMEM;
	topic->has_paced = false;
	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_entry *entry = &plan->entries[i];

		recipients[i] = (struct recipient){
			.peer = entry->peer,
			.wait = entry->wish.policy == TERN_WAIT,
			.is_paced = entry->wish.interval > 0,
		};
		wishes[i] = entry->wish;
		topic->has_paced |= recipients[i].is_paced;
	}
	topic->n_recipients = plan->n;
	return 0;
}

/* plan_watch() - what decides from now on. Read before what it decides, so that what changes meanwhile shows. */
static void
plan_watch(tern_topic *topic, const uint32_t *words_at, size_t n_words)
{
	const struct versions *versions = &topic->bus->versions;
	bool of_all = n_words > 0 && words_at[n_words - 1] == TOPIC_ALL_SENDERS;
	uint32_t n = 0;

	store_rlx(&topic->words[n++], &topic->bus->plans_version); /* Q1, as all here */
	for (size_t i = 0; i < n_words - of_all; i++)
		store_rlx(&topic->words[n++], &versions->words[words_at[i]]);
	while (n % TOPIC_WORDS_STEP || (of_all && n < TOPIC_WORDS))
		store_rlx(&topic->words[n++], &never);
	store_rlx(&topic->n_words, of_all ? TOPIC_WORDS + 1 : n);
	store_rlx(&topic->sum, topic_sum(topic));
}

/* plan_direct() - by the rules that the other ends told, and one's own */
static int
plan_direct(tern_topic *topic, struct plan *plan)
{
	struct wish own = {.policy = TERN_DROP_NEWEST}; /* to oneself there is always room */
	tern_bus *bus = topic->bus;
	struct partner *partner, *next;
	tern_subscription *s;
	int r = topic->split ? 0 : tags_split(topic->tags, topic->n_tags, &topic->split);

	plan_watch(topic, NULL, 0);
	HASH_ITER (hh, bus->partners, partner, next)
		for (struct rule_here *rule = partner->rules; rule && r == 0; rule = rule->next)
			if (tags_match(rule->tags, rule->n_tags, topic->split, topic->n_tags))
				r = plan_add(plan, partner->id, &rule->wish);
	DL_FOREACH (bus->subscriptions, s) {
		own.is_tagless = s->n_tags == 0;
		if (r == 0 && tags_match(s->tags, s->n_tags, topic->split, topic->n_tags))
			r = plan_add(plan, bus->id, &own);
	}
	return r;
}

/* plan_tables() - by ternd's tables */
static int
plan_tables(tern_topic *topic, struct plan *plan)
{
	tern_bus *bus = topic->bus;
	uint32_t words_at[TOPIC_WORDS - 1];
	size_t n_words;
	int r;

	r = daemon_map_rules(bus);
	if (r < 0)
		return r;
	n_words = daemon_versions(bus, topic->tags, topic->n_tags, words_at, ARRAY_SIZE(words_at));
	plan_watch(topic, words_at, n_words);
	return daemon_match(bus, topic->tags, topic->n_tags, &plan->entries, &plan->n);
}

/* plan_anew() - the plan does not hold any more */
static _cold_ int
plan_anew(tern_topic *topic)
{
	struct daemon *daemon = topic->bus->daemon;
	struct plan plan = {0};
	bool is_away = false;
	uint32_t turn;
	int r;

	if (daemon) {
		daemon_look(topic->bus);
		is_away = daemon_is_away(daemon);
	}
	turn = load_rlx(&topic->turn) | 1; /* written under the lock that we have */
	store_rel(&topic->turn, turn); /* Q1 */
	fence_rel();
	r = daemon ? plan_tables(topic, &plan) : plan_direct(topic, &plan);
	if (r == 0) {
		plan_merge(&plan);
		plan_judge(topic->bus, &plan);
		r = plan_keep(topic, &plan);
	}
	free(plan.entries);
	if (r < 0)
		return error_or(r, "matching");
	store_rlx(&topic->is_heard, plan.n > 0);
	if (!is_away) /* else it is made anew each time, and the next ternd looked for */
		store_rel(&topic->turn, turn + 1); /* Q1 */
	return 0;
}

int
topic_plan(tern_topic *topic)
{
	return likely(plan_holds(topic)) ? 0 : plan_anew(topic);
}

/* ask_locked() - by a plan that holds now */
static _cold_ int
ask_locked(tern_topic *topic)
{
	int r;

	r = bus_enter(topic->bus);
	if (r < 0)
		return r;
	r = topic_plan(topic) < 0 || topic->n_recipients > 0 || !topic_rules_known(topic->bus);
	bus_leave(topic->bus);
	return r;
}

int
topic_ask(tern_topic *topic)
{
	bool heard;

	return likely(plan_glance(topic, &heard)) ? heard : ask_locked(topic);
}

_public_ bool
tern_has_listeners(tern_topic *topic)
{
	return topic_ask(topic) > 0;
}
