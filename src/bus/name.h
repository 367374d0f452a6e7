/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * name: who owns a name, and who waits for it
 *
 * The first in the queue owns the name. An example, with "a.b" owned by peer 7:
 *
 *      own(8, QUEUE)                    [7, 8]     queued
 *      own(9)                           [7, 8]     taken
 *      own(9, REPLACE)                  [7, 8]     taken: 7 did not say REPLACEABLE
 *      own(7, REPLACEABLE), own(9, REPLACE)
 *                                       [9, 8]     gone{7,9}, new{7,9}; 7 is told. With QUEUE
 *                                                  7 would be second: [9, 7, 8]
 *      disconnect(9)                    [8]        gone{9,8}, new{9,8}; 8 is told
 */

#include "bus/bus.h"

struct bus_name {
	struct bus *bus;
	uint64_t serial; /* of its present owner; grows on this bus with every change */
	uint64_t number; /* of the name; grows, and names are kept in the order of it */
	struct bus_owner *queue;
	UT_hash_handle hh;
	size_t size;
	char text[];
};

struct bus_owner {
	struct bus_name *name;
	struct bus_peer *peer;
	uint32_t flags;	  /* CONTROL_OWN_* */
	size_t n_labels;
	struct control_text *labels; /* and what they point into, behind them; NULL: none */
	struct quota_charge charge, bytes;
	struct bus_owner *prev, *next;		 /* in the queue */
	struct bus_owner *peer_prev, *peer_next; /* of the peer */
};

/**
 * bus_own() - own a name, wait for it, or change flags and labels of what one has
 * @own: name and labels have been checked (wire/name.h)
 *
 * Return: 0, BUS_E_QUEUED, BUS_E_TAKEN, BUS_E_DENIED, BUS_E_QUOTA or -ENOMEM.  Threads: owner.
 * Blocks: never.
 */
int bus_own(struct bus_peer *peer, const struct control_own *own);

/* bus_disown() - give up a name or the place in its queue; 0 or BUS_E_NOT_OWNER */
int bus_disown(struct bus_peer *peer, const struct control_text *name);

/* bus_disown_all() - everything that a peer has or waits for */
void bus_disown_all(struct bus_peer *peer);

/* bus_find_name() - NULL: nobody owns it */
struct bus_name *bus_find_name(struct bus *bus, const struct control_text *name);

/* bus_name_owner() - the present one; NULL only while the host is told that the name is gone */
static inline struct bus_owner *
bus_name_owner(const struct bus_name *name)
{
	return name->queue;
}
