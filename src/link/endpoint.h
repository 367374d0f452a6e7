/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * endpoint: what all links of one peer share
 *
 * The peer's page with its commit word, made for its first shared record; the doorbell (an eventfd that partners of the
 * same trust domain ring), the numbers of its segments, and what its lent memory is charged with.
 * Threads: the owner's lock. Blocks: never.
 */

#include <stdint.h>

#include "link/shares.h"
#include "shm/control.h"
#include "shm/segment.h"

struct endpoint {
	struct segment page;
	struct shm_page *words; /* NULL: there is no page yet */
	uint64_t cpu; /* processor where this peer last took in, + 1; 0 unknown */
	int doorbell;       /* eventfd, non-blocking, never read */
	uint64_t shared;    /* number of the last shared record */
	uint64_t pool_bytes;
	struct budgets budgets; /* what other users may make this one hold */
	uint32_t last_segment;
	struct link *links; /* all that live, utlist */
	uint64_t n_bells, n_lost; /* rung; events dropped that their receivers were told of */
	bool has_untold; /* a drop found a socket full: the owner looks for the links and clears it */
};

#define ENDPOINT_INIT ((struct endpoint){.page = SEGMENT_INIT, .doorbell = -1})

/* endpoint_init() - make the doorbell. Return: 0, -ENOMEM, -EMFILE. */
int endpoint_init(struct endpoint *endpoint);
/* endpoint_need_page() - make the page, if there is none. Return: 0, -ENOMEM, -EMFILE. */
int endpoint_need_page(struct endpoint *endpoint);
/* endpoint_close() - its descriptors; the memory stays for messages that refer to it */
void endpoint_close(struct endpoint *endpoint);
void endpoint_deinit(struct endpoint *endpoint);

/* endpoint_next_segment() - a number no segment of this endpoint had before */
uint32_t endpoint_next_segment(struct endpoint *endpoint);

/* endpoint_drop_segment() - tell those links that know this segment that it is gone */
void endpoint_drop_segment(struct endpoint *endpoint, uint32_t id);

/* endpoint_commit() - let receivers take shared records up to this number (edge C1); without a page nobody got any */
void endpoint_commit(struct endpoint *endpoint, uint64_t number);
