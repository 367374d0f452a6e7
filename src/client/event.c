/* SPDX-License-Identifier: MIT */

/* event: topics and publishing; see event.h */

#include <stdlib.h>

#include "base/atomic.h"
#include "base/hook.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/error.h"
#include "client/event.h"
#include "client/message.h"
#include "client/tag.h"
#include "shm/hash.h"

#define TOPIC_SEED UINT64_C(0x7465726e) /* any: compared inside of this process */

/* --- topics --- */

static tern_topic *
topic_free(tern_topic *topic)
{
	free(topic->split);
	free(topic->recipients);
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
	*idle = topic;
	if (bus->closed)
		*idle = topic_free(topic);
}

tern_topic *
topic_unref_locked(tern_topic *topic)
{
	if (topic && sub_acqrel(&topic->refs, 1) == 1) {
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
	tern_topic *topic = calloc(1, sizeof(*topic) + size);

	if (!topic)
		return NULL;
	store_rlx(&topic->turn, 1); /* nobody has it yet */
	topic->hash = hash;
	topic->n_tags = n;
	topic->tags_size = size;
	memcpy(topic->tags, tags, size);
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
	hash = hash_bytes(TOPIC_SEED, encoded, size);
	r = bus_enter(bus);
	if (r < 0)
		return r;
	topic = topic_take(bus, encoded, size, hash);
	if (!topic)
		topic = topic_make(encoded, size, n, hash);
	if (topic) {
		store_rlx(&topic->refs, 1); /* nobody else has it */
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
	(void)topic_unref_locked(topic); /* always NULL */
	(void)pthread_mutex_unlock(&bus->lock);
	return (tern_topic *)bus_unref(bus); /* NULL */
}

/* --- who hears it --- */

/* topic_sum() - of the words that decide. They only rise: the same sum is the same words. */
static uint64_t
topic_sum(const tern_topic *topic)
{
	const struct versions *versions = &topic->bus->versions;
	uint32_t n = MIN(load_rlx(&topic->n_words), (uint32_t)TOPIC_WORDS); /* Q1 */
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = load_rlx(&topic->words_at[i]); /* Q1 */

		if (likely(at < VERSIONS_N_WORDS))
			sum += versions_load(versions, at);
		else
			for (at = 0; at < VERSIONS_N_SENDERS; at++)
				sum += versions_load(versions, VERSIONS_SENDERS + at);
	}
	return sum;
}

/* plan_holds() - nothing changed that could matter to this topic; with the lock */
static bool
plan_holds(const tern_topic *topic)
{
	/* Relaxed: written under the lock that we have. */
	return !(load_rlx(&topic->turn) & 1) &&
	       load_rlx(&topic->plans_version) == load_rlx(&topic->bus->plans_version) &&
	       topic_sum(topic) == load_rlx(&topic->sum);
}

/* plan_glance() - the same without the lock, on a bus. Return: 1 there is one that holds, and what it says; 0 no. */
static int
plan_glance(const tern_topic *topic, bool *ret_heard)
{
	uint32_t turn = load_acq(&topic->turn); /* Q1 */
	const tern_bus *bus = topic->bus;
	bool heard;

	if (turn & 1 || !bus->versions.words || bus_is_forked(bus))
		return 0;
	/* Relaxed, all of the plan: Q1 tells if it is of two. */
	heard = load_rlx(&topic->is_heard);
	if (load_rlx(&topic->plans_version) != load_acq(&bus->plans_version) ||
		load_rlx(&topic->sum) != topic_sum(topic))
		return 0;
	fence_acq(); /* Q1 */
	if (load_rlx(&topic->turn) != turn)
		return 0;
	*ret_heard = heard;
	return 1;
}

static int
plan_add(tern_topic *topic, size_t *n, tern_peer peer, bool wait)
{
	struct recipient *recipients;

	for (size_t i = *n; i-- > 0;) {
		if (topic->recipients[i].peer != peer)
			continue;
		topic->recipients[i].wait |= wait; /* the most preserving policy wins */
		return 0;
	}
	recipients = reallocarray(topic->recipients, *n + 1, sizeof(*recipients));
	if (!recipients)
		return -ENOMEM;
	topic->recipients = recipients;
	recipients[(*n)++] = (struct recipient){.peer = peer, .wait = wait};
	return 0;
}

/* plan_direct() - by the rules that the other ends told, and one's own */
static int
plan_direct(tern_topic *topic, size_t *n)
{
	tern_bus *bus = topic->bus;
	struct partner *partner, *next;
	tern_subscription *s;
	int r = topic->split ? 0 : tags_split(topic->tags, topic->n_tags, &topic->split);

	HASH_ITER (hh, bus->partners, partner, next)
		for (struct rule_here *rule = partner->rules; rule && r == 0; rule = rule->next)
			if (tags_match(rule->tags, rule->n_tags, topic->split, topic->n_tags))
				r = plan_add(topic, n, partner->id, rule->wait);
	DL_FOREACH (bus->subscriptions, s)
		if (r == 0 && tags_match(s->tags, s->n_tags, topic->split, topic->n_tags))
			r = plan_add(topic, n, bus->id, false);
	return r;
}

/* plan_tables() - by ternd's tables; the words are read first, so that what changes meanwhile shows */
static int
plan_tables(tern_topic *topic, size_t *n)
{
	tern_bus *bus = topic->bus;
	uint32_t words_at[TOPIC_WORDS];
	struct plan_entry *entries = NULL;
	size_t n_words, n_entries;
	int r;

	r = daemon_map_rules(bus);
	if (r < 0)
		return r;
	n_words = daemon_versions(bus, topic->tags, topic->n_tags, words_at, TOPIC_WORDS);
	for (size_t i = 0; i < n_words; i++)
		store_rlx(&topic->words_at[i], words_at[i]); /* Q1 */
	store_rlx(&topic->n_words, n_words);
	store_rlx(&topic->sum, topic_sum(topic));
	r = daemon_match(bus, topic->tags, topic->n_tags, &entries, &n_entries);
	for (size_t i = 0; r == 0 && i < n_entries; i++)
		r = plan_add(topic, n, entries[i].peer, entries[i].wait);
	free(entries);
	return r;
}

static int
topic_plan(tern_topic *topic)
{
	uint32_t turn = load_rlx(&topic->turn) | 1; /* written under the lock that we have */
	size_t n = 0;
	int r;

	if (likely(plan_holds(topic)))
		return 0;
	store_rel(&topic->turn, turn); /* Q1 */
	fence_rel();
	store_rlx(&topic->plans_version, load_rlx(&topic->bus->plans_version));
	r = topic->bus->daemon ? plan_tables(topic, &n) : plan_direct(topic, &n);
	if (r < 0)
		return error_or(r, "matching");
	topic->n_recipients = n;
	store_rlx(&topic->is_heard, n > 0);
	store_rel(&topic->turn, turn + 1); /* Q1 */
	return 0;
}

/* rules_known() - on direct links: is all known that the others want? Else anybody may listen. */
static bool
rules_known(tern_bus *bus)
{
	return bus->n_untold == 0; /* always on a bus */
}

/* topic_ask() - does anybody listen? Return: 0 nobody, 1, -ESHUTDOWN, -ECHILD. */
static int
topic_ask(tern_topic *topic)
{
	bool heard;
	int r;

	if (likely(plan_glance(topic, &heard)))
		return heard;
	r = bus_enter(topic->bus);
	if (r < 0)
		return r;
	r = topic_plan(topic) < 0 || topic->n_recipients > 0 || !rules_known(topic->bus);
	bus_leave(topic->bus);
	return r;
}

_public_ bool
tern_has_listeners(tern_topic *topic)
{
	return topic_ask(topic) > 0;
}

/* --- publishing --- */

/* What one trust domain gets. */
struct copy {
	struct domain *domain; /* counted */
	bool built;
	struct outgoing out;
	struct out_part parts[TERN_MAX_PARTS];
	struct block *blocks[TERN_MAX_PARTS]; /* of another domain; the own one's are the message's */
};

/* One publish under way. */
struct publish {
	tern_message *m;
	tern_topic *topic;
	uint32_t flags;
	uint64_t begin; /* of this process's clock */
	struct send_to *to, few[8];
	size_t n_to;
	bool self;
	struct copy own;      /* for the own domain */
	struct copy **others; /* for each other one that hears it */
	size_t n_others;
	tern_peer gave_up[8]; /* that could not be linked, or had no room in time */
	size_t n_gave_up;
};

static void
publish_init(struct publish *p, tern_message *m, uint32_t flags)
{
	p->m = m;
	p->topic = m->topic;
	p->flags = flags;
	p->begin = bus_clock(m->bus);
	p->to = p->few;
	p->others = NULL;
	p->n_others = p->n_gave_up = 0;
}

static void
publish_deinit(struct publish *p)
{
	for (size_t i = 0; i < p->n_others; i++) {
		struct copy *copy = p->others[i];

		for (size_t j = 0; j < TERN_MAX_PARTS; j++)
			(void)block_unref(copy->blocks[j]); /* readers have references of their own */
		(void)domain_unref(p->m->bus, copy->domain); /* always NULL */
		free(copy);
	}
	free(p->others);
	if (p->to != p->few)
		free(p->to);
}

static bool
has_given_up(const struct publish *p, tern_peer peer)
{
	for (size_t i = 0; i < p->n_gave_up; i++)
		if (p->gave_up[i] == peer)
			return true;
	return p->n_gave_up == ARRAY_SIZE(p->gave_up); /* enough waited for one publish */
}

static void
give_up(struct publish *p, tern_peer peer)
{
	if (p->n_gave_up < ARRAY_SIZE(p->gave_up))
		p->gave_up[p->n_gave_up++] = peer;
}

/* publish_deadline() - how long this receiver may hold the publisher up */
static uint64_t
publish_deadline(const struct publish *p, const struct partner *partner)
{
	const tern_bus *bus = p->topic->bus;

	if (partner && !partner->link->same_domain && !bus->max_wait_set)
		return p->begin; /* by default others hold up nobody */
	return clock_deadline_ns(p->begin, bus->max_wait);
}

/* publish_link() - the link to a receiver; a new one is waited for. *ret NULL: not this time. Return: 1 waited. */
static int
publish_link(struct publish *p, tern_peer peer, struct partner **ret)
{
	tern_bus *bus = p->topic->bus;
	int r;

	*ret = partner_find(bus, peer);
	if (*ret || has_given_up(p, peer))
		return 0;
	if (!bus->daemon || daemon_is_stalled(bus))
		r = -ENXIO;
	else if (p->flags & TERN_NONBLOCK)
		r = daemon_introduce_for(bus, peer, NULL) < 0 ? -ENXIO : -EAGAIN; /* for the next one */
	else
		r = daemon_introduce(bus, peer, publish_deadline(p, NULL), ret);
	if (r < 0)
		give_up(p, peer);
	return 1;
}

/* publish_copy() - that of a domain; NULL: no memory */
static struct copy *
publish_copy(struct publish *p, struct domain *domain)
{
	tern_bus *bus = p->m->bus;
	struct copy **others, *copy;

	if (likely(domain == &bus->own))
		return &p->own;
	if (domain->slot < p->n_others && p->others[domain->slot]->domain == domain)
		return p->others[domain->slot];
	for (size_t i = 0; i < p->n_others; i++) /* another thread has published meanwhile */
		if (p->others[i]->domain == domain)
			return p->others[i];
	others = reallocarray(p->others, p->n_others + 1, sizeof(struct copy *));
	if (!others)
		return NULL;
	p->others = others;
	copy = calloc(1, sizeof(*copy));
	if (!copy)
		return NULL;
	copy->domain = domain_ref(bus, domain);
	domain->slot = p->n_others;
	p->others[p->n_others++] = copy;
	return copy;
}

/* publish_build() - the record for the domain of this partner. Return: 0, 2 it can have none, errno. */
static int
publish_build(struct publish *p, struct partner *partner, bool is_only, struct copy **ret)
{
	uint32_t max = is_only ? link_record_max(partner->link) : LINK_RING_SIZE / 4;
	struct copy *copy;
	int r = 0;

	if (unlikely(!partner->domain))
		return 2;
	copy = publish_copy(p, partner->domain);
	if (!copy)
		return -ENOMEM;
	if (!copy->built)
		r = message_out(p->m, max, &partner->domain->pool, copy == &p->own ? NULL : copy->blocks,
			&copy->out, copy->parts);
	copy->built = r == 0;
	*ret = copy;
	return r == -EDQUOT && copy != &p->own ? 2 : r; /* others do not keep the own domain from its events */
}

/* publish_room() - room at one receiver, or wait. Return: 0, 1 waited: begin again, LINK_E_FULL as 2, errno. */
static int
publish_room(struct publish *p, struct partner *partner, bool wait, const struct outgoing *out)
{
	tern_peer peer = partner->id; /* it may end while we wait */
	uint64_t deadline;
	int r;

	r = send_room(partner, out, true);
	if (r < 0)
		return 2; /* it is ending: nobody to tell */
	if (r == 0) {
		partner->slow = false;
		return 0;
	}
	if (!wait || partner->slow || has_given_up(p, partner->id))
		return 2;
	if (p->flags & TERN_NONBLOCK) {
		send_want_room(partner, out, true);
		return error_set(-EAGAIN, ERROR_FULL, "a subscriber that waits has no room");
	}
	deadline = publish_deadline(p, partner);
	partner->slow = true; /* until it has room */
	if (deadline <= clock_now_ns() ||
		send_wait_room(partner, out, true, deadline) < 0)
		give_up(p, peer);
	else if (partner_find(p->topic->bus, peer) == partner)
		partner->slow = false;
	return 1;
}

/* publish_one() - one recipient of the plan into the list. Return: 0, 1 begin again, errno. */
static int
publish_one(struct publish *p, const struct recipient *recipient, bool is_only)
{
	tern_bus *bus = p->topic->bus;
	struct partner *partner;
	struct copy *copy;
	int r;

	if (recipient->peer == bus->id) {
		p->self = true;
		return 0;
	}
	r = publish_link(p, recipient->peer, &partner);
	if (r)
		return r;
	if (!partner)
		return 0;
	r = publish_build(p, partner, is_only, &copy);
	if (r < 0)
		return r;
	if (r == 0)
		r = publish_room(p, partner, recipient->wait, &copy->out);
	if (r == 0)
		p->to[p->n_to++] = (struct send_to){.partner = partner, .out = &copy->out};
	return r == 2 ? 0 : r;
}

/* publish_learn() - on direct links: what the other ends want to hear. Return: 0, 1 waited. */
static int
publish_learn(struct publish *p)
{
	tern_bus *bus = p->topic->bus;
	struct partner *partner, *next;

	if (rules_known(bus))
		return 0;
	HASH_ITER (hh, bus->partners, partner, next) {
		tern_peer peer = partner->id;

		if (partner->knows_rules || has_given_up(p, peer))
			continue;
		if (p->flags & TERN_NONBLOCK || direct_wait_rules(partner, publish_deadline(p, NULL)) < 0)
			give_up(p, peer);
		return 1;
	}
	return 0;
}

/* publish_gather() - everybody who has room now. Return: 0, 1 begin again, errno. */
static int
publish_gather(struct publish *p)
{
	tern_topic *topic = p->topic;
	struct send_to *to;
	int r;

	r = publish_learn(p);
	if (r == 0)
		r = topic_plan(topic);
	if (r)
		return r;
	p->n_to = 0;
	p->self = false;
	p->own.built = false;
	for (size_t i = 0; i < p->n_others; i++)
		p->others[i]->built = false;
	if (topic->n_recipients == 0)
		return 0;
	if (topic->n_recipients > ARRAY_SIZE(p->few)) {
		to = reallocarray(p->to == p->few ? NULL : p->to, topic->n_recipients, sizeof(*to));
		if (!to)
			return -ENOMEM;
		p->to = to;
	}
	for (size_t i = 0; i < topic->n_recipients && r == 0; i++)
		r = publish_one(p, &topic->recipients[i], topic->n_recipients == 1);
	return r;
}

/*
 * look_around() - a program that only publishes takes nothing in, and would never learn that a link is at its end
 * while what it drops is lost to a new one
 */
static void
look_around(tern_bus *bus)
{
	if (bus->leader || ++bus->n_dropped % LOOK_AROUND != 0)
		return;
	(void)lead_try(bus); /* what came waits in the queue */
	lead_arm(bus, bus->queue.n > 0);
}

static void
count_lost(struct partner *partner)
{
	link_count_lost(partner->link, 1);
	fence_seq(); /* the counter is part of every look, so it is rung for as a record is */
	link_ring(partner->link, true, true);
}

/* publish_count() - those who did not get it have lost it */
static void
publish_count(struct publish *p)
{
	tern_topic *topic = p->topic;
	size_t k = 0;

	for (size_t i = 0; i < topic->n_recipients; i++) {
		struct partner *partner;

		if (topic->recipients[i].peer == topic->bus->id)
			continue;
		if (k < p->n_to && p->to[k].partner->id == topic->recipients[i].peer) {
			k++;
			continue;
		}
		partner = partner_find(topic->bus, topic->recipients[i].peer);
		if (!partner) {
			partner_missed(topic->bus, topic->recipients[i].peer);
			continue;
		}
		count_lost(partner);
	}
}

static bool
is_sent(const struct publish *p, const struct partner *partner)
{
	for (size_t i = 0; i < p->n_to; i++)
		if (p->to[i].partner == partner)
			return true;
	return false;
}

/* publish_count_untold() - on direct links: of whom it is not known here all that it wants may have lost it */
static void
publish_count_untold(struct publish *p)
{
	struct partner *partner, *next;

	HASH_ITER (hh, p->m->bus->partners, partner, next)
		if (direct_is_unsure(partner) && !is_sent(p, partner))
			count_lost(partner);
}

static int
publish_locked(tern_message *m, uint32_t flags)
{
	struct publish p; /* large: the rest is written before it is read */
	bool dropped;
	int r;

	publish_init(&p, m, flags);
	if (m->sealed)
		return error_set(-EBUSY, ERROR_INVALID, "the message was sent already");
	m->header.flags = flags & TERN_PRIVATE ? WIRE_PRIVATE : 0;
	do {
		r = publish_gather(&p);
	} while (r > 0);
	if (r < 0) {
		publish_deinit(&p);
		return r == -EDQUOT ? error_set(-EAGAIN, ERROR_FULL, "too much memory is lent out")
				    : error_or(r, "publishing");
	}
	m->sealed = true;
	if (p.n_to > 0)
		send_events(m->bus, p.to, p.n_to, m->fds, flags);
	dropped = p.n_to + p.self < m->topic->n_recipients;
	if (dropped)
		publish_count(&p);
	if (!rules_known(m->bus))
		publish_count_untold(&p);
	if (p.self)
		(void)send_self(m->bus, TERN_EVENT, tern_message_ref(m), NULL); /* no memory: lost */
	publish_deinit(&p);
	if (dropped)
		look_around(m->bus);
	return 0;
}

/* new_event() - with the lock */
static int
new_event(tern_topic *topic, tern_message **ret)
{
	tern_message *m;
	int r;

	r = message_new(topic->bus, WIRE_EVENT, NULL, NULL, topic->tags_size, &m);
	if (r == 0) {
		r = message_set_tags(m, topic->tags, topic->tags_size, topic->n_tags);
		(void)add_rlx(&topic->refs, 1); /* ours keeps it while we take another */
		m->topic = topic;
		*ret = m;
	}
	return r;
}

_public_ int
tern_message_new_event(tern_topic *topic, tern_message **ret)
{
	int r = bus_enter(topic->bus);

	if (r < 0)
		return r;
	r = new_event(topic, ret);
	bus_leave(topic->bus);
	return r;
}

_public_ int
tern_publish_message(tern_message *m, uint32_t flags)
{
	int r;

	if (!m->topic)
		return error_set(-EINVAL, ERROR_INVALID, "not from tern_message_new_event()");
	r = bus_enter(m->bus);
	if (r < 0)
		return r;
	error_clear();
	r = publish_locked(m, flags);
	bus_leave(m->bus);
	return r;
}

_public_ int
tern_publishv(tern_topic *topic, const char *format, va_list ap)
{
	tern_message *m = NULL;
	int r = topic_ask(topic);

	if (r <= 0)
		return r; /* nobody: nothing is built */
	r = bus_enter(topic->bus);
	if (r < 0)
		return r;
	error_clear();
	r = new_event(topic, &m);
	if (r == 0 && format && *format)
		r = message_packv(m, true, format, ap);
	if (r == 0)
		r = publish_locked(m, 0);
	(void)message_unref_locked(m); /* always NULL */
	bus_leave(topic->bus);
	return r;
}

_public_ int
tern_publish(tern_topic *topic, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = tern_publishv(topic, format, ap);
	va_end(ap);
	return r;
}
