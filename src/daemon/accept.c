/* SPDX-License-Identifier: MIT */

/* accept: who may connect, and how many at a time */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "daemon/accept.h"
#include "daemon/client.h"
#include "daemon/refusal.h"
#include "daemon/rights.h"
#include "daemon/replace.h"
#include "io/identity.h"
#include "io/socket.h"

enum {
	ACCEPTS_A_TURN = 32,
};

#define ACCEPT_AGAIN_NS NSEC_PER_SEC
#define KEPT "tern-bus" /* what the service manager calls the socket that it keeps for us */

/* --- who may --- */

/*
 * A user who has no number in our user namespace shows up as the overflow user, and so
 * do all others like that: nobody may be let in by that number, unless it is a true one.
 */
static uint32_t
find_overflow(const char *map, const char *number)
{
	unsigned int overflow = 65534, inside, outside, count;
	FILE *file;
	int n = 0;

	file = fopen(map, "re");
	if (file) {
		n = fscanf(file, "%u %u %u", &inside, &outside, &count);
		(void)fclose(file); /* was read only */
	}
	if (n == 3 && inside == 0 && count == UINT32_MAX)
		return SERVER_NO_UID; /* all users have one */
	file = fopen(number, "re");
	if (file) {
		if (fscanf(file, "%u", &overflow) != 1)
			overflow = 65534;
		(void)fclose(file); /* was read only */
	}
	return overflow;
}

/* end_oldest() - of this user's that have not said hello; NULL: he has none */
static void
end_oldest(struct server *server, const struct quota_user *user)
{
	struct client *client = server->half_open;
	struct refusal refusal;

	while (client && client->user != user)
		client = client->next;
	if (!client)
		return;
	(void)refusal_set(&refusal, EAGAIN, "tern.TooManyStrangers",
		"%llu connections of user %u had not said hello, and this one was the oldest of them: say hello at once",
		(unsigned long long)user->held[QUOTA_HALF_OPEN].used, user->uid);
	refusal_send(&refusal, client, 0);
	client_end(client);
}

/* most_half_open() - the user with most connections that have not said hello */
static const struct quota_user *
most_half_open(const struct quota *quota)
{
	struct quota_user *user, *next, *most = quota->users;

	HASH_ITER (hh, quota->users, user, next)
		if (user->held[QUOTA_HALF_OPEN].used > most->held[QUOTA_HALF_OPEN].used)
			most = user;
	return most;
}

/* make_place() - for one more who has not said hello: nobody keeps others out by not saying it */
static void
make_place(struct server *server, uint32_t uid)
{
	const struct quota *quota = &server->bus.quota;
	struct quota_user *user;

	HASH_FIND(hh, quota->users, &uid, sizeof(uid), user);
	if (user && user->held[QUOTA_HALF_OPEN].used >= quota->limits[QUOTA_HALF_OPEN])
		end_oldest(server, user);
	else if (server->n_half_open >= SERVER_MAX_HALF_OPEN)
		end_oldest(server, most_half_open(quota));
}

/* --- taking in --- */

static int
get_identity(int fd, struct bus_identity *ret)
{
	struct identity identity = IDENTITY_INIT;
	int r = socket_identity(fd, &identity);

	if (r)
		return error_trace(r);
	*ret = (struct bus_identity){
		.uid = identity.uid,
		.gid = identity.gid,
		.pid = identity.pid,
		.userns = identity.userns,
		.process = identity.process,
	};
	static_assert(sizeof(ret->label) == sizeof(identity.label), "no truncation");
	memcpy(ret->label, identity.label, sizeof(ret->label));
	identity_deinit(&identity);
	return 0;
}

static int
make_client(struct server *server, int fd, struct refusal *refusal)
{
	struct bus_identity identity;
	struct client *client;
	uint64_t groups;
	int r;

	r = get_identity(fd, &identity);
	if (r)
		return refusal_set_errno(refusal, r);
	groups = rights_groups(server, fd);
	r = rights_connect(server, identity.uid, groups, refusal);
	if (r)
		return r;
	make_place(server, identity.uid);
	r = client_new(server, fd, &identity, groups, &client);
	if (r == BUS_E_QUOTA)
		return refusal_set_quota(refusal, &server->bus);
	return r ? refusal_set_errno(refusal, r) : 0;
}

/* @fd is consumed. */
static void
take_in(struct server *server, int fd)
{
	struct refusal refusal;

	if (make_client(server, fd, &refusal) == 0)
		return;
	refusal_send_fd(&refusal, fd, server->out);
	(void)socket_close(fd); /* with what was sent before it was looked at */
}

