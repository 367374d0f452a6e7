/* SPDX-License-Identifier: MIT */

/* private-bus: a ternd for one command, that leaves nothing behind */

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/attribute.h"
#include "cli/plain.h"
#include "cli/private-bus.h"

#define START_MS 10000 /* for ternd to listen */
#define END_MS	 3000  /* for ternd to end when asked to */

/* What the keeper is told. */
struct keep {
	char directory[PATH_MAX];
	char ternd[PATH_MAX];
	const char *address;
	const sigset_t *mask;
	int life_fd;  /* its end: the command is over */
	int ready_fd; /* ternd writes to it */
};

/* Where ternd may be, from the folder this program is in: installed, build tree, private to the
 * package. */
static const char *const PLACES[] = {
	"ternd", "../daemon/ternd", "../libexec/ternd", "../sbin/ternd"};

static bool
is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

static int
find_in_path(char *ret, size_t size)
{
	const char *path = getenv("PATH");

	for (path = path ? path : ""; *path;) {
		size_t n = strcspn(path, ":");

		if (n > 0 && (size_t)snprintf(ret, size, "%.*s/ternd", (int)n, path) < size &&
			is_program(ret))
			return 0;
		path += n + (path[n] == ':');
	}
	return -ENOENT;
}

static int
find_ternd(char *ret, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[MAX(n, 0)] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(PLACES); i++) {
		int folder = (int)(slash + 1 - self);

		if ((size_t)snprintf(ret, size, "%.*s%s", folder, self, PLACES[i]) < size &&
			is_program(ret))
			return 0;
	}
	return find_in_path(ret, size);
}

/* make_directory() - a new one for us alone, with a path short enough for a socket's */
static int
make_directory(char *ret, size_t size)
{
	const char *const parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	const size_t longest = sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("/bus.lock");
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		if (!parents[i] || parents[i][0] != '/')
			continue;
		if ((size_t)snprintf(ret, size, "%s/tern-run-XXXXXX", parents[i]) > longest)
			continue;
		if (mkdtemp(ret))
			return 0;
		r = -errno;
	}
	return r;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)remove(path); /* what stays makes the directory stay, and that is told */
	return 0;
}

static void
remove_directory(const char *directory)
{
	(void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* as above */
	if (access(directory, F_OK) == 0)
		report("%s could not be removed", directory);
}

/* -------- the keeper -------- */

static void
run_ternd(const struct keep *keep, pid_t keeper)
{
	char ready[16];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a belt beside the braces */
	if (getppid() != keeper)
		_exit(STDERR_FILENO);
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);	  /* it reads nothing */
	(void)dup2(STDERR_FILENO, STDOUT_FILENO); /* the command's output is the command's */
	(void)fcntl(keep->ready_fd, F_SETFD, 0);  /* cannot fail: it is open */
	(void)snprintf(ready, sizeof(ready), "%d", keep->ready_fd); /* fits */
	(void)sigprocmask(SIG_SETMASK, keep->mask, NULL);	    /* cannot fail */
	(void)execl(keep->ternd, "ternd", "--address", keep->address, "--ready-fd", ready,
		(char *)NULL);
	report("%s cannot be run: %m", keep->ternd);
	_exit(127);
}

static void
say_ended(const char *address, int status)
{
	if (WIFSIGNALED(status))
		report("the private bus at %s died: %s", address, strsignal(WTERMSIG(status)));
	else
		report("the private bus at %s ended with status %d", address, WEXITSTATUS(status));
}

/* wait_for_end() - of the command (true) or of ternd (false), whichever is first */
static bool
wait_for_end(const struct keep *keep, int ternd_fd)
{
	struct pollfd fds[] = {
		{.fd = keep->life_fd, .events = POLLIN},
		{.fd = ternd_fd, .events = POLLIN},
	};

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		; /* EINTR: all signals that come are blocked, but a debugger may stop it */
	return fds[0].revents != 0;
}

