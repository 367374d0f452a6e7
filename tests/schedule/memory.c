/* SPDX-License-Identifier: MIT */

/*
 * memory: what a load may give
 *
 * Of each word the last stores are kept. A store has, for each actor, the moment when that actor first saw it. Actors
 * have vector clocks: what a release or a fence hands on is the clock of who stored, and who acquires joins it to its
 * own. A load may give a store if no later one was seen, by anybody, at a moment that the loader's clock has passed: that
 * is C11 without the stores being reordered among those to one word, where there is one writer a word, as tern has it.
 * fence_seq() is a meeting: each knows what all before it knew.
 *
 * Bytes that are copied without atomics are watched: who reads or writes them must know of the last write, and who
 * writes of the last reads.
 *
 * The idea is that of race detectors and of Relacy: one clock for each actor, and a store's history.
 */

#include <string.h>

#include "base/attribute.h"
#include "schedule.h"

enum {
	MAX_SHARED = 64,
	N_KEPT = 8,     /* stores of a word */
	N_WORDS = 4096, /* atomic ones that a schedule touches; a power of two, as the next */
	N_PLAIN = 16384,
	NEVER = 0,
};

struct clocks {
	uint32_t of[MAX_ACTORS];
};

struct store {
	uint64_t value;
	struct clocks seen; /* first, by each; NEVER */
	struct clocks sync; /* what who acquires it learns */
};

struct word {
	uintptr_t at;
	uint32_t schedule; /* that it belongs to; others count as empty */
	uint32_t n;        /* stores so far */
	struct store stores[N_KEPT];
};

struct plain {
	uintptr_t at; /* of eight bytes, / 8 */
	uint32_t schedule;
	uint32_t writer, written;
	struct clocks read;
};

static struct {
	uintptr_t begin, end;
} shared[MAX_SHARED];
static unsigned int n_shared;
static struct word words[N_WORDS];
static struct plain plains[N_PLAIN];
static uint32_t schedule;
static enum memory_fault fault;
static unsigned int staleness;

static struct clocks known[MAX_ACTORS];   /* to each */
static struct clocks heard[MAX_ACTORS];   /* by relaxed loads: known after the next acquire fence */
static struct clocks released[MAX_ACTORS]; /* by the last release fence: goes along with relaxed stores */
static struct clocks met;     /* at fence_seq() */
static struct clocks timed;   /* what was known to who read the clock */
static uint32_t fenced[MAX_ACTORS]; /* own clock at the last fence_seq() */

static void
join(struct clocks *to, const struct clocks *from)
{
	for (int i = 0; i < MAX_ACTORS; i++)
		to->of[i] = MAX(to->of[i], from->of[i]);
}

void
schedule_share(void *base, size_t size)
{
	assert(n_shared < MAX_SHARED);
	shared[n_shared].begin = (uintptr_t)base;
	shared[n_shared++].end = (uintptr_t)base + size;
}

void
schedule_unshare(void *base)
{
	for (unsigned int i = 0; i < n_shared; i++)
		if (shared[i].begin == (uintptr_t)base)
			shared[i] = shared[--n_shared];
}

static bool
is_watched(const volatile void *at)
{
	uintptr_t p = (uintptr_t)at;

	for (unsigned int i = 0; i < n_shared && schedule_actor() >= 0; i++)
		if (p >= shared[i].begin && p < shared[i].end)
			return true;
	return false;
}

void
memory_begin(enum memory_fault out, unsigned int how_stale)
{
	schedule++;
	fault = out;
	staleness = how_stale;
	for (int i = 0; i < MAX_ACTORS; i++) {
		known[i] = heard[i] = released[i] = (struct clocks){0};
		known[i].of[i] = 1;
		fenced[i] = 1;
	}
	met = timed = (struct clocks){0};
}

void
memory_meet(int actor)
{
	for (int i = 0; i < MAX_ACTORS; i++)
		join(&known[actor], &known[i]);
}

static struct word *
word_at(const volatile void *at, size_t size)
{
	uintptr_t p = (uintptr_t)at;
	uint32_t i = (uint32_t)(p >> 2) * UINT32_C(2654435761) % N_WORDS;
	struct word *word;

	for (word = &words[i]; word->schedule == schedule && word->at != p; word = &words[i])
		i = (i + 1) % N_WORDS;
	if (word->schedule != schedule) { /* all have seen what it was */
		*word = (struct word){.at = p, .schedule = schedule, .n = 1};
		memcpy(&word->stores[0].value, (const void *)p, size);
		for (int a = 0; a < MAX_ACTORS; a++)
			word->stores[0].seen.of[a] = 1;
	}
	return word;
}

/* must_know() - has this actor to know of the store, by what it or another saw? */
static bool
must_know(int actor, const struct store *store)
{
	for (int i = 0; i < MAX_ACTORS; i++)
		if (store->seen.of[i] != NEVER && (store->seen.of[i] == 1 || store->seen.of[i] <= known[actor].of[i]))
			return true;
	return false;
}

