/* SPDX-License-Identifier: MIT */

/* dbus_daemon: the reference daemon, with a configuration of its own */

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "dbus_daemon.h"
#include "process.h"
#include "run.h"

static const char config[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig>\n"
	"  <auth>EXTERNAL</auth>\n"
	"  <listen>%s</listen>\n"
	"  <policy context=\"default\">\n"
	"    <allow user=\"*\"/>\n"
	"    <allow own=\"*\"/>\n"
	"    <allow send_destination=\"*\"/>\n"
	"    <allow receive_sender=\"*\"/>\n"
	"  </policy>\n"
	"  <limit name=\"max_completed_connections\">4096</limit>\n"
	"  <limit name=\"max_incomplete_connections\">1024</limit>\n"
	"  <limit name=\"max_connections_per_user\">4096</limit>\n"
	"</busconfig>\n";

int
dbus_make_address(struct bench_run *run, char *path, size_t size)
{
	if (snprintf(path, size, "%s/dbus", run->dir) >= (int)size)
		return run_fail(run, -ENAMETOOLONG, "socket");
	(void)snprintf(
		run->address, sizeof(run->address), "unix:path=%s", path); /* fits as path did */
	return 0;
}

static int
write_config(struct bench_run *run, char *path, size_t size)
{
	FILE *f;
	bool is_written;

	if (snprintf(path, size, "%s/config", run->dir) >= (int)size)
		return run_fail(run, -ENAMETOOLONG, "configuration");
	f = fopen(path, "we");
	if (!f)
		return run_fail(run, -errno, "configuration");
	is_written = fprintf(f, config, run->address) > 0;
	if (fclose(f) || !is_written)
		return run_fail(run, -EIO, "configuration");
	return 0;
}

static void
exec_daemon(const char *config_path)
{
	const char *argv[] = {
		"dbus-daemon", "--config-file", config_path, "--nofork", "--nopidfile", NULL};
	int null;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(126);
	process_exec(argv);
}

static bool
is_listening(const char *path)
{
	_cleanup_(fd_closep) int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
		(int)sizeof(address.sun_path))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static int
await_listening(struct bench_run *run, const char *path)
{
	uint64_t deadline = clock_now_ns() + 5 * NSEC_PER_SEC;
	int r;

	while (!is_listening(path)) {
		r = process_sleep(NSEC_PER_MSEC);
		if (r < 0)
			return r;
		if (process_has_ended(run->pids[ROLE_DAEMON]) || clock_now_ns() >= deadline)
			return run_fail(run, -ECONNREFUSED, "dbus-daemon");
	}
	return 0;
}

int
dbus_daemon_open(struct bench_run *run)
{
	char socket_path[108], config_path[128];
	pid_t pid;
	int r;

	if (!process_find("dbus-daemon"))
		return run_missing(run, "dbus-daemon");
	r = dbus_make_address(run, socket_path, sizeof(socket_path));
	if (r < 0)
		return r;
	r = write_config(run, config_path, sizeof(config_path));
	if (r < 0)
		return r;
	pid = process_fork(run_pin(run, ROLE_DAEMON));
	if (pid < 0)
		return run_fail(run, pid, "fork");
	if (pid == 0)
		exec_daemon(config_path);
	run->pids[ROLE_DAEMON] = pid;
	return await_listening(run, socket_path);
}
