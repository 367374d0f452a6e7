/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * versions: words that tell a publisher whether what it remembers of the rules
 * still holds
 *
 * Every rule has one word, found by what the rule is indexed by (rules.h): the
 * hash of its rarest tag, of its sender's name, of its sender's id, or the word
 * of the tagless. ternd bumps it after it added or removed the rule. The words
 * have a segment of their own, which never moves and is never compacted, so
 * that a topic keeps its indices for the life of ternd. Two keys may share a
 * word: that costs a needless match, never a missed one.
 *
 * A publisher, for a topic (its tags, itself, its names; if those change the
 * topic begins anew):
 *
 *      1. load the words of all its tags, of the tagless, of itself and of
 *         its names
 *      2. equal to the topic's snapshot: the remembered recipients hold; done
 *      3. else look all tags and names up anew in the tags table (their numbers
 *         may have changed), match, and remember the recipients with the words
 *         of step 1, from *before* the look-ups: what changes meanwhile shows
 *         at the next publish
 *
 * T7  store-release version -> load-acquire version: the rule's records are
 *     visible to look-ups that begin after the load.
 * T8  ternd: rule stored, version bumped, fence, then the answer. A publisher
 *     of state: value stored, fence, then step 1. So either the publisher sees
 *     the new rule, or the subscriber, once it has its answer, sees the new
 *     value. The publisher's fence is its own business; the writer's is in
 *     rulebook.h.
 */

#include "base/atomic.h"
#include "base/attribute.h"
#include "shm/head.h"
#include "shm/segment.h"

enum {
	VERSIONS_N_TAGS = 4096,			/* words 0 to 4095: by hash of a tag */
	VERSIONS_TAGLESS = VERSIONS_N_TAGS,	/* alone in its cache line */
	VERSIONS_SENDERS = VERSIONS_N_TAGS + 8, /* by hash of a name or an id */
	VERSIONS_N_SENDERS = 256,
	VERSIONS_N_WORDS = VERSIONS_SENDERS + VERSIONS_N_SENDERS,
};

enum {
	VERSIONS_PART_WORDS, /* the only part of the segment */
};

struct versions {
	struct segment segment;
	const _Atomic uint64_t *words;
};

/**
 * versions_replace() - the words of a ternd that came after another, where those of the other were
 * @fd: borrowed
 *
 * Who looks at a word meanwhile, without a lock, sees one or the other; those of the later ternd are
 * greater (versions_writer_init()).
 *
 * Return: as versions_open(); on failure the old ones stay.  Threads: owner.  Blocks: never.
 */
int versions_replace(struct versions *versions, int fd);

/**
 * versions_open() - map the words that ternd sent
 *
 * Return: 0, TABLE_E_SEGMENT, TABLE_E_VERSION or TABLE_E_FORMAT of table.h, or
 * a negative errno.  Threads: any.  Blocks: never.
 */
int versions_open(struct versions *ret, int fd);

/* versions_deinit() - unmap; a zeroed one is fine */
void versions_deinit(struct versions *versions);

/* versions_of_tag(), _name(), _peer() - the index of a word; pure, the same on both sides */
uint32_t versions_of_tag(const char *text, size_t size);
uint32_t versions_of_name(const char *name, size_t size);
uint32_t versions_of_peer(uint64_t id);

/* versions_load() - a word, load-acquire (T7); @index comes from the functions above */
static inline uint64_t
versions_load(const struct versions *versions, uint32_t index)
{
	assert(index < VERSIONS_N_WORDS);
	return load_acq(&versions->words[index]);
}
