/* SPDX-License-Identifier: MIT */

/*
 * Tests of io/socket and io/identity: whole packets, no descriptor lost or
 * leaked whatever the other end does, nothing lost before the end is told.
 */

#include "io/identity.h"
#include "io/socket.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int pair[2];
static int n_fds_before;

static int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void
setup(void)
{
	n_fds_before = count_fds();
	ck_assert_int_eq(socket_pair(pair), 0);
}

static void
teardown(void)
{
	fd_close(pair[0]);
	fd_close(pair[1]);
	ck_assert_int_eq(count_fds(), n_fds_before);
}

static void
close_end(int i)
{
	pair[i] = fd_close(pair[i]);
}

static int
send_text(int fd, const char *text, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};

	return socket_send(fd, &iov, 1, fds, n_fds);
}

/* Expect @text and @n_fds descriptors, which are closed. */
static void
expect(int fd, const char *text, size_t n_expected)
{
	char buffer[64];
	size_t size, n_fds;
	int fds[8];

	ck_assert_int_eq(socket_recv(fd, buffer, sizeof(buffer), &size, fds, 8, &n_fds), 0);
	ck_assert_uint_eq(size, strlen(text));
	ck_assert_mem_eq(buffer, text, size);
	ck_assert_uint_eq(n_fds, n_expected);
	for (size_t i = 0; i < n_fds; i++)
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
	socket_discard_fds(fds, n_fds);
}

static int
recv_answer(int fd)
{
	char buffer[64];
	size_t size;

	return socket_recv(fd, buffer, sizeof(buffer), &size, NULL, 0, NULL);
}

START_TEST(packets_are_whole)
{
	struct iovec iov[] = {{.iov_base = (void *)"one", .iov_len = 3},
		{.iov_base = NULL, .iov_len = 0}, {.iov_base = (void *)"two", .iov_len = 3}};

	ck_assert_int_eq(fcntl(pair[0], F_GETFD) & fcntl(pair[1], F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_EMPTY);
	ck_assert_int_eq(socket_send(pair[0], iov, 3, NULL, 0), 0);
	ck_assert_int_eq(send_text(pair[0], "three", NULL, 0), 0);
	expect(pair[1], "onetwo", 0);
	expect(pair[1], "three", 0);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_EMPTY);
}
END_TEST

START_TEST(what_cannot_be_sent)
{
	struct iovec iov = {.iov_base = (void *)"", .iov_len = 0};
	static char large[4 << 20];
	int fds[SOCKET_MAX_FDS + 1];

	ck_assert_int_eq(socket_send(pair[0], &iov, 1, NULL, 0), -EINVAL);
	ck_assert_int_eq(socket_send(pair[0], NULL, 0, pair, 1), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = pair[1];
	ck_assert_int_eq(send_text(pair[0], "x", fds, SOCKET_MAX_FDS + 1), -EINVAL);
	iov = (struct iovec){.iov_base = large, .iov_len = sizeof(large)};
	ck_assert_int_eq(socket_send(pair[0], &iov, 1, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(send_text(-1, "x", NULL, 0), -EBADF);
	fds[0] = -1;
	ck_assert_int_eq(send_text(pair[0], "x", fds, 1), -EBADF);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_EMPTY);
}
END_TEST

START_TEST(a_full_socket_says_so)
{
	int n = 0, r;

	while ((r = send_text(pair[0], "x", NULL, 0)) == 0)
		ck_assert_int_lt(n++, 100000);
	ck_assert_int_eq(r, SOCKET_E_FULL);
	for (; n > 0; n--)
		expect(pair[1], "x", 0);
	ck_assert_int_eq(send_text(pair[0], "x", NULL, 0), 0);
}
END_TEST

START_TEST(the_end_is_told_to_sender_and_receiver)
{
	(void)signal(SIGPIPE, SIG_DFL); /* whatever was inherited */
	ck_assert_int_eq(send_text(pair[0], "last words", NULL, 0), 0);
	close_end(0);
	ck_assert_int_eq(send_text(pair[1], "x", NULL, 0), SOCKET_E_CLOSED); /* and no SIGPIPE */
	expect(pair[1], "last words", 0);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_CLOSED);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_CLOSED);
}
END_TEST

/* A reset is told by the kernel before what is still queued. */
START_TEST(a_reset_does_not_swallow_what_came_before)
{
	ck_assert_int_eq(send_text(pair[1], "never read", NULL, 0), 0);
	ck_assert_int_eq(send_text(pair[0], "last words", &pair[1], 1), 0);
	close_end(0);
	expect(pair[1], "last words", 1);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_CLOSED);
}
END_TEST

