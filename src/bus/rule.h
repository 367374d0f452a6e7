/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rule: what the peers want to hear
 *
 * Publishers match rules themselves, in the tables that the host fills from
 * here. The bus matches one kind of event, its own: names that came or went.
 * For that, rules that may hear ternd are indexed by one of their tags, which
 * is not `new` or `gone` if there is another.
 */

#include "bus/bus.h"

enum bus_sender {
	BUS_SENDER_ANY,
	BUS_SENDER_TERND, /* name events and nothing else: publishers need not know of it */
	BUS_SENDER_PEER,
	BUS_SENDER_NAME,
};

struct bus_rule_key {
	uint64_t peer, number;
};

struct bus_rule {
	struct bus_rule_key key;
	struct bus_peer *peer;
	enum bus_sender sender;
	uint64_t sender_id;
	struct control_text sender_name;
	uint32_t policy, queue, max_rate;
	bool is_tap; /* hears copies of calls: for whom the host decides */
	struct bus_rule_list *list; /* NULL: tagless, or hears no name events */
	struct quota_charge charge, bytes;
	struct bus_rule *prev, *next;		/* in its list, or among the tagless */
	struct bus_rule *peer_prev, *peer_next; /* of the peer */
	UT_hash_handle hh;
	size_t n_tags;
	struct control_text tags[]; /* and behind them what the strings point into */
};

/* Rules with the same tag in the index. */
struct bus_rule_list {
	struct bus_rule *rules;
	UT_hash_handle hh;
	size_t size;
	char tag[];
};

/* struct bus_rule_id - a sender's ":id" in words */
struct bus_rule_id {
	char text[24];
};

/**
 * bus_rule_add() - a peer wants to hear something
 * @spec: has been checked (wire/name.h); policy, queue and rate too
 * @ret: belongs to the bus
 *
 * Return: 0, BUS_E_RULE_EXISTS, BUS_E_QUOTA or -ENOMEM.  Threads: owner.  Blocks: never.
 */
int bus_rule_add(struct bus_peer *peer, const struct control_rule_add *spec, struct bus_rule **ret);

/* bus_rule_is_tap() - is the tag of taps among these? */
bool bus_rule_is_tap(const struct control_tags *tags);

/* bus_rule_find() - NULL: the peer has no such rule */
struct bus_rule *bus_rule_find(struct bus_peer *peer, uint64_t number);

/* bus_rule_free() - returns NULL; NULL is fine */
struct bus_rule *bus_rule_free(struct bus_rule *rule);

/* bus_rule_describe() - as it was asked for; borrowed from the rule, and @id from the caller */
void bus_rule_describe(const struct bus_rule *rule, struct bus_rule_id *id, struct control_rule_add *ret);

/* bus_rule_tell() - tell the rule's peer of the present owners that match it */
void bus_rule_tell(struct bus_rule *rule);

/**
 * bus_tell() - tell everybody who wants to know that a name came or went
 * @owner: who is in question: the new owner, or the old one
 * @old, @new: peer ids, 0 for nobody
 *
 * One event a peer, however many of its rules match.
 */
void bus_tell(const struct bus_owner *owner, bool is_gone, uint64_t old, uint64_t new);