/* There are no descriptors left: the one in reserve serves to say so. */
static void
refuse_one(struct server *server)
{
	struct refusal refusal;
	int fd;

	server->spare = fd_close(server->spare);
	if (socket_accept(server->listener.fd, &fd) == 0) {
		(void)refusal_set_errno(&refusal, -EMFILE);
		refusal_send_fd(&refusal, fd, server->out);
		(void)socket_close(fd); /* with what was sent before it was looked at */
	}
	server->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
on_connection(struct loop_source *source, uint32_t events)
{
	struct server *server = container_of(source, struct server, listening);
	int fd, r;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		r = socket_accept(source->fd, &fd);
		if (r == 0) {
			take_in(server, fd);
		} else if (r == -EMFILE && server->spare >= 0) {
			refuse_one(server);
		} else if (r < 0) { /* not of this connection's making: it will pass */
			server->accept_ns = clock_now_ns() + ACCEPT_AGAIN_NS;
			break;
		} else {
			break;
		}
	}
	server_rearm(server);
}

void
accept_expire(struct server *server, uint64_t now_ns)
{
	struct refusal refusal;

	while (server->half_open && server->half_open->deadline_ns <= now_ns) {
		(void)refusal_set(&refusal, ETIME, "tern.NoHello", "no hello came in time");
		refusal_send(&refusal, server->half_open, 0);
		client_end(server->half_open);
	}
}

/* --- listening --- */

/* The last folder of the path, for our user alone unless others are expected. */
static int
make_directory(const struct options *options)
{
	bool is_open = options->n_users > 0 || (geteuid() == 0 && options->is_system);
	char directory[ADDRESS_PATH_SIZE];
	char *slash;

	memcpy(directory, options->path, strlen(options->path) + 1);
	slash = strrchr(directory, '/');
	if (slash == directory)
		return 0;
	*slash = '\0';
	if (mkdir(directory, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	return is_open && chmod(directory, 0755) < 0 ? -errno : 0;
}

/* A socket of the service manager's stays its own; one that it kept for us is ours again. */
static int
adopt(struct server *server)
{
	struct notify *notify = &server->notify;
	bool is_kept = strcmp(notify->name, KEPT) == 0;
	int r = listener_adopt(&server->listener, server->options->path, notify->fd, -1);

	if (r == 0)
		(void)fd_steal(&notify->fd); /* the listener's */
	else
		socket_discard_fds(&notify->fd, 1);
	if (r == LISTENER_E_ANOTHER && is_kept) /* its path went meanwhile */
		return listener_open(&server->listener, server->options->path, 0666);
	server->listener.is_borrowed = r == 0 && !is_kept;
	return r;
}

static int
open_listener(struct server *server)
{
	return server->notify.fd >= 0 ? adopt(server)
				      : listener_open(&server->listener, server->options->path, 0666);
}

static int
listen_at(struct server *server, const char **ret_why)
{
	int r;

	*ret_why = "its directory cannot be made";
	r = make_directory(server->options);
	if (r)
		return error_trace(r);
	*ret_why = "the service manager passed a socket: let it replace the ternd there, without --replace";
	if (server->options->replace && server->notify.fd >= 0)
		return -EINVAL;
	if (server->options->replace)
		return replace_take(server->options->path, &server->listener, ret_why);
	r = open_listener(server);
	if (r == LISTENER_E_IN_USE) {
		*ret_why = "a bus runs there already: --replace takes its place";
		return -EADDRINUSE;
	}
	*ret_why = r > 0 ? listener_strerror(r) : "the socket cannot be made";
	return r > 0 ? -EEXIST : r;
}

int
accept_start(struct server *server, const char **ret_why)
{
	int r;

	server->overflow_uid = find_overflow("/proc/self/uid_map", "/proc/sys/kernel/overflowuid");
	server->overflow_gid = find_overflow("/proc/self/gid_map", "/proc/sys/kernel/overflowgid");
	*ret_why = "what LISTEN_FDS, NOTIFY_SOCKET or WATCHDOG_USEC say cannot be: one socket at most is passed";
	r = notify_open(&server->notify);
	if (!r)
		r = listen_at(server, ret_why);
	if (r)
		return error_trace(r);
	if (!server->listener.is_borrowed) /* for who comes after us, if we are killed; or it makes its own */
		(void)notify_tell(&server->notify, server->listener.fd, "FDSTORE=1\nFDPOLL=0\nFDNAME=" KEPT);
	(void)socket_refuse_fds(
		server->listener.fd); /* where the kernel can; else they are closed */
	(void)socket_tell_senders(server->listener.fd, true); /* else hello() does not know who speaks */
	server->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	server->listening = (struct loop_source){.fd = server->listener.fd, .ready = on_connection};
	*ret_why = "the socket cannot be watched";
	return loop_add(&server->loop, &server->listening, EPOLLIN);
}

void
accept_stop(struct server *server)
{
	loop_remove(&server->loop, &server->listening);
	server->notify.fd = fd_close(server->notify.fd);
	if (server->is_last && !server->listener.is_borrowed)
		(void)notify_tell(&server->notify, -1, "FDSTOREREMOVE=1\nFDNAME=" KEPT); /* or it goes with the unit */
	if (server->is_ending && !server->is_last)
		listener_abandon(&server->listener); /* who connects meanwhile finds the path there */
	else
		listener_deinit(&server->listener);
	server->spare = fd_close(server->spare);
}
