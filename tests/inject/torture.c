/* SPDX-License-Identifier: MIT */

/*
 * torture: each allocation and each system call fails once, with each errno that it may return
 *
 *     torture [-k N] [-s SEED] [-a] [-o FILE] client|ternd [SCENE]...
 *
 * -k N: only one site in N, which ones depends on the seed; -a: every call of every site, not the first one alone;
 * -o: write down which sites were passed and failed (tests/inject/sites.py reads it).
 *
 * A trial is a scene (scenes.h) in which one call fails, and then the same scene once more, which must come to its
 * end. Nothing may crash, hang, or stay behind: no memory, descriptor or mapping. As `client`, the program under test
 * is the one that plays the scene, beside an honest partner and an honest ternd; as `ternd`, it is ternd.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "inject.h"
#include "scenes.h"

enum {
	EXIT_AGAIN = 90,  /* the second try failed */
	EXIT_BLOCKS,
	EXIT_FDS,
	EXIT_MAPS,
	HANG_S = 20,
	QUIET_MS = 3000, /* so long may who hears of an end take to clear away */
};

static struct inject *inject; /* shared with whom is tortured */
static int inject_fd = -1;
static char directory[] = "/tmp/tern-torture-XXXXXX";
static char address[128];
static pid_t ternd, partner;
static bool is_exhaustive;
static unsigned int n_trials, n_bad, n_errors, n_slow;
static _Atomic int32_t *results; /* of the trial: what the scene returned, then the second try */

static size_t
count_entries(pid_t pid, const char *what)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what); /* fits */
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n;
}

/* count_maps() - of shared memory */
static size_t
count_maps(pid_t pid)
{
	char path[64], line[4096];
	size_t n = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid); /* fits */
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		n += strstr(line, "/memfd:tern") != NULL;
	if (file)
		(void)fclose(file);
	return n;
}

/* --- who is beside --- */

static pid_t
spawn(const char *program, bool is_tortured, int ready)
{
	char number[16], fd[32];
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(number, sizeof(number), "%d", ready);	       /* fits, both */
	(void)snprintf(fd, sizeof(fd), "%d", inject_fd);
	(void)fcntl(ready, F_SETFD, 0);
	if (is_tortured) {
		(void)fcntl(inject_fd, F_SETFD, 0);
		(void)setenv("INJECT_FD", fd, 1);
	}
	if (!getenv("TORTURE_LOUD")) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(null, STDERR_FILENO); /* what it refuses is its business here */
	}
	(void)execl(program, "ternd", "--address", address, "--ready-fd", number, NULL);
	_exit(127);
}

/* wait_ready() - Return: is it ready? Else it has ended. */
static bool
wait_ready(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char byte;

	MUST(poll(&ready, 1, HANG_S * 1000) == 1);
	return read(fd, &byte, 1) == 1;
}

static bool
ternd_start(const char *program, bool is_tortured)
{
	int fds[2];
	bool r;

	MUST(pipe2(fds, O_CLOEXEC) == 0);
	ternd = spawn(program, is_tortured, fds[1]);
	(void)close(fds[1]);
	r = wait_ready(fds[0]);
	(void)close(fds[0]);
	return r;
}

static void
partner_start(void)
{
	int fds[2];

	MUST(pipe2(fds, O_CLOEXEC) == 0);
	partner = fork();
	MUST(partner >= 0);
	if (partner == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(fds[0]);
		partner_run(fds[1]);
	}
	(void)close(fds[1]);
	MUST(wait_ready(fds[0]));
	(void)close(fds[0]);
}

static void
kill_wait(pid_t *pid)
{
	if (*pid) {
		(void)kill(*pid, SIGKILL);
		MUST(waitpid(*pid, NULL, 0) == *pid);
	}
	*pid = 0;
}

/* --- a trial --- */

static void
arm(uint32_t fail_at, uint32_t which)
{
	inject->fail_at = fail_at;
	inject->which = which;
	store_rlx(&inject->count, 0);
	store_rlx(&inject->is_done, 0);
	store_rel(&inject->is_armed, 1);
}

static const char *
error_name(int r)
{
	const char *name = r < 0 ? strerrorname_np(-r) : NULL;

	return name ? name : r ? "?" : "ok";
}

