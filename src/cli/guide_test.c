/* SPDX-License-Identifier: MIT */

/* guide: words as what an interface says they are */

#include <check.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>

#include "base/attribute.h"
#include "cli/guide.h"
#include "cli/json.h"

static const char text[] =
	"interface org.example.Keeper\n"
	"type Kind (round, flat)\n"
	"type Thing (name: string, kind: ?Kind, size: uint)\n"
	"method All(b: ?bool, i: ?int, u: ?uint, f: ?float, s: ?string, y: ?bytes, e: ?Kind, t: ?Thing,\n"
	"  l: ?[]int, m: ?[string]int, o: ?object, any: ?any, p: ?(x: int, y: ?int)) -> ()\n"
	"method Put(thing: Thing, count: int) -> ()\n"
	"method Open(file: fd, more: ?fd) -> ()\n"
	"method List() -> ()\n";

static struct interface *offer;

static void
setup(void)
{
	ck_assert_int_eq(interface_parse(text, strlen(text), &offer, NULL), 0);
}

static void
teardown(void)
{
	offer = interface_free(offer);
}

static int
guide(const char *method, const char *const *words, struct guided *ret, struct argument_fault *why)
{
	const struct interface_member *member = interface_find(offer, method, strlen(method));
	size_t n = 0;

	while (words[n])
		n++;
	return guide_read(&(struct guide_target){offer, &member->types[METHOD_IN], method}, (char *const *)words, n,
		ret, why);
}

static const struct {
	const char *method;
	const char *words[6];
	const char *json; /* !: refused, with these words; NULL: no value */
} lines[] = {
	{"List", {NULL}, NULL},
	{"List", {"{}"}, "{}"},
	{"List", {"x=1"}, "!List takes no arguments, so no 'x'"},
	{"All", {NULL}, "{}"},
	{"All", {"b=on", "i=-3", "u=0x1f", "f=1"}, "{\"b\":true,\"i\":-3,\"u\":31,\"f\":1.0}"},
	{"All", {"b=NO", "f=-1e3", "s=5"}, "{\"b\":false,\"f\":-1000.0,\"s\":\"5\"}"},
	{"All", {"f=NaN"}, "{\"f\":{\"$float\":\"NaN\"}}"},
	{"All", {"i=-9223372036854775808", "u=18446744073709551615"},
		"{\"i\":-9223372036854775808,\"u\":18446744073709551615}"},
	{"All", {"s=\"x\"", "e=flat"}, "{\"s\":\"\\\"x\\\"\",\"e\":\"flat\"}"},
	{"All", {"s:=\"x\"", "i=null"}, "{\"s\":\"x\",\"i\":null}"},
	{"All", {"s==null", "any=5"}, "{\"s\":\"null\",\"any\":5}"},
	{"All", {"any=x", "o={\"a\":1}"}, "{\"any\":\"x\",\"o\":{\"a\":1}}"},
	{"All", {"o.a=1", "o.b.c=x"}, "{\"o\":{\"a\":1,\"b.c\":\"x\"}}"},
	{"All", {"y=hex:00fF"}, "{\"y\":{\"$bytes\":\"AP8\"}}"},
	{"All", {"y=base64:+/8="}, "{\"y\":{\"$bytes\":\"-_8\"}}"},
	{"All", {"y=text:abc"}, "{\"y\":{\"$bytes\":\"YWJj\"}}"},
	{"All", {"y=@/dev/null"}, "{\"y\":{\"$bytes\":\"\"}}"},
	{"All", {"l=[1,2]", "m={\"a\":1}", "m.b=x"}, "!'b' takes int, not 'x'"},
	{"All", {"l=[1,2]", "m={\"a\":1}"}, "{\"l\":[1,2],\"m\":{\"a\":1}}"},
	{"All", {"m.a=1", "m.b=2", "p.x=3", "p.y=4"}, "{\"m\":{\"a\":1,\"b\":2},\"p\":{\"x\":3,\"y\":4}}"},
	{"All", {"t.name=x", "t.size=1", "t.kind=round"},
		"{\"t\":{\"name\":\"x\",\"size\":1,\"kind\":\"round\"}}"},
	{"All", {"{\"s\":\"x\"}"}, "{\"s\":\"x\"}"},
	{"All", {"b=maybe"}, "!'b' takes bool, not 'maybe'"},
	{"All", {"i=1.5"}, "!'i' takes int, not '1.5'"},
	{"All", {"i= 1"}, "!'i' takes int"},
	{"All", {"u=-1"}, "!'u' takes uint, not '-1'"},
	{"All", {"i=9223372036854775808"}, "!out of range"},
	{"All", {"u=18446744073709551616"}, "!out of range"},
	{"All", {"f=1e999"}, "!'f' takes float"},
	{"All", {"f=0x10"}, "!'f' takes float"},
	{"All", {"e=flot"}, "!did you mean 'flat'"},
	{"All", {"e=x"}, "!'e' takes (round, flat), not 'x'"},
	{"All", {"y=abc"}, "!hex:00ff"},
	{"All", {"y=hex:0"}, "!pairs of"},
	{"All", {"y=base64:*"}, "!no base64"},
	{"All", {"y=@/nowhere"}, "!cannot be read"},
	{"All", {"s=\xff"}, "!UTF-8"},
	{"All", {"s=1", "s=2"}, "!given twice"},
	{"All", {"s.x=1"}, "!nothing in it to be named"},
	{"All", {"t={\"name\":1,\"size\":1}"}, "!t.name: expected string"},
	{"All", {"t.nam=1"}, "!t takes no 'nam'; did you mean 'name'?"},
	{"All", {"t.name=x"}, "!t.size"},
	{"All", {"l=1"}, "!'l' takes []int, not '1'"},
	{"All", {"l=[1"}, "!no JSON"},
	{"All", {"zzz=1"}, "!All takes no 'zzz', but (b: ?bool, i: ?int"},
	{"All", {"anyy=1"}, "!did you mean 'any'"},
	{"All", {"x"}, "!'x' is no KEY=VALUE; All takes (b: ?bool"},
	{"All", {"[1]"}, "!All: "},
	{"All", {"{\"s\":1}"}, "!s: expected string"},
	{"Put", {NULL}, "!Put needs thing (Thing), count (int)"},
	{"Put", {"count=1"}, "!Put needs thing (Thing)"},
	{"Put", {"thing={\"name\":\"x\",\"size\":1}", "count=2"},
		"{\"thing\":{\"name\":\"x\",\"size\":1},\"count\":2}"},
	{"Open", {"file=@/nowhere"}, "!cannot be opened"},
	{"Open", {"file=x"}, "!takes a descriptor"},
	{"Open", {"file=999999999"}, "!cannot be opened"},
	{"Open", {"file=@/dev/null", "more=@+/dev/null"},
		"{\"file\":{\"$tag\":1952805486,\"value\":0},\"more\":{\"$tag\":1952805486,\"value\":1}}"},
	{"Open", {"file:={\"$tag\":1952805486,\"value\":0}"}, "!no such descriptor"},
};

