/* SPDX-License-Identifier: MIT */

/*
 * daemon-identity: who is taken for whom, a table of who connects, who speaks and who claims
 *
 * Each row says what must come of it; what ternd grants beyond that fails. Users, and numbers of processes that are given
 * again, need root (else 77), what needs a namespace that cannot be had is skipped.
 */

#include <check.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/atomic.h"
#include "io/socket.h"
#include "raw.h"
#include "shm/peers.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

enum {
	KNOWN = 2001, /* users: let in, */
	STRANGER = 2009, /* and not */
	NOBODY = 65534,
	SKIP = 77,
};

enum speaker {
	ITSELF, /* the process that connected, or that has the token */
	CHILD,
	ANOTHER, /* handed the socket, or told the token */
	REUSED, /* another, with the number of the first, which has ended */
};

/* What the processes of a row tell each other. */
struct told {
	_Atomic(uint32_t) step;
	bool is_answered;
	char error[32]; /* "": welcome, */
	uint64_t id;	/* as this peer, */
	uint32_t uid, pid, domain; /* as which the table of peers has it */
	uint8_t token[CONTROL_TOKEN_SIZE];
	struct ternd ternd;
};

static struct ternd ternd;
static struct told *told;
static struct raw raw;

static void
setup(void)
{
	ternd_start(&ternd, (const char *[]){"--allow-uid", "2001", NULL});
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(told != MAP_FAILED);
	raw.fd = -1;
}

static void
teardown(void)
{
	raw_close(&raw);
	ternd_stop(&ternd);
	ck_assert_int_eq(munmap(told, sizeof(*told)), 0);
}

static void
wait_step(uint32_t step)
{
	for (int i = 0; load_acq(&told->step) < step; i++) {
		ck_assert_int_lt(i, 30000);
		ck_assert_int_eq(usleep(1000), 0); /* between two looks */
	}
}

static void
next_step(void)
{
	(void)add_acqrel(&told->step, 1);
}

/* --- processes --- */

static void
become(uint32_t uid)
{
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setgid(uid), 0);
	ck_assert_int_eq(setuid(uid), 0);
}

/* It must have come to its end: then it has told all. */
static void
finish(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* --- hello --- */

static void
send_hello(const struct raw *was, size_t token_size)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {1, 1, 0}};

	control.hello.clock = raw_clock();
	if (was) {
		control.hello.claim = was->id;
		control.hello.token = (struct control_bytes){was->packet, token_size};
	}
	raw_send(&raw, &control);
}

static void
tell_answer(void)
{
	const struct control_failed *failed = &raw.control.failed;
	struct peers peers;
	struct peer_entry entry;

	ck_assert(raw_receive(&raw));
	told->error[0] = '\0';
	if (raw.control.type == CONTROL_FAILED) {
		(void)snprintf(told->error, sizeof(told->error), "%.*s", (int)failed->error.size, failed->error.text);
	} else {
		ck_assert_uint_eq(raw.control.type, CONTROL_WELCOME);
		ck_assert_int_eq(peers_open(&peers, raw_fd(&raw, CONTROL_TABLE_PEERS)), 0);
		ck_assert_int_eq(peers_find(&peers, raw.control.welcome.peer, &entry), 0);
		peers_deinit(&peers);
		told->id = entry.id;
		told->uid = entry.uid;
		told->pid = entry.pid;
		told->domain = entry.domain;
		memcpy(told->token, raw.control.welcome.token.bytes, sizeof(told->token));
	}
	told->is_answered = true;
}

static void
speak_now(void)
{
	send_hello(NULL, 0);
	tell_answer();
}

/* --- a connection in other hands --- */

struct handed {
	const char *what;
	uint32_t connects, speaks; /* users */
	enum speaker speaker;
	bool is_dead; /* who connected, before anybody speaks */
	const char *error; /* NULL: welcome, as the user who connected */
};

#define NOT_YOURS   "tern.NotYours"
#define NOT_ALLOWED "tern.NotAllowed"

