/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rules: who wants to hear what, matched by the publisher
 *
 * A rule is in the chain of exactly one key: its sender if it is bound to one
 * (a peer id, or the number of a name in the tags table), else its rarest tag,
 * else, when it has none, the tagless key. A publisher walks the chains of its
 * message's tags, of itself, of its names, and the tagless one, and keeps the
 * rules whose tags are all on the message. So each rule is met at most once.
 */

#include "shm/table.h"

enum {
	RULES_TAGS_MAX = 16, /* tags of a rule, and of a message */
};

/* What a rule is indexed by; part of the format. */
enum {
	RULE_TAGLESS = 1, /* value 0: hears everything */
	RULE_TAG,	  /* value: number of its rarest tag, which is not repeated in tags */
	RULE_PEER,	  /* value: peer id of the sender */
	RULE_NAME,	  /* value: number of the sender's name */
};

/* struct shm_rule - a record; followed by the numbers of its other tags, ascending */
struct shm_rule {
	struct shm_record record;
	uint64_t value;
	uint32_t kind;	 /* with value: the key it is indexed by */
	uint32_t n_tags; /* that follow */
	uint64_t subscriber;
	uint64_t id;
	uint32_t policy;
	uint32_t key;
	uint32_t queue;
	uint32_t max_rate;
};

struct rules {
	struct table table;
};

/* struct rule - what the table tells of a rule */
struct rule {
	uint64_t subscriber; /* peer id */
	uint64_t id;	     /* the subscriber's own number for it */
	uint64_t value;
	uint32_t kind;
	uint32_t policy;   /* as in the public interface */
	uint32_t key;	   /* `latest`: of what; the subscriber's meaning */
	uint32_t queue;	   /* `latest`, `drop-oldest`: how many are kept */
	uint32_t max_rate; /* events a second; 0: no limit */
	uint32_t n_tags;
	uint32_t tags[RULES_TAGS_MAX]; /* without the one it is indexed by */
};

/* struct match_query - what is known of a message before it is matched; all borrowed */
struct match_query {
	const uint32_t *tags; /* their numbers, ascending, each once; unknown tags left out */
	size_t n_tags;
	uint64_t sender;       /* peer id */
	const uint32_t *names; /* numbers, in the tags table, of the names that the sender owns */
	size_t n_names;
	bool is_tagged; /* rules without tags, and those bound to a sender, do not want it */
};

/* struct rule_hit - a rule that matched */
struct rule_hit {
	uint64_t subscriber;
	uint64_t id;
	uint32_t policy;
	uint32_t key;
	uint32_t queue;
	uint32_t max_rate;
	bool is_tagless; /* it asks for no tag */
};

/* struct rule_hits - the answer of a match; kept by the caller from one match to the next */
struct rule_hits {
	struct rule_hit *hits;
	size_t n_hits;
	size_t capacity;
};

#define RULE_HITS_INIT ((struct rule_hits){0})

extern const struct table_type rules_type;

/* rules_open() - map the table that ternd sent; as table_open() */
int rules_open(struct rules *ret, int fd);

/* rules_deinit() - unmap; a zeroed one is fine */
void rules_deinit(struct rules *rules);

/**
 * rules_match() - all rules that want this message
 * @hits: emptied and filled; several rules of one subscriber give several hits,
 * in no order
 *
 * A rule that is there throughout the call is found, each once. On any other
 * answer than 0 the hits say nothing. versions.h tells when a match must be
 * made and how long it holds.
 *
 * Return: 0, TABLE_E_MOVED, TABLE_E_BUSY, or -ENOMEM.  Threads: any, each with
 * its own hits. Blocks: never.
 */
int rules_match(const struct rules *rules, const struct match_query *query, struct rule_hits *hits);

/* rule_hits_deinit() - free what the hits hold; they can be used again */
void rule_hits_deinit(struct rule_hits *hits);

/* rules_next() - iterate; as table_next(), and -EBADMSG */
int rules_next(const struct rules *rules, struct table_cursor *cursor, struct rule *ret);

/* rule_read() - a private copy of a record, checked: 0 or -EBADMSG */
int rule_read(const void *record, size_t size, struct rule *ret);
