/* SPDX-License-Identifier: MIT */

/*
 * cbor-get-packed: values that are made by functions, and bytes out of line, there and back
 */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tern/cbor.h>

#include "wire/cbor-test-bytes.h"

enum { N_PARTS = 3, PART_SIZE = 8, MOST_MEMORY = 4096 };

/* What a message does for formats. */
struct message {
	struct tern_error error;
	char parts[N_PARTS][PART_SIZE];
	int n_lent;
	int fail;
	char memory[MOST_MEMORY];
	size_t used;
};

static int
lend(void *user, size_t size, void **ret)
{
	struct message *m = user;

	if (m->fail)
		return m->fail;
	ck_assert_uint_le(size, PART_SIZE);
	*ret = m->parts[++m->n_lent];
	return m->n_lent;
}

static int
part(void *user, uint64_t number, const void **ret, size_t *ret_size)
{
	struct message *m = user;

	if (m->fail)
		return m->fail;
	if (number == 0 || number >= N_PARTS)
		return -ENOENT;
	*ret = m->parts[number];
	*ret_size = strlen(m->parts[number]);
	return 0;
}

static void *
memory(void *user, size_t size)
{
	struct message *m = user;
	size_t at = m->used;

	if (size > MOST_MEMORY - at)
		return NULL;
	m->used += (size + 15) / 16 * 16;
	return m->memory + at;
}

static struct tern_cbor_hooks
hooks_of(struct message *m)
{
	return (struct tern_cbor_hooks){
		.user = m, .lend = lend, .part = part, .memory = memory, .error = &m->error};
}

static int
pack(struct message *m, struct tern_cbor_writer *w, const char *format, ...)
{
	struct tern_cbor_hooks hooks = hooks_of(m);
	va_list ap;
	int e;

	va_start(ap, format);
	e = tern_cbor_packv(w, &hooks, format, ap);
	va_end(ap);
	return e;
}

static int
unpack(struct message *m, const void *bytes, size_t size, const char *format, ...)
{
	struct tern_cbor_hooks hooks = hooks_of(m);
	va_list ap;
	int e;

	va_start(ap, format);
	e = tern_cbor_unpackv(bytes, size, &hooks, format, ap);
	va_end(ap);
	return e;
}

static int
unpack_hex(struct message *m, const char *hex, const char **ret, size_t *ret_size)
{
	uint8_t *bytes;
	size_t size;
	int e;

	bytes = bytes_of(hex, &size);
	*ret = NULL;
	e = unpack(m, bytes, size, "y", ret, ret_size);
	free(bytes);
	return e;
}

/* -------- bytes out of line -------- */

START_TEST(what_is_lent_is_found_again)
{
	static struct message m;
	struct tern_cbor_writer w;
	const void *first, *second;
	void *to[2];
	uint8_t buf[64];
	size_t size, sizes[2];

	tern_cbor_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(pack(&m, &w, "{a:p,?no:p,b:p}", (size_t)6, &to[0], 0, (size_t)0, NULL, (size_t)4, &to[1]), 0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	ck_assert_int_eq(m.n_lent, 2);
	strcpy(to[0], "first");
	strcpy(to[1], "2nd");
	ck_assert_int_eq(unpack(&m, buf, size, "{b:y,a:y}", &second, &sizes[1], &first, &sizes[0]), 0);
	ck_assert_ptr_eq(first, to[0]);
	ck_assert_ptr_eq(second, to[1]);
	ck_assert_uint_eq(sizes[0], 5);
	ck_assert_uint_eq(sizes[1], 3);
}
END_TEST

START_TEST(parts_that_are_none_are_refused)
{
	static struct message m;
	const char *bytes;
	size_t size;

	static const char *const wrong[] = {"da7465727000", "da7465727003", "da746572701bffffffffffffffff"};

	ck_assert_int_eq(unpack_hex(&m, "da7465727001", &bytes, &size), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(unpack_hex(&m, wrong[i], &bytes, &size), -EBADMSG);
		ck_assert_str_eq(m.error.name, "tern.cbor.Part");
		ck_assert_ptr_null(bytes);
	}
	ck_assert_int_eq(unpack_hex(&m, "da7465726e01", &bytes, &size), -EBADMSG);
	ck_assert_str_eq(m.error.name, "tern.cbor.Type");
	ck_assert_int_eq(unpack_hex(&m, "da7465727061", &bytes, &size), -EBADMSG);
	ck_assert_int_eq(unpack_hex(&m, "da74657270", &bytes, &size), -EBADMSG);
	m.fail = -E2BIG;
	ck_assert_int_eq(unpack_hex(&m, "da7465727001", &bytes, &size), -E2BIG);
	/* where no message is, there are no parts */
	ck_assert_int_eq(tern_cbor_unpack("\xda" "terp\x01", 6, NULL, "y", &bytes, &size), -EBADMSG);
	ck_assert_int_eq(tern_cbor_unpack("\x00", 1, NULL, "p", &bytes, &size), -EINVAL);
}
END_TEST

START_TEST(lending_may_fail)
{
	static struct message m;
	struct tern_cbor_writer w;
	size_t size;
	void *to;

	m.fail = -EAGAIN;
	tern_cbor_writer_init(&w, NULL, 0);
	ck_assert_int_eq(pack(&m, &w, "p", (size_t)1, &to), -EAGAIN);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -EAGAIN);
	tern_cbor_writer_init(&w, NULL, 0);
	ck_assert_int_eq(tern_cbor_pack(&w, "p", (size_t)1, &to), -EINVAL);
}
END_TEST

/* -------- functions -------- */

struct place {
	const char *name;
	int64_t x;
};

struct places {
	const struct place *items;
	size_t n;
};

