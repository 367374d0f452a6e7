/* SPDX-License-Identifier: MIT */

/* server: ternd's one thread */

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "bus/name.h"
#include "daemon/accept.h"
#include "daemon/client.h"
#include "daemon/history.h"
#include "daemon/rights.h"
#include "daemon/server.h"
#include "daemon/start.h"
#include "daemon/watch.h"

enum {
	LAST_TURNS = 1024,
};

#define RETRY_NS    (100 * NSEC_PER_MSEC)
#define INSTANCE_NS 10000000 /* 497 days of them fit 32 bits */

/* --- the clock --- */

uint64_t
server_clock(const struct server *server)
{
	return clock_now_ns() - (uint64_t)server->clock_offset;
}

/* --- what the bus tells --- */

/*
 * Room was made sure of before a name is taken. A name that passes on when its owner dies
 * may find no memory: then it is in no table, and its owner has to own it again.
 */
static void
on_name_changed(void *user, const struct bus_name *name)
{
	struct server *server = user;

	if (server->is_ending)
		return; /* nobody went but ternd: who is linked goes on, by these names */
	if (tables_set_name(&server->tables, name))
		(void)names_remove(&server->tables.names, name->text, name->size);
	start_owned(server, name);
}

static void
on_name_event(void *user, struct bus_peer *peer, const struct control_event *event)
{
	struct client *client = peer->client;
	struct control control = {.type = CONTROL_EVENT, .event = *event};

	if (client->server->is_again)
		return;
	control.event.lost = client->lost;
	client->lost = 0;
	(void)client_send(client, &control, NULL, 0, CLIENT_EVENT); /* or it is counted */
}

static void
send_owner_news(struct bus_peer *peer, const struct bus_name *name, uint32_t type)
{
	struct control control = {.type = type, .name.name = {name->text, name->size}};

	if (((struct client *)peer->client)->server->is_again)
		return;
	(void)client_send(peer->client, &control, NULL, 0, CLIENT_MUST); /* who is gone is ended */
}

static void
on_owner_lost(void *user, struct bus_peer *peer, const struct bus_name *name)
{
	send_owner_news(peer, name, CONTROL_OWNER_LOST);
}

static void
on_owner_gained(void *user, struct bus_peer *peer, const struct bus_name *name)
{
	send_owner_news(peer, name, CONTROL_OWNER_GAINED);
}

static void
on_rights_changed(void *user, const struct bus_link *link, unsigned int whose, const struct control_text *name,
	bool is_denied)
{
	if (!((struct server *)user)->is_ending)
		rights_changed(user, link, whose, name, is_denied);
}

static const struct bus_host host = {
	.name_changed = on_name_changed,
	.name_event = on_name_event,
	.owner_lost = on_owner_lost,
	.owner_gained = on_owner_gained,
	.rights_changed = on_rights_changed,
	.link_forbidden = rights_forbidden,
};

static void
on_grown(struct tables *tables, const struct domain_tables *own, enum control_table_kind kind)
{
	struct server *server = container_of(tables, struct server, tables);
	struct client *client, *next;

	DL_FOREACH_SAFE (server->clients, client, next)
		if (!own || client->peer->domain->tables == own)
			client_send_table(client, kind);
}

static void
on_changed(struct tables *tables, const struct domain_tables *own, uint32_t index)
{
	watch_tell(container_of(tables, struct server, tables), own, index);
}

/* --- time --- */

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static void
set_timer(struct server *server, uint64_t at_ns)
{
	struct itimerspec spec = {
		.it_value.tv_sec = (time_t)(at_ns / NSEC_PER_SEC),
		.it_value.tv_nsec = (long)(at_ns % NSEC_PER_SEC),
	};
	int r;

	if (server->timer_ns == at_ns)
		return;
	r = timerfd_settime(server->timer.fd, TFD_TIMER_ABSTIME, &spec, NULL);
	assert(r == 0);
	server->timer_ns = at_ns;
}