START_TEST(an_empty_packet_is_the_end)
{
	ck_assert_int_eq(send(pair[0], "", 0, MSG_NOSIGNAL), 0);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_CLOSED);
}
END_TEST

/* Some kernels pass descriptors with an empty packet: they must not stay. */
START_TEST(an_empty_packet_leaves_no_descriptors)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
	int n;

	memcpy(CMSG_DATA(&control.header), &pair[0], sizeof(int));
	ck_assert_int_eq(sendmsg(pair[0], &message, MSG_NOSIGNAL), 0);
	n = count_fds();
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_CLOSED);
	ck_assert_int_eq(count_fds(), n);
}
END_TEST

START_TEST(descriptors_come_in_order)
{
	struct stat sent, got;
	char buffer[8];
	size_t size, n_fds;
	int fds[3], null = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(send_text(pair[0], "two", (int[]){null, pair[0]}, 2), 0);
	ck_assert_int_eq(socket_recv(pair[1], buffer, 8, &size, fds, 3, &n_fds), 0);
	ck_assert_uint_eq(n_fds, 2);
	ck_assert_int_eq(fds[2], -1);
	ck_assert_int_eq(fstat(null, &sent) | fstat(fds[0], &got), 0);
	ck_assert_uint_eq(sent.st_rdev, got.st_rdev);
	ck_assert_int_eq(fstat(pair[0], &sent) | fstat(fds[1], &got), 0);
	ck_assert_uint_eq(sent.st_ino, got.st_ino);
	socket_discard_fds(fds, 3);
	fd_close(null);
}
END_TEST

START_TEST(more_descriptors_than_asked_for)
{
	char buffer[8];
	size_t size = 0, n_fds = 7;
	int many[SOCKET_MAX_FDS], fds[2], n = count_fds();

	for (size_t i = 0; i < SOCKET_MAX_FDS; i++)
		many[i] = pair[0];
	ck_assert_int_eq(send_text(pair[0], "flood", many, SOCKET_MAX_FDS), 0);
	ck_assert_int_eq(send_text(pair[0], "three", many, 3), 0);
	ck_assert_int_eq(send_text(pair[0], "one", many, 1), 0);
	ck_assert_int_eq(send_text(pair[0], "good", NULL, 0), 0);

	ck_assert_int_eq(socket_recv(pair[1], buffer, 8, &size, fds, 2, &n_fds), SOCKET_E_FDS);
	ck_assert_uint_eq(size, 5);
	ck_assert_mem_eq(buffer, "flood", 5);
	ck_assert_uint_eq(n_fds, 0);
	ck_assert(fds[0] == -1 && fds[1] == -1);
	ck_assert_int_eq(socket_recv(pair[1], buffer, 8, &size, fds, 2, &n_fds), SOCKET_E_FDS);
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_FDS);
	ck_assert_int_eq(count_fds(), n);
	expect(pair[1], "good", 0);
}
END_TEST

START_TEST(a_packet_that_does_not_fit_is_lost_with_its_descriptors)
{
	char buffer[4] = "";
	size_t size = 99, n_fds = 99;
	int fds[2], n = count_fds();

	ck_assert_int_eq(send_text(pair[0], "12345", pair, 2), 0);
	ck_assert_int_eq(send_text(pair[0], "1234", NULL, 0), 0);
	ck_assert_int_eq(
		socket_recv(pair[1], buffer, 4, &size, fds, 2, &n_fds), SOCKET_E_TRUNCATED);
	ck_assert(size == 99 && n_fds == 99 && fds[0] == -1);
	ck_assert_int_eq(count_fds(), n);
	expect(pair[1], "1234", 0);
}
END_TEST

/* is_limited_to() - does the kernel know of the limit? valgrind keeps it to itself, and what comes by a socket escapes it. */
static bool
is_limited_to(rlim_t n_fds)
{
	FILE *file = fopen("/proc/self/limits", "re");
	unsigned long long soft = 0;
	char line[256];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) && sscanf(line, "Max open files %llu", &soft) != 1)
		;
	(void)fclose(file); /* was read only */
	return soft == n_fds;
}

START_TEST(descriptors_that_find_no_room_in_the_process)
{
	struct rlimit old, low;
	char buffer[8];
	size_t size, n_fds;
	int fds[8], n = count_fds();

	ck_assert_int_eq(
		send_text(pair[0], "x", (int[]){pair[0], pair[0], pair[0], pair[0]}, 4), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)pair[1] + 3, .rlim_max = old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	if (!is_limited_to(low.rlim_cur)) {
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
		return;
	}
	ck_assert_int_eq(
		socket_recv(pair[1], buffer, 8, &size, fds, 8, &n_fds), SOCKET_E_TRUNCATED);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(count_fds(), n);
	ck_assert_int_eq(send_text(pair[0], "on", NULL, 0), 0);
	expect(pair[1], "on", 0);
}
END_TEST

