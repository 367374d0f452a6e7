/* SPDX-License-Identifier: MIT */

/* daemon-match: who hears a topic, by the rules in ternd's tables; contracts in daemon.h */

#include <stdlib.h>

#include "client/daemon-state.h"
#include "client/error.h"
#include "client/topic.h"
#include "wire/header.h"

size_t
daemon_versions(tern_bus *bus, const uint8_t *tags, uint8_t n_tags, uint32_t *ret, size_t max)
{
	struct own_name *own, *next;
	size_t n = 0;

	assert(max >= WIRE_MAX_TAGS + 3u);
	ret[n++] = VERSIONS_TAGLESS;
	ret[n++] = versions_of_peer(bus->id);
	for (uint8_t i = 0; i < n_tags; i++) {
		uint8_t size;
		const char *tag = wire_tag_next(&tags, &size);

		ret[n++] = versions_of_tag(tag, size);
	}
	if (HASH_COUNT(bus->daemon->own) > max - n) {
		ret[n++] = TOPIC_ALL_SENDERS;
		return n;
	}
	HASH_ITER (hh, bus->daemon->own, own, next)
		ret[n++] = versions_of_name(own->name, strlen(own->name));
	return n;
}

static int
compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* match_once() - look everything up anew. Return: 0, TABLE_E_MOVED, _BUSY, -ENOMEM. */
static int
match_once(struct daemon *daemon, tern_peer id, const uint8_t *tags, uint8_t n_tags)
{
	size_t n_own = HASH_COUNT(daemon->own);
	_cleanup_(freep) uint32_t *names = calloc(n_own + 1, sizeof(*names));
	uint32_t ids[WIRE_MAX_TAGS];
	struct match_query query = {.tags = ids, .sender = id, .names = names};
	struct own_name *own, *next;
	size_t n = 0;
	int r;

	if (!names)
		return -ENOMEM;
	for (uint8_t i = 0; i < n_tags; i++) {
		uint8_t size;
		const char *tag = wire_tag_next(&tags, &size);

		r = tags_find(&daemon->tags, tag, size, &ids[n]);
		if (r && r != TABLE_E_NOT_FOUND)
			return r;
		n += r == 0; /* no rule names it: it cannot match */
	}
	qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < n; i++)
		if (query.n_tags == 0 || ids[i] != ids[query.n_tags - 1])
			ids[query.n_tags++] = ids[i];
	HASH_ITER (hh, daemon->own, own, next) {
		r = tags_find(&daemon->tags, own->name, strlen(own->name), &names[query.n_names]);
		if (r && r != TABLE_E_NOT_FOUND)
			return r;
		query.n_names += r == 0;
	}
	return rules_match(&daemon->rules, &query, &daemon->hits);
}

/* entries_of() - what was found, or why nothing was */
static int
entries_of(const struct rule_hits *hits, int r, struct plan_entry **ret, size_t *ret_n)
{
	struct plan_entry *entries;

	if (r)
		return r < 0 ? r : error_set(-EAGAIN, ERROR_NO_BUS, "the rules could not be read");
	entries = calloc(hits->n_hits + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < hits->n_hits; i++) {
		const struct rule_hit *hit = &hits->hits[i];

		entries[i].peer = hit->subscriber;
		entries[i].wish = wish_of(hit->id, hit->policy, hit->queue, hit->max_rate);
		entries[i].wish.is_tagless = hit->is_tagless;
	}
	*ret = entries;
	*ret_n = hits->n_hits;
	return 0;
}

int
daemon_match(tern_bus *bus, const uint8_t *tags, uint8_t n_tags, struct plan_entry **ret, size_t *ret_n)
{
	int r, tries = 0;

	do {
		r = match_once(bus->daemon, bus->id, tags, n_tags);
	} while (daemon_refresh(bus, r, &tries));
	return entries_of(&bus->daemon->hits, r, ret, ret_n);
}

/* --- taps --- */

_cold_ int
daemon_map_versions(tern_bus *bus)
{
	return daemon_need_table(bus, CONTROL_TABLE_VERSIONS);
}

/* match_taps() - as match_once(), for the one tag alone: a rule without tags hears no copies */
static int
match_taps(struct daemon *daemon)
{
	struct match_query query = {.n_tags = 1, .is_tagged = true};
	uint32_t id;
	int r;

	r = tags_find(&daemon->tags, TERN_TAG_TAP, strlen(TERN_TAG_TAP), &id);
	if (r == TABLE_E_NOT_FOUND) {
		daemon->hits.n_hits = 0;
		return 0;
	}
	query.tags = &id;
	return r ? r : rules_match(&daemon->rules, &query, &daemon->hits);
}

_cold_ int
daemon_match_taps(tern_bus *bus, struct plan_entry **ret, size_t *ret_n)
{
	int r, tries = 0;

	r = daemon_map_rules(bus);
	if (r < 0)
		return r;
	do {
		r = match_taps(bus->daemon);
	} while (daemon_refresh(bus, r, &tries));
	return entries_of(&bus->daemon->hits, r, ret, ret_n);
}
