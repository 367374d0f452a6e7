/* SPDX-License-Identifier: MIT */

/* service-file: words, keys, and what is said of each that is wrong */

#include <check.h>
#include <stdio.h>

#include "base/attribute.h"
#include "daemon/service-file.h"

static struct service_file file;
static struct config_error error;

static int
parse(const char *text)
{
	return service_file_parse(&file, "f.service", text, strlen(text), &error);
}

/* words() - of Exec, with bars between them */
static const char *
words(const char *exec)
{
	static char text[400];
	size_t n = 0;

	(void)snprintf(text, sizeof(text), "[Service]\nExec=%s\n", exec);
	ck_assert_msg(parse(text) == 0, "%s", error.text);
	text[0] = '\0';
	for (size_t i = 0; file.exec[i]; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "|" : "", file.exec[i]);
	return text;
}

START_TEST(word_rules)
{
	ck_assert_str_eq(words("/bin/x"), "/bin/x");
	ck_assert_str_eq(words("/bin/x  a\tb "), "/bin/x|a|b");
	ck_assert_str_eq(words("/x \"a b\" 'c d' e\\ f"), "/x|a b|c d|e f");
	ck_assert_str_eq(words("/x a\"b c\"d''"), "/x|ab cd");
	ck_assert_str_eq(words("/x \"\" ''"), "/x||");
	ck_assert_str_eq(words("/x \"\\\"\\\\\\n\" '\\'"), "/x|\"\\\\n|\\");
	ck_assert_str_eq(words("/x \\\\ \\\" \\'"), "/x|\\|\"|'");
	ck_assert_str_eq(words("/x $HOME ~ * %u"), "/x|$HOME|~|*|%u");
	ck_assert_str_eq(words("/x ; a comment"), "/x");
}
END_TEST

START_TEST(all_keys)
{
	ck_assert_int_eq(parse("# of a mixer\n[Service]\nExec = /x\nEnvironment=A=b \"C=d e\" F=\nUser=audio\n"
			       "WorkingDirectory=/var\nTimeout=7\n"), 0);
	ck_assert_str_eq(file.environment[0], "A=b");
	ck_assert_str_eq(file.environment[1], "C=d e");
	ck_assert_str_eq(file.environment[2], "F=");
	ck_assert_ptr_null(file.environment[3]);
	ck_assert_str_eq(file.user, "audio");
	ck_assert_str_eq(file.directory, "/var");
	ck_assert_uint_eq(file.timeout, 7);
	ck_assert_int_eq(parse("[Service]\nExec=/x\n"), 0);
	ck_assert_ptr_null(file.user);
	ck_assert_ptr_null(file.directory);
	ck_assert_uint_eq(file.timeout, SERVICE_FILE_TIMEOUT);
}
END_TEST

static const struct {
	const char *text, *says;
} wrong[] = {
	{"", "Exec is missing"},
	{"[Service]\n", "Exec is missing"},
	{"Exec=/x\n", "f.service:1: "},
	{"[Servise]\nExec=/x\n", "f.service:1: there is no section [Servise]: did you mean [Service]?"},
	{"[Service]\nExek=/x\n", "f.service:2: [Service] has no \"Exek\": did you mean Exec?"},
	{"[Service]\nExec=/x\nExec=/y\n", "f.service:3: \"Exec\" is in this section already"},
	{"[Service]\nExec=x\n", "f.service:2: Exec is the path"},
	{"[Service]\nExec=\n", "f.service:2: Exec is the path"},
	{"[Service]\nExec=/x \"a\n", "a quote is not closed"},
	{"[Service]\nExec=/x \\n\n", "a backslash stands before"},
	{"[Service]\nExec=/x \\\n", "a backslash stands before"},
	{"[Service]\nExec=/x\nEnvironment=A\n", "NAME=value, not \"A\""},
	{"[Service]\nExec=/x\nEnvironment==b\n", "NAME=value, not \"=b\""},
	{"[Service]\nExec=/x\nUser=\n", "one user"},
	{"[Service]\nExec=/x\nUser=a b\n", "one user"},
	{"[Service]\nExec=/x\nWorkingDirectory=x\n", "a path from / on"},
	{"[Service]\nExec=/x\nTimeout=0\n", "from 1 to 3600"},
	{"[Service]\nExec=/x\nTimeout=3601\n", "from 1 to 3600"},
	{"[Service]\nExec=/x\nTimeout=1s\n", "from 1 to 3600"},
	{"[Service]\nExec=/x\nTimeout=-1\n", "from 1 to 3600"},
	{"[Service]\nExec\n", "f.service:2: "},
};

START_TEST(faults)
{
	ck_assert_int_eq(parse(wrong[_i].text), -EINVAL);
	ck_assert_msg(strstr(error.text, wrong[_i].says) != NULL, "%s", error.text);
}
END_TEST

START_TEST(limits)
{
	static char text[SERVICE_FILE_MAX_SIZE + 100];
	size_t n = (size_t)snprintf(text, sizeof(text), "[Service]\nExec=/x");

	for (size_t i = 1; i < SERVICE_FILE_MAX_WORDS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " a");
	ck_assert_int_eq(parse(text), 0);
	ck_assert_uint_eq(file.n_exec, SERVICE_FILE_MAX_WORDS);
	(void)snprintf(text + n, sizeof(text) - n, " a");
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "more than 255 words"));
	memset(text, '#', sizeof(text) - 1);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "longer than 16384 bytes"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("service-file");
	TCase *tcase = tcase_create("service-file");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, word_rules);
	tcase_add_test(tcase, all_keys);
	tcase_add_loop_test(tcase, faults, 0, (int)ARRAY_SIZE(wrong));
	tcase_add_test(tcase, limits);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
