/* SPDX-License-Identifier: MIT */

/* address: what is one, and which one it is if none is said */

#include <check.h>
#include <stdlib.h>

#include "base/attribute.h"
#include "io/address.h"

static void
expect_default(const char *address)
{
	char text[ADDRESS_SIZE];

	ck_assert_int_eq(address_default(text), 0);
	ck_assert_str_eq(text, address);
}

START_TEST(order)
{
	ck_assert_int_eq(setenv("TERN_BUS", "unix:/a", 1), 0);
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", "/b", 1), 0);
	expect_default("unix:/a");
	ck_assert_int_eq(unsetenv("TERN_BUS"), 0);
	expect_default("unix:/b/tern/bus");
	ck_assert_int_eq(unsetenv("XDG_RUNTIME_DIR"), 0);
	expect_default("unix:/run/tern/bus");
}
END_TEST

START_TEST(wrong)
{
	char text[ADDRESS_SIZE], runtime[200];
	const char *path;

	ck_assert_int_eq(address_path("unix:/x", &path), 0);
	ck_assert_str_eq(path, "/x");
	ck_assert_int_eq(address_path("", &path), ADDRESS_E_SCHEME);
	ck_assert_int_eq(address_path("/x", &path), ADDRESS_E_SCHEME);
	ck_assert_int_eq(address_path("tcp:/x", &path), ADDRESS_E_SCHEME);
	ck_assert_int_eq(address_path("unix:", &path), ADDRESS_E_PATH);
	ck_assert_int_eq(address_path("unix:x", &path), ADDRESS_E_PATH);
	memset(runtime, 'x', sizeof(runtime));
	memcpy(runtime, "unix:/", 6);
	runtime[112] = '\0'; /* a path of 107 bytes */
	ck_assert_int_eq(address_path(runtime, &path), 0);
	runtime[112] = 'x';
	runtime[113] = '\0';
	ck_assert_int_eq(address_path(runtime, &path), ADDRESS_E_LONG);
	runtime[113] = 'x';
	runtime[199] = '\0';
	ck_assert_int_eq(setenv("TERN_BUS", runtime, 1), 0);
	ck_assert_int_eq(address_default(text), ADDRESS_E_LONG);
	ck_assert_int_eq(setenv("TERN_BUS", "", 1), 0);
	ck_assert_int_eq(address_default(text), ADDRESS_E_SCHEME);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("address");
	Suite *suite = suite_create("address");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, order);
	tcase_add_test(tcase, wrong);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
