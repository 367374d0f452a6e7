/* SPDX-License-Identifier: MIT */

/* trial: see trial.h */

#include "trial.h"

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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"

enum {
	HANG_S = 20,
	QUIET_MS = 3000, /* so long may who hears of an end take to clear away */
	PASSED_FD = 3,	 /* where a program finds sockets that it is given */
};

struct trials trials = {.inject_fd = -1, .passed = -1, .notify = -1};

static char directory[] = "/tmp/tern-torture-XXXXXX";
static char address[128], notify_path[100];

size_t
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
size_t
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

/* give_sockets() - as systemd does, and where to tell how it is */
static void
give_sockets(void)
{
	char number[16];

	if (trials.notify >= 0)
		(void)setenv("NOTIFY_SOCKET", notify_path, 1);
	if (trials.passed < 0)
		return;
	(void)snprintf(number, sizeof(number), "%d", (int)getpid()); /* fits */
	(void)setenv("XDG_CONFIG_HOME", directory, 1);
	(void)setenv("XDG_DATA_HOME", directory, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	(void)setenv("LISTEN_PID", number, 1);
	(void)dup2(trials.passed, PASSED_FD);
}

/* become_ternd() - in the child */
_Noreturn static void
become_ternd(bool is_tortured, int ready)
{
	char conf[160], services[160], number[16], fd[32];
	const char *program = getenv(is_tortured ? "TORTURE_TERND" : "TERND");

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(
		conf, sizeof(conf), "%s/tern/ternd.conf", directory); /* fits, as the others */
	(void)snprintf(services, sizeof(services), "%s/tern/services", directory);
	(void)snprintf(number, sizeof(number), "%d", ready);
	(void)snprintf(fd, sizeof(fd), "%d", trials.inject_fd);
	(void)fcntl(ready, F_SETFD, 0);
	give_sockets();
	if (is_tortured) {
		(void)fcntl(trials.inject_fd, F_SETFD, 0);
		(void)setenv("INJECT_FD", fd, 1);
	}
	if (!getenv("TORTURE_LOUD")) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(null, STDERR_FILENO); /* what it refuses is its business here */
	}
	if (trials.makes)
		(void)execl(program, "ternd", "--address", address, "--ready-fd", number, "--config",
			conf, "--services", services, "--allow-uid", "65534", NULL);
	if (trials.passed >= 0) /* it finds them by the environment, too */
		(void)execl(program, "ternd", "--address", address, "--ready-fd", number, NULL);
	(void)execl(program, "ternd", "--address", address, "--ready-fd", number, "--config", conf,
		"--services", services, trials.checks ? "--check" : trials.replaces ? "--replace" : NULL,
		NULL);
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

/* forget_told() - what ternd told of itself; it also gives descriptors away so, for the next one,
 * its lock among them */
static void
forget_told(void)
{
	char text[512];

	while (recv(trials.notify, text, sizeof(text), 0) >= 0)
		;
}

bool
ternd_start(bool is_tortured)
{
	int fds[2];
	bool r;

	forget_told();
	MUST(pipe2(fds, O_CLOEXEC) == 0);
	trials.ternd = fork();
	MUST(trials.ternd >= 0);
	if (trials.ternd == 0)
		become_ternd(is_tortured, fds[1]);
	(void)close(fds[1]);
	r = wait_ready(fds[0]);
	(void)close(fds[0]);
	return r;
}

void
partner_start(void)
{
	int fds[2];

	MUST(pipe2(fds, O_CLOEXEC) == 0);
	trials.partner = fork();
	MUST(trials.partner >= 0);
	if (trials.partner == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(fds[0]);
		partner_run(fds[1]);
	}
	(void)close(fds[1]);
	MUST(wait_ready(fds[0]));
	(void)close(fds[0]);
}

void
kill_wait(pid_t *pid)
{
	if (*pid) {
		(void)kill(*pid, SIGKILL);
		MUST(waitpid(*pid, NULL, 0) == *pid);
	}
	*pid = 0;
}

/* --- a trial --- */

void
arm(uint32_t fail_at, uint32_t which)
{
	trials.inject->fail_at = fail_at;
	trials.inject->which = which;
	store_rlx(&trials.inject->count, 0);
	store_rlx(&trials.inject->is_done, 0);
	store_rel(&trials.inject->is_armed, 1);
}

void
disarm(void)
{
	store_rel(&trials.inject->is_armed, 0);
}

void
each_failure(bool (*once)(const void *user, uint32_t fail_at, uint32_t which), const void *user)
{
	if (!trials.is_exhaustive) {
		while (once(user, INJECT_BY_SITE, 0))
			;
		trials.inject->is_pair = trials.has_pairs;
		while (trials.has_pairs && once(user, INJECT_BY_SITE, 0))
			;
		trials.inject->is_pair = false;
		return;
	}
	for (uint32_t n = 1; once(user, n, 0); n++)
		for (uint32_t which = 1, n_errnos = trials.inject->n_errors; which < n_errnos;
			which++)
			(void)once(user, n, which);
}

static const char *
error_name(int r)
{
	const char *name = r < 0 ? strerrorname_np(-r) : NULL;

	return name ? name : r ? "?" : "ok";
}

void
complain(
	const char *side, const char *scene, uint32_t n, const char *what, long long a, long long b)
{
	char command[512];
	const char *program =
		getenv(strcmp(side, "client") == 0 ? "TORTURE_LIBRARY" : "TORTURE_TERND");

	trials.n_bad++;
	printf("BAD %s %s %u: %s fails with %s: %s (%lld, %lld); scene %s, then %s\n", side, scene,
		n, trials.inject->is_done ? trials.inject->name : "nothing",
		error_name(-trials.inject->error), what, a, b,
		error_name(trials.results[FIRST_TRY]), error_name(trials.results[SECOND_TRY]));
	(void)snprintf(command, sizeof(command), "addr2line -fpie %s 0x%x 1>&2", program,
		trials.inject->site - 1); /* fits */
	(void)fflush(stdout);
	if (trials.inject->is_done && program)
		(void)!system(command); /* it helps where it works */
}

void
tell(const char *side, const char *scene, uint32_t n)
{
	if (getenv("TORTURE_TELL"))
		printf("%s %s %u: %s fails with %s at %x: %s\n", side, scene, n,
			trials.inject->is_done ? trials.inject->name : "nothing",
			error_name(-trials.inject->error), trials.inject->site,
			error_name(trials.results[FIRST_TRY]));
}

/* --- a child that plays --- */

void
office_play(const struct scene *scene)
{
	trials.results[FIRST_TRY] = scene->run();
	disarm();
	for (int i = 0; i < 100; i++) {
		trials.results[SECOND_TRY] = scene->run();
		if (trials.results[SECOND_TRY] == 0)
			_exit(0);
		(void)usleep(20000); /* who was sent away comes back a little later */
	}
	_exit(EXIT_AGAIN);
}

/* ask_again() - in the child: one trials.ternd after another */
static void
ask_again(void)
{
	int32_t n = add_rlx(&trials.results[N_WANTED], 1) + 1;

	while (load_acq(&trials.results[N_CAME]) < n)
		(void)usleep(500);
}

static void
give_again(void)
{
	kill_wait(&trials.ternd);
	MUST(ternd_start(false));
	(void)add_rlx(&trials.results[N_CAME], 1);
}

pid_t
child_start(void (*play)(const struct scene *scene), const struct scene *scene)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	play(scene);
	_exit(0); /* it has ended by itself */
}

