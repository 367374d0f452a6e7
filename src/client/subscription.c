/* SPDX-License-Identifier: MIT */

/*
 * subscription: the program's own rules, and what becomes of an event that came
 *
 * On a bus ternd is told of the rule and publishers find it in its tables. On direct links each other
 * end is told (rules-here.c). An event comes once, whatever number of rules match; here it
 * is given to each subscription whose rule does.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "client/call.h"
#include "client/daemon.h"
#include "client/direct.h"
#include "client/error.h"
#include "client/event.h"
#include "client/handler.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/state.h"
#include "client/tag.h"
#include "wire/control.h"
#include "wire/header.h"

/* --- events that come in --- */

static void
tell_gap(tern_subscription *s, tern_peer sender, uint64_t n)
{
	struct item item = {.kind = TERN_GAP, .subscription = s, .peer = sender, .lost = n};

	if (s->ended)
		return;
	if (!s->latest && queue_put(s->bus, &item) == 0) /* out of memory: the next gap is as large */
		s->ended = s->policy == TERN_DISCONNECT;
	if (s->state)
		(void)state_tell_now(s); /* the same */
}

/* is_from() - is it of the rule's sender? */
static bool
is_from(tern_subscription *s, const struct origin *origin)
{
	int r = sender_matches(s->bus, &s->sender, origin);

	if (r == -EAGAIN)
		tell_gap(s, origin->peer, 1); /* it may have been for this rule */
	return r > 0;
}

/* heard_number() - of this event's tags: the same as before while they come again; 0: too many bytes to remember */
static uint64_t
heard_number(tern_bus *bus, const tern_message *m)
{
	struct heard_tags *heard = &bus->heard;
	uint16_t size = m->header.tags_size;

	if (size > sizeof(heard->bytes))
		return 0;
	if (heard->number && heard->size == size && memcmp(heard->bytes, m->tags, size) == 0)
		return heard->number;
	heard->size = size;
	memcpy(heard->bytes, m->tags, size);
	return ++heard->number;
}

/* An event's tags, hashed when the first subscription looks at them that has not seen the same ones before. */
struct event_tags {
	const tern_message *m;
	uint64_t number;
	bool is_split;
	struct tag split[WIRE_MAX_TAGS];
};

static bool
has_tags(tern_subscription *s, struct event_tags *tags)
{
	uint8_t n = tags->m->header.n_tags;
	const uint8_t *cursor = tags->m->tags;

	if (tags->number && s->heard == tags->number)
		return s->is_for_heard;
	if (!tags->is_split)
		tags_hash(&cursor, n, tags->split);
	tags->is_split = true;
	s->heard = tags->number;
	/* a rule without tags hears all events, and copies of calls are none */
	s->is_for_heard = tags_match(s->tags, s->n_tags, tags->split, n) &&
		(s->n_tags > 0 || !tags_are_tap(tags->m->tags, tags->m->header.tags_size));
	return s->is_for_heard;
}

/* queue_event() - for this one; takes the message */
static void
queue_event(tern_subscription *s, struct partner *partner, tern_peer sender, tern_message *m)
{
	struct item item = {
		.kind = TERN_EVENT,
		.partner = partner,
		.message = m,
		.subscription = s,
		.peer = sender,
	};

	if (queue_put(s->bus, &item) < 0) /* out of memory: as if the reader were slow */
		state_dropped(s);
}

void
event_deliver(tern_bus *bus, struct partner *partner, tern_message *m, tern_peer sender, uint64_t only)
{
	struct origin origin = {.peer = sender, .partner = partner, .stamp = m->header.stamp};
	tern_subscription *s, *last = NULL; /* it gets the message itself, those before it a reference */
	struct event_tags tags; /* large: the split is written when it is needed */

	tags.m = m;
	tags.number = heard_number(bus, m);
	tags.is_split = false;
	DL_FOREACH (bus->subscriptions, s) {
		if ((only && s->id != only) || s->ended || !has_tags(s, &tags) || !is_from(s, &origin))
			continue;
		if (s->n_tags == 0 && m->header.flags & WIRE_PRIVATE)
			continue;
		if (s->state && !state_wants(s, m->header.serial))
			continue;
		if (last)
			queue_event(last, partner, sender, tern_message_ref(m));
		last = s;
	}
	if (last)
		queue_event(last, partner, sender, m);
	else
		(void)message_unref_locked(m); /* always NULL */
}

void
event_arrived(struct partner *partner, tern_message *m)
{
	event_deliver(partner->bus, partner, m, partner->id, 0);
}

/* tell_gaps() - each subscription may have lost as many */
static void
tell_gaps(tern_bus *bus, const struct origin *origin)
{
	tern_subscription *s;

	DL_FOREACH (bus->subscriptions, s)
		if (is_from(s, origin))
			tell_gap(s, origin->peer, origin->n_dropped);
}

