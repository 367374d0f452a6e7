/* SPDX-License-Identifier: MIT */

/* amount: bytes, times, users and command lines as people read them */

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "cli/amount.h"

enum {
	MAX_CLASSES = 64,
};

const char *
amount_bytes(uint64_t bytes, char ret[AMOUNT_SIZE])
{
	static const char units[][4] = {"KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		(void)snprintf(ret, AMOUNT_SIZE, "%llu B", (unsigned long long)bytes); /* fits, as all here */
		return ret;
	}
	for (; size >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		size /= 1024;
	(void)snprintf(ret, AMOUNT_SIZE, size < 10 ? "%.1f %s" : "%.0f %s", size, units[i]);
	return ret;
}

static void
long_time(uint64_t s, char *ret)
{
	if (s < 3600)
		(void)snprintf(ret, AMOUNT_SIZE, "%u min %u s", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		(void)snprintf(ret, AMOUNT_SIZE, "%u h %u min", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
	else
		(void)snprintf(ret, AMOUNT_SIZE, "%u d %u h", (unsigned)(s / 86400), (unsigned)(s / 3600 % 24));
}

const char *
amount_time(uint64_t ns, char ret[AMOUNT_SIZE])
{
	static const char units[][3] = {"ns", "us", "ms", "s"};
	double time = (double)ns;
	size_t i = 0;

	if (ns >= 60 * NSEC_PER_SEC) {
		long_time(ns / NSEC_PER_SEC, ret);
		return ret;
	}
	for (; time >= 1000 && i + 1 < ARRAY_SIZE(units); i++)
		time /= 1000;
	(void)snprintf(ret, AMOUNT_SIZE, i > 0 && time < 10 ? "%.1f %s" : "%.0f %s", time, units[i]);
	return ret;
}

const char *
amount_rate(double rate, char ret[AMOUNT_SIZE])
{
	if (rate >= 1e6)
		(void)snprintf(ret, AMOUNT_SIZE, "%.1f M", rate / 1e6);
	else if (rate >= 10000)
		(void)snprintf(ret, AMOUNT_SIZE, "%.0f k", rate / 1e3);
	else
		(void)snprintf(ret, AMOUNT_SIZE, rate < 10 && rate > 0 ? "%.1f" : "%.0f", rate);
	return ret;
}

const char *
amount_user(uint32_t uid, char *ret, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		(void)snprintf(ret, size, "%s", user->pw_name); /* may be cut */
	else
		(void)snprintf(ret, size, "%u", uid);
	return ret;
}

const char *
amount_command(uint32_t pid, char *ret, size_t size)
{
	_cleanup_(fd_closep) int fd = -1;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, ret, size - 1);
	n = MAX(n, 0);
	while (n > 0 && !ret[n - 1])
		n--;
	ret[n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (!ret[i])
			ret[i] = ' ';
	return ret;
}

uint64_t
amount_share(struct json_object *histogram, struct json_object *before, double share)
{
	size_t n = histogram ? MIN(json_object_array_length(histogram), (size_t)MAX_CLASSES) : 0;
	size_t n_before = before ? json_object_array_length(before) : 0;
	double sum = 0, counts[MAX_CLASSES];

	for (size_t i = 0; i < n; i++) {
		counts[i] = json_object_get_double(json_object_array_get_idx(histogram, i));
		if (i < n_before)
			counts[i] -= json_object_get_double(json_object_array_get_idx(before, i));
		sum += counts[i];
	}
	if (sum < 1)
		return 0;
	share *= sum;
	for (size_t i = 0; i < n; i++) {
		if (share <= counts[i] && counts[i] > 0)
			return (uint64_t)((double)(UINT64_C(1) << i) * (1 + share / counts[i]));
		share -= counts[i];
	}
	return UINT64_C(1) << n;
}
