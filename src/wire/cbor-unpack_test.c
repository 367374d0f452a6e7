/* SPDX-License-Identifier: MIT */

/*
 * cbor-unpack: what each letter takes, what is refused, and that nothing is set then
 */

#include <math.h>

#include "base/attribute.h"
#include "wire/cbor-test-bytes.h"
#include "wire/cbor-vectors.h"
#include "wire/cbor.h"

/* Unpacking with all hooks: memory of just the size asked for, descriptors 100, 101, 102. */
struct context {
	char *memory;
	size_t memory_size;
	int n_calls;
	bool no_memory;
	struct tern_error error;
};

static void *
context_memory(void *user, size_t size)
{
	struct context *c = user;

	c->n_calls++;
	if (c->no_memory)
		return NULL;
	c->memory = malloc(size);
	c->memory_size = size;
	return c->memory;
}

static int
context_descriptor(void *user, uint64_t index)
{
	return index < 3 ? 100 + (int)index : -ENOENT;
}

static void
context_clear(struct context *c)
{
	free(c->memory);
	*c = (struct context){0};
}

static int
unpack(struct context *c, const char *hex, const char *format, ...)
{
	struct tern_cbor_hooks hooks = {.user = c,
		.descriptor = context_descriptor,
		.memory = context_memory,
		.error = &c->error};
	static uint8_t *bytes; /* what t, y and v point into lives until the next call */
	size_t size;
	va_list ap;
	int e;

	free(bytes);
	bytes = bytes_of(hex, &size);
	free(c->memory);
	c->memory = NULL;
	c->memory_size = 0;
	c->n_calls = 0;
	va_start(ap, format);
	e = tern_cbor_unpackv(bytes, size, &hooks, format, ap);
	va_end(ap);
	ck_assert_uint_le(c->memory_size, size);
	return e;
}

#define assert_fault(c, fault, ...)                                                                \
	do {                                                                                       \
		ck_assert_int_eq(unpack(c, __VA_ARGS__), -EBADMSG);                                \
		ck_assert_str_eq((c)->error.name, "tern.cbor." fault);                             \
	} while (0)

