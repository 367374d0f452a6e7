/* SPDX-License-Identifier: MIT */

/*
 * publish: an event to everybody who hears its topic
 *
 * Under one lock: who they are, room at each, a record for each trust domain, then send_events(). Where
 * the publisher waits the lock is given up, and it begins again with who they are.
 */

#include <stdlib.h>

#include "base/attribute.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/error.h"
#include "client/message.h"
#include "client/topic.h"

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

/*
 * publish_look() - is there room? Who is waited for is not left far behind; who was waited for in vain may be.
 *
 * Return: 0, LINK_E_FULL, or a negative errno.
 */
static int
publish_look(const struct publish *p, struct partner *partner, bool wait, struct outgoing *out)
{
	int r;

	out->load.is_paced = wait && out->load.n_lent > 0 && publish_deadline(p, partner) > p->begin;
	r = send_room(partner, out, true);
	if (r == 0)
		partner->slow = false;
	if (r != LINK_E_FULL || !partner->slow || !out->load.is_paced)
		return r;
	out->load.is_paced = false;
	return send_room(partner, out, true);
}

/* publish_room() - room at one receiver, or wait. Return: 0, 1 waited: begin again, LINK_E_FULL as 2, errno. */
static int
publish_room(struct publish *p, struct partner *partner, bool wait, struct outgoing *out)
{
	tern_peer peer = partner->id; /* it may end while we wait */
	uint64_t deadline;
	int r;

	r = publish_look(p, partner, wait, out);
	if (r < 0)
		return 2; /* it is ending: nobody to tell */
	if (r == 0)
		return 0;
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

	if (topic_rules_known(bus))
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
	if (!topic_rules_known(m->bus))
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
