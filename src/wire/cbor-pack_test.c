/* SPDX-License-Identifier: MIT */

/*
 * cbor-pack: what each letter writes, and what is refused; flat formats in one pass, too
 */

#include <math.h>

#include "base/attribute.h"
#include "wire/cbor-flat.h"
#include "wire/cbor-test-bytes.h"
#include "wire/cbor.h"

static uint8_t buffer[4096];

static void
writer_begin(struct tern_cbor_writer *w)
{
	memset(buffer, 0xee, sizeof(buffer));
	tern_cbor_writer_init(w, buffer, sizeof(buffer));
}

static void
assert_written(const struct tern_cbor_writer *w, const char *hex)
{
	size_t size, expected_size;
	_cleanup_(freep) uint8_t *expected = bytes_of(hex, &expected_size);

	ck_assert_int_eq(tern_cbor_writer_finish(w, &size), 0);
	ck_assert_uint_eq(size, expected_size);
	ck_assert_mem_eq(buffer, expected, size);
}

static size_t
pack_flat(size_t room, const char *format, ...)
{
	va_list ap;
	size_t size;

	memset(buffer, 0xee, sizeof(buffer));
	va_start(ap, format);
	size = cbor_pack_flat(buffer, room, format, ap);
	va_end(ap);
	return size;
}

/* In one pass the same is written, or nothing is. */
static void
assert_same_flat(size_t size, const char *hex)
{
	size_t expected_size;
	_cleanup_(freep) uint8_t *expected = bytes_of(hex, &expected_size);

	if (size == 0)
		return;
	ck_assert_uint_eq(size, expected_size);
	ck_assert_mem_eq(buffer, expected, size);
}

#define assert_packs(hex, ...)                                                                     \
	do {                                                                                       \
		struct tern_cbor_writer w_;                                                        \
                                                                                                   \
		writer_begin(&w_);                                                                 \
		ck_assert_int_eq(tern_cbor_pack(&w_, __VA_ARGS__), 0);                             \
		assert_written(&w_, hex);                                                          \
		assert_same_flat(pack_flat(sizeof(buffer), __VA_ARGS__), hex);                     \
	} while (0)

#define assert_refuses(...)                                                                        \
	do {                                                                                       \
		struct tern_cbor_writer w_;                                                        \
		size_t size_;                                                                      \
                                                                                                   \
		writer_begin(&w_);                                                                 \
		ck_assert_int_eq(tern_cbor_pack(&w_, __VA_ARGS__), -EINVAL);                       \
		ck_assert_uint_eq(buffer[0], 0xee);                                                \
		ck_assert_int_eq(tern_cbor_writer_finish(&w_, &size_), -EINVAL);                   \
		ck_assert_uint_eq(pack_flat(sizeof(buffer), __VA_ARGS__), 0);                      \
	} while (0)

START_TEST(each_letter_writes_its_item)
{
	assert_packs("", "");
	assert_packs("f5", "b", 7);
	assert_packs("f4", "b", 0);
	assert_packs("3903e7", "i", INT64_C(-1000));
	assert_packs("3b7fffffffffffffff", "i", INT64_MIN);
	assert_packs("1bffffffffffffffff", "u", UINT64_MAX);
	assert_packs("f93e00", "d", 1.5);
	assert_packs("fb3ff199999999999a", "d", 1.1);
	assert_packs("62c3bc", "s", "\xc3\xbc");
	assert_packs("63610062", "t", "a\0b", (size_t)3);
	assert_packs("60", "t", NULL, (size_t)0);
	assert_packs("4401020304", "y", "\1\2\3\4", (size_t)4);
	assert_packs("40", "y", NULL, (size_t)0);
	assert_packs("f6", "n");
	assert_packs("820102", "v", "\x82\1\2", (size_t)3);
}
END_TEST

