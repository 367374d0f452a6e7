/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * error: the words behind a negative errno, one record a thread
 *
 * error_set() is called where the reason is known, once; results go up unchanged. Threads: own record.
 */

#include "base/attribute.h"
#include "tern/error.h"

/* Names of tern's own errors, as programs see them. */
#define ERROR_NO_SERVICE   "tern.NoSuchService"
#define ERROR_NOT_STARTED  "tern.NotStarted"
#define ERROR_NO_MEMBER    "tern.NoSuchMember"
#define ERROR_NO_STATE     "tern.NoSuchState"
#define ERROR_NO_METHOD    "tern.NotImplemented"
#define ERROR_READ_ONLY    "tern.ReadOnly"
#define ERROR_NO_REPLY     "tern.NoReply"
#define ERROR_DIED         "tern.PeerDied"
#define ERROR_TIMEOUT      "tern.Timeout"
#define ERROR_FULL         "tern.NoRoom"
#define ERROR_CANCELLED    "tern.Cancelled"
#define ERROR_PROTOCOL     "tern.ProtocolBroken"
#define ERROR_INVALID      "tern.InvalidArgument"
#define ERROR_BAD_NAME     "tern.BadName"
#define ERROR_TOO_BIG      "tern.TooBig"
#define ERROR_FAILED       "tern.Failed"
#define ERROR_NO_BUS       "tern.NoBus"
#define ERROR_NOT_ALLOWED  "tern.NotAllowed"
#define ERROR_ACCESS       "tern.AccessDenied"
#define ERROR_REFUSED      "tern.Refused"
#define ERROR_UNSUPPORTED  "tern.NotSupported"
#define ERROR_DEADLOCK     "tern.Deadlock"
#define ERROR_BAD_MESSAGE  "tern.BadMessage"
#define ERROR_BAD_INTERFACE "tern.BadInterface"
#define ERROR_NAME_TAKEN   "tern.NameTaken"
#define ERROR_ENDED        "tern.Ended"
#define ERROR_NEEDS_STREAM "tern.NeedsStream"
#define ERROR_QUOTA        "tern.Quota"
#define ERROR_TOO_MANY     "tern.TooManyStreams"

/* error_set() - record why; returns r, so that it can be returned */
int error_set(int r, const char *name, const char *format, ...) _printf_(3, 4);

/* error_errno() - record r's own text under a name, and what helps where descriptors ran out; returns r */
int error_errno(int r, const char *what);

/* error_clear() - so that error_or() knows whether somebody told more */
void error_clear(void);

/* error_or() - error_errno() unless a reason was recorded since error_clear(); returns r */
int error_or(int r, const char *what);

/* error_get() - the calling thread's record */
struct tern_error *error_get(void);

/* error_fill() - copy name and text into a record, cut where too long */
void error_fill(struct tern_error *error, const char *name, const char *text);
