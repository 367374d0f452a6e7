/* SPDX-License-Identifier: MIT */

/* limit_pipe: bytes through a unix socket, or through pipes; calls, and events one way */

#include <fcntl.h>
#include <sys/socket.h>

#include "rpc.h"
#include "stream.h"

/* run->fds, in either form: where which side reads and writes */
enum { SERVER_IN, CLIENT_OUT, CLIENT_IN, SERVER_OUT };

struct pipe_link {
	struct bench_run *run;
	int in, out;
	struct payload *buffer; /* of run_size() */
};

static int
socket_open(struct bench_run *run)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return run_fail(run, -errno, "socketpair");
	run->fds[SERVER_IN] = pair[0];
	run->fds[CLIENT_OUT] = pair[1];
	run->fds[SERVER_OUT] = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
	run->fds[CLIENT_IN] = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
	if (run->fds[SERVER_OUT] < 0 || run->fds[CLIENT_IN] < 0)
		return run_fail(run, -errno, "dup");
	return 0;
}

static int
pipe_open(struct bench_run *run)
{
	if (pipe2(&run->fds[SERVER_IN], O_CLOEXEC) < 0 ||
		pipe2(&run->fds[CLIENT_IN], O_CLOEXEC) < 0)
		return run_fail(run, -errno, "pipe");
	return 0;
}

static int
write_all(int fd, const void *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = write(fd, (const char *)bytes + at, size - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += (size_t)MAX(n, (ssize_t)0);
	}
	return 0;
}

static int
read_all(int fd, void *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(fd, (char *)bytes + at, size - at);

		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR)
			return -errno;
		at += (size_t)MAX(n, (ssize_t)0);
	}
	return 0;
}

static int
link_init(struct bench_run *run, struct pipe_link *ret)
{
	bool is_server = run->role == ROLE_SERVER;

	*ret = (struct pipe_link){
		.run = run,
		.in = run->fds[is_server ? SERVER_IN : CLIENT_IN],
		.out = run->fds[is_server ? SERVER_OUT : CLIENT_OUT],
		.buffer = aligned_alloc(CACHE_LINE, run_size(run)),
	};
	if (!ret->buffer)
		return run_fail(run, -ENOMEM, "buffer");
	memset(ret->buffer, 0, run_size(run));
	return 0;
}

static int
pipe_call(void *userdata, const struct payload *request, struct payload *ret_reply)
{
	struct pipe_link *link = userdata;
	int r;

	r = write_all(link->out, request, run_size(link->run));
	return r < 0 ? r : read_all(link->in, ret_reply, sizeof(*ret_reply));
}

static int
pipe_drive(struct bench_run *run)
{
	struct pipe_link link;
	int r;

	r = link_init(run, &link);
	if (r == 0)
		r = rpc_drive(run, pipe_call, &link);
	free(link.buffer);
	return r;
}

static int
pipe_serve(struct bench_run *run)
{
	struct payload reply = {0};
	struct pipe_link link;
	int r;

	r = link_init(run, &link);
	run_ready(run);
	while (r == 0) {
		r = read_all(link.in, link.buffer, run_size(run));
		if (r < 0)
			(void)run_fail(run, r, "reading a request"); /* returns r */
		else
			r = rpc_answer(run, link.buffer, &reply);
		if (r == 0)
			r = write_all(link.out, &reply, sizeof(reply));
	}
	free(link.buffer);
	return r;
}

static int
pipe_send(void *userdata, const struct payload *event)
{
	struct pipe_link *link = userdata;

	payload_fill(link->buffer, run_size(link->run), PAYLOAD_EVENT, event->serial);
	return write_all(link->out, link->buffer, run_size(link->run));
}

static int
pipe_publish(struct bench_run *run)
{
	struct pipe_link link;
	int r;

	r = link_init(run, &link);
	if (r == 0)
		r = stream_drive(run, pipe_send, &link);
	free(link.buffer);
	return r;
}

static int
pipe_take(struct bench_run *run)
{
	struct pipe_link link;
	int r;

	r = link_init(run, &link);
	run_ready(run);
	while (r == 0) {
		r = read_all(link.in, link.buffer, run_size(run));
		r = r < 0 ? run_fail(run, r, "reading an event") : stream_take(run, link.buffer);
	}
	free(link.buffer);
	return r;
}

const struct subject limit_unix_socket = {
	.name = "limit:unix-socket",
	.open = socket_open,
	.serve = pipe_serve,
	.drive = pipe_drive,
};

const struct subject limit_pipe = {
	.name = "limit:pipe",
	.open = pipe_open,
	.serve = pipe_serve,
	.drive = pipe_drive,
};

const struct subject stream_unix_socket = {
	.name = "limit:unix-socket",
	.open = socket_open,
	.serve = pipe_take,
	.drive = pipe_publish,
};

const struct subject stream_pipe = {
	.name = "limit:pipe",
	.open = pipe_open,
	.serve = pipe_take,
	.drive = pipe_publish,
};
