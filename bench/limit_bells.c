/* SPDX-License-Identifier: MIT */

/*
 * limit_bells: what it takes to wake many; an eventfd each, written one after another
 *
 * The payload lies in memory that all share. The receivers wait edge-triggered
 * and never read, the cheapest form there is.
 */

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "stream.h"

static struct payload *
bells_payload(const struct bench_run *run)
{
	return (struct payload *)run->shared->scratch;
}

static int
bells_open(struct bench_run *run)
{
	int *fds = malloc(run_n_servers(run) * sizeof(int));

	if (!fds)
		return run_fail(run, -ENOMEM, "bells");
	for (uint32_t i = 0; i < run_n_servers(run); i++)
		fds[i] = -1;
	run->daemon = fds;
	for (uint32_t i = 0; i < run_n_servers(run); i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		if (fds[i] < 0)
			return run_fail(run, -errno, "eventfd");
	}
	return 0;
}

static void
bells_close(struct bench_run *run)
{
	int *fds = run->daemon;

	for (uint32_t i = 0; fds && i < run_n_servers(run); i++)
		(void)fd_close(fds[i]); /* always -1 */
	free(fds);
	run->daemon = NULL;
}

static int
bells_serve(struct bench_run *run)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	_cleanup_(fd_closep) int set = -1;
	const int *fds = run->daemon;
	int r;

	set = epoll_create1(EPOLL_CLOEXEC);
	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fds[run->nth], &event) < 0)
		return run_fail(run, -errno, "epoll");
	run_ready(run);
	for (;;) {
		if (epoll_wait(set, &event, 1, -1) != 1)
			return run_fail(run, -EIO, "waiting");
		r = stream_take(run, bells_payload(run));
		if (r < 0)
			return r;
	}
}

static int
bells_send(void *link, const struct payload *event)
{
	struct bench_run *run = link;
	const uint64_t one = 1;
	const int *fds = run->daemon;

	*bells_payload(run) = *event;
	for (uint32_t i = 0; i < run_n_servers(run); i++)
		if (write(fds[i], &one, sizeof(one)) != (ssize_t)sizeof(one))
			return -EIO;
	return 0;
}

static int
bells_drive(struct bench_run *run)
{
	return stream_drive_paced(run, bells_send, run);
}

const struct subject limit_bells = {
	.name = "limit:eventfds",
	.open = bells_open,
	.serve = bells_serve,
	.drive = bells_drive,
	.close = bells_close,
};
