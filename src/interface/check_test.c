/* SPDX-License-Identifier: MIT */

/*
 * interface-check: which values an interface takes, and what is said of the others
 */

#include <check.h>
#include <stdio.h>
#include <tern/cbor.h>

#include "interface/check-quick.h"
#include "wire/cbor-test-bytes.h"

static const char text[] =
	"interface org.example.Test\n"
	"type Volume (left: int, right: ?int)\n"
	"type Node (value: int, next: ?Node)\n"
	"type State (joined, ready)\n"
	"type Bool (v: bool)\n"
	"type Int (v: int)\n"
	"type Uint (v: uint)\n"
	"type Float (v: float)\n"
	"type String (v: string)\n"
	"type Bytes (v: bytes)\n"
	"type Fd (v: fd)\n"
	"type Object (v: object)\n"
	"type Any (v: any)\n"
	"type Enum (v: State)\n"
	"type Array (v: []int)\n"
	"type Map (v: [string]int)\n"
	"type Maybe (v: ?int, w: ?Volume)\n"
	"type Deep (volume: Volume, players: [](name: string, at: [string][]?Volume))\n"
	"type Empty ()\n"
	"type List (node: Node)\n";

static struct interface *tree;

static void
setup(void)
{
	ck_assert_int_eq(interface_parse(text, strlen(text), &tree, NULL), 0);
}

static void
teardown(void)
{
	tree = interface_free(tree);
}

static int
checked(const char *type, const void *cbor, size_t size, uint32_t flags, struct check_fault *ret)
{
	const struct interface_member *member = interface_find(tree, type, strlen(type));
	struct check check = {.interface = tree, .n_fds = 2, .n_parts = 3, .flags = flags};

	ck_assert_ptr_nonnull(member);
	check.type = &member->types[0];
	if (quick_check(&check, cbor, size))
		ck_assert_int_eq(check_closely(&check, cbor, size, NULL), 0);
	return check_payload(&check, cbor, size, ret);
}

/* "{v" is the head of a map with a key v: what most of these values are in */
static uint8_t *
bytes_in(const char *hex, size_t *ret_size)
{
	char buf[256];

	if (hex[0] != '=')
		return bytes_of(hex, ret_size);
	ck_assert_uint_lt(strlen(hex), 200);
	(void)stpcpy(stpcpy(buf, "a16176"), hex + 1);
	return bytes_of(buf, ret_size);
}

/* -------- what is taken -------- */

static const struct {
	const char *type, *hex;
} good[] = {
	{"Bool", "=f4"},
	{"Bool", "=f5"},
	{"Int", "=00"},
	{"Int", "=1b7fffffffffffffff"},
	{"Int", "=3b7fffffffffffffff"},
	{"Uint", "=00"},
	{"Uint", "=1bffffffffffffffff"},
	{"Float", "=f93c00"},
	{"Float", "=fa7f800000"},
	{"Float", "=fb3ff0000000000001"},
	{"Float", "=05"},
	{"Float", "=1b0020000000000000"},
	{"Float", "=3b001fffffffffffff"},
	{"String", "=60"},
	{"String", "=63e29c93"},
	{"String", "=7f61616162ff"},
	{"String", "=6100"},
	{"Bytes", "=da7465727001"},
	{"Bytes", "=da7465727002"},
	{"Bytes", "=40"},
	{"Bytes", "=5f4100ff"},
	{"Fd", "=da7465726e00"},
	{"Fd", "=da7465726e01"},
	{"Object", "=a0"},
	{"Object", "=a10102"},
	{"Object", "=bf6161a0ff"},
	{"Any", "=f6"},
	{"Any", "=01"},
	{"Any", "=c100"},
	{"Any", "=820102"},
	{"Any", "=f7"},
	{"Enum", "=666a6f696e6564"},
	{"Enum", "=657265616479"},
	{"Array", "=80"},
	{"Array", "=8201382a"},
	{"Array", "=9f01ff"},
	{"Map", "=a0"},
	{"Map", "=a2616101616202"},
	{"Map", "=a2616201616102"},
	{"Map", "=bf616101ff"},
	{"Maybe", "a0"},
	{"Maybe", "=f6"},
	{"Maybe", "=01"},
	{"Maybe", "bfff"},
	{"Maybe", ""},
	{"Maybe", "a26177a1646c656674016176f6"},
	{"Volume", "a1646c65667401"},
	{"Volume", "a2657269676874f6646c65667401"},
	{"Deep", "a266766f6c756d65a1646c6566740167706c617965727380"},
	{"Deep", "a267706c617965727381a2646e616d6561616261 74a16178 82f6a1646c65667402"
		 "66766f6c756d65a1646c65667401"},
	{"Empty", ""},
	{"Empty", "a0"},
	{"Empty", "bfff"},
	{"State", "657265616479"},
	{"List", "a1646e6f6465a26576616c756501646e657874a16576616c756502"},
};

