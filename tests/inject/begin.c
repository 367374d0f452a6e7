/* SPDX-License-Identifier: MIT */

/* begin: ternd begins and ends, in all the ways that it can; see trial.h */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "trial.h"

enum how {
	NOTHING, /* is before it */
	KILLED,	 /* one was, that others still know */
	TAKES,	 /* the place of an honest one */
	GIVES,	 /* its place to an honest one */
	PASSED,	 /* it is given its socket */
	MADE,	 /* it makes the folder, for others too */
	SLOW,	 /* one was killed that had started a service, which does not come */
	ENDS,	 /* all others fail while it begins */
};

struct way {
	const char *name;
	enum how how;
};

static const struct way ways[] = {
	{"begin", NOTHING},
	{"again", KILLED},
	{"replace", TAKES},
	{"room", GIVES},
	{"managed", PASSED},
	{"made", MADE},
	{"late", SLOW},
	{"end", ENDS},
};

/* has_ended() - it did not say that it is ready: because it is not, or because just that failed */
static bool
has_ended(pid_t pid, int *ret_status)
{
	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return true;
		(void)usleep(2000);
	}
	return false;
}

static int
listen_there(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	(void)snprintf(
		at.sun_path, sizeof(at.sun_path), "%s", scene_address + strlen("unix:")); /* fits */
	(void)unlink(at.sun_path); /* of the one before */
	MUST(fd >= 0);
	MUST(bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
	MUST(listen(fd, 100) == 0);
	return fd;
}

/* play_alone() - in the child: once, whatever comes of it */
static void
play_alone(const struct scene *scene)
{
	trials.results[FIRST_TRY] = scene->run();
}

static void
play_once(const struct way *way, uint32_t n, int (*run)(void))
{
	const struct scene scene = {way->name, run};
	int status = child_wait(child_start(play_alone, &scene));

	if (status || trials.results[FIRST_TRY] == -EBADMSG)
		complain("ternd", way->name, n, "who calls is told something else", status, 0);
}

/* before() - what is there when it begins. Return: a ternd that is; 0: none */
static pid_t
before(const struct way *way)
{
	enum how how = way ? way->how : NOTHING;

	if (how == NOTHING || how == PASSED || how == MADE || how == ENDS) {
		kill_wait(&trials.partner);
		kill_wait(&trials.ternd);
	} else {
		beside_start(how == GIVES, NULL);
	}
	if (how == SLOW)
		play_once(way, 0, run_slow_begun);
	if (how == KILLED || how == SLOW)
		kill_wait(&trials.ternd);
	if (how == MADE)
		place(true);
	if (how != GIVES)
		store_rlx(&trials.inject->n_blocks, 0);
	if (how == PASSED)
		trials.passed = listen_there();
	trials.replaces = trials.ternd != 0;
	return trials.ternd;
}

/* start_anew() - it could not begin. Whom it would have replaced may be there still. */
static void
start_anew(const struct way *way, uint32_t n, int status, pid_t *old)
{
	int ended;

	trials.results[FIRST_TRY] = -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 0 || WEXITSTATUS(status) > 2)
		complain("ternd", way->name, n, "it does not say that it cannot", status, 0);
	disarm();
	trials.replaces = false;
	if (*old && !has_ended(*old, &ended)) {
		trials.ternd = *old;
	} else {
		if (*old && ended)
			complain(
				"ternd", way->name, n, "who made room does not end well", ended, 0);
		MUST(ternd_start(way->how != GIVES));
	}
	*old = 0;
}

/* end() - all of it; it has given back what it had */
static void
end(const struct way *way, uint32_t n, uint32_t which)
{
	int status;

	kill_wait(&trials.partner);
	if (way->how == ENDS) {
		play_once(way, n, run_left);
		arm(n, which);
	}
	(void)kill(trials.ternd, SIGTERM);
	status = child_wait(trials.ternd);
	trials.ternd = 0;
	disarm();
	if (status != 0)
		complain("ternd", way->name, n, "it does not end well", status, 0);
	else if (trials.inject->n_blocks)
		complain("ternd", way->name, n, "it ends with memory", trials.inject->n_blocks, 0);
	if (trials.passed >= 0)
		(void)close(trials.passed);
	trials.passed = -1;
	trials.replaces = false;
	if (way->how == MADE)
		place(false);
}

static const struct scene *
office(void)
{
	const struct scene *scene = offices;

	while (strcmp(scene->name, "calls") != 0)
		scene++;
	return scene;
}

static bool
begin_once(const void *user, uint32_t n, uint32_t which)
{
	const struct way *way = user;
	int status;
	pid_t old = before(way);

	memset((void *)trials.results, 0, N_RESULTS * sizeof(*trials.results));
	arm(n, which);
	if (way->how == ENDS)
		disarm();
	if (!ternd_start(way->how != GIVES) && has_ended(trials.ternd, &status))
		start_anew(way, n, status, &old);
	if (way->how == SLOW)
		play_once(way, n, run_slow);
	disarm();
	if (old && child_wait(old) != 0)
		complain("ternd", way->name, n, "who made room does not end well", 0, 0);
	if (!trials.partner)
		partner_start();
	if (child_wait(child_start(office_play, office())) != 0)
		complain("ternd", way->name, n, "nothing works after that", 0, 0);
	end(way, n, which);
	trials.n_trials += trials.inject->is_done != 0;
	trials.n_errors += trials.results[FIRST_TRY] < 0;
	tell("ternd", way->name, n);
	return trials.inject->is_done;
}

/* check_once() - it only looks at its files */
static bool
check_once(const void *user, uint32_t n, uint32_t which)
{
	int status = -1;

	(void)before(NULL);
	memset((void *)trials.results, 0, N_RESULTS * sizeof(*trials.results));
	trials.checks = true;
	arm(n, which);
	MUST(!ternd_start(true));
	MUST(has_ended(trials.ternd, &status));
	trials.ternd = 0;
	disarm();
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 2)
		complain("ternd", "check", n, "it does not end well", status, 0);
	trials.checks = false;
	trials.n_trials += trials.inject->is_done != 0;
	trials.n_errors += status != 0;
	tell("ternd", "check", n);
	return trials.inject->is_done;
}

void
begin_all(char **names)
{
	if (is_chosen("check", names))
		each_failure(check_once, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (is_chosen(ways[i].name, names))
			each_failure(begin_once, &ways[i]);
}
