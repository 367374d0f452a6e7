/* SPDX-License-Identifier: MIT */

/*
 * cbor-write: shortest form, the account of what is owed, and floats of all widths
 */

#include <math.h>

#include "base/attribute.h"
#include "wire/cbor-test-bytes.h"
#include "wire/cbor-vectors.h"
#include "wire/cbor.h"

static uint8_t buffer[1024];
static struct tern_cbor_writer w;

static void
begin(void)
{
	tern_cbor_writer_init(&w, buffer, sizeof(buffer));
}

static void
assert_is(const char *hex)
{
	size_t size, expected_size;
	_cleanup_(freep) uint8_t *expected = bytes_of(hex, &expected_size);

	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	ck_assert_uint_eq(size, expected_size);
	ck_assert_mem_eq(buffer, expected, size);
}

static void
assert_misused(void)
{
	size_t size = 77;

	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -EINVAL);
	ck_assert_uint_eq(size, 77);
}

START_TEST(heads_are_shortest)
{
	static const struct {
		uint64_t value;
		const char *hex;
	} rows[] = {
		{0, "00"},
		{23, "17"},
		{24, "1818"},
		{255, "18ff"},
		{256, "190100"},
		{65535, "19ffff"},
		{65536, "1a00010000"},
		{UINT32_MAX, "1affffffff"},
		{UINT64_C(1) << 32, "1b0000000100000000"},
		{UINT64_MAX, "1bffffffffffffffff"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		tern_cbor_put_uint(&w, rows[i].value);
		assert_is(rows[i].hex);
	}
	begin();
	tern_cbor_put_int(&w, INT64_MIN);
	tern_cbor_put_int(&w, -1);
	tern_cbor_put_int(&w, 24);
	tern_cbor_put_nint(&w, UINT64_MAX);
	assert_is("3b7fffffffffffffff2018183bffffffffffffffff");
}
END_TEST

START_TEST(everything_else)
{
	begin();
	tern_cbor_put_map(&w, 2);
	tern_cbor_put_string(&w, "a");
	tern_cbor_put_array(&w, TERN_CBOR_INDEFINITE);
	tern_cbor_put_bool(&w, true);
	tern_cbor_put_bool(&w, false);
	tern_cbor_put_null(&w);
	tern_cbor_put_undefined(&w);
	tern_cbor_put_simple(&w, 16);
	tern_cbor_put_simple(&w, 255);
	tern_cbor_put_break(&w);
	tern_cbor_put_tag(&w, 0x7465726e);
	tern_cbor_put_tag(&w, 1);
	tern_cbor_put_map(&w, TERN_CBOR_INDEFINITE);
	tern_cbor_put_break(&w);
	tern_cbor_open_text(&w);
	tern_cbor_put_text(&w, "xyz", 1);
	tern_cbor_put_string(&w, "");
	tern_cbor_put_break(&w);
	tern_cbor_open_bytes(&w);
	tern_cbor_put_bytes(&w, "\0\1", 2);
	tern_cbor_put_break(&w);
	tern_cbor_put_raw(&w, "\x82\1\2", 3);
	assert_is("a261619ff5f4f6f7f0f8ffff"
		  "da7465726ec1bfff"
		  "7f617860ff"
		  "5f420001ff"
		  "820102");
}
END_TEST

START_TEST(floats_take_the_width_they_need)
{
	static const struct {
		double value;
		const char *hex;
	} rows[] = {
		{0.0, "f90000"},
		{-0.0, "f98000"},
		{1.0, "f93c00"},
		{65504.0, "f97bff"},
		{65505.0, "fa477fe100"},
		{65536.0, "fa47800000"},
		{0x1p-14, "f90400"},
		{0x1p-24, "f90001"},
		{-0x1p-24, "f98001"},
		{0x1.8p-24, "fa33c00000"},
		{0x1.ff8p-15, "f903ff"},
		{0x1.ffcp-15, "fa387fe000"},
		{0x1p-25, "fa33000000"},
		{0x1.004p0, "f93c01"},
		{0x1.002p0, "fa3f801000"},
		{0x1p-149, "fa00000001"},
		{0x1p-150, "fb3690000000000000"},
		{0x1.fffffep127, "fa7f7fffff"},
		{0x1p128, "fb47f0000000000000"},
		{0x1.fffffffp127, "fb47efffffff000000"},
		{1.1, "fb3ff199999999999a"},
		{-4.1, "fbc010666666666666"},
		{5e-324, "fb0000000000000001"},
		{INFINITY, "f97c00"},
		{-INFINITY, "f9fc00"},
		{NAN, "f97e00"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		tern_cbor_put_double(&w, rows[i].value);
		assert_is(rows[i].hex);
	}
}
END_TEST

START_TEST(every_half_comes_back)
{
	for (unsigned half = 0; half < 0x10000; half++) {
		uint8_t in[3] = {0xf9, (uint8_t)(half >> 8), (uint8_t)half};
		struct tern_cbor_reader r;
		double value;
		size_t size;

		tern_cbor_reader_init(&r, in, sizeof(in));
		ck_assert_int_eq(tern_cbor_get_double(&r, &value), 0);
		begin();
		tern_cbor_put_double(&w, value);
		ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
		ck_assert_uint_eq(size, 3);
		if (isnan(value))
			ck_assert_mem_eq(buffer, "\xf9\x7e\x00", 3);
		else
			ck_assert_mem_eq(buffer, in, 3);
	}
}
END_TEST

/* Doubles around every boundary come back bit for bit, and no shorter form would do. */
START_TEST(every_exponent_comes_back)
{
	static const uint64_t mantissas[] = {0, 1, UINT64_C(1) << 42, UINT64_C(1) << 41,
		UINT64_C(1) << 29, UINT64_C(1) << 28, UINT64_C(1) << 51, (UINT64_C(1) << 52) - 1,
		((UINT64_C(1) << 10) - 1) << 42, ((UINT64_C(1) << 23) - 1) << 29};

	for (uint64_t exponent = 0; exponent < 0x7ff; exponent++) {
		for (size_t i = 0; i < ARRAY_SIZE(mantissas); i++) {
			double in = cbor_bits_double(exponent << 52 | mantissas[i]), out;
			struct tern_cbor_reader r;
			size_t size;

			begin();
			tern_cbor_put_double(&w, in);
			ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
			tern_cbor_reader_init(&r, buffer, size);
			ck_assert_int_eq(tern_cbor_get_double(&r, &out), 0);
			ck_assert(cbor_double_bits(in) == cbor_double_bits(out));
			ck_assert(
				size <= 5 || fabs(in) > 0x1.fffffep127 || (double)(float)in != in);
		}
	}
}
END_TEST

START_TEST(debts_are_found)
{
	begin();
	tern_cbor_put_array(&w, 1);
	assert_misused(); /* an element is owed */
	tern_cbor_put_null(&w);
	assert_is("81f6");

	begin();
	tern_cbor_put_map(&w, 1);
	tern_cbor_put_null(&w);
	assert_misused();

	begin();
	tern_cbor_put_tag(&w, 1);
	assert_misused();

	begin();
	tern_cbor_put_array(&w, TERN_CBOR_INDEFINITE);
	assert_misused();
}
END_TEST

START_TEST(misuse_stays)
{
	begin();
	tern_cbor_put_break(&w);
	assert_misused();
	tern_cbor_put_null(&w);
	assert_misused();

	/* From here on, each would be whole but for the misuse. */
	begin();
	tern_cbor_put_array(&w, 1);
	tern_cbor_put_break(&w);
	tern_cbor_put_null(&w);
	assert_misused();

	begin();
	tern_cbor_put_map(&w, TERN_CBOR_INDEFINITE);
	tern_cbor_put_null(&w);
	tern_cbor_put_break(&w);
	assert_misused();

	begin();
	tern_cbor_put_array(&w, TERN_CBOR_INDEFINITE);
	tern_cbor_put_tag(&w, 1);
	tern_cbor_put_break(&w);
	tern_cbor_put_null(&w);
	tern_cbor_put_break(&w);
	assert_misused();

	begin();
	tern_cbor_open_text(&w);
	tern_cbor_put_bytes(&w, "", 0);
	tern_cbor_put_break(&w);
	assert_misused();

	begin();
	tern_cbor_open_bytes(&w);
	tern_cbor_open_bytes(&w);
	tern_cbor_put_break(&w);
	tern_cbor_put_break(&w);
	assert_misused();

	begin();
	tern_cbor_open_bytes(&w);
	tern_cbor_put_tag(&w, 1);
	tern_cbor_put_bytes(&w, "", 0);
	tern_cbor_put_break(&w);
	assert_misused();

	begin();
	tern_cbor_open_text(&w);
	tern_cbor_put_raw(&w, "\x60", 1);
	tern_cbor_put_break(&w);
	assert_misused();

	begin();
	tern_cbor_put_text(&w, "\xff", 1);
	assert_misused();

	begin();
	tern_cbor_put_string(&w, NULL);
	assert_misused();

	begin();
	tern_cbor_put_simple(&w, 24);
	assert_misused();

	begin();
	tern_cbor_put_simple(&w, 20);
	assert_misused();

	begin();
	tern_cbor_put_raw(&w, "\1\2", 2);
	assert_misused();

	begin();
	tern_cbor_put_map(&w, SIZE_MAX - 1);
	assert_misused();
}
END_TEST

START_TEST(depth_has_a_limit)
{
	size_t size;

	begin();
	for (int i = 0; i < TERN_CBOR_MAX_DEPTH; i++)
		tern_cbor_put_array(&w, 1);
	tern_cbor_put_null(&w);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	ck_assert_int_eq(tern_cbor_check(buffer, size, TERN_CBOR_DETERMINISTIC, NULL), 0);

	begin();
	for (int i = 0; i < TERN_CBOR_MAX_DEPTH; i++)
		tern_cbor_put_tag(&w, 1);
	tern_cbor_put_array(&w, 0);
	assert_misused();

	/* What is put in raw counts from where it lies. */
	begin();
	for (int i = 0; i < TERN_CBOR_MAX_DEPTH - 1; i++)
		tern_cbor_put_array(&w, 1);
	tern_cbor_put_raw(&w, "\x80", 1);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	begin();
	for (int i = 0; i < TERN_CBOR_MAX_DEPTH - 1; i++)
		tern_cbor_put_array(&w, 1);
	tern_cbor_put_raw(&w, "\x81\x80", 2);
	assert_misused();
}
END_TEST

START_TEST(it_counts_on_past_the_end)
{
	uint8_t room[4] = {0xee, 0xee, 0xee, 0xee};
	size_t size = 0;

	tern_cbor_writer_init(&w, room, 3);
	tern_cbor_put_string(&w, "abcd");
	tern_cbor_put_null(&w);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -ENOBUFS);
	ck_assert_uint_eq(size, 6);
	ck_assert_uint_eq(room[3], 0xee);
	tern_cbor_writer_init(&w, NULL, 100);
	tern_cbor_put_string(&w, "abcd");
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -ENOBUFS);
	ck_assert_uint_eq(size, 5);
	tern_cbor_writer_init(&w, NULL, 0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	ck_assert_uint_eq(size, 0);
}
END_TEST

/* Write again what a reader reads. */
static void
copy_items(struct tern_cbor_reader *r)
{
	const void *bytes;
	const char *text;
	uint8_t simple;
	uint64_t u;
	size_t n;
	double d;
	int type;
	bool b;

	while ((type = tern_cbor_peek(r)) > 0 || r->depth > 0) {
		switch (type) {
		case TERN_CBOR_END:
			if (r->kind[r->depth - 1] & CBOR_FRAME_OPEN)
				tern_cbor_put_break(&w);
			ck_assert_int_eq(tern_cbor_leave(r), 0);
			break;
		case TERN_CBOR_UINT:
			ck_assert_int_eq(tern_cbor_get_uint(r, &u), 0);
			tern_cbor_put_uint(&w, u);
			break;
		case TERN_CBOR_NINT:
			ck_assert_int_eq(tern_cbor_get_nint(r, &u), 0);
			tern_cbor_put_nint(&w, u);
			break;
		case TERN_CBOR_BYTES:
			if (r->info == CBOR_INFO_INDEFINITE) {
				ck_assert_int_eq(tern_cbor_enter_string(r), 0);
				tern_cbor_open_bytes(&w);
				break;
			}
			ck_assert_int_eq(tern_cbor_get_bytes(r, &bytes, &n), 0);
			tern_cbor_put_bytes(&w, bytes, n);
			break;
		case TERN_CBOR_TEXT:
			if (r->info == CBOR_INFO_INDEFINITE) {
				ck_assert_int_eq(tern_cbor_enter_string(r), 0);
				tern_cbor_open_text(&w);
				break;
			}
			ck_assert_int_eq(tern_cbor_get_text(r, &text, &n), 0);
			tern_cbor_put_text(&w, text, n);
			break;
		case TERN_CBOR_ARRAY:
			ck_assert_int_eq(tern_cbor_enter_array(r, &n), 0);
			tern_cbor_put_array(&w, n);
			break;
		case TERN_CBOR_MAP:
			ck_assert_int_eq(tern_cbor_enter_map(r, &n), 0);
			tern_cbor_put_map(&w, n);
			break;
		case TERN_CBOR_TAG:
			ck_assert_int_eq(tern_cbor_get_tag(r, &u), 0);
			tern_cbor_put_tag(&w, u);
			break;
		case TERN_CBOR_BOOL:
			ck_assert_int_eq(tern_cbor_get_bool(r, &b), 0);
			tern_cbor_put_bool(&w, b);
			break;
		case TERN_CBOR_NULL:
			ck_assert_int_eq(tern_cbor_get_null(r), 0);
			tern_cbor_put_null(&w);
			break;
		case TERN_CBOR_UNDEFINED:
			ck_assert_int_eq(tern_cbor_get_undefined(r), 0);
			tern_cbor_put_undefined(&w);
			break;
		case TERN_CBOR_SIMPLE:
			ck_assert_int_eq(tern_cbor_get_simple(r, &simple), 0);
			tern_cbor_put_simple(&w, simple);
			break;
		default:
			ck_assert_int_eq(tern_cbor_get_double(r, &d), 0);
			tern_cbor_put_double(&w, d);
		}
	}
	ck_assert_int_eq(type, TERN_CBOR_END);
}

START_TEST(each_vector_is_written_as_it_was_read)
{
	const struct cbor_vector *v = &cbor_vectors[_i];
	struct tern_cbor_reader r;
	size_t size, written;
	_cleanup_(freep) uint8_t *bytes = bytes_of(v->hex, &size);
	bool is_shortened = false;

	/* Infinities and NaN are there in all widths: the only vectors that are not shortest. */
	if (size >= 5 && (bytes[0] == 0xfa || bytes[0] == 0xfb))
		is_shortened = strstr(v->diag, "Inf") || strstr(v->diag, "NaN");
	begin();
	tern_cbor_reader_init(&r, bytes, size);
	copy_items(&r);
	ck_assert_int_eq(tern_cbor_reader_finish(&r), 0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &written), 0);
	if (is_shortened) {
		ck_assert_uint_eq(written, 3);
	} else {
		ck_assert_uint_eq(written, size);
		ck_assert_mem_eq(buffer, bytes, size);
	}
}
END_TEST

static Suite *
cbor_write_suite(void)
{
	Suite *suite = suite_create("cbor-write");
	TCase *tc = tcase_create("write");

	tcase_add_test(tc, heads_are_shortest);
	tcase_add_test(tc, everything_else);
	tcase_add_test(tc, floats_take_the_width_they_need);
	tcase_add_test(tc, every_half_comes_back);
	tcase_add_test(tc, every_exponent_comes_back);
	tcase_add_test(tc, debts_are_found);
	tcase_add_test(tc, misuse_stays);
	tcase_add_test(tc, depth_has_a_limit);
	tcase_add_test(tc, it_counts_on_past_the_end);
	tcase_add_loop_test(tc, each_vector_is_written_as_it_was_read, 0, ARRAY_SIZE(cbor_vectors));
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(cbor_write_suite());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
