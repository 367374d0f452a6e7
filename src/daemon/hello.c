/* SPDX-License-Identifier: MIT */

/* hello: how a connection becomes a peer of the bus */

#include <sys/random.h>

#include "base/clock.h"
#include "daemon/hello.h"
#include "daemon/history.h"
#include "daemon/introduce.h"
#include "daemon/refusal.h"
#include "daemon/rights.h"
#include "io/identity.h"
#include "io/process.h"
#include "io/socket.h"

#define MAX_CLOCK_NS NSEC_PER_SEC	 /* that clocks may differ */
#define MAX_DELAY_NS (30 * NSEC_PER_SEC) /* that a hello may have waited for us */

enum {
	MAX_HELLOS = 3,
};

static const enum control_table_kind kinds[] = {
	CONTROL_TABLE_PEERS,
	CONTROL_TABLE_NAMES,
	CONTROL_TABLE_RULES,
	CONTROL_TABLE_TAGS,
	CONTROL_TABLE_VERSIONS,
};

static int
check_version(const struct control_hello *hello, struct refusal *refusal)
{
	if (hello->major_min <= CONTROL_MAJOR && hello->major_max >= CONTROL_MAJOR)
		return 0;
	return refusal_set(refusal, EPROTO, "tern.Version",
		"ternd speaks version %d of the protocol, the program %u to %u: update %s",
		CONTROL_MAJOR, hello->major_min, hello->major_max,
		hello->major_max < CONTROL_MAJOR ? "the program" : "ternd");
}

/*
 * A hello that seems late may have waited, for a ternd that was stopped or had no processor: it
 * is asked for again (EAGAIN), and a clock that is wrong is as wrong the next time.
 */
static int
check_clock(struct client *client, const struct control_hello *hello, struct refusal *refusal)
{
	uint64_t now = server_clock(client->server);
	uint64_t late = now > hello->clock ? now - hello->clock : 0;
	uint64_t early = now < hello->clock ? hello->clock - now : 0;
	bool again = !early && late <= MAX_DELAY_NS && ++client->n_hellos < MAX_HELLOS;

	if (late <= MAX_CLOCK_NS && early <= MAX_CLOCK_NS)
		return 0;
	return refusal_set(refusal, again ? EAGAIN : EPROTO, "tern.Clock",
		"the program's clock is %llu ms %s ternd's: is it in a time namespace, and its "
		"offset "
		"not taken off?",
		(unsigned long long)((late + early) / NSEC_PER_MSEC), late ? "behind" : "ahead of");
}

/*
 * Rights are those of who connected. So it is who has to speak, as far as can be seen: not a child, nor another one
 * that has the socket now, nor one that was given the number of who connected.
 */
static int
check_sender(const struct client *client, struct refusal *refusal)
{
	const struct bus_identity *identity = client->identity;
	int pidfd = -1, r;

	if (client->sender == 0 || identity->pid == 0)
		return 0;
	if (client->sender == identity->pid) {
		r = process_open(identity->pid, identity->process, &pidfd);
		pidfd = fd_close(pidfd);
		return r != -ESRCH ? 0
				   : refusal_set(refusal, EPERM, "tern.NotYours",
					     "process %u, which made this connection, has ended", identity->pid);
	}
	rights_say(client->server, "process %u says hello on a connection of user %u that process %u made", client->sender,
		identity->uid, identity->pid);
	return refusal_set(refusal, EPERM, "tern.NotYours",
		"process %u made this connection, and process %u says hello: each has to connect for itself",
		identity->pid, client->sender);
}

static int
refuse_join(struct client *client, int error, struct refusal *refusal)
{
	if (error == BUS_E_QUOTA)
		return refusal_set_quota(refusal, &client->server->bus);
	return refusal_set_errno(refusal, error);
}

int
hello_join(struct client *client, const struct bus_identity *identity, uint64_t id)
{
	struct server *server = client->server;
	int r;

	r = id ? bus_connect_again(&server->bus, identity, id, &client->peer)
	       : bus_connect(&server->bus, identity, &client->peer);
	if (r)
		return r;
	client->peer->client = client;
	client->peer->groups = client->groups;
	client->peer->is_guessed = client->place == CLIENT_AWAY;
	if (!client->peer->domain->tables) {
		r = tables_add_domain(&server->tables, client->peer->domain, client->user);
		if (r)
			return r;
	}
	return tables_add_peer(&server->tables, client->peer, &client->slot);
}

