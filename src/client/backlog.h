/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * backlog: events that their receiver cannot have yet: it has no room, or its rate is up
 *
 * Each rule that decides (wish.h) has a lane at its receiver. drop-oldest keeps the newest in it and drops those before;
 * latest keeps one event of each topic, where a newer one takes the place of the older; of other policies with a rate
 * what may not go is dropped. What is kept goes as soon as it may, oldest first over all lanes; a lane whose rate is
 * up holds up no other.
 *
 *      publish ── may go ─────────────────────────► ring
 *         └── may not ──► lane: 7 8 9 ── room, time ──┘   stamped when it goes (docs/memory-model.md)
 *
 * What is dropped counts as lost: at once where there is no room; where the rate is up when the next event may go, for
 * a sleeper is not to be woken more often than that.
 *
 * Charge: what is kept, to the receiver (BACKLOG_MAX, or one event), to its trust domain (BACKLOG_MAX_OWN), and to its
 *         user (SHARE_EVENTS).
 * Time:   a publish looks at one lane; what goes, at all lanes of its receiver.
 *
 * All with the lock.
 */

#include "client/bus.h"
#include "client/wish.h"

#define BACKLOG_MAX	   (4u << 20) /* bytes of one receiver, or one event */
#define BACKLOG_MAX_OWN	   (256u << 20) /* of all in a trust domain */

/* backlog_turn() - may an event of this wish go to the receiver, as far as its rate and what is kept of it go? */
bool backlog_turn(struct partner *partner, const struct wish *wish);

/* backlog_went() - it did; the rate counts from now */
void backlog_went(struct partner *partner, const struct wish *wish);

/*
 * backlog_let_by() - an event of this topic, without a rate, is about to go: what is kept of the same topic under another
 * rule's rate goes first
 * @set: topic_set()
 */
void backlog_let_by(struct partner *partner, uint64_t set);

/*
 * backlog_keep() - keep this record, or count what is dropped instead
 * @out: copied, but for the memory of @m's parts
 * @m: what the record's parts are of; NULL: it is drawn
 * @set: topic_set()
 */
void backlog_keep(struct partner *partner, const struct wish *wish, const struct outgoing *out, tern_message *m,
	uint64_t set);

/* backlog_skip() - its rate is up, and it keeps nothing */
void backlog_skip(struct partner *partner, const struct wish *wish);

/* backlog_is_kept() - does any event wait? */
bool backlog_is_kept(const struct partner *partner);

/* backlog_flush() - what may go. Return: does nothing wait for room? */
bool backlog_flush(struct partner *partner);

/* backlog_check_room() - room may have come: send, and ask to be told of more. Leader. */
void backlog_check_room(tern_bus *bus);

/* backlog_expire() - what may go by now. Return: when the next may, host time, UINT64_MAX: none waits for time. */
uint64_t backlog_expire(tern_bus *bus);

/* backlog_due() - the same without sending anything */
uint64_t backlog_due(const tern_bus *bus);

/* backlog_drop_all() - the receiver is gone */
void backlog_drop_all(struct partner *partner);

/* backlog_forked() - in the child: close the descriptors of what is kept */
void backlog_forked(struct partner *partner);
