/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * soak: programs that do random things to each other, and a ledger of what may come of it
 *
 * Each worker is a process with a handle on a private bus. It owns, queues for and gives up names, calls
 * and is called, answers at once, later and not at all, subscribes with each policy and publishes, streams, keeps values
 * and follows those of others, closes its handle and opens another. Meanwhile workers are killed and replaced, and ternd and they are stopped for a moment.
 *
 * What is sent says from whom it is, and which number it has: of all the sender sent, of its calls, of its
 * events on a topic. So it shows at the other end whether something came twice, damaged, in a wrong order, or not
 * at all though no gap was told. In the end all is quiet: then the last event of each topic is heard or a gap is
 * told, every call is answered, and descriptors and mappings are as they were.
 *
 * The seed decides what each does, not how their steps interleave.
 */

#include <stdatomic.h>

#include "fixture.h"
#include "tern/tern.h"

enum {
	MAX_WORKERS = 16,
	MAX_LIVES = 2048, /* handles in one run */
	MAX_CALLS = 1 << 14, /* of one life */
	N_TOPICS = 10,
	N_TAGS = 5,
	N_NAMES = 4,
	N_STREAMS = 2, /* a worker's own thread, and its helper */
	N_STYLES = 2,  /* with handlers, and out of tern_next(): each has an order of its own */
};

/* random numbers: xorshift64 */
struct dice {
	uint64_t state;
};

void dice_init(struct dice *dice, uint64_t seed, uint64_t who);
uint64_t dice_roll(struct dice *dice);
/* dice_below() - 0 ... n - 1 */
uint32_t dice_below(struct dice *dice, uint32_t n);
/* dice_is() - true n times of a hundred */
bool dice_is(struct dice *dice, uint32_t n);

/* --- the ledger, in memory that all share --- */

enum life_state { LIFE_NONE, LIFE_OPEN, LIFE_OVER };

/* A handle from its opening to its end, and what was begun with it. */
struct life {
	_Atomic uint32_t state;
	_Atomic uint32_t worker;
	_Atomic uint64_t peer;
	_Atomic uint64_t begun[N_TOPICS];    /* the number of the last event begun on a topic */
	_Atomic uint8_t handled[MAX_CALLS]; /* how often the call of this number came to a service */
};

enum phase { PHASE_RUN, PHASE_QUIET };

enum count {
	COUNT_EVENTS, /* heard */
	COUNT_GAPS,
	COUNT_CALLS, /* answered as they should */
	COUNT_PARTS, /* of streams, at either end */
	COUNT_VERSIONS, /* of values, heard or read */
	COUNT_FAILED,
	COUNT_TIMED_OUT,
	COUNT_KILLED,
	COUNT_TERND, /* killed, and another one started */
	N_COUNTS,
};

struct world {
	const char *address;
	uint64_t seed;
	uint32_t n_workers;
	bool kills; /* many of them, and ternd */
	_Atomic uint32_t phase;
	_Atomic uint32_t quiet, published, heard; /* workers that are so far */
	_Atomic uint32_t n_lives;
	_Atomic uint64_t alive_at[MAX_WORKERS]; /* when it last began something */
	_Atomic(const char *) doing[MAX_WORKERS];
	_Atomic uint64_t counts[N_COUNTS];
	struct life lives[MAX_LIVES];
};

/* topic_tags() - a topic's, or a rule's, tags: bit by bit; NULL-ended, in storage */
const char *const *mask_tags(uint32_t mask, const char *storage[N_TAGS + 1]);
/* topic_mask() - the tags of a topic */
uint32_t topic_mask(uint32_t topic);
/* soak_name() - a constant */
const char *soak_name(uint32_t n);

/* What every message says of itself. */
struct stamp {
	uint64_t life, stream;
	uint64_t order;  /* of all that this stream sent; 0: it may come out of turn */
	uint64_t number; /* of the call, or of the event on its topic */
	uint64_t topic;
	uint64_t size; /* of the second part; 0 none */
	uint64_t has_fd;
};

#define STAMP_FORMAT "[uuuuuuuu]" /* the stamp, and its sum */

uint64_t stamp_sum(const struct stamp *stamp);
/* stamp_write() - fill a message. Return: 0, -EAGAIN, -EDQUOT: too much is lent out. */
int stamp_write(const struct stamp *stamp, tern_message *m, bool lend);
/* stamp_read() - what a message says, all of which must hold */
void stamp_read(struct stamp *stamp, tern_message *m);

/* --- the workers --- */

struct worker_start {
	struct world *world;
	uint32_t number;
	uint32_t times; /* replaced so often */
};

/* worker_run() - for child_start() */
void worker_run(void *user);