static void
complain(const char *side, const char *scene, uint32_t n, const char *what, long long a, long long b)
{
	char command[512];
	const char *program = getenv(strcmp(side, "client") == 0 ? "TORTURE_LIBRARY" : "TORTURE_TERND");

	n_bad++;
	printf("BAD %s %s %u: %s fails with %s: %s (%lld, %lld); scene %s, then %s\n", side, scene, n,
		inject->is_done ? inject->name : "nothing", error_name(-inject->error), what, a, b,
		error_name(results[0]), error_name(results[1]));
	(void)snprintf(command, sizeof(command), "addr2line -fpie %s 0x%x 1>&2", program, inject->site - 1); /* fits */
	(void)fflush(stdout);
	if (inject->is_done && program)
		(void)!system(command); /* it helps where it works */
}

static void
tell(const char *side, const char *scene, uint32_t n)
{
	if (getenv("TORTURE_TELL"))
		printf("%s %s %u: %s fails with %s at %x: %s\n", side, scene, n, inject->is_done ? inject->name : "nothing",
			error_name(-inject->error), inject->site, error_name(results[0]));
}

/* client_play() - in the child: the scene twice, then nothing may be left */
_Noreturn static void
client_play(const struct scene *scene)
{
	size_t n_fds = count_entries(getpid(), "fd"), n_maps = count_maps(getpid());

	store_rlx(&inject->n_blocks, 0);
	inject_attach(inject);
	results[0] = scene->run();
	store_rel(&inject->is_armed, 0);
	results[1] = scene->run();
	if (results[1] < 0)
		_exit(EXIT_AGAIN);
	if (load_rlx(&inject->n_blocks))
		_exit(EXIT_BLOCKS);
	if (count_entries(getpid(), "fd") != n_fds)
		_exit(EXIT_FDS);
	if (count_maps(getpid()) != n_maps)
		_exit(EXIT_MAPS);
	exit(0); /* sanitizers look for leaks */
}

/* office_play() - in the child: the scene twice; ternd is what is tortured */
_Noreturn static void
office_play(const struct scene *scene)
{
	results[0] = scene->run();
	store_rel(&inject->is_armed, 0);
	for (int i = 0; i < 100; i++) {
		results[1] = scene->run();
		if (results[1] == 0)
			_exit(0);
		(void)usleep(20000); /* who was sent away comes back a little later */
	}
	_exit(EXIT_AGAIN);
}

static const char *
what_exit(int code)
{
	switch (code) {
	case EXIT_AGAIN:
		return "a second try does not work";
	case EXIT_BLOCKS:
		return "memory stays behind";
	case EXIT_FDS:
		return "descriptors stay behind";
	case EXIT_MAPS:
		return "mappings stay behind";
	case 99:
		return "what came is wrong";
	default:
		return "it ends with this status";
	}
}

/* child_wait() - Return: its status, -1: it hung, and was killed */
static int
child_wait(pid_t pid)
{
	uint64_t began = clock_now_ns();
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_now_ns() - began > HANG_S * NSEC_PER_SEC) {
			if (getenv("TORTURE_HOLD"))
				(void)pause();
			(void)kill(pid, SIGABRT);
			(void)waitpid(pid, &status, 0);
			return -1;
		}
		(void)usleep(500);
	}
	if (clock_now_ns() - began > NSEC_PER_SEC)
		n_slow++;
	return status;
}

/* settles() - does the number come back to what it was? Where something was given up, to less. */
static bool
settles(size_t (*count)(void), size_t *before, size_t *ret)
{
	for (int i = 0; i < QUIET_MS / 2; i++) {
		*ret = count();
		if (*ret <= *before) {
			*before = *ret;
			return true;
		}
		(void)usleep(2000);
	}
	return false;
}

static size_t
partner_fds(void)
{
	return count_entries(partner, "fd");
}

static size_t
partner_maps(void)
{
	return count_maps(partner);
}

static size_t
ternd_fds(void)
{
	return count_entries(ternd, "fd");
}

static size_t
ternd_blocks(void)
{
	return (size_t)load_rlx(&inject->n_blocks);
}

struct baseline {
	size_t partner_fds, partner_maps, ternd_fds, ternd_blocks;
};

static void
baseline_take(struct baseline *base)
{
	(void)usleep(50000);
	*base = (struct baseline){partner_fds(), partner_maps(), ternd_fds(), ternd_blocks()};
}

