/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * topic: a set of tags to publish with, and its plan: who hears it
 *
 * The plan is the peers that hear it, and the sum of the words that decide, from before they
 * were looked up. Words only rise, so while their sum is the same so are they, and the plan holds.
 *
 * Whether somebody listens is asked without the lock: turn is even while there is a plan, odd while there is none
 * or it is being made, and another number after it was.
 * Q1  store-release turn, odd; then what the plan is; store-release turn, even -> load-acquire turn; what the plan
 *     is, relaxed; fence, turn again: who read of two plans finds turn changed.
 */

#include <stdalign.h>

#include "client/bus.h"
#include "client/wish.h"

enum {
	TOPIC_WORDS = TERN_MAX_TAGS + 20, /* the handle's, and of the tags, the tagless, the own id and some own names */
	TOPIC_WORDS_STEP = 4,		  /* they are looked at so many at a time */
	TOPIC_ALL_SENDERS = UINT32_MAX,	  /* instead of a word: those of all senders */
};

struct recipient {
	tern_peer peer;
	struct partner *partner; /* its link, once it was looked up; while the plan holds */
	bool wait;
	bool is_paced; /* its wish has a rate */
};

/* A word that decides: the handle's plans_version, or one of ternd's; or one that never changes, to fill up. */
typedef _Atomic(const _Atomic uint64_t *) topic_word;

struct tern_topic {
	uint32_t refs;
	tern_bus *bus; /* counted */
	struct tag *split; /* direct links, from the first plan on */
	/* the plan */
	_Atomic uint32_t turn; /* Q1 */
	_Atomic uint32_t is_heard;
	_Atomic uint64_t sum;
	_Atomic uint32_t n_words; /* a multiple of TOPIC_WORDS_STEP; more than TOPIC_WORDS: and those of all senders */
	topic_word words[TOPIC_WORDS];
	struct recipient *recipients;
	struct wish *wishes; /* of each recipient */
	size_t n_recipients;
	bool has_paced;
	_Atomic uint64_t expiry; /* ns; 0 none; changed while others publish */
	/* who is told of listeners (listeners.h) */
	tern_listeners_fn *listeners_fn; /* NULL: nobody */
	void *listeners_user;
	struct tern_topic *watched_prev, *watched_next; /* bus->watched_topics */
	uint32_t n_running;
	bool was_told;	   /* that somebody listens */
	bool is_told_soon; /* an item is queued */
	uint64_t hash; /* of the tags */
	uint64_t set; /* topic_set(); 0: not asked for yet */
	const uint8_t *tags; /* encoded as in a record, where they stand in it */
	uint16_t tags_size;
	uint8_t n_tags;
	uint32_t head_size; /* of what all of its records begin with: header, empty strings, tags, zeros up to the payload */
	alignas(8) struct wire_header head;
};

/*
 * topic_plan() - who hears it, anew unless the plan holds; with the lock
 * Return: 0, or a negative errno with the error recorded.
 */
int topic_plan(tern_topic *topic);

/* topic_ask() - does anybody listen? Return: 0 nobody, 1, -ESHUTDOWN, -ECHILD.  Threads: any, without the lock. */
int topic_ask(tern_topic *topic);

/* topic_set() - a hash of the tags, in whatever order; not 0 */
uint64_t topic_set(tern_topic *topic);

/* topic_rules_known() - on direct links: is all known that the others want? Else anybody may listen. */
static inline bool
topic_rules_known(const tern_bus *bus)
{
	return bus->n_untold == 0; /* always on a bus */
}

/* topic_unref_locked() - the last puts it aside, for it may be made again; returns NULL */
tern_topic *topic_unref_locked(tern_topic *topic);

/* topics_drop_idle() - free those that were put aside */
void topics_drop_idle(tern_bus *bus);
