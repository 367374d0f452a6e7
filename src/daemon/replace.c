/* SPDX-License-Identifier: MIT */

/* replace: both halves of what one ternd says to another */

#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/refusal.h"
#include "daemon/replace.h"
#include "io/socket.h"

#ifdef TERN_TEST
#define ROOM_NS (2 * NSEC_PER_SEC)
#else
#define ROOM_NS (10 * NSEC_PER_SEC) /* for each of two answers; it may have much to end */
#endif

#define ENDED_BEFORE "the ternd that runs there ended before it had made room: try again"

enum {
	ROOM_LISTENER,
	ROOM_LOCK,
	N_ROOM,
	ROOM_SERIAL = 1,
};

/* --- who takes --- */

/* Until there is something to receive, or the end. */
static int
wait_for(int fd, uint64_t deadline_ns)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	uint64_t now;
	int r;

	do {
		now = clock_now_ns();
		if (now >= deadline_ns)
			return -ETIME;
		r = poll(&pollfd, 1, (int)((deadline_ns - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC));
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r < 0 ? -errno : 0;
}

static int
connect_to(const char *path, int *ret, const char **ret_why)
{
	_cleanup_(fd_closep) int fd = -1;
	struct ucred who;
	socklen_t size = sizeof(who);
	int r = socket_connect(path, &fd);

	if (r == -ENOENT || r == -ECONNREFUSED) {
		*ret_why = "no ternd runs there that could be replaced: start it without --replace";
		return -ENOENT;
	}
	*ret_why = "the ternd that runs there cannot be asked to make room";
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		r = -errno;
	if (r)
		return error_trace(r);
	if (who.uid != geteuid()) {
		*ret_why = "another user's ternd runs there: only that user can replace it";
		return -EPERM;
	}
	*ret = fd_steal(&fd);
	return 0;
}

static int
ask(int fd, const char **ret_why)
{
	struct control request = {.type = CONTROL_MAKE_ROOM, .serial = ROOM_SERIAL};
	uint8_t packet[64];
	struct iovec iov = {.iov_base = packet};
	int r = control_encode(&request, packet, sizeof(packet), &iov.iov_len);

	assert(r == 0);
	*ret_why = ENDED_BEFORE;
	r = socket_send(fd, &iov, 1, NULL, 0);
	return r > 0 ? -ECONNRESET : r;
}

static int
explain(const struct control_failed *failed, const char **ret_why)
{
	switch (failed->code) {
	case EPERM:
		*ret_why = "the ternd that runs there is not ours to replace: systemd has its socket "
			   "(systemctl restart), or another user has it";
		return -EPERM;
	case EPROTO:
	case EOPNOTSUPP:
		*ret_why = "the ternd that runs there is of a version that cannot make room: end it, "
			   "then start this one";
		return -EOPNOTSUPP;
	default:
		*ret_why = "the ternd that runs there makes no room now: try again";
		return -(int)MIN(MAX(failed->code, 1u), 4095u);
	}
}

static int
receive(int fd, int *fds, const char **ret_why)
{
	uint8_t packet[2 << 10];
	struct control answer;
	size_t size, n_fds;
	int r = socket_recv(fd, packet, sizeof(packet), &size, fds, N_ROOM, &n_fds);

	*ret_why = ENDED_BEFORE;
	if (r)
		return r > 0 ? -ECONNRESET : r;
	r = control_decode(&answer, packet, size, NULL);
	if (r == 0 && answer.type == CONTROL_FAILED)
		return explain(&answer.failed, ret_why);
	*ret_why = "what runs there is no ternd";
	return r || answer.type != CONTROL_DONE || n_fds != N_ROOM ? -EPROTO : 0;
}

/* The hang-up: the journal is whole, and closed. */
static int
wait_end(int fd, const char **ret_why)
{
	uint64_t deadline = clock_deadline_ns(clock_now_ns(), ROOM_NS);
	uint8_t byte;
	size_t size;
	int r;

	*ret_why = "the ternd that runs there said that it ends, and does not";
	do {
		r = wait_for(fd, deadline);
		if (r)
			return r;
		r = socket_recv(fd, &byte, sizeof(byte), &size, NULL, 0, NULL);
	} while (r == 0 || r == SOCKET_E_FDS || r == SOCKET_E_EMPTY || r == SOCKET_E_TRUNCATED);
	return 0; /* or an error, after which nothing comes either */
}

int
replace_take(const char *path, struct listener *ret, const char **ret_why)
{
	_cleanup_(fd_closep) int fd = -1;
	int fds[N_ROOM] = {-1, -1}, r;

	r = connect_to(path, &fd, ret_why);
	if (r)
		return r;
	r = ask(fd, ret_why);
	if (!r) {
		*ret_why = "the ternd that runs there does not answer: kill it, then start this one";
		r = wait_for(fd, clock_deadline_ns(clock_now_ns(), ROOM_NS));
	}
	if (!r)
		r = receive(fd, fds, ret_why);
	if (!r)
		r = wait_end(fd, ret_why);
	if (!r) {
		r = listener_adopt(ret, path, fds[ROOM_LISTENER], fds[ROOM_LOCK]);
		if (r == 0)
			return 0;
		*ret_why = r > 0 ? listener_strerror(r) : "the socket cannot be taken over";
		r = r > 0 ? -EEXIST : r;
	}
	socket_discard_fds(fds, N_ROOM);
	return r;
}

/* --- who gives --- */

static int
may_have_it(const struct client *client, struct refusal *refusal)
{
	const struct server *server = client->server;

	if (client->uid != geteuid())
		return refusal_set(refusal, EPERM, "tern.NotAllowed",
			"user %u may not take the place of this ternd, which is user %u's", client->uid,
			(unsigned int)geteuid());
	if (client->identity->userns && client->identity->userns != server->tables.userns) /* 0: it cannot be read */
		return refusal_set(refusal, EPERM, "tern.NotAllowed",
			"process %u is in another user namespace than this ternd, and may not take its place",
			client->identity->pid);
	if (server->listener.is_borrowed)
		return refusal_set(refusal, EPERM, "tern.NotAllowed",
			"the socket of this ternd is systemd's: systemctl restart replaces it");
	if (server->is_ending)
		return refusal_set(refusal, EAGAIN, "tern.Busy", "this ternd ends already");
	return 0;
}

void
replace_give(struct client *client, const struct control *request)
{
	struct server *server = client->server;
	struct control answer = {.type = CONTROL_DONE, .serial = request->serial};
	const int fds[N_ROOM] = {
		[ROOM_LISTENER] = server->listener.fd,
		[ROOM_LOCK] = server->listener.lock,
	};
	struct refusal refusal;

	if (may_have_it(client, &refusal)) {
		refusal_send(&refusal, client, request->serial);
		client_end(client);
		return;
	}
	if (client_send(client, &answer, fds, N_ROOM, CLIENT_NOW) == 0)
		server->is_ending = true; /* and not for good */
}