/* Blanks in the table are for the reader. */
static const char *
without_blanks(const char *hex)
{
	static char buf[1024];
	size_t n = 0;

	for (; *hex; hex++)
		if (*hex != ' ')
			buf[n++] = *hex;
	buf[n] = '\0';
	return buf;
}

START_TEST(right_values_are_taken)
{
	size_t size;
	_cleanup_(freep) uint8_t *bytes = bytes_in(without_blanks(good[_i].hex), &size);
	struct check_fault fault = {"untouched"};

	ck_assert_msg(checked(good[_i].type, bytes, size, 0, &fault) == 0, "%s %s: %s",
		good[_i].type, good[_i].hex, fault.text);
	ck_assert_str_eq(fault.text, "untouched");
	ck_assert_int_eq(checked(good[_i].type, bytes, size, CHECK_OPEN, NULL), 0);
}
END_TEST

/* What is written plainly takes no second pass; a change that lost that would only be slow. */
START_TEST(the_usual_is_seen_quickly)
{
	static const char *const USUAL[][2] = {
		{"Bool", "=f4"},
		{"Int", "=3b7fffffffffffffff"},
		{"Uint", "=1903e8"},
		{"Float", "=f93c00"},
		{"Float", "=fb3ff0000000000001"},
		{"Float", "=05"},
		{"String", "=63e29c93"},
		{"Bytes", "=420102"},
		{"Fd", "=da7465726e01"},
		{"Enum", "=657265616479"},
		{"Array", "=8201382a"},
		{"Map", "=a2616101616202"},
		{"Maybe", "a0"},
		{"Maybe", "=f6"},
		{"Volume", "a2657269676874f6646c65667401"},
		{"Deep", "a266766f6c756d65a1646c6566740167706c617965727380"},
	};
	const struct interface_member *member;

	for (size_t k = 0; k < ARRAY_SIZE(USUAL); k++) {
		size_t size;
		_cleanup_(freep) uint8_t *bytes = bytes_in(USUAL[k][1], &size);
		struct check check = {.interface = tree, .n_fds = 2};

		member = interface_find(tree, USUAL[k][0], strlen(USUAL[k][0]));
		check.type = &member->types[0];
		ck_assert_msg(quick_check(&check, bytes, size), "%s %s", USUAL[k][0], USUAL[k][1]);
		for (size_t cut = 0; cut < size; cut++) {
			_cleanup_(freep) uint8_t *piece = malloc(cut + 1);

			/* of just that size, for the sanitizers */
			piece = realloc(piece, cut ? cut : 1);
			memcpy(piece, bytes, cut);
			ck_assert(!quick_check(&check, piece, cut));
		}
	}
}
END_TEST

/* -------- what is refused -------- */

