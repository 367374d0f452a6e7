/* SPDX-License-Identifier: MIT */

/* stranger: a program of another user, that a scene begins and ends; does what it is told through a socket */

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "inject.h"
#include "scenes.h"

enum {
	NOBODY = 65534,
	N_FDS = 16, /* as many as a message may have */
};

struct side {
	tern_bus *bus;
	tern_topic *hands;
	int fd; /* to who began it */
};

/* give() - more than a copy: memory that only its own user may write */
static int
give(tern_call *call, tern_message *m, void *user)
{
	tern_message *reply;
	void *lent;
	int r = tern_message_new_reply(call, &reply);

	if (r < 0)
		return r;
	r = tern_message_lend(reply, LARGE, &lent);
	if (!r) {
		memset(lent, 9, LARGE);
		r = tern_reply_message(reply);
	}
	(void)tern_message_unref(reply); /* always NULL */
	return r;
}

/* hand_out() - as many descriptors as fit into one event */
static void
hand_out(const struct side *side)
{
	tern_message *m;

	MUST(tern_message_new_event(side->hands, &m) == 0);
	for (int i = 0; i < N_FDS; i++)
		MUST(tern_message_attach(m, STDIN_FILENO) == i);
	MUST(tern_publish_message(m, 0) == 0); /* whoever has no room loses it */
	(void)tern_message_unref(m);	       /* always NULL */
}

/* on_word() - so many times; then it is told that it was done */
static void
on_word(tern_watch *watch, uint32_t ready, void *user)
{
	struct side *side = user;
	uint8_t n;

	if (read(side->fd, &n, 1) != 1)
		_exit(0); /* the scene is over */
	for (uint8_t i = 0; i < n; i++)
		hand_out(side);
	MUST(write(side->fd, &n, 1) == 1);
}

static void
ignore(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
}

/* become_nobody() - where that is possible; else all that is of another user is not tried */
static void
become_nobody(void)
{
	if (geteuid() == 0)
		MUST(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* that was forgotten */
}

_Noreturn static void
stranger_run(const char *name, int fd)
{
	static const struct tern_method methods[] = {{"Echo", echo_plain}, {"Give", give}};
	const char *const hands[] = {"stranger.hands", NULL}, *const hears[] = {"tortured.says", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = hears};
	struct tern_event event = {.size = sizeof(event)};
	struct side side = {.fd = fd};
	tern_subscription *subscription;
	tern_service *service;
	tern_watch *watch;

	MUST(tern_open(scene_address, &side.bus) == 0);
	MUST(tern_topic_new(side.bus, hands, &side.hands) == 0);
	MUST(tern_subscribe(side.bus, &rule, ignore, NULL, &subscription) == 0);
	MUST(tern_serve(side.bus, name, NULL, methods, ARRAY_SIZE(methods), NULL, &service) == 0);
	MUST(tern_watch_fd(side.bus, fd, POLLIN, on_word, &side, &watch) == 0);
	MUST(write(fd, "", 1) == 1);
	for (;;)
		if (tern_next(side.bus, TERN_FOREVER, &event) == 0)
			let_go(&event);
}

struct stranger
stranger_begin(const char *name)
{
	struct stranger stranger;
	int ends[2];
	char byte;

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	stranger.pid = fork();
	MUST(stranger.pid >= 0);
	if (stranger.pid == 0) {
		inject_attach(NULL); /* it is not what is tortured */
		(void)close(ends[0]);
		become_nobody();
		stranger_run(name, ends[1]);
	}
	(void)close(ends[1]);
	stranger.fd = ends[0];
	MUST(read(stranger.fd, &byte, 1) == 1);
	return stranger;
}

void
stranger_do(const struct stranger *stranger, uint8_t n)
{
	MUST(write(stranger->fd, &n, 1) == 1);
	MUST(read(stranger->fd, &n, 1) == 1);
}

void
stranger_end(struct stranger *stranger)
{
	int status;

	if (stranger->pid == 0)
		return;
	(void)close(stranger->fd);
	MUST(waitpid(stranger->pid, &status, 0) == stranger->pid);
	MUST(status == 0);
	stranger->pid = 0;
}
