/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * control: what programs and ternd tell each other, one CBOR map a packet
 *
 * The socket is SEQPACKET, so a packet is a message. Every message has a type
 * and a serial: a request's is the program's own (not 0), the answer carries
 * it back, and what ternd says unasked has 0. Each type is one struct here and
 * one table of fields in control-fields.c, from which both the encoder and the
 * decoder work, so that they cannot differ. Unknown keys are skipped, and what
 * is missing is zero unless it is required, so that fields can be added.
 *
 * A conversation (docs/protocol.md has all of it):
 *
 *      program                       ternd
 *      hello ---------------------->
 *            <---------------------- welcome + tables     or failed, then hang-up
 *      own, rule-add, introduce … ->
 *            <---------------------- done, introduced + fd, found, counts, reply, or failed
 *            <---------------------- link + fd, event, table + fd, owner-lost, owner-gained
 *
 * Time: linear in the packet. Stack: some kilobytes. Allocates nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/minor.h"

/* What ternd offers, by which it can be called, too. */
#define CONTROL_INTERFACE "org.tern.Bus"

enum {
	CONTROL_MAJOR = 1, /* the only incompatibility */
	CONTROL_MINOR = 0 + MINOR_AHEAD, /* fields are added */
	CONTROL_MAX_PACKET = 64 << 10,
	CONTROL_MAX_TEXT = 255,	      /* bytes of a name, a tag, a label */
	CONTROL_MAX_TAGS = 16,	      /* of a rule; labels of a name */
	CONTROL_MAX_TAGS_SIZE = 1024, /* bytes of all of them, each with one for its length */
	CONTROL_MAX_EVENT_TAGS = 160, /* of a name event: new, name, prefixes, labels */
	CONTROL_MAX_TOKEN = 64,
	CONTROL_TOKEN_SIZE = 16, /* of a token that ternd makes */
	CONTROL_MAX_TABLES = 8,
	CONTROL_MAX_FDS = CONTROL_MAX_TABLES + 1,
	CONTROL_MAX_WORDS = 545, /* bytes: a bit for each version word */
	CONTROL_MAX_USERS = 64, /* in counts */
	CONTROL_MAX_CALL = 2 << 10,   /* bytes of the arguments of a call of ternd */
	CONTROL_MAX_REPLY = 48 << 10, /* and of what it answers */
	CONTROL_PEER_TERND = 1, /* peer id of ternd itself, the name "tern" */
};

/* What a packet is. The numbers are part of the protocol. */
enum control_type {
	/* requests */
	CONTROL_HELLO = 1,	 /* -> welcome */
	CONTROL_OWN = 2,	 /* -> done, with state */
	CONTROL_DISOWN = 3,	 /* -> done */
	CONTROL_RULE_ADD = 4,	 /* -> done; by then the rule is active */
	CONTROL_RULE_REMOVE = 5, /* -> done */
	CONTROL_INTRODUCE = 6,	 /* -> introduced + fd */
	CONTROL_UNLINK = 7,	 /* -> done, also if there is no such link any more */
	CONTROL_LOOKUP = 8,	 /* -> found */
	CONTROL_STATS = 9,	 /* -> counts */
	CONTROL_PING = 10,	 /* -> done */
	CONTROL_CALL = 11,	 /* -> reply */
	CONTROL_WATCH = 12,	 /* -> done; listeners follows, once */
	CONTROL_MAKE_ROOM = 13,	 /* in place of hello -> done + 2 descriptors, then the hang-up */
	/* answers */
	CONTROL_WELCOME = 32,
	CONTROL_DONE = 33,
	CONTROL_FAILED = 34,
	CONTROL_INTRODUCED = 35,
	CONTROL_FOUND = 36,
	CONTROL_COUNTS = 37,
	CONTROL_REPLY = 38,
	/* unasked, serial 0 */
	CONTROL_LINK = 64,
	CONTROL_EVENT = 65,
	CONTROL_TABLE = 66,
	CONTROL_OWNER_LOST = 67,
	CONTROL_OWNER_GAINED = 68,
	CONTROL_LISTENERS = 69,
	CONTROL_RIGHTS = 71, /* what the other end of a link may do changed, or the link is forbidden */
	CONTROL_BYE = 70, /* this bus ends, and no other ternd goes on with it */
};

enum control_table_kind {
	CONTROL_TABLE_PEERS = 1,
	CONTROL_TABLE_NAMES = 2,
	CONTROL_TABLE_RULES = 3,
	CONTROL_TABLE_TAGS = 4,
	CONTROL_TABLE_VERSIONS = 5,
};

