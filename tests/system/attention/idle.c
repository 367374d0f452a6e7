/* SPDX-License-Identifier: MIT */

/*
 * idle: programs and ternd that have nothing to do do nothing
 *
 * Each runs under strace, which writes a line a system call. When nothing has been written for a while all
 * of them sleep; from then on nothing more may be written. Afterwards one call shows that all were alive,
 * and that strace was.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"

enum {
	QUIET_MS = 500,
	WATCH_MS = 2000,
	WATCH_LONG_MS = 10000,
	SETTLE_MS = 60000,
};

enum program {
	TERND_ITSELF,
	IN_NEXT,
	IN_POLL, /* somebody else's loop, on tern_fd() */
	IN_EDGE,
	N_PROGRAMS,
};

static const char *const names[N_PROGRAMS] = {
	[TERND_ITSELF] = "ternd",
	[IN_NEXT] = "next",
	[IN_POLL] = "poll",
	[IN_EDGE] = "edge",
};

/* --- a program that is idle --- */

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, NULL);
}

static bool stop;

static int
method_stop(tern_call *call, tern_message *m, void *user)
{
	stop = true;
	return tern_reply(call, NULL);
}

static void
ignore_event(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
}

/* wait_outside() - in a loop that is not tern's */
static void
wait_outside(tern_bus *bus, int epoll)
{
	struct pollfd pollfd = {.fd = tern_fd(bus), .events = POLLIN};
	struct epoll_event event;

	while (epoll < 0 && tern_process(bus) > 0)
		;
	if (epoll >= 0)
		(void)epoll_wait(epoll, &event, 1, -1);
	else
		(void)poll(&pollfd, 1, -1);
	(void)tern_process(bus); /* its result shows in the descriptor */
}

/* run_program() - serve until told to stop; exits with 1 where something fails */
static int
run_program(const char *style, const char *address)
{
	static const struct tern_method methods[] = {{"Echo", method_echo}, {"Stop", method_stop}};
	struct epoll_event edge = {.events = EPOLLIN | EPOLLET};
	struct tern_rule rule = {.size = sizeof(rule)};
	struct tern_event event = {.size = sizeof(event)};
	tern_service *service;
	tern_subscription *s;
	char name[64];
	tern_bus *bus;
	int epoll = -1;

	(void)snprintf(name, sizeof(name), "org.example.%s", style);
	if (tern_open(address, &bus) < 0 ||
		tern_serve(bus, name, NULL, methods, ARRAY_SIZE(methods), NULL, &service) < 0 ||
		tern_subscribe(bus, &rule, ignore_event, NULL, &s) < 0)
		return 1;
	if (strcmp(style, names[IN_EDGE]) == 0) {
		epoll = epoll_create1(EPOLL_CLOEXEC);
		if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, tern_fd(bus), &edge) < 0 || tern_process(bus) < 0)
			return 1;
	}
	while (!stop) {
		if (strcmp(style, names[IN_NEXT]) != 0)
			wait_outside(bus, epoll);
		while (tern_next(bus, strcmp(style, names[IN_NEXT]) ? 0 : SHORT_NS * 100000, &event) == 0 && !stop)
			let_go(&event); /* notices */
	}
	(void)tern_subscription_free(s);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	return fd_close(epoll) != -1;
}

/* --- watching it --- */

struct watched {
	pid_t strace;
	char log[128];
};

