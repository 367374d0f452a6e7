/* SPDX-License-Identifier: MIT */
#ifndef TERN_NAME_H
#define TERN_NAME_H

/**
 * @file name.h
 * What services are called.
 *
 * A name is 1 to 255 bytes: elements of [A-Za-z0-9_-] with dots between them. `tern` and what begins
 * with `tern.` are ternd's. Its coming and going are events with the tags `new` or `gone`, the name, its
 * dotted prefixes and the owner's labels; payload {name:s, old:u, new:u}; sender `tern`.
 */

#include <tern/bus.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	TERN_NAME_QUEUE = 1,       /**< taken: wait in line */
	TERN_NAME_REPLACE = 2,     /**< taken by one who allows it: take it over */
	TERN_NAME_REPLACEABLE = 4, /**< allow others to take it over */
};

/**
 * tern_own() - own a name
 * @param flags  TERN_NAME_*
 * @param labels strings that become tags of the name's events, NULL-ended; NULL: none
 * @return 0 owned (also if it was already); -EINPROGRESS queued; -EEXIST taken; -EINVAL bad name; -EDQUOT
 * Blocks for a round trip with ternd.
 */
int tern_own(tern_bus *bus, const char *name, uint32_t flags, const char *const *labels);

/** tern_disown() - give a name, or a place in its line, up; -ENXIO not owned here */
int tern_disown(tern_bus *bus, const char *name);

/** tern_lookup() - who owns a name; a memory read; -ENXIO nobody */
int tern_lookup(tern_bus *bus, const char *name, tern_peer *ret);

/** One owned name; the strings are valid during the handler only. */
struct tern_name {
	uint32_t size;
	uint32_t uid;
	uint32_t pid;
	uint32_t n_labels;
	tern_peer owner;
	const char *name;
	const char *const *labels; /**< n_labels of them, then NULL */
};

/** Called once a name; a result other than 0 ends the list and is returned. */
typedef int tern_name_fn(const struct tern_name *name, void *user);

/** tern_list() - all names that are owned now, in no order; reads memory, asks nobody */
int tern_list(tern_bus *bus, tern_name_fn *fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
