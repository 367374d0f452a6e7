/* SPDX-License-Identifier: MIT */

/* rule: what the peers want to hear, and the matching of name events */

#include <stdio.h>

#include "bus/name.h"
#include "bus/rule.h"
#include "tern/cbor.h"
#include "wire/name.h"

static const struct control_text tag_new = {"new", 3};
static const struct control_text tag_gone = {"gone", 4};
/* and as events of the interface org.tern.Bus */
static const struct control_text event_new = {"org.tern.Bus.New", 16};
static const struct control_text event_gone = {"org.tern.Bus.Gone", 17};

/* A name event with the memory it lies in. */
struct name_event {
	struct control_event event;
	uint8_t payload[NAME_MAX_SIZE + 64];
};

static bool
is_same(const struct control_text *a, const struct control_text *b)
{
	return a->size == b->size && !memcmp(a->text, b->text, a->size);
}

static bool
is_news(const struct control_text *tag)
{
	return is_same(tag, &tag_new) || is_same(tag, &tag_gone) || is_same(tag, &event_new) ||
	       is_same(tag, &event_gone);
}

/* --- the index --- */

static struct bus_rule_list *
find_list(struct bus *bus, const struct control_text *tag)
{
	struct bus_rule_list *list;

	HASH_FIND(hh, bus->heard, tag->text, tag->size, list);
	return list;
}

static struct bus_rule_list *
make_list(struct bus *bus, const struct control_text *tag)
{
	struct bus_rule_list *list = find_list(bus, tag);

	if (list)
		return list;
	list = calloc(1, sizeof(*list) + tag->size);
	if (!list)
		return NULL;
	list->size = tag->size;
	memcpy(list->tag, tag->text, tag->size);
	HASH_ADD_KEYPTR(hh, bus->heard, list->tag, list->size, list);
	if (!hash_added(list, hh)) {
		free(list);
		return NULL;
	}
	return list;
}

static const struct control_text *
choose_tag(const struct bus_rule *rule)
{
	for (size_t i = 0; i < rule->n_tags; i++)
		if (!is_news(&rule->tags[i]))
			return &rule->tags[i];
	return &rule->tags[0];
}

static bool
hears_ternd(const struct bus_rule *rule)
{
	return rule->sender == BUS_SENDER_ANY || rule->sender == BUS_SENDER_TERND;
}

static int
index_rule(struct bus_rule *rule)
{
	struct bus *bus = rule->peer->bus;

	if (!hears_ternd(rule))
		return 0;
	if (rule->n_tags == 0) {
		DL_APPEND(bus->tagless, rule);
		return 0;
	}
	rule->list = make_list(bus, choose_tag(rule));
	if (!rule->list)
		return -ENOMEM;
	DL_APPEND(rule->list->rules, rule);
	return 0;
}

static void
unindex_rule(struct bus_rule *rule)
{
	struct bus *bus = rule->peer->bus;
	struct bus_rule_list *list = rule->list;

	if (!rule->prev)
		return; /* was never in a list */
	if (!list) {
		DL_DELETE(bus->tagless, rule);
		return;
	}
	DL_DELETE(list->rules, rule);
	if (!list->rules) {
		HASH_DEL(bus->heard, list);
		free(list);
	}
}

/* --- life cycle --- */

/* What is behind the rule: the list of tags, and what strings point into. */
static size_t
tail_size(const struct control_rule_add *spec)
{
	size_t size = spec->sender.size + spec->tags.n * sizeof(spec->tags.items[0]);

	for (size_t i = 0; i < spec->tags.n; i++)
		size += spec->tags.items[i].size;
	return size;
}

static struct control_text
copy_text(char **to, const struct control_text *from)
{
	struct control_text copy = {*to, from->size};

	memcpy(*to, from->text, from->size);
	*to += from->size;
	return copy;
}

static void
set_sender(struct bus_rule *rule, const struct control_text *sender, char **to)
{
	if (!sender->text)
		return;
	if (name_get_id(sender->text, sender->size, &rule->sender_id)) {
		rule->sender = BUS_SENDER_PEER;
	} else if (name_is_reserved(sender->text, sender->size)) {
		rule->sender_id = CONTROL_PEER_TERND;
	} else {
		rule->sender = BUS_SENDER_NAME;
		rule->sender_name = copy_text(to, sender);
	}
	if (rule->sender_id == CONTROL_PEER_TERND)
		rule->sender = BUS_SENDER_TERND;
}

