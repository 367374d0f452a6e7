/* SPDX-License-Identifier: MIT */

/* daemon-managed: a ternd under a service manager, as systemd is one; the manager is the test */

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "io/socket.h"
#include "raw.h"

/* What the manager has: the socket it hears at, and what it passes. */
static struct {
	char path[100];
	int fd;
	int passed, second; /* -1: none */
	const char *name;   /* of the first */
	const char *watchdog_us;
	const char *argument;
} manager;

static struct ternd ternd;

static int
bound(const char *path, int type)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(socket_address(path, &address), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
setup(void)
{
	ck_assert_int_eq(setenv("TERND", getenv("TERND_IMPATIENT"), 1), 0);
	(void)snprintf(ternd.folder, sizeof(ternd.folder), "/tmp/tern-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(ternd.folder));
	(void)snprintf(ternd.path, sizeof(ternd.path), "%s/bus", ternd.folder);
	(void)snprintf(manager.path, sizeof(manager.path), "%s/manager", ternd.folder);
	manager.fd = bound(manager.path, SOCK_DGRAM);
	manager.passed = manager.second = -1;
	manager.name = "ternd.socket";
	manager.watchdog_us = manager.argument = NULL;
}

static void
teardown(void)
{
	fd_close(manager.fd);
	fd_close(manager.passed);
	ck_assert_int_eq(unlink(manager.path), 0);
	(void)unlink(ternd.path); /* where it is the manager's */
	ck_assert_msg(rmdir(ternd.folder) == 0, "ternd left something behind");
}

/* listen_for() - make the socket that is passed */
static void
listen_for(const char *path, int type)
{
	manager.passed = bound(path, type);
	if (type != SOCK_DGRAM)
		ck_assert_int_eq(listen(manager.passed, 16), 0);
}

static void
run(int errors)
{
	char address[100], pid[16], names[100];
	int n = (manager.passed >= 0) + (manager.second >= 0);

	(void)snprintf(address, sizeof(address), "unix:%s", ternd.path);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)snprintf(names, sizeof(names), "%s", manager.name);
	(void)setenv("NOTIFY_SOCKET", manager.path, 1);
	if (manager.watchdog_us) {
		(void)setenv("WATCHDOG_USEC", manager.watchdog_us, 1);
		(void)setenv("WATCHDOG_PID", pid, 1);
	}
	if (n) {
		(void)setenv("LISTEN_PID", pid, 1);
		(void)setenv("LISTEN_FDS", n == 1 ? "1" : "2", 1);
		(void)setenv("LISTEN_FDNAMES", names, 1);
	}
	if (errors >= 0)
		(void)dup2(errors, STDERR_FILENO);
	if (n && manager.passed != 3)
		(void)dup2(manager.passed, 3);
	else if (n)
		(void)fcntl(3, F_SETFD, 0);
	if (n > 1)
		(void)dup2(3, 4);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)execl(getenv("TERND"), "ternd", "--address", address, manager.argument, NULL);
	_exit(127);
}

/* hear() - the next that ternd tells begins with this; returns the descriptor that came along, or -1 */
static int
hear(const char *expected)
{
	struct pollfd pollfd = {.fd = manager.fd, .events = POLLIN};
	char text[512];
	size_t size, n;
	int fd;

	ck_assert_msg(poll(&pollfd, 1, RAW_TIMEOUT_MS) == 1, "%s was not told", expected);
	ck_assert_int_eq(socket_recv(manager.fd, text, sizeof(text) - 1, &size, &fd, 1, &n), 0);
	text[size] = '\0';
	ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
	return fd;
}

static void
start(void)
{
	ternd.pid = fork();
	ck_assert_int_ge(ternd.pid, 0);
	if (ternd.pid == 0)
		run(-1);
	if (manager.passed < 0 || strcmp(manager.name, "tern-bus") == 0)
		fd_close(hear("FDSTORE=1\nFDPOLL=0\nFDNAME=tern-bus"));
	ck_assert_int_eq(hear("READY=1\nSTATUS=serves unix:"), -1);
}

static void
stop(int signal)
{
	int status;

	ck_assert_int_eq(kill(ternd.pid, signal), 0);
	hear("STOPPING=1");
	ck_assert_int_eq(waitpid(ternd.pid, &status, 0), ternd.pid);
	ck_assert_int_eq(status, 0);
}

static void
expect_wrong(const char *says)
{
	char text[512] = "";
	int ends[2], status;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ternd.pid = fork();
	ck_assert_int_ge(ternd.pid, 0);
	if (ternd.pid == 0)
		run(ends[1]);
	ck_assert_int_eq(waitpid(ternd.pid, &status, 0), ternd.pid);
	ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
	ck_assert_msg(strstr(text, says) != NULL, "%s", text);
	ck_assert_int_eq(status, 1 << 8);
	fd_close(ends[0]);
	fd_close(ends[1]);
	ck_assert_int_eq(recv(manager.fd, text, sizeof(text), MSG_DONTWAIT), -1);
}