static void
end_ternd(const struct keep *keep, pid_t ternd, int ternd_fd)
{
	struct pollfd fd = {.fd = ternd_fd, .events = POLLIN};
	bool is_late;
	int status;

	(void)kill(ternd, SIGTERM); /* not waited for yet: the number is still its own */
	is_late = poll(&fd, 1, END_MS) != 1;
	if (is_late) {
		report("ternd did not end in time and is killed");
		(void)kill(ternd, SIGKILL); /* as above */
	}
	(void)waitpid(ternd, &status, 0); /* it ends, or has ended: then it had a reason */
	if (WIFEXITED(status) ? WEXITSTATUS(status) != 0 : !is_late && WTERMSIG(status) != SIGTERM)
		say_ended(keep->address, status);
}

static void
run_keeper(struct keep *keep)
{
	pid_t self, ternd;
	int ternd_fd, status;
	sigset_t all;

	(void)setsid();		/* cannot fail: just forked */
	(void)sigfillset(&all); /* cannot fail */
	(void)sigprocmask(
		SIG_SETMASK, &all, NULL); /* ended early, it would leave the folder behind */
	self = getpid();
	ternd = fork();
	if (ternd == 0)
		run_ternd(keep, self);
	keep->ready_fd = fd_close(keep->ready_fd);
	ternd_fd = ternd < 0 ? -1 : (int)syscall(SYS_pidfd_open, ternd, 0);
	if (ternd < 0 || ternd_fd < 0) {
		report("ternd cannot be started: %m");
		if (ternd > 0) {
			(void)kill(ternd, SIGKILL);    /* as in end_ternd() */
			(void)waitpid(ternd, NULL, 0); /* as in end_ternd() */
		}
	} else if (wait_for_end(keep, ternd_fd)) {
		end_ternd(keep, ternd, ternd_fd);
	} else {
		char byte;

		(void)waitpid(ternd, &status, 0); /* it has ended */
		say_ended(keep->address, status);
		while (read(keep->life_fd, &byte, 1) < 0 && errno == EINTR)
			; /* links go on without a bus */
	}
	remove_directory(keep->directory);
	_exit(0);
}

/* -------- what tern run does -------- */

/* wait_until_ready() - ternd writes a byte when it listens; the end of the pipe: it never will */
static int
wait_until_ready(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	char byte;
	int r;

	do
		r = poll(&pollfd, 1, START_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0) {
		report("ternd did not start within %d s", START_MS / 1000);
		return -ETIME;
	}
	if (read(fd, &byte, 1) == 1)
		return 0;
	return -ECONNREFUSED; /* the keeper has said why */
}

static int
start_keeper(struct private_bus *bus, struct keep *keep, const int life[2], const int ready[2])
{
	bus->keeper = fork();
	if (bus->keeper == 0) {
		(void)close(life[1]);  /* or its own end would never be seen */
		(void)close(ready[0]); /* not the keeper's */
		run_keeper(keep);
	}
	return bus->keeper < 0 ? -errno : 0;
}

int
private_bus_start(struct private_bus *bus, const sigset_t *mask)
{
	struct keep keep = {.address = bus->address, .mask = mask};
	int life[2], ready[2], r;

	r = find_ternd(keep.ternd, sizeof(keep.ternd));
	if (r) {
		report("there is no ternd beside this program, nor in PATH");
		return r;
	}
	r = make_directory(keep.directory, sizeof(keep.directory));
	if (r) {
		report("no directory for a private bus can be made: %s", strerror(-r));
		return r;
	}
	(void)snprintf(
		bus->address, sizeof(bus->address), "unix:%.128s/bus", keep.directory); /* fits */
	if (pipe2(life, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) {
		report("no private bus: %m");
		(void)rmdir(keep.directory); /* it is empty; the process ends soon */
		return -EMFILE;
	}
	keep.life_fd = life[0];
	keep.ready_fd = ready[1];
	r = start_keeper(bus, &keep, life, ready);
	bus->life_fd = life[1];
	(void)close(life[0]);  /* the keeper's */
	(void)close(ready[1]); /* ternd's */
	if (r) {
		report("no private bus: %s", strerror(-r));
		(void)rmdir(keep.directory); /* it is empty */
	} else {
		r = wait_until_ready(ready[0]);
	}
	(void)close(ready[0]); /* read */
	if (r)
		private_bus_stop(bus);
	return r;
}

void
private_bus_stop(struct private_bus *bus)
{
	bus->life_fd = fd_close(bus->life_fd);
	if (bus->keeper > 0) {
		while (waitpid(bus->keeper, NULL, 0) < 0 && errno == EINTR)
			;
	}
	bus->keeper = -1;
}
