/* SPDX-License-Identifier: MIT */

/* offices: what keeps ternd busy: many names and rules, questions, its policy, services that it
 * starts; see scenes.h */

#include "scenes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static int
run_many(void)
{
	_bus_ tern_bus *bus = NULL;
	tern_subscription *s[60] = {0};
	int r;

	TRY(open_bus(&bus));
	r = 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(s); i++) {
		char tag[32], name[32];
		const char *const tags[] = {tag, "common", NULL};
		const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};

		(void)snprintf(tag, sizeof(tag), "tag.%zu", i);	   /* fits */
		(void)snprintf(name, sizeof(name), "name.%zu", i); /* fits */
		r = tern_subscribe(bus, &rule, NULL, NULL, &s[i]);
		if (r >= 0)
			r = tern_own(bus, name, 0, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		(void)tern_subscription_free(s[i]); /* always NULL */
	return r;
}

static int
run_ask(void)
{
	_bus_ tern_bus *bus = NULL;

	TRY(open_bus(&bus));
	TRY(tern_call_sync(bus, "tern", "Status", NULL, NULL, NULL));
	TRY(tern_call_sync(bus, "tern", "tern.Interface", NULL, NULL, NULL));
	TRY(tern_call_sync(bus, "tern", "Names", NULL, NULL, NULL));
	TRY(tern_call_sync(bus, "tern", "Limits", NULL, NULL, NULL));
	TRY(tern_call_sync(bus, "tern", "Services", NULL, NULL, NULL));
	return tern_call_sync(bus, "tern", "Peers", NULL, NULL, NULL);
}

/* --- what is allowed --- */

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", scene_directory, name); /* fits */
	file = fopen(path, "we");
	MUST(file != NULL);
	MUST(fputs(text, file) >= 0);
	MUST(fclose(file) == 0);
	MUST(chmod(path, 0644) == 0);
}

/* The rules of each are about other names, those of CLOSED begin with a short one. */
static const char policy_of_all[] =
	"; for torture\n[limits]\nnames = 1000\n[policy]\nconnect = user:root user:%u group:root user:nobody\n"
	"%s"
	"[name *]\nown = *\ncall = *\nhear = *\ntap = *\n"
	"[name " SECRET "]\nown = *\ncall = none\nhear = *\ntap = *\n"
	"[name " LOCKED "]\nown = %s\ncall = same-user group:root\nhear = *\ntap = *\n"
	"[name " PARTNER "]\nown = *\ncall = %s\nhear = %s\ntap = *\n"
	"[name " SELF ".Secret]\nown = *\ncall = %s\nhear = none\ntap = *\n"
	"[name org.example.Deep.*]\nown = user:root\ncall = *\nhear = *\ntap = *\n";
static const char policy_of_closed[] =
	"[name x]\nown = *\ncall = *\nhear = *\ntap = *\n"
	"[name " HIDDEN ".*]\nown = *\ncall = none\nhear = none\ntap = none\n";

void
policy_write(enum how_strict how)
{
	const char *more = how == LOOSE ? "*" : "none", *less = how == LOOSE ? "none" : "*";
	char text[1500];
	int n = snprintf(text, sizeof(text), policy_of_all, (unsigned int)getuid(),
		how == CLOSED ? policy_of_closed : "", more, less, less, more);

	MUST(n > 0 && (size_t)n < sizeof(text));
	write_file("tern/ternd.conf", text);
}

static int
reload(tern_bus *bus, enum how_strict how)
{
	policy_write(how);
	return tern_call_sync(bus, "tern", "Reload", NULL, NULL, NULL);
}

/* refused() - it is, as not allowed. Return: 0, or what else it said. */
static int
refused(int r)
{
	return r == -EACCES || r == -EPERM || r == -EREMOTEIO ? 0 : r < 0 ? r : -EBADMSG;
}

static int
run_policy(void)
{
	_bus_ tern_bus *bus = NULL;
	int r;

	TRY(open_bus(&bus));
	TRY(reload(bus, STRICT));
	TRY(echo_once(bus, PARTNER, 1));
	TRY(refused(tern_call_sync(bus, SECRET, "Echo", NULL, NULL, "i", INT64_C(1))));
	TRY(refused(tern_own(bus, LOCKED, 0, NULL)));
	r = reload(bus, LOOSE);
	if (!r)
		r = tern_own(bus, LOCKED, 0, NULL);
	if (!r)
		r = refused(tern_call_sync(bus, PARTNER, "Echo", NULL, NULL, "i", INT64_C(1)));
	policy_write(STRICT);
	TRY(r);
	TRY(reload(bus, STRICT));
	return echo_once(bus, PARTNER, 1);
}

