/* SPDX-License-Identifier: MIT */

/* start: services that are started when they are first called, and all that may go wrong with it */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "scene.h"

#define NAME "org.example.Started"

static char folder[64]; /* of the service files, and of those who are started */

static const char *const *
options(void)
{
	static const char *words[] = {"--config", "", "--services", folder, NULL};

	return words;
}

static void
setup(void)
{
	fixture_setup();
	(void)snprintf(folder, sizeof(folder), "/tmp/tern-start-XXXXXX");
	must(mkdtemp(folder) != NULL);
	private_bus_start(&scene.place, options());
	scene.bus = scene_open();
}

static void
remove_file(const char *file)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	(void)unlink(path); /* not all tests have all */
}

static void
teardown(void)
{
	scene.bus = tern_close(scene.bus);
	private_bus_stop(&scene.place);
	remove_file("starts");
	remove_file("go");
	remove_file(NAME ".service");
	remove_file("org.example.Other.service");
	must_be(rmdir(folder), 0);
	fixture_teardown();
}

/* write_service() - its file has this text */
static void
write_service(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s.service", folder, name);
	file = fopen(path, "we");
	must(file != NULL);
	(void)fputs(text, file);
	must_be(fclose(file), 0);
}

/* actor() - the service NAME is such an actor, with more lines in its file */
static void
actor(const char *words, const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "[Service]\nExec=" ACTOR " %s\nWorkingDirectory=%s\n%s", words, folder, more);
	write_service(NAME, text);
}

/* n_starts() - how many were started; the last one's process */
static int
n_starts(pid_t *ret_last)
{
	char path[128], line[32];
	FILE *file;
	int n = 0;

	(void)snprintf(path, sizeof(path), "%s/starts", folder);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		n++;
		if (ret_last)
			*ret_last = atoi(line);
	}
	if (file)
		(void)fclose(file);
	return n;
}

/* must_fail() - a call of NAME, so; the text says this */
static void
must_fail(int r, const char *error, const char *says)
{
	struct tern_error told;

	must_be(tern_call_sync(scene.bus, NAME, "Echo", NULL, &told, "i", INT64_C(1)), r);
	if (strcmp(told.name, error) != 0 || !strstr(told.text, says))
		must_failed(__FILE__, __LINE__, told.text, 0, 0);
}

static tern_call *
send_echo(tern_bus *bus, uint64_t timeout, uint32_t flags, int64_t n)
{
	tern_call *call = NULL;
	tern_message *m;

	must_be(tern_message_new_call(bus, NAME, "Echo", &m), 0);
	must_be(tern_message_pack(m, "i", n), 0);
	must_be(tern_send(m, timeout, flags, flags & TERN_NO_REPLY ? NULL : &call), 0);
	m = tern_message_unref(m);
	return call;
}

static void
must_answer(tern_call *call, int64_t n)
{
	tern_message *reply;
	int64_t is;

	must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "i", &is), 0);
	must_be(is, n);
	(void)tern_message_unref(reply);
	(void)tern_call_unref(call);
}

static void
must_be_gone(pid_t pid)
{
	uint64_t end = clock_now_ns() + LONG_NS;

	while (kill(pid, 0) == 0) {
		must(clock_now_ns() < end);
		(void)usleep(1000);
	}
}

/* has_ended() - it runs no more; init may not have waited for it yet */
static bool
has_ended(pid_t pid)
{
	char path[64], state = 'X';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	(void)!fscanf(file, "%*d (%*[^)]) %c", &state);
	(void)fclose(file);
	return state == 'Z' || state == 'X';
}

/* children_of() - of ternd: nobody stays a zombie */
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

/* quit() - it is told to, and has given its name up; 300 ms later it ends */
static void
quit(void)
{
	tern_peer owner;

	must_be(tern_call_sync(scene.bus, NAME, "Quit", NULL, NULL, NULL), 0);
	while (tern_lookup(scene.bus, NAME, &owner) == 0)
		(void)usleep(1000);
}

/* --- as it should be --- */

START_TEST(first_call)
{
	const char *word, *service, *where;
	tern_message *reply;
	int64_t fds;
	uint64_t files;
	bool leads, plain, told;

	actor("serve", "Environment=WORD=\"two words\" OTHER=x\n");
	echo(scene.bus, NAME, 1);
	echo(scene.bus, NAME, 2);
	must_be(n_starts(NULL), 1);
	must_be(tern_call_sync(scene.bus, NAME, "Born", &reply, NULL, NULL), 0);
	must_be(tern_message_unpack(reply, "{word:s, service:s, folder:s, leads:b, plain:b, fds:i, files:u, told:b}",
			&word, &service, &where, &leads, &plain, &fds, &files, &told), 0);
	must(strcmp(word, "two words") == 0 && strcmp(service, NAME) == 0 && strcmp(where, folder) == 0);
	must(leads);
	must(plain);
	must(!told);
	must_be(fds, 3);
	must(files > 3);
	(void)tern_message_unref(reply);
}
END_TEST