void
event_gap(struct partner *partner, uint64_t n)
{
	tell_gaps(partner->bus, &(struct origin){.peer = partner->id, .partner = partner, .n_dropped = n});
}

void
event_gap_daemon(tern_bus *bus, uint64_t n)
{
	tern_subscription *s;

	tell_gaps(bus, &(struct origin){.peer = TERN_PEER_BUS, .n_dropped = n});
	DL_FOREACH (bus->subscriptions, s)
		if (sender_uncertain(bus, &s->sender))
			tell_gap(s, TERN_PEER_BUS, 1); /* of who owned the name meanwhile */
}

void
event_of_name(tern_bus *bus, const struct control_event *event)
{
	const struct control_bytes *payload = &event->payload;
	tern_subscription *s;
	uint64_t old, new;
	const char *name;
	size_t size;

	if (tern_cbor_unpack(payload->bytes, payload->size, NULL, "{name:t, old:u, new:u}", &name, &size, &old,
		    &new) < 0)
		return; /* of another ternd: then the tables tell */
	DL_FOREACH (bus->subscriptions, s)
		if (!sender_changed(bus, &s->sender, name, size, old, new))
			tell_gap(s, TERN_PEER_BUS, 1);
}

/* --- subscriptions --- */

static int
check_rule(const tern_bus *bus, const struct tern_rule *rule, bool is_state)
{
	if (rule->size != sizeof(*rule))
		return error_set(-EINVAL, ERROR_INVALID, "set rule.size to sizeof(struct tern_rule)");
	if (rule->policy > TERN_DISCONNECT)
		return error_set(-EINVAL, ERROR_INVALID, "no such policy: %u", rule->policy);
	if (is_state && (rule->policy == TERN_DROP_OLDEST || rule->policy == TERN_DISCONNECT))
		return error_set(-EINVAL, ERROR_INVALID,
			"a value is followed with TERN_DROP_NEWEST, TERN_LATEST or TERN_WAIT");
	if (rule->queue && rule->policy != TERN_DROP_OLDEST && rule->policy != TERN_LATEST)
		return error_set(-EINVAL, ERROR_INVALID, "TERN_DROP_OLDEST and TERN_LATEST alone have a queue");
	if (rule->max_rate && (rule->policy == TERN_WAIT || rule->policy == TERN_DISCONNECT))
		return error_set(-EINVAL, ERROR_INVALID,
			"with max_rate something is dropped, which neither TERN_WAIT nor TERN_DISCONNECT allows");
	if (rule->sender && strlen(rule->sender) > TERN_MAX_TAG)
		return error_set(-EINVAL, ERROR_BAD_NAME, "the sender is too long: a name has at most 255 bytes");
	if (rule->sender && bus->mode != MODE_BUS && rule->sender[0] != ':')
		return error_set(-EINVAL, ERROR_INVALID, "on direct links a sender is \":ID\"");
	return 0;
}

void
subscription_free(tern_subscription *s)
{
	(void)state_unref(s->state); /* always NULL, as the next */
	(void)bus_unref(s->bus);
	sender_deinit(&s->sender);
	free(s->encoded);
	free(s->tags);
	free(s);
}

static int
subscription_new(tern_bus *bus, const struct tern_rule *rule, tern_subscription **ret)
{
	tern_subscription *s = calloc(1, sizeof(*s));
	uint8_t n = 0;
	int r;

	if (!s)
		return error_errno(-ENOMEM, "subscription");
	s->bus = bus_ref(bus);
	s->policy = rule->policy;
	s->queue = rule->queue;
	s->max_rate = rule->max_rate;
	s->id = ++bus->last_rule;
	r = tags_encode(rule->tags, &s->encoded, &s->encoded_size, &n);
	if (r == 0)
		r = tags_split(s->encoded, n, &s->tags);
	s->n_tags = n;
	if (r == 0 && bus->mode != MODE_BUS && tags_have_tap(s->encoded, n))
		r = error_set(-EOPNOTSUPP, ERROR_UNSUPPORTED, "direct links cannot be tapped");
	if (r == 0 && sender_init(&s->sender, rule->sender) < 0)
		r = error_errno(-ENOMEM, "subscription");
	if (r < 0) {
		subscription_free(s); /* not the handle's last reference: the caller has one */
		return r;
	}
	*ret = s;
	return 0;
}

/* announce() - so that publishers find the rule; active when this returns */
static int
announce(tern_bus *bus, tern_subscription *s, const struct tern_rule *rule)
{
	struct partner *partner, *next;
	int r;

	if (bus->mode == MODE_BUS) {
		r = sender_follow(bus, &s->sender);
		return r < 0 ? r : daemon_rule_add(bus, s->id, rule);
	}
again:
	HASH_ITER (hh, bus->partners, partner, next) {
		if (partner->told_rule >= s->id || partner->dead)
			continue;
		partner->told_rule = s->id;
		r = rules_here_say(partner, s, LIBRARY_ADD_RULE, true);
		if (r == -EREMOTEIO)
			return error_set(-EDQUOT, ERROR_REFUSED, "the other end keeps no more rules");
		if (r < 0 && r != -EHOSTDOWN && r != -ECONNRESET) /* theirs is gone, not ours */
			return r;
		goto again; /* the lock was given up: partners may have changed */
	}
	return 0;
}

