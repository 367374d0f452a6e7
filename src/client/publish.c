/* SPDX-License-Identifier: MIT */

/*
 * publish: an event to everybody who hears its topic
 *
 * Under one lock: who they are, room at each, a record for each trust domain, then send_events(). Where
 * the publisher waits the lock is given up, and it begins again with who they are.
 */

#include <stdalign.h>
#include <stdlib.h>

#include "base/attribute.h"
#include "client/backlog.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/error.h"
#include "client/message.h"
#include "client/rights.h"
#include "client/topic.h"
#include "wire/cbor-flat.h"

/* What one trust domain gets, where that is not the same for all. */
struct copy {
	struct domain *domain; /* counted */
	bool built;
	struct outgoing out;
	struct wire_header header;
	struct out_part parts[TERN_MAX_PARTS];
	struct block *blocks[TERN_MAX_PARTS]; /* of another domain; the own one's are the message's */
};

/* Answers of what follows, beside 0 and a negative errno. */
enum publish_answer {
	PUBLISH_AGAIN = 1, /* the lock was given up: who hears it may be others now */
	PUBLISH_WITHOUT,   /* this one does not get it */
};

/* One publish under way. */
struct publish {
	tern_topic *topic;	/* held */
	struct outgoing *drawn; /* one record for all; NULL: of the message */
	tern_message *m;	/* NULL: values alone */
	uint32_t flags;
	uint64_t begin; /* of this process's clock; 0: nobody has asked */
	struct send_to *to, few[16];
	size_t n_to;
	bool self;
	struct copy own;      /* for the own domain */
	struct copy **others; /* for each other one that hears it */
	size_t n_others;
	tern_peer gave_up[8]; /* that could not be linked, or had no room in time */
	size_t n_gave_up;
};

