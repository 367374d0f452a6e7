/* SPDX-License-Identifier: MIT */
#ifndef TERN_INTERFACE_H
#define TERN_INTERFACE_H

/**
 * @file interface.h
 * What services say they offer, and holding messages against it.
 *
 * A service gives the text of its interface to tern_serve(); docs/interface.md has the language. From then on
 * whoever calls "tern.Interface" of it gets that text, and each call is held against it before its method runs.
 * Who calls says with tern_expect() what a service speaks; then answers, events and values are held against it, too.
 * The receiver checks, so that nobody has to believe a sender.
 *
 *   what is wrong       and then
 *   a call              is answered with tern.InvalidArgument and the way to the field; the method does not run
 *   a call's member     is answered with tern.NoSuchMember and what may have been meant
 *   an answer           the call fails with -EBADMSG; the error names service, member and field
 *   values of an error  the error arrives without them
 *   an event            is lost: a gap of one of its sender, and tern_last_error() tells the handler, or who took the
 *                       gap out of tern_next(), why
 *   a value that is read  -EBADMSG
 *   a value that is set   -EINVAL to its owner, and the old one stays
 *
 * What a service is called with has to be just what the interface says. What comes from a service may have more: fields
 * and words that the interface does not have are passed over. What comes with a content type of its own is no CBOR, and
 * so is wrong. The first part is checked, and of another user's it has to be copied for that: up to 1 MiB.
 *
 * TERN_OPT_CHECK says who is checked.
 */

#include <stddef.h>
#include <tern/bus.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An interface, made from its text. Never changes; counted. */
typedef struct tern_interface tern_interface;

/**
 * tern_interface_new() - read the text of an interface
 * @param text docs/interface.md has the language; copied
 * @param size bytes
 * @param ret  the caller's, tern_interface_unref()
 * @return 0; -EINVAL: tern_last_error() tells line, column and what is wrong there; -ENOMEM. Never blocks.
 */
int tern_interface_new(const char *text, size_t size, tern_interface **ret);

/** tern_interface_ref() - take another reference; returns it. Any thread, never blocks. */
tern_interface *tern_interface_ref(tern_interface *i);
/** tern_interface_unref() - let go of it; returns NULL */
tern_interface *tern_interface_unref(tern_interface *i);

/** tern_interface_name() - "org.example.Mixer"; the interface's, as the next */
const char *tern_interface_name(const tern_interface *i);
/** tern_interface_text() - the text as it was given, NUL-terminated; ret_size may be NULL */
const char *tern_interface_text(const tern_interface *i, size_t *ret_size);

/**
 * tern_expect() - on this handle, a service speaks this interface
 * @param service as calls name it: a name, ":ID", or NULL for the other end of a direct link
 * @param i       a reference is taken; NULL: nothing is expected of that service any more
 *
 * Holds for calls sent, values opened and events taken out from here on; of one service the last word counts. Of
 * members that the interface does not have nothing is expected: the service may be newer. Its event `Name` is what
 * carries the tag "INTERFACE.Name", whoever sent it: rules say whom to hear.
 * @return 0; -EINVAL not what a service is called; -ENOMEM. Never blocks.
 */
int tern_expect(tern_bus *bus, const char *service, tern_interface *i);

#ifdef __cplusplus
}
#endif

#endif
