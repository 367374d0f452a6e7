/* SPDX-License-Identifier: MIT */

/* scenes: what a tortured program does; see scenes.h */

#include "scenes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

const char *scene_address, *scene_directory;
void (*scene_again)(void);

static const char text[] = "# Something to call.\n"
			   "interface org.example.Tortured\n"
			   "method Echo(n: int) -> (n: int)\n"
			   "event Said (n: uint)\n"
			   "state Mood (max: uint)\n";

_Noreturn void
wrong(const char *file, int line, const char *what, long long a)
{
	(void)fprintf(stderr, "%s:%d: %s: %lld, errno %d, last error %s\n", file, line, what, a, errno,
		tern_last_error()->text);
	_exit(99);
}

int
open_bus(tern_bus **ret)
{
	_bus_ tern_bus *bus = NULL;

	TRY(tern_open(scene_address, &bus));
	TRY(tern_set_option(bus, TERN_OPT_TIMEOUT, WAIT_NS));
	TRY(tern_set_option(bus, TERN_OPT_SPIN, 0));
	*ret = steal(bus);
	return 0;
}

void
let_go(struct tern_event *event)
{
	(void)tern_message_unref(event->message); /* always NULL, both */
	(void)tern_call_unref(event->call);
}

int
next_until(tern_bus *bus, const unsigned int *word, unsigned int n)
{
	struct tern_event event = {.size = sizeof(event)};
	uint64_t end = clock_now_ns() + WAIT_NS;
	int r;

	while (*word < n) {
		if (clock_now_ns() > end)
			return -ETIME;
		r = tern_next(bus, LOOK_NS, &event); /* a handler does not end it */
		if (r == 0)
			let_go(&event);
		else if (r != -ETIME)
			return r;
	}
	return 0;
}

int
echo_once(tern_bus *bus, const char *service, int64_t n)
{
	_message_ tern_message *reply = NULL;
	int64_t back;

	TRY(tern_call_sync(bus, service, "Echo", &reply, NULL, "i", n));
	TRY(tern_message_unpack(reply, "i", &back));
	MUST(back == n + 1);
	return 0;
}

/* --- calls --- */

void
count_answer(tern_call *c, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	++*(unsigned int *)user;
}

int
send_echo(tern_bus *bus, const char *member, int64_t n, uint32_t flags, tern_call **ret)
{
	_message_ tern_message *m = NULL;

	TRY(tern_message_new_call(bus, PARTNER, member, &m));
	TRY(tern_message_pack(m, "i", n));
	return tern_send(m, WAIT_NS, flags, ret);
}

int
run_calls(void)
{
	unsigned int n_answers = 0;
	_bus_ tern_bus *bus = NULL;
	_call_ tern_call *first = NULL, *second = NULL, *third = NULL;
	_message_ tern_message *reply = NULL;
	int r;

	TRY(open_bus(&bus));
	TRY(echo_once(bus, PARTNER, 41));
	TRY(send_echo(bus, "Echo", 1, TERN_BATCH, &first));
	TRY(send_echo(bus, "Echo", 2, 0, &second));
	TRY(tern_call_wait(first, TERN_DEFAULT, &reply, NULL));
	r = tern_call_then(second, count_answer, &n_answers);
	if (r < 0 && r != -EALREADY)
		return r;
	TRY(next_until(bus, &n_answers, 1));
	r = tern_call_sync(bus, PARTNER, "Nonsense", NULL, NULL, NULL);
	if (r != -EREMOTEIO)
		return r ? r : -EBADMSG;
	r = tern_call_sync(bus, "org.example.Nobody", "Echo", NULL, NULL, NULL);
	if (r != -ENXIO)
		return r ? r : -EBADMSG;
	TRY(send_echo(bus, "Echo", 3, TERN_PRIVATE, &third));
	r = tern_call_cancel(third);
	return r == -EALREADY ? 0 : r;
}

#define MEDIUM 2000u /* too much for the room in the message, too little to be lent */

static int
run_parts(void)
{
	_bus_ tern_bus *bus = NULL;
	_message_ tern_message *m = NULL, *reply = NULL;
	_call_ tern_call *call = NULL;
	static uint8_t bytes[10000];
	const void *back;
	size_t size;
	void *lent;

	TRY(open_bus(&bus));
	TRY(tern_message_new_call(bus, PARTNER, "Take", &m));
	TRY(tern_message_set_type(m, "application/octet-stream"));
	TRY(tern_message_lend(m, LARGE, &lent));
	memset(lent, 1, LARGE);
	TRY(tern_message_trim(m, LARGE - 1));
	TRY(tern_message_append(m, bytes, sizeof(bytes)));
	TRY(tern_message_append(m, bytes, 10));
	TRY(tern_message_append(m, bytes, MEDIUM));
	TRY(tern_send(m, WAIT_NS, 0, &call));
	TRY(tern_call_wait(call, TERN_DEFAULT, &reply, NULL));
	TRY(tern_message_part(reply, 0, &back, &size));
	MUST(size == LARGE - 1 + sizeof(bytes) + 10 + MEDIUM);
	MUST(((const uint8_t *)back)[0] == 7 && ((const uint8_t *)back)[size - 1] == 7);
	return 0;
}