START_TEST(containers_nest)
{
	assert_packs("80", "[]");
	assert_packs("a0", " { } ");
	assert_packs("8301820203820405", "[i [ii], [i,i]]", INT64_C(1), INT64_C(2), INT64_C(3),
		INT64_C(4), INT64_C(5));
	assert_packs("a26161016162820203", "{a:i, b:[ii]}", INT64_C(1), INT64_C(2), INT64_C(3));
	assert_packs("826161a161626163", "[s{b:s}]", "a", "c");
	/* Keys come out in the order of the format. */
	assert_packs("a2617a016161a1617902", "{z:i,a:{y:i}}", INT64_C(1), INT64_C(2));
	assert_packs("a167612e622d635f3900", "{a.b-c_9:i}", INT64_C(0));
}
END_TEST

START_TEST(arrays_of_any_number)
{
	static const int64_t numbers[] = {1, -1, 100};
	static const uint64_t big[] = {UINT64_MAX};
	static const double floats[] = {1.5, 0.0};
	static const bool flags[] = {true, false};
	static const char *const strings[] = {"a", ""};

	assert_packs("8301201864", "*i", numbers, (size_t)3);
	assert_packs("811bffffffffffffffff", "*u", big, (size_t)1);
	assert_packs("82f93e00f90000", "*d", floats, (size_t)2);
	assert_packs("82f5f4", "*b", flags, (size_t)2);
	assert_packs("82616160", "*s", strings, (size_t)2);
	assert_packs("80", "*s", NULL, (size_t)0);
	assert_packs("a16178820120", "{x:*i}", numbers, (size_t)2);
}
END_TEST

START_TEST(optional_members_can_be_left_out)
{
	assert_packs("a0", "{?a:i}", 0, INT64_C(1));
	assert_packs("a1616101", "{?a:i}", 1, INT64_C(1));
	assert_packs("a1616202", "{?a:s,b:i}", 0, NULL, INT64_C(2));
	assert_packs("a1616202", "{?a:[i{x:s}],b:i}", 0, INT64_C(9), NULL, INT64_C(2));
	assert_packs("a1616181a0", "{a:[{?x:{?y:i}}]}", 0, 1, INT64_C(2));
}
END_TEST

START_TEST(bad_formats_are_refused)
{
	static const char *const formats[] = {"x", "ii", "i]", "[", "[i", "]", "{", "{a",
		"{a:", "{a:i", "{:i}", "{a:i b:i}", "{a:i,}", "{,a:i}", "[,i]", "[i,]", "{a:i,a:i}",
		"{?:i}", "{?a}", "?i", "[?i]", "*", "**i", "*h", "*y", "*[i]", "{a:?i}",
		"{\"a\":i}", "\n", "[i}", "{a:i]"};
	struct tern_cbor_writer w;
	char long_format[128];

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		writer_begin(&w);
		ck_assert_msg(tern_cbor_pack(&w, formats[i], INT64_C(1), INT64_C(1), INT64_C(1)) ==
				      -EINVAL,
			"%s", formats[i]);
		ck_assert_uint_eq(buffer[0], 0xee);
	}
	memset(long_format, 'n', sizeof(long_format));
	long_format[0] = '[';
	long_format[TERN_CBOR_MAX_VALUES] = ']';
	long_format[TERN_CBOR_MAX_VALUES + 1] = '\0';
	writer_begin(&w);
	ck_assert_int_eq(tern_cbor_pack(&w, long_format), 0);
	long_format[TERN_CBOR_MAX_VALUES] = 'n';
	long_format[TERN_CBOR_MAX_VALUES + 1] = ']';
	long_format[TERN_CBOR_MAX_VALUES + 2] = '\0';
	assert_refuses(long_format);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	static const char *const strings[] = {"a", NULL};

	assert_refuses("s", NULL);
	assert_refuses("[is]", INT64_C(1), "\xff");
	assert_refuses("t", "\xc3", (size_t)1);
	assert_refuses("t", NULL, (size_t)1);
	assert_refuses("y", NULL, (size_t)1);
	assert_refuses("v", NULL, (size_t)0);
	assert_refuses("v", "", (size_t)0);
	assert_refuses("v", "\0\0", (size_t)2);
	assert_refuses("v", "\x81", (size_t)1);
	assert_refuses("*s", strings, (size_t)2);
	assert_refuses("*i", NULL, (size_t)1);
	assert_refuses("h", 0);
}
END_TEST