static const struct {
	const char *type, *hex, *says;
} bad[] = {
	{"Bool", "=00", "v: expected bool, found int"},
	{"Bool", "=f6", "v: expected bool, found null"},
	{"Bool", "=f7", "v: expected bool, found undefined"},
	{"Bool", "=f820", "v: expected bool, found a simple value"},
	{"Int", "=6131", "v: expected int, found string"},
	{"Int", "=f93c00", "v: expected int, found float"},
	{"Int", "=1b8000000000000000", "v: does not fit int, which is -2^63 to 2^63-1"},
	{"Int", "=3b8000000000000000", "v: does not fit int, which is -2^63 to 2^63-1"},
	{"Uint", "=20", "v: expected uint, found int below 0"},
	{"Float", "=1b0020000000000001", "v: an integer beyond 2^53 is no float"},
	{"Float", "=3b0020000000000000", "v: an integer beyond 2^53 is no float"},
	{"Float", "=6131", "v: expected float, found string"},
	{"String", "=4131", "v: expected string, found bytes"},
	{"String", "=c06131", "v: expected string, found a tag"},
	{"String", "=61ff", "v: a text that is not UTF-8, at byte 3"},
	{"Bytes", "=6131", "v: expected bytes, found string"},
	{"Bytes", "=5cda7465727001", "v: a first byte that RFC 8949 reserves, at byte 3"},
	{"Bytes", "=da7465727000", "v: part 0 of 3 is none for bytes"},
	{"Bytes", "=da7465727003", "v: part 3 of 3 is none for bytes"},
	{"Bytes", "=da746572701bffffffffffffffff", "v: part 18446744073709551615 of 3 is none for bytes"},
	{"Bytes", "=da7465727020", "v: a value of another type, at byte 8"},
	{"Bytes", "=da7465726e00", "v: expected bytes, found a tag"},
	{"Any", "=da74657270", "v: the data ends inside an item, at byte 3"},
	{"Fd", "=00", "v: expected fd, found int"},
	{"Fd", "=c100", "v: expected fd, found a tag"},
	{"Fd", "=da7465726e02", "v: descriptor 2 did not come along; there are 2"},
	{"Fd", "=da7465726e6130", "v: a value of another type, at byte 8"},
	{"Object", "=80", "v: expected map, found array"},
	{"Any", "a0", "v: missing, expected any"},
	{"Any", "=61", "v: the data ends inside an item, at byte 3"},
	{"Enum", "=6572656164", "v: the data ends inside an item, at byte 3"},
	{"Enum", "=6472656164", "v: \"read\" is no value here; did you mean \"ready\"?"},
	{"Enum", "=63656e64", "v: \"end\" is no value here"},
	{"Enum", "=01", "v: expected string, found int"},
	{"Array", "=a0", "v: expected array, found map"},
	{"Array", "=83010260", "v[2]: expected int, found string"},
	{"Array", "=81f6", "v[0]: expected int, found null"},
	{"Map", "=80", "v: expected map, found array"},
	{"Map", "=a1616160", "v[\"a\"]: expected int, found string"},
	{"Map", "=a163220a1b60", "v[\"???\"]: expected int, found string"},
	{"Map", "=a10102", "v: a key that is no string"},
	{"Map", "=a2616101616102", "the same key twice in a map, at byte 7"},
	{"Map", "=a3616101616202616103", "the same key twice in a map, at byte 10"},
	{"Volume", "a0", "left: missing, expected int"},
	{"Volume", "", "left: missing, expected int"},
	{"Volume", "a1657269676874 01", "left: missing, expected int"},
	{"Volume", "a2646c65667401646c65667401", "left: there twice"},
	{"Volume", "a2646c65667401646c65666b01",
		"\"lefk\" is no field here; did you mean \"left\"?"},
	{"Volume", "a2646c6566740163ffffff01", "a text that is not UTF-8, at byte 7"},
	{"Volume", "80", "expected map, found array"},
	{"Volume", "a10102", "a key that is no string"},
	{"Volume", "a1646c6566740101", "more data after what should be the last item, at byte 7"},
	{"Volume", "ff", "a break where nothing is open, at byte 0"},
	{"Deep", "a266766f6c756d65a1646c656674606770", "volume.left: expected int, found string"},
	{"Deep", "a167706c617965727382a2646e616d6561616261 74a0 a2646e616d6561616261 74a1617881a0",
		"players[1].at[\"x\"][0].left: missing, expected int"},
	{"Deep", "a167706c61796572738101", "players[0]: expected map, found int"},
	{"Deep", "a167706c617965727380", "volume: missing, expected Volume"},
	{"State", "a0", "expected string, found map"},
	{"State", "", "expected string, found nothing"},
	{"Empty", "a1617601", "\"v\" is no field here"},
};

START_TEST(wrong_values_are_named)
{
	size_t size;
	_cleanup_(freep) uint8_t *bytes = bytes_in(without_blanks(bad[_i].hex), &size);
	struct check_fault fault = {""};

	ck_assert_int_eq(checked(bad[_i].type, bytes, size, 0, &fault), CHECK_E_INVALID);
	ck_assert_str_eq(fault.text, bad[_i].says);
	ck_assert_int_eq(checked(bad[_i].type, bytes, size, 0, NULL), CHECK_E_INVALID);
}
END_TEST

