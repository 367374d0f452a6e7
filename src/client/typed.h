/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * typed: interfaces that services were given and callers expect, and messages held against them
 *
 *      a call       tern_serve()'s interface; found when the method is
 *      an answer    tern_expect()'s, of the service as it was called; noted in the call when it is sent
 *      an event     tern_expect()'s, whichever has the name in front of a tag's last dot; found when it is taken out
 *      a value      as its service's, or as an answer; noted in the value when it is made or opened
 *
 * Checking takes as long as the payload is large, so it is done without the lock, in the thread that is about to give
 * the message to the program. What is found with the lock therefore counts the interface until the check is done.
 */

#include "client/bus.h"
#include "interface/check.h"
#include "interface/interface.h"
#include "tern/interface.h"

struct tern_interface {
	_Atomic uint32_t refs;
	uint32_t mask; /* of places[], whose number is a power of two */
	struct interface *tree;
	uint32_t *places; /* members by the hash of their names, as distances in the tree; 0 none */
	size_t size;
	char text[]; /* as given, and a NUL */
};

DEFINE_FREEP(tern_interface, tern_interface_unref)

/* Something to be held against a type; interface NULL: nothing is known of it. */
struct typed {
	tern_interface *interface; /* counted */
	const struct interface_type *type;
};

/* typed_init() - take a reference; typed_deinit() - let go of it.  Threads: any. */
struct typed typed_init(tern_interface *i, const struct interface_type *type);
void typed_deinit(struct typed *typed);

/* typed_find() - the member of this name; NULL none. As fast for a thousand as for one. */
const struct interface_member *typed_find(const tern_interface *i, const char *name, size_t size);

/*
 * typed_nearest() - of this kind, whose name may have been meant, as the end of a sentence
 * Return: "; did you mean \"X\"?", or "".
 */
const char *typed_nearest(const tern_interface *i, enum member_kind kind, const char *name, char room[160]);

/* typed_is_checked() - does TERN_OPT_CHECK want what comes from there looked at?  Threads: any. */
bool typed_is_checked(const tern_bus *bus, bool same_domain);

/*
 * typed_check() - is a message of this type?
 * @flags: CHECK_OPEN
 * @ret: the way to what is wrong; set with TYPED_E_WRONG
 *
 * Without the lock.  Return: 0, TYPED_E_WRONG, -ENOMEM.  Blocks: never, but takes the lock where a part has to be copied.
 */
int typed_check(const tern_interface *i, const struct interface_type *type, uint32_t flags, tern_message *m,
	struct check_fault *ret);

enum {
	TYPED_E_WRONG = 1,
};
