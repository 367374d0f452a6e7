/* SPDX-License-Identifier: MIT */

/* json: what is refused, what it means, and that nothing is lost on the way */

#include <json-c/json.h>
#include <stdio.h>
#include <tern/cbor.h>

#include "base/attribute.h"
#include "cli/base64.h"
#include "cli/json.h"
#include "wire/cbor-test-bytes.h"
#include "wire/cbor-vectors.h"

/* hex_of_json() - what a text is in CBOR, in hexadecimal; the caller's */
static char *
hex_of_json(const char *text)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) void *cbor = NULL;
	struct json_fault fault = {0};
	size_t size;
	char *hex;
	int r;

	r = json_read(text, strlen(text), &value, &fault);
	ck_assert_msg(r == 0, "%s: %s", text, fault.text);
	r = json_to_cbor(value, &cbor, &size, &fault);
	ck_assert_msg(r == 0, "%s: %s", text, fault.text);
	hex = calloc(1, 2 * size + 1);
	ck_assert_ptr_nonnull(hex);
	for (size_t i = 0; i < size; i++)
		(void)sprintf(hex + 2 * i, "%02x", ((uint8_t *)cbor)[i]);
	return hex;
}

/* json_of_hex() - the text of an item; the caller's */
static char *
json_of_hex(const char *hex)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) uint8_t *cbor = NULL;
	struct json_fault fault = {0};
	size_t size;
	char *text;
	int r;

	cbor = bytes_of(hex, &size);
	r = json_from_cbor(cbor, size, &value, &fault);
	ck_assert_msg(r == 0, "%s: %s", hex, fault.text);
	text = json_print(value, false);
	ck_assert_ptr_nonnull(text);
	return text;
}

static const struct {
	const char *json;
	const char *hex;
} same[] = {
	{"0", "00"},
	{"18446744073709551615", "1bffffffffffffffff"},
	{"9223372036854775808", "1b8000000000000000"},
	{"-1", "20"},
	{"-9223372036854775808", "3b7fffffffffffffff"},
	{"{\"$int\":\"-9223372036854775809\"}", "3b8000000000000000"},
	{"{\"$int\":\"-18446744073709551616\"}", "3bffffffffffffffff"},
	{"0.0", "f90000"},
	{"-0.0", "f98000"},
	{"2.0", "f94000"},
	{"0.1", "fb3fb999999999999a"},
	{"1e+300", "fb7e37e43c8800759c"},
	{"4.94065645841247e-324", "fb0000000000000001"},
	{"{\"$float\":\"NaN\"}", "f97e00"},
	{"{\"$float\":\"Infinity\"}", "f97c00"},
	{"{\"$float\":\"-Infinity\"}", "f9fc00"},
	{"true", "f5"},
	{"null", "f6"},
	{"\"\"", "60"},
	{"\"a\\u0000b\"", "63610062"},
	{"\"\\u007f\\u009b\"", "637fc29b"},
	{"\"\xc2\xa0\xf0\x9f\x98\x80\"", "66c2a0f09f9880"},
	{"\"\\u001b[2J/\\\"\\\\\"", "671b5b324a2f225c"},
	{"{\"$bytes\":\"\"}", "40"},
	{"{\"$bytes\":\"_w\"}", "41ff"},
	{"{\"$bytes\":\"AQI\"}", "420102"},
	{"{\"$bytes\":\"AQID\"}", "43010203"},
	{"[]", "80"},
	{"{}", "a0"},
	{"{\"\":1}", "a16001"},
	{"{\"b\":1,\"a\":[null,{\"c\":-0.0}]}", "a261620161618"
						"2f6a16163f98000"},
	{"{\"$map\":[[1,\"one\"],[\"a\",2]]}", "a201636f6e65616102"},
	{"{\"$map\":[[\"$x\",1]]}", "a162247801"},
	{"{\"$map\":[[\"a\\u0000\",1]]}", "a162610001"},
	{"{\"$simple\":23}", "f7"},
	{"{\"$simple\":16}", "f0"},
	{"{\"$simple\":255}", "f8ff"},
	{"{\"$tag\":0,\"value\":\"x\"}", "c06178"},
	{"{\"$tag\":18446744073709551615,\"value\":{\"$tag\":2,\"value\":null}}",
		"dbffffffffffffffffc2f6"},
};

