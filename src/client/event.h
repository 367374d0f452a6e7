/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * event: subscriptions, rules of the other ends of direct links, and events that come in
 *
 * What goes out is topic.h.
 */

#include "client/bus.h"
#include "client/sender.h"
#include "client/wish.h"

/* A tag, with what makes comparing it cheap. */
struct tag {
	const char *text;
	uint64_t hash;
	uint8_t size;
};

/* A rule of the other end of a direct link: told over the link, kept here. */
struct rule_here {
	struct rule_here *next;
	uint64_t id;
	struct wish wish;
	uint32_t n_tags;
	struct tag tags[]; /* texts follow in the same memory */
};

struct control_event;

struct tern_subscription {
	tern_bus *bus; /* counted */
	struct tern_subscription *prev, *next;
	uint64_t id; /* the rule's */
	struct sender sender;
	uint32_t n_tags;
	struct tag *tags;
	uint8_t *encoded;
	uint16_t encoded_size;
	uint32_t policy, queue, max_rate;
	bool ended;     /* TERN_DISCONNECT, and it lost something: the gap is the last item */
	bool withdrawn; /* the others were told that it is no more */
	struct tern_subscription_counts counts; /* of what was handed out */
	tern_event_fn *fn;
	void *user;
	uint32_t n_running;
	bool freed; /* inside a handler: goes when the last of its own returns */
	bool is_for_heard; /* do its tags match those with this number? */
	uint64_t heard;    /* number of the tags that it was held against last (struct heard_tags) */
	/* of a value of a service */
	tern_state *state; /* counted; NULL: of events */
	uint64_t seen;     /* its version that was queued last; TERN_LATEST: handed out last */
	bool begun;        /* the value was read once */
	bool latest;       /* TERN_LATEST: no more than one event is queued */
	bool pending;      /* it is */
};

/* subscription_start() - tern_subscribe(), to a state value unless that is NULL */
int subscription_start(tern_bus *bus, const struct tern_rule *rule, tern_state *state, tern_event_fn *fn, void *user,
	tern_subscription **ret);

void rules_here_free(struct rule_here *rules);

/* event_arrived() - queue an event for every subscription that matches; takes the message */
void event_arrived(struct partner *partner, tern_message *m);
/* event_deliver() - the same with a sender; only: for this rule alone, 0 all. partner may be NULL. */
void event_deliver(tern_bus *bus, struct partner *partner, tern_message *m, tern_peer sender, uint64_t only);
/* event_gap() - n events of this sender were dropped */
void event_gap(struct partner *partner, uint64_t n);
/* event_gap_daemon() - the same of ternd's; who owns the names of rules is not known then */
void event_gap_daemon(tern_bus *bus, uint64_t n);
/* event_of_name() - ternd told of a name: rules about it follow; before what its new owner pushed is looked at */
void event_of_name(tern_bus *bus, const struct control_event *event);

/* rules_here_call() - a partner on a direct link tells or withdraws a rule; answers the call */
void rules_here_call(struct partner *partner, tern_message *m);
/* rules_here_tell() - a new direct link learns what this end wants to hear, as far as there is room */
void rules_here_tell(struct partner *partner);
/* rules_here_tell_on() - there is room again: the rest, if not all was told */
void rules_here_tell_on(struct partner *partner);

/*
 * subscription_takes() - this event or gap is about to be handed out; it is counted
 * Return: false, it is not to be: it has expired, or it is of a value and no news.
 */
bool subscription_takes(tern_subscription *s, struct item *item);

/* subscription_free() - its memory; without the lock */
void subscription_free(tern_subscription *s);

/*
 * rules_here_say() - a call to the library at the other end of a direct link
 * @s: whose rule; NULL: that was all
 * Return: 0, -EAGAIN, or what the call came to.
 */
int rules_here_say(struct partner *partner, tern_subscription *s, const char *member, bool wait);

/* Members of calls between libraries (WIRE_LIBRARY), on direct links. */
#define LIBRARY_ADD_RULE    "rule-add"
#define LIBRARY_REMOVE_RULE "rule-remove"
#define LIBRARY_RULES_TOLD  "rules-told"
