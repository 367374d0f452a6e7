/* SPDX-License-Identifier: MIT */
#ifndef TERN_STREAM_H
#define TERN_STREAM_H

/**
 * @file stream.h
 * Calls with many replies, with many requests, or both at once.
 *
 * A call sent with TERN_STREAM may carry parts either way before its answer:
 *
 *     caller   call · part · part · end
 *     service         part · part · part · answer
 *
 * Who reads holds back who writes: each side may have 256 KiB of parts on the way that the other side's
 * program has not taken yet, a part counting 256 bytes and its payload, at most 64 KiB. Beyond that
 * tern_call_put() waits. What is lent stays lent until the reader lets go of the message.
 *
 * What comes waits in the call for tern_call_wait(), or goes where tern_call_follow() says: one of the two.
 *
 * The caller's deadline is that of the whole stream: tern_send() with TERN_FOREVER, or as long as it may
 * take. Where a side dies or gives up, what it sent before is still read, unless it was the caller that gave up; then
 * waiting and putting end with -EHOSTDOWN, -ECANCELED or -ETIME. A service ends a stream with its answer, which may be an
 * error at any time. A call has one owner: once parts flow, a stream does not follow the name to another one.
 *
 * Errors of a call that is no stream: -EOPNOTSUPP; where it was received, the caller is answered
 * tern.NeedsStream, which tells it to use TERN_STREAM.
 */

#include <stdarg.h>
#include <stdint.h>
#include <tern/call.h>
#include <tern/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tern_event;

/** tern_call_is_stream() - sent with TERN_STREAM: 1, else 0. For methods that can do both. Any thread. */
int tern_call_is_stream(const tern_call *c);

/**
 * tern_message_new_part() - a part to be sent with tern_call_put_message(), either side
 * @return 0; -EOPNOTSUPP no stream; -ENOMEM
 */
int tern_message_new_part(tern_call *call, tern_message **ret);

/**
 * tern_call_put() - send a part made from C values
 * @param format (<tern/cbor.h>); NULL: no values
 *
 * Waits until the other side has read enough, as long as the call lasts. Any thread; several take turns.
 * @return as tern_call_put_message()
 */
int tern_call_put(tern_call *call, const char *format, ...);
int tern_call_putv(tern_call *call, const char *format, va_list ap);

/**
 * tern_call_put_message() - send a part
 * @param part    from tern_message_new_part(); stays the caller's, sealed once it is sent
 * @param timeout how long to wait; TERN_DEFAULT: as long as the call lasts
 * @param flags   TERN_NONBLOCK: -EAGAIN instead, and TERN_WRITABLE with this call follows; TERN_BATCH
 * @return 0 it will be read, if the other side goes on; -EAGAIN not now, not within the timeout;
 * -EPIPE the service has answered: take the answer; -EALREADY this side has ended; -ECANCELED, -ETIME,
 * -EHOSTDOWN, -ECONNRESET the stream is over; -EDEADLK a handler cannot wait for its own program; -EBUSY sent
 * already
 */
int tern_call_put_message(tern_message *part, uint64_t timeout, uint32_t flags);

/**
 * tern_call_end() - caller: no more parts come from here
 *
 * Never waits. The service reads what was put, then -ENODATA. (A service ends its side with its answer.)
 * @return 0; -EALREADY; -EINVAL a received call
 */
int tern_call_end(tern_call *call);

/**
 * tern_call_cancel() - caller: give up a call, stream or not
 *
 * Who waits for it or puts, in any thread, is told -ECANCELED, and the service that nobody waits.
 * @return 0; -EALREADY it is over; -EINVAL a received call
 */
int tern_call_cancel(tern_call *call);

/**
 * What came on a stream: event->kind is TERN_PART or TERN_REPLY (message), TERN_ERROR (result, message where
 * the error came as one; tern_last_error() has its words), TERN_END the caller sends no more parts, TERN_CANCEL the
 * caller gave up or is gone, TERN_WRITABLE after -EAGAIN. What the event has is borrowed.
 */
typedef void tern_stream_fn(tern_call *call, const struct tern_event *event, void *user);

/**
 * tern_call_follow() - have what comes given to fn, from tern_next() or tern_process(); either side
 * @param fn NULL: it comes out of tern_next() instead
 *
 * Each part counts as read when fn returns, or when tern_next() gives it out. A call sent and followed goes on
 * without further references, until its answer or tern_call_cancel(); one that was received is held by the
 * service's reference, as ever, until it is answered.
 * @return 0; -EALREADY followed, or its answer was taken; -EBUSY a thread waits for it; -EOPNOTSUPP no stream
 */
int tern_call_follow(tern_call *call, tern_stream_fn *fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