static bool
is_there(const char *end)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s%s", ternd.path, end);
	return access(path, F_OK) == 0;
}

static void
claim(struct raw *raw)
{
	struct raw was = *raw;

	raw_close(raw);
	raw_claim(raw, &ternd, &was);
	ck_assert_uint_eq(raw->id, was.id);
}

/* Who connects before it is started is served; killed, told to make room, or ended, the socket is the manager's. */
START_TEST(activated)
{
	struct control make_room = {.type = CONTROL_MAKE_ROOM};
	struct raw a, b;

	listen_for(ternd.path, SOCK_SEQPACKET);
	raw_connect(&b, &ternd);
	start();
	raw_join(&a, &ternd);
	raw_own(&a, "org.example.One", 0, NULL);
	ternd_kill(&ternd);
	start();
	claim(&a);
	ck_assert_int_eq(kill(ternd.pid, SIGHUP), 0);
	hear("RELOADING=1\nMONOTONIC_USEC=");
	hear("READY=1");
	stop(SIGUSR2);
	start();
	claim(&a);
	raw_name(&a, CONTROL_LOOKUP, "org.example.One");
	ck_assert_uint_eq(a.control.found.peer, a.id);
	raw_close(&b);
	raw_connect(&b, &ternd);
	raw_send(&b, &make_room);
	raw_expect(&b, CONTROL_FAILED);
	raw_expect_failed(&b, EPERM, "tern.NotAllowed", "systemctl restart");
	raw_close(&b);
	raw_close(&a);
	stop(SIGTERM);
	ck_assert(is_there("") && !is_there(".lock") && !is_there(".journal"));
}
END_TEST

/* What another ternd has is not taken, even with a socket for it. */
START_TEST(in_use)
{
	struct ternd other = ternd;
	char path[120];

	listen_for(ternd.path, SOCK_SEQPACKET);
	start();
	other = ternd;
	expect_wrong("a bus runs there already");
	ternd = other;
	stop(SIGTERM);
	(void)snprintf(path, sizeof(path), "%s.lock", ternd.path);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(another_socket)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/other", ternd.folder);
	listen_for(path, SOCK_SEQPACKET);
	expect_wrong("is not the socket that listens there");
	manager.passed = fd_close(manager.passed);
	listen_for(ternd.path, SOCK_STREAM);
	expect_wrong("is not the socket that listens there");
	manager.passed = fd_close(manager.passed);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(unlink(ternd.path), 0);
	manager.passed = bound(ternd.path, SOCK_SEQPACKET); /* does not listen */
	expect_wrong("is not the socket that listens there");
	ck_assert_int_eq(listen(manager.passed, 16), 0);
	manager.argument = "--replace";
	expect_wrong("without --replace");
	manager.argument = NULL;
	manager.second = manager.passed;
	expect_wrong("one socket at most");
	manager.second = -1;
	ck_assert_int_eq(unlink(ternd.path), 0);
	expect_wrong("is not the socket that listens there"); /* nobody can connect to it */
}
END_TEST

/* Without a unit for it the socket is ternd's own, and kept by the manager in case that it is killed. */
START_TEST(kept)
{
	struct raw a;

	ternd.pid = fork();
	ck_assert_int_ge(ternd.pid, 0);
	if (ternd.pid == 0)
		run(-1);
	manager.passed = hear("FDSTORE=1\nFDPOLL=0\nFDNAME=tern-bus");
	hear("READY=1");
	raw_join(&a, &ternd);
	ternd_kill(&ternd);
	manager.name = "tern-bus";
	raw_close(&a);
	raw_connect(&a, &ternd); /* while there is none */
	start();
	raw_close(&a);
	raw_join(&a, &ternd);
	raw_close(&a);
	ternd_kill(&ternd);
	ck_assert_int_eq(unlink(ternd.path), 0); /* as where its folder goes with it: it makes another */
	start();
	raw_join(&a, &ternd);
	raw_close(&a);
	stop(SIGTERM);
	hear("FDSTOREREMOVE=1\nFDNAME=tern-bus");
	ck_assert(!is_there("") && !is_there(".lock") && !is_there(".journal"));
}
END_TEST

START_TEST(watched)
{
	manager.watchdog_us = "20000";
	start();
	for (int i = 0; i < 3; i++)
		hear("WATCHDOG=1\nSTATUS=0 programs, 0 names");
	ck_assert_int_eq(kill(ternd.pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(ternd.pid, NULL, 0), ternd.pid);
	manager.watchdog_us = "garbage";
	while (recv(manager.fd, &(char){0}, 1, MSG_DONTWAIT) >= 0)
		;
	expect_wrong("WATCHDOG_USEC");
	manager.watchdog_us = NULL;
	start();
	stop(SIGTERM);
	hear("FDSTOREREMOVE=1");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("daemon-managed");
	TCase *tcase = tcase_create("daemon-managed");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, activated);
	tcase_add_test(tcase, in_use);
	tcase_add_test(tcase, another_socket);
	tcase_add_test(tcase, kept);
	tcase_add_test(tcase, watched);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