/* choose() - one of those that the load may give: the newest, or in one of some cases an older one */
static struct store *
choose(struct word *word, int actor)
{
	uint32_t n = 1;

	while (n < MIN(word->n, (uint32_t)N_KEPT) && !must_know(actor, &word->stores[(word->n - n) % N_KEPT]))
		n++;
	if (n > 1 && schedule_random(4) < staleness)
		n = 1 + schedule_random(n);
	else
		n = 1;
	return &word->stores[(word->n - n) % N_KEPT];
}

void
schedule_load(const volatile void *at, void *ret, size_t size, enum schedule_order order)
{
	struct store *store;
	int actor;

	if (!is_watched(at)) {
		memcpy(ret, (const void *)(uintptr_t)at, size);
		return;
	}
	schedule_step();
	actor = schedule_actor();
	known[actor].of[actor]++;
	store = choose(word_at(at, size), actor);
	if (store->seen.of[actor] == NEVER)
		store->seen.of[actor] = known[actor].of[actor];
	join(&heard[actor], &store->sync);
	if (order == SCHEDULE_ACQUIRE && fault != FAULT_ACQUIRE)
		join(&known[actor], &store->sync);
	memcpy(ret, &store->value, size);
}

void
schedule_store(volatile void *at, const void *value, size_t size, enum schedule_order order)
{
	struct store *store;
	struct word *word;
	int actor;

	if (!is_watched(at)) {
		memcpy((void *)(uintptr_t)at, value, size);
		return;
	}
	schedule_step();
	actor = schedule_actor();
	word = word_at(at, size);
	store = &word->stores[word->n++ % N_KEPT];
	*store = (struct store){.sync = released[actor]};
	store->seen.of[actor] = ++known[actor].of[actor];
	if (order == SCHEDULE_RELEASE && fault != FAULT_RELEASE)
		join(&store->sync, &known[actor]);
	memcpy(&store->value, value, size);
	memcpy((void *)(uintptr_t)at, value, size);
}

void
schedule_fence(enum schedule_order order)
{
	int actor = schedule_actor();

	if (actor < 0 || (order == SCHEDULE_SEQ && fault == FAULT_FENCE_SEQ) ||
		(order == SCHEDULE_ACQUIRE && fault == FAULT_FENCE_ACQ) ||
		(order == SCHEDULE_RELEASE && fault == FAULT_FENCE_REL))
		return;
	schedule_step();
	known[actor].of[actor]++;
	if (order != SCHEDULE_RELEASE)
		join(&known[actor], &heard[actor]);
	if (order == SCHEDULE_SEQ) {
		join(&known[actor], &met);
		met = known[actor];
		fenced[actor] = known[actor].of[actor];
	}
	if (order != SCHEDULE_ACQUIRE)
		released[actor] = known[actor];
}

/*
 * The clock is read in between. What others stored and this actor has seen is in memory; what it stored itself may
 * be on its way there still, as far as no fence came after it.
 */
void
schedule_clock(void)
{
	int actor = schedule_actor();
	struct clocks sure;

	if (actor < 0)
		return;
	schedule_step();
	sure = known[actor];
	sure.of[actor] = fenced[actor];
	join(&known[actor], &timed);
	join(&timed, &sure);
}

static struct plain *
plain_at(uintptr_t at)
{
	uint32_t i = (uint32_t)at % N_PLAIN;

	while (plains[i].schedule == schedule && plains[i].at != at)
		i = (i + 1) % N_PLAIN;
	if (plains[i].schedule != schedule)
		plains[i] = (struct plain){.at = at, .schedule = schedule};
	return &plains[i];
}

static bool
knows_writer(const struct plain *plain, int actor)
{
	return plain->written <= known[actor].of[plain->writer];
}

void
schedule_read(const volatile void *at, size_t n)
{
	int actor = schedule_actor();

	if (!is_watched(at))
		return;
	known[actor].of[actor]++; /* later than what was released before it, as below */
	for (uintptr_t i = (uintptr_t)at / 8; i <= ((uintptr_t)at + n - 1) / 8; i++) {
		struct plain *plain = plain_at(i);

		if (!knows_writer(plain, actor))
			scheduled_wrong("bytes are read that somebody may be writing");
		plain->read.of[actor] = known[actor].of[actor];
	}
}

void
schedule_write(const volatile void *at, size_t n)
{
	int actor = schedule_actor();

	if (!is_watched(at))
		return;
	known[actor].of[actor]++;
	for (uintptr_t i = (uintptr_t)at / 8; i <= ((uintptr_t)at + n - 1) / 8; i++) {
		struct plain *plain = plain_at(i);

		for (int a = 0; a < MAX_ACTORS; a++)
			if (plain->read.of[a] > known[actor].of[a])
				scheduled_wrong("bytes are written that somebody may be reading");
		if (!knows_writer(plain, actor))
			scheduled_wrong("bytes are written that somebody may be writing");
		plain->writer = (uint32_t)actor;
		plain->written = known[actor].of[actor];
	}
}
