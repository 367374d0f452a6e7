/* SPDX-License-Identifier: MIT */

/* rights: the policy of ternd.conf and those it is about; see the header */

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "bus/access.h"
#include "bus/name.h"
#include "daemon/allowance.h"
#include "daemon/rights.h"
#include "io/identity.h"

enum {
	MAX_SAYINGS = 10, /* a second, on standard error */
};

void
rights_say(struct server *server, const char *format, ...)
{
	uint64_t second = clock_now_ns() / NSEC_PER_SEC;
	va_list ap;

	if (second != server->said_second) {
		if (server->n_said > MAX_SAYINGS)
			fprintf(stderr, "ternd: and %u more like that\n", server->n_said - MAX_SAYINGS);
		server->said_second = second;
		server->n_said = 0;
	}
	if (++server->n_said > MAX_SAYINGS)
		return;
	fputs("ternd: ", stderr);
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap); /* nobody to be told */
	va_end(ap);
	fputc('\n', stderr);
}

/* --- who is asked about --- */

/* Groups that have no number here look all alike: nobody is in them. */
static size_t
drop_overflow(const struct server *server, uint32_t *groups, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (groups[i] != server->overflow_gid)
			groups[kept++] = groups[i];
	return kept;
}

uint64_t
rights_groups(const struct server *server, int fd)
{
	_cleanup_(freep) uint32_t *groups = NULL;
	size_t n;

	if (server->config.policy->n_groups == 0 || socket_groups(fd, &groups, &n))
		return 0; /* what is not known gives no right */
	n = drop_overflow(server, groups, n);
	return policy_groups(server->config.policy, groups, n);
}

int
rights_connect(const struct server *server, uint32_t uid, uint64_t groups, struct refusal *refusal)
{
	const struct options *options = server->options;
	const struct policy_subject who = {uid, groups};
	bool allowed = uid == geteuid() || policy_list_allows(&server->config.policy->connect, &who, POLICY_NO_ID);

	for (size_t i = 0; i < options->n_users; i++)
		allowed |= options->users[i] == uid;
	if (allowed && uid != server->overflow_uid)
		return 0;
	return refusal_set(refusal, EPERM, "tern.NotAllowed",
		"not allowed: user %u; this ternd serves user %u: start it with --allow-uid %u, or write "
		"connect = user:%u below [policy] in ternd.conf, to let this user in",
		uid, (unsigned int)geteuid(), uid, uid);
}

/* --- refusals --- */

/* The line that decided, for people. */
static const char *
describe(const struct server *server, const struct policy_entry *entry, char *to, size_t size)
{
	if (entry->line == 0)
		(void)snprintf(to, size, "ternd.conf(5) has no section for it"); /* fits */
	else
		(void)snprintf(to, size, "[name %s], line %u of %s, does not say so", entry->text, entry->line,
			server->options->config); /* cut if it must be */
	return to;
}

int
rights_refuse_own(struct client *client, const struct control_text *name, struct refusal *refusal)
{
	struct server *server = client->server;
	const struct bus_peer *peer = client->peer;
	char why[400];

	(void)describe(server, policy_find(server->config.policy, name->text, name->size), why, sizeof(why));
	rights_say(server, "user %u (process %u) may not own %s", peer->uid, peer->pid, quote(name).text);
	return refusal_set(refusal, EPERM, "tern.NotAllowed", "user %u may not own \"%s\": %s; own = user:%u would",
		peer->uid, quote(name).text, why, peer->uid);
}

int
rights_refuse_link(struct client *client, const struct bus_peer *target, const struct control_text *name,
	struct refusal *refusal)
{
	struct server *server = client->server;
	const struct bus_peer *peer = client->peer;
	bool is_id = name->size > 0 && name->text[0] == ':';
	char why[400];

	(void)describe(server, policy_find(server->config.policy, is_id ? NULL : name->text, name->size), why,
		sizeof(why));
	rights_say(server, "user %u (process %u) may not talk to %s of user %u (process %u)", peer->uid, peer->pid,
		quote(name).text, target->uid, target->pid);
	return refusal_set(refusal, EPERM, "tern.NotAllowed",
		"user %u may not talk to \"%s\" of user %u: %s; call = user:%u would", peer->uid, quote(name).text,
		target->uid, why, peer->uid);
}

