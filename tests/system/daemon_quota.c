/* SPDX-License-Identifier: MIT */

/*
 * daemon-quota: whoever is at a limit of ternd's is told so; another user at the same time has all it asks for; and when
 * the first is gone nothing is counted any more
 *
 * Needs root, to be other users.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/socket.h"
#include "raw.h"

enum {
	GREEDY = 65533,
	HONEST = 65532,
	FEW = 1000, /* descriptors */
	MANY = 700,
};

static struct ternd ternd;
static struct raw root, greedy, honest, more[4];

/* --- users --- */

static void
be(uint32_t uid)
{
	ck_assert_int_eq(seteuid(uid), 0);
}

/* hello_as() - connect and say hello. Return: was it welcome? Else the packet in hand says why not. */
static bool
hello_as(uint32_t uid, struct raw *raw)
{
	struct control control = {.type = CONTROL_HELLO, .hello = {.major_min = 1, .major_max = 1, .clock = raw_clock()}};
	bool came;

	be(uid);
	raw_connect(raw, &ternd);
	be(0);
	raw_send(raw, &control);
	came = raw_receive(raw);
	ck_assert(came);
	if (raw->control.type == CONTROL_WELCOME)
		raw->id = raw->control.welcome.peer;
	for (; raw->n_fds > 0; raw->n_fds--) /* of the tables */
		raw->fds[raw->n_fds - 1] = fd_close(raw->fds[raw->n_fds - 1]);
	return raw->control.type == CONTROL_WELCOME;
}

static void
join_as(uint32_t uid, struct raw *raw)
{
	if (!hello_as(uid, raw))
		raw_expect_failed(raw, 0, "", "nothing wrong"); /* shows what is */
}

static void
begin(const char *limit)
{
	static const char *const users[] = {"--allow-uid", "65533", "--allow-uid", "65532", NULL};
	const char *arguments[] = {users[0], users[1], users[2], users[3], limit ? "--limit" : NULL, limit, NULL};

	ternd_start(&ternd, arguments);
	raw_join(&root, &ternd);
}

/* ledger() - what ternd counts for a user; zeros: he is not known */
static struct control_user
ledger(uint32_t uid)
{
	struct control control = {.type = CONTROL_STATS};

	raw_ask(&root, &control);
	ck_assert_uint_eq(root.control.type, CONTROL_COUNTS);
	for (size_t i = 0; i < root.control.counts.users.n; i++)
		if (root.control.counts.users.items[i].uid == uid)
			return root.control.counts.users.items[i];
	return (struct control_user){.uid = uid};
}

static void
expect_nothing(uint32_t uid)
{
	uint64_t until = clock_now_ns() + 10 * NSEC_PER_SEC;
	struct control_user left;

	do
		left = ledger(uid);
	while ((left.peers || left.fds) && clock_now_ns() < until);
	ck_assert_uint_eq(left.peers + left.names + left.rules + left.links + left.bytes + left.fds, 0);
}

/* end() - who is gone has nothing; ternd ends well, and asserts that nothing is charged then */
static void
end(void)
{
	raw_close(&greedy);
	raw_close(&honest);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (more[i].fd > 0)
			raw_close(&more[i]);
	memset(more, 0, sizeof(more));
	expect_nothing(GREEDY);
	expect_nothing(HONEST);
	raw_close(&root);
	ternd_stop(&ternd);
}

/* --- what is asked for, again and again --- */

static void
own(struct raw *raw, uint32_t i)
{
	char name[64];

	snprintf(name, sizeof(name), "org.example.N%u.P%llu", i, (unsigned long long)raw->id);
	raw_own(raw, name, 0, NULL);
}

static void
add_rule(struct raw *raw, uint32_t i)
{
	raw_rule(raw, i + 1, NULL, "some tag");
}

static void
own_with_label(struct raw *raw, uint32_t i)
{
	char name[256], label[200];

	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	snprintf(name, sizeof(name), "org.example.%0150u.P%llu", i, (unsigned long long)raw->id);
	raw_own(raw, name, 0, label);
}

