/* SPDX-License-Identifier: MIT */

/* start: services that are started when they are first called */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "stage.h"

START_TEST(first_call)
{
	const char *word, *service, *where;
	tern_message *reply;
	int64_t fds;
	uint64_t files;
	bool leads, plain, told;

	actor("serve", "Environment=WORD=\"two words\" OTHER=x\n");
	echo(scene.bus, NAME, 1);
	echo(scene.bus, NAME, 2);
	must_be(n_starts(NULL), 1);
	must_be(tern_call_sync(scene.bus, NAME, "Born", &reply, NULL, NULL), 0);
	must_be(tern_message_unpack(reply, "{word:s, service:s, folder:s, leads:b, plain:b, fds:i, files:u, told:b}",
			&word, &service, &where, &leads, &plain, &fds, &files, &told), 0);
	must(strcmp(word, "two words") == 0 && strcmp(service, NAME) == 0 && strcmp(where, stage_folder) == 0);
	must(leads);
	must(plain);
	must(!told);
	must_be(fds, 3);
	must(files > 3);
	(void)tern_message_unref(reply);
}
END_TEST

enum { N_CALLS = 2000 };

/* Many calls at once, more than a new link has room for: one process, one request of each program, all answered in turn. */
START_TEST(many_callers)
{
	static tern_call *calls[N_CALLS];
	tern_bus *others[10];

	actor("slow 200", "");
	for (int i = 0; i < 10; i++)
		others[i] = scene_open();
	for (int i = 0; i < N_CALLS; i++)
		calls[i] = send_echo(i % 2 ? others[i / 2 % 10] : scene.bus, LONG_NS, 0, i);
	for (int i = 0; i < N_CALLS; i++)
		must_answer(calls[i], i + 1);
	must_be(n_starts(NULL), 1);
	for (int i = 0; i < 10; i++)
		(void)tern_close(others[i]);
}
END_TEST

/* Memory that was lent before there was anybody to read it, and parts of a stream. */
START_TEST(large_and_streamed)
{
	tern_message *m, *reply;
	tern_call *call;
	uint64_t size;
	void *memory;

	actor("slow 100", "");
	must_be(tern_message_new_call(scene.bus, NAME, "Size", &m), 0);
	must_be(tern_message_lend(m, 100000, &memory), 0);
	memset(memory, 'x', 100000);
	must_be(tern_send(m, LONG_NS, 0, &call), 0);
	m = tern_message_unref(m);
	must_be(tern_call_wait(call, LONG_NS, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &size), 0);
	must_be(size, 100000);
	(void)tern_message_unref(reply);
	(void)tern_call_unref(call);
}
END_TEST

START_TEST(streamed)
{
	tern_message *m;
	tern_call *call;

	actor("slow 100", "");
	must_be(tern_message_new_call(scene.bus, NAME, "Sum", &m), 0);
	must_be(tern_send(m, LONG_NS, TERN_STREAM, &call), 0);
	m = tern_message_unref(m);
	for (int64_t i = 1; i <= 4; i++) {
		must_be(tern_message_new_part(call, &m), 0);
		must_be(tern_message_pack(m, "i", i), 0);
		must_be(tern_call_put_message(m, LONG_NS, 0), 0);
		m = tern_message_unref(m);
	}
	must_be(tern_call_end(call), 0);
	must_answer(call, 10);
}
END_TEST

/* Whatever only looks starts nothing; a call without an answer does. */
START_TEST(who_starts)
{
	const char *tags[] = {"tick", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .sender = NAME, .tags = tags};
	tern_subscription *s;
	tern_message *m;
	tern_call *call;
	tern_peer owner;

	actor("serve", "");
	must_be(tern_lookup(scene.bus, NAME, &owner), -ENXIO);
	must_be(tern_subscribe(scene.bus, &rule, NULL, NULL, &s), 0);
	must_be(tern_message_new_call(scene.bus, NAME, "Echo", &m), 0);
	must_be(tern_send(m, LONG_NS, TERN_NO_ACTIVATE, &call), -ENXIO);
	must(is_error("tern.NoSuchService"));
	m = tern_message_unref(m);
	must_be(n_starts(NULL), 0);
	(void)send_echo(scene.bus, LONG_NS, TERN_NO_REPLY, 1);
	while (n_starts(NULL) == 0 || tern_lookup(scene.bus, NAME, &owner) < 0)
		(void)tern_next(scene.bus, SHORT_NS / 10, &(struct tern_event){.size = sizeof(struct tern_event)});
	echo(scene.bus, NAME, 1);
	must_be(n_starts(NULL), 1);
	(void)tern_subscription_free(s);
}
END_TEST

/* in_handler() - a handler that calls a service which does not run */
static void
in_handler(tern_watch *watch, uint32_t ready, void *user)
{
	echo(scene.bus, NAME, 7);
	(void)tern_watch_free(watch);
}

START_TEST(from_a_handler)
{
	struct tern_event event = {.size = sizeof(event)};
	tern_watch *watch;
	int pipe_fds[2];

	actor("slow 50", "");
	must_be(pipe2(pipe_fds, O_CLOEXEC), 0);
	must(write(pipe_fds[1], "x", 1) == 1);
	must_be(tern_watch_fd(scene.bus, pipe_fds[0], EPOLLIN, in_handler, NULL, &watch), 0);
	while (n_starts(NULL) == 0)
		(void)tern_next(scene.bus, SHORT_NS, &event);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
}
END_TEST

static void
add(TCase *tcase)
{
	tcase_add_test(tcase, first_call);
	tcase_add_test(tcase, many_callers);
	tcase_add_test(tcase, large_and_streamed);
	tcase_add_test(tcase, streamed);
	tcase_add_test(tcase, who_starts);
	tcase_add_test(tcase, from_a_handler);
}

int
main(void)
{
	return stage_run("start", add);
}