static const struct handed handed[] = {
	{"who connected", KNOWN, KNOWN, ITSELF, false, NULL},
	{"root", 0, 0, ITSELF, false, NULL},
	{"a stranger", STRANGER, STRANGER, ITSELF, false, NOT_ALLOWED},
	{"root, another user since", 0, KNOWN, ITSELF, false, NULL},
	{"root, a stranger since", 0, STRANGER, ITSELF, false, NULL},
	{"a child", KNOWN, KNOWN, CHILD, false, NOT_YOURS},
	{"a child of root's", 0, 0, CHILD, false, NOT_YOURS},
	{"a child of root's, another user", 0, KNOWN, CHILD, false, NOT_YOURS},
	{"a child of root's, a stranger", 0, STRANGER, CHILD, false, NOT_YOURS},
	{"a stranger's child", STRANGER, STRANGER, CHILD, false, NOT_ALLOWED},
	{"another of the same user", KNOWN, KNOWN, ANOTHER, false, NOT_YOURS},
	{"handed to root", KNOWN, 0, ANOTHER, false, NOT_YOURS},
	{"handed to a stranger", KNOWN, STRANGER, ANOTHER, false, NOT_YOURS},
	{"root's, handed to a user", 0, KNOWN, ANOTHER, false, NOT_YOURS},
	{"root's, handed to a stranger", 0, STRANGER, ANOTHER, false, NOT_YOURS},
	{"a stranger's, handed to root", STRANGER, 0, ANOTHER, false, NOT_ALLOWED},
	{"a stranger's, handed to a user", STRANGER, KNOWN, ANOTHER, false, NOT_ALLOWED},
	{"of a dead process", KNOWN, KNOWN, ANOTHER, true, NOT_YOURS},
	{"of a dead process of root's", 0, STRANGER, ANOTHER, true, NOT_YOURS},
	{"of a dead stranger", STRANGER, KNOWN, ANOTHER, true, NOT_ALLOWED},
	{"its number given again", KNOWN, KNOWN, REUSED, true, NOT_YOURS},
	{"root's number given to a stranger", 0, STRANGER, REUSED, true, NOT_YOURS},
	{"a stranger's number given to root", STRANGER, 0, REUSED, true, NOT_ALLOWED},
};

/* It speaks at step 1 (of who connects: the socket is handed on), and is answered when ternd runs. */
static void
speak_at_step(uint32_t uid)
{
	if (uid != getuid())
		become(uid);
	wait_step(1);
	send_hello(NULL, 0);
	next_step();
	tell_answer();
	_exit(0);
}

static void
connect_for(const struct handed *row, int carrier)
{
	struct iovec iov = {(void *)"x", 1};
	pid_t pid;

	if (row->connects)
		ck_assert_int_eq(seteuid(row->connects), 0);
	raw_connect(&raw, &ternd);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(socket_send(carrier, &iov, 1, &raw.fd, 1), 0);
	if (row->is_dead)
		_exit(0);
	if (row->speaker == ITSELF)
		speak_at_step(row->speaks);
	if (row->speaker == CHILD) {
		pid = raw_fork(0);
		if (pid == 0)
			speak_at_step(row->speaks);
		finish(pid);
		_exit(0);
	}
	for (;;)
		pause();
}

/* Connect in a child; its socket comes here, too. */
static pid_t
connect_elsewhere(const struct handed *row)
{
	int pair[2];
	char byte[8];
	size_t size, n;
	pid_t pid;

	raw = (struct raw){.fd = -1};
	ck_assert_int_eq(socket_pair(pair), 0);
	pid = raw_fork(0);
	if (pid == 0)
		connect_for(row, pair[0]);
	ck_assert_int_eq(poll(&(struct pollfd){.fd = pair[1], .events = POLLIN}, 1, RAW_TIMEOUT_MS), 1);
	ck_assert_int_eq(socket_recv(pair[1], byte, sizeof(byte), &size, &raw.fd, 1, &n), 0);
	ck_assert_uint_eq(n, 1);
	pair[0] = fd_close(pair[0]);
	pair[1] = fd_close(pair[1]);
	if (row->is_dead)
		finish(pid);
	return pid;
}