int
subscription_start(tern_bus *bus, const struct tern_rule *rule, tern_state *state, tern_event_fn *fn, void *user,
	tern_subscription **ret)
{
	tern_subscription *s = NULL;
	int r;

	r = bus_enter(bus);
	if (r < 0)
		return r;
	error_clear();
	r = check_rule(bus, rule, state != NULL);
	if (r == 0)
		r = subscription_new(bus, rule, &s);
	if (r < 0) {
		bus_leave(bus);
		return r;
	}
	s->fn = fn;
	s->user = user;
	s->state = state ? state_ref(state) : NULL;
	s->latest = state && rule->policy == TERN_LATEST;
	DL_APPEND(bus->subscriptions, s); /* first: present owners are told before the answer */
	bus_plans_end(bus);
	r = announce(bus, s, rule);
	if (r == 0 && state)
		r = state_tell_now(s); /* T8: the rule is known, then the value is read */
	bus_leave(bus);
	if (r < 0) {
		(void)tern_subscription_free(s); /* always NULL */
		return error_or(r, "subscribing");
	}
	*ret = s;
	return 0;
}

_public_ int
tern_subscribe(tern_bus *bus, const struct tern_rule *rule, tern_event_fn *fn, void *user,
	tern_subscription **ret)
{
	return subscription_start(bus, rule, NULL, fn, user, ret);
}

/* withdraw() - best effort: what comes nevertheless finds no subscription */
static void
withdraw(tern_bus *bus, tern_subscription *s)
{
	struct partner *partner, *next;

	if (bus->closed || s->withdrawn)
		return;
	s->withdrawn = true;
	if (bus->mode == MODE_BUS) {
		(void)daemon_rule_remove(bus, s->id, true);
		sender_unfollow(bus, &s->sender);
		return;
	}
	HASH_ITER (hh, bus->partners, partner, next)
		(void)rules_here_say(partner, s, LIBRARY_REMOVE_RULE, false);
}

/* subscription_over() - it ended by itself: publishers need not know of it any more, if that can be told at once */
static _cold_ void
subscription_over(tern_subscription *s)
{
	if (s->bus->mode == MODE_BUS)
		s->withdrawn |= daemon_rule_remove(s->bus, s->id, false) == 0;
	else
		withdraw(s->bus, s);
}

bool
subscription_takes(tern_subscription *s, struct item *item)
{
	const struct wire_header *header;

	if (item->kind != TERN_EVENT) {
		s->counts.lost += item->lost;
		if (s->ended && !s->withdrawn)
			subscription_over(s);
		return true;
	}
	if (s->latest && !state_newest(s, item))
		return false; /* this version was handed out already */
	header = &item->message->header;
	if (unlikely(header->deadline) && header->deadline <= bus_time(s->bus)) {
		s->counts.expired++;
		return false;
	}
	if (unlikely(header->flags & WIRE_LATE)) {
		s->counts.late++;
		s->counts.replaced += header->credit;
	}
	s->counts.heard++;
	return true;
}

_public_ int
tern_subscription_count(tern_subscription *s, struct tern_subscription_counts *ret)
{
	uint32_t size = ret->size;
	int r;

	if (size != sizeof(*ret))
		return error_set(-EINVAL, ERROR_INVALID, "set size to sizeof(struct tern_subscription_counts)");
	r = bus_enter(s->bus);
	if (r < 0)
		return r;
	*ret = s->counts;
	ret->size = size;
	ret->has_ended = s->ended;
	bus_leave(s->bus);
	return 0;
}

static void
forget_items(struct queue *queue, const tern_subscription *s)
{
	for (struct item *item = queue->first; item; item = item->next)
		if (item->subscription == s)
			item->subscription = NULL;
}

_public_ tern_subscription *
tern_subscription_free(tern_subscription *s)
{
	tern_bus *bus;
	bool running;

	if (!s || bus_is_forked(s->bus))
		return NULL;
	bus = s->bus;
	bus_lock(bus);
	withdraw(bus, s);
	DL_DELETE(bus->subscriptions, s);
	forget_items(&bus->queue, s);
	forget_items(&bus->kept, s);
	bus_plans_end(bus);
	handler_wait(bus, &s->n_running);
	s->freed = true;
	running = s->n_running > 0; /* it goes when the last handler returns */
	(void)pthread_mutex_unlock(&bus->lock);
	if (!running)
		subscription_free(s);
	return NULL;
}
