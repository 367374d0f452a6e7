/* SPDX-License-Identifier: MIT */

/*
 * cbor-read: the cursor, over good input and bad
 */

#include "base/attribute.h"
#include "wire/cbor-test-bytes.h"
#include "wire/cbor-vectors.h"
#include "wire/cbor.h"

/* Everything in a buffer by the typed functions, without skip; the fault there was. */
static uint32_t
walk(struct tern_cbor_reader *r)
{
	const void *bytes;
	const char *text;
	uint64_t u;
	uint8_t simple;
	size_t n;
	double d;
	bool b;
	int type;

	for (;;) {
		type = tern_cbor_peek(r);
		if (type < 0)
			return r->fault.code;
		switch (type) {
		case TERN_CBOR_END:
			if (r->depth == 0)
				return tern_cbor_reader_finish(r) ? r->fault.code : TERN_CBOR_OK;
			ck_assert_int_eq(tern_cbor_leave(r), 0);
			break;
		case TERN_CBOR_UINT:
			ck_assert_int_eq(tern_cbor_get_uint(r, &u), 0);
			break;
		case TERN_CBOR_NINT:
			ck_assert_int_eq(tern_cbor_get_nint(r, &u), 0);
			break;
		case TERN_CBOR_BYTES:
			if (r->info == CBOR_INFO_INDEFINITE)
				(void)tern_cbor_enter_string(r);
			else
				(void)tern_cbor_get_bytes(r, &bytes, &n);
			break;
		case TERN_CBOR_TEXT:
			if (r->info == CBOR_INFO_INDEFINITE)
				(void)tern_cbor_enter_string(r);
			else
				(void)tern_cbor_get_text(r, &text, &n);
			break;
		case TERN_CBOR_ARRAY:
			(void)tern_cbor_enter_array(r, &n);
			break;
		case TERN_CBOR_MAP:
			(void)tern_cbor_enter_map(r, &n);
			break;
		case TERN_CBOR_TAG:
			(void)tern_cbor_get_tag(r, &u);
			break;
		case TERN_CBOR_BOOL:
			ck_assert_int_eq(tern_cbor_get_bool(r, &b), 0);
			break;
		case TERN_CBOR_NULL:
			ck_assert_int_eq(tern_cbor_get_null(r), 0);
			break;
		case TERN_CBOR_UNDEFINED:
			ck_assert_int_eq(tern_cbor_get_undefined(r), 0);
			break;
		case TERN_CBOR_SIMPLE:
			ck_assert_int_eq(tern_cbor_get_simple(r, &simple), 0);
			break;
		case TERN_CBOR_FLOAT:
			ck_assert_int_eq(tern_cbor_get_double(r, &d), 0);
			break;
		default:
			ck_abort_msg("no such type: %d", type);
		}
	}
}

START_TEST(each_vector_is_walked)
{
	const struct cbor_vector *v = &cbor_vectors[_i];
	struct tern_cbor_reader r;
	size_t size;
	_cleanup_(freep) uint8_t *bytes = bytes_of(v->hex, &size);

	tern_cbor_reader_init(&r, bytes, size);
	ck_assert_msg(
		walk(&r) == TERN_CBOR_OK, "%s: %s", v->diag, tern_cbor_fault_name(r.fault.code));
	tern_cbor_reader_init(&r, bytes, size);
	ck_assert_int_eq(tern_cbor_skip(&r), 0);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), 0);
	ck_assert_int_eq(tern_cbor_check(bytes, size, 0, NULL), 0);
}
END_TEST

START_TEST(each_vector_cut_short_is_truncated)
{
	const struct cbor_vector *v = &cbor_vectors[_i];
	size_t size;
	_cleanup_(freep) uint8_t *bytes = bytes_of(v->hex, &size);

	for (size_t cut = 0; cut < size; cut++) {
		_cleanup_(freep) uint8_t *part = malloc(cut ? cut : 1);
		struct tern_cbor_fault fault = {0};

		memcpy(part, bytes, cut);
		ck_assert_int_eq(tern_cbor_check(part, cut, 0, &fault), -EBADMSG);
		ck_assert_msg(
			fault.code == TERN_CBOR_E_TRUNCATED || fault.code == TERN_CBOR_E_COUNT,
			"%s at %zu: %s", v->diag, cut, tern_cbor_fault_name(fault.code));
	}
}
END_TEST

struct bad {
	const char *hex;
	uint32_t code;
	uint64_t offset;
};

