/* SPDX-License-Identifier: MIT */

/*
 * daemon-turns: users take turns at ternd, however many programs they have; who is refused again and again waits longer
 *
 * Needs root, to be other users.
 */

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "raw.h"
#include "tern/cbor.h"

enum {
	GREEDY = 65533,
	HONEST = 65532,
	N_PROGRAMS = 200,
	N_ASKED = 20, /* by each of them */
};

static struct ternd ternd;
static struct raw honest, *greedy;

static void
join_as(uint32_t uid, struct raw *raw)
{
	ck_assert_int_eq(seteuid(uid), 0);
	raw_join(raw, &ternd);
	ck_assert_int_eq(seteuid(0), 0);
	for (; raw->n_fds > 0; raw->n_fds--) /* of the tables */
		raw->fds[raw->n_fds - 1] = fd_close(raw->fds[raw->n_fds - 1]);
}

/* begin() - with so many programs of the greedy user, and one of the other */
static void
begin(const char *option, const char *value, size_t n)
{
	const char *const arguments[] = {"--allow-uid", "65533", "--allow-uid", "65532", option, value, NULL};

	ternd_start(&ternd, arguments);
	greedy = calloc(n, sizeof(*greedy));
	ck_assert_ptr_nonnull(greedy);
	for (size_t i = 0; i < n; i++)
		join_as(GREEDY, &greedy[i]);
	join_as(HONEST, &honest);
}

static void
end(size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (greedy[i].fd >= 0)
			raw_close(&greedy[i]);
	free(greedy);
	raw_close(&honest);
	ternd_stop(&ternd);
}

static void
hold(bool yes)
{
	ck_assert_int_eq(kill(ternd.pid, yes ? SIGSTOP : SIGCONT), 0);
}

static void
send_pings(size_t n_programs, size_t n)
{
	for (size_t i = 0; i < n_programs * n; i++)
		raw_send(&greedy[i % n_programs], &(struct control){.type = CONTROL_PING});
}

/* expect_done() - after what comes unasked: tables that have grown */
static void
expect_done(struct raw *raw)
{
	do
		ck_assert_msg(raw_receive(raw), "ternd hung up");
	while (raw->control.serial == 0);
	ck_assert_uint_eq(raw->control.type, CONTROL_DONE);
}

static void
ask_status(void)
{
	raw_send(&honest, &(struct control){.type = CONTROL_CALL, .call.member = raw_text("Status")});
}

/* n_requests() - how many ternd had served when it served this one */
static uint64_t
n_requests(void)
{
	struct tern_cbor_reader r;
	const char *key;
	uint64_t n = 0;
	size_t size;

	raw_expect(&honest, CONTROL_REPLY);
	tern_cbor_reader_init(&r, honest.control.reply.payload.bytes, honest.control.reply.payload.size);
	ck_assert_int_eq(tern_cbor_enter_map(&r, NULL), 0);
	while (n == 0 && tern_cbor_get_text(&r, &key, &size) == 0) {
		if (size == 8 && memcmp(key, "requests", 8) == 0)
			ck_assert_int_eq(tern_cbor_get_uint(&r, &n), 0);
		else
			ck_assert_int_eq(tern_cbor_skip(&r), 0);
	}
	ck_assert_uint_gt(n, 0);
	return n;
}

/* All that the programs ask for is there before the other asks; it is served when a part of that is. */
START_TEST(many_programs)
{
	uint64_t before, first;

	begin(NULL, NULL, N_PROGRAMS);
	ask_status();
	before = n_requests();
	raw_ping(&greedy[0]); /* epoll begins with whom it told of last */
	hold(true);
	send_pings(N_PROGRAMS, N_ASKED);
	ask_status();
	hold(false);
	first = n_requests();
	ck_assert_uint_lt(first - before, N_PROGRAMS * N_ASKED / 3); /* 16 of each of them, if all have their turn */
	for (size_t i = 0; i < N_PROGRAMS * N_ASKED; i++)
		expect_done(&greedy[i % N_PROGRAMS]); /* none is forgotten */
	ask_status();
	ck_assert_uint_eq(n_requests() - before, N_PROGRAMS * N_ASKED + 3);
	end(N_PROGRAMS);
}
END_TEST

/* Those that wait in line go, as any. */
START_TEST(gone_while_waiting)
{
	begin(NULL, NULL, N_PROGRAMS);
	hold(true);
	send_pings(N_PROGRAMS, N_ASKED);
	for (size_t i = 0; i < N_PROGRAMS; i += 4)
		raw_close(&greedy[i]);
	hold(false);
	for (size_t i = 2; i < N_PROGRAMS; i += 4)
		raw_close(&greedy[i]);
	raw_ping(&honest);
	for (size_t i = 1; i < N_PROGRAMS; i += 2)
		for (size_t k = 0; k < N_ASKED; k++)
			expect_done(&greedy[i]);
	end(N_PROGRAMS);
}
END_TEST

