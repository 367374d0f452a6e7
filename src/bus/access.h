/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * access: what the policy lets one peer do to another
 *
 * A call is to a name, and the entry of that name decides. What is not about one name is about all
 * that the other one owns, or about the entry "*", where it owns none:
 *
 *      call :ID     allowed if all of them let it be called
 *      hear         allowed if all of them let it be heard: an event does not say from which name it is
 *      tap          allowed if all entries there are let it: a tap sees the calls of all names
 *      a link       allowed if either may do any of that to the other
 *
 * Each end of a link is told what the other may not do: the bits of enum control_withheld, and the
 * names of its own that the other may not call. Both are told anew when they change, and before that which
 * changes them can be seen.
 */

#include "bus/bus.h"
#include "bus/link.h"
#include "bus/policy.h"

enum {
	ACCESS_MAX_DENIED = 128, /* names told of one by one; beyond, no name may be called */
};

/* access_own() - may it own this name, or wait for it? */
bool access_own(const struct bus_peer *peer, const struct control_text *name);

/* access_call() - may @peer call @name, which @owner owns? */
bool access_call(const struct bus_peer *peer, const struct bus_peer *owner, const struct control_text *name);

/* access_tap() - may it have copies of what the programs of this user say? */
bool access_tap(const struct bus_peer *peer, uint32_t uid);

/* access_no_tap() - an entry that does not let it; NULL: all do */
const struct policy_entry *access_no_tap(const struct bus_peer *peer, uint32_t uid);

/* access_hear_user() - is there anything that it may hear, if programs of this user publish it? */
bool access_hear_user(const struct bus_peer *peer, uint32_t uid);

/* access_link() - may there be a link? */
bool access_link(const struct bus_peer *a, const struct bus_peer *b);

/* access_withheld() - what @peer may not do to @other, bits of enum control_withheld */
uint32_t access_withheld(const struct bus_peer *peer, const struct bus_peer *other);

/* access_denied() - the names of @other that @peer may not call; borrowed from the bus */
void access_denied(const struct bus_peer *peer, const struct bus_peer *other, struct control_event_tags *ret);

/* access_introduced() - note down what the two are told with the link */
void access_introduced(struct bus_link *link);

/* access_owner_changed() - tell who is linked with them; before anybody can see the new owner. NULL: nobody */
void access_owner_changed(const struct bus_name *name, struct bus_peer *old, struct bus_peer *new);

/**
 * access_apply() - from now on another policy holds
 * @groups: what each peer is in, of the new policy
 *
 * Links that may not be are ended, and both ends told; others go on, and their ends are told what has
 * changed. Then names that may not be owned are taken away. Rules are the host's to look through.
 * The old policy is not used any more.
 */
void access_apply(struct bus *bus, const struct policy *policy, uint64_t (*groups)(struct bus_peer *peer));

/* access_regroup() - of this peer it is known only now what groups it is in; what it may not own is taken away */
void access_regroup(struct bus_peer *peer, uint64_t groups);
