/* SPDX-License-Identifier: MIT */

/* name: what is a name, what is not, and where it goes wrong */

#include <check.h>

#include "base/attribute.h"
#include "wire/name.h"

static int
check_name(const char *name)
{
	return name_check(name, strlen(name), NULL);
}

START_TEST(good_names)
{
	static const char *const good[] = {
		"mixer",
		"org.example.Mixer",
		"a.b",
		"A-1_z",
		"0",
		"9.8",
		"terns",
		"ternary.x",
		"-",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(check_name(good[i]) == 0, "%s", good[i]);
}
END_TEST

START_TEST(bad_names)
{
	char longest[NAME_MAX_SIZE + 1];
	size_t at;

	memset(longest, 'a', sizeof(longest));
	ck_assert_int_eq(name_check(longest, NAME_MAX_SIZE, NULL), 0);
	ck_assert_int_eq(name_check(longest, NAME_MAX_SIZE + 1, NULL), NAME_E_LONG);
	ck_assert_int_eq(check_name(""), NAME_E_EMPTY);
	ck_assert_int_eq(check_name(":1"), NAME_E_CHARACTER);
	ck_assert_int_eq(check_name("a b"), NAME_E_CHARACTER);
	ck_assert_int_eq(check_name("a/b"), NAME_E_CHARACTER);
	ck_assert_int_eq(name_check("a\0b", 3, &at), NAME_E_CHARACTER);
	ck_assert_uint_eq(at, 1);
	ck_assert_int_eq(check_name(".a"), NAME_E_ELEMENT);
	ck_assert_int_eq(check_name("a."), NAME_E_ELEMENT);
	ck_assert_int_eq(check_name("a..b"), NAME_E_ELEMENT);
	ck_assert_int_eq(check_name("."), NAME_E_ELEMENT);
	ck_assert_int_eq(check_name("tern"), NAME_E_RESERVED);
	ck_assert_int_eq(check_name("tern.x"), NAME_E_RESERVED);
	ck_assert_int_eq(name_check("org.ex\xc3\xa4mple", 12, &at), NAME_E_CHARACTER);
	ck_assert_uint_eq(at, 6);
}
END_TEST

START_TEST(tags)
{
	ck_assert_int_eq(tag_check("volume changed", 14, NULL), 0);
	ck_assert_int_eq(tag_check("", 0, NULL), NAME_E_EMPTY);
	ck_assert_int_eq(tag_check("a\0", 2, NULL), NAME_E_CHARACTER);
}
END_TEST

START_TEST(tags_that_are_too_long)
{
	char longest[NAME_MAX_SIZE + 1];
	size_t at = 7;

	memset(longest, ' ', sizeof(longest));
	ck_assert_int_eq(tag_check(longest, NAME_MAX_SIZE, &at), 0);
	ck_assert_uint_eq(at, 0);
	ck_assert_int_eq(tag_check(longest, NAME_MAX_SIZE + 1, &at), NAME_E_LONG);
	longest[9] = '\0';
	ck_assert_int_eq(tag_check(longest, NAME_MAX_SIZE, &at), NAME_E_CHARACTER);
	ck_assert_uint_eq(at, 9);
}
END_TEST

START_TEST(every_answer_has_a_text)
{
	const char *last = name_strerror(0);

	for (int e = NAME_E_EMPTY; e <= NAME_E_RESERVED; e++) {
		ck_assert_str_ne(name_strerror(e), last);
		last = name_strerror(e);
		ck_assert_str_ne(last, name_strerror(0));
	}
}
END_TEST

START_TEST(ids)
{
	uint64_t id = 7;

	ck_assert(name_get_id(":18446744073709551615", 21, &id));
	ck_assert_uint_eq(id, UINT64_MAX);
	ck_assert(!name_get_id(":18446744073709551616", 21, &id));
	ck_assert(!name_get_id(":", 1, &id));
	ck_assert(!name_get_id(":01", 3, &id));
	ck_assert(!name_get_id(":1x", 3, &id));
	ck_assert(!name_get_id(":1 ", 3, &id));
	ck_assert(!name_get_id(":99999999999999999999", 21, &id));
	ck_assert(!name_get_id(":999999999999999999999", 22, &id));
	ck_assert(name_is_id(":1", 2));
	ck_assert(!name_is_id("", 0));
	ck_assert(!name_is_id("a", 1));
	ck_assert(!name_get_id("1", 1, &id));
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("name");
	Suite *suite = suite_create("name");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, good_names);
	tcase_add_test(tcase, bad_names);
	tcase_add_test(tcase, tags);
	tcase_add_test(tcase, tags_that_are_too_long);
	tcase_add_test(tcase, every_answer_has_a_text);
	tcase_add_test(tcase, ids);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
