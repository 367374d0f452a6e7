/* SPDX-License-Identifier: MIT */

/* history: what made the bus what it is, kept for the ternd after this one */

#include <stdio.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/minor.h"
#include "bus/name.h"
#include "bus/rule.h"
#include "daemon/hello.h"
#include "daemon/history.h"
#include "daemon/request.h"
#include "daemon/start.h"
#include "io/process.h"
#include "wire/name.h"

#ifdef TERN_TEST
#define SETTLE_NS (500 * NSEC_PER_MSEC)
#define AWAY_NS   (4 * NSEC_PER_SEC) /* tests come back before that, however slow the machine is */
#else
#define SETTLE_NS (2 * NSEC_PER_SEC)
#define AWAY_NS   (30 * NSEC_PER_SEC)
#endif

enum history_kind {
	HISTORY_JOINED = 1, /* struct joined */
	HISTORY_DONE,	    /* a control packet */
	HISTORY_LEFT,	    /* nothing */
	HISTORY_STARTING,   /* struct starting, peer 0 */
	HISTORY_LATER = 77, /* of a later version */
};

struct joined {
	struct bus_identity identity;
	uint8_t token[CONTROL_TOKEN_SIZE];
	_Atomic(uint32_t) is_behind; /* something waited for it, and was not written down */
	uint32_t zero;
	uint64_t later[MINOR_AHEAD]; /* what else there may be */
};

enum {
	JOINED_LEAST = offsetof(struct joined, later), /* of minor version 0 */
};

/* A process that was started for a name. */
struct starting {
	uint64_t process;     /* as in struct bus_identity */
	uint64_t deadline_ns; /* until when it is to own it */
	uint32_t pid;
	uint32_t has_owned;
	uint32_t name_size;
	char name[CONTROL_MAX_TEXT];
};

/* --- keeping --- */

/* Half a history would be a false one. */
static void
give_up(struct server *server)
{
	fprintf(stderr, "ternd: the journal cannot be written: when ternd ends, its clients begin anew\n");
	journal_remove(&server->journal);
}

static void
keep(struct server *server, uint32_t kind, uint64_t peer, const void *bytes, size_t size, size_t *ret_at)
{
	if (server->is_again)
		return;
	if (journal_append(&server->journal, kind, peer, bytes, size, ret_at) < 0)
		give_up(server);
}

static int
keep_control(struct journal *to, uint64_t peer, const struct control *control)
{
	uint8_t packet[CONTROL_MAX_TEXT + CONTROL_MAX_TAGS_SIZE + 512];
	size_t size;
	int r = control_encode(control, packet, sizeof(packet), &size);

	return r ? r : journal_append(to, HISTORY_DONE, peer, packet, size, NULL);
}

static int
keep_rule(struct journal *to, const struct bus_rule *rule)
{
	struct control control = {.type = CONTROL_RULE_ADD, .serial = 1};
	struct bus_rule_id id;

	bus_rule_describe(rule, &id, &control.rule_add);
	return keep_control(to, rule->peer->id, &control);
}

static int
keep_owner(struct journal *to, const struct bus_owner *owner)
{
	struct control control = {
		.type = CONTROL_OWN,
		.serial = 1,
		.own.name = {owner->name->text, owner->name->size},
		.own.flags = owner->flags & ~(uint32_t)CONTROL_OWN_REPLACE, /* it has its place */
	};

	control.own.labels.n = owner->n_labels;
	for (size_t i = 0; i < owner->n_labels; i++)
		control.own.labels.items[i] = owner->labels[i];
	return keep_control(to, owner->peer->id, &control);
}

static int
keep_client(struct journal *to, const struct journal *from, struct client *client)
{
	struct bus_rule *rule;
	const void *joined;
	size_t size;
	int r;

	joined = journal_at(from, client->kept_at, &size); /* as long as it was written, by whatever version */
	r = journal_append(to, HISTORY_JOINED, client->peer->id, joined, size, &client->kept_at);
	for (rule = client->peer->rules; rule && !r; rule = rule->peer_next)
		r = keep_rule(to, rule);
	return r;
}