/* has_peer_pidfd() - before Linux 6.5 nobody can know whose number it was before ternd accepted the connection */
static bool
has_peer_pidfd(void)
{
	int pair[2], pidfd = -1, r;

	ck_assert_int_eq(socket_pair(pair), 0);
	r = getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &(socklen_t){sizeof(pidfd)});
	pair[0] = fd_close(pair[0]);
	pair[1] = fd_close(pair[1]);
	pidfd = fd_close(pidfd);
	return r == 0 || errno != ENOPROTOOPT;
}

/* Even rows: ternd finds hello together with the connection; odd: it has accepted it before. */
START_TEST(speaks)
{
	const struct handed *row = &handed[_i / 2];
	bool is_early = _i % 2 == 0 && (row->speaker != REUSED || has_peer_pidfd());
	struct raw after = {.fd = -1};
	pid_t first, second = 0;

	if (is_early)
		ck_assert_int_eq(kill(ternd.pid, SIGSTOP), 0);
	first = connect_elsewhere(row);
	if (!is_early)
		raw_join(&after, &ternd); /* they are accepted one after the other */
	if (row->speaker == ANOTHER || row->speaker == REUSED) {
		second = raw_fork(row->speaker == REUSED ? (uint32_t)first : 0);
		if (second == 0)
			speak_at_step(row->speaks);
	}
	next_step();
	wait_step(2);
	if (is_early)
		ck_assert_int_eq(kill(ternd.pid, SIGCONT), 0);
	if (second)
		finish(second);
	if (!row->is_dead && row->speaker != ANOTHER)
		finish(first);
	else if (!row->is_dead)
		raw_kill(first);
	raw_close(&after);
	ck_assert(told->is_answered);
	ck_assert_msg(strcmp(told->error, row->error ? row->error : "") == 0, "%s: %s", row->what, told->error);
	if (!row->error)
		ck_assert_msg(told->uid == row->connects, "%s: taken for user %u", row->what, told->uid);
}
END_TEST

/* --- claims --- */

enum token {
	RIGHT,
	WRONG,
	EMPTY,
	SHORT,
	LONG,
	OTHERS,
};

enum whose {
	OWN, /* of who had the token */
	SOMEBODYS, /* of another peer that is away */
	NOBODYS,
	TERND,
};

struct claim {
	const char *what;
	enum token token;
	enum whose whose; /* id is claimed */
	enum speaker speaker;
	uint32_t uid; /* with which it connects; it was KNOWN before */
	bool is_dead; /* who had the token */
	bool stays;   /* ternd is the same: nobody is away */
	bool is_second; /* it was claimed already */
	bool is_granted;
};

static const struct claim claims[] = {
	{"with the right token", RIGHT, OWN, ITSELF, KNOWN, .is_granted = true},
	{"with a wrong token", WRONG, OWN, ITSELF, KNOWN},
	{"with no token", EMPTY, OWN, ITSELF, KNOWN},
	{"with a part of the token", SHORT, OWN, ITSELF, KNOWN},
	{"with more than the token", LONG, OWN, ITSELF, KNOWN},
	{"with the token of another", OTHERS, OWN, ITSELF, KNOWN},
	{"another's id with the own token", RIGHT, SOMEBODYS, ITSELF, KNOWN},
	{"another's id and token", OTHERS, SOMEBODYS, ITSELF, KNOWN},
	{"an id that there is not", RIGHT, NOBODYS, ITSELF, KNOWN},
	{"the id of ternd", RIGHT, TERND, ITSELF, KNOWN},
	{"as another user", RIGHT, OWN, ITSELF, 0},
	{"in a child", RIGHT, OWN, CHILD, KNOWN},
	{"in a child that is root's", RIGHT, OWN, CHILD, 0},
	{"in another process", RIGHT, OWN, ANOTHER, KNOWN},
	{"in another process of root's", RIGHT, OWN, ANOTHER, 0},
	{"of a dead process", RIGHT, OWN, ANOTHER, KNOWN, .is_dead = true},
	{"with the number of a dead process", RIGHT, OWN, REUSED, KNOWN, .is_dead = true},
	{"while it is connected", RIGHT, OWN, ITSELF, KNOWN, .stays = true},
	{"a second time", RIGHT, OWN, ITSELF, KNOWN, .is_second = true},
};

