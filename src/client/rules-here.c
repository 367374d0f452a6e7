/* SPDX-License-Identifier: MIT */

/*
 * rules-here: direct links: what the other ends want to hear, and telling them what this one does
 *
 * On a bus ternd keeps the rules. On a direct link each end tells the other by calls to its library.
 */

#include <stdlib.h>

#include "client/call.h"
#include "client/direct.h"
#include "client/error.h"
#include "client/event.h"
#include "client/message.h"
#include "client/reply.h"
#include "client/tag.h"
#include "wire/header.h"

/* --- of the other end --- */

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
rule_here_new(const struct wish *wish, const void *encoded, size_t size, uint64_t n_tags)
{
	struct rule_here *rule;
	const uint8_t *cursor;

	if (n_tags > WIRE_MAX_TAGS || size > WIRE_MAX_HEADER ||
		wire_check_tags(encoded, (uint32_t)size, (uint32_t)n_tags) < 0)
		return NULL;
	rule = calloc(1, sizeof(*rule) + n_tags * sizeof(struct tag) + size);
	if (!rule)
		return NULL;
	rule->id = wish->rule;
	rule->wish = *wish;
	rule->wish.is_tagless = n_tags == 0;
	rule->n_tags = (uint32_t)n_tags;
	cursor = memcpy((uint8_t *)(rule->tags + n_tags), encoded, size);
	tags_hash(&cursor, (uint8_t)n_tags, rule->tags);
	return rule;
}

#define RULES_HERE_MAX 4096u /* of one other end */

/* rule_here_read() - what it calls with; queue and rate are not there where it is of an older version */
static int
rule_here_read(tern_message *m, struct wish *ret, const void **tags, size_t *size, uint64_t *n_tags)
{
	uint64_t id, policy, queue = 0, rate = 0;

	if (tern_message_unpack(m, "[u u u y u u]", &id, &policy, n_tags, tags, size, &queue, &rate) < 0 &&
		tern_message_unpack(m, "[u u u y]", &id, &policy, n_tags, tags, size) < 0)
		return -EBADMSG;
	*ret = wish_of(id, policy, queue, rate);
	return policy > TERN_DISCONNECT ? -EOPNOTSUPP : 0;
}

static int
rule_here_add(struct partner *partner, tern_message *m)
{
	struct rule_here *rule;
	const void *tags;
	struct wish wish;
	uint64_t n_tags;
	size_t size, n = 0;
	int r;

	r = rule_here_read(m, &wish, &tags, &size, &n_tags);
	if (r == -EBADMSG)
		return r;
	direct_rule_refused(partner, true); /* until it is kept */
	if (r < 0)
		return r;
	for (rule = partner->rules; rule; rule = rule->next)
		if (++n >= RULES_HERE_MAX)
			return -EDQUOT;
	rule = rule_here_new(&wish, tags, size, n_tags);
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

/* --- of this end --- */

int
rules_here_say(struct partner *partner, tern_subscription *s, const char *member, bool wait)
{
	tern_bus *bus = partner->bus;
	tern_message *m;
	int r;

	r = message_new(bus, WIRE_CALL, NULL, member, &m);
	if (r < 0)
		return r;
	m->partner = partner_ref(partner);
	if (strcmp(member, LIBRARY_ADD_RULE) == 0)
		r = message_pack_locked(m, "[u u u y u u]", s->id, (uint64_t)s->policy, (uint64_t)s->n_tags,
			s->encoded, (size_t)s->encoded_size, (uint64_t)s->queue, (uint64_t)s->max_rate);
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
		if (rules_here_say(partner, s, LIBRARY_ADD_RULE, false) == -EAGAIN)
			return; /* its room word is set: again when there is room */
		partner->telling_from = s->id;
	}
	partner->telling = rules_here_say(partner, NULL, LIBRARY_RULES_TOLD, false) == -EAGAIN;
}