static int
run_descriptors(void)
{
	_cleanup_(fd_closep) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	_bus_ tern_bus *bus = NULL;
	_message_ tern_message *reply = NULL;
	int back;

	MUST(fd >= 0);
	TRY(open_bus(&bus));
	TRY(tern_call_sync(bus, PARTNER, "Hand", &reply, NULL, "h", fd));
	TRY(tern_message_unpack(reply, "h", &back));
	MUST(fcntl(back, F_GETFD) >= 0);
	return 0;
}

static int
run_stream(void)
{
	_bus_ tern_bus *bus = NULL;
	_message_ tern_message *m = NULL, *part = NULL;
	_call_ tern_call *call = NULL;
	uint64_t sum;

	TRY(open_bus(&bus));
	TRY(tern_message_new_call(bus, PARTNER, "Count", &m));
	TRY(tern_send(m, WAIT_NS, TERN_STREAM, &call));
	for (uint64_t i = 1; i <= 3; i++) {
		TRY(tern_call_put(call, "u", i));
		TRY(tern_call_wait(call, TERN_DEFAULT, &part, NULL));
		TRY(tern_message_unpack(part, "u", &sum));
		MUST(sum == i * (i + 1) / 2);
		part = tern_message_unref(part);
	}
	TRY(tern_call_end(call));
	TRY(tern_call_wait(call, TERN_DEFAULT, &part, NULL));
	MUST(tern_message_kind(part) == TERN_REPLY);
	return 0;
}

/* --- serving --- */

static int
echo_method(tern_call *call, tern_message *m, void *user)
{
	int64_t n;
	int r = tern_message_unpack(m, "{n:i}", &n);

	++*(unsigned int *)user;
	return r < 0 ? r : tern_reply(call, "{n:i}", n + 1);
}

int
echo_plain(tern_call *call, tern_message *m, void *user)
{
	int64_t n;
	int r = tern_message_unpack(m, "i", &n);

	if (user)
		++*(unsigned int *)user;
	return r < 0 ? r : tern_reply(call, "i", n + 1);
}

/* be_called_back() - the partner calls here; it tells what came of it */
static int
be_called_back(tern_bus *bus)
{
	unsigned int n_answers = 0;
	_call_ tern_call *call = NULL;

	TRY(send_echo(bus, "CallBack", 5, 0, &call));
	TRY(tern_call_then(call, count_answer, &n_answers));
	return next_until(bus, &n_answers, 1);
}

int
run_serve(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_plain}};
	unsigned int n_calls = 0;
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;

	TRY(open_bus(&bus));
	TRY(tern_serve(bus, SELF, NULL, methods, 1, &n_calls, &service));
	return be_called_back(bus);
}

static int
run_typed(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_method}};
	unsigned int n_calls = 0;
	_bus_ tern_bus *bus = NULL, *other = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	_cleanup_(tern_interface_unrefp) tern_interface *interface = NULL;
	_message_ tern_message *m = NULL;
	_call_ tern_call *call = NULL;

	TRY(open_bus(&bus));
	TRY(tern_serve(bus, SELF, text, methods, 1, &n_calls, &service));
	TRY(open_bus(&other));
	TRY(tern_interface_new(text, strlen(text), &interface));
	TRY(tern_expect(other, SELF, interface));
	TRY(tern_message_new_call(other, SELF, "Echo", &m));
	TRY(tern_message_pack(m, "{n:i}", INT64_C(5)));
	TRY(tern_send(m, WAIT_NS, 0, &call));
	TRY(next_until(bus, &n_calls, 1));
	return tern_call_wait(call, TERN_DEFAULT, NULL, NULL);
}

/* --- events --- */

int
publish_large(tern_topic *topic)
{
	_message_ tern_message *m = NULL;
	void *lent;

	TRY(tern_message_new_event(topic, &m));
	TRY(tern_message_lend(m, LARGE, &lent));
	memset(lent, 3, LARGE);
	return tern_publish_message(m, 0);
}

static void
mark_listeners(tern_topic *topic, bool any, void *user)
{
	++*(unsigned int *)user;
}

