/* SPDX-License-Identifier: MIT */

/*
 * old-kernel: run a program as if Linux were 5.15
 *
 *     old-kernel PROGRAM [ARGUMENT…]
 *
 * What came later, and io_uring, which many containers forbid, answers as a kernel
 * answers that does not know it. So the ways around are tested on a new kernel, too.
 *
 * The answers come from the process that began it, which is told of each such call
 * (seccomp_unotify(2)), and counts: TERN_TEST_OLD_KERNEL names a file to which a line
 * for each of them is added in the end, with what tern has a way around for. The
 * program sees TERN_TEST_SUPERVISED in its environment.
 */

#include "base/attribute.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "io/socket.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define ANON_INODE_MAGIC 0x09041934

/* A system call of which argument @argument, or some bits of it, has @value; ALWAYS: whatever. */
struct unknown {
	const char *name; /* of what tern has a way around; NULL: it does not use it */
	uint32_t number;
	uint32_t argument;
	uint32_t mask;
	uint32_t value;
	uint32_t error; /* 0: of a descriptor of a process, whose file system is told to be another one */
};

#define ALWAYS 0, 0, 0

static const struct unknown unknown[] = {
	{"MFD_NOEXEC_SEAL", SYS_memfd_create, 1, 0x08, 0x08, EINVAL},		       /* 6.3 */
	{NULL, SYS_memfd_create, 1, 0x10, 0x10, EINVAL},			       /* MFD_EXEC, 6.3 */
	{"SO_PEERPIDFD", SYS_getsockopt, 2, UINT32_MAX, 77, ENOPROTOOPT},	       /* 6.5 */
	{NULL, SYS_getsockopt, 2, UINT32_MAX, 76, ENOPROTOOPT},			       /* SO_PASSPIDFD, 6.5 */
	{NULL, SYS_setsockopt, 2, UINT32_MAX, 76, ENOPROTOOPT},
	{"SO_PASSRIGHTS", SYS_setsockopt, 2, UINT32_MAX, 83, ENOPROTOOPT},	       /* 6.16 */
	{"PIDFD_SIGNAL_PROCESS_GROUP", SYS_pidfd_send_signal, 3, 0x04, 0x04, EINVAL},  /* 6.9 */
	{"PID_FS_MAGIC", SYS_fstatfs, ALWAYS, 0},				       /* 6.9 */
	{NULL, SYS_futex_waitv, ALWAYS, ENOSYS},				       /* 5.16 */
	{NULL, SYS_mseal, ALWAYS, ENOSYS},					       /* 6.10 */
	{NULL, SYS_io_uring_setup, ALWAYS, ENOSYS},
};

#define PER_CALL 6

static uint64_t taken[ARRAY_SIZE(unknown)];

/* Each entry: is it this call, has the argument this value, then the supervisor is asked; else the next. */
static void
make_filter(struct sock_filter *filter)
{
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++, filter += PER_CALL) {
		const struct unknown *u = &unknown[i];
		/* The low half of an argument, on little-endian machines. */
		uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8 * u->argument;

		filter[0] = (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
		filter[1] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, u->number, 0, 4);
		filter[2] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		filter[3] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, u->mask);
		filter[4] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, u->value, 0, 1);
		filter[5] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	*filter = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

/* Return: where to hear of the calls, or -1. */
static int
filter_set(void)
{
	struct sock_filter filter[ARRAY_SIZE(unknown) * PER_CALL + 1];
	struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};

	make_filter(filter);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* is_old() - the filter is there, and is answered */
static bool
is_old(void)
{
	int fd = (int)syscall(SYS_memfd_create, "tern-old-kernel", 0x08u | 0x01u);

	if (fd < 0)
		return errno == EINVAL;
	(void)close(fd);
	return false;
}

/* --- the supervisor --- */

static bool
is_pidfd(const struct seccomp_notif *call)
{
	char path[64], target[64] = "";

	(void)snprintf(path, sizeof(path), "/proc/%u/fd/%d", call->pid, (int)call->data.args[0]);
	return readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "pidfd") != NULL;
}