static void
connect_as(uint32_t uid)
{
	ck_assert_int_eq(seteuid(uid), 0);
	raw_connect(&raw, &ternd);
	ck_assert_int_eq(seteuid(0), 0);
}

/* @was: of who has the right token; @other: of another one */
static void
make_claim(const struct claim *row, const struct told *was, const struct raw *other)
{
	static const size_t sizes[] = {[EMPTY] = 0, [SHORT] = 15, [LONG] = 17};
	struct raw what = {.id = was->id};
	size_t size = row->token == EMPTY || row->token == SHORT || row->token == LONG ? sizes[row->token] : 16;

	memcpy(what.packet, row->token == OTHERS ? other->token : was->token, sizeof(was->token));
	what.packet[3] ^= row->token == WRONG;
	if (row->whose == SOMEBODYS)
		what.id = other->id;
	else if (row->whose == NOBODYS)
		what.id += 1000;
	else if (row->whose == TERND)
		what.id = 1;
	connect_as(row->uid);
	send_hello(&what, size);
	tell_answer();
}

/* The process that has the token: it joins, and claims at step 2, where it is the one. */
static void
have_token(const struct claim *row, const struct raw *other)
{
	struct told was;
	pid_t pid;

	connect_as(KNOWN);
	speak_now();
	was = *told;
	next_step();
	wait_step(2);
	if (row->speaker == ITSELF && row->is_second)
		make_claim(row, &was, other);
	if (row->speaker == ITSELF)
		make_claim(row, &was, other);
	if (row->speaker == CHILD) {
		pid = raw_fork(0);
		if (pid == 0) {
			make_claim(row, &was, other);
			_exit(0);
		}
		finish(pid);
	}
	_exit(0);
}

START_TEST(claims_back)
{
	const struct claim *row = &claims[_i];
	struct raw other = {.fd = -1};
	struct told was;
	pid_t first, second = 0;

	raw_join(&other, &ternd);
	first = raw_fork(0);
	if (first == 0)
		have_token(row, &other);
	wait_step(1);
	was = *told;
	ck_assert_uint_eq(was.uid, KNOWN);
	if (row->is_dead)
		raw_kill(first);
	if (!row->stays) {
		ternd_kill(&ternd);
		ternd_start_at(&ternd, (const char *[]){"--allow-uid", "2001", NULL});
	}
	if (row->speaker == ANOTHER || row->speaker == REUSED) {
		second = raw_fork(row->speaker == REUSED ? (uint32_t)first : 0);
		if (second == 0) {
			make_claim(row, &was, &other);
			_exit(0);
		}
		finish(second);
	}
	next_step();
	if (!row->is_dead)
		finish(first);
	raw_close(&other);
	ck_assert_str_eq(told->error, "");
	ck_assert_msg((told->id == was.id) == row->is_granted, "%s: granted? %d", row->what, told->id == was.id);
	ck_assert_uint_ne(told->id, other.id);
	ck_assert_uint_eq(told->uid, row->uid);
}
END_TEST

/* --- namespaces --- */