enum { N_CALLS = 2000 };

/* Many calls at once, more than a new link has room for: one process, one request of each program, all answered in turn. */
START_TEST(many_callers)
{
	static tern_call *calls[N_CALLS];
	tern_bus *others[10];

	actor("slow 200", "");
	for (int i = 0; i < 10; i++)
		others[i] = scene_open();
	for (int i = 0; i < N_CALLS; i++)
		calls[i] = send_echo(i % 2 ? others[i / 2 % 10] : scene.bus, LONG_NS, 0, i);
	for (int i = 0; i < N_CALLS; i++)
		must_answer(calls[i], i + 1);
	must_be(n_starts(NULL), 1);
	for (int i = 0; i < 10; i++)
		(void)tern_close(others[i]);
}
END_TEST

/* Memory that was lent before there was anybody to read it, and parts of a stream. */
START_TEST(large_and_streamed)
{
	tern_message *m, *reply;
	tern_call *call;
	uint64_t size;
	void *memory;

	actor("slow 100", "");
	must_be(tern_message_new_call(scene.bus, NAME, "Size", &m), 0);
	must_be(tern_message_lend(m, 100000, &memory), 0);
	memset(memory, 'x', 100000);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	m = tern_message_unref(m);
	must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &size), 0);
	must_be(size, 100000);
	(void)tern_message_unref(reply);
	(void)tern_call_unref(call);
}
END_TEST

START_TEST(streamed)
{
	tern_message *m;
	tern_call *call;

	actor("slow 100", "");
	must_be(tern_message_new_call(scene.bus, NAME, "Sum", &m), 0);
	must_be(tern_send(m, LONG_NS, TERN_STREAM, &call), 0);
	m = tern_message_unref(m);
	for (int64_t i = 1; i <= 4; i++) {
		must_be(tern_message_new_part(call, &m), 0);
		must_be(tern_message_pack(m, "i", i), 0);
		must_be(tern_call_put_message(m, LONG_NS, 0), 0);
		m = tern_message_unref(m);
	}
	must_be(tern_call_end(call), 0);
	must_answer(call, 10);
}
END_TEST

/* Whatever only looks starts nothing; a call without an answer does. */
START_TEST(who_starts)
{
	const char *tags[] = {"tick", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = NAME, .tags = tags};
	tern_subscription *s;
	tern_message *m;
	tern_call *call;
	tern_peer owner;

	actor("serve", "");
	must_be(tern_lookup(scene.bus, NAME, &owner), -ENXIO);
	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &s), 0);
	must_be(tern_message_new_call(scene.bus, NAME, "Echo", &m), 0);
	must_be(tern_send(m, LONG_NS, TERN_NO_ACTIVATE, &call), -ENXIO);
	must(is_error("tern.NoSuchService"));
	m = tern_message_unref(m);
	must_be(n_starts(NULL), 0);
	(void)send_echo(scene.bus, LONG_NS, TERN_NO_REPLY, 1);
	while (n_starts(NULL) == 0 || tern_lookup(scene.bus, NAME, &owner) < 0)
		(void)tern_next(scene.bus, SHORT_NS / 10, &(struct tern_event){.size = sizeof(struct tern_event)});
	echo(scene.bus, NAME, 1);
	must_be(n_starts(NULL), 1);
	(void)tern_subscription_free(s);
}
END_TEST

/* in_handler() - a handler that calls a service which does not run */
static void
in_handler(tern_watch *watch, uint32_t ready, void *user)
{
	echo(scene.bus, NAME, 7);
	(void)tern_watch_free(watch);
}

START_TEST(from_a_handler)
{
	struct tern_event event = {.size = sizeof(event)};
	tern_watch *watch;
	int pipe_fds[2];

	actor("slow 50", "");
	must_be(pipe2(pipe_fds, O_CLOEXEC), 0);
	must(write(pipe_fds[1], "x", 1) == 1);
	must_be(tern_watch_fd(scene.bus, pipe_fds[0], EPOLLIN, in_handler, NULL, &watch), 0);
	while (n_starts(NULL) == 0)
		(void)tern_next(scene.bus, SHORT_NS, &event);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
}
END_TEST