static const struct bad bad_input[] = {
	{"", TERN_CBOR_E_TRUNCATED, 0},
	{"18", TERN_CBOR_E_TRUNCATED, 0},
	{"1b00000000000000", TERN_CBOR_E_TRUNCATED, 0},
	{"62c3", TERN_CBOR_E_TRUNCATED, 0},
	{"5bffffffffffffffff", TERN_CBOR_E_TRUNCATED, 0},
	{"7f", TERN_CBOR_E_TRUNCATED, 1},
	{"7f6161", TERN_CBOR_E_TRUNCATED, 3},
	{"820001c1", TERN_CBOR_E_TRAILING, 3},
	{"c1", TERN_CBOR_E_TRUNCATED, 0},
	{"1c", TERN_CBOR_E_RESERVED, 0},
	{"1d00", TERN_CBOR_E_RESERVED, 0},
	{"1e", TERN_CBOR_E_RESERVED, 0},
	{"1f", TERN_CBOR_E_RESERVED, 0},
	{"3f", TERN_CBOR_E_RESERVED, 0},
	{"5c", TERN_CBOR_E_RESERVED, 0},
	{"7d", TERN_CBOR_E_RESERVED, 0},
	{"9e", TERN_CBOR_E_RESERVED, 0},
	{"bc", TERN_CBOR_E_RESERVED, 0},
	{"dc00", TERN_CBOR_E_RESERVED, 0},
	{"df00", TERN_CBOR_E_RESERVED, 0},
	{"fc", TERN_CBOR_E_RESERVED, 0},
	{"fe", TERN_CBOR_E_RESERVED, 0},
	{"f800", TERN_CBOR_E_SIMPLE, 0},
	{"f818", TERN_CBOR_E_SIMPLE, 0},
	{"81f81f", TERN_CBOR_E_SIMPLE, 1},
	{"ff", TERN_CBOR_E_BREAK, 0},
	{"81ff", TERN_CBOR_E_BREAK, 1},
	{"a1ff", TERN_CBOR_E_COUNT, 0},
	{"a101ff", TERN_CBOR_E_BREAK, 2},
	{"9fc1ff", TERN_CBOR_E_BREAK, 2},
	{"5f00ff", TERN_CBOR_E_CHUNK, 1},
	{"5f6161ff", TERN_CBOR_E_CHUNK, 1},
	{"7f4161ff", TERN_CBOR_E_CHUNK, 1},
	{"7fc16161ff", TERN_CBOR_E_CHUNK, 1},
	{"5f5f4100ffff", TERN_CBOR_E_CHUNK, 1},
	{"bf01ff", TERN_CBOR_E_ODD, 2},
	{"bf6161016162ff", TERN_CBOR_E_ODD, 6},
	{"9bffffffffffffffff", TERN_CBOR_E_COUNT, 0},
	{"8400", TERN_CBOR_E_COUNT, 0},
	{"bbffffffffffffffff", TERN_CBOR_E_COUNT, 0},
	{"bb8000000000000000", TERN_CBOR_E_COUNT, 0},
	{"a2000102", TERN_CBOR_E_COUNT, 0},
	{"61ff", TERN_CBOR_E_UTF8, 0},
	{"62c080", TERN_CBOR_E_UTF8, 0},
	{"63eda080", TERN_CBOR_E_UTF8, 0},
	{"64f4908080", TERN_CBOR_E_UTF8, 0},
	{"7f61c361bcff", TERN_CBOR_E_UTF8, 1},
	{"0000", TERN_CBOR_E_TRAILING, 1},
	{"8000", TERN_CBOR_E_TRAILING, 1},
	{"a200010002", TERN_CBOR_E_DUPLICATE, 3},
	{"a20001180002", TERN_CBOR_E_DUPLICATE, 3},
	{"a36162016161026162f6", TERN_CBOR_E_DUPLICATE, 7},
	{"bf6162016161026162f6ff", TERN_CBOR_E_DUPLICATE, 7},
	{"a2f93c0000fa3f80000000", TERN_CBOR_E_DUPLICATE, 5},
	{"81a1614102a1", TERN_CBOR_E_TRAILING, 5},
	{"a101a24161014161f6", TERN_CBOR_E_DUPLICATE, 6},
	{"a17f6161ff01", TERN_CBOR_E_KEY, 1},
	{"a18001", TERN_CBOR_E_KEY, 1},
	{"a1a000", TERN_CBOR_E_KEY, 1},
	{"a1c10000", TERN_CBOR_E_KEY, 1},
};

