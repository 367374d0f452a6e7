/* SPDX-License-Identifier: MIT */

/* start: see start.h */

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "bus/name.h"
#include "daemon/config-section.h"
#include "daemon/history.h"
#include "daemon/introduce.h"
#include "daemon/start.h"
#include "wire/name.h"

#ifdef TERN_TEST
#define FIRST_REST_NS (400 * NSEC_PER_MSEC)
#else
#define FIRST_REST_NS NSEC_PER_SEC
#endif
#define LAST_REST_NS (30 * FIRST_REST_NS)
#define YOUNG_NS     (10 * NSEC_PER_SEC) /* who fails before that counts as not started */
#define SIGNAL_GROUP (1u << 2) /* PIDFD_SIGNAL_PROCESS_GROUP of linux/pidfd.h */
#define BUSY_NS	     (10 * NSEC_PER_MSEC)
#define PASSING_NS   (SERVICE_FILE_TIMEOUT * NSEC_PER_SEC) /* until who gave its name up has ended */

/* A request that is answered when the name is owned, or will not be. */
struct start_waiter {
	struct start *start;
	struct client *client;
	uint64_t serial;
	struct quota_charge charge;
	struct start_waiter *prev, *next;		  /* start->waiters */
	struct start_waiter *client_prev, *client_next; /* client->waiters */
};

static struct control_text
name_of(const struct start *start)
{
	return (struct control_text){start->name, start->size};
}

/* --- who waits --- */

static void
waiter_free(struct start_waiter *waiter)
{
	DL_DELETE(waiter->start->waiters, waiter);
	DL_DELETE2(waiter->client->waiters, waiter, client_prev, client_next);
	quota_release(&waiter->charge);
	free(waiter);
}

static int
waiter_new(struct start *start, struct client *client, uint64_t serial, struct refusal *refusal)
{
	struct start_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return refusal_set_errno(refusal, -ENOMEM);
	if (bus_charge(&start->server->bus, &waiter->charge, client->user, QUOTA_STARTS, 1)) {
		free(waiter);
		return refusal_set_quota(refusal, &start->server->bus);
	}
	waiter->start = start;
	waiter->client = client;
	waiter->serial = serial;
	DL_APPEND(start->waiters, waiter);
	DL_APPEND2(client->waiters, waiter, client_prev, client_next);
	return START_E_WAITS;
}

void
start_forget(struct client *client)
{
	while (client->waiters)
		waiter_free(client->waiters);
}

/* refuse_all() - who waits is told, and waits no more */
static void
refuse_all(struct start *start, const struct refusal *refusal)
{
	while (start->waiters) {
		refusal_send(refusal, start->waiters->client, start->waiters->serial);
		waiter_free(start->waiters);
	}
	start->deadline_ns = 0;
}

/* introduce_one() - Return: false: the owner does not read now, so it is tried again */
static bool
introduce_one(struct start *start, struct start_waiter *waiter)
{
	struct control answer = {.type = CONTROL_INTRODUCED, .serial = waiter->serial};
	struct control_text name = name_of(start);
	struct refusal refusal;
	int fd = -1, r;

	r = introduce(waiter->client, &name, &answer.link, &fd, &refusal);
	if (r == -EAGAIN)
		return false;
	if (r == -ENXIO)
		(void)refusal_set(&refusal, EHOSTDOWN, "tern.StartFailed", "\"%s\" was owned, and is not any more",
			quote(&name).text);
	if (r)
		refusal_send(&refusal, waiter->client, waiter->serial);
	else
		(void)client_send(waiter->client, &answer, &fd, 1, CLIENT_MUST); /* who is gone is ended */
	fd = fd_close(fd);
	return true;
}

static void
introduce_all(struct start *start)
{
	while (start->waiters) {
		if (!introduce_one(start, start->waiters)) {
			start->server->starts_retry_ns = clock_now_ns() + BUSY_NS;
			return;
		}
		waiter_free(start->waiters);
	}
	start->is_due = false;
	start->deadline_ns = 0;
}

/* --- failures --- */

static int
refuse_failed(const struct start *start, struct refusal *refusal)
{
	uint64_t now = clock_now_ns();
	uint64_t rest = now < start->not_before_ns ? start->not_before_ns - now : 0;

	if (rest == 0)
		return refusal_set(refusal, EHOSTDOWN, "tern.StartFailed", "%s", start->why);
	return refusal_set(refusal, EHOSTDOWN, "tern.StartFailed", "%s; a call in %llu.%llu s tries again",
		start->why, (unsigned long long)(rest / NSEC_PER_SEC),
		(unsigned long long)(rest % NSEC_PER_SEC / (100 * NSEC_PER_MSEC)));
}