void
server_rearm(struct server *server)
{
	uint64_t at;
	bool accepts = !server->accept_ns;

	if (!server->n_stuck)
		server->retry_ns = 0;
	else if (!server->retry_ns)
		server->retry_ns = clock_now_ns() + RETRY_NS;
	at = earlier(server->accept_ns, server->retry_ns);
	at = earlier(at, server->settle_ns);
	at = earlier(at, server->away_ns);
	at = earlier(at, server->alive_ns);
	at = earlier(at, start_due(server));
	if (server->half_open)
		at = earlier(at, server->half_open->deadline_ns);
	set_timer(server, at);
	loop_watch(&server->loop, &server->listening, accepts ? EPOLLIN : 0);
}

static void
tell_alive(struct server *server, uint64_t now)
{
	(void)notify_tell(&server->notify, -1, "WATCHDOG=1\nSTATUS=%llu programs, %llu names", /* or it hears the next */
		(unsigned long long)server->bus.counts.peers, (unsigned long long)server->bus.counts.names);
	server->alive_ns = now + server->notify.watchdog_ns / 2;
}

/* All are here, or have been waited for long enough. */
static void
settle(struct server *server, uint64_t now)
{
	struct client *client, *next;

	if (server->settle_ns && (!server->n_away || now >= server->settle_ns)) {
		server->settle_ns = 0;
		DL_FOREACH_SAFE (server->clients, client, next)
			client_settled(client);
	}
	if (server->away_ns && (!server->n_away || now >= server->away_ns)) {
		server->away_ns = 0;
		DL_FOREACH_SAFE (server->away, client, next)
			client_end(client);
	}
}

static void
retry_stuck(struct server *server)
{
	struct client *client, *next;

	server->retry_ns = 0;
	DL_FOREACH_SAFE (server->clients, client, next)
		client_retry(client);
}

static void
on_timer(struct loop_source *source, uint32_t events)
{
	struct server *server = container_of(source, struct server, timer);
	uint64_t now = clock_now_ns(), expirations;

	if (read(source->fd, &expirations, sizeof(expirations)) < 0)
		return; /* set anew since it went off */
	server->timer_ns = 0;
	if (server->accept_ns && now >= server->accept_ns)
		server->accept_ns = 0;
	if (server->retry_ns && now >= server->retry_ns)
		retry_stuck(server);
	if (server->alive_ns && now >= server->alive_ns)
		tell_alive(server, now);
	settle(server, now);
	accept_expire(server, now);
	start_expire(server, now);
	server_rearm(server);
}

/* --- the end --- */

static void
on_signal(struct loop_source *source, uint32_t events)
{
	struct server *server = container_of(source, struct server, signals);
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		struct config_error error;

		(void)notify_tell(&server->notify, -1, "RELOADING=1\nMONOTONIC_USEC=%llu", /* or it hears the next */
			(unsigned long long)(clock_now_ns() / NSEC_PER_USEC));
		(void)rights_reload(server, &error); /* it is logged */
		(void)notify_tell(&server->notify, -1, "READY=1"); /* whatever it came to: it serves */
		return;
	}
	server->is_ending = true;
	server->is_last = info.ssi_signo != SIGUSR2;
}

static void
say_bye(struct server *server)
{
	struct control bye = {.type = CONTROL_BYE};
	struct client *client, *next;

	DL_FOREACH_SAFE (server->clients, client, next)
		(void)client_send(client, &bye, NULL, 0, CLIENT_MUST); /* who does not read finds nobody there */
}

static void
bury(struct server *server)
{
	while (server->dead)
		(void)client_free(server->dead); /* always NULL */
	if (server->away_ns && !server->n_away) {
		settle(server, clock_now_ns());
		server_rearm(server);
	}
}

/* --- life cycle --- */

static int
watch_signals(struct server *server)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGCHLD, SIG_DFL); /* whatever was inherited: else children are waited for by the kernel */
	(void)signal(SIGPIPE, SIG_IGN); /* nobody may read what is logged */
	server->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (server->signals.fd < 0)
		return -errno;
	server->signals.ready = on_signal;
	return loop_add(&server->loop, &server->signals, EPOLLIN);
}

static int
watch_time(struct server *server)
{
	server->clock_offset = clock_offset_ns();
	server->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (server->timer.fd < 0)
		return -errno;
	server->timer.ready = on_timer;
	return loop_add(&server->loop, &server->timer, EPOLLIN);
}

