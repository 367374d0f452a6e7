/* SPDX-License-Identifier: MIT */

/* processors: quotas of both versions of control groups, in a tree of our own; affinity for real */

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/clock.h"
#include "base/processors.h"

static char tree[] = "/tmp/tern-processors-XXXXXX";

/* put() - a file in the tree and the folders it needs; text NULL takes it away */
static void
put(const char *name, const char *text)
{
	_cleanup_(fd_closep) int fd = -1;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", tree, name); /* fits */
	for (char *p = path + strlen(tree) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		(void)mkdir(path, 0700); /* it may be there */
	}
	if (!text) {
		ck_assert_int_eq(unlink(path), 0);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void
make_tree(void)
{
	ck_assert_ptr_nonnull(mkdtemp(tree));
}

static void
remove_tree(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf %s", tree); /* fits */
	ck_assert_int_eq(system(command), 0);
}

static unsigned int
quota(const char *cgroups)
{
	return processors_by_quota(cgroups, tree);
}

START_TEST(version_2)
{
	put("a/b/cpu.max", "max 100000\n");
	ck_assert_uint_eq(quota("0::/a/b\n"), UINT_MAX);
	put("a/b/cpu.max", "350000 100000\n");
	ck_assert_uint_eq(quota("0::/a/b\n"), 3);
	put("a/cpu.max", "150000 100000\n"); /* the narrower one is above */
	ck_assert_uint_eq(quota("0::/a/b\n"), 1);
	ck_assert_uint_eq(quota("0::/a/b"), 1);
	put("a/cpu.max", "50000 100000\n"); /* half of one: still one */
	ck_assert_uint_eq(quota("0::/a/b\n"), 1);
	put("a/cpu.max", NULL);
	ck_assert_uint_eq(quota("0::/a/b/c/d\n"), 3); /* as from within a container */
	ck_assert_uint_eq(quota("0::/\n"), UINT_MAX);
	put("cpu.max", "200000 100000\n");
	ck_assert_uint_eq(quota("0::/\n"), 2);
	put("cpu.max", NULL);
}
END_TEST

START_TEST(version_1)
{
	const char *groups = "9:name=systemd:/x\n4:cpuset:/a\n3:cpuacct,cpu:/a/b\n0::/\n";

	ck_assert_uint_eq(quota(groups), UINT_MAX);
	put("cpu/a/b/cpu.cfs_quota_us", "-1\n");
	put("cpu/a/b/cpu.cfs_period_us", "100000\n");
	ck_assert_uint_eq(quota(groups), UINT_MAX);
	put("cpu/a/cpu.cfs_quota_us", "250000\n");
	put("cpu/a/cpu.cfs_period_us", "100000\n");
	ck_assert_uint_eq(quota(groups), 2);
	ck_assert_uint_eq(quota("4:cpuset:/a/b\n"), UINT_MAX); /* not that of the processors' time */
	ck_assert_uint_eq(quota("4:cpu:/a/b\n"), 2);
}
END_TEST

START_TEST(strange)
{
	static const char *const lines[] = {"", "\n", "0", "0:", "0::", "0::\n", "0::x", "::", ":::", "a\nb\n", "0::/../..\n",
		"1:cpu", "1:cpu:", "1:,,:/\n", "1:cpu,:/\n"};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		ck_assert_uint_eq(quota(lines[i]), UINT_MAX);
	put("s/cpu.max", "0 0\n");
	ck_assert_uint_eq(quota("0::/s\n"), UINT_MAX);
	put("s/cpu.max", "100000");
	ck_assert_uint_eq(quota("0::/s\n"), UINT_MAX);
	put("s/cpu.max", "99999999999999999999 1\n");
	ck_assert_uint_eq(quota("0::/s\n"), UINT_MAX);
}
END_TEST

START_TEST(affinity)
{
	cpu_set_t before, one;
	uint64_t now = clock_now_ns();

	ck_assert_uint_ge(processors_usable(now), 1);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ck_assert_uint_eq(processors_usable(now), 1); /* at once: only the quota is remembered */
	ck_assert_int_eq(sched_setaffinity(0, sizeof(before), &before), 0);
	ck_assert_uint_le(processors_usable(now), (unsigned int)CPU_COUNT(&before));
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("processors");
	Suite *suite = suite_create("processors");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_unchecked_fixture(tcase, make_tree, remove_tree);
	tcase_add_test(tcase, version_2);
	tcase_add_test(tcase, version_1);
	tcase_add_test(tcase, strange);
	tcase_add_test(tcase, affinity);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
