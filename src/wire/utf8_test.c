/* SPDX-License-Identifier: MIT */

/*
 * utf8: against the definition, over all code points and all short byte strings
 */

#include <check.h>

#include "base/attribute.h"
#include "wire/utf8.h"

static size_t
encode(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

START_TEST(every_code_point_is_itself)
{
	for (uint32_t c = 0; c < 0x110000; c++) {
		uint8_t bytes[4];
		size_t size = encode(c, bytes), n = 0;
		bool is_surrogate = c >= 0xd800 && c < 0xe000;

		if (utf8_is_valid(bytes, size) == is_surrogate)
			ck_abort_msg("U+%04X", c);
		if (is_surrogate)
			continue;
		if (utf8_next((const char *)bytes, &n) != c || n != size)
			ck_abort_msg("U+%04X comes back wrong", c);
		for (size_t cut = 1; cut < size; cut++)
			if (utf8_is_valid(bytes, cut))
				ck_abort_msg("U+%04X cut short", c);
	}
}
END_TEST

/* Valid pairs of bytes are two ASCII characters or the encoding of U+0080 … U+07FF, no others. */
START_TEST(every_pair_of_bytes)
{
	size_t n_valid = 0;

	for (unsigned i = 0; i < 0x10000; i++) {
		uint8_t bytes[2] = {(uint8_t)(i >> 8), (uint8_t)i};

		n_valid += utf8_is_valid(bytes, 2);
	}
	ck_assert_uint_eq(n_valid, 128 * 128 + (0x800 - 0x80));
}
END_TEST

/* Valid threes: of ASCII, of one and a pair in either order, and U+0800 … U+FFFF less surrogates.
 */
START_TEST(every_three_bytes)
{
	size_t n_valid = 0, n_pairs = 0x800 - 0x80;

	for (unsigned i = 0; i < 0x1000000; i++) {
		uint8_t bytes[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		n_valid += utf8_is_valid(bytes, 3);
	}
	ck_assert_uint_eq(n_valid, 128 * 128 * 128 + 2 * 128 * n_pairs + (0x10000 - 0x800 - 0x800));
}
END_TEST

START_TEST(long_text_is_checked_to_the_last_byte)
{
	char text[40];

	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		ck_assert(utf8_is_valid(text, sizeof(text)));
		text[at] = '\xff';
		ck_assert(!utf8_is_valid(text, sizeof(text)));
		ck_assert(utf8_is_valid(text, at));
		text[at] = '\xc3';
		ck_assert(!utf8_is_valid(text, sizeof(text)));
		ck_assert(!utf8_is_valid(text, at + 1));
	}
	ck_assert(utf8_is_valid(NULL, 0));
	ck_assert(!utf8_is_valid("\xf5\x80\x80\x80", 4));
	ck_assert(!utf8_is_valid("\xf4\x90\x80\x80", 4));
	ck_assert(!utf8_is_valid("\xf0\x8f\xbf\xbf", 4));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utf8");
	TCase *tc = tcase_create("utf8");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, every_code_point_is_itself);
	tcase_add_test(tc, every_pair_of_bytes);
	tcase_add_test(tc, every_three_bytes);
	tcase_add_test(tc, long_text_is_checked_to_the_last_byte);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
