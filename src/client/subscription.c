/* SPDX-License-Identifier: MIT */

/*
 * subscription: the program's own rules, and what becomes of an event that came
 *
 * On a bus ternd is told of the rule and publishers find it in its tables. On direct links each other
 * end is told by a call to its library. An event comes once, whatever number of rules match; here it
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

/* --- events that come in --- */

static void
tell_gap(tern_subscription *s, tern_peer sender, uint64_t n)
{
	struct item item = {.kind = TERN_GAP, .subscription = s, .peer = sender, .lost = n};

	if (!s->latest)
		(void)queue_put(s->bus, &item); /* out of memory: the next gap is as large */
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
		.bytes = m->header.size + 256,
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
		if ((only && s->id != only) || !has_tags(s, &tags) || !is_from(s, &origin))
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

/* --- rules of the other end of a direct link --- */

void
rules_here_free(struct rule_here *rules)
{
	while (rules) {
		struct rule_here *rule = rules;

		rules = rule->next;
		free(rule);
	}
}

/* rule_here_new() - from the arguments of the library's call */
static struct rule_here *
rule_here_new(uint64_t id, bool wait, const void *encoded, size_t size, uint64_t n_tags)
{
	struct rule_here *rule;
	const uint8_t *cursor;

	if (n_tags > WIRE_MAX_TAGS || size > WIRE_MAX_HEADER ||
		wire_check_tags(encoded, (uint32_t)size, (uint32_t)n_tags) < 0)
		return NULL;
	rule = calloc(1, sizeof(*rule) + n_tags * sizeof(struct tag) + size);
	if (!rule)
		return NULL;
	rule->id = id;
	rule->wait = wait;
	rule->n_tags = (uint32_t)n_tags;
	cursor = memcpy((uint8_t *)(rule->tags + n_tags), encoded, size);
	tags_hash(&cursor, (uint8_t)n_tags, rule->tags);
	return rule;
}

#define RULES_HERE_MAX 4096u /* of one other end */

static int
rule_here_add(struct partner *partner, tern_message *m)
{
	struct rule_here *rule;
	const void *tags;
	uint64_t id, policy, n_tags;
	size_t size, n = 0;

	if (tern_message_unpack(m, "[u u u y]", &id, &policy, &n_tags, &tags, &size) < 0)
		return -EBADMSG;
	direct_rule_refused(partner, true); /* until it is kept */
	if (policy != TERN_DROP_NEWEST && policy != TERN_WAIT)
		return -EOPNOTSUPP;
	for (rule = partner->rules; rule; rule = rule->next)
		if (++n >= RULES_HERE_MAX)
			return -EDQUOT;
	rule = rule_here_new(id, policy == TERN_WAIT, tags, size, n_tags);
	if (!rule)
		return -EBADMSG;
	rule->next = partner->rules;
	partner->rules = rule;
	direct_rule_refused(partner, false);
	return 0;
}

static int
rule_here_remove(struct partner *partner, tern_message *m)
{
	uint64_t id;

	if (tern_message_unpack(m, "[u]", &id) < 0)
		return -EBADMSG;
	for (struct rule_here **at = &partner->rules; *at; at = &(*at)->next) {
		struct rule_here *rule = *at;

		if (rule->id != id)
			continue;
		*at = rule->next;
		free(rule);
		return 0;
	}
	direct_rule_refused(partner, false);
	return -ENOENT;
}

void
rules_here_call(struct partner *partner, tern_message *m)
{
	tern_bus *bus = partner->bus;
	struct wire_header header = {.kind = WIRE_REPLY, .reference = m->header.serial};
	struct outgoing out = {
		.header = &header,
		.strings = {"", "", ""},
	};
	int r = -EOPNOTSUPP;

	if (m->n_parts == 1 && !m->parts[0].foreign && bus->mode != MODE_BUS) {
		if (strcmp(m->strings[1], LIBRARY_RULES_TOLD) == 0)
			direct_rules_told(partner);
		else if (strcmp(m->strings[1], LIBRARY_ADD_RULE) == 0)
			r = rule_here_add(partner, m);
		else if (strcmp(m->strings[1], LIBRARY_REMOVE_RULE) == 0)
			r = rule_here_remove(partner, m);
	}
	bus_plans_end(bus);
	if (r < 0) {
		header.kind = WIRE_ERROR;
		out.strings[1] = ERROR_REFUSED;
		header.member_size = sizeof(ERROR_REFUSED) - 1;
	}
	(void)link_plan(&out);
	if (!(m->header.flags & WIRE_NO_REPLY))
		(void)reply_send(partner, &out, NULL, UINT64_MAX, false); /* it fails with the link alone */
	(void)message_unref_locked(m); /* always NULL */
}

/* tell_rule() - a call to the library at the other end of a direct link; @s NULL: that was all */
static int
tell_rule(struct partner *partner, tern_subscription *s, const char *member, bool wait)
{
	tern_bus *bus = partner->bus;
	tern_message *m;
	int r;

	r = message_new(bus, WIRE_CALL, NULL, member, &m);
	if (r < 0)
		return r;
	m->partner = partner_ref(partner);
	if (strcmp(member, LIBRARY_ADD_RULE) == 0)
		r = message_pack_locked(m, "[u u u y]", s->id, (uint64_t)s->policy, (uint64_t)s->n_tags,
			s->encoded, (size_t)s->encoded_size);
	else
		r = message_pack_locked(m, "[u]", s ? s->id : 0);
	if (r == 0)
		r = call_library(m, wait);
	(void)message_unref_locked(m); /* always NULL */
	return r;
}

void
rules_here_tell(struct partner *partner)
{
	partner->telling = true;
	partner->telling_to = partner->told_rule = partner->bus->last_rule; /* later ones tell it themselves */
	rules_here_tell_on(partner);
}

void
rules_here_tell_on(struct partner *partner)
{
	tern_subscription *s;

	if (!partner->telling || partner->dead)
		return;
	DL_FOREACH (partner->bus->subscriptions, s) {
		if (s->id <= partner->telling_from || s->id > partner->telling_to)
			continue;
		if (tell_rule(partner, s, LIBRARY_ADD_RULE, false) == -EAGAIN)
			return; /* its room word is set: again when there is room */
		partner->telling_from = s->id;
	}
	partner->telling = tell_rule(partner, NULL, LIBRARY_RULES_TOLD, false) == -EAGAIN;
}

/* --- subscriptions --- */

static int
check_rule(const tern_bus *bus, const struct tern_rule *rule, bool is_state)
{
	if (rule->size != sizeof(*rule))
		return error_set(-EINVAL, ERROR_INVALID, "set rule.size to sizeof(struct tern_rule)");
	if (rule->policy > TERN_DISCONNECT)
		return error_set(-EINVAL, ERROR_INVALID, "no such policy: %u", rule->policy);
	if (rule->policy != TERN_DROP_NEWEST && rule->policy != TERN_WAIT && !(is_state && rule->policy == TERN_LATEST))
		return error_set(-EOPNOTSUPP, ERROR_UNSUPPORTED,
			"only TERN_DROP_NEWEST and TERN_WAIT are built yet");
	if (rule->queue || rule->max_rate)
		return error_set(-EOPNOTSUPP, ERROR_UNSUPPORTED, "queue and max_rate are not built yet");
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
		r = tell_rule(partner, s, LIBRARY_ADD_RULE, true);
		if (r == -EREMOTEIO)
			return error_set(-EDQUOT, ERROR_REFUSED, "the other end keeps no more rules");
		if (r < 0 && r != -EHOSTDOWN && r != -ECONNRESET) /* theirs is gone, not ours */
			return r;
		goto again; /* the lock was given up: partners may have changed */
	}
	return 0;
}

