/* SPDX-License-Identifier: MIT */

/*
 * fork: a child has nothing of its parent's handles
 *
 * Everything answers -ECHILD there and touches nothing; the parent goes on; and no partner takes a
 * child's copies of descriptors for a living parent.
 */

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"

enum {
	READY,
	GO,
	FORKED,
};

enum {
	N_FORKS = 50,
};

static int
method_echo(tern_call *call, tern_message *m, void *user)
{
	uint64_t number;

	must_be(tern_message_unpack(m, "u", &number), 0);
	return tern_reply(call, "u", number);
}

static const struct tern_method methods[] = {{"Echo", method_echo}};

/* grandchild() - fork inside a process that uses must(): a child of it ends with its own status */
static pid_t
fork_and(void (*fn)(void *user), void *user)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a valid signal */
	fn(user);
	_exit(0);
}

static void
ended_well(pid_t pid)
{
	int status;

	must_be(waitpid(pid, &status, 0), pid);
	must_be(status, 0);
}

/* count_tern() - descriptors that look like the library's */
static int
count_tern(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int n = 0;

	must(dir != NULL);
	while ((entry = readdir(dir))) {
		char path[300], target[256] = "";

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		if (readlink(path, target, sizeof(target) - 1) < 0)
			continue;
		n += strstr(target, "memfd:tern") || strstr(target, "eventfd") || strstr(target, "eventpoll") ||
			strstr(target, "timerfd") || strstr(target, "socket:") || strstr(target, "pidfd");
	}
	(void)closedir(dir);
	return n;
}

/* Everything a program may have of a handle. */
struct things {
	struct ground *ground;
	tern_bus *bus;
	tern_service *service;
	tern_subscription *subscription;
	tern_topic *topic;
	tern_watch *watch;
	tern_message *event, *call_message;
	tern_call *call;
	tern_state *kept, *opened;
	int fds[2];
	bool opens;
	int n_before; /* descriptors like the library's that are none */
};

static int
name_fn(const struct tern_name *name, void *user)
{
	return 0;
}

static void
use_handle(struct things *t)
{
	static const char *const tags[] = {"t", NULL};
	struct tern_event event = {.size = sizeof(event)};
	struct tern_identity identity = {.size = sizeof(identity)};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct tern_error error;
	tern_subscription *s;
	tern_service *service;
	tern_topic *topic;
	tern_watch *watch;
	tern_message *m;
	tern_peer peer;

	must_be(tern_set_option(t->bus, TERN_OPT_SPIN, 0), -ECHILD);
	must_be(tern_identify(t->bus, 1, &identity), -ECHILD);
	must_be(tern_own(t->bus, "a.b", 0, NULL), -ECHILD);
	must_be(tern_disown(t->bus, "a.b"), -ECHILD);
	must_be(tern_lookup(t->bus, "a.b", &peer), -ECHILD);
	must_be(tern_list(t->bus, name_fn, NULL), -ECHILD);
	must_be(tern_call_sync(t->bus, LINKS_SERVICE, "Echo", &m, &error, "u", 1), -ECHILD);
	must_be(tern_message_new_call(t->bus, LINKS_SERVICE, "Echo", &m), -ECHILD);
	must_be(tern_serve(t->bus, "a.b", NULL, methods, 1, NULL, &service), -ECHILD);
	must_be(tern_topic_new(t->bus, tags, &topic), -ECHILD);
	must_be(tern_subscribe(t->bus, &rule, NULL, NULL, &s), -ECHILD);
	must_be(tern_next(t->bus, LONG_NS, &event), -ECHILD);
	must_be(tern_next(t->bus, 0, &event), -ECHILD);
	must_be(tern_fd(t->bus), -ECHILD);
	must_be(tern_process(t->bus), -ECHILD);
	must_be(tern_flush(t->bus), -ECHILD);
	must_be(tern_wake(t->bus), -ECHILD);
	must_be(tern_on_peer(t->bus, NULL, NULL), -ECHILD);
	must_be(tern_watch_fd(t->bus, t->fds[0], 0, NULL, NULL, &watch), -ECHILD);
	must_be(tern_switch(t->bus, t->fds[0], t->fds[1], NULL, NULL, NULL, NULL, &watch), -ECHILD);
}

static void
use_states(struct things *t)
{
	tern_subscription *s;
	tern_state *state;
	uint8_t buf[64];
	size_t size;

	must_be(tern_state_new(t->service, "other", 64, &state), -ECHILD);
	must_be(tern_state_open(t->bus, LINKS_SERVICE, "none", &state), -ECHILD);
	must_be(tern_state_set(t->kept, "u", UINT64_C(2)), -ECHILD);
	must_be(tern_state_put(t->kept, "\x02", 1), -ECHILD);
	must_be(tern_state_read(t->kept, buf, sizeof(buf), &size, NULL), -ECHILD); /* their memory is not here */
	must_be(tern_state_read(t->opened, buf, sizeof(buf), &size, NULL), -ECHILD);
	must_be(tern_state_version(t->opened), 0);
	must_be(tern_state_subscribe(t->opened, TERN_WAIT, NULL, NULL, &s), -ECHILD);
}

