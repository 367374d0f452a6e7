/* SPDX-License-Identifier: MIT */

/*
 * daemon-recovery: ternd is killed while it finds out what the one before it knew
 *
 * It is held before each of its system calls in turn, from the first to the one with which it begins to wait for
 * programs, and killed there; the next one comes one call further. Now and then one lives, and has all there was.
 * TERN_TEST_LONG=1: it is killed before every call, and after each kill one lives.
 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "raw.h"

enum {
	CALLS_MAX = 2000,
	CALLS_LEAST = 50, /* fewer cannot be: something was not counted */
	SKIP = 77,
};

static struct ternd ternd;
static struct raw a, b;

static bool
is_long(void)
{
	const char *text = getenv("TERN_TEST_LONG");

	return text && *text && *text != '0';
}

static void
setup(void)
{
	ck_assert_int_eq(setenv("TERND", getenv("TERND_IMPATIENT"), 1), 0);
	ternd_start(&ternd, NULL);
	raw_join(&a, &ternd);
	raw_join(&b, &ternd);
	raw_own(&a, "org.example.One", CONTROL_OWN_REPLACEABLE, "audio");
	raw_own(&b, "org.example.One", CONTROL_OWN_QUEUE, NULL);
	raw_own(&b, "org.example.Two", 0, NULL);
	raw_rule(&b, 7, "tern", "org.example");
	ternd_kill(&ternd);
}

static void
teardown(void)
{
	raw_close(&a);
	raw_close(&b);
	ternd_stop(&ternd);
}

static void
run_traced(void)
{
	char address[100];

	(void)snprintf(address, sizeof(address), "unix:%s", ternd.path);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(SKIP);
	(void)execl(getenv("TERND"), "ternd", "--address", address, NULL);
	_exit(127);
}

static bool
begins_to_wait(pid_t pid)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	return info.entry.nr == SYS_epoll_wait || info.entry.nr == SYS_epoll_pwait;
}

/* killed_at() - before system call number n; false: it waits for programs before that, and is killed then */
static bool
killed_at(int n, int *ret_n_calls)
{
	int status, stops = 0;
	bool waits = false;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run_traced();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status), "it ended with %#x", status);
	ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
	while (stops / 2 < n && !waits) { /* each has two: when it is made, and when it returns */
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSTOPPED(status), "it ended with %#x", status);
		stops++;
		waits = begins_to_wait(pid);
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	*ret_n_calls = stops / 2;
	return !waits;
}

static void
expect_owner(const char *name, uint64_t owner)
{
	raw_name(&a, CONTROL_LOOKUP, name);
	ck_assert_uint_eq(a.control.type, CONTROL_FOUND);
	ck_assert_uint_eq(a.control.found.peer, owner);
}

/* One lives; @is_last: it goes on living. */
static void
expect_all(bool is_last)
{
	ternd_start_at(&ternd, NULL);
	raw_come_back(&a, &ternd);
	raw_come_back(&b, &ternd);
	expect_owner("org.example.One", a.id);
	expect_owner("org.example.Two", b.id);
	if (!is_last) {
		ternd_kill(&ternd);
		return;
	}
	raw_rule(&b, 7, "tern", "org.example");
	raw_expect_failed(&b, EEXIST, "tern.RuleExists", "");
	raw_name(&a, CONTROL_DISOWN, "org.example.One");
	expect_owner("org.example.One", b.id);
}

START_TEST(killed_before_each_call)
{
	int step = is_long() ? 1 : 3, n_calls, n;

	for (n = 1; killed_at(n, &n_calls); n += step) {
		ck_assert_int_lt(n, CALLS_MAX);
		if (is_long() || n % 30 == 1)
			expect_all(false);
	}
	ck_assert_int_gt(n_calls, CALLS_LEAST);
	if (is_long())
		printf("killed before each of %d system calls\n", n_calls);
	expect_all(true);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("daemon-recovery");
	TCase *tcase = tcase_create("daemon-recovery");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, killed_before_each_call);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