static void
write_to(pid_t pid, const char *name, const char *text)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* A child in namespaces of its own says hello. Return: false: they cannot be had */
static bool
hello_inside(int flags, uint32_t uid)
{
	int status;
	pid_t pid = raw_fork(0), inner;

	if (pid == 0) {
		if (uid)
			become(uid);
		if (unshare(flags) < 0)
			_exit(SKIP);
		if (flags & CLONE_NEWTIME)
			write_to(getpid(), "timens_offsets", "monotonic 5000 0\nboottime 5000 0\n");
		inner = fork(); /* pid and time namespaces are those of children */
		if (inner == 0) {
			raw_connect(&raw, &ternd);
			speak_now();
			_exit(0);
		}
		finish(inner);
		if (!(flags & CLONE_NEWPID))
			ck_assert_uint_eq(told->pid, (uint32_t)inner);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(status == 0 || status == SKIP << 8);
	if (status)
		printf("skipped: namespaces %#x\n", (unsigned int)flags);
	return status == 0;
}

START_TEST(in_a_namespace)
{
	static const struct {
		int flags;
		uint32_t uid;
		bool is_same; /* trust domain */
	} rows[] = {
		{CLONE_NEWUSER, KNOWN, false},
		{CLONE_NEWUSER, 0, false},
		{CLONE_NEWPID, 0, true},
		{CLONE_NEWTIME, 0, true},
		{CLONE_NEWNET, 0, true},
		{CLONE_NEWNS | CLONE_NEWIPC, 0, true},
		{CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET, KNOWN, false},
	};
	struct raw outside = {.fd = -1};
	uint32_t domain;
	pid_t pid = raw_fork(0);

	if (pid == 0) {
		become(rows[_i].uid);
		raw_connect(&raw, &ternd);
		speak_now();
		next_step();
		wait_step(2); /* its domain is there as long as it is */
		_exit(0);
	}
	wait_step(1);
	domain = told->domain;
	raw_join(&outside, &ternd);
	if (hello_inside(rows[_i].flags, rows[_i].uid)) {
		ck_assert_str_eq(told->error, "");
		ck_assert_uint_eq(told->uid, rows[_i].uid);
		ck_assert_uint_ne(told->pid, 0);
		ck_assert((told->domain == domain) == rows[_i].is_same);
	}
	next_step();
	finish(pid);
	raw_close(&outside);
}
END_TEST

/* ternd_inside() - a ternd in namespaces of its own, until step 3; 0: they cannot be had */
static pid_t
ternd_inside(int flags)
{
	struct ternd other;
	pid_t pid = raw_fork(0);

	if (pid == 0) {
		if (unshare(flags) < 0)
			_exit(SKIP);
		next_step();
		wait_step(2);
		ternd_start(&other, (const char *[]){"--allow-uid", "65534", "--allow-uid", "2001", NULL});
		told->ternd = other;
		next_step();
		wait_step(4);
		ternd_stop(&other);
		_exit(0);
	}
	while (load_acq(&told->step) == 0) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
		ck_assert_int_eq(usleep(1000), 0);
	}
	if (flags & CLONE_NEWUSER) { /* the others have no number there */
		write_to(pid, "uid_map", "0 0 1\n2001 2001 1\n");
		write_to(pid, "gid_map", "0 0 1\n2001 2001 1\n");
	}
	next_step();
	wait_step(3);
	return pid;
}

START_TEST(ternd_in_a_namespace)
{
	static const struct {
		int flags;
		uint32_t uid;
		const char *error;
		uint32_t seen;
	} rows[] = {
		{CLONE_NEWUSER, STRANGER, NOT_ALLOWED, 0},
		{CLONE_NEWUSER, NOBODY, NOT_ALLOWED, 0},
		{CLONE_NEWUSER, KNOWN, "", KNOWN},
		{CLONE_NEWUSER, 0, "", 0},
		{CLONE_NEWPID, NOBODY, "", NOBODY}, /* a true one there */
		{CLONE_NEWPID, STRANGER, NOT_ALLOWED, 0},
		{CLONE_NEWPID, KNOWN, "", KNOWN},
	};
	pid_t pid, server = ternd_inside(rows[_i].flags);

	if (!server) {
		printf("skipped: ternd in namespace %#x\n", (unsigned int)rows[_i].flags);
		return;
	}
	pid = raw_fork(0);
	if (pid == 0) {
		become(rows[_i].uid);
		raw_connect(&raw, &told->ternd);
		speak_now();
		_exit(0);
	}
	finish(pid);
	ck_assert(told->is_answered);
	ck_assert_str_eq(told->error, rows[_i].error);
	ck_assert_uint_eq(told->uid, rows[_i].seen);
	if (rows[_i].flags & CLONE_NEWPID)
		ck_assert_uint_eq(told->pid, 0); /* which is not taken for anybody's */
	next_step();
	finish(server);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("daemon-identity");
	TCase *tcase = tcase_create("daemon-identity");
	SRunner *runner;
	int failed;

	if (geteuid() != 0)
		return SKIP;
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, speaks, 0, 2 * (int)ARRAY_SIZE(handed));
	tcase_add_loop_test(tcase, claims_back, 0, (int)ARRAY_SIZE(claims));
	tcase_add_loop_test(tcase, in_a_namespace, 0, 7);
	tcase_add_loop_test(tcase, ternd_in_a_namespace, 0, 7);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