/* tell_file_system() - what fstatfs() says of a pidfd there. Return: 0, or the call has to be made after all */
static int
tell_file_system(int listener, const struct seccomp_notif *call)
{
	const struct statfs fs = {.f_type = ANON_INODE_MAGIC, .f_bsize = 4096, .f_namelen = 255};
	_cleanup_(fd_closep) int memory = -1;
	char path[64];

	if (!is_pidfd(call))
		return -ENOENT;
	(void)snprintf(path, sizeof(path), "/proc/%u/mem", call->pid);
	memory = open(path, O_RDWR | O_CLOEXEC);
	if (memory < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) < 0) /* still that process */
		return -ESRCH;
	return pwrite(memory, &fs, sizeof(fs), (off_t)call->data.args[1]) == (ssize_t)sizeof(fs) ? 0 : -EFAULT;
}

static size_t
unknown_find(const struct seccomp_data *data)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(unknown) && (unknown[i].number != (uint32_t)data->nr ||
						      (data->args[unknown[i].argument] & unknown[i].mask) != unknown[i].value))
		i++;
	return i;
}

static void
answer_one(int listener)
{
	struct seccomp_notif call = {0};
	struct seccomp_notif_resp answer = {0};
	size_t i;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return; /* it was ended, or a signal came first */
	i = unknown_find(&call.data);
	answer.id = call.id;
	answer.error = -(int)unknown[i].error;
	if (unknown[i].error == 0 && tell_file_system(listener, &call) < 0)
		answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		taken[i]++;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer); /* as above */
}

static void
write_counts(void)
{
	const char *path = getenv("TERN_TEST_OLD_KERNEL");
	char text[1024];
	int n = 0, fd;

	if (!path)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		if (unknown[i].name)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %llu\n", unknown[i].name,
				(unsigned long long)taken[i]);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)n) != n) /* at once: others write there, too */
		perror(path);
	(void)fd_close(fd); /* always -1 */
}

/* Until the program has ended; what it left behind does not count. */
static int
supervise(pid_t pid, int listener)
{
	struct pollfd pollfds[] = {{.fd = listener, .events = POLLIN}, {.events = POLLIN}};
	int status;

	pollfds[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pollfds[1].fd < 0)
		return 1;
	while (poll(pollfds, ARRAY_SIZE(pollfds), -1) < 0 || !pollfds[1].revents)
		if (pollfds[0].revents & POLLIN)
			answer_one(listener);
	write_counts();
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	if (WIFSIGNALED(status)) {
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}

/* --- the program --- */

static int
run(char **argv)
{
	if (!is_old()) {
		(void)fprintf(stderr, "old-kernel: the filter does not work\n");
		return 1;
	}
	(void)execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 1;
}

/* The filter first, and where its calls are heard goes to the parent. */
static int
become_supervised(int to_parent, char **argv)
{
	_cleanup_(fd_closep) int listener = filter_set();
	struct iovec iov = {.iov_base = (char[]){'l'}, .iov_len = 1};

	if (listener < 0) {
		perror("old-kernel: seccomp");
		return 77;
	}
	if (socket_send(to_parent, &iov, 1, &listener, 1) != 0)
		return 1;
	return run(argv);
}

int
main(int argc, char **argv)
{
	int pair[2], listener = -1, status;
	size_t size, n_fds;
	char byte;
	pid_t pid;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: old-kernel PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	if (is_old()) /* run by one of its kind: there cannot be two */
		return run(argv);
	if (setenv("TERN_TEST_SUPERVISED", "1", 1) < 0)
		return 1;
	if (socket_pair(pair) != 0)
		return 1;
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0)
		return become_supervised(pair[1], argv);
	pair[1] = fd_close(pair[1]);
	(void)poll(&(struct pollfd){.fd = pair[0], .events = POLLIN}, 1, -1);
	if (socket_recv(pair[0], &byte, 1, &size, &listener, 1, &n_fds) != 0 || n_fds != 1)
		return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return supervise(pid, listener);
}