static void
describe_start(const struct start *start, struct starting *ret)
{
	*ret = (struct starting){
		.pid = start->pid,
		.process = process_id(start->pid, start->process.fd),
		.deadline_ns = start->deadline_ns,
		.has_owned = start->phase == START_RUNNING,
		.name_size = (uint32_t)start->size,
	};
	memcpy(ret->name, start->name, start->size);
}

static int
keep_start(struct journal *to, const struct start *start)
{
	struct starting starting;

	if (start->phase != START_STARTING && start->phase != START_RUNNING)
		return 0;
	describe_start(start, &starting);
	return journal_append(to, HISTORY_STARTING, 0, &starting, offsetof(struct starting, name) + start->size, NULL);
}

static int
keep_all(struct server *server, struct journal *to)
{
	struct client *lists[] = {server->clients, server->away}, *client;
	struct start *start, *next_start;
	struct bus_name *name, *next;
	struct bus_owner *owner;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lists) && !r; i++)
		for (client = lists[i]; client && !r; client = client->next)
			r = keep_client(to, &server->journal, client);
	HASH_ITER (hh, server->bus.names, name, next)
		for (owner = name->queue; owner && !r; owner = owner->next)
			r = keep_owner(to, owner);
	HASH_ITER (hh, server->starts, start, next_start)
		r = r ? r : keep_start(to, start);
	return r;
}

/* What was undone since is not kept any longer. */
static void
write_anew(struct server *server)
{
	struct journal anew;

	if (journal_begin_anew(&server->journal, &anew) < 0)
		return; /* the old one goes on growing */
	if (keep_all(server, &anew) < 0 || journal_end_anew(&server->journal, &anew) < 0) {
		journal_abandon(&anew);
		give_up(server); /* the clients have their places in the new one already */
	}
}

void
history_joined(struct client *client, const struct bus_identity *identity)
{
	struct joined joined = {
		.identity = *identity,
	};

	memcpy(joined.token, client->token, sizeof(joined.token));
	keep(client->server, HISTORY_JOINED, client->peer->id, &joined, sizeof(joined), &client->kept_at);
	if (MINOR_AHEAD)
		keep(client->server, HISTORY_LATER, client->peer->id, "later", 5, NULL);
}

void
history_left(const struct client *client)
{
	struct server *server = client->server;

	if (client->kept_at == 0)
		return;
	keep(server, HISTORY_LEFT, client->peer->id, NULL, 0, NULL);
	if (!server->is_again && journal_is_due(&server->journal))
		write_anew(server); /* those that came and went */
}

void
history_starting(struct server *server, const struct start *start)
{
	struct starting starting;

	describe_start(start, &starting);
	keep(server, HISTORY_STARTING, 0, &starting, offsetof(struct starting, name) + start->size, NULL);
}

bool
history_is_kept(uint32_t type)
{
	switch (type) {
	case CONTROL_OWN:
	case CONTROL_DISOWN:
	case CONTROL_RULE_ADD:
	case CONTROL_RULE_REMOVE:
		return true;
	default:
		return false;
	}
}

void
history_done(const struct client *client, const struct control *request, const void *packet, size_t size)
{
	if (!history_is_kept(request->type))
		return;
	keep(client->server, HISTORY_DONE, client->peer->id, packet, size, NULL);
	if (journal_is_due(&client->server->journal))
		write_anew(client->server);
}

void
history_behind(const struct client *client, bool is_behind)
{
	struct journal *journal = &client->server->journal;
	struct joined *joined;

	if (client->kept_at == 0 || !journal->map)
		return;
	joined = journal_at(journal, client->kept_at, NULL);
	store_rlx(&joined->is_behind, is_behind);
}