int
child_wait(pid_t pid)
{
	uint64_t began = clock_now_ns();
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (load_rlx(&trials.results[N_WANTED]) > load_rlx(&trials.results[N_CAME]))
			give_again();
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
		trials.n_slow++;
	return status;
}

/* --- what becomes of it --- */

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

/* grows() - it is more than before, and each time more: what is made when it is first needed, and
 * kept, is no leak */
static bool
grows(const struct scene *scene, size_t (*count)(void), size_t *before, size_t *ret)
{
	size_t first;

	if (settles(count, before, ret))
		return false;
	disarm();
	first = *ret;
	for (int i = 0; i < 2; i++)
		(void)child_wait(child_start(office_play, scene)); /* what it grows by shows */
	*before = first;
	return !settles(count, before, ret);
}

static size_t
partner_fds(void)
{
	return count_entries(trials.partner, "fd");
}

static size_t
partner_maps(void)
{
	return count_maps(trials.partner);
}

static size_t
ternd_fds(void)
{
	return count_entries(trials.ternd, "fd");
}

static size_t
ternd_blocks(void)
{
	return (size_t)load_rlx(&trials.inject->n_blocks);
}

void
baseline_take(struct baseline *base)
{
	(void)usleep(50000);
	*base = (struct baseline){partner_fds(), partner_maps(), ternd_fds(), ternd_blocks()};
}