START_TEST(each_letter_takes_its_item)
{
	struct context c = {0};
	const void *bytes;
	const char *text;
	uint64_t u;
	int64_t i;
	size_t n;
	double d;
	bool b;
	int fd;

	ck_assert_int_eq(unpack(&c, "", ""), 0);
	ck_assert_int_eq(unpack(&c, "f5", "b", &b), 0);
	ck_assert(b);
	ck_assert_int_eq(unpack(&c, "3b7fffffffffffffff", "i", &i), 0);
	ck_assert(i == INT64_MIN);
	ck_assert_int_eq(unpack(&c, "1bffffffffffffffff", "u", &u), 0);
	ck_assert(u == UINT64_MAX);
	ck_assert_int_eq(unpack(&c, "fa47c35000", "d", &d), 0);
	ck_assert(d == 100000.0);
	ck_assert_int_eq(unpack(&c, "24", "d", &d), 0);
	ck_assert(d == -5.0);
	ck_assert_int_eq(unpack(&c, "6449455446", "s", &text), 0);
	ck_assert_str_eq(text, "IETF");
	ck_assert_int_eq(c.n_calls, 1);
	ck_assert_uint_eq(c.memory_size, 5);
	ck_assert_int_eq(unpack(&c, "63610062", "t", &text, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_mem_eq(text, "a\0b", 3);
	ck_assert_int_eq(unpack(&c, "420102", "y", &bytes, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_mem_eq(bytes, "\1\2", 2);
	ck_assert_int_eq(c.n_calls, 0);
	ck_assert_int_eq(unpack(&c, "da7465726e02", "h", &fd), 0);
	ck_assert_int_eq(fd, 102);
	ck_assert_int_eq(unpack(&c, "f6", "n"), 0);
	ck_assert_int_eq(unpack(&c, "82c1009fff", "v", &bytes, &n), 0);
	ck_assert_uint_eq(n, 5);
	context_clear(&c);
}
END_TEST

START_TEST(strings_in_pieces_are_joined)
{
	struct context c = {0};
	const char *text, *other;
	const void *bytes;
	size_t n;

	ck_assert_int_eq(unpack(&c, "7f657374726561646d696e67ff", "s", &text), 0);
	ck_assert_str_eq(text, "streaming");
	ck_assert_int_eq(unpack(&c, "7fff", "s", &text), 0);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(unpack(&c, "5f42010243030405ff", "y", &bytes, &n), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(bytes, "\1\2\3\4\5", 5);
	ck_assert_int_eq(unpack(&c, "827f61616162ff7f60ff", "[st]", &text, &other, &n), 0);
	ck_assert_str_eq(text, "ab");
	ck_assert_uint_eq(n, 0);
	/* Without memory for it that is a fault. */
	ck_assert_int_eq(tern_cbor_unpack("\x5f\x41\x00\xff", 4, NULL, "y", &bytes, &n), -EBADMSG);
	ck_assert_int_eq(tern_cbor_unpack("\x41\x00", 2, NULL, "y", &bytes, &n), 0);
	context_clear(&c);
}
END_TEST

START_TEST(keys_come_in_any_order)
{
	struct context c = {0};
	int64_t a = 0, b = 0, d = 0;

	ck_assert_int_eq(unpack(&c, "a2616202616101", "{a:i,b:i}", &a, &b), 0);
	ck_assert_int_eq(a, 1);
	ck_assert_int_eq(b, 2);
	ck_assert_int_eq(unpack(&c, "a2616202616181a1617803", "{a:[{x:i}],b:i}", &a, &b), 0);
	ck_assert_int_eq(a, 3);
	/* Unknown keys of any kind are passed over. */
	ck_assert_int_eq(
		unpack(&c, "bf01f6616aa16161006161044100808001fb7ff000000000000000616205ff",
			"{a:i,b:i}", &a, &b),
		0);
	ck_assert_int_eq(a, 4);
	ck_assert_int_eq(b, 5);
	ck_assert_int_eq(unpack(&c, "a2616101626161f6", "{aa:n,a:i}", &d), 0);
	ck_assert_int_eq(d, 1);
	context_clear(&c);
}
END_TEST

START_TEST(optional_members_keep_their_default)
{
	struct context c = {0};
	int64_t a = 7, b = 8;
	const char *s = "default";
	const void *item = NULL;
	size_t n = 0;

	ck_assert_int_eq(unpack(&c, "a0", "{?a:i,?b:[s]}", &a, &s), 0);
	ck_assert_int_eq(a, 7);
	ck_assert_str_eq(s, "default");
	ck_assert_int_eq(c.n_calls, 0);
	ck_assert_int_eq(unpack(&c, "a26161f66162f6", "{?a:i,?b:[s]}", &a, &s), 0);
	ck_assert_int_eq(a, 7);
	ck_assert_str_eq(s, "default");
	ck_assert_int_eq(unpack(&c, "a1616101", "{?a:i,?b:i}", &a, &b), 0);
	ck_assert_int_eq(a, 1);
	ck_assert_int_eq(b, 8);
	/* null is a value to n and v */
	ck_assert_int_eq(unpack(&c, "a26161f66162f6", "{?a:n,?b:v}", &item, &n), 0);
	ck_assert_uint_eq(n, 1);
	/* Inside an optional member that is there, members are needed as ever. */
	assert_fault(&c, "Missing", "a16161a0", "{?a:{x:i}}", &a);
	ck_assert_int_eq(unpack(&c, "a0", "{?a:{x:i}}", &a), 0);
	assert_fault(&c, "Duplicate", "a26161f6616102", "{?a:i}", &a);
	context_clear(&c);
}
END_TEST

START_TEST(arrays_of_any_number)
{
	struct context c = {0};
	int64_t numbers[3] = {0};
	const char *strings[2];
	double floats[2];
	bool flags[2];
	uint64_t big[2];
	size_t n;

	n = 3;
	ck_assert_int_eq(unpack(&c, "8301201864", "*i", numbers, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(numbers[2], 100);
	n = 3;
	ck_assert_int_eq(unpack(&c, "9f0203ff", "*i", numbers, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(numbers[0], 2);
	n = 2;
	assert_fault(&c, "Length", "8301201864", "*i", numbers, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(unpack(&c, "826161627878", "*s", strings, &n), 0);
	ck_assert_str_eq(strings[0], "a");
	ck_assert_str_eq(strings[1], "xx");
	ck_assert_uint_eq(c.memory_size, 5);
	ck_assert_int_eq(unpack(&c, "827f6161627878ff60", "*s", strings, &n), 0);
	ck_assert_str_eq(strings[0], "axx");
	ck_assert_str_eq(strings[1], "");
	ck_assert_int_eq(unpack(&c, "8201f93e00", "*d", floats, &n), 0);
	ck_assert(floats[0] == 1.0 && floats[1] == 1.5);
	ck_assert_int_eq(unpack(&c, "82f5f4", "*b", flags, &n), 0);
	ck_assert(flags[0] && !flags[1]);
	ck_assert_int_eq(unpack(&c, "811bffffffffffffffff", "*u", big, &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert(big[0] == UINT64_MAX);
	n = 2;
	assert_fault(&c, "Type", "820160", "*i", numbers, &n);
	assert_fault(&c, "Range", "820120", "*u", big, &n);
	n = 0;
	ck_assert_int_eq(unpack(&c, "80", "*s", NULL, &n), 0);
	context_clear(&c);
}
END_TEST

START_TEST(nothing_is_set_unless_all_is_well)
{
	struct context c = {0};
	int64_t a = 7, numbers[2] = {7, 7};
	const char *s = "old";
	size_t n = 2;

	assert_fault(&c, "Type", "8401626162820102f6", "[i s *i b]", &a, &s, numbers, &n, NULL);
	ck_assert_int_eq(a, 7);
	ck_assert_str_eq(s, "old");
	ck_assert_int_eq(numbers[0], 7);
	assert_fault(&c, "Missing", "a1616101", "{a:i,b:i}", &a, &a);
	assert_fault(&c, "Trailing", "0101", "i", &a);
	ck_assert_int_eq(a, 7);
	c.no_memory = true;
	ck_assert_int_eq(unpack(&c, "82016161", "[is]", &a, &s), -ENOMEM);
	ck_assert_str_eq(c.error.name, "tern.cbor.Memory");
	ck_assert_int_eq(a, 7);
	ck_assert_str_eq(s, "old");
	context_clear(&c);
}
END_TEST

START_TEST(outputs_that_are_not_wanted)
{
	struct context c = {0};
	int64_t a;
	size_t n;

	ck_assert_int_eq(
		unpack(&c, "8601616141f4f6f63864", "[i s y b n n]", NULL, NULL, NULL, NULL, NULL),
		-EBADMSG);
	ck_assert_int_eq(unpack(&c, "860161614101f5f63863", "[i s y b n i]", NULL, NULL, NULL, NULL,
				 NULL, &a),
		0);
	ck_assert_int_eq(a, -100);
	ck_assert_int_eq(unpack(&c, "81f93e00", "[d]", NULL), 0);
	ck_assert_int_eq(unpack(&c, "4101", "y", NULL, &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(unpack(&c, "da7465726e00", "h", NULL), 0);
	context_clear(&c);
}
END_TEST

START_TEST(each_fault_has_its_name)
{
	struct context c = {0};
	uint64_t u;
	int64_t i;
	double d;
	const char *s;
	size_t n = 1;
	int fd;

	assert_fault(&c, "Truncated", "", "i", &i);
	assert_fault(&c, "Trailing", "00", "");
	assert_fault(&c, "Truncated", "6261", "s", &s);
	assert_fault(&c, "Range", "1b8000000000000000", "i", &i);
	assert_fault(&c, "Range", "3b8000000000000000", "i", &i);
	assert_fault(&c, "Range", "20", "u", &u);
	assert_fault(&c, "Range", "1b0020000000000001", "d", &d);
	assert_fault(&c, "Range", "1bffffffffffffffff", "d", &d);
	assert_fault(&c, "Type", "f90000", "i", &i);
	assert_fault(&c, "Type", "f90000", "u", &u);
	assert_fault(&c, "Type", "f7", "n");
	assert_fault(&c, "Type", "4161", "s", &s);
	assert_fault(&c, "Type", "c06161", "s", &s);
	assert_fault(&c, "Type", "6161", "y", &s, &n);
	assert_fault(&c, "Nul", "63610062", "s", &s);
	assert_fault(&c, "Nul", "7f61616100ff", "s", &s);
	assert_fault(&c, "Utf8", "61ff", "s", &s);
	assert_fault(&c, "Utf8", "7f61ffff", "s", &s);
	assert_fault(&c, "Length", "820102", "[i]", &i);
	assert_fault(&c, "Length", "8101", "[ii]", &i, &i);
	assert_fault(&c, "Length", "9f01ff", "[ii]", &i, &i);
	assert_fault(&c, "Length", "80", "[i]", &i);
	assert_fault(&c, "Type", "a0", "[i]", &i);
	assert_fault(&c, "Type", "80", "{a:i}", &i);
	assert_fault(&c, "Missing", "a0", "{a:i}", &i);
	assert_fault(&c, "Duplicate", "a2616101616102", "{a:i}", &i);
	assert_fault(&c, "Key", "a17f6161ff01", "{a:i}", &i);
	assert_fault(&c, "Descriptor", "da7465726e03", "h", &fd);
	assert_fault(&c, "Type", "c103", "h", &fd);
	assert_fault(&c, "Type", "03", "h", &fd);
	assert_fault(&c, "Type", "da7465726e20", "h", &fd);
	/* Faults inside what is passed over count too. */
	assert_fault(&c, "Utf8", "a26162a1616161ff616101", "{a:i}", &i);
	assert_fault(&c, "Reserved", "a261621c616101", "{a:i}", &i);
	context_clear(&c);
}
END_TEST

START_TEST(faults_say_where)
{
	struct context c = {0};
	int64_t i;

	assert_fault(&c, "Type", "a2616101667661756c7473f6", "{a:i,vaults:i}", &i, &i);
	ck_assert_str_eq(c.error.text, "byte 11, member \"vaults\": a value of another type");
	assert_fault(&c, "Missing", "a1616101", "{a:i,volume:i}", &i, &i);
	ck_assert_ptr_nonnull(strstr(c.error.text, "member \"volume\""));
	assert_fault(&c, "Type", "f6", "i", &i);
	ck_assert_str_eq(c.error.text, "byte 0: a value of another type");
	context_clear(&c);
}
END_TEST

START_TEST(each_vector_is_taken_or_named)
{
	const struct cbor_vector *v = &cbor_vectors[_i];
	struct context c = {0};
	/* Room for whatever the longest format takes; none of it is two words for one letter. */
	uint64_t out[32] = {0};
	const void *item = NULL;
	size_t size, item_size = 0;
	_cleanup_(freep) uint8_t *bytes = bytes_of(v->hex, &size);

	ck_assert_int_eq(unpack(&c, v->hex, "v", &item, &item_size), 0);
	ck_assert_uint_eq(item_size, size);
	ck_assert_mem_eq(item, bytes, size);
	if (v->format[0])
		ck_assert_msg(unpack(&c, v->hex, v->format, &out[0], &out[1], &out[2], &out[3],
				      &out[4], &out[5], &out[6], &out[7], &out[8], &out[9],
				      &out[10], &out[11], &out[12], &out[13], &out[14], &out[15],
				      &out[16], &out[17], &out[18], &out[19], &out[20], &out[21],
				      &out[22], &out[23], &out[24]) == 0,
			"%s: %s", v->diag, c.error.text);
	if (v->fault) {
		ck_assert_int_eq(unpack(&c, v->hex, "i", &out[0]), -EBADMSG);
		ck_assert_str_eq(c.error.name, v->fault);
	} else {
		ck_assert_str_eq(v->format, "i");
		ck_assert_int_eq((int64_t)out[0], strtoll(v->diag, NULL, 10));
	}
	context_clear(&c);
}
END_TEST

START_TEST(strings_go_to_the_callers_memory)
{
	char room[8];
	struct tern_cbor_strings strings = {room, sizeof(room), 0};
	const char *a = NULL, *b = NULL;

	ck_assert_int_eq(
		tern_cbor_unpack("\x82\x61\x61\x62\x62\x62", 6, &strings, "[ss]", &a, &b), 0);
	ck_assert_str_eq(a, "a");
	ck_assert_str_eq(b, "bb");
	ck_assert_uint_eq(strings.used, 5);
	b = NULL;
	ck_assert_int_eq(tern_cbor_unpack("\x63\x61\x61\x61", 4, &strings, "s", &b), -ENOBUFS);
	ck_assert_ptr_null(b);
	ck_assert_uint_eq(strings.used, 5);
	ck_assert_int_eq(tern_cbor_unpack("\x62\x61\x61", 3, &strings, "s", &b), 0);
	ck_assert_str_eq(a, "a");
	ck_assert_str_eq(b, "aa");
	ck_assert_int_eq(tern_cbor_unpack("\x60", 1, NULL, "s", &b), -EINVAL);
	ck_assert_int_eq(tern_cbor_unpack("\xf6", 1, NULL, "h", &b), -EINVAL);
	ck_assert_int_eq(tern_cbor_unpack("\x80", 1, NULL, "*i", NULL, NULL), -EINVAL);
	ck_assert_int_eq(tern_cbor_unpack("\x80", 1, NULL, "q"), -EINVAL);
}
END_TEST

START_TEST(what_is_packed_comes_back)
{
	struct tern_cbor_strings strings;
	static const int64_t in[] = {INT64_MIN, -1, 0, INT64_MAX};
	struct tern_cbor_writer w;
	uint8_t buf[256];
	char room[256];
	int64_t i, out[4];
	size_t size, n = 4, n_y;
	uint64_t u;
	double d;
	const char *s;
	const void *y;
	bool b;

	tern_cbor_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(tern_cbor_pack(&w, "{b:b,i:i,in:{u:u,d:d},s:s,y:y,a:*i,n:n,?o:s}", 1,
				 INT64_C(-5), UINT64_C(5), 0.1, "\xe6\xb0\xb4", "\0\1", (size_t)2,
				 in, (size_t)4, 0, NULL),
		0);
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	strings = (struct tern_cbor_strings){room, size, 0};
	ck_assert_int_eq(tern_cbor_unpack(buf, size, &strings,
				 "{a:*i,?o:s,y:y,s:s,in:{d:d,u:u},i:i,n:n,b:b}", out, &n, &s, &y,
				 &n_y, &s, &d, &u, &i, &b),
		0);
	ck_assert(b && i == -5 && u == 5 && d == 0.1);
	ck_assert_str_eq(s, "\xe6\xb0\xb4");
	ck_assert_uint_eq(n_y, 2);
	ck_assert_mem_eq(y, "\0\1", 2);
	ck_assert_mem_eq(in, out, sizeof(in));
}
END_TEST

/* Messages that are unpacked without the cursor, and the same format as only the cursor understands it. */
static const struct {
	const char *format, *cursors, *hex;
} flat[] = {
	{"y", " y", "43010203"},
	{"y", " y", "581a0102030405060708090a0b0c0d0e0f101112131415161718191a"},
	{"y", " y", "5900020102"},
	{"t", " t", "63610062"},
	{"s", " s", "6449455446"},
	{"s", " s", "62c3a9"},
	{"u", " u", "1bffffffffffffffff"},
	{"i", " i", "3b7fffffffffffffff"},
	{"i", " i", "1903e8"},
	{"b", " b", "f5"},
	{"[su]", "[ su]", "82616105"},
	{"[y,b,i]", "[ y,b,i]", "834109f424"},
	{"{a:s,bc:u}", "{ a:s,bc:u}", "a2616162c3a96262631818"},
	{"{a:t,b:i}", "{ a:t,b:i}", "a2616161786162390100"},
	{"{a:u,a:u}", "{ a:u,a:u}", "a2616101616102"},
};

/* What unpacking gives, comparable: places are counted from where the buffer or the memory begins. */
struct outcome {
	int64_t e;
	uint64_t out[6];
	char memory[64];
	struct tern_error error;
};

static int
unpack_hooked(const uint8_t *bytes, size_t size, const struct tern_cbor_hooks *hooks, const char *format, ...)
{
	va_list ap;
	int e;

	va_start(ap, format);
	e = tern_cbor_unpackv(bytes, size, hooks, format, ap);
	va_end(ap);
	return e;
}

static void
outcome_get(const uint8_t *bytes, size_t size, const char *format, struct outcome *ret)
{
	struct context c = {0};
	struct tern_cbor_hooks hooks = {.user = &c, .memory = context_memory, .error = &c.error};
	uint64_t *o = ret->out;

	memset(ret, 0, sizeof(*ret));
	ret->e = unpack_hooked(bytes, size, &hooks, format, &o[0], &o[1], &o[2], &o[3], &o[4], &o[5]);
	for (size_t i = 0; i < ARRAY_SIZE(ret->out); i++) {
		if (c.memory && o[i] - (uintptr_t)c.memory < c.memory_size)
			o[i] = UINT64_C(1) << 40 | (o[i] - (uintptr_t)c.memory);
		else if (o[i] - (uintptr_t)bytes <= size)
			o[i] = UINT64_C(2) << 40 | (o[i] - (uintptr_t)bytes);
	}
	ck_assert_uint_le(c.memory_size, sizeof(ret->memory));
	if (c.memory)
		memcpy(ret->memory, c.memory, c.memory_size);
	ret->error = c.error;
	context_clear(&c);
}

static void
assert_same(const uint8_t *bytes, size_t size, size_t i)
{
	struct outcome fast, slow;

	outcome_get(bytes, size, flat[i].format, &fast);
	outcome_get(bytes, size, flat[i].cursors, &slow);
	if (fast.e == -EINVAL) /* where the format is wrong differs by the space */
		fast.error = slow.error;
	ck_assert_mem_eq(&fast, &slow, sizeof(fast));
}

START_TEST(flat_messages_are_taken_as_the_cursor_does)
{
	size_t size;
	uint8_t *bytes = bytes_of(flat[_i].hex, &size), *copy;

	assert_same(bytes, size, (size_t)_i);
	for (size_t at = 0; at < size; at++) {
		uint8_t right = bytes[at];

		for (unsigned int wrong = 0; wrong < 256; wrong++) {
			bytes[at] = (uint8_t)wrong;
			assert_same(bytes, size, (size_t)_i);
		}
		bytes[at] = right;
	}
	for (size_t n = 0; n <= size + 1; n++) { /* cut off, or with something behind it */
		copy = calloc(n ? n : 1, 1);
		memcpy(copy, bytes, n < size ? n : size);
		assert_same(copy, n, (size_t)_i);
		free(copy);
	}
	free(bytes);
}
END_TEST

static Suite *
cbor_unpack_suite(void)
{
	Suite *suite = suite_create("cbor-unpack");
	TCase *tc = tcase_create("unpack");

	tcase_add_test(tc, each_letter_takes_its_item);
	tcase_add_test(tc, strings_in_pieces_are_joined);
	tcase_add_test(tc, keys_come_in_any_order);
	tcase_add_test(tc, optional_members_keep_their_default);
	tcase_add_test(tc, arrays_of_any_number);
	tcase_add_test(tc, nothing_is_set_unless_all_is_well);
	tcase_add_test(tc, outputs_that_are_not_wanted);
	tcase_add_test(tc, each_fault_has_its_name);
	tcase_add_test(tc, faults_say_where);
	tcase_add_loop_test(tc, each_vector_is_taken_or_named, 0, ARRAY_SIZE(cbor_vectors));
	tcase_add_loop_test(tc, flat_messages_are_taken_as_the_cursor_does, 0, ARRAY_SIZE(flat));
	tcase_add_test(tc, strings_go_to_the_callers_memory);
	tcase_add_test(tc, what_is_packed_comes_back);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(cbor_unpack_suite());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
