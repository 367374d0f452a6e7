/* SPDX-License-Identifier: MIT */

#include "tables.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "io/socket.h"

enum {
	GROW_TIMES = 8,
	HEAR_MS = 10000,
};

void
complain(struct shared *shared, struct reader *reader, const char *format, ...)
{
	va_list args;

	if (reader->error[0])
		return;
	va_start(args, format);
	(void)vsnprintf(reader->error, sizeof(reader->error), format, args);
	va_end(args);
	(void)add_rlx(&shared->n_errors, 1); /* looked at now and then, and when all are gone */
}

void
tell_all(struct scene *scene, char kind, int fd)
{
	struct iovec iov = {&kind, 1};

	for (int i = 0; i < N_READERS; i++) {
		struct pollfd pollfd = {.fd = scene->sockets[i], .events = POLLOUT};

		while (socket_send(scene->sockets[i], &iov, 1, &fd, 1) == SOCKET_E_FULL)
			ck_assert_int_eq(poll(&pollfd, 1, HEAR_MS), 1);
	}
}

int
hear(struct reader *reader, char *ret_kind)
{
	struct pollfd pollfd = {.fd = reader->socket, .events = POLLIN};
	size_t size, n_fds;
	int fd = -1;

	if (poll(&pollfd, 1, HEAR_MS) != 1)
		return -1;
	if (socket_recv(reader->socket, ret_kind, 1, &size, &fd, 1, &n_fds) || n_fds != 1)
		return -1;
	reader->n_moves++;
	return fd;
}

struct thread {
	struct scene *scene;
	struct shared *shared;
	struct reader *reader;
	pthread_t thread;
	pid_t pid;
};

static void *
thread_main(void *arg)
{
	struct thread *thread = arg;

	thread->scene->read(thread->scene, thread->shared, thread->reader);
	return NULL;
}

static void
reader_start(struct thread *thread, int i)
{
	int pair[2];

	thread->reader = &thread->shared->readers[i];
	thread->reader->socket = -1;
	if (thread->scene->threads) {
		ck_assert_int_eq(pthread_create(&thread->thread, NULL, thread_main, thread), 0);
		return;
	}
	ck_assert_int_eq(socket_pair(pair), 0);
	thread->scene->sockets[i] = pair[0];
	thread->pid = fork();
	ck_assert_int_ge(thread->pid, 0);
	if (thread->pid == 0) {
		thread->reader->socket = pair[1];
		(void)alarm(60);
		(void)thread_main(thread);
		_exit(0);
	}
	(void)fd_close(pair[1]);
}

static void
reader_join(struct thread *thread, int i)
{
	int status;

	if (thread->scene->threads) {
		ck_assert_int_eq(pthread_join(thread->thread, NULL), 0);
		return;
	}
	ck_assert_int_eq(waitpid(thread->pid, &status, 0), thread->pid);
	ck_assert_msg(
		WIFEXITED(status) && WEXITSTATUS(status) == 0, "reader ended with %#x", status);
	(void)fd_close(thread->scene->sockets[i]);
}

static uint64_t
write_for(struct scene *scene, struct shared *shared, uint64_t duration_ns)
{
	uint64_t begin = clock_now_ns(), n = 0;
	int n_grown = 0;

	while (load_rlx(&shared->n_errors) == 0) { /* a hint */
		uint64_t passed = clock_now_ns() - begin;

		if (passed > duration_ns)
			break;
		for (int i = 0; i < 64; i++)
			scene->step(scene, shared, n++);
		if (!scene->threads &&
			passed > duration_ns * (uint64_t)(n_grown + 1) / (GROW_TIMES + 1)) {
			scene->grow(scene);
			n_grown++;
		}
	}
	return n;
}

static void
play(struct scene *scene, bool threads)
{
	struct shared *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct thread all[N_READERS];
	uint64_t n_steps, n_looks = 0, n_busy = 0, n_moves = 0;

	ck_assert_ptr_ne(shared, MAP_FAILED);
	scene->threads = threads;
	scene->begin(scene);
	for (int i = 0; i < N_READERS; i++) {
		all[i] = (struct thread){.scene = scene, .shared = shared};
		reader_start(&all[i], i);
	}
	n_steps = write_for(scene, shared, RUN_MS * NSEC_PER_MSEC);
	store_rel(&shared->stop, 1);
	for (int i = 0; i < N_READERS; i++) {
		struct reader *reader = &shared->readers[i];

		reader_join(&all[i], i);
		ck_assert_msg(!reader->error[0], "reader %d: %s", i, reader->error);
		n_looks += reader->n_looks;
		n_busy += reader->n_busy;
		n_moves += reader->n_moves;
	}
	printf("%s: %lu changes, %lu looks, %lu moves, %lu times busy\n",
		threads ? "threads" : "processes", (unsigned long)n_steps, (unsigned long)n_looks,
		(unsigned long)n_moves, (unsigned long)n_busy);
	(void)fflush(stdout);
	ck_assert_uint_gt(n_looks, 1000);
	ck_assert_uint_lt(n_busy, n_looks / 100 + 1);
	ck_assert(threads || n_moves >= GROW_TIMES);
	scene->end(scene);
	(void)munmap(shared, sizeof(*shared));
}

START_TEST(test_names_threads)
{
	play(&scene_names, true);
}
END_TEST

START_TEST(test_names_processes)
{
	play(&scene_names, false);
}
END_TEST

START_TEST(test_rules_threads)
{
	play(&scene_rules, true);
}
END_TEST

START_TEST(test_rules_processes)
{
	play(&scene_rules, false);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tables");
	TCase *tcase = tcase_create("tables");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_names_threads);
	tcase_add_test(tcase, test_names_processes);
	tcase_add_test(tcase, test_rules_threads);
	tcase_add_test(tcase, test_rules_processes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
