/* SPDX-License-Identifier: MIT */

/* daemon-replace: one ternd takes the place of another that runs, and who connects does not notice */

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "io/listener.h"
#include "io/socket.h"
#include "raw.h"

enum {
	N_TIMES = 5,
	NOBODY = 65534,
};

static const char *const replace[] = {"--replace", NULL};
static struct ternd ternd;

static void
setup(void)
{
	ternd_start(&ternd, NULL);
}

static void
teardown(void)
{
	ternd_stop(&ternd);
}

static void
expect_end(pid_t pid, int code)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "it ended with %#x", status);
}

/* replaced() - another one runs there now, and the one before has ended well */
static void
replaced(void)
{
	pid_t before = ternd.pid;

	ternd_start_at(&ternd, replace);
	expect_end(before, 0);
}

/* connect_always() - a process that connects all the time, and ends if it cannot */
static pid_t
connect_always(void)
{
	pid_t pid = fork();
	int fd;

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	while (getppid() != 1 && socket_connect(ternd.path, &fd) == 0)
		fd = fd_close(fd);
	_exit(1);
}

static void
expect_still(pid_t pid)
{
	int status;

	ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0, "it found nobody there");
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

/* Names stay with their owners, and who connects always finds somebody. */
START_TEST(takes_over)
{
	pid_t connecting = connect_always();
	struct raw a, was;

	raw_join(&a, &ternd);
	raw_own(&a, "org.example.One", 0, NULL);
	for (int i = 0; i < N_TIMES; i++) {
		replaced();
		was = a;
		raw_close(&a);
		raw_claim(&a, &ternd, &was);
		ck_assert_uint_eq(a.id, was.id);
		raw_name(&a, CONTROL_LOOKUP, "org.example.One");
		ck_assert_uint_eq(a.control.found.peer, a.id);
	}
	expect_still(connecting);
	raw_close(&a);
}
END_TEST

/* What is in the socket when it is asked to make room is done before it ends. */
START_TEST(ends_what_it_began)
{
	struct control own = {.type = CONTROL_OWN, .own = {raw_text("org.example.One"), 0}};
	struct raw a, was;

	raw_join(&a, &ternd);
	raw_send(&a, &own);
	replaced();
	raw_expect(&a, CONTROL_DONE);
	was = a;
	raw_close(&a);
	raw_claim(&a, &ternd, &was);
	raw_name(&a, CONTROL_LOOKUP, "org.example.One");
	ck_assert_uint_eq(a.control.type, CONTROL_FOUND);
	raw_close(&a);
}
END_TEST

/* --- wrong uses --- */

struct output {
	pid_t pid;
	FILE *file;
};

static struct output
start_replacing(const char *program)
{
	struct output output;
	char address[100];
	int ends[2];

	(void)snprintf(address, sizeof(address), "unix:%s", ternd.path);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	output.pid = fork();
	ck_assert_int_ge(output.pid, 0);
	if (output.pid == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		(void)execl(program, "ternd", "--address", address, "--replace", NULL);
		_exit(127);
	}
	ends[1] = fd_close(ends[1]);
	output.file = fdopen(ends[0], "r");
	ck_assert_ptr_nonnull(output.file);
	return output;
}

static void
expect_refused(struct output output, const char *says)
{
	char line[512] = "";

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), output.file));
	ck_assert_msg(strstr(line, says) != NULL, "%s", line);
	(void)fclose(output.file);
	expect_end(output.pid, 1);
}

START_TEST(nobody_there)
{
	struct ternd none = ternd;

	(void)snprintf(ternd.path, sizeof(ternd.path), "%s/nobody", ternd.folder);
	expect_refused(start_replacing(getenv("TERND")), "no ternd runs there");
	ternd = none;
	ternd_kill(&ternd);
	expect_refused(start_replacing(getenv("TERND")), "no ternd runs there");
	ternd_start_at(&ternd, NULL);
}
END_TEST

/* A user who is served is not one whose ternd this is. */
START_TEST(another_user)
{
	static const char *const let_in[] = {"--allow-uid", "65534", NULL};
	struct control make_room = {.type = CONTROL_MAKE_ROOM};
	pid_t pid;

	if (geteuid() != 0)
		return; /* cannot be another */
	ternd_stop(&ternd);
	ternd_start(&ternd, let_in);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct raw raw;

		if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(2);
		raw_connect(&raw, &ternd);
		raw_send(&raw, &make_room);
		raw_expect(&raw, CONTROL_FAILED);
		raw_expect_failed(&raw, EPERM, "tern.NotAllowed", "user 65534 may not take the place");
		raw_expect_closed(&raw);
		_exit(0);
	}
	expect_end(pid, 0);
}
END_TEST

