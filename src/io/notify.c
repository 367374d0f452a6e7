/* SPDX-License-Identifier: MIT */

/* notify: environment variables in, datagrams out */

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "io/notify.h"
#include "io/socket.h"

enum {
	FIRST_PASSED = 3, /* SD_LISTEN_FDS_START */
	MOST_PASSED = 1024,
};

static_assert(sizeof(((struct notify *)0)->address) == sizeof(((struct sockaddr_un *)0)->sun_path),
	"as the kernel has it");

/* --- what is passed --- */

/* A number that is there and is one; @ret stays as it is where there is none. */
static int
get_number(const char *variable, uint64_t max, uint64_t *ret)
{
	const char *text = getenv(variable);
	char *end;
	unsigned long long value;

	if (!text)
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno || *end || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* Is what the variables say meant for this process, and not for one that it was inherited from? */
static int
is_meant(const char *variable, bool *ret)
{
	uint64_t pid = (uint64_t)getpid();
	int r = get_number(variable, INT32_MAX, &pid);

	*ret = pid == (uint64_t)getpid();
	return r;
}

static int
get_watchdog(struct notify *notify)
{
	uint64_t us = 0;
	bool is_ours;
	int r = is_meant("WATCHDOG_PID", &is_ours);

	if (!r)
		r = get_number("WATCHDOG_USEC", UINT64_MAX / NSEC_PER_USEC, &us);
	if (!r && is_ours)
		notify->watchdog_ns = us * NSEC_PER_USEC;
	return r;
}

static int
get_passed(struct notify *notify)
{
	const char *name = getenv("LISTEN_FDNAMES");
	uint64_t n = 0;
	bool is_ours;
	int r = is_meant("LISTEN_PID", &is_ours);

	if (!r)
		r = get_number("LISTEN_FDS", MOST_PASSED, &n);
	if (r || n == 0 || !is_ours || !getenv("LISTEN_PID"))
		return r;
	for (int fd = FIRST_PASSED; n > 1 && fd < FIRST_PASSED + (int)n; fd++)
		(void)fd_close(fd);
	if (n > 1)
		return -E2BIG;
	if (fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC) < 0)
		return -EINVAL;
	notify->fd = FIRST_PASSED;
	(void)snprintf(notify->name, sizeof(notify->name), "%s", name ? name : ""); /* cut if it must be */
	return 0;
}

static void
forget(void)
{
	static const char *const variables[] = {
		"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		(void)unsetenv(variables[i]); /* fails on names with a '=' alone */
}

int
notify_open(struct notify *ret)
{
	struct notify notify = NOTIFY_INIT;
	const char *address = getenv("NOTIFY_SOCKET");
	int r = 0;

	if (address && (address[0] == '/' || address[0] == '@')) /* else of another kind, as of a virtual machine */
		r = snprintf(notify.address, sizeof(notify.address), "%s", address) < (int)sizeof(notify.address)
			? 0
			: -EINVAL;
	if (!r)
		r = get_watchdog(&notify);
	if (!r)
		r = get_passed(&notify);
	forget();
	if (r)
		return error_trace(r);
	*ret = notify;
	return 0;
}

/* --- what is told --- */

/* A socket for each: managers may begin anew while we run. */
static int
connect_to(const char *path, int *ret)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(path);

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, size);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) < 0)
		return -errno;
	*ret = fd_steal(&fd);
	return 0;
}

int
notify_tell(const struct notify *notify, int fd, const char *format, ...)
{
	_cleanup_(fd_closep) int to = -1;
	char text[512];
	struct iovec iov = {.iov_base = text};
	va_list ap;
	int r;

	if (!notify->address[0])
		return 0;
	va_start(ap, format);
	r = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (r < 0 || r >= (int)sizeof(text))
		return -EMSGSIZE;
	iov.iov_len = (size_t)r;
	r = connect_to(notify->address, &to);
	if (r)
		return error_trace(r);
	r = socket_send(to, &iov, 1, &fd, fd >= 0);
	return r > 0 ? -EAGAIN : r;
}