/* Who has a name that others may not call, and that hides what it says; and then they may. */
static int
run_guarded(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_plain}};
	const char *const tags[] = {"tortured.says", NULL};
	unsigned int n_calls = 0, n_answers = 0;
	_bus_ tern_bus *bus = NULL;
	_call_ tern_call *call = NULL;
	_cleanup_(tern_service_freep) tern_service *service = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;
	int r;

	TRY(open_bus(&bus));
	TRY(reload(bus, STRICT));
	TRY(tern_own(bus, SELF ".Secret", 0, NULL));
	TRY(tern_topic_new(bus, tags, &topic));
	TRY(tern_publish(topic, "u", UINT64_C(1)));
	TRY(tern_serve(bus, SELF, NULL, methods, 1, &n_calls, &service));
	TRY(send_echo(bus, "CallBack", 5, 0, &call));
	TRY(tern_call_then(call, count_answer, &n_answers));
	TRY(next_until(bus, &n_answers, 1));
	r = reload(bus, LOOSE);
	policy_write(STRICT);
	TRY(r);
	TRY(tern_publish(topic, "u", UINT64_C(2)));
	return reload(bus, STRICT);
}

/* see_nothing() - of another program that owns such a name, though it wants to hear */
static int
see_nothing(tern_bus *bus, tern_bus *other)
{
	const char *const tags[] = {"tortured.whispers", NULL};
	const struct tern_rule rule = {.size = sizeof(rule), .tags = tags};
	struct hearing hearing = {0};
	_cleanup_(tern_subscription_freep) tern_subscription *s = NULL;
	_cleanup_(tern_topic_freep) tern_topic *topic = NULL;

	TRY(tern_own(other, HIDDEN ".One", 0, NULL));
	TRY(tern_own(bus, HIDDEN ".Other", 0, NULL));
	TRY(tern_subscribe(other, &rule, hear, &hearing, &s));
	TRY(tern_topic_new(bus, tags, &topic));
	TRY(reload(bus, CLOSED));
	TRY(tern_publish(topic, "u", UINT64_C(1)));
	TRY(tern_publish(topic, "u", UINT64_C(2)));
	TRY(tern_process(other));
	MUST(hearing.n == 0);
	return 0;
}

/* A link whose other end may do less, all at once; and one that ternd does not make. */
static int
run_rights(void)
{
	_bus_ tern_bus *bus = NULL, *other = NULL;
	int r;

	TRY(open_bus(&bus));
	TRY(reload(bus, STRICT));
	TRY(echo_once(bus, PARTNER, 1));
	TRY(tern_own(bus, SELF ".Secret", 0, NULL));
	TRY(echo_once(bus, PARTNER, 2));
	TRY(open_bus(&other));
	r = see_nothing(bus, other);
	policy_write(STRICT);
	TRY(r);
	return reload(bus, STRICT);
}

/* --- services that ternd starts --- */

/* copy_program() - and its library: they may lie where another user cannot look, as below /root */
static void
copy_program(const char *program)
{
	const char *library = getenv("TORTURE_LIBRARY");
	char command[1024];

	MUST(library);
	MUST(snprintf(command, sizeof(command), "cp '%s' %s/actor && cp '%s' %s/libtern-inject.so", program, scene_directory,
		     library, scene_directory) < (int)sizeof(command));
	MUST(system(command) == 0);
}

void
services_write(const char *program)
{
	char text[600], directory[256];

	(void)snprintf(directory, sizeof(directory), "%s/tern/services",
		scene_directory); /* fits, as below */
	MUST(mkdir(directory, 0755) == 0);
	copy_program(program);
	(void)snprintf(text, sizeof(text),
		"[Service]\nExec=%s/actor actor\nWorkingDirectory=%s\nEnvironment=WORD=one LD_LIBRARY_PATH=%s\n%s",
		scene_directory, scene_directory, scene_directory, geteuid() == 0 ? "User=nobody\n" : "");
	write_file("tern/services/" STARTED ".service", text);
	write_file("tern/services/org.example.Missing.service",
		"[Service]\nExec=/nonexistent/program\n");
	write_file("tern/services/org.example.Ends.service", "[Service]\nExec=/bin/false\n");
	write_file("tern/services/org.example.Slow.service",
		"[Service]\nExec=/bin/sleep 20\nTimeout=1\n");
	write_file("tern/services/org.example.Wrong.service", "[Service]\nExek=/bin/true\n");
}

/* --- the service --- */

static bool is_over;

static int
quit(tern_call *call, tern_message *m, void *user)
{
	is_over = true;
	return tern_reply(call, NULL);
}

