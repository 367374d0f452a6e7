/* SPDX-License-Identifier: MIT */

/* link: life cycle; see link.h */

#include <stdlib.h>
#include <utlist.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "io/socket.h"
#include "link/link.h"
#include "link/packet.h"
#include "shm/head.h"

/* link_make_segment() - the own segment: head, layout, control words, releases, first ring */
static int
link_make_segment(struct link *link)
{
	struct shm_head *head;
	int r;

	r = segment_create(&link->own, "tern-link", LINK_SIZE);
	if (r < 0)
		return error_trace(r);
	head = (struct shm_head *)link->own.base;
	head_init(head, SHM_KIND_LINK, link->own.size);
	head_set_part(head, LINK_PART_CONTROL, LINK_CONTROL_AT, sizeof(struct shm_control));
	head_set_part(head, LINK_PART_RELEASES, LINK_RELEASES_AT, LINK_N_RELEASES * sizeof(uint64_t));
	head_set_part(head, LINK_PART_RING, LINK_RING_AT, LINK_RING_SIZE);
	link->words = (struct shm_control *)(link->own.base + LINK_CONTROL_AT);
	link->releases = (_Atomic uint64_t *)(link->own.base + LINK_RELEASES_AT);
	link_note_processor(link);
	link->out = (struct ring_out){
		.base = link->own.base + LINK_RING_AT,
		.size = LINK_RING_SIZE,
		.produced = &link->words->produced,
	};
	return 0;
}

/* link_init_lent() - chain the places; generations begin at 1, so that a zeroed release is wrong */
static void
link_init_lent(struct link *link)
{
	for (uint32_t i = 0; i < LINK_N_RELEASES; i++) {
		link->lent[i].generation = 1;
		link->lent[i].next_free = i + 1;
	}
}

int
link_new(struct endpoint *endpoint, int fd, bool same_domain, struct link **ret)
{
	_cleanup_(link_freep) struct link *link = NULL;
	int r;

	link = aligned_alloc(CACHE_LINE, sizeof(*link));
	if (!link)
		return -ENOMEM;
	memset(link, 0, sizeof(*link));
	link->endpoint = endpoint;
	link->fd = link->doorbell = -1;
	link->own = link->ring = link->old_ring = SEGMENT_INIT;
	link->partner_segment = link->partner_page = SEGMENT_INIT;
	link->partner.pidfd = -1;
	link->same_domain = same_domain;
	link->pool = POOL_INIT(endpoint);
	link_init_lent(link);
	DL_APPEND(endpoint->links, link);
	r = link_make_segment(link);
	if (r < 0)
		return error_trace(r);
	link->fd = fd;
	r = packet_send_hello(link);
	if (r && r != LINK_E_CLOSED) { /* who is gone already may have said something before */
		link->fd = -1;         /* stays the caller's */
		return r < 0 ? r : -EIO;
	}
	segment_close_fd(&link->own);
	*ret = steal(link);
	return 0;
}

void
link_hang_up(struct link *link)
{
	link->closed = true;
	link->fd = socket_close(link->fd);
	link->doorbell = fd_close(link->doorbell);
	socket_discard_fds(link->fds, link->n_fds); /* nobody will name them any more */
	shares_give(link->shares, SHARE_FDS, link->n_fds);
	link->n_fds = 0;
}

struct remote *
remote_unref(struct remote *remote)
{
	if (remote && --remote->refs == 0) {
		segment_deinit(&remote->memory);
		shares_give(remote->shares, SHARE_SEGMENTS, 1);
		free(remote);
	}
	return NULL;
}

static void
link_free_lent(struct link *link)
{
	for (uint32_t i = 0; link->n_out > 0 && i < LINK_N_RELEASES; i++) {
		if (link->lent[i].block)
			link_count_lent(link, link->lent[i].block, -1);
		link->lent[i].block = block_unref(link->lent[i].block);
	}
}

struct link *
link_free(struct link *link)
{
	if (!link)
		return NULL;
	link_hang_up(link);
	DL_DELETE(link->endpoint->links, link);
	link_free_lent(link);
	pool_deinit(&link->pool);
	while (link->remotes) {
		struct remote *remote = link->remotes;

		link->remotes = remote->next;
		(void)remote_unref(remote); /* messages may keep it */
	}
	segment_deinit(&link->own);
	segment_deinit(&link->ring);
	segment_deinit(&link->old_ring);
	segment_deinit(&link->partner_segment);
	segment_deinit(&link->partner_page);
	(void)fd_close(link->partner.pidfd);
	free(link->known);
	free(link);
	return NULL;
}

int
link_read_socket(struct link *link, bool *ret_rang)
{
	uint64_t looked = link->looked;
	uint32_t n = 0;
	int r;

	*ret_rang = false;
	if (link->closed)
		return LINK_E_CLOSED;
	do {
		link->holds = packet_must_wait(link);
		if (unlikely(link->holds))
			return 0;
		r = packet_read(link, ret_rang);
	} while (r == 1 && ++n < LINK_MAX_PACKETS && link->looked - looked < LINK_MAX_LOOKED);
	if (r == LINK_E_CLOSED)
		link->closed = true;
	return r == 1 ? 0 : r; /* 1: there is more, and the socket stays readable */
}
