/* SPDX-License-Identifier: MIT */

#include "whole.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

int
attach_number(tern_message *m, uint64_t number)
{
	int fd = memfd_create("number", MFD_CLOEXEC), r;

	must(fd >= 0);
	must_be(write(fd, &number, sizeof(number)), sizeof(number));
	r = tern_message_attach(m, fd);
	(void)close(fd);
	return r;
}

bool
is_whole(tern_message *m, uint64_t size, bool has_fd, uint64_t number, const void **ret_bytes)
{
	const void *bytes = NULL;
	size_t part = 0;
	uint64_t sent;

	if (tern_message_n_parts(m) != (size ? 2 : 1))
		return false;
	if (size && (tern_message_part(m, 1, &bytes, &part) < 0 || part != size))
		return false;
	if (has_fd && (pread(tern_message_fd(m, 0), &sent, sizeof(sent), 0) != sizeof(sent) || sent != number))
		return false;
	if (tern_message_fd(m, has_fd) != -ENOENT)
		return false;
	*ret_bytes = bytes;
	return true;
}
