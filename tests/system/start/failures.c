/* SPDX-License-Identifier: MIT */

/* failures: all that may go wrong where a service is started */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "stage.h"

/* must_have_no_children() - nobody stays a zombie */
static void
must_have_no_children(pid_t ternd)
{
	uint64_t end = clock_now_ns() + LONG_NS;
	char path[64];
	int c;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)ternd, (int)ternd);
	do {
		FILE *file = fopen(path, "re");

		must(file && clock_now_ns() < end);
		c = fgetc(file);
		(void)fclose(file);
		(void)usleep(1000);
	} while (c != EOF);
}

/* A caller's time may be over before; it goes on for the next one. */
START_TEST(impatient_caller)
{
	tern_call *call;

	actor("slow 500", "");
	call = send_echo(scene.bus, SHORT_NS, 0, 1);
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -ETIME);
	call = tern_call_unref(call);
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	call = tern_call_unref(call); /* given up at once */
	echo(scene.bus, NAME, 1);
	must_be(n_starts(NULL), 1);
}
END_TEST

/* let_go() - of an actor that is held */
static void
let_go(void)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/go", stage_folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(fd >= 0);
	must_be(close(fd), 0);
}

enum {
	NOT_WAITED_FOR, /* its last reference goes */
	ITS_TIME,	/* comes while it is waited for */
	ANOTHER_TIME,	/* comes while another one is waited for */
	ITS_HANDLER,	/* is told of that */
	HANDLE_CLOSED,
	N_ENDS,
};

static int told;

static void
on_answer(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	told = result;
}

/* end_early() - one that waits for the start, while another one of its handle does so */
static void
end_early(int how, tern_bus *bus, tern_call *other)
{
	bool is_short = how == ITS_TIME || how == ANOTHER_TIME || how == ITS_HANDLER;
	tern_call *call = send_echo(bus, is_short ? SHORT_NS : LONG_NS, 0, 2);
	struct tern_event event = {.size = sizeof(event)};

	if (how == ITS_TIME)
		must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -ETIME);
	if (how == ANOTHER_TIME)
		must_be(tern_call_wait(other, 2 * SHORT_NS, NULL, NULL), -EAGAIN);
	if (how == ANOTHER_TIME)
		must_be(tern_call_wait(call, 0, NULL, NULL), -ETIME);
	if (how == ITS_HANDLER)
		must_be(tern_call_then(call, on_answer, NULL), 0);
	for (told = 0; how == ITS_HANDLER && told == 0;)
		(void)tern_next(bus, SHORT_NS, &event);
	must_be(told, how == ITS_HANDLER ? -ETIME : 0);
	if (how == HANDLE_CLOSED) {
		(void)tern_close(bus);
		must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -ESHUTDOWN);
	}
	(void)tern_call_unref(call);
}

/* A call that ends before its service runs is never sent; those that were made before and after it are. */
START_TEST(ended_meanwhile)
{
	tern_bus *bus = _i == HANDLE_CLOSED ? scene_open() : scene.bus;
	tern_call *before, *after, *other;
	tern_message *reply;
	uint64_t n;

	actor("held", "");
	before = send_echo(scene.bus, LONG_NS, 0, 1);
	other = send_echo(bus, LONG_NS, 0, 1);
	end_early(_i, bus, other);
	after = send_echo(scene.bus, LONG_NS, 0, 3);
	let_go();
	must_answer(before, 2);
	must_answer(after, 4);
	if (_i == HANDLE_CLOSED)
		(void)tern_call_unref(other);
	else
		must_answer(other, 2);
	must_be(tern_call_sync(scene.bus, NAME, "Echoes", &reply, NULL, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &n), 0);
	must_be(n, _i == HANDLE_CLOSED ? 2 : 3);
	(void)tern_message_unref(reply);
	must_be(n_starts(NULL), 1);
}
END_TEST

