/* SPDX-License-Identifier: MIT */

/* processors: affinity and quota, remembered for a second */

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "base/processors.h"

#define ASK_EVERY NSEC_PER_SEC
#define PATH_SIZE 1024 /* a longer one is passed over */

/* read_text() - Return: false when it is not there, empty, or longer than size - 1 */
static bool
read_text(const char *path, char *text, size_t size)
{
	_cleanup_(fd_closep) int fd = -1;
	_cleanup_(cancel_backp) int cancel = cancel_off();
	ssize_t n;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size);
	if (n <= 0 || (size_t)n == size)
		return false;
	text[n] = '\0';
	return true;
}

/* whole() - quota and period in microseconds; "max" and -1 are without one */
static unsigned int
whole(const char *quota, const char *period)
{
	long long q = strtoll(quota, NULL, 10), p = strtoll(period, NULL, 10);

	if (q <= 0 || p <= 0 || q / p >= UINT_MAX)
		return UINT_MAX;
	return q < p ? 1 : (unsigned int)(q / p);
}

/* version2() - folder/cpu.max: "QUOTA PERIOD" */
static unsigned int
version2(const char *folder)
{
	char path[PATH_SIZE], text[64];
	const char *period;

	if (snprintf(path, sizeof(path), "%s/cpu.max", folder) >= (int)sizeof(path) ||
		!read_text(path, text, sizeof(text)))
		return UINT_MAX;
	period = strchr(text, ' ');
	return period ? whole(text, period) : UINT_MAX;
}

/* version1() - the two figures in a file each */
static unsigned int
version1(const char *folder)
{
	char path[PATH_SIZE], quota[32], period[32];

	if (snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder) >= (int)sizeof(path) ||
		!read_text(path, quota, sizeof(quota)))
		return UINT_MAX;
	if (snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder) >= (int)sizeof(path) ||
		!read_text(path, period, sizeof(period)))
		return UINT_MAX;
	return whole(quota, period);
}

/* narrowest() - of root/path, a path of length bytes, and all above it down to root itself */
static unsigned int
narrowest(const char *root, const char *path, size_t length, unsigned int (*ask)(const char *folder))
{
	unsigned int least = UINT_MAX, here;
	char folder[PATH_SIZE];

	for (;;) {
		int n = snprintf(folder, sizeof(folder), "%s%.*s", root, (int)length, path);

		if (n >= 0 && n < (int)sizeof(folder)) {
			here = ask(folder);
			least = MIN(least, here);
		}
		if (length == 0)
			return least;
		do
			length--;
		while (length > 0 && path[length] != '/');
	}
}

/* lists_cpu() - is "cpu" among these, which commas separate? */
static bool
lists_cpu(const char *controllers, size_t length)
{
	const char *end = controllers + length;

	for (const char *p = controllers; p < end; p++) {
		size_t n = strcspn(p, ",:");

		if (n == 3 && memcmp(p, "cpu", 3) == 0)
			return true;
		p += n;
	}
	return false;
}

/* by_line() - what one line "N:CONTROLLERS:PATH" leaves; other lines leave all */
static unsigned int
by_line(const char *line, const char *tree)
{
	const char *controllers, *path;
	char root[PATH_SIZE];

	controllers = line + strcspn(line, ":\n");
	if (*controllers++ != ':')
		return UINT_MAX;
	path = controllers + strcspn(controllers, ":\n");
	if (*path != ':' || path[1] != '/')
		return UINT_MAX;
	if (path == controllers)
		return narrowest(tree, path + 1, strcspn(path + 1, "\n"), version2);
	if (!lists_cpu(controllers, (size_t)(path - controllers)) ||
		snprintf(root, sizeof(root), "%s/cpu", tree) >= (int)sizeof(root))
		return UINT_MAX;
	return narrowest(root, path + 1, strcspn(path + 1, "\n"), version1);
}

unsigned int
processors_by_quota(const char *cgroups, const char *tree)
{
	unsigned int least = UINT_MAX, here;

	for (const char *line = cgroups; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		here = by_line(line, tree);
		least = MIN(least, here);
	}
	return least;
}

static unsigned int
by_affinity(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return UINT_MAX; /* more than a cpu_set_t can name */
	return (unsigned int)CPU_COUNT(&set);
}

static unsigned int
by_quota(void)
{
	char text[4096];

	if (!read_text("/proc/self/cgroup", text, sizeof(text)))
		return UINT_MAX;
	return processors_by_quota(text, "/sys/fs/cgroup");
}

/* What the quota left, and until when that holds; hints, so that two threads may ask at once. */
static _Atomic unsigned int left = UINT_MAX;
static _Atomic uint64_t until;

unsigned int
processors_usable(uint64_t now)
{
	unsigned int affine = by_affinity(), allowed;

	if (affine == 1)
		return 1;
	if (now >= load_rlx(&until)) {
		store_rlx(&left, by_quota());
		store_rlx(&until, now + ASK_EVERY);
	}
	allowed = load_rlx(&left);
	return MIN(affine, allowed);
}
