/* SPDX-License-Identifier: MIT */
#ifndef TERN_EVENT_H
#define TERN_EVENT_H

/**
 * @file event.h
 * Publishing tagged messages, and hearing them.
 *
 * A rule is a set of tags. It hears every event that carries all of them, whatever else the event
 * carries; a rule without tags hears everything. (Tag sets after "Concepting a new IPC system".)
 */

#include <stdarg.h>
#include <stdbool.h>
#include <tern/bus.h>
#include <tern/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tern_subscription tern_subscription;

/** What happens to events when their reader is slow. */
enum {
	TERN_DROP_NEWEST = 0, /**< the new one is dropped and counted; a gap tells it */
	/** The publisher keeps the newest `queue` of those that found no room, and drops older ones; a gap tells it. */
	TERN_DROP_OLDEST = 1,
	/**
	 * The publisher keeps the newest event of each topic (its whole set of tags) that found no room, of up to `queue`
	 * topics. What a newer one took the place of is counted as replaced, not told. Among topics the order may change.
	 * Of a state value: what is newest when it is looked at (<tern/state.h>).
	 */
	TERN_LATEST = 2,
	/**
	 * The publisher waits, as long as its TERN_OPT_MAX_WAIT allows: while there is no room, or events of 4 MiB in
	 * lent memory, four at least, are not taken in yet.
	 */
	TERN_WAIT = 3,
	/** As TERN_DROP_NEWEST, but the first gap is the last that is heard: the subscription is over, and is to be freed. */
	TERN_DISCONNECT = 4,
};

/**
 * The tag of a tap. A rule with this tag alone, and without a sender, hears a copy of each call, reply, error, part
 * of a stream and cancellation that programs of the same user and security label send on the bus; of root, that
 * anybody sends. No copies are made of what is sent with TERN_PRIVATE (nor of answers to that), on direct links, of calls
 * to ternd, of events (a rule without tags hears those), and of what the tap's own handle sends. Nobody waits for a
 * tap: where it is slow it loses copies, which a gap tells. Nothing else may be published with this tag.
 *
 * A copy is an event; its sender is who sent the message. Its first part is the map {kind:s, to:u, service:s, member:s,
 * type:s, serial:u, reference:u, deadline:u, trace:u, no_reply:b, stream:b, back:b, fds:u, sizes:[u]}. kind: call, reply, error, part,
 * end or cancel. to: the receiver's peer. member: of an error its name. serial: of a call, a number that its caller
 * never uses again, which is the reference of all that belongs to it. deadline: host monotonic ns, 0 none. stream: a call that streams. back: it goes to who called. sizes: of
 * the message's parts, which follow as the second part of the copy, one behind the other, 64 KiB of them at most. It
 * comes before whatever was caused by the message itself.
 */
#define TERN_TAG_TAP "tern.tap"

/**
 * tern_topic_new() - prepare a set of tags to publish with
 * @param tags 1 to 16, NULL-ended, 1 to 255 bytes of UTF-8 each; copied
 * @param ret  the caller's; remembers who hears it
 * @return 0; -EINVAL; -E2BIG too many tags, or over 1 KiB of them
 */
int tern_topic_new(tern_bus *bus, const char *const *tags, tern_topic **ret);

/** tern_has_listeners() - does anybody hear this now? A few memory loads, no system call. */
bool tern_has_listeners(tern_topic *t);

/** Somebody listens now, or (any false) nobody does any more. */
typedef void tern_listeners_fn(tern_topic *t, bool any, void *user);

/**
 * tern_watch_listeners() - be told when the first begins to listen, and when the last one has gone
 * @param fn is called as handlers are (<tern/loop.h>): with true when somebody listens, also if it was so before, and
 * then whenever it changes; what changes back before it can be told is not told. NULL: no more calls
 *
 * It costs nothing while nobody comes or goes. On direct links: of what the other ends have told. A topic has one; a new
 * one takes the place of the old. tern_topic_free() ends it, and both wait for it as tern_subscription_free() does.
 * @return 0; -ESHUTDOWN, -ECHILD
 */
int tern_watch_listeners(tern_topic *t, tern_listeners_fn *fn, void *user);

/**
 * tern_publish() - publish values
 * @param format of the payload (<tern/cbor.h>); NULL: none
 * @return 0 everybody who had room has it, or nobody listens; -EDEADLK, -EINVAL, -E2BIG, -ENOMEM.
 * Blocks only for subscribers with TERN_WAIT and for new links, up to TERN_OPT_MAX_WAIT; who still has no room
 * then has lost the event and will be told.
 *
 * For subscribers with TERN_DROP_OLDEST or TERN_LATEST, or with a max_rate, events may be kept here: up to 4 MiB, or one
 * event, each; 64 MiB for all of another user. They go when there is room or time, for which this program must publish
 * again, or be in its loop (<tern/loop.h>). tern_close() sends what has room then.
 */