/* Who waits and dies leaves nothing; others go on. */
START_TEST(callers_die)
{
	tern_bus *other = scene_open();

	actor("slow 300", "");
	(void)tern_call_unref(send_echo(other, LONG_NS, 0, 1));
	(void)send_echo(other, LONG_NS, TERN_NO_REPLY, 1);
	other = tern_close(other);
	echo(scene.bus, NAME, 1);
	must_be(n_starts(NULL), 1);
}
END_TEST

/* What it ended with is told at once, and soon after calls are refused without another try. */
START_TEST(exit_status)
{
	uint64_t begin = clock_now_ns();
	tern_bus *other = scene_open();
	tern_call *calls[8];

	actor("exit 3", "");
	for (int i = 0; i < 8; i++)
		calls[i] = send_echo(i % 2 ? other : scene.bus, LONG_NS, 0, i);
	for (int i = 0; i < 8; i++) {
		must_be(tern_call_wait(calls[i], LONG_NS, NULL, NULL), -EHOSTDOWN);
		calls[i] = tern_call_unref(calls[i]);
	}
	must_fail(-EHOSTDOWN, "tern.StartFailed", "exit status 3");
	must(clock_now_ns() - begin < LONG_NS / 2);
	must_have_no_children(scene.place.ternd);
	(void)tern_close(other);
}
END_TEST

/* Each failure in a row doubles the rest; then it is tried again, and mended it works. */
START_TEST(back_off)
{
	actor("exit 1", "");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "exit status 1");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "tries again");
	must_be(n_starts(NULL), 1);
	while (n_starts(NULL) == 1) {
		must_fail(-EHOSTDOWN, "tern.StartFailed", "exit status 1");
		(void)usleep(10000);
	}
	actor("serve", "");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "tries again");
	while (tern_call_sync(scene.bus, NAME, "Echo", NULL, NULL, "i", INT64_C(1)) == -EHOSTDOWN)
		(void)usleep(10000);
	echo(scene.bus, NAME, 1);
	must_be(n_starts(NULL), 3);
}
END_TEST

START_TEST(killed)
{
	actor("kill", "");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "killed by signal 15");
	must_have_no_children(scene.place.ternd);
}
END_TEST

/* It never owns its name: its time is over, and so is it. */
START_TEST(never_owns)
{
	pid_t last;

	actor("hang", "Timeout=1\n");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "did not own the name in time");
	must_be(n_starts(&last), 1);
	must_be_gone(last);
	must_have_no_children(scene.place.ternd);
	must_fail(-EHOSTDOWN, "tern.StartFailed", "tries again");
}
END_TEST

/* A process that it made hangs, too: both are ended. */
START_TEST(two_never_own)
{
	pid_t last;

	actor("pair", "Timeout=1\n");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "did not own the name in time");
	must(n_starts(&last) > 0); /* the second one notes itself, unless it is ended before */
	must_be_gone(last);
}
END_TEST

START_TEST(owns_another)
{
	pid_t last;

	actor("other org.example.Else", "Timeout=1\n");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "did not own the name in time");
	must_be(n_starts(&last), 1);
	must_be_gone(last);
}
END_TEST

/* One that goes on in the background: its first process ends, which is all that ternd sees of it. */
START_TEST(background)
{
	actor("fork", "");
	must_fail(-EHOSTDOWN, "tern.StartFailed", "exit status 0");
	must_have_no_children(scene.place.ternd);
	while (tern_call_sync(scene.bus, NAME, "Echo", NULL, NULL, "i", INT64_C(1)) == -EHOSTDOWN)
		(void)usleep(10000);
	echo(scene.bus, NAME, 1);
}
END_TEST

/* Somebody else has the name meanwhile: that will do. */
START_TEST(somebody_else)
{
	tern_bus *other = scene_open();
	tern_call *call;

	actor("slow 400", "");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	while (n_starts(NULL) == 0)
		(void)usleep(1000);
	must_be(tern_own(other, NAME, 0, NULL), 0);
	(void)tern_close(other);
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -EHOSTDOWN);
	(void)tern_call_unref(call);
}
END_TEST

