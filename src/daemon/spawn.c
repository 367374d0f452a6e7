/* SPDX-License-Identifier: MIT */

/* spawn: see spawn.h */

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "daemon/spawn.h"

enum {
	MAX_GROUPS = 1024,
	REPORT_FD = STDERR_FILENO + 1, /* in the child */
};

/* What the child tells. */
struct report {
	int error;     /* errno */
	char step[60]; /* that failed */
};

struct pipes {
	int report[2], gate[2]; /* the child writes, and reads */
};

/* Who it is to be. */
struct account {
	const struct passwd *entry; /* in the memory of libc; NULL: whoever ternd is */
	gid_t groups[MAX_GROUPS];
	int n_groups;
};

static int
fail(struct spawn_text *why, int error, const char *what)
{
	(void)snprintf(why->text, sizeof(why->text), "%s: %s", what, strerror(error)); /* cut if it must be */
	return -error;
}

/* --- the child --- */

_Noreturn static void
give_up(const char *step)
{
	struct report told = {.error = errno};

	(void)snprintf(told.step, sizeof(told.step), "%s", step); /* cut if it must be */
	(void)!write(REPORT_FD, &told, sizeof(told));	    /* fits a pipe; if ternd is gone nobody asks */
	_exit(127);
}

static void
plain_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL); /* those that cannot be set are as they are */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail: a valid set */
}

/* What ternd was told by who started it is not for others: they would answer for ternd, or take its sockets. */
static int
set_environment(const struct spawn_order *order, const struct passwd *user)
{
	static const char *const ternds[] = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS",
		"LISTEN_FDNAMES", "MAINPID", "INVOCATION_ID", "FDSTORE"};
	const char *const *word;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ternds); i++)
		r |= unsetenv(ternds[i]);
	if (user) {
		r |= setenv("HOME", user->pw_dir, 1);
		r |= setenv("USER", user->pw_name, 1);
		r |= setenv("LOGNAME", user->pw_name, 1);
		r |= setenv("SHELL", user->pw_shell, 1);
	}
	r |= setenv("TERN_BUS", order->address, 1);
	r |= setenv("TERN_SERVICE", order->name, 1);
	for (word = order->file->environment; *word; word++)
		r |= putenv((char *)*word); /* of the file's copy in this process */
	return r;
}

static int
become(const struct account *account)
{
	const struct passwd *entry = account->entry;

	if (!entry)
		return 0;
	if (setgroups((size_t)account->n_groups, account->groups) < 0 || setgid(entry->pw_gid) < 0)
		return -1;
	return setuid(entry->pw_uid);
}

/* plain_descriptors() - clients would not see the end of ternd while this process has copies of its sockets */
static int
plain_descriptors(const struct pipes *pipes)
{
	if (dup2(pipes->gate[0], STDIN_FILENO) < 0)
		return -1;
	if (pipes->report[1] != REPORT_FD && dup3(pipes->report[1], REPORT_FD, O_CLOEXEC) < 0)
		return -1;
	return (int)syscall(SYS_close_range, REPORT_FD + 1, ~0u, 0);
}

/* pass_gate() - it is standard input, whose place /dev/null takes. Return: false: ternd is gone */
static bool
pass_gate(void)
{
	char word;

	return read(STDIN_FILENO, &word, 1) == 1;
}

static int
no_input(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : dup2(fd, STDIN_FILENO);
}

_Noreturn static void
run(const struct spawn_order *order, const struct account *account, const struct pipes *pipes)
{
	const char *directory = order->file->directory ? order->file->directory : "/";

	plain_signals();
	if (plain_descriptors(pipes) < 0 || !pass_gate())
		_exit(127); /* nothing, or nobody, to tell it by */
	if (no_input() < 0)
		give_up("/dev/null");
	if (setsid() < 0)
		give_up("a session of its own");
	if (setrlimit(RLIMIT_NOFILE, order->files) < 0)
		give_up("the limit on descriptors");
	if (set_environment(order, account->entry))
		give_up("its environment");
	if (become(account) < 0)
		give_up("becoming its user");
	if (chdir(directory) < 0)
		give_up("WorkingDirectory");
	(void)execv(order->file->exec[0], (char *const *)order->file->exec);
	give_up(order->file->exec[0]);
}

/* --- ternd --- */

static int
find_account(const char *user, struct account *ret, struct spawn_text *why)
{
	*ret = (struct account){.n_groups = MAX_GROUPS};
	if (!user)
		return 0;
	errno = 0;
	ret->entry = getpwnam(user);
	if (!ret->entry)
		return fail(why, errno ? errno : ENOENT, "the user of the service file is not known");
	if (ret->entry->pw_uid == geteuid()) {
		ret->entry = NULL; /* it is ternd's own */
		return 0;
	}
	if (geteuid() != 0)
		return fail(why, EPERM, "the service file says User=, for a bus that root runs");
	if (getgrouplist(user, ret->entry->pw_gid, ret->groups, &ret->n_groups) < 0)
		return fail(why, E2BIG, "its user is in too many groups");
	return 0;
}

/* watch_child() - its pidfd; without one it is ended again */
static int
watch_child(pid_t pid, int *ret)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), error = errno; /* it is not waited for yet, so the pid is its own */

	if (fd >= 0) {
		*ret = fd;
		return 0;
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -error;
}

static int
open_pipes(struct pipes *ret)
{
	int error;

	if (pipe2(ret->report, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (pipe2(ret->gate, O_CLOEXEC) == 0)
		return 0;
	error = errno;
	ret->report[0] = fd_close(ret->report[0]);
	ret->report[1] = fd_close(ret->report[1]);
	return -error;
}

int
spawn(const struct spawn_order *order, struct spawned *ret, struct spawn_text *ret_why)
{
	struct account account;
	struct pipes pipes;
	int r;
	pid_t pid;

	r = find_account(order->file->user, &account, ret_why);
	if (r)
		return r;
	r = open_pipes(&pipes);
	if (r)
		return fail(ret_why, -r, "no pipe");
	pid = fork();
	if (pid == 0)
		run(order, &account, &pipes);
	r = pid < 0 ? -errno : watch_child(pid, &ret->pidfd);
	pipes.report[1] = fd_close(pipes.report[1]);
	pipes.gate[0] = fd_close(pipes.gate[0]);
	if (r) {
		pipes.report[0] = fd_close(pipes.report[0]);
		pipes.gate[1] = fd_close(pipes.gate[1]);
		return fail(ret_why, -r, "no process could be made");
	}
	ret->pid = pid;
	ret->report = pipes.report[0];
	ret->gate = pipes.gate[1];
	return 0;
}

void
spawn_let_go(struct spawned *spawned)
{
	(void)!write(spawned->gate, "", 1); /* fits a pipe; who has been killed reads nothing */
	spawned->gate = fd_close(spawned->gate);
}

bool
spawn_report(int report, struct spawn_text *ret_why)
{
	struct report told;

	if (report < 0 || read(report, &told, sizeof(told)) != (ssize_t)sizeof(told))
		return false;
	told.step[sizeof(told.step) - 1] = '\0';
	(void)fail(ret_why, told.error, told.step);
	return true;
}
