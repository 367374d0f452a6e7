/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * bus: who is connected, and what follows when somebody comes or goes
 *
 * Pure state: no descriptor, no clock, no shared memory, no thread. Whatever a
 * call here changes for others it tells the host (ternd, or a test) at once and
 * in the order that others must see it. The host must not call the bus from
 * inside these functions.
 *
 *      bus ── peers ── owners   (a place in the queue of a name)
 *       │       ├───── rules
 *       │       └───── links
 *       ├─── names ── queue of owners; the first owns the name
 *       └─── domains: peers of the same user, label and user namespace
 *
 * Everything a peer has goes with it: bus_disconnect() is the only end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "bus/quota.h"
#include "wire/control.h"

struct bus;
struct bus_domain;
struct bus_link;
struct bus_link_end;
struct bus_name;
struct bus_owner;
struct bus_peer;
struct bus_rule;
struct bus_rule_list;
struct policy;

/* The answers of all functions of the bus. */
enum {
	_BUS_E_OK,
	BUS_E_QUEUED,	 /* own: not yet, but in line */
	BUS_E_TAKEN,	 /* own: somebody else has it */
	BUS_E_NOT_OWNER, /* disown: neither owned nor waited for */
	BUS_E_NO_SUCH_NAME,
	BUS_E_NO_SUCH_PEER,
	BUS_E_ITSELF, /* introduce: a peer needs no link to itself */
	BUS_E_LINKED, /* introduce: the two have a link already */
	BUS_E_DENIED, /* own, introduce: the policy does not allow it */
	BUS_E_RULE_EXISTS,
	BUS_E_NO_SUCH_RULE,
	BUS_E_QUOTA, /* bus->exceeded tells */
};

enum {
	BUS_LABEL_SIZE = 128, /* of a security label, with the zero byte */
};

/* Who a peer is, as the kernel tells. @userns 0: not known, so it is alone in its domain. */
struct bus_identity {
	uint32_t uid, gid, pid;
	uint64_t userns;
	char label[BUS_LABEL_SIZE];
	uint64_t process; /* which one had the number pid: io/process.h; 0: not known */
};

struct bus_host {
	/* @name has another owner or other labels; bus_name_owner() NULL: it is gone */
	void (*name_changed)(void *user, const struct bus_name *name);
	/* this peer is to hear of it; @event lives as long as the call */
	void (*name_event)(void *user, struct bus_peer *peer, const struct control_event *event);
	/* @peer was replaced, or came up in the queue */
	void (*owner_lost)(void *user, struct bus_peer *peer, const struct bus_name *name);
	void (*owner_gained)(void *user, struct bus_peer *peer, const struct bus_name *name);
	/* the other end is to know what peers[@whose] may do (withheld[@whose]), and, if it is not NULL, of one name */
	void (*rights_changed)(void *user, const struct bus_link *link, unsigned int whose,
		const struct control_text *name, bool is_denied);
	/* it ends now: the policy does not allow it any more */
	void (*link_forbidden)(void *user, const struct bus_link *link);
};

/* What a refusal for BUS_E_QUOTA was about. */
struct bus_exceeded {
	uint32_t uid;
	enum quota_kind kind;
	uint64_t used, limit;
};

struct bus_counts {
	uint64_t peers, names, rules, links, domains;
};

struct bus {
	const struct bus_host *host;
	void *user; /* of the host */
	const struct policy *policy; /* NULL: everything is allowed */
	uint32_t own_uid;	     /* of ternd: who POLICY_SAME_USER may own as */
	uint64_t instance;
	uint64_t last_peer; /* ids are given from here on */
	uint64_t last_link;
	uint64_t last_name;
	uint64_t last_serial; /* of owners */
	uint64_t last_mark;
	uint32_t last_domain;
	struct quota quota;
	struct bus_exceeded exceeded;
	struct bus_counts counts;
	struct bus_peer *peers;	     /* by id */
	struct bus_name *names;	     /* by name */
	struct bus_domain *domains;  /* a list */
	struct bus_domain *shared;   /* those whose key is known, by it */
	struct bus_link *links;	     /* by the two peers */
	struct bus_rule *rules;	     /* by peer and number */
	struct bus_rule_list *heard; /* rules that may hear name events, by one of their tags */
	struct bus_rule *tagless;    /* those of them without tags, a list */
};

/* What decides about a domain; all bytes count. */
struct bus_domain_key {
	uint64_t userns;
	uint32_t uid;
	uint32_t zero;
	char label[BUS_LABEL_SIZE];
};

struct bus_domain {
	struct bus_domain_key key;
	uint32_t number;
	uint32_t n_peers;
	void *tables; /* the host's */
	struct bus_domain *prev, *next;
	UT_hash_handle hh;
};

struct bus_peer {
	struct bus *bus;
	uint64_t id;
	uint32_t uid, gid, pid;
	uint64_t process; /* as in bus_identity */
	uint64_t groups, next_groups; /* policy_groups(), of the present policy; next_groups: while another one comes */
	bool is_guessed;	      /* its groups are not known yet: it is away */
	struct bus_domain *domain; /* which knows the rest of its identity */
	struct quota_user *user;
	struct quota_charge charge;
	struct bus_owner *owners;
	struct bus_rule *rules; /* a list */
	struct bus_link_end *links;
	uint32_t n_owners, n_rules, n_links;
	uint64_t mark; /* of the event it was told last */
	void *client;  /* the host's */
	UT_hash_handle hh;
};

/**
 * bus_init() - an empty bus
 * @instance: goes into the upper half of every peer id; another one after each restart, not 0
 * @host, @user: what is called, and with what; @host is borrowed
 */
void bus_init(struct bus *bus, uint64_t instance, const struct bus_host *host, void *user);

/* bus_deinit() - all peers have been disconnected */
void bus_deinit(struct bus *bus);

/**
 * bus_connect() - a peer joins
 * @ret: owned by the bus until bus_disconnect(); its domain is new if n_peers is 1
 *
 * Return: 0, BUS_E_QUOTA or -ENOMEM.  Threads: owner.  Blocks: never.
 */
int bus_connect(struct bus *bus, const struct bus_identity *identity, struct bus_peer **ret);

/* bus_connect_again() - bus_connect() of a peer that there was on a bus before this one, by its id */
int bus_connect_again(struct bus *bus, const struct bus_identity *identity, uint64_t id, struct bus_peer **ret);

/**
 * bus_disconnect() - a peer is gone, and everything it had
 *
 * Its names pass to the next in line or vanish; the host is told of that. Its rules are gone
 * before, so it hears nothing. Returns NULL; NULL is fine.
 */
struct bus_peer *bus_disconnect(struct bus_peer *peer);

/* bus_find_peer() - by id; NULL: not, or no longer, there */
struct bus_peer *bus_find_peer(struct bus *bus, uint64_t id);

/**
 * bus_resolve() - the peer that a name or ":id" means
 *
 * Return: 0, BUS_E_NO_SUCH_NAME or BUS_E_NO_SUCH_PEER.  Threads: owner.  Blocks: never.
 */
int bus_resolve(struct bus *bus, const struct control_text *name, struct bus_peer **ret);

/* bus_charge() - quota_charge(), and bus->exceeded is filled in. Return: 0 or BUS_E_QUOTA */
int bus_charge(struct bus *bus, struct quota_charge *charge, struct quota_user *user,
	enum quota_kind kind, uint64_t amount);
