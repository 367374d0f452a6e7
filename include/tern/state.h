/* SPDX-License-Identifier: MIT */
#ifndef TERN_STATE_H
#define TERN_STATE_H

/**
 * @file state.h
 * What a service is, as opposed to what it says: named values that others read as memory.
 *
 * A service keeps values; each has a version, which counts up from 1. Who opened one reads it without a
 * message and without waking the service, and gets a whole value always. Who subscribes gets the
 * value as it is now and then every version after it, or only the newest ones.
 *
 * Subscribing and reading without a window between them is what users of D-Bus properties had to build by
 * themselves (GetAll beside PropertiesChanged).
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/call.h>
#include <tern/event.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tern_state tern_state;

/**
 * tern_state_new() - keep a value for others to read
 * @param s    the service whose value it is; a value outlives it, but cannot be opened any more then
 * @param name 1 to 255 bytes of UTF-8, of one value of this service; not with "tern." at its begin
 * @param max  bytes of its CBOR, at most 64 MiB; four times as much is allocated
 * @param ret  the caller's; there is no value in it until tern_state_set()
 * @return 0; -EEXIST this service has it already; -EINVAL, also where the service's interface has no such state;
 * -E2BIG; -ENOMEM; -EMFILE
 */
int tern_state_new(tern_service *s, const char *name, size_t max, tern_state **ret);

/**
 * tern_state_set() - this is the value now
 * @param format of the value (<tern/cbor.h>)
 *
 * Readers see it at once; subscribers are sent it as an event, with the tags "tern.state", the service's name (but
 * on direct links), the value's, and one that no other value of this program has. Any thread, also in handlers; waits for others that set the same value, and for
 * subscribers as tern_publish() does.
 * @return 0; -E2BIG more than max bytes: the old value stays; -EINVAL not one of tern_state_new(), not what the
 * interface says, or format; and
 * what tern_publish() returns, after the value was set
 */
int tern_state_set(tern_state *s, const char *format, ...);
int tern_state_setv(tern_state *s, const char *format, va_list ap);

/** tern_state_put() - the same with a value in CBOR that the caller has. @return also -EBADMSG: not one well-formed item */
int tern_state_put(tern_state *s, const void *cbor, size_t size);

/**
 * Another program asks for a value: to be taken over with tern_state_put(), or something near it, or to be refused.
 * call, cbor and size are borrowed; the value is one well-formed item, and what the interface says.
 * @return 0: the caller is answered that it was done, if nothing else was; above 0: you answer the call later, with a
 * reference of your own; negative: refused, in the words of that errno unless tern_reply_error() told others
 */
typedef int tern_state_set_fn(tern_state *s, tern_call *call, const void *cbor, size_t size, void *user);

/**
 * tern_state_on_set() - let others set a value that is kept here (`tern set`, the member "tern.Set")
 * @param fn runs as a method of its service; NULL: nobody else sets it any more, which is answered tern.ReadOnly
 *
 * Where the service has an interface, that says `@settable` of the value.
 * @return 0; -EINVAL not one of tern_state_new(), or not @settable; -ECHILD
 */
int tern_state_on_set(tern_state *s, tern_state_set_fn *fn, void *user);

/**
 * tern_state_open() - find a value of another program, to be read
 * @param service a name, ":ID", or NULL: the other end of a direct link
 * @param ret     the caller's
 *
 * Calls the service once, as tern_call_sync() does, and maps what it hands over.
 * @return 0; -ENOENT it has no such value; -EPROTO what it handed over is none; else as a call
 */
int tern_state_open(tern_bus *bus, const char *service, const char *name, tern_state **ret);

/**
 * tern_state_read() - the newest whole value
 * @param buf         room bytes
 * @param ret_size    of its CBOR; set with -ENOBUFS too
 * @param ret_version NULL where not wanted; never lower than one read before
 *
 * Any number of threads; no system call, no lock, and nobody is woken. That its program is gone is known once
 * tern_next(), tern_process() or a call has taken it in.
 * @return 0; -ENODATA none was set yet; -ENOBUFS it has more than room bytes; -ESTALE its program is gone, its link
 * broke, or it is kept no more: open it again; -EAGAIN the writer was faster 64 times; -EPROTO it says what cannot
 * be; -EBADMSG not what the interface says that was expected when it was opened (tern_expect()); -ECHILD
 */
int tern_state_read(tern_state *s, void *buf, size_t room, size_t *ret_size, uint64_t *ret_version);

/**
 * tern_state_get() - the newest whole value as a message, to be unpacked
 * @param ret the caller's; tern_message_version() tells its version
 * @return as tern_state_read(), but -ENOBUFS; -ENOMEM
 */
int tern_state_get(tern_state *s, tern_message **ret);

/** tern_state_version() - the newest version: has it changed since? 0: none yet. As cheap as a load. */
uint64_t tern_state_version(const tern_state *s);

/**
 * tern_state_subscribe() - hear of a value: as it is now, and then of every version
 * @param policy TERN_DROP_NEWEST: after lost versions a gap is told, and the newest follows: the versions tell how many;
 *               TERN_WAIT: its setter waits, and none is lost; TERN_LATEST: only what is newest when
 *               the handler comes to it, and no gaps
 * @param fn     NULL: they come out of tern_next()
 *
 * No version comes twice, none before a lower one, and there is no window between now and after. When the
 * service dies, TERN_LOST tells. A value of the same name that is kept anew is another one: open and subscribe again.
 * @return as tern_subscribe(); -ESTALE as tern_state_read()
 */
int tern_state_subscribe(tern_state *s, uint32_t policy, tern_event_fn *fn, void *user, tern_subscription **ret);

/** tern_message_version() - of the state value that an event carries; 0: it carries none */
uint64_t tern_message_version(const tern_message *m);

/**
 * tern_state_free() - let go of a value, or keep it no more; returns NULL
 *
 * Subscriptions to it stay. Waits for its handler as tern_subscription_free() does. What was kept cannot be opened any more, and is -ESTALE to who reads it.
 */
tern_state *tern_state_free(tern_state *s);

#ifdef __cplusplus
}
#endif

#endif