static void
use_things(struct things *t)
{
	struct tern_error error;
	const void *bytes;
	tern_message *m;
	tern_call *call;
	void *lent;
	size_t size;

	must(!tern_has_listeners(t->topic));
	must_be(tern_publish(t->topic, "u", UINT64_C(1)), -ECHILD);
	must_be(tern_message_new_event(t->topic, &m), -ECHILD);
	must_be(tern_message_lend(t->event, 100, &lent), -ECHILD);
	must_be(tern_message_part(t->event, 0, &bytes, &size), -ECHILD); /* its memory is not here */
	must_be(tern_publish_message(t->event, 0), -ECHILD);
	must_be(tern_send(t->call_message, LONG_NS, 0, &call), -ECHILD);
	must_be(tern_call_wait(t->call, LONG_NS, &m, &error), -ECHILD);
	must_be(tern_call_then(t->call, NULL, NULL), -ECHILD);
	use_states(t);
}

static void
let_things_go(struct things *t)
{
	(void)tern_call_unref(t->call);
	(void)tern_message_unref(t->event);
	(void)tern_message_unref(t->call_message);
	(void)tern_watch_free(t->watch);
	(void)tern_state_free(t->opened);
	(void)tern_state_free(t->kept);
	(void)tern_subscription_free(t->subscription);
	(void)tern_service_free(t->service);
	(void)tern_topic_free(t->topic);
	(void)tern_close(t->bus);
}

/* as_child() - the child of a program with all of this */
static void
as_child(void *user)
{
	struct things *t = user;
	tern_bus *own;

	must_be(count_tern(), t->n_before);
	use_handle(t);
	use_things(t);
	must_be(tern_open(t->ground->place.address, &own), 0); /* one's own is one's own */
	must_be(tern_call_sync(own, LINKS_SERVICE, "Echo", NULL, NULL, "u", 5), 0);
	use_handle(t);
	let_things_go(t);
	must_be(tern_call_sync(own, LINKS_SERVICE, "Echo", NULL, NULL, "u", 6), 0);
	(void)tern_close(own);
}

static void
serve(void *user)
{
	struct ground *ground = user;
	tern_service *service;
	tern_bus *bus = ground_server(ground, methods, ARRAY_SIZE(methods), NULL, &service);

	tell(&ground->words[READY]);
	while (!load_acq(&ground->words[GO])) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, SHORT_NS, &event) % ETIME, 0);
		let_go(&event);
	}
	(void)tern_service_free(service);
	(void)tern_close(bus);
}