/* Of own; as the public TERN_NAME_*. */
enum control_own_flag {
	CONTROL_OWN_QUEUE = 1,
	CONTROL_OWN_REPLACE = 2,
	CONTROL_OWN_REPLACEABLE = 4,
};

/* Of done, to own. */
enum control_own_state {
	CONTROL_OWNED = 0,
	CONTROL_QUEUED = 1,
};

#define CONTROL_TAG_TAP "tern.tap" /* a rule with it hears copies of calls; as TERN_TAG_TAP */

/* Of rule-add; as the public policies. */
enum control_policy {
	CONTROL_DROP_NEWEST = 0,
	CONTROL_DROP_OLDEST = 1,
	CONTROL_LATEST = 2,
	CONTROL_WAIT = 3,
	CONTROL_DISCONNECT = 4,
};

/* Of welcome: what became of hello's introduce. */
enum control_introduced {
	CONTROL_NOT_ASKED = 0,
	CONTROL_LINKED = 1,	/* link is set, and its descriptor the last one */
	CONTROL_NOT_LINKED = 2, /* failed is set */
};

/* Of link and rights: what the other end may not do to this one, by the policy. Bits. */
enum control_withheld {
	CONTROL_NO_ID = 1,    /* call this end by ":ID" */
	CONTROL_NO_NAMES = 2, /* call any name of this end */
	CONTROL_NO_HEAR = 4,  /* hear this end's events */
};

/* Borrowed, no zero byte behind it; NULL and 0: absent. */
struct control_text {
	const char *text;
	size_t size;
};

struct control_bytes {
	const uint8_t *bytes;
	size_t size;
};

struct control_tags {
	size_t n;
	struct control_text items[CONTROL_MAX_TAGS];
};

struct control_event_tags {
	size_t n;
	struct control_text items[CONTROL_MAX_EVENT_TAGS];
};

struct control_kinds {
	size_t n;
	uint32_t items[CONTROL_MAX_TABLES]; /* enum control_table_kind */
};

/*
 * The first packet. @clock is CLOCK_MONOTONIC in ns with the time namespace's
 * offset taken off (base/clock.h). @claim and @token, of its welcome, claim what
 * a former connection had. @introduce saves the first round trip of a short-lived program.
 */
struct control_hello {
	uint32_t major_min, major_max; /* versions spoken */
	uint32_t minor;		       /* of major_max */
	uint64_t features;	       /* none yet */
	uint64_t clock;
	struct control_bytes token;
	struct control_text introduce; /* name or ":id"; may be absent */
	uint64_t claim;		       /* peer id on a ternd that ended, goes with token; 0: none */
};

/* Who is at the other end of a link. One descriptor comes along: this end's socket. */
struct control_link {
	uint64_t peer;
	uint64_t link; /* number of this link, for unlink; never reused */
	uint32_t uid, gid, pid;
	struct control_text label; /* security label, may be absent */
	bool same_domain;
	bool initiator; /* this end asked for the link */
	uint32_t withheld; /* enum control_withheld */
	struct control_event_tags denied; /* names of this end that the other one may not call */
};

/* Told before what changed them can be seen in tables. */
struct control_rights {
	uint64_t peer; /* the other end; 0: of all to whom no link was allowed, which may be asked for again */
	uint64_t link;
	uint32_t withheld; /* enum control_withheld: all that holds now */
	struct control_text name; /* of this end; absent: none has changed */
	bool denied;		  /* that one may not be called (any more); else it may */
	bool over;		  /* the link may not be: this end closes it */
};

/* @code is an errno (positive); @error is for programs ("tern.NameTaken"), @text for people. */
struct control_failed {
	uint32_t code;
	struct control_text error;
	struct control_text text;
	uint64_t peer; /* who has the name; whom there is a link with already; else 0 */
};

/*
 * Descriptors: one for each of @tables, in that order; then, if @introduced is
 * CONTROL_LINKED, that of @link.
 */
struct control_welcome {
	uint32_t major, minor; /* what is spoken from here on */
	uint64_t features;
	uint64_t instance; /* of ternd; another one after a restart */
	uint64_t peer;	   /* the program's own id */
	uint64_t clock;	   /* ternd's, as in hello */
	uint32_t slot;	   /* of its inbox word in the peers table */
	uint32_t domain;
	struct control_bytes token;
	struct control_kinds tables;
	uint32_t introduced; /* enum control_introduced */
	struct control_link link;
	struct control_failed failed;
};