static void
fill_rule(struct bus_rule *rule, const struct control_rule_add *spec)
{
	char *to = (char *)(rule->tags + spec->tags.n);

	rule->policy = spec->policy;
	rule->is_tap = bus_rule_is_tap(&spec->tags);
	rule->queue = spec->queue;
	rule->max_rate = spec->max_rate;
	set_sender(rule, &spec->sender, &to);
	rule->n_tags = spec->tags.n;
	for (size_t i = 0; i < spec->tags.n; i++)
		rule->tags[i] = copy_text(&to, &spec->tags.items[i]);
}

bool
bus_rule_is_tap(const struct control_tags *tags)
{
	const struct control_text tap = {CONTROL_TAG_TAP, sizeof(CONTROL_TAG_TAP) - 1};

	for (size_t i = 0; i < tags->n; i++)
		if (is_same(&tags->items[i], &tap))
			return true;
	return false;
}

static int
charge_rule(struct bus_rule *rule, size_t size)
{
	struct bus_peer *peer = rule->peer;
	int r;

	r = bus_charge(peer->bus, &rule->charge, peer->user, QUOTA_RULES, 1);
	if (r)
		return r;
	return bus_charge(peer->bus, &rule->bytes, peer->user, QUOTA_BYTES, size);
}

static int
link_rule(struct bus_rule *rule)
{
	struct bus_peer *peer = rule->peer;
	struct bus *bus = peer->bus;
	int r;

	HASH_ADD(hh, bus->rules, key, sizeof(rule->key), rule);
	if (!hash_added(rule, hh))
		return -ENOMEM;
	r = index_rule(rule);
	if (r) {
		HASH_DEL(bus->rules, rule);
		return r;
	}
	DL_APPEND2(peer->rules, rule, peer_prev, peer_next);
	bus->counts.rules++;
	peer->n_rules++;
	return 0;
}

int
bus_rule_add(struct bus_peer *peer, const struct control_rule_add *spec, struct bus_rule **ret)
{
	size_t size = sizeof(struct bus_rule) + tail_size(spec);
	struct bus_rule *rule;
	int r;

	assert(spec->tags.n <= CONTROL_MAX_TAGS);
	if (bus_rule_find(peer, spec->rule))
		return BUS_E_RULE_EXISTS;
	rule = calloc(1, size);
	if (!rule)
		return -ENOMEM;
	rule->key = (struct bus_rule_key){peer->id, spec->rule};
	rule->peer = peer;
	r = charge_rule(rule, size);
	if (!r) {
		fill_rule(rule, spec);
		r = link_rule(rule);
	}
	if (r) {
		quota_release(&rule->bytes);
		quota_release(&rule->charge);
		free(rule);
		return r;
	}
	*ret = rule;
	return 0;
}

struct bus_rule *
bus_rule_find(struct bus_peer *peer, uint64_t number)
{
	struct bus_rule_key key = {peer->id, number};
	struct bus_rule *rule;

	HASH_FIND(hh, peer->bus->rules, &key, sizeof(key), rule);
	return rule;
}

struct bus_rule *
bus_rule_free(struct bus_rule *rule)
{
	if (!rule)
		return NULL;
	unindex_rule(rule);
	HASH_DEL(rule->peer->bus->rules, rule);
	DL_DELETE2(rule->peer->rules, rule, peer_prev, peer_next);
	rule->peer->bus->counts.rules--;
	rule->peer->n_rules--;
	quota_release(&rule->bytes);
	quota_release(&rule->charge);
	free(rule);
	return NULL;
}

/* --- name events --- */

static bool
has_tag(const struct control_event_tags *tags, const struct control_text *tag)
{
	for (size_t i = 0; i < tags->n; i++)
		if (is_same(&tags->items[i], tag))
			return true;
	return false;
}

static void
add_tag(struct control_event *event, const char *text, size_t size)
{
	struct control_text tag = {text, size};

	if (has_tag(&event->tags, &tag))
		return; /* a label that repeats a prefix */
	assert(event->tags.n < CONTROL_MAX_EVENT_TAGS);
	event->tags.items[event->tags.n++] = tag;
}

/* The longest name has 127 dots: with `new` and its event, itself and the labels it stays below the limit. */
static_assert(3 + NAME_MAX_SIZE / 2 + CONTROL_MAX_TAGS <= CONTROL_MAX_EVENT_TAGS, "tags of a name");

static void
fill_payload(struct name_event *e, const struct bus_name *name, uint64_t old, uint64_t new)
{
	struct tern_cbor_writer w;
	size_t size;
	int r;

	tern_cbor_writer_init(&w, e->payload, sizeof(e->payload));
	tern_cbor_put_map(&w, 3);
	tern_cbor_put_string(&w, "name");
	tern_cbor_put_text(&w, name->text, name->size);
	tern_cbor_put_string(&w, "old");
	tern_cbor_put_uint(&w, old);
	tern_cbor_put_string(&w, "new");
	tern_cbor_put_uint(&w, new);
	r = tern_cbor_writer_finish(&w, &size);
	assert(r == 0);
	e->event.payload = (struct control_bytes){e->payload, size};
}

