/* SPDX-License-Identifier: MIT */

/*
 * connect: short lives: connect, the first call, close; in a process that runs
 * on, and as a whole program from fork to its end
 */

#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "connect.h"
#include "dbus_daemon.h"
#include "process.h"
#include "tern_bus.h"

int
connect_drive(struct bench_run *run, rpc_call_fn *call_connected)
{
	return rpc_drive(run, call_connected, run);
}

/* --- in a process that runs on --- */

static int
tern_connect_call(void *link, const struct payload *request, struct payload *ret_reply)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	int r;

	r = tern_bus_connect_spinning(link, TERN_SPIN_DEFAULT, &bus);
	return r < 0 ? r : tern_rpc_call(bus, request, ret_reply);
}

static int
tern_connect_drive(struct bench_run *run)
{
	return connect_drive(run, tern_connect_call);
}

static const struct subject tern_connect = {
	.name = "tern",
	.open = tern_bus_open,
	.serve = tern_rpc_serve_default,
	.drive = tern_connect_drive,
};

const struct workload workload_connect = {
	.name = "connect",
	.what = "connect, the first call, close",
	.subjects =
		(const struct subject *const[]){
			&tern_connect,
			&connect_sdbus_dbus_broker,
			&connect_sdbus_dbus_daemon,
			NULL,
		},
};

/* --- as a whole program --- */

static int
run_program(const char *const argv[])
{
	pid_t pid = process_fork(-1);
	int status, null;

	if (pid < 0)
		return pid;
	if (pid == 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
			_exit(126);
		process_exec(argv);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EREMOTEIO;
}

static int
program_drive(struct bench_run *run, const char *const argv[])
{
	struct bench_shared *shared = run->shared;
	uint64_t n = 0, begin;
	uint32_t phase;
	int r;

	while ((phase = run_phase(run)) != PHASE_STOP) {
		begin = clock_now_ns();
		r = run_program(argv);
		if (r < 0)
			return run_fail(run, r, argv[0]);
		if (phase == PHASE_MEASURE)
			hist_add(&shared->hist, clock_now_ns() - begin);
		/* Relaxed: the parent takes it for a count and reads nothing by it. */
		store_rlx(&shared->count[0].n, ++n);
		if (n == 1)
			run_ready(run);
	}
	return 0;
}

static int
tern_program_drive(struct bench_run *run)
{
	char path[PATH_MAX];
	const char *program = tern_bus_find("../src/cli/tern", "tern", path, sizeof(path));

	if (!program)
		return run_fail(run, -ENOENT, "tern");
	return program_drive(run, (const char *const[]){program, "--bus", run->address, "ping",
					  TERN_BENCH_NAME, NULL});
}

static int
busctl_open(struct bench_run *run)
{
	return process_find("busctl") ? dbus_broker_open(run) : run_missing(run, "busctl");
}

static int
busctl_drive(struct bench_run *run)
{
	char address[sizeof(run->address) + 16] = "--address=";

	memcpy(address + strlen(address), run->address, strlen(run->address) + 1);
	return program_drive(run, (const char *const[]){"busctl", address, "call", DBUS_BENCH_NAME,
					  DBUS_BENCH_PATH, "org.freedesktop.DBus.Peer", "Ping",
					  NULL});
}

static int
true_drive(struct bench_run *run)
{
	return program_drive(run, (const char *const[]){"true", NULL});
}

static const struct subject tern_program = {
	.name = "tern",
	.open = tern_bus_open,
	.serve = tern_rpc_serve_default,
	.drive = tern_program_drive,
};

static const struct subject limit_true = {
	.name = "limit:true",
	.serve = run_rest,
	.drive = true_drive,
};

/* The server is sd-bus: it answers Ping by itself. */
static int
busctl_serve(struct bench_run *run)
{
	return connect_sdbus_dbus_broker.serve(run);
}

static const struct subject peer_busctl = {
	.name = "peer:busctl-dbus-broker",
	.open = busctl_open,
	.serve = busctl_serve,
	.drive = busctl_drive,
	.close = dbus_broker_close,
};

const struct workload workload_connect_program = {
	.name = "connect-program",
	.what = "a program that connects, calls once and ends, from fork to its end",
	.subjects =
		(const struct subject *const[]){
			&tern_program,
			&limit_true,
			&peer_busctl,
			NULL,
		},
};