/* judge() - what became of a trial. Return: is all well? */
static bool
judge(const char *side, const char *scene, uint32_t n, int status, struct baseline *base)
{
	bool is_client = strcmp(side, "client") == 0;
	size_t now;

	if (status == -1)
		complain(side, scene, n, "it hangs", 0, 0);
	else if (WIFSIGNALED(status))
		complain(side, scene, n, "it dies of a signal", WTERMSIG(status), 0);
	else if (status)
		complain(side, scene, n, what_exit(WEXITSTATUS(status)), WEXITSTATUS(status), inject->n_blocks);
	else if (waitpid(partner, NULL, WNOHANG) != 0 || waitpid(ternd, NULL, WNOHANG) != 0)
		complain(side, scene, n, "the partner or ternd has ended", 0, 0);
	else if (!settles(partner_fds, &base->partner_fds, &now))
		complain(side, scene, n, "the partner keeps descriptors", (long long)base->partner_fds, (long long)now);
	else if (!settles(partner_maps, &base->partner_maps, &now))
		complain(side, scene, n, "the partner keeps mappings", (long long)base->partner_maps, (long long)now);
	else if (!settles(ternd_fds, &base->ternd_fds, &now))
		complain(side, scene, n, "ternd keeps descriptors", (long long)base->ternd_fds, (long long)now);
	else if (!is_client && !settles(ternd_blocks, &base->ternd_blocks, &now))
		complain(side, scene, n, "ternd keeps memory", (long long)base->ternd_blocks, (long long)now);
	else
		return true;
	return false;
}

static void
beside_stop(void)
{
	kill_wait(&partner);
	kill_wait(&ternd);
}

static void
beside_start(bool is_ternd, struct baseline *base)
{
	beside_stop();
	store_rel(&inject->is_armed, 0);
	store_rlx(&inject->n_blocks, 0);
	MUST(ternd_start(getenv(is_ternd ? "TORTURE_TERND" : "TERND"), is_ternd));
	partner_start();
	if (base)
		baseline_take(base);
}

/* play() - one trial. Return: something failed in it. */
static bool
play(const struct scene *scene, bool is_ternd, uint32_t n, uint32_t which, struct baseline *base)
{
	const char *side = is_ternd ? "ternd" : "client";
	bool is_counting = n == 0;
	pid_t pid;

	results[0] = results[1] = 0;
	arm(n, which);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (is_ternd)
			office_play(scene);
		client_play(scene);
	}
	if (is_counting) { /* what is made once is made now */
		if (child_wait(pid) != 0 || results[0])
			complain(side, scene->name, n, "it should have worked", results[0], results[1]);
		baseline_take(base);
	} else if (!judge(side, scene->name, n, child_wait(pid), base)) {
		beside_start(is_ternd, base);
	}
	n_trials += !is_counting && inject->is_done;
	n_errors += !is_counting && results[0] < 0;
	tell(side, scene->name, n);
	return inject->is_done;
}

static void
play_all(const struct scene *scene, bool is_ternd)
{
	struct baseline base;

	beside_start(is_ternd, &base);
	(void)play(scene, is_ternd, 0, 0, &base);
	if (!is_exhaustive) {
		while (play(scene, is_ternd, INJECT_BY_SITE, 0, &base))
			;
		return;
	}
	for (uint32_t n = 1; play(scene, is_ternd, n, 0, &base); n++)
		for (uint32_t which = 1, n_errnos = inject->n_errors; which < n_errnos; which++)
			(void)play(scene, is_ternd, n, which, &base);
}

/* --- ternd begins, with nothing before it, and after one that was killed --- */

/* has_ended() - it did not say that it is ready: because it is not, or because just that failed */
static bool
has_ended(int *ret_status)
{
	for (int i = 0; i < 500; i++) {
		if (waitpid(ternd, ret_status, WNOHANG) == ternd)
			return true;
		(void)usleep(2000);
	}
	return false;
}