START_TEST(each_pair_is_the_same_value)
{
	_cleanup_(freep) char *hex = hex_of_json(same[_i].json);
	_cleanup_(freep) char *json = json_of_hex(same[_i].hex);

	ck_assert_str_eq(hex, same[_i].hex);
	ck_assert_str_eq(json, same[_i].json);
}
END_TEST

START_TEST(each_vector_survives)
{
	_cleanup_(freep) char *json = json_of_hex(cbor_vectors[_i].hex);
	_cleanup_(freep) char *hex = hex_of_json(json);
	_cleanup_(freep) char *again = json_of_hex(hex);

	ck_assert_str_eq(json, again);
}
END_TEST

static const char *const other_spellings[][2] = {
	{" 1 ", "01"},
	{"-0", "00"},
	{"1E2", "f95640"},
	{"\"\\ud83d\\ude00\"", "64f09f9880"},
	{"\"\\ud836\\ude00\\\\ud836\"", "6af09da8805c7564383336"},
	{"\"\\/\"", "612f"},
	{"{ \"a\" : [ 1 , 2 ] }\n", "a1616182"
				    "0102"},
};

START_TEST(other_spellings_are_read)
{
	_cleanup_(freep) char *hex = hex_of_json(other_spellings[_i][0]);

	ck_assert_str_eq(hex, other_spellings[_i][1]);
}
END_TEST

/* Texts that must be refused, and a word of the reason. */
static const struct {
	const char *json;
	const char *reason;
} bad_text[] = {
	{"", "ends too early"},
	{" ", "ends too early"},
	{"{", "ends too early"},
	{"\"a", "ends too early"},
	{"nul", "ends too early"},
	{"TRUE", ""},
	{"1 2", ""},
	{"[1,]", ""},
	{"{\"a\":1,}", ""},
	{"{a:1}", ""},
	{"'a'", ""},
	{"/*x*/1", ""},
	{"01", ""},
	{"+1", ""},
	{".5", ""},
	{"0x10", ""},
	{"\"\\x\"", ""},
	{"\xef\xbb\xbf"
	 "1",
		""},
	{"1.", "no JSON value"},
	{"-01", "no JSON value"},
	{"[1.e5]", "no JSON value"},
	{"NaN", "no JSON value"},
	{"Infinity", "no JSON value"},
	{"[-Infinity]", "no JSON value"},
	{"18446744073709551616", "out of range"},
	{"-9223372036854775809", "out of range"},
	{"[1e999]", "out of range"},
	{"{\"a\":1,\"a\":2}", "twice"},
	{"[{\"b\":{\"a\":1,\"c\":3,\"a\":2}}]", "twice"},
	{"{\"a\":1,\"\\u0061\":2}", "twice"},
	{"{\"a\\u0000b\":1}", "NUL"},
	{"{\"a\\u0000b\" :1}", "NUL"},
	{"\"\\ud800\"", "surrogate"},
	{"\"\\ud800\\u0041\"", "surrogate"},
	{"\"\\udc00\"", "surrogate"},
	{"\"\\ud83d\\ud83d\"", "surrogate"},
	{"\"\xff\"", ""},
	{"\"\xc0\x80\"", "UTF-8"},
	{"\"\xed\xa0\x80\"", "UTF-8"},
	{"\"\xf4\x90\x80\x80\"", "UTF-8"},
	{"\"\xe2\x82\"", ""},
	{"{\"\xc0\xaf\":1}", "UTF-8"},
	{"\"a\nb\"", "escaped"},
	{"\"\x01\"", "escaped"},
};