bool
judge(const char *side, const struct scene *scene, uint32_t n, int status, struct baseline *base)
{
	bool is_client = strcmp(side, "client") == 0;
	size_t now;

	if (status == -1)
		complain(side, scene->name, n, "it hangs", 0, 0);
	else if (WIFSIGNALED(status))
		complain(side, scene->name, n, "it dies of a signal", WTERMSIG(status), 0);
	else if (status)
		complain(side, scene->name, n, what_exit(WEXITSTATUS(status)), WEXITSTATUS(status),
			trials.inject->n_blocks);
	else if (waitpid(trials.partner, NULL, WNOHANG) != 0 ||
		 waitpid(trials.ternd, NULL, WNOHANG) != 0)
		complain(side, scene->name, n, "the partner or ternd has ended", 0, 0);
	else if (scene->ends_ternd)
		return false; /* all anew */
	else if (grows(scene, partner_fds, &base->partner_fds, &now))
		complain(side, scene->name, n, "the partner keeps descriptors",
			(long long)base->partner_fds, (long long)now);
	else if (grows(scene, partner_maps, &base->partner_maps, &now))
		complain(side, scene->name, n, "the partner keeps mappings",
			(long long)base->partner_maps, (long long)now);
	else if (grows(scene, ternd_fds, &base->ternd_fds, &now))
		complain(side, scene->name, n, "ternd keeps descriptors",
			(long long)base->ternd_fds, (long long)now);
	else if (!is_client && grows(scene, ternd_blocks, &base->ternd_blocks, &now))
		complain(side, scene->name, n, "ternd keeps memory", (long long)base->ternd_blocks,
			(long long)now);
	else
		return true;
	return false;
}

static void
beside_stop(void)
{
	kill_wait(&trials.partner);
	kill_wait(&trials.ternd);
}

/* remove_all() - of the directory */
static void
remove_all(const char *const *names)
{
	char path[256];

	for (; *names; names++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, *names); /* fits */
		(void)remove(path);						/* those that are there */
	}
}

void
beside_start(bool is_ternd, struct baseline *base)
{
	static const char *const journal[] = {"bus.journal", NULL};

	beside_stop();
	if (trials.forgets)
		remove_all(journal);
	disarm();
	store_rlx(&trials.inject->n_blocks, 0);
	MUST(ternd_start(is_ternd));
	partner_start();
	if (base)
		baseline_take(base);
}

/* --- the place --- */

/* listen_to_ternd() - where it tells how it is; nobody looks what */
static void
listen_to_ternd(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	(void)snprintf(notify_path, sizeof(notify_path), "%s/notify", directory); /* fits, both */
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", notify_path);
	trials.notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	MUST(trials.notify >= 0);
	MUST(bind(trials.notify, (const struct sockaddr *)&at, sizeof(at)) == 0);
}

void
place(bool is_made)
{
	static const char *const made[] = {"made/bus", "made/bus.lock", "made/bus.journal",
		"made/bus.partner", "made/bus.partner.lock", "made", NULL};

	remove_all(made);
	trials.makes = is_made;
	(void)snprintf(address, sizeof(address), "unix:%s/%sbus", directory, is_made ? "made/" : ""); /* fits */
}

void
trials_prepare(void)
{
	char program[4096] = "", path[128];

	MUST(open("/dev/null", O_RDONLY | O_CLOEXEC) >= PASSED_FD); /* nothing of ours is there */
	trials.inject_fd = memfd_create("torture", MFD_CLOEXEC);
	MUST(trials.inject_fd >= 0);
	MUST(ftruncate(trials.inject_fd, sizeof(*trials.inject)) == 0);
	trials.inject = mmap(NULL, sizeof(*trials.inject), PROT_READ | PROT_WRITE, MAP_SHARED,
		trials.inject_fd, 0);
	MUST(trials.inject != MAP_FAILED);
	trials.results =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(trials.results != MAP_FAILED);
	MUST(mkdtemp(directory) != NULL);
	MUST(chmod(directory, 0755) == 0); /* for a service of another user */
	place(false);
	scene_address = address;
	scene_directory = directory;
	scene_again = ask_again;
	(void)snprintf(path, sizeof(path), "%s/tern", directory); /* fits */
	MUST(mkdir(path, 0755) == 0);
	listen_to_ternd();
	policy_write(STRICT);
	MUST(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
	services_write(program);
}

void
trials_clear_away(void)
{
	static const char *const names[] = {"bus", "bus.lock", "bus.journal", "bus.direct",
		"bus.direct.lock", "bus.partner", "bus.partner.lock", "notify", "tern/ternd.conf",
		"tern/services/" STARTED ".service", "tern/services/org.example.Missing.service",
		"tern/services/org.example.Wrong.service", "tern/services/org.example.Ends.service",
		"tern/services/org.example.Slow.service", "tern/services", "tern", "actor", "libtern-inject.so",
		NULL};

	beside_stop();
	place(false);
	remove_all(names);
	(void)rmdir(directory);
}