START_TEST(bad_input_is_named)
{
	const struct bad *bad = &bad_input[_i];
	struct tern_cbor_fault fault = {0};
	size_t size;
	_cleanup_(freep) uint8_t *bytes = bytes_of(bad->hex, &size);

	ck_assert_int_eq(tern_cbor_check(bytes, size, 0, &fault), -EBADMSG);
	ck_assert_msg(
		fault.code == bad->code, "%s: %s", bad->hex, tern_cbor_fault_name(fault.code));
	ck_assert_msg(fault.offset == bad->offset, "%s: at %d", bad->hex, (int)fault.offset);
}
END_TEST

START_TEST(cursor_finds_the_same_faults)
{
	const struct bad *bad = &bad_input[_i];
	struct tern_cbor_reader r;
	size_t size;
	_cleanup_(freep) uint8_t *bytes = bytes_of(bad->hex, &size);
	uint32_t code;

	tern_cbor_reader_init(&r, bytes, size);
	code = walk(&r);
	/* What only the check knows: keys. And the cursor reads items in a row. */
	if (bad->code == TERN_CBOR_E_DUPLICATE || bad->code == TERN_CBOR_E_KEY ||
		bad->code == TERN_CBOR_E_TRAILING || size == 0)
		return;
	ck_assert_msg(code == bad->code, "%s: %s", bad->hex, tern_cbor_fault_name(code));
	ck_assert_uint_eq(r.fault.offset, bad->offset);
	ck_assert_int_eq(tern_cbor_peek(&r), -EBADMSG);
	ck_assert_int_eq(tern_cbor_skip(&r), -EBADMSG);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), -EBADMSG);
	ck_assert_uint_eq(r.fault.code, bad->code);
}
END_TEST

/* A reader over a hexadecimal string, which lives until the next one. */
static void
begin(struct tern_cbor_reader *r, const char *hex)
{
	static uint8_t *bytes;
	size_t size;

	free(bytes);
	bytes = bytes_of(hex, &size);
	tern_cbor_reader_init(r, bytes, size);
}

START_TEST(containers_are_entered_and_left)
{
	struct tern_cbor_reader r;
	const char *text;
	int64_t i;
	size_t n;

	begin(&r, "8301a2616182020361629f04ff05");
	ck_assert_int_eq(tern_cbor_enter_array(&r, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert_int_eq(tern_cbor_enter_map(&r, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(tern_cbor_get_text(&r, &text, &n), 0);
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_leave(&r), 0); /* nothing of it was read */
	ck_assert_int_eq(tern_cbor_get_text(&r, &text, &n), 0);
	ck_assert_mem_eq(text, "b", 1);
	ck_assert_int_eq(tern_cbor_enter_array(&r, &n), 0);
	ck_assert(n == TERN_CBOR_INDEFINITE);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_END);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_END);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_END);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert_int_eq(i, 5);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_leave(&r), -EINVAL);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_END);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), 0);
}
END_TEST

START_TEST(tags_close_by_themselves)
{
	struct tern_cbor_reader r;
	uint64_t tag;
	int64_t i;

	begin(&r, "83c1c200c18101c1c102");
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_get_tag(&r, &tag), 0);
	ck_assert_int_eq(tern_cbor_get_tag(&r, &tag), 0);
	ck_assert_uint_eq(tag, 2);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert_int_eq(tern_cbor_get_tag(&r, &tag), 0);
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_get_tag(&r, &tag), 0);
	/* Leaving with a tag read takes its content along. */
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), 0);

	begin(&r, "82c1810001");
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_get_tag(&r, &tag), 0);
	ck_assert_int_eq(tern_cbor_skip(&r), 0);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert_int_eq(i, 1);
}
END_TEST

