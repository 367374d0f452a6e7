/* SPDX-License-Identifier: MIT */

/* daemon-hello: the first words with ternd; contracts in daemon.h */

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client/daemon-state.h"
#include "client/error.h"
#include "io/socket.h"

#define CONNECT_TIMEOUT (25 * NSEC_PER_SEC)
#define HELLO_AGAIN        1 /* it may have waited: ternd was stopped, or had no processor */

/* ask_later() - a request that this version does not know */
static void
ask_later(const struct daemon *daemon)
{
	static const char packet[] = "\xa2\x64type\x18\x1f\x66serial\x1b@\0\0\0\0\0\0"; /* 31, 2^62 */
	struct iovec iov = {(void *)packet, sizeof(packet)};

	(void)socket_send(daemon->fd, &iov, 1, NULL, 0); /* where there is room */
}

/* take_welcome() - tables, own id, and no introduction */
int
daemon_take_welcome(tern_bus *bus, const struct control_welcome *welcome, int *fds, size_t n_fds)
{
	struct daemon *daemon = bus->daemon;
	int r = 0;

	if (welcome->tables.n > n_fds || welcome->tables.n < 5)
		return error_set(-EPROTO, ERROR_PROTOCOL, "ternd did not send its tables");
	for (size_t i = 0; i < welcome->tables.n && r == 0; i++)
		r = daemon_take_table(bus, welcome->tables.items[i], &fds[i]);
	if (r < 0)
		return error_set(r, ERROR_PROTOCOL, "a table of ternd could not be mapped");
	for (uint32_t kind = CONTROL_TABLE_PEERS; kind < N_TABLES; kind++)
		if (daemon->unmapped[kind] < 0 && !daemon_has_table(daemon, kind))
			return error_set(-EPROTO, ERROR_PROTOCOL, "ternd did not send all of its tables");
	r = daemon_need_table(bus, CONTROL_TABLE_PEERS);
	if (r < 0)
		return error_set(r, ERROR_PROTOCOL, "a table of ternd could not be mapped");
	if (welcome->token.size != sizeof(daemon->token))
		return error_set(-EPROTO, ERROR_PROTOCOL, "ternd did not send a token");
	memcpy(daemon->token, welcome->token.bytes, sizeof(daemon->token));
	daemon->is_new = bus->id != welcome->peer;
	bus->id = welcome->peer;
	daemon->slot = welcome->slot;
	daemon->inbox = peers_inbox(&daemon->peers, daemon->slot) - 1; /* look at once */
	if (MINOR_AHEAD)
		ask_later(daemon);
	return 0;
}

static int
take_first(tern_bus *bus, const struct control *control, int *fds, size_t n_fds)
{
	const struct control_failed *failed = &control->failed;

	if (control->type == CONTROL_WELCOME)
		return daemon_take_welcome(bus, &control->welcome, fds, n_fds);
	if (control->type != CONTROL_FAILED)
		return error_set(-EPROTO, ERROR_PROTOCOL, "ternd's first word is not a welcome");
	(void)error_set(-(int)MIN(MAX(failed->code, 1u), 4095u), ERROR_REFUSED, "%.*s",
		(int)failed->text.size, failed->text.text ? failed->text.text : "ternd refuses");
	if (failed->code == EAGAIN && control->serial)
		return HELLO_AGAIN;
	return -(int)MIN(MAX(failed->code, 1u), 4095u);
}

/* poll_welcome() - Return: false, nothing came in time, however many signals did */
static bool
poll_welcome(int fd)
{
	_cleanup_(cancel_backp) int cancel = cancel_off();
	uint64_t deadline = clock_deadline_ns(clock_now_ns(), CONNECT_TIMEOUT), now;
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int r;

	do {
		now = clock_now_ns();
		r = poll(&pollfd, 1, now < deadline ? (int)((deadline - now) / NSEC_PER_MSEC) + 1 : 0);
	} while (r < 0 && errno == EINTR);
	return r != 0; /* what else is wrong shows when it is read */
}

static int
wait_welcome(tern_bus *bus)
{
	_cleanup_(freep) uint8_t *packet = malloc(CONTROL_MAX_PACKET);
	struct daemon *daemon = bus->daemon;
	struct control control;
	int fds[CONTROL_MAX_FDS], r;
	size_t size, n_fds;

	if (!packet)
		return error_errno(-ENOMEM, "connecting");
	if (!poll_welcome(daemon->fd))
		return error_set(-ETIME, ERROR_TIMEOUT, "ternd does not answer");
	r = socket_recv(daemon->fd, packet, CONTROL_MAX_PACKET, &size, fds, CONTROL_MAX_FDS,
		&n_fds);
	if (r == SOCKET_E_TRUNCATED)
		return error_set(-EMFILE, ERROR_FAILED, "no descriptors are left for what ternd sends: "
			"close some, or raise the limit (ulimit -n)");
	if (r)
		return error_set(-ECONNRESET, ERROR_NO_BUS, "ternd hung up: is it one of another version?");
	r = control_decode(&control, packet, size, NULL);
	if (r == 0)
		r = take_first(bus, &control, fds, n_fds);
	else
		r = error_set(-EPROTO, ERROR_PROTOCOL, "ternd's answer is not understood: %s",
			control_strerror(r));
	for (size_t i = 0; i < n_fds; i++)
		(void)fd_close(fds[i]); /* mapped, or not wanted */
	return r;
}

int
daemon_hello(tern_bus *bus, bool claim)
{
	struct control hello = {
		.type = CONTROL_HELLO,
		.serial = HELLO_SERIAL,
		.hello = {
			.major_min = CONTROL_MAJOR,
			.major_max = CONTROL_MAJOR,
			.minor = CONTROL_MINOR,
			.clock = bus_now(bus),
		},
	};
	int r;

	if (claim) {
		hello.hello.claim = bus->id;
		hello.hello.token = (struct control_bytes){bus->daemon->token, sizeof(bus->daemon->token)};
	}
	r = daemon_send(bus, &hello);
	return r == -ENOTCONN ? 0 : r; /* who refuses may hang up before it reads: its answer is there */
}

int
daemon_connect(tern_bus *bus, const char *path)
{
	int r;

	bus->daemon = calloc(1, sizeof(*bus->daemon));
	if (!bus->daemon)
		return -ENOMEM;
	bus->daemon->last_serial = HELLO_SERIAL;
	bus->daemon->fd = -1;
	for (size_t i = 0; i < N_TABLES; i++)
		bus->daemon->unmapped[i] = -1;
	r = socket_connect(path, &bus->daemon->fd);
	if (r < 0) {
		bus->daemon->fd = -1;
		return r;
	}
	bus->daemon->again_at = UINT64_MAX;
	return daemon_hello(bus, false);
}

int
daemon_join(tern_bus *bus)
{
	int r;

	while ((r = wait_welcome(bus)) == HELLO_AGAIN) { /* ternd says that a few times */
		r = daemon_hello(bus, false);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = bus_watch(bus, bus->daemon->fd, EPOLLIN | EPOLLRDHUP, &bus->control_source);
	return r;
}