START_TEST(refusals_are_explained)
{
	struct tern_error error = {{0}, {0}};
	struct tern_cbor_hooks hooks = {.error = &error};
	struct tern_cbor_writer w;
	va_list none;

	memset(&none, 0, sizeof(none));
	writer_begin(&w);
	ck_assert_int_eq(tern_cbor_packv(&w, &hooks, "[nq]", none), -EINVAL);
	ck_assert_str_eq(error.name, "tern.cbor.Format");
	ck_assert_str_eq(error.text, "the format is not understood at character 3: q]");
}
END_TEST

struct descriptors {
	int fds[4];
	int n, fail;
};

static int
attach(void *user, int fd)
{
	struct descriptors *d = user;

	if (d->fail)
		return d->fail;
	d->fds[d->n] = fd;
	return d->n++;
}

static int
pack_hooked(
	struct tern_cbor_writer *w, const struct tern_cbor_hooks *hooks, const char *format, ...)
{
	va_list ap;
	int e;

	va_start(ap, format);
	e = tern_cbor_packv(w, hooks, format, ap);
	va_end(ap);
	return e;
}

START_TEST(descriptors_are_attached_in_order)
{
	struct descriptors d = {.n = 0};
	struct tern_error error = {{0}, {0}};
	struct tern_cbor_hooks hooks = {.user = &d, .attach = attach, .error = &error};
	struct tern_cbor_writer w;
	size_t size;

	writer_begin(&w);
	ck_assert_int_eq(pack_hooked(&w, &hooks, "{a:h,?b:h,c:[h]}", 7, 0, 8, 9), 0);
	assert_written(&w, "a26161da7465726e00616381da7465726e01");
	ck_assert_int_eq(d.n, 2);
	ck_assert_int_eq(d.fds[0], 7);
	ck_assert_int_eq(d.fds[1], 9);

	/* Nothing is attached for what is refused. */
	d.n = 0;
	writer_begin(&w);
	ck_assert_int_eq(pack_hooked(&w, &hooks, "{a:h,b:s}", 7, NULL), -EINVAL);
	ck_assert_int_eq(d.n, 0);
	ck_assert_str_eq(error.name, "tern.cbor.Argument");
	ck_assert_ptr_nonnull(strstr(error.text, "s of b"));

	d.fail = -EMFILE;
	writer_begin(&w);
	ck_assert_int_eq(pack_hooked(&w, &hooks, "h", 7), -EMFILE);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -EMFILE);
}
END_TEST

