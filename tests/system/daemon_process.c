/* SPDX-License-Identifier: MIT */

/*
 * daemon-process: tern_peer_pidfd() gives the process that connected, or none
 *
 * The peers speak by hand, since a child of a program that uses the library keeps none of its sockets. Numbers are given
 * again on purpose, which needs root.
 */

#include <check.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "io/socket.h"
#include "raw.h"
#include "tern/tern.h"

enum {
	SKIP = 77,
};

static struct ternd ternd;
static tern_bus *bus;
static struct raw peer; /* of another process; its socket is here, too */
static pid_t process;

static void
open_bus(void)
{
	char address[100];

	(void)snprintf(address, sizeof(address), "unix:%s", ternd.path);
	ck_assert_int_eq(tern_open(address, &bus), 0);
}

static void
setup(void)
{
	struct iovec iov = {&peer.id, sizeof(peer.id)};
	int pair[2];
	size_t size, n;

	ternd_start(&ternd, NULL);
	open_bus();
	ck_assert_int_eq(socket_pair(pair), 0);
	process = raw_fork(0);
	if (process == 0) {
		raw_join(&peer, &ternd);
		ck_assert_int_eq(socket_send(pair[0], &iov, 1, &peer.fd, 1), 0);
		for (;;)
			pause();
	}
	ck_assert_int_eq(poll(&(struct pollfd){.fd = pair[1], .events = POLLIN}, 1, RAW_TIMEOUT_MS), 1);
	ck_assert_int_eq(socket_recv(pair[1], &peer.id, sizeof(peer.id), &size, &peer.fd, 1, &n), 0);
	pair[0] = fd_close(pair[0]);
	pair[1] = fd_close(pair[1]);
}

static void
teardown(void)
{
	if (process)
		raw_kill(process);
	bus = tern_close(bus);
	raw_close(&peer);
	ternd_stop(&ternd);
}

/* It is that of this process, and nobody else inherits it. */
static void
expect_process(int fd, pid_t pid)
{
	char path[64], line[64];
	int number = 0;
	FILE *file;

	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		(void)sscanf(line, "Pid: %d", &number); /* one of the lines */
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(number, pid);
	(void)fd_close(fd);
}

START_TEST(who_lives)
{
	int fd = -1;

	ck_assert_int_eq(tern_peer_pidfd(bus, peer.id, &fd), 0);
	expect_process(fd, process);
	ck_assert_int_eq(tern_peer_pidfd(bus, tern_id(bus), &fd), 0);
	expect_process(fd, getpid());
}
END_TEST

START_TEST(who_is_not_there)
{
	int fd = -1;

	ck_assert_int_eq(tern_peer_pidfd(bus, 0, &fd), -ENXIO);
	ck_assert_int_eq(tern_peer_pidfd(bus, TERN_PEER_BUS, &fd), -ENXIO);
	ck_assert_int_eq(tern_peer_pidfd(bus, peer.id + 1000, &fd), -ENXIO);
	raw_close(&peer);
	raw_kill(process);
	process = 0;
	for (int i = 0; tern_peer_pidfd(bus, peer.id, &fd) != -ENXIO; i++) {
		ck_assert_int_lt(i, 10000);
		ck_assert_int_eq(usleep(1000), 0); /* until ternd has seen it */
	}
	ck_assert_int_eq(fd, -1);
}
END_TEST

/* Its connection is held by another process, here; @_i: and its number, too. */
START_TEST(who_has_ended)
{
	struct tern_identity identity = {.size = sizeof(identity)};
	pid_t next = 0;
	int fd = -1;

	raw_kill(process);
	if (_i) {
		next = raw_fork((uint32_t)process);
		if (next == 0)
			for (;;)
				pause();
		ck_assert_int_eq(next, process);
	}
	process = next;
	ck_assert_int_eq(tern_identify(bus, peer.id, &identity), 0); /* it is a peer still */
	ck_assert_int_eq(tern_peer_pidfd(bus, peer.id, &fd), -ESRCH);
	ck_assert_str_eq(tern_last_error()->name, "tern.NoSuchService");
	ck_assert_int_eq(fd, -1);
}
END_TEST

/* There the number is nobody's, or another's. */
START_TEST(in_another_pid_namespace)
{
	int fd = -1, status;
	pid_t pid = raw_fork(0), inner;

	if (pid == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(SKIP);
		inner = fork();
		if (inner == 0) {
			open_bus();
			ck_assert_int_eq(tern_peer_pidfd(bus, peer.id, &fd), -ESRCH);
			_exit(3);
		}
		ck_assert_int_eq(waitpid(inner, &status, 0), inner);
		_exit(WEXITSTATUS(status));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert(WEXITSTATUS(status) == SKIP || WEXITSTATUS(status) == 3);
}
END_TEST

START_TEST(directly)
{
	char address[100];
	struct tern_event event = {.size = sizeof(event)};
	tern_bus *here, *there;
	int fd = -1;

	(void)snprintf(address, sizeof(address), "unix:%s/direct", ternd.folder);
	ck_assert_int_eq(tern_listen(address, &here), 0);
	ck_assert_int_eq(tern_dial(address, &there), 0);
	ck_assert_int_eq(tern_next(here, UINT64_C(10000000000), &event), 0);
	ck_assert_uint_eq(event.kind, TERN_LINKED);
	ck_assert_int_eq(tern_peer_pidfd(here, event.peer + 1, &fd), -ENXIO);
	ck_assert_int_eq(tern_peer_pidfd(here, event.peer, &fd), 0);
	expect_process(fd, getpid());
	there = tern_close(there);
	here = tern_close(here);
	(void)snprintf(address, sizeof(address), "%s/direct.lock", ternd.folder);
	(void)unlink(address); /* may be left by design */
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("daemon-process");
	TCase *tcase = tcase_create("daemon-process");
	SRunner *runner;
	int failed;

	if (geteuid() != 0)
		return SKIP;
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, who_lives);
	tcase_add_test(tcase, who_is_not_there);
	tcase_add_loop_test(tcase, who_has_ended, 0, 2);
	tcase_add_test(tcase, in_another_pid_namespace);
	tcase_add_test(tcase, directly);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