static int
join(struct client *client, struct refusal *refusal)
{
	int r = hello_join(client, client->identity, 0);

	if (!r && getrandom(client->token, sizeof(client->token), 0) != (ssize_t)sizeof(client->token))
		r = -EIO;
	if (r)
		return refuse_join(client, r, refusal);
	history_joined(client, client->identity);
	return 0;
}

/*
 * Who knows the token of one who is away, and is of the same process, is that one. Who is not
 * becomes a new peer, and sees that by its id.
 */
static struct client *
find_claimed(const struct client *client, const struct control_hello *hello)
{
	struct bus_peer *peer = bus_find_peer(&client->server->bus, hello->claim);
	struct client *away = peer ? peer->client : NULL;
	uint8_t differs = 0;

	if (!away || away->place != CLIENT_AWAY || hello->token.size != sizeof(away->token) ||
		peer->uid != client->identity->uid || peer->pid != client->identity->pid ||
		(peer->process && client->identity->process && peer->process != client->identity->process))
		return NULL;
	for (size_t i = 0; i < sizeof(away->token); i++)
		differs |= away->token[i] ^ hello->token.bytes[i]; /* in a time that tells nothing */
	return differs ? NULL : away;
}

/* Returns how many descriptors go along: the tables', borrowed. */
static size_t
fill_welcome(struct client *client, struct control_welcome *welcome, int *fds)
{
	struct server *server = client->server;

	*welcome = (struct control_welcome){
		.major = CONTROL_MAJOR,
		.minor = CONTROL_MINOR,
		.instance = server->bus.instance,
		.peer = client->peer->id,
		.clock = server_clock(server),
		.slot = client->slot,
		.domain = client->peer->domain->number,
		.token = {client->token, sizeof(client->token)},
		.tables.n = ARRAY_SIZE(kinds),
	};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		welcome->tables.items[i] = kinds[i];
		fds[i] = tables_fd(&server->tables, client->peer->domain, kinds[i]);
	}
	if (MINOR_AHEAD) { /* a kind of table that there is not yet */
		welcome->tables.items[welcome->tables.n++] = CONTROL_MAX_TABLES;
		fds[ARRAY_SIZE(kinds)] = fds[0];
	}
	return welcome->tables.n;
}

/* What this version does not know, unasked. */
static void
say_later(const struct client *client)
{
	static const char packet[] = "\xa2\x64type\x18\x63\x66serial"; /* {"type": 99, "serial": 0} */
	struct iovec iov = {(void *)packet, sizeof(packet)};

	(void)socket_send(client->source.fd, &iov, 1, NULL, 0); /* where there is room */
}

/* @who: the client, or who is away whose place it takes */
static void
send_welcome(struct client *client, struct client *who, const struct control *request)
{
	struct control answer = {.type = CONTROL_WELCOME, .serial = request->serial};
	struct control_welcome *welcome = &answer.welcome;
	struct refusal refusal;
	int fds[CONTROL_MAX_FDS], link = -1;
	size_t n_fds;

	n_fds = fill_welcome(who, welcome, fds);
	if (request->hello.introduce.text && who == client) {
		if (introduce(client, &request->hello.introduce, &welcome->link, &link, &refusal)) {
			welcome->introduced = CONTROL_NOT_LINKED;
			refusal_fill(&refusal, &welcome->failed);
		} else {
			welcome->introduced = CONTROL_LINKED;
			fds[n_fds++] = link;
		}
	}
	(void)client_send(client, &answer, fds, n_fds, CLIENT_MUST); /* who is gone is ended */
	link = fd_close(link);
	if (who != client)
		client_return(client, who);
	(void)socket_tell_senders(client->source.fd, false); /* it costs, and nobody asks any more */
	client_welcomed(client);
	if (MINOR_AHEAD)
		say_later(client);
}

void
hello(struct client *client, const struct control *request)
{
	struct client *who = client;
	struct refusal refusal;
	bool again = false;
	int r;

	r = check_sender(client, &refusal);
	if (!r)
		r = check_version(&request->hello, &refusal);
	if (!r) {
		r = check_clock(client, &request->hello, &refusal);
		again = r == -EAGAIN;
	}
	if (!r && request->hello.claim)
		who = find_claimed(client, &request->hello);
	if (!r && (!who || who == client)) {
		who = client;
		r = join(client, &refusal);
	}
	if (!r) {
		send_welcome(client, who, request);
		return;
	}
	refusal_send(&refusal, client, request->serial);
	if (!again)
		client_end(client);
}
