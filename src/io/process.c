/* SPDX-License-Identifier: MIT */

/* process: which process a number means; contracts in process.h */

#include "io/process.h"

#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446
#endif

/* In ticks since boot: two of one number in one tick there are not. */
static uint64_t
read_started(uint32_t pid)
{
	char path[64], line[1024];
	_cleanup_(cancel_backp) int cancel = cancel_off();
	unsigned long long started = 0;
	const char *rest;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid); /* fits */
	file = pid ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	rest = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL; /* its name may have blanks */
	if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
				  "%*d %*d %*d %llu", &started) != 1)
		started = 0;
	(void)fclose(file); /* was read only */
	return started;
}

bool
process_lives(int pidfd)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();

	return pidfd >= 0 && poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) == 0;
}

uint64_t
process_id(uint32_t pid, int pidfd)
{
	struct statfs fs;
	struct stat st;
	uint64_t started;

	if (pidfd < 0)
		return 0;
	if (fstatfs(pidfd, &fs) == 0 && fs.f_type == PID_FS_MAGIC)
		return fstat(pidfd, &st) == 0 ? st.st_ino : 0;
	started = read_started(pid);
	return process_lives(pidfd) ? started : 0; /* so the number was its own all the time */
}

int
process_open(uint32_t pid, uint64_t id, int *ret_pidfd)
{
	_cleanup_(fd_closep) int pidfd = -1;

	if (pid == 0 || id == 0)
		return -ENODATA;
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0); /* always CLOEXEC */
	if (pidfd < 0)
		return -errno;
	if (process_id(pid, pidfd) != id || !process_lives(pidfd))
		return -ESRCH;
	*ret_pidfd = fd_steal(&pidfd);
	return 0;
}