int
run_publish(void)
{
	const char *const tags[] = {"tortured.says", "something", NULL};
	unsigned int n_told = 0;
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;

	TRY(open_bus(&bus));
	TRY(tern_topic_new(bus, tags, &topic));
	TRY(tern_watch_listeners(topic, mark_listeners, &n_told));
	for (uint64_t i = 0; i < N_EVENTS; i++)
		TRY(tern_publish(topic, "u", i));
	TRY(publish_large(topic));
	TRY(next_until(bus, &n_told, 1));
	return tern_has_listeners(topic) ? echo_once(bus, PARTNER, 7) : -ENXIO;
}

void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct hearing *hearing = user;

	hearing->n += m ? 1 : (unsigned int)lost;
	hearing->lost += lost;
}

int
run_subscribe(void)
{
	const char *const tags[] = {"partner.says", NULL}, *const own[] = {"tortured.mumbles", NULL};
	const struct tern_rule rules[] = {
		{.size = sizeof(rules[0]), .tags = tags, .policy = TERN_WAIT, .sender = PARTNER},
		{.size = sizeof(rules[0]), .tags = own, .policy = TERN_LATEST},
	};
	struct hearing hearing = {0}, mumbled = {0};
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL, *mine = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;

	TRY(open_bus(&bus));
	TRY(tern_subscribe(bus, &rules[0], hear, &hearing, &s));
	TRY(tern_subscribe(bus, &rules[1], hear, &mumbled, &mine));
	TRY(tern_call_sync(bus, PARTNER, "Say", NULL, NULL, "u", (uint64_t)N_EVENTS));
	TRY(next_until(bus, &hearing.n, N_EVENTS));
	TRY(tern_topic_new(bus, own, &topic));
	TRY(tern_publish(topic, "u", UINT64_C(1)));
	return next_until(bus, &mumbled.n, 1);
}

int
run_tap(void)
{
	const char *const tags[] = {TERN_TAG_TAP, NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct hearing hearing = {0};
	_bus_ tern_bus *bus = NULL, *other = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;

	TRY(open_bus(&bus));
	TRY(open_bus(&other));
	TRY(tern_subscribe(bus, &rule, hear, &hearing, &s));
	TRY(echo_once(other, PARTNER, 2));
	return next_until(bus, &hearing.n, 2);
}

/* More than the first ring holds, in batches: it moves to a bigger one, and what is lent goes back. */
static int
run_bulk(void)
{
	_bus_ tern_bus *bus = NULL;

	TRY(open_bus(&bus));
	for (int64_t i = 0; i < 400; i++) {
		_call_ tern_call *call = NULL;

		TRY(send_echo(bus, "Echo", i, TERN_BATCH, &call));
	}
	TRY(tern_flush(bus));
	return echo_once(bus, PARTNER, 3);
}

/* --- values --- */

int
run_state(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_method}};
	unsigned int n_calls = 0;
	struct hearing hearing = {0};
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	_cleanup_(tern_state_freep) tern_state *kept = NULL, *seen = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;
	_message_ tern_message *value = NULL;
	uint64_t n;

	TRY(open_bus(&bus));
	TRY(tern_serve(bus, SELF, NULL, methods, 1, &n_calls, &service));
	TRY(tern_state_new(service, "mood", 1000, &kept));
	TRY(tern_state_set(kept, "{max:u}", UINT64_C(3)));
	TRY(tern_state_open(bus, PARTNER, "level", &seen));
	TRY(tern_state_subscribe(seen, TERN_DROP_NEWEST, hear, &hearing, &s));
	TRY(next_until(bus, &hearing.n, 1));
	TRY(tern_state_get(seen, &value));
	TRY(tern_message_unpack(value, "u", &n));
	MUST(n == 5);
	return 0;
}

/* others look at what is kept here: the value, and how this program is */
static int
run_asked(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_plain}};
	unsigned int n_calls = 0, n_answers = 0;
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	_cleanup_(tern_state_freep) tern_state *kept = NULL;
	_call_ tern_call *first = NULL, *second = NULL;

	TRY(open_bus(&bus));
	TRY(tern_serve(bus, SELF, NULL, methods, 1, &n_calls, &service));
	TRY(tern_state_new(service, "mood", 1000, &kept));
	TRY(tern_state_set(kept, "u", UINT64_C(3)));
	TRY(send_echo(bus, "ReadBack", 0, 0, &first));
	TRY(tern_call_then(first, count_answer, &n_answers));
	TRY(next_until(bus, &n_answers, 1));
	TRY(send_echo(bus, "AskBack", 0, 0, &second));
	TRY(tern_call_then(second, count_answer, &n_answers));
	return next_until(bus, &n_answers, 2);
}

