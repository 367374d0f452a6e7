/* SPDX-License-Identifier: MIT */

/* words: the command line, taken apart; and values, shown to people */

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>

#include "base/attribute.h"
#include "base/near.h"
#include "cli/argument.h"
#include "cli/duration.h"
#include "cli/json.h"
#include "cli/line.h"
#include "cli/option.h"
#include "cli/plain.h"
#include "cli/show.h"

/* -------- option -------- */

static const struct option_spec specs[] = {
	{1, 'j', "json", NULL, ""},
	{2, 'n', "count", "COUNT", ""},
	{3, 0, "timeout", "TIME", ""},
};

/* Each word of `seen` is an id, with =VALUE or OPERAND behind it, in the order they come. */
static const struct {
	const char *words[8];
	const char *seen;
} lines[] = {
	{{NULL}, ""},
	{{"a", "-j", "b"}, "-1=a 1 -1=b"},
	{{"-jn5", "-n", "6", "-n=7"}, "1 2=5 2=6 2==7"},
	{{"--count=5", "--count", "6", "--timeout="}, "2=5 2=6 3="},
	{{"-n", "-5"}, "2=-5"},
	{{"-5", "-.5", "-"}, "-1=-5 -1=-.5 -1=-"},
	{{"--", "-j", "--json", "--"}, "-1=-j -1=--json -1=--"},
	{{"--json=1"}, "! no value belongs to '--json=1'"},
	{{"--timout", "1"}, "! unknown option '--timout'; did you mean --timeout?"},
	{{"--zzz"}, "! unknown option '--zzz'"},
	{{"-jx"}, "1 ! unknown option '-x'; '--' goes before words that are none"},
	{{"-n"}, "! --count needs a value: COUNT"},
	{{"--co", "1"}, "! unknown option '--co'"},
};

START_TEST(each_line_is_taken_apart)
{
	struct option_reader r;
	char seen[256] = "";
	int id;

	option_reader_init(&r, specs, ARRAY_SIZE(specs), (char **)lines[_i].words);
	while ((id = option_next(&r)) != OPTION_END) {
		size_t n = strlen(seen);
		char *at = seen + n;

		at += sprintf(at, "%s", n ? " " : "");
		if (id == OPTION_BAD) {
			(void)sprintf(at, "! %s", r.text);
			break;
		}
		at += sprintf(at, "%d", id);
		if (r.value)
			(void)sprintf(at, "=%s", r.value);
	}
	ck_assert_str_eq(seen, lines[_i].seen);
}
END_TEST

/* -------- near -------- */

