/* SPDX-License-Identifier: MIT */
#ifndef TERN_MESSAGE_H
#define TERN_MESSAGE_H

/**
 * @file message.h
 * Calls, replies, errors and events, as objects.
 *
 * A message is counted. One that is being built belongs to its maker and may be changed by one
 * thread at a time; once sent it is sealed (-EBUSY). One that came from outside is sealed from the start.
 * Its payload is up to 8 parts. Small parts travel inside the record; large ones lie in the
 * sender's memory and are read in place. The destination comes first, when the message is made, so
 * that lent memory lies where its receiver reads it. (After Cap'n Proto's shared-memory sketch.)
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/bus.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tern_message tern_message;
typedef struct tern_topic tern_topic;
typedef struct tern_call tern_call;

/** Limits of one message; beyond them -E2BIG. */
enum {
	TERN_MAX_PARTS = 8,
	TERN_MAX_FDS = 16,
	TERN_MAX_TAGS = 16,
	TERN_MAX_TAG = 255,     /**< bytes of a tag, a name or a member */
	TERN_MAX_HEADER = 1024, /**< bytes of destination, member, type and tags together */
};

/** What tern_next() returns, and what tern_message_kind() tells (those with a message). */
enum {
	TERN_CALL = 1, /**< somebody calls: message and call */
	TERN_REPLY,    /**< the answer to a call sent with tern_send(): message and call */
	TERN_ERROR,    /**< the same, an error: call, and message where the error came as one */
	TERN_EVENT,    /**< published by somebody: message and subscription */
	TERN_GAP,      /**< up to `lost` events of `peer` were dropped: subscription */
	TERN_LOST,     /**< a partner died or left: peer; TERN_PEER_BUS: ternd did, links go on and the next ternd is looked for */
	TERN_CANCEL,   /**< who called no longer waits: call */
	TERN_LINKED,   /**< a link was made: peer; TERN_PEER_BUS: the next ternd is there, and has what the last one had */
	TERN_UNLINKED, /**< a link was closed, the peer lives: peer */
	TERN_FD,       /**< a watched descriptor is ready: watch, ready */
	TERN_WRITABLE, /**< after -EAGAIN: peer has room again; of a stream: call may be put to */
	TERN_PART,     /**< of a stream that is followed: message and call */
	TERN_END,      /**< of a stream that is followed: the caller sends no more parts: call */
};

/**
 * tern_message_new_call() - a call to be sent with tern_send()
 * @param service a name, ":ID" for a peer by number, or NULL for the other end of a dialled link
 * @param member  what to call there, 1 to 255 bytes
 * @return 0; -ENXIO no such service; -EINVAL bad name; -EAGAIN, -ETIME ternd does not answer for a new link
 */
int tern_message_new_call(tern_bus *bus, const char *service, const char *member, tern_message **ret);

/** tern_message_new_event() - an event to be sent with tern_publish_message() */
int tern_message_new_event(tern_topic *topic, tern_message **ret);

/** tern_message_new_reply() - an answer to be sent with tern_reply_message(); -EALREADY once answered */
int tern_message_new_reply(tern_call *call, tern_message **ret);

/**
 * tern_message_new_error() - the same that is an error, with values
 * @param name "org.example.Mixer.NoSuchPlayer"
 *
 * Of its values, which are those of the error in the interface, `text` is what callers get in words. Without
 * other values there is tern_reply_error().
 */
int tern_message_new_error(tern_call *call, const char *name, tern_message **ret);

/**
 * tern_message_pack() - add a part holding CBOR made from C values
 * @param format the language is described in <tern/cbor.h>; `h` attaches a duplicate of a descriptor, `p` adds a
 *               part to be filled in place, as tern_message_lend() does
 * @return 0; -EINVAL format; -EBUSY sealed; -E2BIG ninth part; -ENOMEM; of h and p also what tern_message_attach() and
 * tern_message_lend() return. Then the message is as it was.
 */