/* The number of descriptors in flight is limited per user: full, not broken. */
START_TEST(too_many_descriptors_in_flight)
{
	struct rlimit low = {.rlim_cur = 64, .rlim_max = 64};
	int status, r = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (setrlimit(RLIMIT_NOFILE, &low) < 0 || (geteuid() == 0 && setuid(65531) < 0))
			_exit(77);
		for (int i = 0; i < 200 && r == 0; i++)
			r = send_text(pair[0], "x", pair, 1);
		_exit(r == SOCKET_E_FULL ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
}
END_TEST

/* A TCP socket with unsent data that lingers for 2 s when it is closed. */
static int
lingering_socket(int *ret_listener, int *ret_peer)
{
	const struct linger two = {.l_onoff = 1, .l_linger = 2};
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	static char data[1 << 16];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	*ret_listener = listener;
	*ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &two, sizeof(two)), 0);
	return fd;
}

START_TEST(a_lingering_socket_does_not_hold_the_receiver_up)
{
	int listener, peer, fd = lingering_socket(&listener, &peer);
	uint64_t begin;

	ck_assert_int_eq(send_text(pair[0], "x", &fd, 1), 0);
	fd_close(fd);
	begin = clock_now_ns();
	ck_assert_int_eq(recv_answer(pair[1]), SOCKET_E_FDS);
	ck_assert_uint_lt(clock_now_ns() - begin, NSEC_PER_SEC);
	fd_close(peer);
	fd_close(listener);

	/* What would have happened. */
	fd = lingering_socket(&listener, &peer);
	begin = clock_now_ns();
	fd_close(fd);
	ck_assert_uint_ge(clock_now_ns() - begin, NSEC_PER_SEC);
	fd_close(peer);
	fd_close(listener);
}
END_TEST

START_TEST(what_waits_in_a_connection_does_not_hold_its_end_up)
{
	int listener, peer, fd = lingering_socket(&listener, &peer);
	uint64_t begin;

	ck_assert_int_eq(send_text(pair[0], "before", NULL, 0), 0);
	ck_assert_int_eq(send_text(pair[0], "x", &fd, 1), 0);
	ck_assert_int_eq(send_text(pair[0], "after", &peer, 1), 0);
	fd_close(fd);
	begin = clock_now_ns();
	pair[1] = socket_close(pair[1]);
	ck_assert_uint_lt(clock_now_ns() - begin, NSEC_PER_SEC);
	ck_assert_int_eq(pair[1], -1);
	ck_assert_int_eq(send_text(pair[0], "x", NULL, 0), SOCKET_E_CLOSED);
	ck_assert_int_eq(recv_answer(pair[0]), SOCKET_E_CLOSED);
	ck_assert_int_eq(socket_close(-1), -1);
	fd_close(peer);
	fd_close(listener);
}
END_TEST

/* A hang-up is seen at once, before what was sent ahead of it is taken; and half of one, too. */
START_TEST(whether_it_is_over)
{
	ck_assert(!socket_is_over(pair[0]));
	ck_assert_int_eq(send(pair[1], "last", 4, 0), 4);
	ck_assert(!socket_is_over(pair[0]));
	ck_assert_int_eq(shutdown(pair[1], SHUT_WR), 0);
	ck_assert(socket_is_over(pair[0]));
	pair[1] = fd_close(pair[1]);
	ck_assert(socket_is_over(pair[0]));
}
END_TEST

START_TEST(descriptors_can_be_refused)
{
	int r = socket_refuse_fds(pair[1]);

	if (r == SOCKET_E_UNSUPPORTED)
		return;
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(send_text(pair[0], "x", pair, 1), SOCKET_E_REFUSED);
	ck_assert_int_eq(send_text(pair[0], "good", NULL, 0), 0);
	expect(pair[1], "good", 0);
	ck_assert_int_eq(send_text(pair[1], "back", pair, 1), 0);
	expect(pair[0], "back", 1);
}
END_TEST