static void
publish_init(struct publish *p, tern_topic *topic, tern_message *m, struct outgoing *drawn, uint32_t flags)
{
	p->topic = topic;
	p->drawn = drawn;
	p->m = m;
	p->flags = flags;
	p->begin = 0;
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
		(void)domain_unref(p->topic->bus, copy->domain); /* always NULL */
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

/* publish_begin() - asked before the first wait, and not where there is none: a batch reads the clock once */
static uint64_t
publish_begin(struct publish *p)
{
	if (!p->begin)
		p->begin = bus_clock(p->topic->bus);
	return p->begin;
}

/* publish_deadline() - how long this receiver may hold the publisher up */
static uint64_t
publish_deadline(struct publish *p, const struct partner *partner)
{
	const tern_bus *bus = p->topic->bus;

	if (partner && !partner->link->same_domain && !bus->max_wait_set)
		return publish_begin(p); /* by default others hold up nobody */
	return clock_deadline_ns(publish_begin(p), bus->max_wait);
}

/* publish_link() - the link to a receiver; a new one is waited for. *ret NULL: not this time. Return: 0, PUBLISH_AGAIN. */
static _cold_ int
publish_link(struct publish *p, struct recipient *recipient, struct partner **ret)
{
	tern_bus *bus = p->topic->bus;
	tern_peer peer = recipient->peer;
	int r;

	*ret = recipient->partner = partner_find(bus, peer);
	if (*ret || has_given_up(p, peer))
		return 0;
	if (!bus->daemon || daemon_is_stalled(bus))
		r = -ENXIO;
	else if (p->flags & TERN_NONBLOCK)
		r = daemon_introduce_for(bus, peer, NULL) < 0 ? -ENXIO : -EAGAIN; /* for the next one */
	else
		r = daemon_introduce(bus, peer, publish_deadline(p, NULL), ret);
	if (r < 0 && !(r == -EPERM && rights_refused(bus, peer)))
		give_up(p, peer);
	return PUBLISH_AGAIN;
}

/* publish_copy() - that of a domain; NULL: no memory */
static struct copy *
publish_copy(struct publish *p, struct domain *domain)
{
	tern_bus *bus = p->topic->bus;
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

/* publish_build() - the record for the domain of this partner. Return: 0, PUBLISH_WITHOUT, errno. */
static int
publish_build(struct publish *p, struct partner *partner, bool is_only, struct outgoing **ret)
{
	uint32_t max = is_only ? link_record_max(partner->link) : LINK_RECORD_MIN;
	struct copy *copy;
	int r = 0;

	if (unlikely(!partner->domain))
		return PUBLISH_WITHOUT;
	copy = publish_copy(p, partner->domain);
	if (!copy)
		return -ENOMEM;
	if (!copy->built) {
		copy->out.header = &copy->header;
		r = message_out(p->m, max, &partner->domain->pool, copy == &p->own ? NULL : copy->blocks,
			&copy->out, copy->parts);
	}
	copy->built = r == 0;
	*ret = &copy->out;
	return r == -EDQUOT && copy != &p->own ? PUBLISH_WITHOUT : r; /* others do not keep the own domain from its events */
}

/*
 * publish_look() - is there room? Who is waited for is not left far behind; who did not catch up in time may be.
 *
 * Return: 0, LINK_E_FULL, or a negative errno.
 */
static int
publish_look(struct publish *p, struct partner *partner, bool wait, struct outgoing *out)
{
	int r;

	if (likely(send_is_roomy(partner, out, true))) {
		partner->slow = false;
		return 0;
	}
	if (unlikely(partner->keeps))
		backlog_let_by(partner, topic_set(p->topic));
	out->load.is_paced = wait && out->load.n_lent > 0 && publish_deadline(p, partner) > publish_begin(p);
	r = send_room(partner, out, true);
	if (r == 0) {
		partner->slow = false;
		partner->is_behind = partner->is_behind && !out->load.is_paced;
	}
	if (r != LINK_E_FULL || !out->load.is_paced || !(partner->is_behind || has_given_up(p, partner->id)))
		return r;
	out->load.is_paced = false;
	return send_room(partner, out, true);
}

/* publish_room() - room at one receiver, or wait. Return: 0, PUBLISH_*, errno. */
static int
publish_room(struct publish *p, struct partner *partner, bool wait, struct outgoing *out)
{
	tern_peer peer = partner->id; /* it may end while we wait */
	uint64_t deadline;
	bool paced;
	int r;

	r = publish_look(p, partner, wait, out);
	if (r < 0)
		return PUBLISH_WITHOUT; /* it is ending: nobody to tell */
	if (r == 0)
		return 0;
	if (!wait || partner->slow || has_given_up(p, partner->id))
		return PUBLISH_WITHOUT;
	if (p->flags & TERN_NONBLOCK) {
		send_want_room(partner, out, true);
		return error_set(-EAGAIN, ERROR_FULL, "a subscriber that waits has no room");
	}
	deadline = publish_deadline(p, partner);
	paced = out->load.is_paced;
	*(paced ? &partner->is_behind : &partner->slow) = true; /* until it has room */
	if (deadline <= clock_now_ns() ||
		send_wait_room(partner, out, true, deadline) < 0)
		give_up(p, peer);
	else if (partner_find(p->topic->bus, peer) == partner)
		*(paced ? &partner->is_behind : &partner->slow) = false;
	return PUBLISH_AGAIN;
}

static const struct wish *
publish_wish(const struct publish *p, const struct recipient *recipient)
{
	return &p->topic->wishes[recipient - p->topic->recipients];
}

/* is_hidden() - a private event is for who asks for one of its tags */
static bool
is_hidden(const struct publish *p, const struct recipient *recipient)
{
	return unlikely(p->flags & TERN_PRIVATE) && publish_wish(p, recipient)->is_tagless;
}

/* publish_one() - one recipient of the plan into the list. Return: 0, PUBLISH_AGAIN, errno. */
static int
publish_one(struct publish *p, struct recipient *recipient, bool is_only)
{
	struct partner *partner = recipient->partner;
	struct outgoing *out = p->drawn;
	int r = 0;

	if (is_hidden(p, recipient))
		return 0;
	if (unlikely(!partner)) {
		if (recipient->peer == p->topic->bus->id) {
			p->self = true;
			return 0;
		}
		r = publish_link(p, recipient, &partner);
		if (r || !partner)
			return r;
	}
	if (unlikely(recipient->is_paced) && !backlog_turn(partner, publish_wish(p, recipient)))
		return 0; /* not now: publish_settle() */
	if (unlikely(!partner->link->ready) && p->topic->bus->spinning) {
		lead_pause(p->topic->bus); /* to read its hello; it gives up the lock */
		return PUBLISH_AGAIN;
	}
	if (unlikely(!out))
		r = publish_build(p, partner, is_only, &out);
	if (r == 0)
		r = publish_room(p, partner, recipient->wait, out);
	if (r == 0)
		p->to[p->n_to++] = (struct send_to){.partner = partner, .out = out};
	return r == PUBLISH_WITHOUT ? 0 : r;
}

/* publish_learn() - on direct links: what the other ends want to hear. Return: 0, PUBLISH_AGAIN. */
static int
publish_learn(struct publish *p)
{
	tern_bus *bus = p->topic->bus;
	struct partner *partner, *next;

	if (topic_rules_known(bus))
		return 0;
	HASH_ITER (hh, bus->partners, partner, next) {
		tern_peer peer = partner->id;

		if (partner->knows_rules || has_given_up(p, peer))
			continue;
		if (p->flags & TERN_NONBLOCK || direct_wait_rules(partner, publish_deadline(p, NULL)) < 0)
			give_up(p, peer);
		return PUBLISH_AGAIN;
	}
	return 0;
}

/* publish_gather() - everybody who has room now. Return: 0, PUBLISH_AGAIN, errno. */
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
static _cold_ void
look_around(tern_bus *bus)
{
	if (bus->leader || ++bus->n_dropped % LOOK_AROUND != 0)
		return;
	(void)lead_try(bus); /* what came waits in the queue */
	lead_arm(bus, bus->queue.n > 0);
}

/* publish_not_now() - what becomes of it for one that did not get it */
static void
publish_not_now(struct publish *p, const struct recipient *recipient, struct partner *partner)
{
	const struct wish *wish = publish_wish(p, recipient);
	struct outgoing *out = p->drawn;

	if (wish_keeps(wish) && (out || publish_build(p, partner, p->topic->n_recipients == 1, &out) == 0))
		backlog_keep(partner, wish, out, p->m, topic_set(p->topic));
	else if (recipient->is_paced)
		backlog_skip(partner, wish);
	else
		send_lost(partner, 1);
}

/* publish_settle() - those who did not get it have lost it, or it is kept for them; those who did have used up their rate */
static _cold_ void
publish_settle(struct publish *p)
{
	tern_topic *topic = p->topic;
	size_t k = 0;

	for (size_t i = 0; i < topic->n_recipients; i++) {
		const struct recipient *recipient = &topic->recipients[i];
		struct partner *partner;

		if (recipient->peer == topic->bus->id || is_hidden(p, recipient))
			continue;
		if (k < p->n_to && p->to[k].partner->id == recipient->peer) {
			if (recipient->is_paced)
				backlog_went(p->to[k].partner, publish_wish(p, recipient));
			k++;
			continue;
		}
		partner = partner_find(topic->bus, recipient->peer);
		if (partner)
			publish_not_now(p, recipient, partner);
		else
			partner_missed(topic->bus, recipient->peer);
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
static _cold_ void
publish_count_untold(struct publish *p)
{
	struct partner *partner, *next;

	HASH_ITER (hh, p->topic->bus->partners, partner, next)
		if (direct_is_unsure(partner) && !is_sent(p, partner))
			send_lost(partner, 1);
}

/* publish_to_self() - without memory it is lost */
static _cold_ void
publish_to_self(struct publish *p)
{
	tern_bus *bus = p->topic->bus;
	tern_message *m = p->m;

	if (m)
		(void)tern_message_ref(m); /* itself */
	else if (message_from_record(bus, p->drawn->header, &m) < 0)
		return;
	(void)send_self(bus, TERN_EVENT, m, NULL); /* recorded */
}

/* publish_all() - to all who hear it, and have or get room; those who do not are seen to by what they wish */
static int
publish_all(struct publish *p)
{
	tern_topic *topic = p->topic;
	bool dropped;
	int r;

	do {
		r = publish_gather(p);
	} while (r > 0);
	if (r < 0)
		return r == -EDQUOT ? error_set(-EAGAIN, ERROR_FULL, "too much memory is lent out")
				    : error_or(r, "publishing");
	if (p->m)
		p->m->sealed = true;
	if (p->n_to > 0)
		send_events(topic->bus, p->to, p->n_to, p->m ? p->m->fds : NULL, p->flags);
	topic->bus->counters.published++;
	topic->bus->counters.delivered += p->n_to + p->self;
	dropped = p->n_to + p->self < topic->n_recipients;
	if (unlikely(dropped || topic->has_paced))
		publish_settle(p);
	if (unlikely(!topic_rules_known(topic->bus)))
		publish_count_untold(p);
	if (unlikely(p->self))
		publish_to_self(p);
	if (unlikely(dropped))
		look_around(topic->bus);
	return 0;
}

/* expires_at() - host time; 0 never */
static uint64_t
expires_at(tern_bus *bus, uint64_t expiry)
{
	return expiry ? clock_deadline_ns(bus_time(bus), expiry) : 0;
}

static int
publish_message(tern_message *m, uint32_t flags)
{
	struct publish p; /* large: the rest is written before it is read */
	struct outgoing out;
	int r;

	if (m->sealed)
		return error_set(-EBUSY, ERROR_INVALID, "the message was sent already");
	m->header.flags = flags & TERN_PRIVATE ? WIRE_PRIVATE : 0;
	m->header.deadline = expires_at(m->bus, m->expiry ? m->expiry : load_rlx(&m->topic->expiry)); /* a number */
	publish_init(&p, m->topic, m, message_draw(m, &out) ? &out : NULL, flags);
	r = publish_all(&p);
	publish_deinit(&p);
	return r;
}

/* new_event() - with the lock */
static int
new_event(tern_topic *topic, tern_message **ret)
{
	int r = message_new_event(topic->bus, &topic->head, topic->head_size, ret);

	if (r < 0)
		return r;
	topic->refs++;
	(*ret)->topic = topic;
	return 0;
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
tern_message_set_expiry(tern_message *m, uint64_t ns)
{
	if (!m->topic)
		return error_set(-EINVAL, ERROR_INVALID, "not from tern_message_new_event()");
	if (m->sealed)
		return error_set(-EBUSY, ERROR_INVALID, "the message was sent already");
	m->expiry = ns;
	return 0;
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
	r = publish_message(m, flags);
	bus_leave(m->bus);
	return r;
}

/* publish_drawn() - a record without a message; with the lock */
static int
publish_drawn(tern_topic *topic, struct wire_header *record)
{
	struct outgoing out = {.header = record, .is_drawn = true};
	struct publish p; /* as above */
	tern_bus *bus = topic->bus;
	int r;

	(void)bus_hold(bus); /* itself; if we wait others may close the handle, and free the topic */
	topic->refs++;
	record->deadline = expires_at(bus, load_rlx(&topic->expiry)); /* a number */
	publish_init(&p, topic, NULL, &out, 0);
	r = publish_all(&p);
	publish_deinit(&p);
	(void)topic_unref_locked(topic); /* always NULL */
	bus_drop(bus);
	return r;
}

/* publish_packed() - values that are not flat, or large: a message's; with the lock */
static int
publish_packed(tern_topic *topic, const char *format, va_list ap)
{
	tern_message *m;
	int r = new_event(topic, &m);

	if (r < 0)
		return r;
	r = message_packv(m, true, format, ap);
	if (r == 0)
		r = publish_message(m, 0);
	(void)message_unref_locked(m); /* always NULL */
	return r;
}

_public_ int
tern_publishv(tern_topic *topic, const char *format, va_list ap)
{
	alignas(16) uint8_t record[LINK_RECORD_MIN];
	uint32_t payload = topic->head_size;
	bool is_empty = !format || !*format;
	size_t size = 0;
	int r;

	if (!load_rlx(&topic->is_heard)) { /* else it is looked at below, with the lock */
		r = topic_ask(topic);
		if (r <= 0)
			return r; /* nobody: nothing is built */
	}
	if (!is_empty)
		size = cbor_pack_flat(record + payload, sizeof(record) - RING_ALIGN - payload, format, ap);
	r = bus_enter(topic->bus);
	if (r < 0)
		return r;
	error_clear();
	if (likely(is_empty || size > 0)) {
		memcpy(record, &topic->head, payload);
		link_finish_drawn((struct wire_header *)record, payload, !is_empty, (uint32_t)size);
		r = publish_drawn(topic, (struct wire_header *)record);
	} else {
		r = publish_packed(topic, format, ap);
	}
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