/* rest() - it failed: for how long it is not tried again */
static void
rest(struct start *start)
{
	uint32_t doublings = MIN(start->n_failures, 5u);

	start->n_failures++;
	start->not_before_ns = clock_now_ns() + MIN(FIRST_REST_NS << doublings, LAST_REST_NS);
}

/* set_why() - and log it: what is told again is not logged again */
static void
set_why(struct start *start, const char *why)
{
	uint64_t now = clock_now_ns();
	struct refusal said;

	(void)refusal_set(&said, EHOSTDOWN, "tern.StartFailed", "%s could not be started: %s", start->name, why);
	if (strcmp(said.text, start->why) != 0 || now >= start->logged_ns + LAST_REST_NS) {
		fprintf(stderr, "ternd: %s\n", said.text);
		start->logged_ns = now;
	}
	memcpy(start->why, said.text, sizeof(start->why));
}

static void
failed(struct start *start, const char *why)
{
	struct refusal refusal;

	set_why(start, why);
	rest(start);
	(void)refuse_failed(start, &refusal);
	refuse_all(start, &refusal);
}

/* --- processes --- */

static void
forget_process(struct start *start)
{
	loop_remove(&start->server->loop, &start->process);
	start->process.fd = fd_close(start->process.fd);
	start->report = fd_close(start->report);
	start->phase = START_RESTING;
	start->pid = 0;
}

/* describe_end() - what became of a process that has ended; @when in words. Return: false: it ended badly, as @ret says */
static bool
describe_end(struct start *start, const char *when, struct spawn_text *ret)
{
	siginfo_t info = {0};

	if (!start->is_child) /* of a ternd before this one: init has waited for it */
		return true;
	(void)waitid(P_PID, start->pid, &info, WEXITED); /* it has ended: this does not block */
	if (spawn_report(start->report, ret))
		return false;
	if (info.si_code == CLD_EXITED)
		(void)snprintf(ret->text, sizeof(ret->text), "its process %u ended with the exit status %d %s", start->pid,
			info.si_status, when);
	else
		(void)snprintf(ret->text, sizeof(ret->text), "its process %u was killed by signal %d (%s) %s", start->pid,
			info.si_status, strsignal(info.si_status), when);
	return info.si_code == CLD_EXITED && info.si_status == 0;
}

static int begin(struct start *start, struct refusal *refusal);

/* ended() - after it owned its name. Who was called while it was on its way out is started again. */
static void
ended(struct start *start, bool good, const struct spawn_text *why)
{
	struct refusal refusal;

	if (!good && clock_now_ns() - start->began_ns < YOUNG_NS) {
		failed(start, why->text);
		return;
	}
	start->n_failures = 0;
	if (start->waiters && !start->is_due && begin(start, &refusal))
		refuse_all(start, &refusal);
}

/* once_more() - it ended without the name, and nobody knows why: its ternd may have died before it let it go */
static void
once_more(struct start *start)
{
	struct refusal refusal;

	if (start->waiters && begin(start, &refusal))
		refuse_all(start, &refusal);
}

static void
on_process(struct loop_source *source, uint32_t events)
{
	struct start *start = container_of(source, struct start, process);
	enum start_phase phase = start->phase;
	struct spawn_text why;
	bool good = describe_end(start,
		phase == START_STARTING ? "before it owned the name" : "soon after it had begun", &why);

	forget_process(start);
	if (phase == START_STARTING && !start->is_child)
		once_more(start);
	else if (phase == START_STARTING)
		failed(start, why.text);
	else if (phase == START_RUNNING)
		ended(start, good, &why);
	server_rearm(start->server);
}

/* Its group, too: a script's programs. A child was not waited for yet, so the number is its own; others need Linux 6.9. */
static void
kill_process(struct start *start)
{
	if (start->is_child)
		(void)kill(-(pid_t)start->pid, SIGKILL);
	else
		(void)syscall(SYS_pidfd_send_signal, start->process.fd, SIGKILL, NULL, SIGNAL_GROUP);
	(void)syscall(SYS_pidfd_send_signal, start->process.fd, SIGKILL, NULL, 0); /* it may have ended just now */
}