START_TEST(who_is_there)
{
	struct identity self = IDENTITY_INIT, other = IDENTITY_INIT;
	struct stat st;

	ck_assert_int_eq(socket_identity(pair[0], &self), 0);
	ck_assert_uint_eq(self.uid, geteuid());
	ck_assert_uint_eq(self.gid, getegid());
	ck_assert_uint_eq(self.pid, (uint32_t)getpid());
	ck_assert_int_ge(self.pidfd, 0);
	ck_assert_int_eq(fcntl(self.pidfd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(stat("/proc/self/ns/user", &st), 0);
	ck_assert_uint_eq(self.userns, st.st_ino);

	ck_assert_int_eq(socket_identity(pair[1], &other), 0);
	ck_assert(identity_is_same_domain(&self, &other));
	other.uid++;
	ck_assert(!identity_is_same_domain(&self, &other));
	other.uid--;
	other.label[0] ^= 1;
	ck_assert(!identity_is_same_domain(&self, &other));
	other.label[0] ^= 1;
	self.userns = other.userns = 0;
	ck_assert(!identity_is_same_domain(&self, &other));

	ck_assert_int_eq(socket_identity(self.pidfd, &other), -ENOTSOCK);
	identity_deinit(&self);
	identity_deinit(&self);
	identity_deinit(&other);
	identity_deinit(NULL);
}
END_TEST

/* The process that made the pair, not the one that holds it: and its end shows. */
START_TEST(who_was_there)
{
	struct identity identity = IDENTITY_INIT;
	int carrier[2], got[2], status;
	char buffer[8];
	size_t size, n_fds;
	pid_t pid;

	ck_assert_int_eq(socket_pair(carrier), 0);
	pid = fork();
	if (pid == 0) {
		(void)socket_pair(got);
		(void)send_text(carrier[0], "pair", got, 2);
		for (;;)
			pause();
	}
	ck_assert_int_eq(poll(&(struct pollfd){.fd = carrier[1], .events = POLLIN}, 1, 5000), 1);
	ck_assert_int_eq(socket_recv(carrier[1], buffer, 8, &size, got, 2, &n_fds), 0);
	ck_assert_int_eq(socket_identity(got[0], &identity), 0);
	ck_assert_uint_eq(identity.pid, (uint32_t)pid);
	ck_assert_uint_ne(identity.userns, 0);
	ck_assert_int_eq(poll(&(struct pollfd){.fd = identity.pidfd, .events = POLLIN}, 1, 0), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(
		poll(&(struct pollfd){.fd = identity.pidfd, .events = POLLIN}, 1, 5000), 1);
	identity_deinit(&identity);
	ck_assert_int_eq(socket_identity(got[1], &identity), 0);
	ck_assert_uint_eq(identity.userns, 0); /* gone, so unknown */
	identity_deinit(&identity);
	socket_discard_fds(got, 2);
	socket_discard_fds(carrier, 2);
}
END_TEST

START_TEST(nobody_there)
{
	int fd;

	ck_assert_int_eq(socket_connect("", &fd), -EINVAL);
	ck_assert_int_eq(socket_connect("/no/such/bus", &fd), -ENOENT);
	ck_assert_int_eq(socket_connect("/dev/null", &fd), -ECONNREFUSED);
}
END_TEST

START_TEST(every_answer_has_a_text)
{
	for (int i = SOCKET_E_EMPTY; i <= SOCKET_E_UNSUPPORTED; i++)
		ck_assert_str_ne(socket_strerror(i), socket_strerror(0));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, packets_are_whole);
	tcase_add_test(tcase, what_cannot_be_sent);
	tcase_add_test(tcase, a_full_socket_says_so);
	tcase_add_test(tcase, the_end_is_told_to_sender_and_receiver);
	tcase_add_test(tcase, a_reset_does_not_swallow_what_came_before);
	tcase_add_test(tcase, an_empty_packet_is_the_end);
	tcase_add_test(tcase, an_empty_packet_leaves_no_descriptors);
	tcase_add_test(tcase, descriptors_come_in_order);
	tcase_add_test(tcase, more_descriptors_than_asked_for);
	tcase_add_test(tcase, a_packet_that_does_not_fit_is_lost_with_its_descriptors);
	tcase_add_test(tcase, descriptors_that_find_no_room_in_the_process);
	tcase_add_test(tcase, too_many_descriptors_in_flight);
	tcase_add_test(tcase, a_lingering_socket_does_not_hold_the_receiver_up);
	tcase_add_test(tcase, what_waits_in_a_connection_does_not_hold_its_end_up);
	tcase_add_test(tcase, whether_it_is_over);
	tcase_add_test(tcase, descriptors_can_be_refused);
	tcase_add_test(tcase, who_is_there);
	tcase_add_test(tcase, who_was_there);
	tcase_add_test(tcase, nobody_there);
	tcase_add_test(tcase, every_answer_has_a_text);
}

int
main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tcase = tcase_create("socket");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