START_TEST(bad_text_is_refused)
{
	struct json_object *value = (void *)&bad_text;
	struct json_fault fault = {0};
	const char *json = bad_text[_i].json;
	int r;

	r = json_read(json, strlen(json), &value, &fault);
	ck_assert_msg(r == JSON_E_INVALID, "%s was taken", json);
	ck_assert_msg(strstr(fault.text, bad_text[_i].reason), "%s: %s", json, fault.text);
	ck_assert_uint_gt(strlen(fault.text), 0);
	ck_assert_uint_le(fault.offset, strlen(json));
	ck_assert_ptr_eq(value, &bad_text); /* untouched */
}
END_TEST

/* JSON, but no value that tern can send. */
static const char *const bad_value[][2] = {
	{"{\"$bytes\":\"AQID=\"}", "base64url"},
	{"{\"$bytes\":\"AQI+\"}", "base64url"},
	{"{\"$bytes\":\"A\"}", "base64url"},
	{"{\"$bytes\":\"AR\"}", "base64url"},
	{"{\"$bytes\":\"AQ\\u0000D\"}", "base64url"},
	{"{\"$bytes\":1}", "base64url"},
	{"{\"$bytes\":\"\",\"a\":1}", "$"},
	{"{\"a\":1,\"$bytes\":\"\"}", "$"},
	{"{\"$float\":1.5}", "NaN"},
	{"{\"$float\":\"nan\"}", "NaN"},
	{"{\"$int\":-1}", "$int"},
	{"{\"$int\":\"1\"}", "$int"},
	{"{\"$int\":\"-0\"}", "$int"},
	{"{\"$int\":\"- 1\"}", "$int"},
	{"{\"$int\":\"-18446744073709551617\"}", "$int"},
	{"{\"$simple\":24}", "$simple"},
	{"{\"$simple\":20}", "$simple"},
	{"{\"$simple\":256}", "$simple"},
	{"{\"$map\":[[1]]}", "$map"},
	{"{\"$map\":{}}", "$map"},
	{"{\"$map\":[[1,2],[1,3]]}", ""},
	{"{\"$tag\":1}", "$tag"},
	{"{\"$tag\":-1,\"value\":1}", "$tag"},
	{"{\"$tag\":1,\"value\":1,\"x\":1}", "$tag"},
	{"{\"$tag\":1952805486,\"value\":0}", "descriptor"},
	{"{\"$other\":1}", "$other"},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "deep"},
};

START_TEST(bad_value_is_refused)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct json_fault fault = {0};
	const char *json = bad_value[_i][0];
	void *cbor = NULL;
	size_t size;

	ck_assert_int_eq(json_read(json, strlen(json), &value, &fault), 0);
	ck_assert_msg(
		json_to_cbor(value, &cbor, &size, &fault) == JSON_E_INVALID, "%s was taken", json);
	ck_assert_msg(strstr(fault.text, bad_value[_i][1]), "%s: %s", json, fault.text);
	ck_assert_ptr_null(cbor);
}
END_TEST

static const char *const bad_cbor[] = {
	"",
	"18",
	"ff",
	"0000",
	"a1616101ff",
	"a2616101616102",
	"61ff",
	"a101",
	"8181",
	"f800",
	"1c",
};

START_TEST(bad_cbor_is_refused)
{
	_cleanup_(freep) uint8_t *cbor = NULL;
	struct json_object *value = NULL;
	struct json_fault fault = {0};
	size_t size;

	cbor = bytes_of(bad_cbor[_i], &size);
	ck_assert_int_eq(json_from_cbor(cbor, size, &value, &fault), JSON_E_INVALID);
	ck_assert_uint_gt(strlen(fault.text), 0);
}
END_TEST

