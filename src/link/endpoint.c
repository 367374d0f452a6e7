/* SPDX-License-Identifier: MIT */

/* endpoint: page, doorbell and segment numbers of one peer */

#include <sys/eventfd.h>
#include <utlist.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "link/endpoint.h"
#include "link/link.h"
#include "link/packet.h"
#include "shm/head.h"

int
endpoint_init(struct endpoint *endpoint)
{
	*endpoint = ENDPOINT_INIT;
	budgets_init(&endpoint->budgets);
	endpoint->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return endpoint->doorbell < 0 ? -errno : 0;
}

int
endpoint_need_page(struct endpoint *endpoint)
{
	struct shm_head *head;
	int r;

	if (likely(endpoint->words))
		return 0;
	r = segment_create(&endpoint->page, "tern-page", PAGE_SIZE);
	if (r < 0)
		return error_trace(r);
	head = (struct shm_head *)endpoint->page.base;
	head_init(head, SHM_KIND_PAGE, endpoint->page.size);
	head_set_part(head, 0, PAGE_WORDS_AT, sizeof(struct shm_page));
	endpoint->words = (struct shm_page *)(endpoint->page.base + PAGE_WORDS_AT);
	return 0;
}

void
endpoint_close(struct endpoint *endpoint)
{
	segment_close_fd(&endpoint->page);
	endpoint->doorbell = fd_close(endpoint->doorbell);
}

void
endpoint_deinit(struct endpoint *endpoint)
{
	assert(!endpoint->links);
	endpoint_close(endpoint);
	segment_deinit(&endpoint->page);
}

uint32_t
endpoint_next_segment(struct endpoint *endpoint)
{
	if (++endpoint->last_segment == 0)
		++endpoint->last_segment; /* 0 means: in the record */
	return endpoint->last_segment;
}

void
endpoint_drop_segment(struct endpoint *endpoint, uint32_t id)
{
	struct link *link;

	DL_FOREACH (endpoint->links, link)
		packet_send_drop(link, id);
}

void
endpoint_commit(struct endpoint *endpoint, uint64_t number)
{
	if (likely(endpoint->words))
		store_rel(&endpoint->words->commit, number); /* C1 */
}
