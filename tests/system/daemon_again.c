/* SPDX-License-Identifier: MIT */

/*
 * daemon-again: ternd is killed, and the next one knows all that it knew
 *
 * Clients by hand: each loses its connection with the ternd, and claims what it had from the next.
 * The next one waits 0.5 s for all to come back before it does anything, and 4 s in all.
 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/attribute.h"
#include "raw.h"
#include "shm/names.h"

static struct ternd ternd;
static struct raw a, b, c;

static void
setup(void)
{
	ck_assert_int_eq(setenv("TERND", getenv("TERND_IMPATIENT"), 1), 0);
	ternd_start(&ternd, NULL);
	raw_join(&a, &ternd);
	raw_join(&b, &ternd);
	raw_join(&c, &ternd);
}

static void
teardown(void)
{
	char journal[128];

	raw_close(&a);
	raw_close(&b);
	raw_close(&c);
	(void)snprintf(journal, sizeof(journal), "%s.journal", ternd.path);
	(void)unlink(journal); /* where somebody was away to the end */
	ternd_stop(&ternd);
}

static void
restart(void)
{
	ternd_kill(&ternd);
	ternd_start_at(&ternd, NULL);
}

static void
claim_all(void)
{
	raw_come_back(&a, &ternd);
	raw_come_back(&b, &ternd);
	raw_come_back(&c, &ternd);
}

static uint64_t
look_up(struct raw *raw, const char *name)
{
	raw_name(raw, CONTROL_LOOKUP, name);
	return raw->control.type == CONTROL_FOUND ? raw->control.found.peer : 0;
}

static void
expect_name(struct raw *raw, uint32_t type, const char *name)
{
	raw_expect(raw, type);
	ck_assert_uint_eq(raw->control.name.name.size, strlen(name));
	ck_assert_mem_eq(raw->control.name.name.text, name, strlen(name));
}

/* The next packet is an event with this first tag, about this name. */
static void
expect_event(struct raw *raw, const char *first, const char *name)
{
	const struct control_event *event = &raw->control.event;

	raw_expect(raw, CONTROL_EVENT);
	ck_assert_uint_ge(event->tags.n, 2);
	ck_assert_mem_eq(event->tags.items[0].text, first, strlen(first));
	ck_assert_uint_eq(event->tags.items[1].size, strlen(name));
	ck_assert_mem_eq(event->tags.items[1].text, name, strlen(name));
}

/* Names, labels, places in the queue and rules are as they were. */
START_TEST(all_is_as_before)
{
	raw_own(&a, "org.example.One", CONTROL_OWN_REPLACEABLE, "audio");
	raw_own(&b, "org.example.One", CONTROL_OWN_QUEUE | CONTROL_OWN_REPLACE, NULL);
	raw_own(&c, "org.example.One", CONTROL_OWN_QUEUE, NULL);
	raw_own(&a, "org.example.One", CONTROL_OWN_QUEUE, NULL); /* b has it; then c, a */
	raw_own(&c, "org.example.Gone", 0, NULL);
	raw_name(&c, CONTROL_DISOWN, "org.example.Gone");
	raw_rule(&a, 7, "tern", "org.example");
	restart();
	claim_all();
	ck_assert_uint_eq(look_up(&a, "org.example.One"), b.id);
	ck_assert_uint_eq(look_up(&a, "org.example.Gone"), 0);
	raw_name(&b, CONTROL_DISOWN, "org.example.One");
	expect_name(&c, CONTROL_OWNER_GAINED, "org.example.One");
	expect_event(&a, "gone", "org.example.One");
	expect_event(&a, "new", "org.example.One");
	raw_name(&c, CONTROL_DISOWN, "org.example.One");
	expect_event(&a, "gone", "org.example.One");
	expect_event(&a, "new", "org.example.One");
	expect_name(&a, CONTROL_OWNER_GAINED, "org.example.One");
}
END_TEST

/* Names can be read from the new tables before anybody has come back, and introductions find who is away. */
START_TEST(there_while_away)
{
	struct name_entry entry;
	struct names names;
	struct raw d;

	raw_own(&a, "org.example.One", 0, NULL);
	restart();
	raw_join(&d, &ternd);
	ck_assert_int_eq(names_open(&names, raw_fd(&d, CONTROL_TABLE_NAMES)), 0);
	ck_assert_int_eq(names_lookup(&names, "org.example.One", 15, &entry), 0);
	ck_assert_uint_eq(entry.owner, a.id);
	names_deinit(&names);
	raw_come_back(&b, &ternd);
	raw_name(&b, CONTROL_INTRODUCE, "org.example.One"); /* is read when there was time to come back */
	ck_assert_uint_eq(b.control.type, CONTROL_INTRODUCED);
	ck_assert_uint_eq(b.control.link.peer, a.id);
	raw_come_back(&a, &ternd);
	raw_expect(&a, CONTROL_LINK);
	ck_assert_uint_eq(a.control.link.peer, b.id);
	ck_assert_uint_eq(a.n_fds, 1);
	raw_close(&d);
}
END_TEST

