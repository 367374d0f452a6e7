/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * link: which peers have been introduced to each other
 *
 * Two peers have at most one link. A link ends when either of them says so or
 * is gone; its number tells an old end from a new one, so that the late news of
 * one end does not undo a link that was made since.
 */

#include "bus/bus.h"

struct bus_link_key {
	uint64_t low, high; /* peer ids */
};

/* A link in the list of one of its two peers. */
struct bus_link_end {
	struct bus_link *link;
	struct bus_link_end *prev, *next;
};

struct bus_link {
	struct bus *bus;
	struct bus_link_key key;
	uint64_t number;
	struct bus_peer *peers[2]; /* the first asked for it */
	uint32_t withheld[2];	   /* what each of them may not do to the other, as that one was told */
	struct bus_link_end ends[2];
	struct quota_charge charge; /* the first one's */
	UT_hash_handle hh;
};

/**
 * bus_introduce() - make a link between two peers
 * @ret: belongs to the bus
 *
 * Return: 0, BUS_E_ITSELF, BUS_E_LINKED, BUS_E_DENIED, BUS_E_QUOTA or -ENOMEM.
 * Threads: owner.  Blocks: never.
 */
int bus_introduce(struct bus_peer *peer, struct bus_peer *target, struct bus_link **ret);

/* bus_unlink() - one of the two has closed its end; nothing if there is no link of this number */
void bus_unlink(struct bus_peer *peer, uint64_t other, uint64_t number);

/* bus_link_free() - returns NULL; NULL is fine */
struct bus_link *bus_link_free(struct bus_link *link);
