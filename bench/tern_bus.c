/* SPDX-License-Identifier: MIT */

/* tern_bus: a private ternd, and the ends of a run connected to it */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "process.h"
#include "run.h"
#include "tern_bus.h"

const char *
tern_bus_find(const char *where, const char *name, char *path, size_t size)
{
	char self[PATH_MAX], *slash;
	ssize_t n;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash &&
			snprintf(path, size, "%.*s/%s", (int)(slash - self), self, where) <
				(int)size &&
			access(path, X_OK) == 0)
			return path;
	}
	return process_find(name) ? name : NULL;
}

static void
exec_ternd(const char *program, const char *address, int ready_fd)
{
	char number[12];
	const char *argv[] = {program, "--address", address, "--ready-fd", number,
		"--limit", "names=1000000", "--limit", "rules=1000000", "--limit",
		"links=1000000", "--limit", "bytes=4294967296", NULL};

	(void)snprintf(number, sizeof(number), "%d", ready_fd); /* fits */
	if (fcntl(ready_fd, F_SETFD, 0) < 0)
		_exit(126);
	process_exec(argv);
}

/* ternd writes a byte when it listens; the end of the file is the end of ternd. */
static int
await_byte(struct bench_run *run, int fd)
{
	uint64_t deadline = clock_now_ns() + 5 * NSEC_PER_SEC;
	char byte;
	ssize_t n;
	int r;

	while ((n = read(fd, &byte, 1)) < 0 && errno == EAGAIN) {
		r = process_sleep(NSEC_PER_MSEC);
		if (r < 0)
			return r;
		if (clock_now_ns() >= deadline)
			return run_fail(run, -ETIME, "ternd");
	}
	return n == 1 ? 0 : run_fail(run, -ECONNREFUSED, "ternd");
}

int
tern_bus_open(struct bench_run *run)
{
	_cleanup_(fd_closep) int read_end = -1, write_end = -1;
	char path[PATH_MAX];
	const char *program;
	int pair[2];
	pid_t pid;

	program = tern_bus_find("../src/daemon/ternd", "ternd", path, sizeof(path));
	if (!program)
		return run_fail(run, -ENOENT, "ternd");
	(void)snprintf(run->address, sizeof(run->address), "unix:%s/bus", run->dir); /* fits */
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return run_fail(run, -errno, "pipe");
	read_end = pair[0];
	write_end = pair[1];
	pid = process_fork(run_pin(run, ROLE_DAEMON));
	if (pid < 0)
		return run_fail(run, pid, "fork");
	if (pid == 0)
		exec_ternd(program, run->address, write_end);
	run->pids[ROLE_DAEMON] = pid;
	write_end = fd_close(write_end);
	return await_byte(run, read_end);
}

int
tern_bus_fail(struct bench_run *run, int r, const char *what)
{
	char text[160];

	(void)snprintf(
		text, sizeof(text), "%s (%.80s)", what, tern_last_error()->text); /* cut or not */
	return run_fail(run, r, text);
}

int
tern_bus_connect_spinning(struct bench_run *run, uint64_t spin, tern_bus **ret_bus)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	int r;

	r = tern_open(run->address, &bus);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_open");
	if (spin != TERN_SPIN_DEFAULT) {
		r = tern_set_option(bus, TERN_OPT_SPIN, spin);
		if (r < 0)
			return tern_bus_fail(run, r, "tern_set_option");
	}
	*ret_bus = steal(bus);
	return 0;
}

int
tern_bus_connect(struct bench_run *run, tern_bus **ret_bus)
{
	uint64_t spin = run->subject->setting;

	if (spin == TERN_SPIN_RECEIVERS)
		spin = run->role == ROLE_SERVER ? TERN_FOREVER : TERN_SPIN_DEFAULT;
	return tern_bus_connect_spinning(run, spin, ret_bus);
}

int
tern_bus_serve(struct bench_run *run, tern_bus *bus, const int *result)
{
	int r;

	run_ready(run);
	while (*result == 0) {
		struct tern_event event = {.size = sizeof(event)};

		r = tern_next(bus, TERN_FOREVER, &event);
		if (r < 0)
			return tern_bus_fail(run, r, "tern_next");
		/* only news of peers: everything else has a handler */
		(void)tern_message_unref(event.message);
		(void)tern_call_unref(event.call);
	}
	return *result;
}

int
tern_bus_serve_methods(struct bench_run *run, const struct tern_method *methods, size_t n_methods,
	void *userdata, const int *result)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	tern_service *service;
	int r;

	r = tern_bus_connect(run, &bus);
	if (r < 0)
		return r;
	r = tern_serve(bus, TERN_BENCH_NAME, NULL, methods, n_methods, userdata, &service);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_serve");
	r = tern_bus_serve(run, bus, result);
	(void)tern_service_free(service); /* always NULL */
	return r;
}

int
tern_read_payload(tern_message *m, struct payload *ret)
{
	const void *bytes;
	size_t size;
	int r;

	r = tern_message_unpack(m, "y", &bytes, &size);
	if (r < 0)
		return r;
	if (size != sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, bytes, sizeof(*ret)); /* it may lie anywhere in the record */
	return 0;
}