/* Who does not know the token, or says another's id, is a stranger. */
START_TEST(no_claim_for_strangers)
{
	struct raw liar = b, thief;

	raw_own(&a, "org.example.One", 0, NULL);
	restart();
	liar.id = a.id;
	raw_claim(&thief, &ternd, &liar);
	ck_assert_uint_ne(thief.id, a.id);
	raw_close(&thief);
	liar = a;
	liar.token[CONTROL_TOKEN_SIZE - 1] ^= 1;
	raw_claim(&thief, &ternd, &liar);
	ck_assert_uint_ne(thief.id, a.id);
	raw_come_back(&a, &ternd);
	liar = a;
	raw_claim(&b, &ternd, &liar); /* it is back already */
	ck_assert_uint_ne(b.id, a.id);
	raw_close(&thief);
}
END_TEST

/* Another process with the token has it from somewhere: that is not who had the name. */
START_TEST(no_claim_for_another_process)
{
	int status;
	pid_t pid;

	raw_own(&a, "org.example.One", 0, NULL);
	restart();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct raw was = a, thief;

		raw_claim(&thief, &ternd, &was);
		ck_assert_uint_ne(thief.id, was.id);
		raw_own(&thief, "org.example.One", 0, NULL); /* is read when there was time to come back */
		raw_expect_failed(&thief, EEXIST, "tern.NameTaken", "belongs");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	raw_come_back(&a, &ternd);
}
END_TEST

/* Nothing is done before all are back: who publishes afterwards is to have seen it. */
START_TEST(requests_wait_for_all)
{
	struct control own = {.type = CONTROL_OWN, .own = {raw_text("org.example.Two"), 0}};

	raw_rule(&c, 1, "tern", "org.example.Two");
	restart();
	raw_come_back(&a, &ternd);
	raw_come_back(&b, &ternd);
	raw_send(&a, &own);
	ck_assert(raw_is_quiet(&a));
	raw_come_back(&c, &ternd);
	raw_expect(&a, CONTROL_DONE);
	expect_event(&c, "new", "org.example.Two");
}
END_TEST

/* Closed while there was no ternd, and the process goes on: another handle of it has the name, and keeps it. */
START_TEST(closed_while_there_was_none)
{
	raw_own(&a, "org.example.One", 0, NULL);
	raw_own(&a, "org.example.Two", 0, NULL);
	restart();
	raw_come_back(&b, &ternd);
	raw_come_back(&c, &ternd);
	raw_own(&b, "org.example.One", 0, NULL);
	ck_assert_uint_eq(b.control.type, CONTROL_DONE);
	ck_assert_uint_eq(b.control.done.state, CONTROL_OWNED);
	raw_own(&c, "org.example.Two", CONTROL_OWN_QUEUE, NULL);
	ck_assert_uint_eq(c.control.done.state, CONTROL_OWNED);
	restart();
	raw_come_back(&b, &ternd);
	raw_come_back(&c, &ternd);
	ck_assert_uint_eq(look_up(&b, "org.example.One"), b.id);
	ck_assert_uint_eq(look_up(&b, "org.example.Two"), c.id);
	raw_own(&c, "org.example.One", 0, NULL); /* of the same process, but not away */
	raw_expect_failed(&c, EEXIST, "tern.NameTaken", "belongs");
}
END_TEST

/* It came back under another id, and what it was before is away: its names are its own again. */
START_TEST(somebody_new)
{
	struct raw was = a;

	raw_own(&a, "org.example.One", 0, NULL);
	restart();
	raw_come_back(&b, &ternd);
	raw_come_back(&c, &ternd);
	raw_close(&a);
	raw_join(&a, &ternd);
	raw_own(&a, "org.example.One", 0, NULL);
	ck_assert_uint_eq(a.control.type, CONTROL_DONE);
	ck_assert_uint_eq(look_up(&b, "org.example.One"), a.id);
	raw_claim(&was, &ternd, &was);
	ck_assert_uint_ne(was.id, a.id);
	raw_close(&was);
}
END_TEST

static void
claim_and_hang_up(const struct raw *was)
{
	struct control hello = {.type = CONTROL_HELLO, .hello = {1, 1, 0, .claim = was->id}};
	struct raw raw;

	hello.hello.clock = raw_clock();
	hello.hello.token = (struct control_bytes){was->token, sizeof(was->token)};
	raw_connect(&raw, &ternd);
	raw_send(&raw, &hello);
	raw_close(&raw);
}

/* Closed between hello and welcome: who asks after that has the name, in whatever order ternd reads them. */
START_TEST(closed_while_it_came_back)
{
	struct control own = {.type = CONTROL_OWN, .own = {raw_text("org.example.One"), 0}};

	raw_own(&a, "org.example.One", 0, NULL);
	restart();
	raw_come_back(&b, &ternd);
	raw_come_back(&c, &ternd);
	ck_assert_int_eq(kill(ternd.pid, SIGSTOP), 0);
	claim_and_hang_up(&a);
	raw_send(&b, &own);
	ck_assert_int_eq(kill(ternd.pid, SIGCONT), 0);
	raw_expect(&b, CONTROL_DONE);
}
END_TEST

