/* SPDX-License-Identifier: MIT */
#pragma once

/* standard: input, output and error, which a program may have been started without */

#include <fcntl.h>
#include <unistd.h>

#include "base/attribute.h"

/**
 * standard_hold() - see to it that all three are open: else what is opened next would be taken for one of them
 *
 * What was closed cannot be read or written, and says so. First thing in main().
 *
 * Return: 0, -EBADF.  Threads: before there are any.  Blocks: never.
 */
static inline int
standard_hold(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -EBADF;
	return 0;
}
