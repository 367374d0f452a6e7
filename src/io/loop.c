/* SPDX-License-Identifier: MIT */

/* loop: one epoll set, and whom it calls */

#include "io/loop.h"

int
loop_init(struct loop *ret)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = (struct loop){.fd = fd};
	return 0;
}

void
loop_deinit(struct loop *loop)
{
	loop->fd = fd_close(loop->fd);
}

int
loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	assert(!source->is_added);
	if (epoll_ctl(loop->fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	source->is_added = true;
	return 0;
}

void
loop_watch(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	int r;

	if (!source->is_added || source->events == events)
		return;
	r = epoll_ctl(loop->fd, EPOLL_CTL_MOD, source->fd, &event);
	assert(r == 0); /* what is in the set can be changed: that takes no memory */
	source->events = events;
}

void
loop_remove(struct loop *loop, struct loop_source *source)
{
	if (!source->is_added)
		return;
	(void)epoll_ctl(loop->fd, EPOLL_CTL_DEL, source->fd, NULL); /* it is in the set */
	source->is_added = false;
	for (int i = 0; i < loop->n; i++)
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
}

int
loop_turn(struct loop *loop, int timeout_ms)
{
	int n = epoll_wait(loop->fd, loop->batch, LOOP_BATCH, timeout_ms);

	if (n < 0)
		return -errno;
	loop->n = n;
	for (int i = 0; i < n; i++) {
		struct loop_source *source = loop->batch[i].data.ptr;

		if (source)
			source->ready(source, loop->batch[i].events);
	}
	loop->n = 0;
	return n;
}
