/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"

enum {
	READY_MS = 60000,
	MAX_OPTIONS = 16,
};

void __gcov_dump(void) __attribute__((__weak__)); /* there in `make coverage`: what a child passed counts, too */

static pid_t test_pid; /* children inherit the number, and so know that they are none */
static int n_fds_before;

void
must_failed(const char *file, int line, const char *what, long long a, long long b)
{
	if (getpid() == test_pid)
		ck_abort_msg("%s:%d: %s: %lld, %lld", file, line, what, a, b);
	(void)fprintf(stderr, "child: %s:%d: %s: %lld, %lld\n", file, line, what, a, b);
	(void)kill(test_pid, SIGABRT); /* else it might wait for this child; another user's may not */
	_exit(1);
}

int
count_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

void
fixture_setup(void)
{
	test_pid = getpid();
	n_fds_before = count_open_fds();
}

void
fixture_teardown(void)
{
	ck_assert_int_eq(count_open_fds(), n_fds_before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left, */
	ck_assert_int_eq(errno, ECHILD);		  /* not even one that has not ended */
}

/* --- a bus --- */

void
private_bus_place(struct private_bus *bus)
{
	*bus = (struct private_bus){.directory = "/tmp/tern-test-XXXXXX", .program = getenv("TERND")};
	must(mkdtemp(bus->directory) != NULL);
	must_be(chmod(bus->directory, 0711), 0);
	(void)snprintf(bus->address, sizeof(bus->address), "unix:%s/bus", bus->directory);
}

/* run_ternd() - in the child */
_Noreturn static void
run_ternd(const struct private_bus *bus, const char *const *options, int ready)
{
	const char *args[MAX_OPTIONS] = {"ternd", "--address", bus->address, "--ready-fd"};
	char number[16];
	size_t n = 4;

	(void)snprintf(number, sizeof(number), "%d", ready);
	args[n++] = number;
	for (; options && *options; options++) {
		must(n < MAX_OPTIONS - 1);
		args[n++] = *options;
	}
	must_be(fcntl(ready, F_SETFD, 0), 0);
	(void)execv(bus->program ? bus->program : TERND, (char **)args);
	perror("ternd");
	_exit(1);
}

void
private_bus_start(struct private_bus *bus, const char *const *options)
{
	private_bus_place(bus);
	private_bus_again(bus, options);
}

void
private_bus_again(struct private_bus *bus, const char *const *options)
{
	struct pollfd ready = {.events = POLLIN};
	int pipe_fds[2];
	char byte;

	must_be(pipe2(pipe_fds, O_CLOEXEC), 0);
	bus->ternd = fork();
	must(bus->ternd >= 0);
	if (bus->ternd == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail: a valid signal */
		run_ternd(bus, options, pipe_fds[1]);
	}
	(void)fd_close(pipe_fds[1]);
	ready.fd = pipe_fds[0];
	must_be(poll(&ready, 1, READY_MS), 1);
	must(read(pipe_fds[0], &byte, 1) == 1); /* else it ended instead */
	(void)fd_close(pipe_fds[0]);
}

void
private_bus_stop(struct private_bus *bus)
{
	char path[sizeof(bus->directory) + 16];

	if (bus->ternd) {
		must_be(kill(bus->ternd, SIGTERM), 0);
		child_end(bus->ternd);
	}
	(void)snprintf(path, sizeof(path), "%s/bus.lock", bus->directory);
	(void)unlink(path); /* may be left by design */
	(void)snprintf(path, sizeof(path), "%s/bus.journal", bus->directory);
	if (!bus->ternd)
		(void)unlink(path); /* of one that was killed */
	must_be(rmdir(bus->directory), 0);
}

/* --- processes --- */

pid_t
child_start_as(uint32_t uid, void (*fn)(void *user), void *user)
{
	pid_t pid;

	(void)fflush(NULL); /* else both would write what is buffered */
	pid = fork();
	must(pid >= 0);
	if (pid > 0)
		return pid;
	if (uid != getuid()) {
		must_be(setgroups(0, NULL), 0);
		must_be(setgid(uid), 0);
		must_be(setuid(uid), 0);
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* after setuid(), which clears it */
	must(getppid() == test_pid);
	fn(user);
	(void)fflush(NULL);
	if (__gcov_dump)
		__gcov_dump();
	_exit(0);
}

pid_t
child_start(void (*fn)(void *user), void *user)
{
	return child_start_as(getuid(), fn, user);
}

void
child_end(pid_t pid)
{
	int status;

	must_be(waitpid(pid, &status, 0), pid);
	must_be(status, 0); /* else see what it said */
}

void
child_killed(pid_t pid)
{
	int status;

	must_be(waitpid(pid, &status, 0), pid);
	must(WIFSIGNALED(status));
	must_be(WTERMSIG(status), SIGKILL);
}

void
child_kill(pid_t pid)
{
	must_be(kill(pid, SIGKILL), 0);
	child_killed(pid);
}

/* --- shared words --- */

void *
shared_new(size_t size)
{
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(shared != MAP_FAILED);
	return shared;
}

void *
shared_free(void *shared, size_t size)
{
	(void)munmap(shared, size); /* ours */
	return NULL;
}

void
wait_for(const _Atomic uint32_t *word, uint32_t value)
{
	uint64_t end = clock_now_ns() + LONG_NS;

	while (load_acq(word) < value) {
		must(clock_now_ns() < end);
		(void)usleep(200); /* between two looks, not for anything to happen */
	}
}

void
tell(_Atomic uint32_t *word)
{
	(void)add_acqrel(word, 1); /* whoever sees it sees what was written before */
}

bool
is_long(void)
{
	const char *text = getenv("TERN_TEST_LONG");

	return text && *text && *text != '0';
}

int
fixture_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