static void
put_place(struct tern_cbor_writer *w, const void *value)
{
	const struct place *place = value;

	tern_cbor_pack(w, "{name:s,x:i}", place->name, place->x);
}

static void
put_places(struct tern_cbor_writer *w, const void *value)
{
	const struct places *places = value;

	tern_cbor_put_array(w, places->n);
	for (size_t i = 0; i < places->n; i++)
		tern_cbor_pack(w, "f", put_place, &places->items[i]);
}

static int
get_place(struct tern_cbor_reader *r, void *ret)
{
	struct place *place = ret;

	return tern_cbor_get_packed(r, "{name:s,?x:i}", &place->name, &place->x);
}

static int
get_places(struct tern_cbor_reader *r, void *ret)
{
	struct places *places = ret;
	void *items;
	int e;

	e = tern_cbor_get_array(r, sizeof(*places->items), get_place, &items, &places->n);
	if (!e)
		places->items = items;
	return e;
}

static int
get_entry(struct tern_cbor_reader *r, void *ret)
{
	struct place *place = ret;
	int e = tern_cbor_get_packed(r, "s", &place->name);

	return e ? e : tern_cbor_get_packed(r, "i", &place->x);
}

static int
get_entries(struct tern_cbor_reader *r, void *ret)
{
	struct places *places = ret;
	void *items;
	int e;

	e = tern_cbor_get_map(r, sizeof(*places->items), get_entry, &items, &places->n);
	if (!e)
		places->items = items;
	return e;
}

START_TEST(functions_make_what_formats_cannot)
{
	static const struct place two[] = {{"here", 1}, {"there", -2}};
	static struct message m;
	struct places places = {two, 2}, back = {0}, none = {0};
	struct tern_cbor_writer w;
	uint8_t buf[128];
	const char *after;
	size_t size;

	tern_cbor_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(pack(&m, &w, "{at:f,?no:f,after:s}", put_places, &places, 0, put_places, NULL, "x"), 0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	ck_assert_int_eq(unpack(&m, buf, size, "{after:s,at:f,?no:f}", &after, get_places, &back, get_places, &none), 0);
	ck_assert_str_eq(after, "x");
	ck_assert_uint_eq(back.n, 2);
	ck_assert_str_eq(back.items[1].name, "there");
	ck_assert_int_eq(back.items[0].x, 1);
	ck_assert_ptr_null(none.items);
}
END_TEST

START_TEST(elements_of_unknown_number)
{
	static struct message m;
	struct places places = {0};
	uint8_t *bytes;
	size_t size;

	bytes = bytes_of("9fa1646e616d656161a1646e616d656162ff", &size);
	ck_assert_int_eq(unpack(&m, bytes, size, "f", get_places, &places), 0);
	free(bytes);
	ck_assert_uint_eq(places.n, 2);
	ck_assert_str_eq(places.items[1].name, "b");
	ck_assert_int_eq(places.items[1].x, 0); /* memory begins as zeroes */
	bytes = bytes_of("bf616105616206ff", &size);
	ck_assert_int_eq(unpack(&m, bytes, size, "f", get_entries, &places), 0);
	free(bytes);
	ck_assert_uint_eq(places.n, 2);
	ck_assert_str_eq(places.items[0].name, "a");
	ck_assert_int_eq(places.items[1].x, 6);
}
END_TEST

START_TEST(what_is_wrong_inside_is_told)
{
	static struct message m;
	struct places places = {0};
	const char *after = "before";
	uint8_t *bytes;
	size_t size;

	bytes = bytes_of("a2616181a1646e616d6505616b6178", &size);
	ck_assert_int_eq(unpack(&m, bytes, size, "{a:f,k:s}", get_places, &places, &after), -EBADMSG);
	free(bytes);
	ck_assert_str_eq(m.error.name, "tern.cbor.Type");
	ck_assert_ptr_nonnull(strstr(m.error.text, "\"name\""));
	ck_assert_str_eq(after, "before");
	bytes = bytes_of("05", &size);
	ck_assert_int_eq(unpack(&m, bytes, size, "f", get_places, &places), -EBADMSG);
	free(bytes);
	ck_assert_str_eq(m.error.name, "tern.cbor.Type");
}
END_TEST

START_TEST(memory_has_an_end)
{
	static struct message m;
	struct places places = {0};
	uint8_t bytes[3 + 1000];

	memcpy(bytes, "\x99\x03\xe8", 3);
	memset(bytes + 3, 0xa0, 1000);
	ck_assert_int_eq(unpack(&m, bytes, sizeof(bytes), "f", get_places, &places), -ENOMEM);
	ck_assert_ptr_null(places.items);
}
END_TEST

static void
put_wrong(struct tern_cbor_writer *w, const void *value)
{
	tern_cbor_pack(w, "{name:s}", value);
}

START_TEST(functions_may_fail)
{
	static struct message m;
	struct tern_cbor_writer w;
	uint8_t buf[16];
	size_t size;

	tern_cbor_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(pack(&m, &w, "[f]", put_wrong, NULL), -EINVAL);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), -EINVAL);
	ck_assert_ptr_nonnull(strstr(m.error.text, "s of name"));
	tern_cbor_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(pack(&m, &w, "f", NULL, NULL), -EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cbor-get-packed");
	TCase *tcase = tcase_create("cbor-get-packed");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, what_is_lent_is_found_again);
	tcase_add_test(tcase, parts_that_are_none_are_refused);
	tcase_add_test(tcase, lending_may_fail);
	tcase_add_test(tcase, functions_make_what_formats_cannot);
	tcase_add_test(tcase, elements_of_unknown_number);
	tcase_add_test(tcase, what_is_wrong_inside_is_told);
	tcase_add_test(tcase, memory_has_an_end);
	tcase_add_test(tcase, functions_may_fail);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