static void
be_introduced(struct raw *raw, uint32_t i)
{
	struct control control = {.type = CONTROL_INTRODUCE};
	char id[32];

	snprintf(id, sizeof(id), ":%llu", (unsigned long long)more[i % ARRAY_SIZE(more)].id);
	control.name.name = raw_text(id);
	raw_ask(raw, &control);
}

static const struct {
	const char *limit, *words;
	uint32_t honest; /* so many are none too many */
	void (*ask)(struct raw *raw, uint32_t i);
} KINDS[] = {
	{"names=20", "has 20 of the 20 names", 20, own},
	{"rules=20", "has 20 of the 20 rules", 20, add_rule},
	{"links=3", "has 3 of the 3 links", 3, be_introduced},
	{"bytes=300000", "of the 300000 bytes", 100, own_with_label},
};

/* ask_until() - it is refused. Return: how many were had before that. */
static uint32_t
ask_until(struct raw *raw, void (*ask)(struct raw *raw, uint32_t i), uint32_t max)
{
	for (uint32_t i = 0; i < max; i++) {
		ask(raw, i);
		if (raw->control.type == CONTROL_FAILED)
			return i;
	}
	return max;
}

START_TEST(each_kind)
{
	char words[80];

	begin(KINDS[_i].limit);
	join_as(GREEDY, &greedy);
	join_as(HONEST, &honest);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		raw_join(&more[i], &ternd);
	ck_assert_uint_lt(ask_until(&greedy, KINDS[_i].ask, 100000), 100000);
	raw_expect_failed(&greedy, EDQUOT, "tern.Quota", "user 65533 has ");
	snprintf(words, sizeof(words), "%s that a user may have", KINDS[_i].words);
	raw_expect_failed(&greedy, EDQUOT, "tern.Quota", words);
	raw_expect_failed(&greedy, EDQUOT, "tern.Quota", "a higher limit (ternd.conf(5), [limits])");
	ck_assert_uint_eq(ask_until(&honest, KINDS[_i].ask, KINDS[_i].honest), KINDS[_i].honest);
	end();
}
END_TEST

/* begin_with() - a file that says so */
static void
begin_with(const char *config)
{
	char path[] = "/tmp/tern-test-XXXXXX";
	const char *arguments[] = {"--allow-uid", "65533", "--config", path, NULL};
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, config, strlen(config)), (ssize_t)strlen(config));
	fd = fd_close(fd);
	ternd_start(&ternd, arguments);
	ck_assert_int_eq(unlink(path), 0);
	raw_join(&root, &ternd);
}

START_TEST(as_the_file_says)
{
	begin_with("[limits]\nnames = 7\nhalf-open = 3\n");
	join_as(GREEDY, &greedy);
	ck_assert_uint_eq(ask_until(&greedy, own, 100), 7);
	raw_expect_failed(&greedy, EDQUOT, "tern.Quota", "has 7 of the 7 names");
	end();
}
END_TEST

START_TEST(connections)
{
	begin("connections=3");
	for (size_t i = 0; i < 3; i++)
		join_as(GREEDY, &more[i]);
	ck_assert(!hello_as(GREEDY, &greedy));
	raw_expect_failed(&greedy, EDQUOT, "tern.Quota", "user 65533 has 3 of the 3 connections");
	raw_expect_closed(&greedy);
	join_as(HONEST, &honest);
	end();
}
END_TEST

/* --- descriptors: there is only so much for all --- */