static int
one_part(void *user, uint64_t number, const void **ret, size_t *ret_size)
{
	if (number > 1)
		return -ENOENT;
	*ret = user;
	*ret_size = 2 - (size_t)number;
	return 0;
}

/* [part 0, part 1, part 2] of a message with two parts: what is not there stays what it says it is. */
START_TEST(bytes_may_lie_in_parts)
{
	_cleanup_(freep) uint8_t *cbor = NULL, *wrong = NULL;
	char bytes[] = "hi";
	const struct tern_cbor_hooks hooks = {.user = bytes, .part = one_part};
	struct json_object *value = NULL;
	struct json_fault fault;
	size_t size;

	cbor = bytes_of("83da7465727000da7465727001da7465727002", &size);
	ck_assert_int_eq(json_from_hooked(cbor, size, &hooks, &value, &fault), 0);
	ck_assert_str_eq(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
		"[{\"$bytes\":\"aGk\"},{\"$bytes\":\"aA\"},{\"$part\":2}]");
	json_object_put(value);
	wrong = bytes_of("da7465727061", &size); /* an empty text is no number */
	wrong[size - 1] = 0x60;
	ck_assert_int_eq(json_from_hooked(wrong, size, &hooks, &value, &fault), JSON_E_INVALID);
}
END_TEST

START_TEST(deep_nesting_is_cheap_to_refuse)
{
	enum { DEPTH = 1000000 };
	_cleanup_(freep) char *text = malloc(DEPTH);
	struct json_object *value = NULL;
	struct json_fault fault = {0};

	ck_assert_ptr_nonnull(text);
	memset(text, '[', DEPTH);
	ck_assert_int_eq(json_read(text, DEPTH, &value, &fault), JSON_E_INVALID);
	memset(text, '\x81', DEPTH);
	ck_assert_int_eq(json_from_cbor(text, DEPTH, &value, &fault), JSON_E_INVALID);
}
END_TEST

START_TEST(a_nul_byte_ends_nothing)
{
	struct json_object *value = NULL;
	struct json_fault fault = {0};

	ck_assert_int_eq(json_read("1\0", 2, &value, &fault), JSON_E_INVALID);
	ck_assert_uint_eq(fault.offset, 1);
	ck_assert_int_eq(json_read("\"a\0b\"", 5, &value, &fault), JSON_E_INVALID);
}
END_TEST

START_TEST(base64_is_its_own_inverse)
{
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		_cleanup_(freep) char *text = NULL;
		_cleanup_(freep) void *back = NULL;
		size_t size;

		ck_assert_int_eq(base64_encode(bytes, n, &text), 0);
		ck_assert_int_eq(base64_decode(text, strlen(text), &back, &size), 0);
		ck_assert_uint_eq(size, n);
		ck_assert_mem_eq(back, bytes, n);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli-json");
	TCase *good = tcase_create("good"), *bad = tcase_create("bad");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(good, 20);
	tcase_set_timeout(bad, 20);
	tcase_add_loop_test(good, each_pair_is_the_same_value, 0, ARRAY_SIZE(same));
	tcase_add_loop_test(good, each_vector_survives, 0, ARRAY_SIZE(cbor_vectors));
	tcase_add_loop_test(good, other_spellings_are_read, 0, ARRAY_SIZE(other_spellings));
	tcase_add_test(good, base64_is_its_own_inverse);
	tcase_add_test(good, bytes_may_lie_in_parts);
	tcase_add_loop_test(bad, bad_text_is_refused, 0, ARRAY_SIZE(bad_text));
	tcase_add_loop_test(bad, bad_value_is_refused, 0, ARRAY_SIZE(bad_value));
	tcase_add_loop_test(bad, bad_cbor_is_refused, 0, ARRAY_SIZE(bad_cbor));
	tcase_add_test(bad, deep_nesting_is_cheap_to_refuse);
	tcase_add_test(bad, a_nul_byte_ends_nothing);
	suite_add_tcase(suite, good);
	suite_add_tcase(suite, bad);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