static int
watch_process(struct start *start, uint32_t pid, int pidfd, uint64_t deadline_ns)
{
	int r;

	start->process = (struct loop_source){.fd = pidfd, .ready = on_process};
	r = loop_add(&start->server->loop, &start->process, EPOLLIN);
	if (r) {
		start->process.fd = -1; /* the caller's */
		return r;
	}
	start->pid = pid;
	start->phase = START_STARTING;
	start->began_ns = clock_now_ns();
	start->deadline_ns = deadline_ns;
	return 0;
}

static int
spawn_file(struct start *start, const struct service_file *file, struct refusal *refusal)
{
	struct server *server = start->server;
	const struct spawn_order order = {
		.file = file,
		.name = start->name,
		.address = server->options->address,
		.files = &server->options->files,
	};
	struct spawned spawned;
	struct spawn_text why;
	int r;

	r = spawn(&order, &spawned, &why);
	if (r) {
		failed(start, why.text);
		return refuse_failed(start, refusal);
	}
	r = watch_process(start, (uint32_t)spawned.pid, spawned.pidfd, clock_now_ns() + file->timeout * NSEC_PER_SEC);
	start->is_child = true;
	start->report = spawned.report;
	if (r) { /* nobody would wait for it */
		spawned.gate = fd_close(spawned.gate);
		(void)kill(spawned.pid, SIGKILL);
		(void)waitid(P_PID, (id_t)spawned.pid, &(siginfo_t){0}, WEXITED);
		spawned.pidfd = fd_close(spawned.pidfd);
		forget_process(start);
		return refusal_set_errno(refusal, r);
	}
	history_starting(server, start);
	spawn_let_go(&spawned);
	return 0;
}

static int
refuse_file(struct start *start, const char *why, struct refusal *refusal)
{
	set_why(start, why);
	return refusal_set(refusal, EHOSTDOWN, "tern.StartFailed", "%s", start->why);
}

/* read_service() - of the file that is there now: it may have been mended since it was read last */
static int
read_service(struct start *start, struct service_file *file, struct refusal *refusal)
{
	struct control_text name = name_of(start);
	struct service_path path;
	struct config_error error;

	if (!service_dirs_find(&start->server->service_dirs, &name, &path))
		return refusal_set(refusal, ENXIO, "tern.NoSuchName", "nobody owns \"%s\", and it has no service file",
			quote(&name).text);
	if (service_file_read(file, path.text, start->server->options->is_system, &error))
		return refuse_file(start, error.text, refusal);
	return 0;
}

/* begin() - start the program; who waits goes on waiting. Return: 0, or a negative errno and @refusal */
static int
begin(struct start *start, struct refusal *refusal)
{
	_cleanup_(freep) struct service_file *file = malloc(sizeof(*file));
	int r;

	if (!file)
		return refusal_set_errno(refusal, -ENOMEM);
	if (clock_now_ns() < start->not_before_ns)
		return refuse_failed(start, refusal);
	r = read_service(start, file, refusal);
	if (!r)
		r = spawn_file(start, file, refusal);
	server_rearm(start->server);
	return r;
}

/* --- starts --- */

struct start *
start_find(const struct server *server, const struct control_text *name)
{
	struct start *start;

	HASH_FIND(hh, server->starts, name->text, name->size, start);
	return start;
}

static struct start *
start_get(struct server *server, const struct control_text *name)
{
	struct start *start = start_find(server, name);

	if (start)
		return start;
	start = calloc(1, sizeof(*start) + name->size + 1);
	if (!start)
		return NULL;
	start->server = server;
	start->process.fd = start->report = -1;
	start->size = name->size;
	memcpy(start->name, name->text, name->size);
	HASH_ADD_KEYPTR(hh, server->starts, start->name, start->size, start);
	if (!hash_added(start, hh)) {
		free(start);
		return NULL;
	}
	return start;
}

static bool
has_file(const struct client *client, const struct control_text *name)
{
	struct service_path path;

	return name_check(name->text, name->size, NULL) == 0 &&
	       service_dirs_find(&client->server->service_dirs, name, &path);
}

int
start_refuse(struct client *client, const struct control_text *name, struct refusal *refusal)
{
	if (has_file(client, name))
		return refusal_set(refusal, ENXIO, "tern.NotStarted", "\"%s\" does not run: a call starts it",
			quote(name).text);
	return refusal_set(refusal, ENXIO, "tern.NoSuchName", "nobody owns \"%s\": is the service running, on this bus?",
		quote(name).text);
}