START_TEST(distance_counts_slips)
{
	ck_assert_uint_eq(near_distance("", ""), 0);
	ck_assert_uint_eq(near_distance("list", "List"), 0);
	ck_assert_uint_eq(near_distance("lsit", "list"), 1);
	ck_assert_uint_eq(near_distance("cal", "call"), 1);
	ck_assert_uint_eq(near_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(near_distance("", "abc"), 3);
	ck_assert_uint_eq(near_distance("abc", ""), 3);
}
END_TEST

START_TEST(names_are_near_by_slip_or_part)
{
	ck_assert(near_name("org.example.Mixr", "org.example.Mixer"));
	ck_assert(near_name("mixer", "org.example.Mixer"));
	ck_assert(near_name("com.example.Mixer", "org.elsewhere.Mixer"));
	ck_assert(!near_name("org.example.Clock", "org.example.Mixer"));
	ck_assert(!near_name("x", "org.example.Mixer"));
}
END_TEST

START_TEST(long_words_are_no_matter)
{
	char word[100];

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	ck_assert_uint_eq(near_distance(word, "a"), SIZE_MAX);
	ck_assert(!near_name(word, "b"));
}
END_TEST

/* -------- duration -------- */

static const struct {
	const char *text;
	uint64_t ns; /* 0: refused */
} durations[] = {
	{"2", 2000000000},
	{"0.5", 500000000},
	{".5", 500000000},
	{"250ms", 250000000},
	{"10us", 10000},
	{"5s", 5000000000},
	{"3m", 180000000000},
	{"1h", 3600000000000},
	{"forever", UINT64_MAX},
	{"", 0},
	{"s", 0},
	{"-1", 0},
	{"+1", 0},
	{"1 s", 0},
	{" 1", 0},
	{"1e3", 0},
	{"0x10", 0},
	{"1.2.3", 0},
	{"inf", 0},
	{"nan", 0},
	{"1d", 0},
	{"99999999999999", 0},
	{".", 0},
};

START_TEST(each_duration_is_read_or_refused)
{
	uint64_t ns = 0;
	int r;

	r = duration_read(durations[_i].text, &ns);
	ck_assert_msg(r == (durations[_i].ns ? 0 : DURATION_E_INVALID), "%s", durations[_i].text);
	ck_assert_uint_eq(ns, durations[_i].ns);
}
END_TEST

/* -------- argument -------- */

static const struct {
	const char *words[6];
	const char *json; /* !: refused, with these words */
} arguments[] = {
	{{"5"}, "5"},
	{{"five"}, "\"five\""},
	{{"two words"}, "\"two words\""},
	{{""}, "\"\""},
	{{"\"5\""}, "\"5\""},
	{{"null"}, "null"},
	{{"10:30"}, "\"10:30\""},
	{{"1.2.3"}, "\"1.2.3\""},
	{{"-"
	  "x"},
		"\"-x\""},
	{{"5=a"}, "\"5=a\""},
	{{"=a"}, "\"=a\""},
	{{"http://x/?a=b"}, "\"http://x/?a=b\""},
	{{"0x10"}, "\"0x10\""},
	{{"NaN"}, "\"NaN\""},
	{{"a", "5", "[1,2]"}, "[\"a\",5,[1,2]]"},
	{{"a=1", "b.c-d_e=x", "f="}, "{\"a\":1,\"b.c-d_e\":\"x\",\"f\":\"\"}"},
	{{"a:=1", "b==1", "c==\"x\"", "d==="},
		"{\"a\":1,\"b\":\"1\",\"c\":\"\\\"x\\\"\",\"d\":\"=\"}"},
	{{"a={\"b\":1}"}, "{\"a\":{\"b\":1}}"},
	{{"{\"a\":1}"}, "{\"a\":1}"},
	{{"{a:1}"}, "!no JSON"},
	{{"[1"}, "!no JSON"},
	{{"\"a"}, "!no JSON"},
	{{"01"}, "!no JSON"},
	{{"1e999"}, "!out of range"},
	{{"18446744073709551616"}, "!out of range"},
	{{"a:=x"}, "!no JSON"},
	{{"a:="}, "!no JSON"},
	{{"a=1", "a=2"}, "!twice"},
	{{"a=1", "b"}, "!not both"},
	{{"a", "b=1"}, "!not both"},
	{{"a\xff"}, "!UTF-8"},
	{{"a==\xff"}, "!UTF-8"},
	{{"{\"a\":1,\"a\":2}"}, "!twice"},
};

START_TEST(each_argument_is_its_value)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) char *text = NULL;
	struct argument_fault fault = {""};
	size_t n = 0;
	int r;

	while (arguments[_i].words[n])
		n++;
	r = argument_read((char *const *)arguments[_i].words, n, &value, &fault);
	if (arguments[_i].json[0] == '!') {
		ck_assert_int_eq(r, ARGUMENT_E_INVALID);
		ck_assert_msg(strstr(fault.text, arguments[_i].json + 1), "%s", fault.text);
		return;
	}
	ck_assert_msg(r == 0, "%s", fault.text);
	text = json_print(value, false);
	ck_assert_str_eq(text, arguments[_i].json);
}
END_TEST

/* -------- line -------- */

static const struct {
	const char *text;
	const char *words; /* each in [ ]; ! in front: open */
} typed[] = {
	{"", ""},
	{" \t", ""},
	{"a  b\n", "[a][b]"},
	{"'a b' \"c d\"", "[a b][c d]"},
	{"a'b c'\"d\"e", "[ab cde]"},
	{"'' \"\"", "[][]"},
	{"a\\ b \\' \\\\", "[a b]['][\\]"},
	{"\"a\\\"b\\\\c\\d\"", "[a\"b\\c\\d]"},
	{"'a\\b'", "[a\\b]"},
	{"a # b", "[a]"},
	{"a#b", "[a#b]"},
	{"'#'", "[#]"},
	{"a 'b c", "![a][b c]"},
	{"\"a\\\"", "![a\"]"},
	{"a\\", "![a]"},
};