void
fork_once(tern_bus *bus)
{
	int status;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0)
		_exit(tern_flush(bus) == -ECHILD ? 0 : 1);
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(status == 0);
}

/* A reader that does not read: what it may have is kept here, and goes when it reads. */
static int
run_backlog(void)
{
	const char *const tags[] = {"tortured.floods", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .policy = TERN_DROP_OLDEST, .queue = 8};
	static uint8_t bytes[700];
	struct hearing hearing = {0};
	_bus_ tern_bus *bus = NULL, *other = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;
	uint64_t end = clock_now_ns() + WAIT_NS;

	TRY(open_bus(&bus));
	TRY(open_bus(&other));
	TRY(tern_subscribe(other, &rule, hear, &hearing, &s));
	TRY(tern_topic_new(bus, tags, &topic));
	for (int i = 0; i < 40; i++)
		TRY(tern_publish(topic, "y", bytes, sizeof(bytes)));
	TRY(tern_publish(topic, "h", STDIN_FILENO));
	fork_once(bus);
	while (hearing.n < 40) {
		int r = tern_process(other);

		if (r >= 0)
			r = tern_process(bus);
		TRY(r);
		if (clock_now_ns() > end)
			return -ETIME;
	}
	return 0;
}

/* --- names --- */

static int
see_name(const struct tern_name *name, void *user)
{
	++*(unsigned int *)user;
	return 0;
}

int
run_names(void)
{
	const char *const labels[] = {"one", "two", NULL}, *const tags[] = {"new", SELF, NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags, .sender = "tern"};
	struct tern_identity identity = {.size = sizeof(identity)};
	struct hearing hearing = {0};
	unsigned int n_names = 0;
	_bus_ tern_bus *bus = NULL, *other = NULL;
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;
	tern_peer owner;
	int r;

	TRY(open_bus(&bus));
	TRY(open_bus(&other));
	TRY(tern_subscribe(bus, &rule, hear, &hearing, &s));
	TRY(tern_own(bus, SELF, TERN_NAME_REPLACEABLE, labels));
	TRY(next_until(bus, &hearing.n, 1));
	r = tern_own(other, SELF, TERN_NAME_QUEUE, NULL);
	if (r != -EINPROGRESS)
		return r ? r : -EBADMSG;
	TRY(tern_lookup(bus, SELF, &owner));
	MUST(owner == tern_id(bus));
	TRY(tern_identify(bus, owner, &identity));
	TRY(tern_list(bus, see_name, &n_names));
	MUST(n_names >= 2);
	TRY(tern_disown(bus, SELF));
	return next_until(bus, &hearing.n, 2);
}

/* --- the loop --- */

static void
mark_ready(tern_watch *watch, uint32_t ready, void *user)
{
	++*(unsigned int *)user;
}

static void
mark_end(void *user, int result)
{
	++*(unsigned int *)user;
}

static int
run_loop(void)
{
	unsigned int n_ready = 0, n_ends = 0;
	int ends[2][2] = {{-1, -1}, {-1, -1}};
	_bus_ tern_bus *bus = NULL;
	_cleanup_(tern_watch_freep) tern_watch *watch = NULL, *both = NULL;
	_cleanup_(fd_closep) int a = -1, b = -1, c = -1, d = -1;
	struct pollfd ready = {.events = POLLIN};
	int r;

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[0]) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[1]) == 0);
	a = ends[0][0], b = ends[0][1], c = ends[1][0], d = ends[1][1];
	TRY(open_bus(&bus));
	ready.fd = tern_fd(bus);
	TRY(ready.fd);
	TRY(tern_watch_fd(bus, a, POLLIN, mark_ready, &n_ready, &watch));
	MUST(send(b, "x", 1, 0) == 1);
	while (n_ready == 0) {
		if (poll(&ready, 1, 1000) != 1)
			return -ETIME;
		while ((r = tern_process(bus)) == 1)
			;
		TRY(r);
	}
	watch = tern_watch_free(watch);
	TRY(tern_switch(bus, a, c, NULL, NULL, mark_end, &n_ends, &both));
	b = fd_close(b);
	d = fd_close(d);
	TRY(next_until(bus, &n_ends, 1));
	return tern_wake(bus);
}

const struct scene scenes[] = {
	{"calls", run_calls},
	{"parts", run_parts},
	{"descriptors", run_descriptors},
	{"stream", run_stream},
	{"serve", run_serve},
	{"typed", run_typed},
	{"publish", run_publish},
	{"subscribe", run_subscribe},
	{"tap", run_tap},
	{"bulk", run_bulk},
	{"state", run_state},
	{"asked", run_asked},
	{"backlog", run_backlog},
	{"names", run_names},
	{"loop", run_loop},
	{NULL},
};