/*
 * Another number after each restart, as long as the machine runs: nobody who knew the last bus
 * outlives that. It counts hundredths of a second, and the one chosen is over before anybody is
 * let in: who starts after this ternd was killed, however soon, finds a later one.
 */
static uint64_t
choose_instance(void)
{
	struct timespec since_boot, rest = {0};
	uint32_t instance;

	(void)clock_gettime(CLOCK_BOOTTIME, &since_boot); /* cannot fail: the clock exists */
	instance = (uint32_t)((uint64_t)since_boot.tv_sec * 100 +
			      (uint64_t)since_boot.tv_nsec / INSTANCE_NS);
	rest.tv_nsec = INSTANCE_NS - since_boot.tv_nsec % INSTANCE_NS;
	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
	return instance ? instance : 1;
}

static int
start(struct server *server, const char **ret_why)
{
	int r;

	*ret_why = "it could not be prepared";
	r = service_dirs_init(&server->service_dirs, server->options);
	if (!r)
		r = loop_init(&server->loop);
	if (!r)
		r = watch_signals(server);
	if (!r)
		r = watch_time(server);
	bus_init(&server->bus, choose_instance(), &host, server);
	server->bus.policy = server->config.policy;
	server->bus.own_uid = geteuid();
	server->bus.last_serial = server->bus.last_link = server->bus.last_peer; /* beyond those of any ternd before */
	if (!r)
		r = tables_init(&server->tables, &server->bus, on_grown, on_changed);
	if (!r)
		r = accept_start(server, ret_why);
	return error_trace(r);
}

int
server_new(struct options *options, struct config *config, struct server **ret, const char **ret_why)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	*ret_why = "no memory";
	if (!server)
		return -ENOMEM;
	server->options = options;
	server->config = *config;
	server->begun_ns = clock_now_ns();
	server->loop = LOOP_INIT;
	server->listener = LISTENER_INIT;
	server->tables = TABLES_INIT;
	server->journal = JOURNAL_INIT;
	server->notify = NOTIFY_INIT;
	server->signals.fd = server->timer.fd = server->spare = -1;
	r = start(server, ret_why);
	if (r) {
		server->config = (struct config){0}; /* the caller's still */
		(void)server_free(server);	     /* always NULL */
		return error_trace(r);
	}
	*config = (struct config){0};
	*ret = server;
	return 0;
}

int
server_run(struct server *server)
{
	int r;

	history_open(server);
	(void)notify_tell(&server->notify, -1, "READY=1\nSTATUS=serves %s", server->options->address); /* or it waits */
	if (server->notify.watchdog_ns)
		tell_alive(server, clock_now_ns());
	server_rearm(server);
	while (!server->is_ending) {
		r = loop_turn(&server->loop, turn_begin(server));
		if (r < 0 && r != -EINTR)
			return error_trace(r);
		turn_serve(server);
		start_turn(server);
		bury(server);
	}
	(void)notify_tell(&server->notify, -1, "STOPPING=1"); /* or it finds out */
	loop_remove(&server->loop, &server->signals);
	loop_remove(&server->loop, &server->listening);
	for (int i = 0; i < LAST_TURNS && loop_turn(&server->loop, 0) > 0; i++)
		bury(server); /* who hung up before is not waited for */
	if (server->is_last)
		say_bye(server);
	return 0;
}

struct server *
server_free(struct server *server)
{
	struct client *client, *next;

	if (!server)
		return NULL;
	history_close(server);
	accept_stop(server);
	DL_FOREACH_SAFE (server->half_open, client, next)
		client_end(client);
	DL_FOREACH_SAFE (server->clients, client, next)
		client_end(client);
	DL_FOREACH_SAFE (server->away, client, next)
		client_end(client);
	bury(server);
	assert(!server->turns.users); /* with their clients */
	start_end(server);
	bus_deinit(&server->bus);
	tables_deinit(&server->tables);
	loop_remove(&server->loop, &server->signals);
	loop_remove(&server->loop, &server->timer);
	server->signals.fd = fd_close(server->signals.fd);
	server->timer.fd = fd_close(server->timer.fd);
	loop_deinit(&server->loop);
	config_deinit(&server->config);
	service_dirs_deinit(&server->service_dirs);
	free(server);
	return NULL;
}
