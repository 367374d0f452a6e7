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
	TERN_DROP_OLDEST = 1, /**< not built yet: -EOPNOTSUPP */
	TERN_LATEST = 2,      /**< of a state value what is newest (<tern/state.h>); of events not built yet: -EOPNOTSUPP */
	/**
	 * The publisher waits, as long as its TERN_OPT_MAX_WAIT allows: while there is no room, or events of 4 MiB in
	 * lent memory, four at least, are not taken in yet.
	 */
	TERN_WAIT = 3,
	TERN_DISCONNECT = 4,  /**< not built yet: -EOPNOTSUPP */
};

/**
 * The tag of a tap. A rule with this tag alone, and without a sender, hears a copy of each call, reply, error, part
 * of a stream and cancellation that programs of the same user and security label send on the bus; of root, that
 * anybody sends. No copies are made of what is sent with TERN_PRIVATE (nor of answers to that), on direct links, of
 * events (a rule without tags hears those), and of what the tap's own handle sends. Nobody waits for a tap: where
 * it is slow it loses copies, which a gap tells. Nothing else may be published with this tag.
 *
 * A copy is an event; its sender is who sent the message. Its first part is the map {kind:s, to:u, service:s, member:s,
 * type:s, serial:u, reference:u, deadline:u, trace:u, no_reply:b, fds:u, sizes:[u]}. kind: call, reply, error, part,
 * end or cancel. to: the receiver's peer. member: of an error its name. serial: of a call, a number that its caller
 * never uses again, which is the reference of all that belongs to it. deadline: host monotonic ns, 0 none. sizes: of
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

/**
 * tern_publish() - publish values
 * @param format of the payload (<tern/cbor.h>); NULL: none
 * @return 0 everybody who had room has it, or nobody listens; -EDEADLK, -EINVAL, -E2BIG, -ENOMEM.
 * Blocks only for subscribers with TERN_WAIT and for new links, up to TERN_OPT_MAX_WAIT; who still has no room
 * then has lost the event and will be told.
 */
int tern_publish(tern_topic *t, const char *format, ...);
int tern_publishv(tern_topic *t, const char *format, va_list ap);

/**
 * tern_publish_message() - publish a message from tern_message_new_event(); it is sealed
 * @param flags TERN_NONBLOCK: -EAGAIN when a TERN_WAIT subscriber has no room, and then nobody got it
 * (the message is not sealed and may be published again); TERN_BATCH, TERN_PRIVATE
 */
int tern_publish_message(tern_message *event, uint32_t flags);

/** tern_topic_free() - let go of a topic; messages made with it keep what they need; returns NULL */
tern_topic *tern_topic_free(tern_topic *t);

/** What to hear. */
struct tern_rule {
	uint32_t size;   /**< sizeof(struct tern_rule) */
	uint32_t policy; /**< TERN_DROP_NEWEST or TERN_WAIT */
	/**
	 * a name, ":ID", "tern" for ternd's own, or NULL: anybody. A name means who owns it; of a former owner
	 * only what it had published when this program learned of the change. Counts as two rules.
	 */
	const char *sender;
	const char *const *tags; /**< NULL-ended; NULL or empty: everything */
	uint32_t queue;    /**< must be 0 (-EOPNOTSUPP) */
	uint32_t max_rate; /**< must be 0 (-EOPNOTSUPP) */
};

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