static void
things_begin(struct things *t, struct ground *ground)
{
	static const char *const tags[] = {"t", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	void *lent;

	*t = (struct things){.ground = ground, .n_before = count_tern()};
	must_be(pipe2(t->fds, O_CLOEXEC), 0);
	t->bus = ground_client(ground);
	must_be(tern_serve(t->bus, "org.example.Parent", NULL, methods, 1, NULL, &t->service), 0);
	must_be(tern_state_new(t->service, "kept", 64, &t->kept), 0);
	must_be(tern_state_set(t->kept, "u", UINT64_C(1)), 0);
	must_be(tern_state_open(t->bus, "org.example.Parent", "kept", &t->opened), 0);
	must_be(tern_subscribe(t->bus, &rule, NULL, NULL, &t->subscription), 0);
	must_be(tern_topic_new(t->bus, tags, &t->topic), 0);
	must_be(tern_watch_fd(t->bus, t->fds[0], POLLIN, NULL, NULL, &t->watch), 0);
	must_be(tern_message_new_event(t->topic, &t->event), 0);
	must_be(tern_message_lend(t->event, 100000, &lent), 0);
	must_be(tern_message_new_call(t->bus, LINKS_SERVICE, "Echo", &t->call_message), 0);
	must_be(tern_message_pack(t->call_message, "u", UINT64_C(7)), 0);
	must_be(tern_send(t->call_message, LONG_NS, 0, &t->call), 0);
	must(tern_fd(t->bus) >= 0);
}

START_TEST(child_has_nothing)
{
	struct ground ground;
	struct things t;
	pid_t server;
	tern_message *reply;
	uint64_t number;

	must(ground_begin(&ground, BY_BUS));
	server = ground_child(&ground, serve);
	wait_for(&ground.words[READY], 1);
	things_begin(&t, &ground);
	ended_well(child_start(as_child, &t));
	/* the parent goes on where it was */
	must_be(tern_call_wait(t.call, LONG_NS, &reply, NULL), 0);
	must_be(tern_message_unpack(reply, "u", &number), 0);
	must_be(number, 7);
	(void)tern_message_unref(reply); /* always NULL */
	must_be(tern_publish_message(t.event, 0), 0);
	must_be(tern_call_sync(t.bus, LINKS_SERVICE, "Echo", NULL, NULL, "u", 8), 0);
	must_be(tern_state_set(t.kept, "u", UINT64_C(2)), 0);
	must_be(tern_state_version(t.opened), 2);
	let_things_go(&t);
	must_be(close(t.fds[0]) | close(t.fds[1]), 0);
	tell(&ground.words[GO]);
	child_end(server);
	ground_end(&ground);
}
END_TEST

/* --- a parent that is killed while its child lives --- */

static void
outlive(void *user)
{
	(void)prctl(PR_SET_PDEATHSIG, 0); /* a valid signal */
	tell(&((struct ground *)user)->words[FORKED]);
	wait_for(&((struct ground *)user)->words[GO], 1);
	tell(&((struct ground *)user)->words[FORKED]);
}

static void
fork_and_hold(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	char service[32] = "";

	if (ground->way == BY_BUS)
		(void)snprintf(service, sizeof(service), ":%llu", (unsigned long long)ground->numbers[0]);
	must_be(tern_call_sync(bus, *service ? service : NULL, "Echo", NULL, NULL, "u", 1), 0);
	if (ground->way == BY_BUS)
		must_be(tern_own(bus, "org.example.Parent", 0, NULL), 0);
	(void)fork_and(outlive, ground);
	tell(&ground->words[READY]);
	for (;;)
		(void)pause();
}

static void
parent_dies(enum way way)
{
	tern_service *service;
	struct tern_event event;
	struct ground ground;
	tern_peer peer, owner;
	tern_bus *bus;
	pid_t child;

	must(ground_begin(&ground, way));
	must_be(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	bus = ground_server(&ground, methods, ARRAY_SIZE(methods), NULL, &service);
	ground.numbers[0] = tern_id(bus);
	child = ground_child(&ground, fork_and_hold);
	next_of(bus, TERN_LINKED, &event);
	peer = event.peer;
	while (load_acq(&ground.words[READY]) < 1 || load_acq(&ground.words[FORKED]) < 1)
		must_be(tern_next(bus, SHORT_NS / 10, &event), -ETIME);
	if (way == BY_BUS)
		must_be(tern_lookup(bus, "org.example.Parent", &owner), 0);
	child_kill(child);
	next_of(bus, TERN_LOST, &event); /* though its child is alive */
	must_be(event.peer, peer);
	while (way == BY_BUS && tern_lookup(bus, "org.example.Parent", &owner) == 0)
		(void)usleep(200); /* until ternd has seen it too */
	tell(&ground.words[GO]);
	wait_for(&ground.words[FORKED], 2); /* it was alive all the time */
	must(wait(NULL) > 0);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}

START_TEST(parent_dies_before_its_child)
{
	parent_dies(_i ? BY_DIAL : BY_BUS);
}
END_TEST

/* --- forks beside threads that work --- */

static _Atomic uint32_t stop;

static void *
call_on(void *user)
{
	struct things *t = user;

	while (!load_acq(&stop)) {
		tern_bus *brief;

		must_be(tern_call_sync(t->bus, LINKS_SERVICE, "Echo", NULL, NULL, "u", 1), 0);
		if (!t->opens)
			continue;
		must_be(tern_open(t->ground->place.address, &brief), 0); /* the list of handles changes all the time */
		must_be(tern_call_sync(brief, LINKS_SERVICE, "Echo", NULL, NULL, "u", 1), 0);
		(void)tern_close(brief);
	}
	return NULL;
}

static void
only_look(void *user)
{
	struct things *t = user;

	must_be(tern_process(t->bus), -ECHILD);
	if (!t->opens) /* of a handle that is just being made a descriptor may be left */
		must_be(count_tern(), t->n_before);
}

START_TEST(forks_while_threads_work)
{
	struct things t = {0};
	struct ground ground;
	pthread_t thread;
	pid_t server;

	must(ground_begin(&ground, BY_BUS));
	server = ground_child(&ground, serve);
	wait_for(&ground.words[READY], 1);
	t.ground = &ground;
	t.opens = _i;
	t.n_before = count_tern();
	t.bus = ground_client(&ground);
	must_be(pthread_create(&thread, NULL, call_on, &t), 0);
	for (int i = 0; i < N_FORKS; i++)
		ended_well(child_start(only_look, &t));
	store_rel(&stop, 1);
	must_be(pthread_join(thread, NULL), 0);
	(void)tern_close(t.bus);
	tell(&ground.words[GO]);
	child_end(server);
	ground_end(&ground);
}
END_TEST

static Suite *
fork_suite(void)
{
	Suite *suite = suite_create("fork");
	TCase *tcase = tcase_create("fork");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, child_has_nothing);
	tcase_add_loop_test(tcase, parent_dies_before_its_child, 0, 2);
	tcase_add_loop_test(tcase, forks_while_threads_work, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fixture_run(fork_suite());
}
