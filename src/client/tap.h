/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * tap: copies of calls and their answers for those who may see them
 *
 * A tap is a rule with the tag TERN_TAG_TAP and nothing else. ternd puts it only into the tables of those whose
 * messages it may see, so who finds it there need not ask. The copy is an event with that tag, pushed just before
 * the message itself and under the same lock: so whoever hears of both hears of a call before its reply.
 *
 * While nobody taps this costs a sender a look at one word of ternd's (tap_prepare()) and one at n_peers.
 * Nobody is waited for but ternd, for the link to a new tap; a tap that has no room loses the copy, which is counted.
 * Of events there are no copies, so a tap cannot hear of taps.
 *
 * Threads: with the handle's lock.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "tern/message.h"

struct outgoing;
struct partner;

/* Part of a handle. */
struct tap {
	const _Atomic uint64_t *word; /* rises with each change of the rules; not ternd's before it is mapped */
	uint64_t quiet;	  /* nobody taps while the word is this */
	uint64_t planned; /* what it was when the peers were looked up */
	tern_peer *peers; /* who taps, each once, without oneself */
	uint32_t n_peers;
	tern_peer no_link; /* it was tried in vain, and is not again with this plan */
};

void tap_init(struct tap *tap);
void tap_deinit(struct tap *tap);

/* tap_prepare_slow() - see below */
void tap_prepare_slow(tern_bus *bus, struct tap *tap);

/*
 * tap_prepare() - before a program's message is sent: who is to have copies, and links to them
 * May give up the lock, where there is a new tap.
 */
static inline void
tap_prepare(tern_bus *bus, struct tap *tap)
{
	if (unlikely(load_acq(tap->word) != tap->quiet)) /* T7 */
		tap_prepare_slow(bus, tap);
}

/* tap_copy() - of a record that is pushed next, whatever it is; `to` is its receiver */
void tap_copy(struct partner *to, const struct outgoing *out);

/* tap_copy_self() - of a message to oneself */
void tap_copy_self(tern_bus *bus, const tern_message *m);