START_TEST(descriptors)
{
	struct rlimit few = {FEW, FEW};
	struct raw *many = calloc(MANY, sizeof(*many));
	uint32_t n = 0, n_honest = 0;

	ck_assert_ptr_nonnull(many);
	if (getenv("TERN_TEST_VALGRIND")) {
		free(many);
		return; /* it keeps descriptors of its own beyond the limit, and lets nobody change it */
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0); /* for ternd, which begins with this */
	begin(NULL);
	while (n < MANY && hello_as(GREEDY, &many[n]))
		n++;
	raw_expect_failed(&many[n], EDQUOT, "tern.Quota", "user 65533 has ");
	raw_expect_failed(&many[n], EDQUOT, "tern.Quota", "descriptors that a user may have while others have some, too");
	raw_expect_failed(&many[n], EDQUOT, "tern.Quota", "RLIMIT_NOFILE");
	ck_assert_uint_gt(n, FEW / 4);
	ck_assert_uint_le(n, (FEW - 64) / 3); /* root has some, too, and one more is expected */
	join_as(HONEST, &honest);
	for (uint32_t i = n + 1; i < MANY && hello_as(HONEST, &many[i]); i++)
		n_honest++;
	ck_assert_uint_ge(n_honest, FEW / 20);
	for (uint32_t i = 0; i < MANY; i++)
		if (many[i].fd > 0)
			raw_close(&many[i]);
	free(many);
	end();
}
END_TEST

/* --- connections that say nothing --- */

static int
connect_as(uint32_t uid)
{
	int fd = -1;

	be(uid);
	ck_assert_int_eq(socket_connect(ternd.path, &fd), 0);
	be(0);
	return fd;
}

/* read_end() - what a connection was told before it was ended; false: it was not */
static bool
was_ended(int fd)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	bool ended;

	ck_assert_ptr_nonnull(raw);
	raw->fd = fd;
	ended = !raw_is_quiet(raw);
	if (ended) {
		ck_assert(raw_receive(raw));
		raw_expect_failed(raw, EAGAIN, "tern.TooManyStrangers", "the oldest of them");
		raw_expect_closed(raw);
	}
	free(raw);
	return ended;
}

START_TEST(silent_ones_of_one_user)
{
	int fds[8];

	begin("half-open=5");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = connect_as(GREEDY);
	join_as(GREEDY, &greedy); /* as who says hello at once is not kept out even by its own user */
	join_as(HONEST, &honest);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		ck_assert_int_eq(was_ended(fds[i]), i < 4); /* the last of those made place for one that spoke */
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = fd_close(fds[i]);
	end();
}
END_TEST

/* 512 of all users: who has most of them gives way */
START_TEST(silent_ones_of_all_users)
{
	int fds[256 + 255 + 1 + 10], n_ended[2] = {0};
	size_t n = 0;

	begin(NULL);
	fds[n++] = connect_as(HONEST); /* the oldest of all */
	for (size_t i = 0; i < 256; i++)
		fds[n++] = connect_as(GREEDY);
	for (size_t i = 0; i < 255; i++)
		fds[n++] = connect_as(0);
	raw_ping(&root);
	ck_assert(!was_ended(fds[0]) && !was_ended(fds[1]));
	for (size_t i = 0; i < 10; i++)
		fds[n++] = connect_as(HONEST);
	join_as(HONEST, &honest);
	for (size_t i = 0; i < n; i++)
		if (was_ended(fds[i])) {
			ck_assert(i != 0 && i < 512);
			n_ended[i > 256]++;
		}
	ck_assert_int_eq(n_ended[0] + n_ended[1], 11);
	ck_assert_int_ge(n_ended[0], 5);
	ck_assert_int_ge(n_ended[1], 5);
	for (size_t i = 0; i < n; i++)
		fds[i] = fd_close(fds[i]);
	end();
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("daemon-quota");
	Suite *suite = suite_create("daemon-quota");
	SRunner *runner;
	int failed;

	if (getuid() != 0) {
		(void)printf("only root can be several users\n");
		return 77;
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, each_kind, 0, ARRAY_SIZE(KINDS));
	tcase_add_test(tcase, as_the_file_says);
	tcase_add_test(tcase, connections);
	tcase_add_test(tcase, descriptors);
	tcase_add_test(tcase, silent_ones_of_one_user);
	tcase_add_test(tcase, silent_ones_of_all_users);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