START_TEST(pack_fits_into_what_is_written_by_hand)
{
	struct tern_cbor_writer w;
	size_t size;

	writer_begin(&w);
	tern_cbor_put_array(&w, 2);
	ck_assert_int_eq(tern_cbor_pack(&w, "{a:i}", INT64_C(1)), 0);
	ck_assert_int_eq(tern_cbor_pack(&w, "s", "x"), 0);
	assert_written(&w, "82a16161016178");

	writer_begin(&w);
	tern_cbor_open_text(&w);
	ck_assert_int_eq(tern_cbor_pack(&w, "i", INT64_C(1)), -EINVAL);

	/* The first run tells the size, the second writes. */
	tern_cbor_writer_init(&w, NULL, 0);
	ck_assert_int_eq(tern_cbor_pack(&w, "[ss]", "hello", "world"), 0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -ENOBUFS);
	ck_assert_uint_eq(size, 13);
	tern_cbor_writer_init(&w, buffer, size - 1);
	ck_assert_int_eq(tern_cbor_pack(&w, "[ss]", "hello", "world"), 0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -ENOBUFS);
	tern_cbor_writer_init(&w, buffer, size);
	ck_assert_int_eq(tern_cbor_pack(&w, "[ss]", "hello", "world"), 0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
}
END_TEST

#define assert_is_flat(hex, ...)                                                                   \
	do {                                                                                       \
		assert_packs(hex, __VA_ARGS__);                                                    \
		ck_assert_uint_eq(pack_flat(sizeof(buffer), __VA_ARGS__), strlen(hex) / 2);        \
	} while (0)

START_TEST(flat_formats_take_one_pass)
{
	assert_is_flat("f5", "b", 7);
	assert_is_flat("3903e7", "i", INT64_C(-1000));
	assert_is_flat("17", "i", INT64_C(23));
	assert_is_flat("1818", "u", UINT64_C(24));
	assert_is_flat("190100", "u", UINT64_C(256));
	assert_is_flat("1a00010000", "u", UINT64_C(65536));
	assert_is_flat("1b0000000100000000", "u", UINT64_C(1) << 32);
	assert_is_flat("f93e00", "d", 1.5);
	assert_is_flat("fa47c35000", "d", 100000.0);
	assert_is_flat("fb3ff199999999999a", "d", 1.1);
	assert_is_flat("62c3bc", "s", "\xc3\xbc");
	assert_is_flat("40", "y", NULL, (size_t)0);
	assert_is_flat("f6", "n");
	assert_is_flat("80", "[]");
	assert_is_flat("a0", "{}");
	assert_is_flat("846161f40241ff", "[s,buy]", "a", 0, UINT64_C(2), "\xff", (size_t)1);
	assert_is_flat("a2646e616d65616263622e7a20", "{name:s,b.z:i}", "b", INT64_C(-1));
}
END_TEST

START_TEST(other_formats_take_two)
{
	ck_assert_uint_eq(pack_flat(sizeof(buffer), "[[u]]", UINT64_C(1)), 0);
	ck_assert_uint_eq(pack_flat(sizeof(buffer), "{?a:u}", 1, UINT64_C(1)), 0);
	ck_assert_uint_eq(pack_flat(sizeof(buffer), "*u", (const uint64_t[]){1}, (size_t)1), 0);
	ck_assert_uint_eq(pack_flat(sizeof(buffer), "v", "\x82\1\2", (size_t)3), 0);
	ck_assert_uint_eq(pack_flat(sizeof(buffer), "h", 0), 0);
	ck_assert_uint_eq(pack_flat(sizeof(buffer), " u", UINT64_C(1)), 0);
}
END_TEST

START_TEST(flat_values_stay_in_their_room)
{
	static const uint8_t bytes[300];
	static const size_t sizes[] = {0, 1, 23, 24, 255, 256, 300};

	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		size_t size = sizes[k];

		for (size_t room = 0; room <= size + 16; room++) {
			ck_assert_uint_le(pack_flat(room, "[yu]", bytes, size, UINT64_MAX), room);
			ck_assert_uint_eq(buffer[room], 0xee);
			ck_assert_uint_eq(buffer[room + 8], 0xee);
		}
		ck_assert_uint_gt(pack_flat(size + 22, "[yu]", bytes, size, UINT64_MAX), size);
	}
	ck_assert_uint_eq(pack_flat(sizeof(buffer), "y", bytes, SIZE_MAX), 0);
}
END_TEST

static Suite *
cbor_pack_suite(void)
{
	Suite *suite = suite_create("cbor-pack");
	TCase *tc = tcase_create("pack");

	tcase_add_test(tc, each_letter_writes_its_item);
	tcase_add_test(tc, containers_nest);
	tcase_add_test(tc, arrays_of_any_number);
	tcase_add_test(tc, optional_members_can_be_left_out);
	tcase_add_test(tc, bad_formats_are_refused);
	tcase_add_test(tc, bad_arguments_are_refused);
	tcase_add_test(tc, refusals_are_explained);
	tcase_add_test(tc, descriptors_are_attached_in_order);
	tcase_add_test(tc, pack_fits_into_what_is_written_by_hand);
	tcase_add_test(tc, flat_formats_take_one_pass);
	tcase_add_test(tc, other_formats_take_two);
	tcase_add_test(tc, flat_values_stay_in_their_room);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(cbor_pack_suite());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