int tern_publish(tern_topic *t, const char *format, ...);
int tern_publishv(tern_topic *t, const char *format, va_list ap);

/**
 * tern_publish_message() - publish a message from tern_message_new_event(); it is sealed
 * @param flags TERN_NONBLOCK: -EAGAIN when a TERN_WAIT subscriber has no room, and then nobody got it
 * (the message is not sealed and may be published again); TERN_BATCH; TERN_PRIVATE: rules without tags do not hear it
 */
int tern_publish_message(tern_message *event, uint32_t flags);

/**
 * tern_topic_set_expiry() - what is published with this topic is worth nothing after so many ns; 0: it always is
 *
 * What is older when it would be given to a program is not: it is counted as expired there (tern_subscription_count()).
 * What is kept for a slow reader and gets older is dropped, and counts as lost to it.
 */
int tern_topic_set_expiry(tern_topic *t, uint64_t ns);

/** tern_message_set_expiry() - the same of one event; before it is published (-EBUSY); -EINVAL no event */
int tern_message_set_expiry(tern_message *event, uint64_t ns);

/** tern_topic_free() - let go of a topic; messages made with it keep what they need; returns NULL */
tern_topic *tern_topic_free(tern_topic *t);

/** What to hear. */
struct tern_rule {
	uint32_t size;   /**< sizeof(struct tern_rule) */
	uint32_t policy; /**< TERN_DROP_NEWEST … TERN_DISCONNECT */
	/**
	 * a name, ":ID", "tern" for ternd's own, or NULL: anybody. A name means who owns it; of a former owner
	 * only what it had published when this program learned of the change. Counts as two rules.
	 */
	const char *sender;
	const char *const *tags; /**< NULL-ended; NULL or empty: everything */
	/** TERN_DROP_OLDEST, TERN_LATEST: how many events, or topics, each publisher keeps; 0: 64; at most 65,536 */
	uint32_t queue;
	/**
	 * events a second of each publisher; 0: no limit. What comes earlier is treated as if there were no room: with
	 * TERN_LATEST the newest comes when it may, with TERN_DROP_NEWEST it is dropped. Not with TERN_WAIT, TERN_DISCONNECT.
	 */
	uint32_t max_rate;
};

/*
 * If several rules of one program match an event, that which preserves most counts for all of them: TERN_WAIT, then
 * TERN_DROP_OLDEST, TERN_LATEST, TERN_DROP_NEWEST, TERN_DISCONNECT; and there is a max_rate only if all have one.
 * To what a program publishes to itself, and to events of ternd's, queue and max_rate do not apply.
 */

/** m is borrowed (ref it to keep it); m NULL: a gap, up to `lost` events of this sender were dropped. */
typedef void tern_event_fn(tern_subscription *s, tern_message *m, uint64_t lost, void *user);

/**
 * tern_subscribe() - hear events
 * @param fn  NULL: they come out of tern_next()
 * @param ret the caller's
 *
 * The rule is active when this returns: whoever publishes afterwards, anywhere, reaches it.
 * @return 0; -EINVAL; -E2BIG; -EOPNOTSUPP; -EDQUOT ternd, or the other end of a direct link, keeps no more rules of
 * this program; -ETIME ternd does not answer
 */
int tern_subscribe(tern_bus *bus, const struct tern_rule *rule, tern_event_fn *fn, void *user,
	tern_subscription **ret);

/** What became of the events of one subscription since it began. */
struct tern_subscription_counts {
	uint32_t size;	    /**< set by the caller: sizeof(struct tern_subscription_counts) */
	uint32_t has_ended; /**< 1: TERN_DISCONNECT, and something was lost */
	uint64_t heard;	    /**< given to the program */
	uint64_t lost;	    /**< told in gaps: at most so many */
	uint64_t late;	    /**< of those heard: that their publisher kept for a while */
	uint64_t replaced;  /**< TERN_LATEST: that a newer one took the place of at the publisher */
	uint64_t expired;   /**< came, and were too old when they were to be given to the program */
};

/** tern_subscription_count() - read the counters; -EINVAL ret->size */
int tern_subscription_count(tern_subscription *s, struct tern_subscription_counts *ret);

/**
 * tern_subscription_free() - hear no more; returns NULL
 *
 * Waits for other threads that are in its handler, also when called inside a handler, its own or another.
 * The exception: who is inside a handler itself does not wait for a thread that waits, in such a function, for that
 * one, directly or through others. Then the other's handler may still run when this returns.
 */
tern_subscription *tern_subscription_free(tern_subscription *s);

#ifdef __cplusplus
}
#endif

#endif
