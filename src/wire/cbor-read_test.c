/* SPDX-License-Identifier: MIT */

/*
 * cbor-read: the cursor, over good input and bad
 */

#include <math.h>

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
	ck_assert_msg(walk(&r) == TERN_CBOR_OK, "%s: %s", v->diag, tern_cbor_fault_name(r.fault.code));
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
		ck_assert_msg(fault.code == TERN_CBOR_E_TRUNCATED || fault.code == TERN_CBOR_E_COUNT,
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
	ck_assert_msg(fault.code == bad->code, "%s: %s", bad->hex, tern_cbor_fault_name(fault.code));
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

static Suite *
cbor_read_suite(void)
{
	Suite *suite = suite_create("cbor-read");
	TCase *good = tcase_create("good"), *bad = tcase_create("bad");

	tcase_add_loop_test(good, each_vector_is_walked, 0, ARRAY_SIZE(cbor_vectors));
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