int
actor_run(void)
{
	static const struct tern_method methods[] = {{"Echo", echo_plain}, {"Quit", quit}};
	struct tern_event event = {.size = sizeof(event)};
	const char *name = getenv("TERN_SERVICE");
	pid_t ternd = getppid();
	uint64_t end = clock_now_ns() + 2 * WAIT_NS;
	unsigned int n_calls = 0;
	tern_service *service;
	tern_bus *bus;

	if (!name || tern_open(NULL, &bus) < 0 ||
		tern_serve(bus, name, NULL, methods, 2, &n_calls, &service) < 0)
		return 1;
	while (!is_over && getppid() == ternd && clock_now_ns() < end) { /* whoever began it may have failed meanwhile */
		int r = tern_next(bus, 20 * LOOK_NS, &event);

		if (r == 0)
			let_go(&event);
		else if (r != -ETIME)
			break;
	}
	(void)tern_service_free(service); /* always NULL, both */
	(void)tern_close(bus);
	return 0;
}

/* --- who calls it --- */

/* until_gone() - nobody has the name any more, so that the next call starts it anew */
static int
until_gone(tern_bus *bus)
{
	uint64_t end = clock_now_ns() + 3 * WAIT_NS;
	tern_peer owner;
	int r;

	while ((r = tern_lookup(bus, STARTED, &owner)) == 0 && clock_now_ns() < end)
		(void)usleep(2000);
	return r == -ENXIO ? 0 : r < 0 ? r : -ETIME;
}

static int
run_start(void)
{
	_bus_ tern_bus *bus = NULL;
	_call_ tern_call *first = NULL;
	_message_ tern_message *m = NULL;

	TRY(open_bus(&bus));
	TRY(until_gone(bus)); /* of one that came while a trial failed */
	TRY(tern_message_new_call(bus, STARTED, "Echo", &m));
	TRY(tern_message_pack(m, "i", INT64_C(1)));
	TRY(tern_send(m, 5 * WAIT_NS, 0, &first));
	TRY(tern_call_wait(first, TERN_DEFAULT, NULL, NULL));
	TRY(echo_once(bus, STARTED, 2));
	TRY(tern_call_sync(bus, STARTED, "Quit", NULL, NULL, NULL));
	TRY(until_gone(bus));
	MUST(tern_call_sync(bus, "org.example.Missing", "Echo", NULL, NULL, NULL) < 0);
	MUST(tern_call_sync(bus, "org.example.Ends", "Echo", NULL, NULL, NULL) < 0);
	MUST(tern_call_sync(bus, "org.example.Wrong", "Echo", NULL, NULL, NULL) < 0);
	return tern_call_sync(bus, "tern", "Services", NULL, NULL, NULL);
}

int
run_left(void)
{
	_bus_ tern_bus *bus = NULL;

	TRY(open_bus(&bus));
	return echo_once(bus, STARTED, 1);
}

static int
call_slow(tern_bus *bus, tern_call **ret)
{
	_message_ tern_message *m = NULL;

	TRY(tern_message_new_call(bus, "org.example.Slow", "Echo", &m));
	return tern_send(m, 5 * WAIT_NS, 0, ret);
}

int
run_slow_begun(void)
{
	_bus_ tern_bus *bus = NULL;
	_call_ tern_call *call = NULL;

	TRY(open_bus(&bus));
	TRY(call_slow(bus, &call));
	return tern_call_sync(bus, "tern", "Status", NULL, NULL, NULL); /* answered behind that */
}

/* One that does not come in its time, and is killed. */
int
run_slow(void)
{
	_bus_ tern_bus *bus = NULL;
	_call_ tern_call *call = NULL;
	int r;

	TRY(open_bus(&bus));
	TRY(call_slow(bus, &call));
	r = tern_call_wait(call, TERN_DEFAULT, NULL, NULL);
	return r == -ETIME || r == 0 ? -EBADMSG : echo_once(bus, PARTNER, 1);
}

/* More of everything than tables have room for at first. */
static int
run_crowd(void)
{
	_bus_ tern_bus *bus = NULL;
	tern_bus *others[70] = {0};
	int r;

	TRY(open_bus(&bus));
	r = 0;
	for (int i = 0; r >= 0 && i < 420; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "org.example.Crowd.%d", i); /* fits */
		r = tern_own(bus, name, 0, NULL);
	}
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(others); i++)
		r = open_bus(&others[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		(void)tern_close(others[i]); /* always NULL */
	return r;
}

const struct scene offices[] = {
	{"names", run_names},
	{"calls", run_calls},
	{"serve", run_serve},
	{"publish", run_publish},
	{"subscribe", run_subscribe},
	{"many", run_many},
	{"ask", run_ask},
	{"tap", run_tap},
	{"state", run_state},
	{"policy", run_policy},
	{"guarded", run_guarded},
	{"rights", run_rights},
	{"start", run_start},
	{"slow", run_slow},
	{"crowd", run_crowd},
	{NULL},
};
