/* SPDX-License-Identifier: MIT */

/*
 * seals: only the owner of a segment can write to it, whatever is tried
 *
 * For each route and each attacker: a fresh owner, who maps a segment and fills
 * it; the attack, in a process of its own; then the owner looks at all of his
 * bytes, at size, blocks and seals. Run as root, owner and attackers drop to
 * two users without rights; else the other user cannot be had and is left out.
 *
 *     seals [-v] [WORD]      -v: say each run; WORD: only routes with it in their name
 */

#include "seals.h"
#include "base/attribute.h"
#include "io/socket.h"
#include "shm/segment.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OWNER_UID	 65533
#define OTHER_UID	 65534
#define PAGES		 16
#define MIN_ROUTES	 24
#define SECONDS		 10
#define EXIT_UNAVAILABLE 250 /* below: 0, or the errno that stopped the attack */
#define EXIT_BROKEN	 251

enum { INTACT, CHANGED }; /* how the owner finds his memory; his exit status */

struct run {
	const struct route *route;
	unsigned int attacker; /* its number */
	unsigned int measures;
};

struct report {
	struct attack attack;
	int status; /* of the child's attack */
};

struct outcome {
	int attack; /* wait status */
	int owner;
};

static bool verbose;
static const char *const attacker_names[N_ATTACKERS] = {"same user", "other user", "child"};

/* The processes */