int
rights_tap(struct client *client, struct refusal *refusal)
{
	struct server *server = client->server;
	const struct bus_peer *peer = client->peer;
	char why[400];

	if (peer->is_guessed || access_tap(peer, peer->uid))
		return 0;
	(void)describe(server, access_no_tap(peer, peer->uid), why, sizeof(why));
	rights_say(server, "user %u (process %u) may not tap", peer->uid, peer->pid);
	return refusal_set(refusal, EPERM, "tern.NotAllowed",
		"user %u may not have copies of calls: every section has to allow it, and %s; tap = user:%u would",
		peer->uid, why, peer->uid);
}

/* --- telling --- */

void
rights_changed(void *user, const struct bus_link *link, unsigned int whose, const struct control_text *name,
	bool is_denied)
{
	struct client *client = link->peers[!whose]->client;
	struct control control = {
		.type = CONTROL_RIGHTS,
		.rights = {
			.peer = link->peers[whose]->id,
			.link = link->number,
			.withheld = link->withheld[whose],
			.denied = is_denied,
		},
	};

	if (name)
		control.rights.name = *name;
	(void)client_send(client, &control, NULL, 0, CLIENT_MUST); /* who is gone is ended */
}

void
rights_forbidden(void *user, const struct bus_link *link)
{
	for (size_t i = 0; i < 2; i++) {
		struct control control = {
			.type = CONTROL_RIGHTS,
			.rights = {.peer = link->peers[!i]->id, .link = link->number, .over = true},
		};

		(void)client_send(link->peers[i]->client, &control, NULL, 0, CLIENT_MUST); /* who is gone is ended */
	}
	rights_say(user, "the link of user %u (process %u) and user %u (process %u) is not allowed any more",
		link->peers[0]->uid, link->peers[0]->pid, link->peers[1]->uid, link->peers[1]->pid);
}

/* --- reading the file again --- */

static uint64_t
groups_of(struct bus_peer *peer)
{
	struct client *client = peer->client;

	if (client->place != CLIENT_AWAY) /* else they are known when it is back */
		client->groups = rights_groups(client->server, client->source.fd);
	return client->groups;
}

/* Who may not be here any more. */
static void
end_strangers(struct server *server)
{
	struct client *lists[] = {server->clients, server->half_open}, *client, *next;
	struct refusal refusal;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		DL_FOREACH_SAFE (lists[i], client, next) {
			if (rights_connect(server, client->uid, client->groups, &refusal) == 0)
				continue;
			refusal_send(&refusal, client, 0);
			rights_say(server, "user %u may not connect any more", client->uid);
			client_end(client);
		}
}

/* What was not allowed may be: it is worth asking again. */
static void
tell_all(struct server *server)
{
	struct control control = {.type = CONTROL_RIGHTS};
	struct client *client, *next;

	DL_FOREACH_SAFE (server->clients, client, next)
		(void)client_send(client, &control, NULL, 0, CLIENT_MUST); /* who is gone is ended */
}

int
rights_reload(struct server *server, struct config_error *ret_error)
{
	const struct options *options = server->options;
	struct config config, old = server->config;
	struct client *client;
	int r;

	options_find_config(server->options);
	r = config_load(&config, options->config, options->is_system, ret_error);
	if (r) {
		fprintf(stderr, "ternd: %s; all stays as it was\n", ret_error->text);
		return r;
	}
	server->config = config;
	allowance_apply(server);
	DL_FOREACH (server->half_open, client)
		client->groups = rights_groups(server, client->source.fd);
	access_apply(&server->bus, config.policy, groups_of);
	tables_judge(&server->tables, NULL);
	end_strangers(server);
	tell_all(server);
	config_deinit(&old);
	fprintf(stderr, "ternd: %s: read again\n", options->config ? options->config : "no file");
	return 0;
}