static void
send_owns(struct raw *raw, uint32_t n)
{
	struct control control = {.type = CONTROL_OWN};
	char name[64];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "org.example.N%u", i);
		control.own.name = raw_text(name);
		raw_send(raw, &control);
	}
}

/* A hundred refusals are free; 30 more take 10 ms each, in which another user is served, and another program of the same waits. */
START_TEST(beyond_the_limit)
{
	uint64_t begun;

	begin("--limit", "names=5", 2);
	begun = clock_now_ns();
	send_owns(&greedy[0], 5 + 130);
	for (int i = 0; i < 5; i++)
		raw_expect(&greedy[0], CONTROL_DONE);
	for (int i = 0; i < 100; i++) {
		ck_assert(raw_receive(&greedy[0]));
		raw_expect_failed(&greedy[0], EDQUOT, "tern.Quota", "has 5 of the 5 names");
	}
	raw_send(&greedy[1], &(struct control){.type = CONTROL_PING});
	raw_ping(&honest);
	for (int i = 0; i < 30; i++) {
		ck_assert(raw_receive(&greedy[0]));
		raw_expect_failed(&greedy[0], EDQUOT, "tern.Quota", "has 5 of the 5 names");
	}
	raw_expect(&greedy[1], CONTROL_DONE);
	ck_assert_uint_ge(clock_now_ns() - begun, 280 * NSEC_PER_MSEC);
	end(2);
}
END_TEST

/* --- services: folders are not read for everybody who asks --- */

static char folder[] = "/tmp/tern-test-XXXXXX";

static void
touch(uint32_t i, bool yes)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/org.example.S%u.service", folder, i);
	if (!yes) {
		ck_assert_int_eq(unlink(path), 0);
		return;
	}
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	fd_close(fd);
}

/* set_changed() - as if the folder had been changed then, long ago */
static void
set_changed(time_t then)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = then}};

	ck_assert_int_eq(utimensat(AT_FDCWD, folder, times, 0), 0);
}

/* read_page() - count what is on it. Return: where the next one begins; 0: there is none. */
static uint64_t
read_page(const struct control_bytes *payload, size_t *n)
{
	struct tern_cbor_reader r;
	uint64_t next = 0;
	const char *key;
	size_t size;

	tern_cbor_reader_init(&r, payload->bytes, payload->size);
	ck_assert_int_eq(tern_cbor_enter_map(&r, NULL), 0);
	while (tern_cbor_get_text(&r, &key, &size) == 0) {
		if (size == 4) {
			ck_assert_int_eq(tern_cbor_get_uint(&r, &next), 0);
			continue;
		}
		ck_assert_int_eq(tern_cbor_enter_array(&r, NULL), 0);
		for (; tern_cbor_peek(&r) > 0; (*n)++)
			ck_assert_int_eq(tern_cbor_skip(&r), 0);
		ck_assert_int_eq(tern_cbor_leave(&r), 0);
	}
	return next;
}

static size_t
count_services(void)
{
	uint8_t argument[] = {0xa1, 0x65, 'a', 'f', 't', 'e', 'r', 0x19, 0, 0};
	struct control control = {.type = CONTROL_CALL};
	uint64_t after = 0;
	size_t n = 0;

	do {
		argument[8] = (uint8_t)(after >> 8);
		argument[9] = (uint8_t)after;
		control.call.member = raw_text("Services");
		control.call.payload = (struct control_bytes){argument, sizeof(argument)};
		raw_ask(&honest, &control);
		ck_assert_uint_eq(honest.control.type, CONTROL_REPLY);
		after = read_page(&honest.control.reply.payload, &n);
	} while (after);
	return n;
}

/* What is listed is what is there, whenever it came; where nothing tells of a change nobody looks. */
START_TEST(services)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	for (uint32_t i = 0; i < 300; i++)
		touch(i, true);
	begin("--services", folder, 1);
	ck_assert_uint_eq(count_services(), 300);
	touch(300, true);
	ck_assert_uint_eq(count_services(), 301);
	set_changed(1000);
	ck_assert_uint_eq(count_services(), 301);
	touch(301, true);
	set_changed(1000);
	ck_assert_uint_eq(count_services(), 301);
	set_changed(1001);
	ck_assert_uint_eq(count_services(), 302);
	touch(301, false);
	ck_assert_uint_eq(count_services(), 301);
	end(1);
	for (uint32_t i = 0; i <= 300; i++)
		touch(i, false);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("daemon-turns");
	Suite *suite = suite_create("daemon-turns");
	SRunner *runner;
	int failed;

	if (getuid() != 0) {
		(void)printf("only root can be several users\n");
		return 77;
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, many_programs);
	tcase_add_test(tcase, gone_while_waiting);
	tcase_add_test(tcase, beyond_the_limit);
	tcase_add_test(tcase, services);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
