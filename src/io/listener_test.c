/* SPDX-License-Identifier: MIT */

/* Tests of io/listener: a live socket stays, a stale one goes, whoever it was that died. */

#include "io/listener.h"
#include "io/socket.h"
#include "base/hook.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char dir[] = "/tmp/tern-test-XXXXXX";
static char path[64], lock[72];

static void
setup(void)
{
	memcpy(dir, "/tmp/tern-test-XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/bus", dir);
	(void)snprintf(lock, sizeof(lock), "%s.lock", path);
}

static void
teardown(void)
{
	(void)unlink(path);
	(void)unlink(lock);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left behind */
}

static bool
answers(void)
{
	int fd, r = socket_connect(path, &fd);

	if (r == 0)
		fd_close(fd);
	return r == 0;
}

static int
try_open(void)
{
	struct listener listener = LISTENER_INIT;
	int r = listener_open(&listener, path, 0600);

	listener_deinit(&listener);
	return r;
}

START_TEST(listens_and_cleans_up)
{
	struct listener listener = LISTENER_INIT;
	struct stat st;
	int fd, theirs;

	ck_assert_int_eq(listener_open(&listener, path, 0620), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0620);
	ck_assert_int_eq(fcntl(listener.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(listener.lock, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(socket_accept(listener.fd, &fd), SOCKET_E_EMPTY);
	ck_assert_int_eq(socket_connect(path, &theirs), 0);
	ck_assert_int_eq(socket_accept(listener.fd, &fd), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(theirs, F_GETFL) & O_NONBLOCK);
	fd_close(fd);
	fd_close(theirs);

	listener_deinit(&listener);
	listener_deinit(&listener);
	listener_deinit(NULL);
	ck_assert(access(path, F_OK) < 0 && access(lock, F_OK) < 0);
}
END_TEST

/* adopt() - as another process would, with descriptors of its own */
static int
adopt(const struct listener *from, bool with_lock, const char *at, struct listener *ret)
{
	int fd = dup(from->fd), held = with_lock ? dup(from->lock) : -1;
	int r = listener_adopt(ret, at, fd, held);

	if (r) {
		fd_close(fd);
		fd_close(held);
	}
	return r;
}

START_TEST(adopted)
{
	struct listener listener = LISTENER_INIT, next = LISTENER_INIT;
	int fd, theirs;

	ck_assert_int_eq(listener_open(&listener, path, 0600), 0);
	ck_assert_int_eq(socket_connect(path, &theirs), 0);
	ck_assert_int_eq(adopt(&listener, false, path, &next), LISTENER_E_IN_USE);
	ck_assert_int_eq(adopt(&listener, true, path, &next), 0);
	listener_abandon(&listener);
	ck_assert_int_eq(try_open(), LISTENER_E_IN_USE);
	ck_assert_int_eq(fcntl(next.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(socket_accept(next.fd, &fd), 0); /* who came before is there */
	fd_close(fd);
	fd_close(theirs);
	next.is_borrowed = true;
	listener_deinit(&next);
	ck_assert(access(path, F_OK) == 0 && access(lock, F_OK) < 0);
	ck_assert_int_eq(try_open(), 0);
}
END_TEST

START_TEST(another_is_not_adopted)
{
	struct listener listener = LISTENER_INIT, next = LISTENER_INIT, other;
	char elsewhere[80];

	(void)snprintf(elsewhere, sizeof(elsewhere), "%s2", path);
	ck_assert_int_eq(listener_open(&listener, path, 0600), 0);
	ck_assert_int_eq(adopt(&listener, true, elsewhere, &next), LISTENER_E_ANOTHER);
	other = listener;
	other.lock = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(adopt(&other, true, path, &next), LISTENER_E_ANOTHER);
	fd_close(other.lock);
	other = listener;
	other.fd = socket_open(); /* does not listen */
	ck_assert_int_eq(adopt(&other, true, path, &next), LISTENER_E_ANOTHER);
	fd_close(other.fd);
	other.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(adopt(&other, true, path, &next), LISTENER_E_ANOTHER);
	fd_close(other.fd);
	ck_assert_int_eq(next.fd, -1);
	listener_deinit(&listener);
}
END_TEST

START_TEST(a_live_socket_stays)
{
	struct listener listener = LISTENER_INIT;

	ck_assert_int_eq(listener_open(&listener, path, 0600), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(try_open(), LISTENER_E_IN_USE);
	ck_assert(answers());
	listener_deinit(&listener);
	ck_assert_int_eq(try_open(), 0);
}
END_TEST

/* The lock alone says it: between bind() and listen() a socket looks stale. */
START_TEST(a_socket_not_yet_listening_stays)
{
	struct sockaddr_un address;
	int fd = socket_open();
	int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(flock(held, LOCK_EX), 0);
	ck_assert_int_eq(socket_address(path, &address), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(try_open(), LISTENER_E_IN_USE);
	ck_assert_int_eq(access(path, F_OK), 0);
	fd_close(fd);
	fd_close(held);
	ck_assert_int_eq(try_open(), 0); /* and now it is stale */
}
END_TEST

START_TEST(what_a_killed_process_left_is_replaced)
{
	struct listener listener = LISTENER_INIT;
	int ready[2], status;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		c = listener_open(&listener, path, 0600) == 0;
		(void)!write(ready[1], &c, 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(c, 1);
	ck_assert_int_eq(try_open(), LISTENER_E_IN_USE);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(listener_open(&listener, path, 0600), 0);
	ck_assert(answers());
	listener_deinit(&listener);
	fd_close(ready[0]);
	fd_close(ready[1]);
}
END_TEST

/* A program that does not know the lock: asked, not deleted. */
static void
check_foreign(int type)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(socket_address(path, &address), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (type != SOCK_DGRAM)
		ck_assert_int_eq(listen(fd, 0), 0);
	for (int i = 0; i < 3; i++) /* the second time its queue is full */
		ck_assert_int_eq(try_open(), LISTENER_E_IN_USE);
	ck_assert(access(path, F_OK) == 0 && access(lock, F_OK) < 0);
	fd_close(fd);
	ck_assert_int_eq(try_open(), 0);
}

START_TEST(foreign_sockets_stay_while_they_live)
{
	check_foreign(SOCK_SEQPACKET);
	check_foreign(SOCK_STREAM);
	check_foreign(SOCK_DGRAM);
}
END_TEST

START_TEST(what_is_no_socket_is_never_removed)
{
	fd_close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ck_assert_int_eq(try_open(), LISTENER_E_OCCUPIED);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("nowhere", path), 0);
	ck_assert_int_eq(try_open(), LISTENER_E_OCCUPIED);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("nowhere", lock), 0);
	ck_assert_int_eq(try_open(), -ELOOP);
}
END_TEST

START_TEST(a_path_given_away_by_hand_is_not_ours_any_more)
{
	struct listener one = LISTENER_INIT, two = LISTENER_INIT;

	ck_assert_int_eq(listener_open(&one, path, 0600), 0);
	ck_assert_int_eq(unlink(path) | unlink(lock), 0);
	ck_assert_int_eq(listener_open(&two, path, 0600), 0);
	listener_deinit(&one);
	ck_assert(answers());
	listener_deinit(&two);
	ck_assert(access(path, F_OK) < 0 && access(lock, F_OK) < 0);
}
END_TEST

START_TEST(bad_paths_have_their_own_errors)
{
	struct listener listener = LISTENER_INIT;
	char longest[LISTENER_PATH_SIZE + 1];

	ck_assert_int_eq(listener_open(&listener, "", 0600), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[LISTENER_PATH_SIZE] = '\0';
	ck_assert_int_eq(listener_open(&listener, longest, 0600), -ENAMETOOLONG);
	ck_assert_int_eq(chdir(dir), 0);
	longest[LISTENER_PATH_SIZE - 1] = '\0';
	ck_assert_int_eq(listener_open(&listener, longest, 0600), 0);
	listener_deinit(&listener);
	ck_assert_int_eq(listener_open(&listener, "no/such/bus", 0600), -ENOENT);
	ck_assert_int_eq(listener.fd, -1);
}
END_TEST

static struct listener rival = LISTENER_INIT;

/* The file just opened was its last owner's, who removes it; then another makes a new one. */
static void
overtake(const char *point)
{
	hook_stop = NULL;
	ck_assert_str_eq(point, "listener: lock file open");
	ck_assert_int_eq(unlink(lock), 0);
	ck_assert_int_eq(listener_open(&rival, path, 0600), 0);
}

START_TEST(the_lock_of_a_removed_file_counts_for_nothing)
{
	hook_stop = overtake;
	ck_assert_int_eq(try_open(), LISTENER_E_IN_USE);
	ck_assert(answers() && access(lock, F_OK) == 0);
	listener_deinit(&rival);
}
END_TEST

/* Many begin at once: there is never more than one, and always one in the end. */
START_TEST(many_at_once)
{
	struct listener listener = LISTENER_INIT;
	int n_failed = 0, status;

	for (int i = 0; i < 8; i++) {
		if (fork() > 0)
			continue;
		for (int round = 0; round < 200; round++) {
			int r = listener_open(&listener, path, 0600);

			if (r == 0 && !answers())
				_exit(1);
			if (r && r != LISTENER_E_IN_USE)
				_exit(2);
			listener_deinit(&listener);
		}
		_exit(0);
	}
	for (int i = 0; i < 8; i++) {
		ck_assert_int_gt(wait(&status), 0);
		n_failed += status != 0;
	}
	ck_assert_int_eq(n_failed, 0);
	ck_assert_int_eq(try_open(), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("listener");
	TCase *tcase = tcase_create("listener");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, adopted);
	tcase_add_test(tcase, another_is_not_adopted);
	tcase_add_test(tcase, listens_and_cleans_up);
	tcase_add_test(tcase, a_live_socket_stays);
	tcase_add_test(tcase, a_socket_not_yet_listening_stays);
	tcase_add_test(tcase, what_a_killed_process_left_is_replaced);
	tcase_add_test(tcase, foreign_sockets_stay_while_they_live);
	tcase_add_test(tcase, what_is_no_socket_is_never_removed);
	tcase_add_test(tcase, a_path_given_away_by_hand_is_not_ours_any_more);
	tcase_add_test(tcase, bad_paths_have_their_own_errors);
	tcase_add_test(tcase, the_lock_of_a_removed_file_counts_for_nothing);
	tcase_add_test(tcase, many_at_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