/* --- doing it again --- */

static void
again_joined(struct server *server, const struct journal_entry *entry)
{
	const struct joined *joined = entry->bytes;
	struct client *client;
	int pidfd;

	if (entry->size < JOINED_LEAST || bus_find_peer(&server->bus, entry->peer) ||
		joined->identity.label[BUS_LABEL_SIZE - 1] != '\0')
		return;
	if (process_open(joined->identity.pid, joined->identity.process, &pidfd) < 0)
		pidfd = -1; /* gone: that is found out when all is as it was; or not known, and waited for as long as all are */
	if (client_new_away(server, joined->identity.uid, pidfd, &client)) {
		pidfd = fd_close(pidfd);
		return;
	}
	memcpy(client->token, joined->token, sizeof(client->token));
	client->kept_at = entry->at;
	client->lost = load_rlx(&joined->is_behind);
	if (hello_join(client, &joined->identity, entry->peer))
		client_end(client);
}

/* One that has ended is none any more; with what, nobody knows then. */
static void
again_starting(struct server *server, const struct journal_entry *entry)
{
	const struct starting *starting = entry->bytes;
	struct start_known known = {.pidfd = -1};
	struct control_text name;

	if (entry->size < offsetof(struct starting, name) ||
		starting->name_size > entry->size - offsetof(struct starting, name))
		return;
	name = (struct control_text){starting->name, starting->name_size};
	known.pid = starting->pid;
	known.has_owned = starting->has_owned;
	known.deadline_ns = starting->deadline_ns;
	if (name_check(name.text, name.size, NULL) || process_open(known.pid, starting->process, &known.pidfd) < 0)
		return;
	if (start_again(server, &name, &known))
		known.pidfd = fd_close(known.pidfd);
}

static void
again(struct server *server, const struct journal_entry *entry)
{
	struct bus_peer *peer = bus_find_peer(&server->bus, entry->peer);

	switch (entry->kind) {
	case HISTORY_JOINED:
		again_joined(server, entry);
		break;
	case HISTORY_DONE:
		if (peer && request_again(peer->client, entry->bytes, entry->size) < 0)
			client_end(peer->client); /* it comes as a stranger, and asks for all of it again */
		break;
	case HISTORY_LEFT:
		if (peer)
			(void)client_free(peer->client); /* always NULL */
		break;
	case HISTORY_STARTING:
		again_starting(server, entry);
		break;
	default:
		break; /* of a later version */
	}
}

/* Who is gone leaves now, and others hear of it. */
static void
end_the_dead(struct server *server)
{
	struct client *client, *next;
	int pidfd = -1;

	DL_FOREACH_SAFE (server->away, client, next) {
		const struct joined *joined = journal_at(&server->journal, client->kept_at, NULL);

		if (client->source.fd >= 0)
			continue;
		if (process_open(joined->identity.pid, joined->identity.process, &pidfd) == -ESRCH)
			client_end(client);
		pidfd = fd_close(pidfd);
	}
}

void
history_open(struct server *server)
{
	char path[PATH_MAX];
	struct journal_entry entry;
	size_t at = 0;
	uint64_t now;

	(void)snprintf(path, sizeof(path), "%s.journal", server->options->path); /* fits */
	if (journal_open(&server->journal, path) < 0) {
		give_up(server);
		return;
	}
	server->is_again = true;
	while (journal_next(&server->journal, &at, &entry))
		again(server, &entry);
	server->is_again = false;
	end_the_dead(server);
	write_anew(server);
	if (server->n_away == 0)
		return;
	now = clock_now_ns();
	server->settle_ns = now + SETTLE_NS;
	server->away_ns = now + AWAY_NS;
	server_rearm(server);
}

void
history_close(struct server *server)
{
	if (server->is_last)
		journal_remove(&server->journal);
	else
		journal_close(&server->journal);
}