/* A peer asks it as a request like others: it is none. */
START_TEST(in_the_place_of_hello_only)
{
	struct control make_room = {.type = CONTROL_MAKE_ROOM};
	struct raw a;

	raw_join(&a, &ternd);
	raw_ask(&a, &make_room);
	raw_expect_failed(&a, EOPNOTSUPP, "tern.UnknownRequest", "make-room");
	raw_close(&a);
}
END_TEST

/* --- what is no such ternd --- */

enum answer {
	ANSWER_OLDER,
	ANSWER_BUSY,
	ANSWER_NOTHING,
	ANSWER_NO_DESCRIPTORS,
	ANSWER_STAYS,
	ANSWER_ANOTHER,
	ANSWER_HANGS_UP,
};

static void
answer(int fd, enum answer answer, const struct listener *other)
{
	struct control control = {.type = CONTROL_DONE, .serial = 1};
	const int fds[] = {other->fd, other->lock};
	uint8_t packet[512];
	struct iovec iov = {.iov_base = packet};

	if (answer == ANSWER_OLDER || answer == ANSWER_BUSY) {
		control.type = CONTROL_FAILED;
		control.failed.code = answer == ANSWER_OLDER ? EOPNOTSUPP : EAGAIN;
		control.failed.error = raw_text("tern.Whatever");
	}
	ck_assert_int_eq(control_encode(&control, packet, sizeof(packet), &iov.iov_len), 0);
	if (answer != ANSWER_NOTHING && answer != ANSWER_HANGS_UP)
		ck_assert_int_eq(socket_send(fd, &iov, 1, fds, answer >= ANSWER_STAYS ? 2 : 0), 0);
}

/* asked() - one has connected there, and its request is read: what is not read when a socket is closed resets it */
static int
asked(int listening)
{
	uint8_t packet[512];
	size_t size;
	int fd, r;

	do
		r = socket_accept(listening, &fd);
	while (r == SOCKET_E_EMPTY && usleep(1000) == 0);
	ck_assert_int_eq(r, 0);
	do
		r = socket_recv(fd, packet, sizeof(packet), &size, NULL, 0, NULL);
	while (r == SOCKET_E_EMPTY && usleep(1000) == 0);
	ck_assert_int_eq(r, 0);
	return fd;
}

START_TEST(not_that_kind)
{
	static const struct {
		enum answer answer;
		const char *says;
	} cases[] = {
		{ANSWER_OLDER, "a version that cannot make room"},
		{ANSWER_BUSY, "try again"},
		{ANSWER_NOTHING, "does not answer"},
		{ANSWER_NO_DESCRIPTORS, "is no ternd"},
		{ANSWER_STAYS, "and does not"},
		{ANSWER_ANOTHER, "not the socket"},
		{ANSWER_HANGS_UP, "ended before"},
	};
	struct ternd real = ternd;
	struct listener listener, other;
	struct output output;
	char path[100];
	bool waits;
	int fd;

	(void)snprintf(ternd.path, sizeof(ternd.path), "%s/fake", ternd.folder);
	(void)snprintf(path, sizeof(path), "%s/other", ternd.folder);
	ck_assert_int_eq(listener_open(&listener, ternd.path, 0600), 0);
	ck_assert_int_eq(listener_open(&other, path, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		waits = cases[i].answer == ANSWER_NOTHING || cases[i].answer == ANSWER_STAYS;
		output = start_replacing(getenv(waits ? "TERND_IMPATIENT" : "TERND")); /* 2 s, or 10 s for each answer */
		fd = asked(listener.fd);
		answer(fd, cases[i].answer, &other);
		if (cases[i].answer == ANSWER_ANOTHER || cases[i].answer == ANSWER_HANGS_UP)
			fd = fd_close(fd);
		expect_refused(output, cases[i].says);
		fd = fd_close(fd);
	}
	listener_deinit(&listener);
	listener_deinit(&other);
	ternd = real;
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("daemon-replace");
	TCase *tcase = tcase_create("daemon-replace");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, takes_over);
	tcase_add_test(tcase, ends_what_it_began);
	tcase_add_test(tcase, nobody_there);
	tcase_add_test(tcase, another_user);
	tcase_add_test(tcase, in_the_place_of_hello_only);
	tcase_add_test(tcase, not_that_kind);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
