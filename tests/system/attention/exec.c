/* SPDX-License-Identifier: MIT */

/*
 * exec: programs that are started while threads call, publish, and make and close handles
 *
 * Each descriptor of the library is closed at exec from its birth on, so that none is in another program, whichever
 * way that is started: with and without the functions that fork() runs in a child.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"

enum {
	N_STARTS = 20, /* of each way */
	N_STARTS_LONG = 5000,
	SIZE = 300000,
	NONE = 100, /* exit status: it could not be started */
	/* words */
	READY = 0,
	DONE = 1,
};

static const char *const tags[] = {"exec", NULL};
static char *arguments[] = {(char *)"/proc/self/exe", (char *)"count", NULL};
extern char **environ;

/* count() - what is open in this program, as its exit status */
static int
count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* --- ways to start a program --- */

static pid_t
by_spawn(void)
{
	pid_t pid;

	must_be(posix_spawn(&pid, arguments[0], NULL, NULL, arguments, environ), 0);
	return pid;
}

static pid_t
by_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execv(arguments[0], arguments);
		_exit(NONE);
	}
	return pid;
}

/* by_system_call() - nobody in the process hears of this one */
static pid_t
by_system_call(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0) {
		(void)syscall(SYS_execve, arguments[0], arguments, environ);
		(void)syscall(SYS_exit_group, NONE); /* does not return */
	}
	return pid;
}

static pid_t (*const ways[])(void) = {by_spawn, by_fork, by_system_call};

static int
count_there(pid_t pid)
{
	int status;

	must(pid > 0);
	must_be(waitpid(pid, &status, 0), pid);
	must(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* --- what goes on meanwhile --- */

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	const void *bytes;
	size_t size;

	must_be(tern_message_unpack(m, "y", &bytes, &size), 0);
	return tern_reply(call, "y", bytes, size);
}

static int
method_open(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	int r, fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	must(fd >= 0);
	must_be(tern_message_new_reply(call, &reply), 0);
	must_be(tern_message_pack(reply, "h", fd), 0);
	r = tern_reply_message(reply);
	(void)tern_message_unref(reply); /* always NULL */
	must_be(close(fd), 0);
	return r;
}

static const struct tern_method methods[] = {{"Echo", method_echo}, {"Open", method_open}};

static void
serve(void *user)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct ground *ground = user;
	tern_subscription *s;
	tern_service *service;
	tern_bus *bus = ground_server(ground, methods, ARRAY_SIZE(methods), NULL, &service);

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &s), 0);
	tell(&ground->words[READY]);
	while (!load_acq(&ground->words[DONE])) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, SHORT_NS, &event) % ETIME, 0);
		let_go(&event);
	}
	(void)tern_subscription_free(s); /* always NULL, as the next */
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

struct worker {
	struct ground *ground;
	tern_bus *bus;
	_Atomic uint32_t stop, n;
};

/* echo() - with a part that has memory of its own, and one that brings a descriptor */
static void
echo(tern_bus *bus)
{
	static const uint8_t bytes[SIZE];
	tern_message *reply;
	int fd;

	must_be(tern_call_sync(bus, LINKS_SERVICE, "Echo", NULL, NULL, "y", bytes, sizeof(bytes)), 0);
	must_be(tern_call_sync(bus, LINKS_SERVICE, "Open", &reply, NULL, NULL), 0);
	must_be(tern_message_unpack(reply, "h", &fd), 0);
	(void)tern_message_unref(reply); /* always NULL */
}

static void *
work(void *user)
{
	struct worker *w = user;
	tern_topic *topic;
	tern_bus *brief;

	must_be(tern_topic_new(w->bus, tags, &topic), 0);
	while (!load_acq(&w->stop)) {
		echo(w->bus);
		must_be(tern_publish(topic, "u", UINT64_C(1)), 0);
		must_be(tern_open(w->ground->place.address, &brief), 0);
		echo(brief);
		must(tern_fd(brief) >= 0);
		(void)tern_close(brief); /* always NULL */
		tell(&w->n);
	}
	(void)tern_topic_free(topic); /* always NULL */
	return NULL;
}

START_TEST(nothing_is_passed_on)
{
	int n_before = count_there(by_spawn()), n = is_long() ? N_STARTS_LONG : N_STARTS;
	struct ground ground;
	struct worker w = {.ground = &ground};
	pthread_t threads[2];
	pid_t pid;

	must(n_before >= 3 && n_before < NONE);
	must(ground_begin(&ground, BY_BUS));
	pid = ground_child(&ground, serve);
	wait_for(&ground.words[READY], 1);
	w.bus = ground_client(&ground);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		must_be(pthread_create(&threads[i], NULL, work, &w), 0);
	wait_for(&w.n, 2);
	for (int i = 0; i < n; i++)
		must_be(count_there(ways[_i]()), n_before);
	store_rel(&w.stop, 1);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		must_be(pthread_join(threads[i], NULL), 0);
	(void)tern_close(w.bus); /* always NULL */
	tell(&ground.words[DONE]);
	child_end(pid);
	ground_end(&ground);
}
END_TEST

static Suite *
exec_suite(void)
{
	Suite *suite = suite_create("exec");
	TCase *tcase = tcase_create("exec");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, is_long() ? 1200 : 120);
	tcase_add_loop_test(tcase, nothing_is_passed_on, 0, (int)ARRAY_SIZE(ways));
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], "count") == 0 ? count() : fixture_run(exec_suite());
}