START_TEST(who_answers_may_know_more)
{
	static const struct {
		const char *type, *hex;
		bool may;
	} values[] = {
		{"Volume", "a2646c65667401646c65666b01", true},
		{"Volume", "a2646c65667401646c65666b a16178 820102", true},
		{"Deep", "a366766f6c756d65a2646c656674016178f667706c61796572738061 7801", true},
		{"Enum", "=63656e64", true},
		{"Empty", "a1617601", true},
		{"Volume", "a1646c65666b01", false},
		{"Volume", "a2646c65667401646c6567 6bff", false},
		{"Volume", "a2646c65667401646c65667401", false},
		{"Enum", "=01", false},
	};

	for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
		size_t size;
		_cleanup_(freep) uint8_t *bytes = bytes_in(without_blanks(values[k].hex), &size);

		ck_assert_int_eq(checked(values[k].type, bytes, size, 0, NULL), CHECK_E_INVALID);
		ck_assert_msg((checked(values[k].type, bytes, size, CHECK_OPEN, NULL) == 0) ==
				      values[k].may,
			"%s", values[k].hex);
	}
}
END_TEST

/* A list of n nodes; the last has no next. */
static size_t
list_write(uint8_t *buf, size_t room, size_t n)
{
	struct tern_cbor_writer w;
	size_t size;

	tern_cbor_writer_init(&w, buf, room);
	for (size_t k = 0; k < n; k++) {
		tern_cbor_put_map(&w, k + 1 < n ? 2 : 1);
		tern_cbor_put_string(&w, "value");
		tern_cbor_put_string(&w, "x"); /* is changed by the caller, or wrong */
		if (k + 1 < n)
			tern_cbor_put_string(&w, "next");
	}
	ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
	return size;
}

START_TEST(a_long_way_is_cut)
{
	struct check_fault fault;
	uint8_t buf[1024];
	size_t size = list_write(buf, sizeof(buf), 30);

	/* all but the innermost are numbers */
	for (size_t k = 0; k + 2 < size - 10; k++)
		if (buf[k] == 0x61 && buf[k + 1] == 'x') {
			buf[k] = 0x18;
			buf[k + 1] = 0x78;
		}
	ck_assert_int_eq(checked("Node", buf, size, 0, &fault), CHECK_E_INVALID);
	ck_assert_mem_eq(fault.text, "....next.next", 13);
	ck_assert_ptr_nonnull(strstr(fault.text, ".next.value: expected int, found string"));
}
END_TEST

START_TEST(many_fields_are_told_apart)
{
	enum { N = INTERFACE_MAX_FIELDS };
	char *many = malloc(N * 16 + 64), *at = many;
	uint8_t *buf = malloc(N * 16);
	struct tern_cbor_writer w;
	struct check_fault fault;
	size_t size;

	ck_assert(many && buf);
	at += sprintf(at, "interface a.b\ntype Many (");
	for (int k = 0; k < N; k++)
		at += sprintf(at, "%sf%d: int", k ? ", " : "", k);
	at += sprintf(at, ")");
	teardown();
	ck_assert_int_eq(interface_parse(many, (size_t)(at - many), &tree, NULL), 0);
	for (int left_out = -1; left_out < N; left_out += 73) {
		char expected[64];

		tern_cbor_writer_init(&w, buf, N * 16);
		tern_cbor_put_map(&w, left_out < 0 ? N : N - 1);
		for (int k = N - 1; k >= 0; k--) {
			char name[16];

			if (k == left_out)
				continue;
			(void)sprintf(name, "f%d", k);
			tern_cbor_put_string(&w, name);
			tern_cbor_put_int(&w, k);
		}
		ck_assert_int_eq(tern_cbor_writer_finish(&w, &size), 0);
		if (left_out < 0) {
			ck_assert_int_eq(checked("Many", buf, size, 0, &fault), 0);
			continue;
		}
		ck_assert_int_eq(checked("Many", buf, size, 0, &fault), CHECK_E_INVALID);
		(void)sprintf(expected, "f%d: missing, expected int", left_out);
		ck_assert_str_eq(fault.text, expected);
	}
	free(many);
	free(buf);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("check");
	Suite *suite = suite_create("interface-check");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, right_values_are_taken, 0, ARRAY_SIZE(good));
	tcase_add_test(tcase, the_usual_is_seen_quickly);
	tcase_add_loop_test(tcase, wrong_values_are_named, 0, ARRAY_SIZE(bad));
	tcase_add_test(tcase, who_answers_may_know_more);
	tcase_add_test(tcase, a_long_way_is_cut);
	tcase_add_test(tcase, many_fields_are_told_apart);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