int tern_message_pack(tern_message *m, const char *format, ...);
int tern_message_packv(tern_message *m, const char *format, va_list ap);

/**
 * tern_message_unpack() - take C values out of the first part
 *
 * A message without values is taken for a map without members: `?` members are not there, others are missing.
 * Strings and bytes are borrowed from the message. `h` gives a descriptor borrowed from the message. `y` also takes
 * bytes that came as a part of their own, as tern_message_part() reads it.
 * @return 0; -EBADMSG not what the format says (tern_last_error() tells where); -EINVAL format; -E2BIG too large to
 * copy; -ENOMEM also for values that would take more than 64 times their size, and 1 MiB
 */
int tern_message_unpack(tern_message *m, const char *format, ...);
int tern_message_unpackv(tern_message *m, const char *format, va_list ap);

/**
 * tern_message_append() - add a part that is a copy of some bytes
 * @return as tern_message_lend()
 */
int tern_message_append(tern_message *m, const void *bytes, size_t size);

/**
 * tern_message_lend() - add a part of `size` bytes to be filled in place
 * @param ret memory that the receiver will read where it lies; the maker's to write until the message is
 *            sent; contents undefined
 * @return 0; -EBUSY sealed; -E2BIG ninth part, or over 1 GiB; -EAGAIN as much is lent out as may be (4 GiB);
 *         -ENOMEM
 */
int tern_message_lend(tern_message *m, size_t size, void **ret);

/** tern_message_trim() - make the part added last smaller; -EINVAL larger than lent */
int tern_message_trim(tern_message *m, size_t used);

/** tern_message_set_type() - the content type of the payload, "" (the default) is CBOR; at most 255 bytes */
int tern_message_set_type(tern_message *m, const char *content_type);

/** tern_message_set_trace() - a number that travels with the message; a reply has its call's */
int tern_message_set_trace(tern_message *m, uint64_t trace);

/** tern_message_attach() - send a duplicate of fd along; @return its index, or -E2BIG, -EBADF, -EMFILE */
int tern_message_attach(tern_message *m, int fd);

/** tern_message_n_parts() - how many parts there are */
size_t tern_message_n_parts(const tern_message *m);

/**
 * tern_message_part() - read a part
 * @param ret stable memory, valid as long as the message: of another trust domain a copy, made once (up to
 *            1 MiB, above it -E2BIG), inside the domain where the sender wrote it. After tern_close() it may
 *            still be read, but the sender has its memory back and may write something else there.
 * @return 0; -ENOENT no such part; -E2BIG; -ENOMEM
 */
int tern_message_part(tern_message *m, size_t i, const void **ret, size_t *ret_size);

/** tern_message_view() - read a part where it lies, whoever wrote it and may still be writing it */
int tern_message_view(tern_message *m, size_t i, const volatile void **ret, size_t *ret_size);

/** tern_message_fd() - a descriptor that came along, borrowed; -ENOENT no such */
int tern_message_fd(tern_message *m, size_t i);

uint32_t tern_message_kind(const tern_message *m);       /**< TERN_CALL … TERN_EVENT, TERN_PART */
tern_peer tern_message_sender(const tern_message *m);    /**< whose link it came over; 0: made here */
const char *tern_message_service(const tern_message *m); /**< the name that was called; "" none */
const char *tern_message_member(const tern_message *m);  /**< member of a call, name of an error; "" none */
const char *tern_message_tag(const tern_message *m, size_t i); /**< NULL after the last */
const char *tern_message_type(const tern_message *m);    /**< content type; "" CBOR */
uint64_t tern_message_trace(const tern_message *m);      /**< 0: none */
uint64_t tern_message_stamp(const tern_message *m);      /**< when it was sent, host monotonic ns */

/** tern_message_ref() - take another reference to a message; returns it. Any thread, never blocks. */
tern_message *tern_message_ref(tern_message *m);
/** tern_message_unref() - the last one gives the memory back to its owner; returns NULL */
tern_message *tern_message_unref(tern_message *m);

#ifdef __cplusplus
}
#endif

#endif