int
subscription_start(tern_bus *bus, const struct tern_rule *wanted, tern_state *state, tern_event_fn *fn, void *user,
	tern_subscription **ret)
{
	struct tern_rule rule = *wanted;
	tern_subscription *s = NULL;
	int r;

	r = bus_enter(bus);
	if (r < 0)
		return r;
	error_clear();
	r = check_rule(bus, wanted, state != NULL);
	if (rule.policy == TERN_LATEST)
		rule.policy = TERN_DROP_NEWEST; /* to others: here the value itself is looked at */
	if (r == 0)
		r = subscription_new(bus, &rule, &s);
	if (r < 0) {
		bus_leave(bus);
		return r;
	}
	s->fn = fn;
	s->user = user;
	s->state = state ? state_ref(state) : NULL;
	s->latest = wanted->policy == TERN_LATEST;
	DL_APPEND(bus->subscriptions, s); /* first: present owners are told before the answer */
	bus_plans_end(bus);
	r = announce(bus, s, &rule);
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

	if (bus->closed)
		return;
	if (bus->mode == MODE_BUS) {
		daemon_rule_remove(bus, s->id);
		sender_unfollow(bus, &s->sender);
		return;
	}
	HASH_ITER (hh, bus->partners, partner, next)
		(void)tell_rule(partner, s, LIBRARY_REMOVE_RULE, false);
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
