/* SPDX-License-Identifier: MIT */

/*
 * limit_fd: the same with two eventfds, read, or waited for with poll or epoll
 *
 * The payload lies in shared memory, and the write and the read
 * of the eventfd order it. The epoll form waits edge-triggered and never reads,
 * because that is the cheapest form there is: one system call to wake, one to
 * sleep. poll() knows no edges, so that there the eventfd has to be read, too.
 */

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "rpc.h"

enum { FD_REQUEST, FD_REPLY }; /* run->fds */

struct pages {
	alignas(CACHE_LINE) struct payload request;
	alignas(CACHE_LINE) struct payload reply;
};

struct fd_link {
	struct pages *pages;
	int ring_fd; /* written to wake the other side */
	int wait_fd; /* read, or, with epoll, the epoll set */
	int (*wait)(int fd);
};

static int
eventfd_open(struct bench_run *run)
{
	for (int i = FD_REQUEST; i <= FD_REPLY; i++) {
		run->fds[i] = eventfd(0, EFD_CLOEXEC);
		if (run->fds[i] < 0)
			return run_fail(run, -errno, "eventfd");
	}
	return 0;
}

static int
eventfd_ring(int fd)
{
	uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one) ? 0 : -EIO;
}

static int
eventfd_sleep(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? 0 : -EIO;
}

static int
poll_sleep(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, -1) == 1 ? eventfd_sleep(fd) : -EIO;
}

static int
epoll_sleep(int fd)
{
	struct epoll_event event;

	return epoll_wait(fd, &event, 1, -1) == 1 ? 0 : -EIO;
}

static int
epoll_open(int fd, int *ret_epoll)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int set;

	set = epoll_create1(EPOLL_CLOEXEC);
	if (set < 0)
		return -errno;
	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0) {
		(void)fd_close(set);
		return -errno;
	}
	*ret_epoll = set;
	return 0;
}

static int
fd_call(void *userdata, const struct payload *request, struct payload *ret_reply)
{
	struct fd_link *link = userdata;
	int r;

	link->pages->request = *request;
	r = eventfd_ring(link->ring_fd);
	if (r < 0)
		return r;
	r = link->wait(link->wait_fd);
	if (r < 0)
		return r;
	*ret_reply = link->pages->reply;
	return 0;
}

static int
fd_serve(struct bench_run *run, struct fd_link *link)
{
	struct payload reply = {0};
	int r;

	run_ready(run);
	for (;;) {
		r = link->wait(link->wait_fd);
		if (r < 0)
			return run_fail(run, r, "waiting for a request");
		r = rpc_answer(run, &link->pages->request, &reply);
		if (r < 0)
			return r;
		link->pages->reply = reply;
		r = eventfd_ring(link->ring_fd);
		if (r < 0)
			return run_fail(run, r, "ringing");
	}
}

static struct pages *
run_pages(const struct bench_run *run)
{
	return (struct pages *)run->shared->scratch;
}

static int
drive_by(struct bench_run *run, int (*wait)(int fd))
{
	struct fd_link link = {run_pages(run), run->fds[FD_REQUEST], run->fds[FD_REPLY], wait};

	return rpc_drive(run, fd_call, &link);
}

static int
serve_by(struct bench_run *run, int (*wait)(int fd))
{
	struct fd_link link = {run_pages(run), run->fds[FD_REPLY], run->fds[FD_REQUEST], wait};

	return fd_serve(run, &link);
}

static int
eventfd_drive(struct bench_run *run)
{
	return drive_by(run, eventfd_sleep);
}

static int
eventfd_serve(struct bench_run *run)
{
	return serve_by(run, eventfd_sleep);
}

static int
eventfd_poll_drive(struct bench_run *run)
{
	return drive_by(run, poll_sleep);
}

static int
eventfd_poll_serve(struct bench_run *run)
{
	return serve_by(run, poll_sleep);
}

static int
eventfd_epoll_drive(struct bench_run *run)
{
	_cleanup_(fd_closep) int set = -1;
	struct fd_link link = {run_pages(run), run->fds[FD_REQUEST], -1, epoll_sleep};
	int r;

	r = epoll_open(run->fds[FD_REPLY], &set);
	if (r < 0)
		return run_fail(run, r, "epoll");
	link.wait_fd = set;
	return rpc_drive(run, fd_call, &link);
}

static int
eventfd_epoll_serve(struct bench_run *run)
{
	_cleanup_(fd_closep) int set = -1;
	struct fd_link link = {run_pages(run), run->fds[FD_REPLY], -1, epoll_sleep};
	int r;

	r = epoll_open(run->fds[FD_REQUEST], &set);
	if (r < 0)
		return run_fail(run, r, "epoll");
	link.wait_fd = set;
	return fd_serve(run, &link);
}

const struct subject limit_eventfd = {
	.name = "limit:eventfd",
	.open = eventfd_open,
	.serve = eventfd_serve,
	.drive = eventfd_drive,
};

const struct subject limit_eventfd_poll = {
	.name = "limit:eventfd-poll",
	.open = eventfd_open,
	.serve = eventfd_poll_serve,
	.drive = eventfd_poll_drive,
};

const struct subject limit_eventfd_epoll = {
	.name = "limit:eventfd-epoll",
	.open = eventfd_open,
	.serve = eventfd_epoll_serve,
	.drive = eventfd_epoll_drive,
};