START_TEST(each_line_has_its_words)
{
	_cleanup_(line_deinit) struct line line = {0};
	char seen[64] = "";
	size_t n = 0;

	if (line_read(typed[_i].text, &line) == LINE_E_OPEN)
		seen[n++] = '!';
	for (size_t i = 0; i < line.n; i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, "[%s]", line.words[i]);
	ck_assert_str_eq(seen, typed[_i].words);
	ck_assert_ptr_null(line.words[line.n]);
}
END_TEST

/* -------- show and plain -------- */

static const struct {
	const char *json;
	const char *shown;
} values[] = {
	{"5", "5\n"},
	{"null", "null\n"},
	{"\"two\\nlines\\u001b[2J\"", "two\nlines\\x1b[2J\n"},
	{"[]", "[]\n"},
	{"{}", "{}\n"},
	{"[1,\"a\",\"5\",\"\",null]", "- 1\n- a\n- \"5\"\n- \"\"\n- null\n"},
	{"{\"a\":1,\"b\":{\"c\":\"x y\",\"d\":[1,2]}}",
		"a: 1\nb:\n  c: x y\n  d:\n    - 1\n    - 2\n"},
	{"[{\"a\":1,\"b\":[true]},[1,[2]]]", "- a: 1\n  b:\n    - true\n- - 1\n  - - 2\n"},
	{"{\"a\":{\"$bytes\":\"AQI\"}}", "a: h'0102'\n"},
	{"{\"$float\":\"NaN\"}", "NaN\n"},
	{"{\"$tag\":1,\"value\":2}", "{\"$tag\":1,\"value\":2}\n"},
	{"{\"a\":\"\\u001b[2J\",\"b\\nc\":\" x\"}", "a: \"\\u001b[2J\"\nb\\nc: \" x\"\n"},
};

START_TEST(each_value_is_shown)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	_cleanup_(freep) char *text = NULL;
	struct json_fault fault;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(json_read(values[_i].json, strlen(values[_i].json), &value, &fault), 0);
	show_value(out, value);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, values[_i].shown);
}
END_TEST

START_TEST(nothing_plays_tricks_on_a_terminal)
{
	static const char bad[] = "a\x1b]0;x\x07\xff\xc2\x9b"
				  "31m\x7f\xed\xa0\x80\xc3\xa9\n\xe2\x80\xae\xe2\x82\xac\xef\xbb\xbf\xd8\x9c\xc3";
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	plain_print(out, bad, sizeof(bad) - 1, false);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, "a\\x1b]0;x\\x07\\xff\\x9b31m\\x7f\\xed\\xa0\\x80\xc3\xa9\\n\\u202e\xe2\x82\xac\\ufeff\\u061c\\xc3");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli-words");
	TCase *words = tcase_create("words"), *shown = tcase_create("shown");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(words, 20);
	tcase_set_timeout(shown, 20);
	tcase_add_loop_test(words, each_line_is_taken_apart, 0, ARRAY_SIZE(lines));
	tcase_add_test(words, distance_counts_slips);
	tcase_add_test(words, names_are_near_by_slip_or_part);
	tcase_add_test(words, long_words_are_no_matter);
	tcase_add_loop_test(words, each_duration_is_read_or_refused, 0, ARRAY_SIZE(durations));
	tcase_add_loop_test(words, each_argument_is_its_value, 0, ARRAY_SIZE(arguments));
	tcase_add_loop_test(words, each_line_has_its_words, 0, ARRAY_SIZE(typed));
	tcase_add_loop_test(shown, each_value_is_shown, 0, ARRAY_SIZE(values));
	tcase_add_test(shown, nothing_plays_tricks_on_a_terminal);
	suite_add_tcase(suite, words);
	suite_add_tcase(suite, shown);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