static bool
begin_once(uint32_t n, uint32_t which, bool is_again)
{
	int status;
	bool is_done;
	pid_t pid;

	results[0] = results[1] = 0;
	if (is_again)
		beside_start(false, NULL);
	else
		kill_wait(&partner);
	kill_wait(&ternd);
	store_rlx(&inject->n_blocks, 0);
	arm(n, which);
	if (!ternd_start(getenv("TORTURE_TERND"), true) && has_ended(&status)) {
		results[0] = -1;
		if (!WIFEXITED(status) || WEXITSTATUS(status) == 0 || WEXITSTATUS(status) > 2)
			complain("ternd", is_again ? "again" : "begin", n, "it does not say that it cannot", status, 0);
		store_rel(&inject->is_armed, 0);
		MUST(ternd_start(getenv("TORTURE_TERND"), true));
	}
	store_rel(&inject->is_armed, 0);
	is_done = inject->is_done;
	if (!is_again)
		partner_start();
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0)
		office_play(&offices[1]);
	if (child_wait(pid) != 0)
		complain("ternd", is_again ? "again" : "begin", n, "nothing works after that", 0, 0);
	kill_wait(&partner);
	(void)kill(ternd, SIGTERM);
	status = child_wait(ternd);
	ternd = 0;
	if (status != 0)
		complain("ternd", is_again ? "again" : "begin", n, "it does not end well", status, 0);
	else if (inject->n_blocks)
		complain("ternd", is_again ? "again" : "begin", n, "it ends with memory", inject->n_blocks, 0);
	n_trials += is_done;
	n_errors += results[0] < 0;
	tell("ternd", is_again ? "again" : "begin", n);
	return is_done;
}

static void
begin_all(bool is_again)
{
	if (!is_exhaustive) {
		while (begin_once(INJECT_BY_SITE, 0, is_again))
			;
		return;
	}
	for (uint32_t n = 1; begin_once(n, 0, is_again); n++)
		for (uint32_t which = 1, n_errnos = inject->n_errors; which < n_errnos; which++)
			(void)begin_once(n, which, is_again);
}

/* --- */

static bool
is_chosen(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static void
write_sites(const char *path)
{
	FILE *file = fopen(path, "we");

	MUST(file != NULL);
	for (uint32_t i = 0; i < INJECT_SITES; i++)
		if (inject->passed[i])
			(void)fprintf(file, "%x %u\n", i, inject->failed[i]);
	MUST(fclose(file) == 0);
}

static void
prepare(void)
{
	inject_fd = memfd_create("torture", MFD_CLOEXEC);
	MUST(inject_fd >= 0);
	MUST(ftruncate(inject_fd, sizeof(*inject)) == 0);
	inject = mmap(NULL, sizeof(*inject), PROT_READ | PROT_WRITE, MAP_SHARED, inject_fd, 0);
	MUST(inject != MAP_FAILED);
	results = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(results != MAP_FAILED);
	MUST(mkdtemp(directory) != NULL);
	(void)snprintf(address, sizeof(address), "unix:%s/bus", directory); /* fits */
	scene_address = address;
}

static void
clear_away(void)
{
	static const char *const names[] = {"bus", "bus.lock", "bus.journal", "bus.direct", "bus.direct.lock"};
	char path[256];

	beside_stop();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]); /* fits */
		(void)unlink(path);						  /* those that are there */
	}
	(void)rmdir(directory);
}

int
main(int argc, char **argv)
{
	const char *sites = NULL;
	bool is_ternd;
	int option;
	uint32_t seed = 0, of = 0;

	while ((option = getopt(argc, argv, "k:s:ao:")) != -1) {
		if (option == 'k')
			of = (uint32_t)atoi(optarg);
		else if (option == 's')
			seed = (uint32_t)atoi(optarg);
		else if (option == 'a')
			is_exhaustive = true;
		else if (option == 'o')
			sites = optarg;
		else
			return 2;
	}
	if (optind == argc || !getenv("TERND"))
		return 2;
	is_ternd = strcmp(argv[optind++], "ternd") == 0;
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* cannot fail before anything was written */
	prepare();
	inject->of = of;
	inject->seed = seed;
	for (size_t i = 0; i < (is_ternd ? n_offices : n_scenes); i++) {
		const struct scene *scene = is_ternd ? &offices[i] : &scenes[i];

		if (is_chosen(scene->name, argv + optind))
			play_all(scene, is_ternd);
	}
	if (is_ternd && is_chosen("begin", argv + optind))
		begin_all(false);
	if (is_ternd && is_chosen("again", argv + optind))
		begin_all(true);
	clear_away();
	if (sites)
		write_sites(sites);
	printf("%u failures, %u of them told as errors, %u took over a second\n", n_trials, n_errors, n_slow);
	printf("%u passed, %u failed\n", n_trials - n_bad, n_bad);
	return n_bad > 0;
}
