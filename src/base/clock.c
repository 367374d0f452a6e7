/* SPDX-License-Identifier: MIT */

/* clock: the offset of a time namespace, read once a process */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"

/*
 * What was read, and by whom: a child may have been put into another namespace.
 * K1  store-release reader -> load-acquire reader: its offset is visible
 */
static _Atomic int64_t offset;
static _Atomic pid_t reader;

static int64_t
read_offset(void)
{
	_cleanup_(fd_closep) int fd = -1;
	_cleanup_(cancel_backp) int cancel = cancel_off();
	char text[256];
	ssize_t n;
	char *line;
	long long sec, nsec;

	fd = open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* no time namespaces on this kernel, or no /proc */
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	line = strstr(text, "monotonic");
	if (!line || sscanf(line, "monotonic %lld %lld", &sec, &nsec) != 2)
		return 0;
	return (int64_t)sec * (int64_t)NSEC_PER_SEC + nsec;
}

int64_t
clock_offset_ns(void)
{
	pid_t pid = getpid();
	int64_t value;

	if (load_acq(&reader) == pid) /* K1 */
		return load_rlx(&offset); /* two threads store the same */
	value = read_offset();
	store_rlx(&offset, value);
	store_rel(&reader, pid); /* K1 */
	return value;
}