/* This program itself. */
START_TEST(oneself)
{
	tern_call *call;

	actor("slow 200", "");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	must_be(tern_own(scene.bus, NAME, 0, NULL), 0);
	must_be(tern_call_wait(call, 2 * SHORT_NS, NULL, NULL), -EAGAIN); /* a call to itself, which nobody handles */
	(void)tern_call_unref(call);
	must_be(tern_disown(scene.bus, NAME), 0);
}
END_TEST

/* Called while it is on its way out it is started anew, as soon as it has ended. */
START_TEST(on_its_way_out)
{
	actor("serve", "");
	quit();
	echo(scene.bus, NAME, 1);
	must_be(n_starts(NULL), 2);
}
END_TEST

/* One that ends badly soon after its start has not been started well. */
START_TEST(crashes_soon)
{
	actor("serve", "");
	must_be(tern_call_sync(scene.bus, NAME, "Crash", NULL, NULL, NULL), -EHOSTDOWN);
	must_have_no_children(scene.place.ternd);
	must_fail(-EHOSTDOWN, "tern.StartFailed", "exit status 9");
	must_be(n_starts(NULL), 1);
}
END_TEST

static const struct {
	const char *text, *says;
} wrong[] = {
	{"[Service]\nExek=/bin/true\n", ":2: [Service] has no \"Exek\": did you mean Exec?"},
	{"# nothing\n", "Exec is missing"},
	{"[Service]\nExec=bin/true\n", ":2: Exec is the path of a program"},
	{"[Service]\nExec=/bin/nothing-there-xyz\n", "/bin/nothing-there-xyz: No such file"},
	{"[Service]\nExec=/etc/passwd\n", "/etc/passwd: Permission denied"},
	{"[Service]\nExec=/bin/true\nWorkingDirectory=/nothing-there-xyz\n", "WorkingDirectory: No such file"},
	{"[Service]\nExec=/bin/true\nUser=nobody-has-this-name\n", "the user of the service file is not known"},
	{"[Service]\nExec=/bin/\xff\n", "/bin/?: No such file"},
};

START_TEST(wrong_files)
{
	write_service(NAME, wrong[_i].text);
	must_fail(-EHOSTDOWN, "tern.StartFailed", wrong[_i].says);
}
END_TEST

/* A file that is wrong is looked at again at once. */
START_TEST(mended)
{
	write_service(NAME, wrong[0].text);
	must_fail(-EHOSTDOWN, "tern.StartFailed", ":2:");
	actor("serve", "");
	echo(scene.bus, NAME, 1);
}
END_TEST

/* Everybody could have had anything started. */
START_TEST(open_file)
{
	char path[128];

	actor("serve", "");
	(void)snprintf(path, sizeof(path), "%s/%s.service", stage_folder, NAME);
	must_be(chmod(path, 0666), 0);
	must_fail(-EHOSTDOWN, "tern.StartFailed", "everybody may write it");
	must_be(n_starts(NULL), 0);
}
END_TEST

START_TEST(other_user)
{
	pid_t last;

	if (getuid() != 0)
		return;
	actor("serve", "User=nobody\n");
	must_be(chmod(stage_folder, 0777), 0);
	(void)tern_call_sync(scene.bus, NAME, "Echo", NULL, NULL, "i", INT64_C(1)); /* this bus does not let it in */
	must_be(n_starts(&last), 1);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, impatient_caller);
	tcase_add_loop_test(tcase, ended_meanwhile, 0, N_ENDS);
	tcase_add_test(tcase, callers_die);
	tcase_add_test(tcase, exit_status);
	tcase_add_test(tcase, back_off);
	tcase_add_test(tcase, killed);
	tcase_add_test(tcase, never_owns);
	tcase_add_test(tcase, two_never_own);
	tcase_add_test(tcase, owns_another);
	tcase_add_test(tcase, background);
	tcase_add_test(tcase, somebody_else);
	tcase_add_test(tcase, oneself);
	tcase_add_test(tcase, on_its_way_out);
	tcase_add_test(tcase, crashes_soon);
	tcase_add_loop_test(tcase, wrong_files, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(tcase, mended);
	tcase_add_test(tcase, open_file);
	tcase_add_test(tcase, other_user);
}

int
main(void)
{
	return stage_run("failures", add);
}
