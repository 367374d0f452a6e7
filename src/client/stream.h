/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * stream: the parts of a call, either way, and the credit that holds back who writes them
 *
 *      caller                                   service
 *      CALL, credit: for the service's parts -> queued
 *                             <- CREDIT: for the caller's parts; the call has begun, and is not bounced any more
 *      PART, PART, …, END ->
 *                             <- PART, PART, …
 *      CREDIT ->              <- CREDIT                   as they are read; a part that goes that way carries it, too
 *                             <- REPLY or ERROR, or CANCEL ->
 *
 * A part costs STREAM_PART_LEAST and its payload's bytes, but no more than STREAM_PART_MOST: so four of any size may be on
 * their way, and a reader keeps no more than STREAM_WINDOW of a stream. Credit is given for what the
 * program has read, a quarter of the window at a time. Who sends more than it was given breaks the protocol.
 *
 * What comes waits in the call (parts), or, where it is followed, in the handle's queue, in its place among
 * everything else that came. To oneself parts go as messages do, and credit is given by hand (twin).
 *
 * All with the lock, but for what says otherwise.
 */

#include "client/call.h"

#define STREAM_WINDOW     (256u << 10) /* credit that the other end begins with */
#define STREAM_PART_LEAST 256u
#define STREAM_PART_MOST  (64u << 10)
#define STREAM_CREDIT_MAX (1u << 30) /* more than anybody could mean */
#define STREAMS_MAX       256u       /* of one partner's calls, not answered yet */

static_assert(STREAM_PART_MOST <= STREAM_WINDOW - STREAM_WINDOW / 4,
	"with nothing left to read, and less than a quarter of the window not given back, any part may be sent");

enum stream_answer {
	STREAM_E_PART = 1, /* it was a part */
};

struct stream {
	struct stream *prev, *next; /* bus->streams */
	tern_call *call;            /* whose it is */
	tern_call *twin;            /* to oneself: the other side's, borrowed; NULL: not taken in yet, or over */
	uint32_t n_on_way;          /* to oneself: what was sent here and is not taken in yet, each with a reference */
	/* out */
	uint64_t credit;
	uint32_t want;  /* credit that a TERN_WRITABLE is to tell of; 0 none */
	bool wants_room; /* the same of room on the link */
	bool begun;     /* credit came: a call of ours is with its service for good */
	bool ended;     /* no more from here; told when it has begun */
	/* in */
	uint32_t given; /* credit that the other end has left */
	uint32_t owed;  /* read, and not given back yet */
	bool in_ended;
	struct queue parts;
	bool followed;
	bool told_cancel; /* who follows knows that the caller gave up or is gone */
	tern_stream_fn *fn;
	void *user;
	/* received */
	uint64_t serial;
	UT_hash_handle hh; /* partner->streams, by serial, until it is answered */
};

/* --- life (stream.c) --- */

/* stream_new() - of a call that is about to be sent. Return: 0, -ENOMEM. */
int stream_new(tern_call *call);
/*
 * stream_begin() - of a call that was taken in, with so much credit
 * Return: 0; or negative: it was answered, and is not to be handed out.
 */
int stream_begin(tern_call *call, uint32_t credit);
/* stream_begin_self() - of a call to oneself */
int stream_begin_self(tern_call *call, tern_call *origin);
/* stream_free() - with its call; returns NULL */
struct stream *stream_free(struct stream *stream);

/* stream_arrived() - a part, an end or credit came over a link; takes the message. Return: 0, -EBADMSG with link->why set. */
int stream_arrived(struct partner *partner, tern_message *m);
/* stream_arrived_self() - the same of oneself; takes both */
void stream_arrived_self(tern_call *call, tern_message *m);

/* stream_over() - its call was answered, here or there, or ended otherwise: who waits is to look */
void stream_over(tern_call *call);
/* stream_cancelled() - a call that came: its caller gave up */
void stream_cancelled(tern_call *call);
/* stream_partner_gone() - the callers of these streams are dead */
void stream_partner_gone(struct partner *partner);
/* stream_tell_room() - there is room for those that were told -EAGAIN */
void stream_tell_room(struct partner *partner);
/* stream_drop_all() - the handle is closed: nothing that came is read any more */
void stream_drop_all(tern_bus *bus);

/* stream_send_self() - to the other side, which is here. Return: as send_self(). */
int stream_send_self(tern_call *twin, uint32_t kind, tern_message *m);
/* stream_end_now() - tell the other end that no more parts come */
void stream_end_now(tern_call *call);

/* --- read (stream-read.c) --- */

/* stream_is_stale() - of a call that is over for who reads it: the item is not handed out */
bool stream_is_stale(const struct item *item);
/* stream_run() - hand an item of a streaming call to who follows it. Return: false, it is for tern_next(). */
bool stream_run(tern_bus *bus, struct item *item);
/* stream_was_read() - this part: credit for it */
void stream_was_read(tern_call *call, const tern_message *m);
/* stream_wait() - tern_call_wait(); soon: of this process's clock. Return: STREAM_E_PART; 0 the answer is there; negative. */
int stream_wait(tern_call *call, uint64_t soon, tern_message **ret);
/*
 * stream_check() - is that part what the interface says? Without the lock
 *
 * If not, that ends the stream: a caller is answered with the fault, a service is told that nobody waits any more.
 * Return: 0; -EBADMSG, -ENOMEM, with the error recorded.
 */
int stream_check(tern_call *call, tern_message *m);
/* stream_hand_on() - the same of a part that tern_call_wait() has; takes it */
int stream_hand_on(tern_call *call, tern_message *m, tern_message **ret, struct tern_error *error);
/* stream_hold() - the same of a part that tern_next() gives out: else it is the end that it tells of */
void stream_hold(struct tern_event *event);
/* stream_gone() - what became of a call that came and may not go on: 0 nothing, or -ETIME, -ECANCELED, -EHOSTDOWN, recorded */
int stream_gone(const tern_call *call);
/* stream_is_late() - a stream whose deadline passed: its caller ends it, and an answer could only race with that */
bool stream_deadline_passed(const tern_call *call);
static inline bool
stream_is_late(const tern_call *call)
{
	return unlikely(call->stream) && !call->done && stream_deadline_passed(call);
}
/* stream_end_late() - nothing is sent. Return: -ETIME, recorded. */
int stream_end_late(tern_call *call);
/* stream_must() - is it one? Else -EOPNOTSUPP, recorded, and a caller who should know is told */
int stream_must(tern_call *call);

/* stream_cost() - what a part takes of the credit */
uint32_t stream_cost(const tern_message *m);

static inline uint32_t
stream_cost_of(uint64_t payload)
{
	return (uint32_t)MIN(STREAM_PART_LEAST + payload, (uint64_t)STREAM_PART_MOST);
}

/* stream_wake() - a waiter that another thread may sleep for */
static inline void
stream_wake(tern_bus *bus, struct waiter *waiter)
{
	lead_wake(waiter);
	if (bus->sleeping || bus->spinning)
		lead_kick(bus);
}