/* --- and as it should not --- */

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

	(void)snprintf(path, sizeof(path), "%s/go", folder);
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
	(void)snprintf(path, sizeof(path), "%s/%s.service", folder, NAME);
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
	must_be(chmod(folder, 0777), 0);
	(void)tern_call_sync(scene.bus, NAME, "Echo", NULL, NULL, "i", INT64_C(1)); /* this bus does not let it in */
	must_be(n_starts(&last), 1);
}
END_TEST

/* --- one ternd after another --- */

static void
another(void)
{
	must_be(kill(scene.place.ternd, SIGKILL), 0);
	child_killed(scene.place.ternd);
	private_bus_again(&scene.place, options());
}

/* The next one knows that it is being started, and does not do it again. */
START_TEST(ternd_dies)
{
	tern_call *call;

	actor("slow 900", "");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	while (n_starts(NULL) == 0)
		(void)usleep(1000);
	another();
	must_answer(call, 2);
	must_be(n_starts(NULL), 1);
}
END_TEST

/* It ended meanwhile, or ends while the next one watches it, who cannot know with what: it is started once more. */
START_TEST(both_die)
{
	tern_call *call;
	pid_t last;

	actor("hang", "");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	while (n_starts(&last) == 0)
		(void)usleep(1000);
	another();
	actor("exit 3", "");
	must_be(kill(last, SIGKILL), 0);
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -EHOSTDOWN);
	(void)tern_call_unref(call);
	must_fail(-EHOSTDOWN, "tern.StartFailed", "exit status 3");
	must_be(n_starts(NULL), 2);
}
END_TEST

/* Killed at any moment of a start, it leaves nobody behind of whom the next one does not know. */
START_TEST(dies_while_it_starts)
{
	actor("slow 100", "");
	for (int i = 0; i < 6; i++) {
		tern_call *call = send_echo(scene.bus, LONG_NS, 0, i);

		(void)usleep((useconds_t)(i * 300));
		another();
		must_answer(call, i + 1);
		must_be(n_starts(NULL), i + 1);
		quit();
	}
}
END_TEST

/* The next one ends it when its time is over, with its group. */
START_TEST(time_goes_on)
{
	uint64_t begin = clock_now_ns();
	tern_call *call;
	pid_t last;

	actor("hang", "Timeout=1\n");
	call = send_echo(scene.bus, LONG_NS, 0, 1);
	while (n_starts(&last) == 0)
		(void)usleep(1000);
	another();
	must_be(tern_call_wait(call, LONG_NS, NULL, NULL), -EHOSTDOWN);
	(void)tern_call_unref(call);
	must(clock_now_ns() - begin < 20 * NSEC_PER_SEC); /* without Timeout it would have had 25 s */
	must_be_gone(last);
}
END_TEST

/* fill_journal() - until it is written anew: over 1 MiB of what is over */
static void
fill_journal(void)
{
	char name[240] = "org.example.";

	memset(name + strlen(name), 'x', sizeof(name) - 1 - strlen(name));
	for (int i = 0; i < 2500; i++) {
		must_be(tern_own(scene.bus, name, 0, NULL), 0);
		must_be(tern_disown(scene.bus, name), 0);
	}
}

/* One that runs is known after the journal was written anew, too: on its way out it is waited for. */
START_TEST(runs_on)
{
	pid_t first, last;

	actor("serve", "");
	echo(scene.bus, NAME, 1);
	must_be(n_starts(&first), 1);
	fill_journal();
	another();
	quit();
	echo(scene.bus, NAME, 1);
	must_be(n_starts(&last), 2);
	must(last != first && has_ended(first));
}
END_TEST

static TCase *
add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 90);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("start");
	TCase *tcase = add_case(suite, "as it should be");

	tcase_add_test(tcase, first_call);
	tcase_add_test(tcase, many_callers);
	tcase_add_test(tcase, large_and_streamed);
	tcase_add_test(tcase, streamed);
	tcase_add_test(tcase, who_starts);
	tcase_add_test(tcase, from_a_handler);
	tcase = add_case(suite, "as it should not");
	tcase_add_test(tcase, impatient_caller);
	tcase_add_loop_test(tcase, ended_meanwhile, 0, N_ENDS);
	tcase_add_test(tcase, callers_die);
	tcase_add_test(tcase, exit_status);
	tcase_add_test(tcase, back_off);
	tcase_add_test(tcase, killed);
	tcase_add_test(tcase, never_owns);
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
	tcase = add_case(suite, "one ternd after another");
	tcase_add_test(tcase, ternd_dies);
	tcase_add_test(tcase, both_die);
	tcase_add_test(tcase, dies_while_it_starts);
	tcase_add_test(tcase, time_goes_on);
	tcase_add_test(tcase, runs_on);
	return fixture_run(suite);
}