/* trace_start() - a command under strace, the log in the bus's directory */
static void
trace_start(struct watched *watched, const struct private_bus *place, enum program program)
{
	const char *args[] = {"strace", "-f", "-o", watched->log, "-I4", "--", TERND, "--address", place->address, NULL};
	const char *own[] = {"strace", "-f", "-o", watched->log, "-I4", "--", "/proc/self/exe", names[program],
		place->address, NULL};
	char self[256] = "";

	(void)snprintf(watched->log, sizeof(watched->log), "%s/%s.log", place->directory, names[program]);
	must(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	own[6] = self;
	watched->strace = fork();
	must(watched->strace >= 0);
	if (watched->strace > 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a valid signal */
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot work under strace */
	(void)execvp("strace", (char **)(program == TERND_ITSELF ? args : own));
	_exit(127);
}

static uint64_t
sum_of_logs(const struct watched all[N_PROGRAMS])
{
	uint64_t sum = 0;

	for (int i = 0; i < N_PROGRAMS; i++) {
		struct stat st;

		must_be(stat(all[i].log, &st), 0);
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

/* say_last() - what was called last, for who looks at a failure */
static void
say_last(const struct watched *watched)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "tail -n 5 %s >&2", watched->log);
	(void)!system(command); /* help only */
}

static void
no_call_is_made(const struct watched all[N_PROGRAMS])
{
	int quiet = 0, waited = 0, watch = is_long() ? WATCH_LONG_MS : WATCH_MS;
	uint64_t before = sum_of_logs(all), now;

	while (quiet < QUIET_MS) { /* nothing can be told sooner than that */
		(void)usleep(10 * 1000);
		now = sum_of_logs(all);
		quiet = now == before ? quiet + 10 : 0;
		before = now;
		must((waited += 10) < SETTLE_MS);
	}
	(void)usleep((useconds_t)watch * 1000); /* this is the measurement */
	now = sum_of_logs(all);
	for (int i = 0; i < N_PROGRAMS && now != before; i++)
		say_last(&all[i]);
	must_be(now, before);
}

/* open_soon() - ternd was started without anybody who tells that it listens */
static tern_bus *
open_soon(const char *address)
{
	tern_bus *bus;
	int r;

	while ((r = tern_open(address, &bus)) == -ENOENT || r == -ECONNREFUSED)
		(void)usleep(1000);
	must_be(r, 0);
	return bus;
}

static void
call_soon(tern_bus *bus, enum program program, const char *member)
{
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), "org.example.%s", names[program]);
	while ((r = tern_call_sync(bus, name, member, NULL, NULL, NULL)) == -ENXIO)
		(void)usleep(1000); /* it has only begun */
	must_be(r, 0);
}

static pid_t
ternd_of(const struct watched *watched)
{
	char path[64];
	FILE *file;
	int pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", watched->strace, watched->strace);
	file = fopen(path, "re");
	must(file != NULL);
	must_be(fscanf(file, "%d", &pid), 1);
	(void)fclose(file);
	return pid;
}

START_TEST(nobody_does_anything)
{
	static const char *const tags[] = {"anything", NULL};
	struct watched all[N_PROGRAMS];
	struct private_bus place;
	tern_topic *topic;
	uint64_t before;
	tern_bus *bus;

	private_bus_place(&place);
	trace_start(&all[TERND_ITSELF], &place, TERND_ITSELF);
	bus = open_soon(place.address);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	for (enum program i = IN_NEXT; i < N_PROGRAMS; i++)
		trace_start(&all[i], &place, i);
	for (enum program i = IN_NEXT; i < N_PROGRAMS; i++)
		call_soon(bus, i, "Echo"); /* all are linked to us, and have been awake */
	must_be(tern_topic_new(bus, tags, &topic), 0);
	must_be(tern_publish(topic, NULL), 0);
	no_call_is_made(all);

	before = sum_of_logs(all);
	must_be(tern_publish(topic, NULL), 0);
	for (enum program i = IN_NEXT; i < N_PROGRAMS; i++)
		call_soon(bus, i, "Stop");
	(void)tern_topic_free(topic);
	(void)tern_close(bus);
	for (enum program i = IN_NEXT; i < N_PROGRAMS; i++)
		child_end(all[i].strace);
	must(sum_of_logs(all) > before); /* strace would have told */
	must_be(kill(ternd_of(&all[TERND_ITSELF]), SIGTERM), 0);
	child_end(all[TERND_ITSELF].strace);
	for (enum program i = 0; i < N_PROGRAMS; i++)
		must_be(unlink(all[i].log), 0);
	place.ternd = 0;
	private_bus_stop(&place);
}
END_TEST

/* can_trace() - is there an strace, and may it do its work here? */
static bool
can_trace(void)
{
	return system("strace -o /dev/null true 2>/dev/null") == 0;
}

static Suite *
idle_suite(void)
{
	Suite *suite = suite_create("idle");
	TCase *tcase = tcase_create("idle");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, nobody_does_anything);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(int argc, char **argv)
{
	if (argc == 3)
		return run_program(argv[1], argv[2]);
	return can_trace() ? fixture_run(idle_suite()) : 77;
}
