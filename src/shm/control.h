/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * control: the words of a link's segment, and of a peer's page
 *
 * Each end of a link owns one segment, which the other maps read-only:
 *
 *        0  struct shm_head; its parts say where the rest is
 *     1024  struct shm_control: four cache lines, one a purpose
 *     2048  releases: 256 words of (generation << 32 | slot)
 *     4096  the first ring, 8 KiB; later rings are segments of their own
 *
 * Writers  all of it: its owner. No word has two writers.
 * Edges    produced, consumed: R1..R4 of ring.h
 *          A1 push, fence, load attention | A2 store attention, fence, look: one of the two sees the other
 *          A3 store room, fence, look at consumed | A4 publish consumed, fence, load room: the same
 *          L1 store-release released -> L2 load-acquire released: the entries before it are there
 *          C1 store-release commit -> C2 load-acquire commit: a shared record may be taken
 * Trust    the other end's words are hostile: read once, checked, used.
 */

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/attribute.h"

/* Parts of a link's segment, as numbered in its head. The others have one part, number 0. */
enum {
	LINK_PART_CONTROL,
	LINK_PART_RELEASES, /* a power of two of 64-bit words, 256 or more */
	LINK_PART_RING,     /* a power of two, 8 KiB or more */
	N_LINK_PARTS,
};

#define LINK_CONTROL_AT  1024u
#define LINK_RELEASES_AT 2048u
#define LINK_RING_AT     4096u
#define LINK_RING_SIZE   8192u
#define LINK_N_RELEASES  256u
#define LINK_SIZE        (LINK_RING_AT + LINK_RING_SIZE)

/* What a link's owner tells its partner. Positions and counters only grow. */
struct shm_control {
	/* as producer */
	alignas(CACHE_LINE) _Atomic uint64_t produced;
	_Atomic uint64_t lost; /* events that were dropped instead of pushed */
	_Atomic uint64_t room; /* epoch << 1 | waiting: "wake me when there is space" */
	uint64_t reserved0[5];
	/* as consumer of the partner's ring */
	alignas(CACHE_LINE) _Atomic uint64_t consumed;
	_Atomic uint64_t released; /* release entries written so far */
	uint64_t reserved1[6];
	/* as sleeper */
	alignas(CACHE_LINE) _Atomic uint64_t attention; /* epoch << 2 | enum attention */
	_Atomic uint64_t cpu; /* processor of the last look, + 1; 0 unknown. A hint */
	uint64_t reserved2[14];
};

static_assert(sizeof(struct shm_control) == 4 * CACHE_LINE, "no hidden padding at the end");
static_assert(LINK_CONTROL_AT + sizeof(struct shm_control) <= LINK_RELEASES_AT, "fits");
static_assert(LINK_RELEASES_AT + LINK_N_RELEASES * sizeof(uint64_t) <= LINK_RING_AT, "fits");

enum attention {
	ATTENTION_HOT = 0,    /* I look every round: do not ring */
	ATTENTION_DOZING = 1, /* ring the eventfd */
	ATTENTION_COLD = 2,   /* send a byte over the link's socket */
};

#define ATTENTION_STATE(word)        ((word)&3u)
#define ATTENTION_WORD(epoch, state) ((uint64_t)(epoch) << 2 | (state))

/*
 * A peer's page: a memfd of its own, seen by all who were sent a shared record. It shows how far those are
 * committed; no data.
 */
struct shm_page {
	alignas(CACHE_LINE) _Atomic uint64_t commit; /* shared records up to this number may be taken */
	uint64_t reserved[7];
};

#define PAGE_WORDS_AT 1024u
#define PAGE_SIZE     4096u

static_assert(sizeof(struct shm_page) == CACHE_LINE, "one line a purpose");