static void
drop_to(uid_t uid)
{
	(void)alarm(SECONDS);
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGBUS, SIG_DFL);
	if (geteuid() == 0)
		if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
			setresuid(uid, uid, uid) < 0)
			_exit(EXIT_BROKEN);
	/* Anew, since it went with the user; and no help for the owner from elsewhere. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
		_exit(EXIT_BROKEN);
}

/* As segment_create() does it, with some measures left out. */
static int
make_weak(struct segment *ret, unsigned int measures)
{
	struct segment s = {.size = PAGES * segment_page_size(), .owned = true};
	int seals = (measures & FUTURE_WRITE ? F_SEAL_FUTURE_WRITE : 0) |
		    (measures & SHRINK ? F_SEAL_SHRINK : 0) | (measures & GROW ? F_SEAL_GROW : 0) |
		    (measures & SEAL ? F_SEAL_SEAL : 0);

	s.fd = memfd_create("tern-weak", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s.fd < 0 || ftruncate(s.fd, (off_t)s.size) < 0 ||
		fallocate(s.fd, 0, 0, (off_t)s.size) < 0 ||
		fchmod(s.fd, measures & MODE ? 0400 : 0666) < 0)
		return -errno;
	s.base = mmap(NULL, s.size, PROT_READ | PROT_WRITE, MAP_SHARED, s.fd, 0);
	if (s.base == MAP_FAILED || fcntl(s.fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	if (measures & DONTFORK && madvise(s.base, s.size, MADV_DONTFORK) < 0)
		return -errno;
	*ret = s;
	return 0;
}

static uint8_t
pattern(size_t i)
{
	return (uint8_t)('a' + i % 23); /* never 'X', never 0 */
}

/* Every byte, and that the owner can still write and everybody reads it. */
static bool
is_intact(const struct segment *s, const struct stat *before, int seals)
{
	struct stat now;
	uint8_t c = 0;

	if (fstat(s->fd, &now) < 0 || now.st_size != before->st_size ||
		now.st_blocks != before->st_blocks || fcntl(s->fd, F_GET_SEALS) != seals)
		return false;
	for (size_t i = 0; i < s->size; i++)
		if (s->base[i] != pattern(i))
			return false;
	s->base[s->size - 1] = '!';
	return pread(s->fd, &c, 1, (off_t)s->size - 1) == 1 && c == '!';
}

static void
attack(const struct route *route, const struct attack *given)
{
	struct attack a = *given;
	int r;

	if (route->get) {
		a.fd = route->get(given);
		if (a.fd < 0)
			_exit(errno == ENOSYS ? EXIT_UNAVAILABLE : errno);
	}
	r = route->act(&a);
	_exit(r == UNAVAILABLE ? EXIT_UNAVAILABLE : -r);
}

static int
wait_for(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : EXIT_BROKEN << 8;
}

static int
attack_forked(const struct route *route, const struct attack *given, uid_t uid)
{
	pid_t pid = fork();

	if (pid == 0) {
		drop_to(uid);
		attack(route, given);
	}
	return wait_for(pid);
}

static void
owner(const struct run *run, int socket)
{
	struct segment s = SEGMENT_INIT;
	struct report report = {.status = 0};
	struct iovec iov = {.iov_base = &report, .iov_len = sizeof(report)};
	struct pollfd end = {.fd = socket, .events = POLLIN};
	struct stat before;
	int seals, r;

	drop_to(OWNER_UID);
	r = run->measures == ALL_MEASURES
		    ? segment_create(&s, "tern-sealed", PAGES * segment_page_size())
		    : make_weak(&s, run->measures);
	if (r || fstat(s.fd, &before) < 0)
		_exit(EXIT_BROKEN);
	seals = fcntl(s.fd, F_GET_SEALS);
	for (size_t i = 0; i < s.size; i++)
		s.base[i] = pattern(i);

	report.attack = (struct attack){s.fd, s.base, s.size, getpid(), s.fd};
	if (1u << run->attacker == CHILD)
		report.status = attack_forked(run->route, &report.attack, OWNER_UID);
	if (socket_send(socket, &iov, 1, &s.fd, 1))
		_exit(EXIT_BROKEN);
	(void)poll(&end, 1, -1); /* the attack is over when the other end is closed */
	_exit(is_intact(&s, &before, seals) ? INTACT : CHANGED);
}

static struct outcome
perform(const struct run *run)
{
	static const uid_t uids[N_ATTACKERS] = {OWNER_UID, OTHER_UID, OWNER_UID};
	struct outcome outcome = {.attack = EXIT_BROKEN << 8};
	struct report report;
	size_t size, n_fds;
	int pair[2], fd;
	pid_t pid;

	if (socket_pair(pair))
		return outcome;
	pid = fork();
	if (pid == 0) {
		pair[0] = fd_close(pair[0]);
		owner(run, pair[1]);
	}
	pair[1] = fd_close(pair[1]);
	(void)poll(&(struct pollfd){.fd = pair[0], .events = POLLIN}, 1, SECONDS * 1000);
	if (socket_recv(pair[0], &report, sizeof(report), &size, &fd, 1, &n_fds) == 0 &&
		n_fds == 1) {
		report.attack.fd = fd;
		outcome.attack = report.status;
		if (1u << run->attacker != CHILD)
			outcome.attack =
				attack_forked(run->route, &report.attack, uids[run->attacker]);
		fd_close(fd);
	}
	fd_close(pair[0]);
	outcome.owner = wait_for(pid);
	return outcome;
}

/* The judgement */

static const char *
describe(int status)
{
	if (WIFSIGNALED(status))
		return sigabbrev_np(WTERMSIG(status));
	switch (WEXITSTATUS(status)) {
	case 0:
		return "done";
	case EXIT_UNAVAILABLE:
		return "unavailable";
	case EXIT_BROKEN:
		return "broken test";
	default:
		return strerrorname_np(WEXITSTATUS(status));
	}
}

static bool
ended_with(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static bool
is_refused(struct outcome o)
{
	return !ended_with(o.attack, 0) && !ended_with(o.attack, EXIT_UNAVAILABLE) &&
	       !ended_with(o.attack, EXIT_BROKEN) && ended_with(o.owner, INTACT);
}

static bool
is_successful(struct outcome o)
{
	return ended_with(o.attack, 0) && ended_with(o.owner, CHANGED);
}

struct sums {
	unsigned int n_refused, n_successful, n_harmless, n_failed;
};

/* Count it in @n if @good. */
static void
judge(struct sums *sums, const struct run *run, struct outcome o, bool good, unsigned int *n)
{
	*(good ? n : &sums->n_failed) += 1;
	if (!good || verbose)
		printf("  %s: %s, %s, measures %#x: attack: %s, owner: %s\n",
			good ? "as it should be" : "WRONG", run->route->name,
			attacker_names[run->attacker], run->measures, describe(o.attack),
			ended_with(o.owner, INTACT)    ? "intact"
			: ended_with(o.owner, CHANGED) ? "changed"
						       : describe(o.owner));
}

static void
expect_refused(struct sums *sums, const struct run *run)
{
	struct outcome o = perform(run);

	judge(sums, run, o, is_refused(o), &sums->n_refused);
}

/* One route, one attacker: with everything, without all walls, with each wall alone. */
static const char *
try_route(struct sums *sums, const struct route *route, unsigned int attacker)
{
	bool other = 1u << attacker == OTHER;
	unsigned int walls = route->walls | (other ? route->more_walls_other : 0);
	unsigned int all = ALL_MEASURES & ~route->absent;
	struct run full = {route, attacker, all}, control = {route, attacker, all & ~walls};
	struct outcome o, c;

	if (!(route->attackers & 1u << attacker) || (other && geteuid() != 0))
		return "-";
	o = perform(&full);
	if (!walls) {
		judge(sums, &full, o, ended_with(o.owner, INTACT), &sums->n_harmless);
		return describe(o.attack);
	}
	c = perform(&control);
	if (ended_with(c.attack, EXIT_UNAVAILABLE))
		return "unavailable";
	judge(sums, &control, c, is_successful(c), &sums->n_successful);
	for (unsigned int wall = 1; wall < ALL_MEASURES; wall <<= 1)
		if (walls & wall && walls != wall)
			expect_refused(sums, &(struct run){route, attacker, (all & ~walls) | wall});
	judge(sums, &full, o, is_refused(o), &sums->n_refused);
	return describe(o.attack);
}

static void
report_sums(const struct sums *sums, unsigned int n_tried, unsigned int n_gone)
{
	printf("%u routes, each by each attacker; %u more are not to be had here\n"
	       "%u attacks refused, %u without effect: the owner unharmed; %u control runs "
	       "successful\n"
	       "%u passed, %u failed\n",
		n_tried, n_gone, sums->n_refused, sums->n_harmless, sums->n_successful,
		sums->n_refused + sums->n_harmless + sums->n_successful, sums->n_failed);
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 && strcmp(argv[argc - 1], "-v") ? argv[argc - 1] : "";
	unsigned int n_tried = 0, n_gone = 0;
	struct sums sums = {0};

	verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	printf("%-32s %-12s %-12s %s\n", "stopped by", attacker_names[0], attacker_names[1],
		attacker_names[2]);
	for (size_t i = 0; i < n_routes; i++) {
		const char *found[N_ATTACKERS];
		bool gone = false;

		if (!strstr(routes[i].name, word))
			continue;
		(void)fflush(stdout); /* nobody inherits what is not written yet */
		for (unsigned int j = 0; j < N_ATTACKERS; j++) {
			found[j] = try_route(&sums, &routes[i], j);
			gone = gone || strcmp(found[j], "unavailable") == 0;
			(void)fflush(stdout);
		}
		printf("%-32s %-12s %-12s %s\n", routes[i].name, found[0], found[1], found[2]);
		n_gone += gone;
		n_tried += !gone && routes[i].walls;
	}
	if (!*word && n_tried < MIN_ROUTES) {
		printf("only %u routes could be tried\n", n_tried);
		sums.n_failed++;
	}
	report_sums(&sums, n_tried, n_gone);
	return sums.n_failed != 0;
}