static void
fill_event(struct name_event *e, const struct bus_owner *owner, bool is_gone, uint64_t old,
	uint64_t new)
{
	const struct bus_name *name = owner->name;
	const struct control_text *news = is_gone ? &tag_gone : &tag_new;

	e->event.tags.n = 0;
	e->event.rule = e->event.lost = 0;
	add_tag(&e->event, news->text, news->size);
	add_tag(&e->event, name->text, name->size);
	for (size_t i = name->size; i-- > 1;)
		if (name->text[i] == '.')
			add_tag(&e->event, name->text, i);
	for (size_t i = 0; i < owner->n_labels; i++)
		add_tag(&e->event, owner->labels[i].text, owner->labels[i].size);
	add_tag(&e->event, is_gone ? event_gone.text : event_new.text, is_gone ? event_gone.size : event_new.size);
	fill_payload(e, name, old, new);
}

static bool
is_match(const struct bus_rule *rule, const struct control_event *event)
{
	for (size_t i = 0; i < rule->n_tags; i++)
		if (!has_tag(&event->tags, &rule->tags[i]))
			return false;
	return true;
}

static void
tell_rule(struct bus_rule *rule, const struct control_event *event)
{
	struct bus *bus = rule->peer->bus;

	if (rule->peer->mark == bus->last_mark || !is_match(rule, event))
		return;
	rule->peer->mark = bus->last_mark;
	bus->host->name_event(bus->user, rule->peer, event);
}

void
bus_tell(const struct bus_owner *owner, bool is_gone, uint64_t old, uint64_t new)
{
	struct bus *bus = owner->name->bus;
	struct bus_rule_list *list;
	struct bus_rule *rule;
	struct name_event e;

	fill_event(&e, owner, is_gone, old, new);
	bus->last_mark++;
	DL_FOREACH (bus->tagless, rule)
		tell_rule(rule, &e.event);
	for (size_t i = 0; i < e.event.tags.n; i++) {
		list = find_list(bus, &e.event.tags.items[i]);
		if (!list)
			continue;
		DL_FOREACH (list->rules, rule)
			tell_rule(rule, &e.event);
	}
}

/* Might this tag be on the name's events? Cheaper than making one, of which there may be thousands.
 */
static bool
may_have_tag(const struct bus_owner *owner, const struct control_text *tag)
{
	const struct bus_name *name = owner->name;

	if (is_news(tag))
		return true;
	if (tag->size <= name->size && !memcmp(tag->text, name->text, tag->size) &&
		(tag->size == name->size || name->text[tag->size] == '.'))
		return true;
	for (size_t i = 0; i < owner->n_labels; i++)
		if (is_same(&owner->labels[i], tag))
			return true;
	return false;
}

void
bus_rule_describe(const struct bus_rule *rule, struct bus_rule_id *id, struct control_rule_add *ret)
{
	*ret = (struct control_rule_add){
		.rule = rule->key.number,
		.policy = rule->policy,
		.queue = rule->queue,
		.max_rate = rule->max_rate,
	};
	switch (rule->sender) {
	case BUS_SENDER_TERND:
		ret->sender = (struct control_text){"tern", 4};
		break;
	case BUS_SENDER_PEER:
		ret->sender.size = (size_t)snprintf(id->text, sizeof(id->text), ":%llu",
			(unsigned long long)rule->sender_id); /* fits */
		ret->sender.text = id->text;
		break;
	case BUS_SENDER_NAME:
		ret->sender = rule->sender_name;
		break;
	case BUS_SENDER_ANY:
		break;
	}
	ret->tags.n = rule->n_tags;
	for (size_t i = 0; i < rule->n_tags; i++)
		ret->tags.items[i] = rule->tags[i];
}

void
bus_rule_tell(struct bus_rule *rule)
{
	struct bus *bus = rule->peer->bus;
	struct bus_name *name, *next;
	struct bus_owner *owner;
	struct name_event e;

	if (!hears_ternd(rule))
		return;
	for (size_t i = 0; i < rule->n_tags; i++)
		if (is_same(&rule->tags[i], &tag_gone) || is_same(&rule->tags[i], &event_gone))
			return; /* who is there has not gone */
	HASH_ITER (hh, bus->names, name, next) {
		owner = bus_name_owner(name);
		if (rule->n_tags && !may_have_tag(owner, choose_tag(rule)))
			continue;
		fill_event(&e, owner, false, 0, owner->peer->id);
		e.event.rule = rule->key.number;
		if (is_match(rule, &e.event))
			bus->host->name_event(bus->user, rule->peer, &e.event);
	}
}