/* Labels become tags of the name's events. */
struct control_own {
	struct control_text name;
	uint32_t flags; /* enum control_own_flag */
	struct control_tags labels;
};

/* @rule is the program's own number for it, not 0. @sender: name, ":id", "tern", or absent. */
struct control_rule_add {
	uint64_t rule;
	uint32_t policy; /* enum control_policy */
	struct control_text sender;
	struct control_tags tags;
	uint32_t queue;
	uint32_t max_rate;
};

struct control_rule_remove {
	uint64_t rule;
};

/* Of introduce and lookup (a name or ":id"), disown, owner-lost and owner-gained (a name). */
struct control_name {
	struct control_text name;
	bool start; /* introduce: if nobody owns it start its service, and answer when that is done */
};

/* This end of the link was closed: the two may be introduced anew. */
struct control_unlink {
	uint64_t peer;
	uint64_t link;
};

/* Version words (docs/shm-format.md): bit i % 8 of byte i / 8 is word i. */
struct control_watch {
	struct control_bytes words;
};

struct control_done {
	uint32_t state; /* enum control_own_state */
};

struct control_found {
	uint64_t peer;
	uint64_t owner_serial; /* as in the names table; 0 for an id */
};

/* What the peers of one user hold. */
struct control_user {
	uint64_t uid, peers, names, rules, links, bytes, fds;
};

struct control_users {
	size_t n;
	struct control_user items[CONTROL_MAX_USERS];
};

struct control_counts {
	uint64_t peers, names, rules, tags, links, domains;
	uint64_t table_bytes;
	struct control_users users; /* those who hold most, if there are more */
};

/* A call of ternd itself, the service "tern"; and its answer. CBOR, one item or none. */
struct control_call {
	struct control_text member;
	struct control_bytes payload;
};

struct control_reply {
	struct control_bytes payload;
};

/*
 * A name came or went. @rule: meant for this rule of the receiver alone, which
 * is new and is told the present owners (0: for all that match). @lost: events
 * dropped before this one because the receiver did not read.
 */
struct control_event {
	struct control_event_tags tags;
	struct control_bytes payload; /* CBOR {name, old, new}; peer id 0: nobody */
	uint64_t rule;
	uint64_t lost;
};

/* A table has outgrown its segment: the descriptor that comes along is the new one. */
struct control_table {
	uint32_t kind; /* enum control_table_kind */
	uint32_t domain;
};

struct control {
	uint32_t type; /* enum control_type */
	uint64_t serial;
	union {
		struct control_hello hello;
		struct control_own own;
		struct control_rule_add rule_add;
		struct control_rule_remove rule_remove;
		struct control_unlink unlink;
		struct control_watch watch;
		struct control_name name; /* introduce, lookup, disown, owner-lost, owner-gained */
		struct control_welcome welcome;
		struct control_done done;
		struct control_failed failed;
		struct control_link link; /* introduced, link */
		struct control_rights rights;
		struct control_found found;
		struct control_counts counts;
		struct control_call call;
		struct control_reply reply;
		struct control_event event;
		struct control_table table;
	};
};

/* Why a packet was not understood. */
enum {
	_CONTROL_E_OK,
	CONTROL_E_MALFORMED, /* not one whole CBOR map with a type and a serial */
	CONTROL_E_TYPE,	     /* a type that this version does not know */
	CONTROL_E_FIELD,     /* a field is missing, or not what it should be */
	CONTROL_E_LIMIT,     /* more or longer than the limits above allow */
};

/**
 * control_encode() - write a packet
 * @buf: CONTROL_MAX_PACKET bytes are always enough for what ternd accepts
 * @ret_size: bytes of it that are the packet
 *
 * Fields that are zero, false or absent are left out.
 *
 * Return: 0, -EINVAL (an unknown type, text that is not UTF-8) or -EMSGSIZE (no room).
 * Threads: any.  Blocks: never.
 */
int control_encode(const struct control *control, void *buf, size_t room, size_t *ret_size);

/**
 * control_decode() - read a packet, which must be in private memory
 * @ret: texts and bytes in it are borrowed from the packet. Type and serial are set also on
 *       failure, if they could be read, else 0
 * @ret_where: a literal with the key that is at fault, or NULL; may be NULL
 *
 * Return: 0 or CONTROL_E_*.  Threads: any.  Blocks: never.
 */
int control_decode(struct control *ret, const void *packet, size_t size, const char **ret_where);

/* control_strerror() - a CONTROL_E_* in words */
const char *control_strerror(int error);

/* control_type_name() - "hello", "rule-add", …; "unknown" */
const char *control_type_name(uint32_t type);
