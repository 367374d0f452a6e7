/* SPDX-License-Identifier: MIT */
#ifndef TERN_CALL_H
#define TERN_CALL_H

/**
 * @file call.h
 * Calling services, and being one.
 *
 * Errors of a call, everywhere the same:
 * -EREMOTEIO the service answered with an error, *error tells which; -ENXIO there is no such service;
 * -EHOSTDOWN it died before it answered, or could not be started; -ETIME the deadline passed; -ECANCELED given up here;
 * -EAGAIN no room, and waiting was not wanted; -EDEADLK a blocking call to oneself;
 * -ECONNRESET the other end broke the protocol.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/bus.h>
#include <tern/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tern_service tern_service;

/** Flags of tern_send() and tern_publish_message(). */
enum {
	TERN_NONBLOCK = 1,    /**< -EAGAIN instead of waiting for room; TERN_WRITABLE follows */
	TERN_NO_REPLY = 2,    /**< call: the service need not answer */
	TERN_NO_ACTIVATE = 4, /**< call: do not start the service: -ENXIO where it does not run */
	TERN_PRIVATE = 8,     /**< never shown to taps */
	TERN_BATCH = 16,      /**< more follows at once: bells come with the next send without it, or tern_flush() */
	TERN_STREAM = 32,     /**< call: parts may come before the answer, and be sent (<tern/stream.h>) */
};

/*
 * A service that does not run, and has a service file (tern-service(5)), is started by the first call; the call is
 * under way meanwhile, with its deadline. If that fails the error is tern.StartFailed, with words that say why.
 */

/**
 * tern_call_sync() - call and wait for the answer
 * @param ret    the reply, the caller's; NULL where not wanted
 * @param error  filled on any failure; NULL where not wanted
 * @param format of the arguments (<tern/cbor.h>); NULL: none
 *
 * Blocks up to TERN_OPT_TIMEOUT. Takes messages in meanwhile, but runs no handler.
 */
int tern_call_sync(tern_bus *bus, const char *service, const char *member, tern_message **ret,
	struct tern_error *error, const char *format, ...);
int tern_call_syncv(tern_bus *bus, const char *service, const char *member, tern_message **ret,
	struct tern_error *error, const char *format, va_list ap);

/**
 * tern_send() - send a call
 * @param m       from tern_message_new_call(); stays the caller's, sealed
 * @param timeout of the whole call; its deadline travels with it
 * @param flags   TERN_NONBLOCK, TERN_NO_REPLY, TERN_NO_ACTIVATE, TERN_PRIVATE, TERN_BATCH, TERN_STREAM
 * @param ret     the call under way, the caller's; NULL only with TERN_NO_REPLY
 *
 * The answer is taken with tern_call_wait(), given to the handler of tern_call_then(), or comes out of
 * tern_next(). Waits for room, up to the timeout, unless TERN_NONBLOCK.
 */
int tern_send(tern_message *m, uint64_t timeout, uint32_t flags, tern_call **ret);

/**
 * tern_call_wait() - wait for the answer; of a stream, for the next part (TERN_PART) or the answer
 * @return 0 and the message, the caller's; -EAGAIN not within this timeout, the call goes on; -EALREADY taken;
 * of a stream -ENODATA nothing more comes; else as above
 *
 * Of a stream that was received: the next part; -ENODATA the caller has ended, -ECANCELED it gave up, -ETIME the
 * deadline passed, -EHOSTDOWN it is gone, -EALREADY answered.
 */
int tern_call_wait(tern_call *c, uint64_t timeout, tern_message **ret, struct tern_error *error);

/**
 * The handler of an answer: reply is borrowed (ref it to keep it), or NULL with error set;
 * result is 0 or the negative errno of the call.
 */
typedef void tern_reply_fn(tern_call *c, int result, tern_message *reply, const struct tern_error *error, void *user);

/**
 * tern_call_then() - have fn called once with the answer, from tern_next() or tern_process()
 * @return 0; -EALREADY taken: where other threads take in, the answer may have come out of their tern_next() already
 */
int tern_call_then(tern_call *c, tern_reply_fn *fn, void *user);

/** tern_call_remaining() - time until the deadline, ns; 0 when over; TERN_FOREVER none */
uint64_t tern_call_remaining(const tern_call *c);

/** tern_call_is_cancelled() - service side: the caller gave up or is gone, an answer is not needed */
int tern_call_is_cancelled(const tern_call *c);

/** tern_call_sender() - service side: who calls */
tern_peer tern_call_sender(const tern_call *c);

/** tern_call_ref() - take another reference to a call; returns it. Any thread, never blocks. */
tern_call *tern_call_ref(tern_call *c);
/**
 * tern_call_unref() - let go of a call; returns NULL
 *
 * The last reference of the caller cancels what is under way. The last reference of the service
 * answers tern.NoReply if nothing was answered.
 */
tern_call *tern_call_unref(tern_call *c);

/**
 * A method. The call and the message are borrowed: a handler that answers later, or from another
 * thread, takes a reference to the call. A negative result answers with the error tern.Failed and
 * the errno's text; that of tern_message_unpack() with its own, which tells what is wrong with the values.
 */
typedef int tern_method_fn(tern_call *call, tern_message *m, void *user);

struct tern_method {
	const char *member; /**< NULL: whatever no other entry names */
	tern_method_fn *fn;
};

/**
 * tern_serve() - own a name and have its calls handled
 * @param name      NULL: of direct links
 * @param interface the text of what the service offers (<tern/interface.h>), copied; NULL: nothing is said, nor checked
 * @param methods   copied; the strings too
 * @param ret       the caller's; tern_service_free() gives the name up
 *
 * Calls are held against the interface before a method runs. Each entry's member has to be a method of it; methods
 * of it that no entry names go to the entry without a member, or, where there is none, are answered tern.NotImplemented.
 * Members that begin with "tern." are answered by the library: tern.Interface gives the text, "" where there is none.
 * @return 0; -EEXIST another peer owns the name; -EALREADY served here; -EINVAL the text is wrong (tern_last_error()
 * tells line and column), or has no such method; else as tern_own()
 */
int tern_serve(tern_bus *bus, const char *name, const char *interface, const struct tern_method *methods,
	size_t n_methods, void *user, tern_service **ret);

/** tern_service_free() - stop serving; returns NULL. Waits for its handlers as tern_subscription_free() does. */
tern_service *tern_service_free(tern_service *s);

/**
 * tern_reply() - answer a call
 * @param format NULL: no values
 *
 * Any thread, any time, once (-EALREADY). Waits for room up to TERN_OPT_MAX_WAIT, for a caller of another user
 * not at all unless that option was set, and only once for one that makes none. After that an answer that finds
 * no room is kept, and sent by whoever takes messages in when the caller has made some; until then nothing else
 * is sent to it. A caller that lets
 * 16 MiB pile up is hung up on, and hears that its calls failed. tern_close() drops what is kept.
 * @return 0 it will be sent; -EALREADY; -EHOSTDOWN the caller is gone; -ECONNRESET it was hung up on; -EAGAIN
 * too much memory is lent out: answer again later, or with less
 */
int tern_reply(tern_call *call, const char *format, ...);
int tern_replyv(tern_call *call, const char *format, va_list ap);

/** tern_reply_message() - answer with a message from tern_message_new_reply() */
int tern_reply_message(tern_message *m);

/** tern_reply_error() - answer with an error; name "org.example.Mixer.NoSuchPlayer", text for people, of which 255 bytes are sent */
int tern_reply_error(tern_call *call, const char *name, const char *text);

#ifdef __cplusplus
}
#endif

#endif