START_TEST(strings_are_read_by_pieces)
{
	struct tern_cbor_reader r;
	const void *bytes;
	const char *text;
	size_t n;

	begin(&r, "7f626162606163ff");
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_TEXT);
	ck_assert_int_eq(tern_cbor_enter_string(&r), 0);
	ck_assert_int_eq(tern_cbor_get_text(&r, &text, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(tern_cbor_get_text(&r, &text, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(tern_cbor_get_text(&r, &text, &n), 0);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_END);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), 0);

	/* One that is whole is one piece. */
	begin(&r, "81c1420102");
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_get_tag(&r, &(uint64_t){0}), 0);
	ck_assert_int_eq(tern_cbor_enter_string(&r), 0);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_BYTES);
	ck_assert_int_eq(tern_cbor_get_bytes(&r, &bytes, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_END);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_END);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), 0);

	begin(&r, "614161");
	ck_assert_int_eq(tern_cbor_enter_string(&r), 0);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_get_bytes(&r, &bytes, &n), -EBADMSG);
	ck_assert_uint_eq(r.fault.code, TERN_CBOR_E_TRUNCATED);

	begin(&r, "5f4101ff");
	ck_assert_int_eq(tern_cbor_get_bytes(&r, &bytes, &n), -EBADMSG);
	ck_assert_uint_eq(r.fault.code, TERN_CBOR_E_PIECES);
}
END_TEST

START_TEST(raw_items_are_what_they_were)
{
	struct tern_cbor_reader r;
	const void *bytes;
	size_t n;

	begin(&r, "85c1a16161007f6161ff9fff00f93c00");
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_get_raw(&r, &bytes, &n), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(bytes, "\xc1\xa1\x61\x61\x00", 5);
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_TEXT);
	ck_assert_int_eq(tern_cbor_get_raw(&r, &bytes, &n), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(tern_cbor_get_raw(&r, &bytes, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(tern_cbor_get_raw(&r, &bytes, &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(tern_cbor_get_raw(&r, &bytes, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(tern_cbor_leave(&r), 0);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), 0);
	ck_assert_int_eq(tern_cbor_get_raw(&r, &bytes, &n), -EBADMSG);
}
END_TEST

START_TEST(numbers_must_fit)
{
	struct tern_cbor_reader r;
	uint64_t u = 7;
	int64_t i = 7;

	begin(&r, "1b7fffffffffffffff3b7fffffffffffffff1b8000000000000000");
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert(i == INT64_MAX);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert(i == INT64_MIN);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), -EBADMSG);
	ck_assert(i == INT64_MIN);
	ck_assert_uint_eq(r.fault.code, TERN_CBOR_E_RANGE);
	ck_assert_uint_eq(r.fault.offset, 18);
	begin(&r, "20");
	ck_assert_int_eq(tern_cbor_get_uint(&r, &u), -EBADMSG);
	ck_assert_uint_eq(r.fault.code, TERN_CBOR_E_TYPE);
	ck_assert_uint_eq(u, 7);
}
END_TEST

START_TEST(the_end_of_an_array_is_no_item)
{
	struct tern_cbor_reader r;
	int64_t i;

	begin(&r, "810001");
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), 0);
	ck_assert_int_eq(tern_cbor_get_int(&r, &i), -EBADMSG);
	ck_assert_uint_eq(r.fault.code, TERN_CBOR_E_LENGTH);
	begin(&r, "9fff01");
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_skip(&r), -EBADMSG);
	ck_assert_uint_eq(r.fault.code, TERN_CBOR_E_LENGTH);
	begin(&r, "8000");
	ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), -EBADMSG);
	ck_assert_uint_eq(r.fault.code, TERN_CBOR_E_TRAILING);
	begin(&r, "00");
	ck_assert_int_eq(tern_cbor_peek(&r), TERN_CBOR_UINT);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), -EBADMSG);
	ck_assert_uint_eq(r.fault.offset, 0);
}
END_TEST

static Suite *
cbor_read_suite(void)
{
	Suite *suite = suite_create("cbor-read");
	TCase *good = tcase_create("good"), *bad = tcase_create("bad");

	tcase_add_loop_test(good, each_vector_is_walked, 0, ARRAY_SIZE(cbor_vectors));
	tcase_add_test(good, containers_are_entered_and_left);
	tcase_add_test(good, tags_close_by_themselves);
	tcase_add_test(good, strings_are_read_by_pieces);
	tcase_add_test(good, raw_items_are_what_they_were);
	tcase_add_test(good, numbers_must_fit);
	tcase_add_test(good, the_end_of_an_array_is_no_item);
	tcase_add_loop_test(bad, each_vector_cut_short_is_truncated, 0, ARRAY_SIZE(cbor_vectors));
	tcase_add_loop_test(bad, bad_input_is_named, 0, ARRAY_SIZE(bad_input));
	tcase_add_loop_test(bad, cursor_finds_the_same_faults, 0, ARRAY_SIZE(bad_input));
	suite_add_tcase(suite, good);
	suite_add_tcase(suite, bad);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(cbor_read_suite());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
