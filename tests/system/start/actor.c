/* SPDX-License-Identifier: MIT */

/*
 * actor: a program that ternd starts, and that behaves as its words say
 *
 *      actor serve | slow MS | held | leave | other NAME | fork | hang | pair | exit STATUS | kill | crash
 *
 * Each first adds a line with its process id to the file "starts" in its folder. Who is held serves once there is
 * a file "go" in it, too. None outlives the bus, nor two minutes: longer than tests wait for its end.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tern/tern.h"

static void
note(void)
{
	char line[16];
	int fd = open("starts", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof(line), "%d\n", (int)getpid());

	if (fd < 0 || write(fd, line, (size_t)n) != n)
		_exit(90);
	(void)close(fd);
}

static int
n_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n - 3; /* ".", ".." and the folder itself */
}

static int n_first; /* descriptors that it was born with */

static uint64_t n_echoes;

static int
on_echo(tern_call *call, tern_message *m, void *user)
{
	int64_t n;
	int r = tern_message_unpack(m, "i", &n);

	n_echoes++;
	return r < 0 ? r : tern_reply(call, "i", n + 1);
}

/* on_echoes() - how many Echo came */
static int
on_echoes(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "u", n_echoes);
}

static int
on_size(tern_call *call, tern_message *m, void *user)
{
	const void *part;
	size_t size = 0;
	int r = tern_message_n_parts(m) ? tern_message_part(m, 0, &part, &size) : 0;

	return r < 0 ? r : tern_reply(call, "u", (uint64_t)size);
}

/* on_sum() - of the numbers that come as parts */
static int
on_sum(tern_call *call, tern_message *m, void *user)
{
	int64_t sum = 0, n;
	tern_message *part;
	int r;

	while ((r = tern_call_wait(call, TERN_DEFAULT, &part, NULL)) == 0) {
		if (tern_message_unpack(part, "i", &n) == 0)
			sum += n;
		part = tern_message_unref(part);
	}
	return r == -ENODATA ? tern_reply(call, "i", sum) : r;
}

/* on_born() - how it came into the world */
static int
on_born(tern_call *call, tern_message *m, void *user)
{
	const char *word = getenv("WORD"), *name = getenv("TERN_SERVICE");
	struct rlimit files;
	char folder[4096];
	sigset_t blocked;
	bool is_plain = true;

	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int i = 1; i < 32; i++)
		is_plain &= !sigismember(&blocked, i) && (i == SIGALRM || signal(i, SIG_DFL) != SIG_IGN);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	return tern_reply(call, "{word:s, service:s, folder:s, leads:b, plain:b, fds:i, files:u, told:b}", word ? word : "",
		name ? name : "", getcwd(folder, sizeof(folder)) ? folder : "", getsid(0) == getpid(), (int)is_plain,
		(int64_t)n_first, (uint64_t)files.rlim_cur, getenv("NOTIFY_SOCKET") || getenv("LISTEN_FDS"));
}

static bool over;

static int
on_quit(tern_call *call, tern_message *m, void *user)
{
	over = true;
	return tern_reply(call, NULL);
}

static int
on_crash(tern_call *call, tern_message *m, void *user)
{
	_exit(9);
}

/* serve() - until the bus ends, or it is told to quit. It gives its name up a while before it is gone. */
static int
serve(const char *name)
{
	static const struct tern_method methods[] = {
		{"Echo", on_echo}, {"Echoes", on_echoes}, {"Size", on_size}, {"Sum", on_sum}, {"Born", on_born},
		{"Quit", on_quit}, {"Crash", on_crash},
	};
	struct tern_event event = {.size = sizeof(event)};
	tern_service *service;
	tern_bus *bus;
	int r;

	if (!name || tern_open(NULL, &bus) < 0)
		return 91;
	if (tern_serve(bus, name, NULL, methods, sizeof(methods) / sizeof(methods[0]), NULL, &service) < 0)
		return 92;
	while (!over) {
		r = tern_next(bus, UINT64_C(50000000), &event);
		if (r < 0 && r != -ETIME)
			break; /* the bus is over */
		if (r == 0 && event.message)
			(void)tern_message_unref(event.message);
		if (r == 0 && event.call)
			(void)tern_call_unref(event.call);
	}
	(void)tern_service_free(service);
	if (over)
		(void)usleep(300000); /* called meanwhile, it is to be started anew */
	(void)tern_close(bus);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "", *word = argc > 2 ? argv[2] : "";
	const char *name = getenv("TERN_SERVICE");

	n_first = n_descriptors();
	(void)alarm(120);
	note();
	if (strcmp(how, "slow") == 0)
		(void)usleep((useconds_t)atoi(word) * 1000);
	while (strcmp(how, "held") == 0 && access("go", F_OK) < 0)
		(void)usleep(1000);
	if (strcmp(how, "serve") == 0 || strcmp(how, "slow") == 0 || strcmp(how, "held") == 0)
		return serve(name);
	if (strcmp(how, "other") == 0)
		return serve(word);
	if (strcmp(how, "fork") == 0)
		return fork() == 0 ? (void)usleep(300000), serve(name) : 0;
	if (strcmp(how, "kill") == 0)
		return raise(SIGTERM);
	if (strcmp(how, "pair") == 0 && fork() == 0)
		note();
	while (strcmp(how, "hang") == 0 || strcmp(how, "pair") == 0)
		(void)pause();
	return atoi(word);
}