START_TEST(each_line_is_its_value)
{
	_cleanup_(guided_deinit) struct guided got = {0};
	struct argument_fault fault = {""};
	const char *json = lines[_i].json;
	_cleanup_(freep) char *seen = NULL;
	int r = guide(lines[_i].method, lines[_i].words, &got, &fault);

	if (json && json[0] == '!') {
		ck_assert_int_eq(r, ARGUMENT_E_INVALID);
		ck_assert_msg(strstr(fault.text, json + 1), "%s: %s", lines[_i].words[0], fault.text);
		return;
	}
	ck_assert_msg(r == 0, "%s: %s", lines[_i].words[0], fault.text);
	ck_assert_int_eq(got.has_value, json != NULL);
	seen = json ? json_print(got.value, false) : NULL;
	if (json)
		ck_assert_str_eq(seen, json);
}
END_TEST

START_TEST(descriptors_are_opened_and_closed)
{
	struct guided got;
	struct argument_fault fault;
	int flags, fd;

	ck_assert_int_eq(guide("Open", (const char *const[]){"file=@>/dev/null", "more=0", NULL}, &got, &fault), 0);
	ck_assert_uint_eq(got.n_fds, 2);
	fd = got.fds[0];
	flags = fcntl(fd, F_GETFL);
	ck_assert_int_eq(flags & O_ACCMODE, O_WRONLY);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	guided_deinit(&got);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli-guide");
	TCase *guides = tcase_create("guide");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(guides, 20);
	tcase_add_checked_fixture(guides, setup, teardown);
	tcase_add_loop_test(guides, each_line_is_its_value, 0, ARRAY_SIZE(lines));
	tcase_add_test(guides, descriptors_are_opened_and_closed);
	suite_add_tcase(suite, guides);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
