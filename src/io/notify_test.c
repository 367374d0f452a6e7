/* SPDX-License-Identifier: MIT */

/* Tests of io/notify: what the environment may say, and what arrives at the manager. */

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/notify.h"
#include "io/socket.h"

static const char *const variables[] = {
	"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};

static struct notify notify;

static void
setup(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		(void)unsetenv(variables[i]);
	notify = NOTIFY_INIT;
}

static void
say(const char *variable, const char *value)
{
	ck_assert_int_eq(setenv(variable, value, 1), 0);
}

static void
say_pid(const char *variable, pid_t pid)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	say(variable, text);
}

START_TEST(nothing_said)
{
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_int_eq(notify.fd, -1);
	ck_assert_uint_eq(notify.watchdog_ns, 0);
	ck_assert_int_eq(notify_tell(&notify, -1, "READY=1"), 0);
}
END_TEST

START_TEST(garbage)
{
	static const struct {
		const char *variable, *value;
	} cases[] = {
		{"WATCHDOG_USEC", "soon"}, {"WATCHDOG_USEC", "-1"}, {"WATCHDOG_USEC", "99999999999999999999"},
		{"WATCHDOG_PID", ""}, {"LISTEN_FDS", "1025"}, {"LISTEN_FDS", " 1"}, {"LISTEN_PID", "4294967297"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup();
		say(cases[i].variable, cases[i].value);
		ck_assert_int_eq(notify_open(&notify), -EINVAL);
		ck_assert_ptr_null(getenv(cases[i].variable));
	}
}
END_TEST

START_TEST(not_for_us)
{
	say("WATCHDOG_USEC", "1000");
	say_pid("WATCHDOG_PID", getppid());
	say("LISTEN_FDS", "1");
	say_pid("LISTEN_PID", getppid());
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_uint_eq(notify.watchdog_ns, 0);
	ck_assert_int_eq(notify.fd, -1);
	setup();
	say("LISTEN_FDS", "1"); /* for whom? */
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_int_eq(notify.fd, -1);
	setup();
	say("WATCHDOG_USEC", "1000");
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_uint_eq(notify.watchdog_ns, 1000000);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		ck_assert_ptr_null(getenv(variables[i]));
}
END_TEST

START_TEST(passed)
{
	ck_assert_int_eq(dup2(STDERR_FILENO, 3), 3);
	say("LISTEN_FDS", "1");
	say("LISTEN_FDNAMES", "one");
	say_pid("LISTEN_PID", getpid());
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_int_eq(notify.fd, 3);
	ck_assert_str_eq(notify.name, "one");
	ck_assert_int_eq(fcntl(3, F_GETFD), FD_CLOEXEC);
	say("LISTEN_FDS", "1");
	say_pid("LISTEN_PID", getpid());
	ck_assert_int_eq(close(3), 0);
	ck_assert_int_eq(notify_open(&notify), -EINVAL);
	ck_assert_int_eq(dup2(STDERR_FILENO, 3), 3);
	ck_assert_int_eq(dup2(STDERR_FILENO, 4), 4);
	say("LISTEN_FDS", "2");
	say_pid("LISTEN_PID", getpid());
	ck_assert_int_eq(notify_open(&notify), -E2BIG);
	ck_assert_int_eq(fcntl(3, F_GETFD), -1);
	ck_assert_int_eq(fcntl(4, F_GETFD), -1);
}
END_TEST

static void
tell(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_(fd_closep) int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t size = strlen(path), n;
	int fds[2];
	char text[64];

	memcpy(address.sun_path, path, size);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)), 0);
	say("NOTIFY_SOCKET", path);
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_int_eq(notify_tell(&notify, STDERR_FILENO, "FDSTORE=%d", 1), 0);
	ck_assert_int_eq(socket_recv(manager, text, sizeof(text), &size, fds, 2, &n), 0);
	ck_assert_uint_eq(size, 9);
	ck_assert_mem_eq(text, "FDSTORE=1", 9);
	ck_assert_uint_eq(n, 1);
	fds[0] = fd_close(fds[0]);
	ck_assert_int_eq(notify_tell(&notify, -1, "%600s", ""), -EMSGSIZE);
}

START_TEST(told)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "@tern-test-%d", (int)getpid());
	tell(path);
	(void)snprintf(path, sizeof(path), "/tmp/tern-test-%d", (int)getpid());
	tell(path);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(notify_tell(&notify, -1, "READY=1"), -ENOENT);
	say("NOTIFY_SOCKET", "vsock:2:1234");
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_int_eq(notify_tell(&notify, -1, "READY=1"), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tcase = tcase_create("notify");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, nothing_said);
	tcase_add_test(tcase, garbage);
	tcase_add_test(tcase, not_for_us);
	tcase_add_test(tcase, passed);
	tcase_add_test(tcase, told);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
