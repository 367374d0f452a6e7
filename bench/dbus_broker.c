/* SPDX-License-Identifier: MIT */

/*
 * dbus_broker: dbus-broker without its launcher, which needs systemd
 *
 * The broker takes orders from a controller over a socket it is born with. Here
 * the bench is the controller: it makes the listening socket and hands it over
 * with a policy that allows everybody everything. The controller's interface is
 * the broker's own and follows its version; a broker that understands another
 * one counts as missing.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#include "base/clock.h"
#include "dbus_daemon.h"
#include "process.h"
#include "run.h"

/* may connect; (may own, priority, is prefix, name); two lists of (may, priority, ..., limits) */
#define BATCH  "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define POLICY "a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs"

struct controller {
	sd_bus *bus;
};

static void
exec_broker(int controller_fd)
{
	const char *argv[] = {"dbus-broker", "--controller", "3", "--machine-id",
		"00000000000000000000000000000001", "--max-bytes", "536870912", "--max-fds", "16384", NULL};
	int null;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(126);
	/* dup2 of a descriptor to itself would keep CLOEXEC, so go by way of another */
	controller_fd = fcntl(controller_fd, F_DUPFD_CLOEXEC, 10);
	if (controller_fd < 0 || dup2(controller_fd, 3) < 0)
		_exit(126);
	process_exec(argv);
}

static int
append_policy(sd_bus_message *m)
{
	int r;

	r = sd_bus_message_open_container(m, 'v', "(" POLICY ")");
	if (r < 0)
		return r;
	return sd_bus_message_append(m, "(" POLICY ")", 1, (uint32_t)-1, /* for every user */
		true, UINT64_C(1),					 /* connect */
		1, true, UINT64_C(1), true, "",				 /* own anything */
		1, true, UINT64_C(1), "", "", "", "", 0u, 0u, UINT64_C(0), UINT64_MAX, /* send */
		1, true, UINT64_C(1), "", "", "", "", 0u, 0u, UINT64_C(0), UINT64_MAX, /* receive */
		0, /* nothing for ranges of ids */
		0, /* nor for SELinux */
		false, "session");
}

static int
add_listener(sd_bus *bus, int listener)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_method_call(
		bus, &m, NULL, "/org/bus1/DBus/Broker", "org.bus1.DBus.Broker", "AddListener");
	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "oh", "/org/bus1/DBus/Listener/0", listener);
	if (r < 0)
		return r;
	r = append_policy(m);
	if (r < 0)
		return r;
	r = sd_bus_message_close_container(m);
	if (r < 0)
		return r;
	return sd_bus_call(bus, m, 5 * 1000 * 1000, NULL, NULL);
}

static int
listen_at(const char *path)
{
	_cleanup_(fd_closep) int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path); /* made to fit */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 1024) < 0)
		return -errno;
	return fd_steal(&fd);
}

/* Consumes @fd. */
static int
controller_connect(struct bench_run *run, int fd)
{
	struct controller *controller = run->daemon;
	int r;

	r = sd_bus_new(&controller->bus);
	if (r < 0) {
		(void)fd_close(fd);
		return r;
	}
	r = sd_bus_set_fd(controller->bus, fd, fd);
	if (r < 0) {
		(void)fd_close(fd);
		return r;
	}
	return sd_bus_start(controller->bus);
}

static int
start_broker(struct bench_run *run)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	pid = process_fork(run_pin(run, ROLE_DAEMON));
	if (pid == 0)
		exec_broker(pair[1]);
	(void)fd_close(pair[1]);
	if (pid < 0) {
		(void)fd_close(pair[0]);
		return pid;
	}
	run->pids[ROLE_DAEMON] = pid;
	return controller_connect(run, pair[0]);
}

int
dbus_broker_open(struct bench_run *run)
{
	_cleanup_(fd_closep) int listener = -1;
	struct controller *controller;
	char path[108];
	int r;

	if (!process_find("dbus-broker"))
		return run_missing(run, "dbus-broker");
	controller = calloc(1, sizeof(*controller));
	if (!controller)
		return run_fail(run, -ENOMEM, "dbus-broker");
	run->daemon = controller; /* closed with the run, also if something below fails */
	r = dbus_make_address(run, path, sizeof(path));
	if (r < 0)
		return r;
	listener = listen_at(path);
	if (listener < 0)
		return run_fail(run, listener, "socket");
	r = start_broker(run);
	if (r < 0)
		return run_fail(run, r, "dbus-broker");
	r = add_listener(controller->bus, listener);
	if (r < 0)
		return run_missing(
			run, "a dbus-broker with the controller interface of version 33");
	return 0;
}

void
dbus_broker_close(struct bench_run *run)
{
	struct controller *controller = run->daemon;

	if (controller)
		(void)sd_bus_close_unref(controller->bus); /* takes NULL */
	free(controller);
	run->daemon = NULL;
}