/* And if that ternd was killed, too, before it read the hello. */
START_TEST(closed_and_killed)
{
	raw_own(&a, "org.example.One", 0, NULL);
	restart();
	ck_assert_int_eq(kill(ternd.pid, SIGSTOP), 0);
	claim_and_hang_up(&a);
	restart();
	raw_come_back(&b, &ternd);
	raw_own(&b, "org.example.One", 0, NULL);
	ck_assert_uint_eq(b.control.type, CONTROL_DONE);
}
END_TEST

/* What happened while one was away waits for it. */
START_TEST(news_wait)
{
	raw_rule(&c, 1, "tern", "org.example");
	restart();
	raw_come_back(&a, &ternd);
	raw_come_back(&b, &ternd);
	raw_own(&a, "org.example.Two", 0, NULL); /* when c had its time */
	raw_own(&b, "org.example.Three", 0, NULL);
	raw_come_back(&c, &ternd);
	expect_event(&c, "new", "org.example.Two");
	expect_event(&c, "new", "org.example.Three");
}
END_TEST

/* A process that ended with ternd has left nothing; who hears of names is told. */
START_TEST(the_dead_are_gone)
{
	int status;
	pid_t pid;

	raw_rule(&c, 1, "tern", "org.example.Short"); /* before the other kills ternd */
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct raw d;

		raw_join(&d, &ternd);
		raw_own(&d, "org.example.Short", 0, NULL);
		kill(ternd.pid, SIGKILL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	restart();
	claim_all();
	if (c.control.type == CONTROL_WELCOME)
		raw_expect(&c, CONTROL_EVENT);
	while (c.control.event.tags.items[0].size != 4) /* "new", if it was not read, comes with "gone" */
		raw_expect(&c, CONTROL_EVENT);
	ck_assert_uint_eq(look_up(&a, "org.example.Short"), 0);
}
END_TEST

/* Who lives and does not come back loses what it had, in the end. */
START_TEST(not_for_ever)
{
	struct timespec pause = {.tv_nsec = 50000000};

	raw_own(&a, "org.example.One", 0, NULL);
	restart();
	raw_come_back(&b, &ternd);
	for (int i = 0; i < 1000 && look_up(&b, "org.example.One") != 0; i++)
		(void)nanosleep(&pause, NULL);
	ck_assert_uint_eq(look_up(&b, "org.example.One"), 0);
}
END_TEST

/* Twice in a row, with more history than is kept. */
START_TEST(long_history)
{
	raw_own(&a, "org.example.One", 0, NULL);
	for (int i = 0; i < 6000; i++) {
		raw_own(&b, "org.example.ComesAndGoesAndComes", 0, "and a label to make it a little longer");
		raw_name(&b, CONTROL_DISOWN, "org.example.ComesAndGoesAndComes");
	}
	raw_own(&c, "org.example.Three", 0, NULL);
	restart();
	claim_all();
	raw_own(&b, "org.example.Two", 0, NULL);
	restart();
	claim_all();
	ck_assert_uint_eq(look_up(&c, "org.example.One"), a.id);
	ck_assert_uint_eq(look_up(&c, "org.example.Two"), b.id);
	ck_assert_uint_eq(look_up(&c, "org.example.Three"), c.id);
	ck_assert_uint_eq(look_up(&c, "org.example.ComesAndGoesAndComes"), 0);
}
END_TEST

/* A ternd that is told to make room leaves what the next one needs. */
START_TEST(makes_room)
{
	int status;

	raw_own(&a, "org.example.One", 0, NULL);
	ck_assert_int_eq(kill(ternd.pid, SIGUSR2), 0);
	ck_assert_int_eq(waitpid(ternd.pid, &status, 0), ternd.pid);
	ck_assert_int_eq(status, 0);
	ternd_start_at(&ternd, NULL);
	claim_all();
	ck_assert_uint_eq(look_up(&b, "org.example.One"), a.id);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("daemon-again");
	TCase *tcase = tcase_create("daemon-again");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, all_is_as_before);
	tcase_add_test(tcase, there_while_away);
	tcase_add_test(tcase, no_claim_for_strangers);
	tcase_add_test(tcase, no_claim_for_another_process);
	tcase_add_test(tcase, requests_wait_for_all);
	tcase_add_test(tcase, closed_while_there_was_none);
	tcase_add_test(tcase, somebody_new);
	tcase_add_test(tcase, closed_while_it_came_back);
	tcase_add_test(tcase, closed_and_killed);
	tcase_add_test(tcase, news_wait);
	tcase_add_test(tcase, the_dead_are_gone);
	tcase_add_test(tcase, not_for_ever);
	tcase_add_test(tcase, long_history);
	tcase_add_test(tcase, makes_room);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
