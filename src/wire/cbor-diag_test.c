/* SPDX-License-Identifier: MIT */

/*
 * cbor-diag: the text of RFC 8949, and where it has to stop
 */

#include <locale.h>
#include <stdio.h>

#include "base/attribute.h"
#include "wire/cbor-test-bytes.h"
#include "wire/cbor-vectors.h"
#include "wire/cbor.h"

static void
assert_prints(const char *hex, const char *expected)
{
	size_t size, length = 0;
	_cleanup_(freep) uint8_t *bytes = bytes_of(hex, &size);
	char text[1024];

	ck_assert_int_eq(tern_cbor_diag(bytes, size, text, sizeof(text), &length), 0);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(length, strlen(expected));
}

START_TEST(each_vector_prints_as_in_the_rfc)
{
	assert_prints(cbor_vectors[_i].hex, cbor_vectors[_i].diag);
}
END_TEST

START_TEST(what_the_rfc_has_no_example_for)
{
	assert_prints("", "");
	assert_prints("0102", "1, 2");
	assert_prints("5fff", "''_");
	assert_prints("7fff", "\"\"_");
	assert_prints("7f60ff", "(_ \"\")");
	assert_prints("bfff", "{_ }");
	assert_prints("c1c2c300", "1(2(3(0)))");
	assert_prints("82c181c10002", "[1([1(0)]), 2]");
	assert_prints("a1c10102", "{1(1): 2}");
	assert_prints("81c17fff", "[1(\"\"_)]");
	assert_prints("c240", "0");
	assert_prints("c340", "-1");
	assert_prints("c341ff", "-256");
	assert_prints("c25f4101ff", "2((_ h'01'))");
	assert_prints("6a090a0d1b7f22615c620b", "\"\\t\\n\\r\\u001b\\u007f\\\"a\\\\b\\u000b\"");
	assert_prints("fb0000000000000001", "5.0e-324");
	assert_prints("fb7fefffffffffffff", "1.7976931348623157e+308");
	assert_prints("fb444b1ae4d6e2ef50", "1.0e+21");
	assert_prints("fb441ac53a7e04bcda", "123456789012345680000.0");
	assert_prints("fb3eb0c6f7a0b5ed8d", "0.000001");
	assert_prints("fb3e7ad7f29abcaf48", "1.0e-7");
	assert_prints("fbbfb999999999999a", "-0.1");
	assert_prints("fb3fd5555555555555", "0.3333333333333333");
	assert_prints("fb405ec00000000000", "123.0");
	assert_prints("fb405edccccccccccd", "123.45");
	assert_prints("e0", "simple(0)");
	assert_prints("f820", "simple(32)");
}
END_TEST

START_TEST(big_numbers_up_to_64_bytes)
{
	char hex[2 * 70 + 1], expected[256];
	size_t size, length;
	char text[256];

	memset(hex, 'f', sizeof(hex));
	memcpy(hex, "c25840", 6);
	hex[6 + 128] = '\0';
	assert_prints(hex, "13407807929942597099574024998205846127479365820592393377723561443721764"
			   "03007354697680187"
			   "4298166903427690031858186486050853753882811946569946433649006084095");
	memcpy(hex, "c25841", 6);
	memset(hex + 6, 'f', 130);
	hex[6 + 130] = '\0';
	_cleanup_(freep) uint8_t *bytes = bytes_of(hex, &size);
	ck_assert_int_eq(tern_cbor_diag(bytes, size, text, sizeof(text), &length), 0);
	(void)snprintf(expected, sizeof(expected), "2(h'%s')", hex + 6);
	ck_assert_str_eq(text, expected);
}
END_TEST

START_TEST(text_is_cut_where_there_is_no_room)
{
	static const uint8_t bytes[] = {0x83, 1, 2, 3}; /* [1, 2, 3] */
	char text[16];
	size_t length = 0;

	ck_assert_int_eq(tern_cbor_diag(bytes, sizeof(bytes), NULL, 0, &length), -ENOBUFS);
	ck_assert_uint_eq(length, 9);
	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(tern_cbor_diag(bytes, sizeof(bytes), text, 9, &length), -ENOBUFS);
	ck_assert_str_eq(text, "[1, 2, 3");
	ck_assert_int_eq(text[9], 'x');
	ck_assert_int_eq(tern_cbor_diag(bytes, sizeof(bytes), text, 10, &length), 0);
	ck_assert_str_eq(text, "[1, 2, 3]");
	ck_assert_int_eq(tern_cbor_diag(bytes, sizeof(bytes), text, 1, &length), -ENOBUFS);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_fault_leaves_what_came_before)
{
	char text[16];
	size_t length = 77;

	ck_assert_int_eq(
		tern_cbor_diag("\x83\x01\x02\x1c", 4, text, sizeof(text), &length), -EBADMSG);
	ck_assert_str_eq(text, "[1, 2");
	ck_assert_uint_eq(length, 77);
}
END_TEST

START_TEST(the_locale_does_not_matter)
{
	/* Any locale with a comma will do; without one the test says nothing. */
	if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
		return;
	assert_prints("fb3ff199999999999a", "1.1");
	assert_prints("fb7e37e43c8800759c", "1.0e+300");
}
END_TEST

static Suite *
cbor_diag_suite(void)
{
	Suite *suite = suite_create("cbor-diag");
	TCase *tc = tcase_create("diag");

	tcase_add_loop_test(tc, each_vector_prints_as_in_the_rfc, 0, ARRAY_SIZE(cbor_vectors));
	tcase_add_test(tc, what_the_rfc_has_no_example_for);
	tcase_add_test(tc, big_numbers_up_to_64_bytes);
	tcase_add_test(tc, text_is_cut_where_there_is_no_room);
	tcase_add_test(tc, a_fault_leaves_what_came_before);
	tcase_add_test(tc, the_locale_does_not_matter);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(cbor_diag_suite());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
