/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rules_writer: ternd's side of the rules
 *
 * Keeps, privately, where the rules of each subscriber are, so that one can be
 * removed, and all of a dead peer, without a search. rulebook.h is what ternd
 * uses.
 */

#include "shm/map.h"
#include "shm/rules.h"
#include "shm/table_writer.h"

struct rules_writer {
	struct table_writer table;
	struct map owners; /* by subscriber: where its rules are */
};

#define RULES_WRITER_INIT ((struct rules_writer){.table = TABLE_WRITER_INIT})

/* rules_writer_init() - an empty table; 0 or a negative errno */
int rules_writer_init(struct rules_writer *ret, uint32_t capacity);

/* rules_writer_deinit() - unmap, close and free; a zeroed or half-built one is fine */
void rules_writer_deinit(struct rules_writer *rules);

/* rules_units() - units that a rule with so many tags takes, at most, for table_reserve() */
uint32_t rules_units(size_t n_tags);

/**
 * rules_add() - enter a rule; its tags are ascending, each once, without the
 * one it is indexed by
 *
 * Return: 0, TABLE_E_EXISTS, TABLE_E_FULL or -ENOMEM.  Threads: owner.  Blocks:
 * never.
 */
int rules_add(struct rules_writer *rules, const struct rule *rule);

/* rules_has() - has the subscriber a rule of this number? */
bool rules_has(const struct rules_writer *rules, uint64_t subscriber, uint64_t id);

/* rules_remove() - 0 and the rule that was there, or TABLE_E_NOT_FOUND */
int rules_remove(struct rules_writer *rules, uint64_t subscriber, uint64_t id, struct rule *ret);

/* rules_remove_any() - one rule of the subscriber, whichever; TABLE_E_NOT_FOUND: it has none */
int rules_remove_any(struct rules_writer *rules, uint64_t subscriber, struct rule *ret);
