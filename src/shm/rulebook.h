/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rulebook: what ternd writes for one publisher domain: its rules, tags and
 * versions together
 *
 * A rule touches all three, in an order that publishers rely on (versions.h):
 * tags first, then the rule, then the version word, then a fence, and only
 * then may the subscriber be answered. Removal goes the other way. So it is
 * done here, in one place. Three descriptors go to each peer of the domain;
 * that of the versions never changes.
 */

#include "shm/rules_writer.h"
#include "shm/tags_writer.h"
#include "shm/versions_writer.h"

enum {
	RULEBOOK_CAPACITY = 256, /* units of the first tables: about 100 rules */
};

struct rulebook {
	struct tags_writer tags;
	struct rules_writer rules;
	struct versions_writer versions;
	void (*bumped)(struct rulebook *book, uint32_t index); /* NULL; else: a version word was counted up */
};

#define RULEBOOK_INIT                                                                              \
	((struct rulebook){                                                                        \
		.tags = TAGS_WRITER_INIT,                                                          \
		.rules = RULES_WRITER_INIT,                                                        \
		.versions = VERSIONS_WRITER_INIT,                                                  \
	})

/**
 * struct rule_spec - a rule as its subscriber gave it; all borrowed
 * @sender_name: if its text is not NULL, only events of this name's owner
 * @sender: else, if not 0, only events of this peer
 */
struct rule_spec {
	uint64_t subscriber;
	uint64_t id;
	uint32_t policy;
	uint32_t key;
	uint32_t queue;
	uint32_t max_rate;
	const struct table_text *tags; /* a tag given twice counts once */
	size_t n_tags;
	struct table_text sender_name;
	uint64_t sender;
};

/* rulebook_init() - empty tables; @capacity as RULEBOOK_CAPACITY, @first as versions_writer_init(); 0 or a negative errno */
int rulebook_init(struct rulebook *ret, uint32_t capacity, uint64_t first);

/* rulebook_deinit() - unmap, close and free; a zeroed or half-built one is fine */
void rulebook_deinit(struct rulebook *book);

/**
 * rulebook_add() - from now on the subscriber is to hear this
 *
 * When it returns 0, every publish that begins afterwards finds the rule:
 * answer then.
 *
 * Return: 0, TABLE_E_EXISTS (the subscriber has a rule of that number),
 * TABLE_E_FULL (rulebook_grow(), and again), -E2BIG (tags over the limits),
 * -EINVAL (an empty tag), or -ENOMEM; then nothing has changed.  Threads:
 * owner.  Blocks: never.
 */
int rulebook_add(struct rulebook *book, const struct rule_spec *spec);

/* rulebook_remove() - no longer; 0 or TABLE_E_NOT_FOUND */
int rulebook_remove(struct rulebook *book, uint64_t subscriber, uint64_t id);

/* rulebook_remove_peer() - all rules of a peer that is gone; how many there were */
size_t rulebook_remove_peer(struct rulebook *book, uint64_t subscriber);

/**
 * rulebook_grow() - make larger what was full
 * @ret_tags, @ret_rules: which of the tables has a new descriptor to be sent
 *
 * Then table_fd(&book->tags.table) or table_fd(&book->rules.table) goes to
 * every peer of the domain, then rulebook_forward(), then what was full is
 * tried again.
 *
 * Return: 0 or a negative errno.  Threads: owner.  Blocks: never.
 */
int rulebook_grow(struct rulebook *book, bool *ret_tags, bool *ret_rules);

/* rulebook_forward() - every peer has been sent what is new */
void rulebook_forward(struct rulebook *book);

/* rulebook_complete() - all rules that are known are in it */
void rulebook_complete(struct rulebook *book);

/* rulebook_bytes() - memory of its segments */
size_t rulebook_bytes(const struct rulebook *book);