/* may_start() - who may not call it does not start it, either; "same user" is as ternd, before anybody owns the name */
static bool
may_start(const struct client *client, const struct control_text *name)
{
	const struct policy *policy = client->server->bus.policy;
	const struct policy_subject who = {client->peer->uid, client->peer->groups};

	return !policy || policy_entry_allows(policy_find(policy, name->text, name->size), POLICY_CALL, &who, geteuid());
}

int
start_wanted(struct client *client, const struct control_text *name, uint64_t serial, struct refusal *refusal)
{
	struct server *server = client->server;
	struct start *start = start_find(server, name);
	int r;

	if (!start && !has_file(client, name))
		return start_refuse(client, name, refusal);
	if (!may_start(client, name))
		return refusal_set(refusal, EPERM, "tern.NotAllowed",
			"user %u may not call \"%s\", and so not have it started: call = user:%u below [name %s] in "
			"ternd.conf would allow it", client->uid, quote(name).text, client->uid, quote(name).text);
	start = start_get(server, name);
	if (!start)
		return refusal_set_errno(refusal, -ENOMEM);
	r = start->phase == START_RESTING ? begin(start, refusal) : 0;
	if (start->phase == START_ENDING)
		r = refuse_failed(start, refusal);
	if (r)
		return r;
	if (start->phase == START_RUNNING && start->deadline_ns == 0) { /* it has given its name up */
		start->deadline_ns = clock_now_ns() + PASSING_NS;
		server_rearm(server);
	}
	return waiter_new(start, client, serial, refusal);
}

void
start_owned(struct server *server, const struct bus_name *name)
{
	const struct control_text text = {name->text, name->size};
	struct start *start = start_find(server, &text);

	if (!start || !bus_name_owner(name))
		return;
	if (start->phase == START_STARTING)
		start->phase = START_RUNNING;
	start->is_due = start->waiters != NULL;
	if (!start->is_due)
		start->deadline_ns = 0;
	server->has_starts_due |= start->is_due;
}

void
start_turn(struct server *server)
{
	struct start *start, *next;

	if (!server->has_starts_due)
		return;
	server->has_starts_due = false;
	server->starts_retry_ns = 0;
	HASH_ITER (hh, server->starts, start, next)
		if (start->is_due)
			introduce_all(start);
	server_rearm(server);
}

uint64_t
start_due(const struct server *server)
{
	uint64_t at = server->starts_retry_ns;
	struct start *start, *next;

	HASH_ITER (hh, server->starts, start, next)
		if (start->deadline_ns && (!at || start->deadline_ns < at))
			at = start->deadline_ns;
	return at;
}

static void
out_of_time(struct start *start)
{
	struct refusal refusal;
	char text[160];

	if (start->phase == START_STARTING) {
		(void)snprintf(text, sizeof(text), "its process %u did not own the name in time, and was ended", start->pid);
		kill_process(start);
		start->phase = START_ENDING;
		failed(start, text);
		return;
	}
	(void)refusal_set(&refusal, EHOSTDOWN, "tern.StartFailed",
		"process %u was started for it, and runs, but has given the name up", start->pid);
	refuse_all(start, &refusal);
}

void
start_expire(struct server *server, uint64_t now_ns)
{
	struct start *start, *next;

	if (server->starts_retry_ns && now_ns >= server->starts_retry_ns)
		server->has_starts_due = true; /* start_turn() follows */
	HASH_ITER (hh, server->starts, start, next)
		if (start->deadline_ns && now_ns >= start->deadline_ns)
			out_of_time(start);
}

int
start_again(struct server *server, const struct control_text *name, const struct start_known *known)
{
	struct start *start = start_get(server, name);
	int r;

	if (!start)
		return -ENOMEM;
	if (start->process.fd >= 0)
		return -EEXIST;
	r = watch_process(start, known->pid, known->pidfd, known->deadline_ns);
	if (r == 0 && known->has_owned)
		start->phase = START_RUNNING;
	return r;
}

void
start_end(struct server *server)
{
	struct start *start, *next;

	HASH_ITER (hh, server->starts, start, next) {
		while (start->waiters)
			waiter_free(start->waiters);
		forget_process(start);
		HASH_DEL(server->starts, start);
		free(start);
	}
}
