/* SPDX-License-Identifier: MIT */

/* request: what clients ask for, and what they are answered */

#include "bus/link.h"
#include "bus/name.h"
#include "bus/rule.h"
#include "daemon/hello.h"
#include "daemon/history.h"
#include "daemon/introduce.h"
#include "daemon/refusal.h"
#include "daemon/replace.h"
#include "daemon/request.h"
#include "daemon/rights.h"
#include "daemon/self.h"
#include "daemon/start.h"
#include "daemon/watch.h"
#include "wire/name.h"

/* What is answered if all goes well; begins as `done`. */
struct reply {
	struct control control;
	int fd; /* sent along; -1: none */
};

typedef int (*handler)(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal);

/* --- names --- */

static int
check_name(const struct control_text *name, struct refusal *refusal)
{
	size_t at;
	int r = name_check(name->text, name->size, &at);

	if (!r && name->size == strlen(CONTROL_INTERFACE) && memcmp(name->text, CONTROL_INTERFACE, name->size) == 0)
		return refusal_set(refusal, EINVAL, "tern.BadName", "\"%s\" is ternd itself", quote(name).text);
	if (!r)
		return 0;
	if (r == NAME_E_RESERVED)
		return refusal_set(refusal, EINVAL, "tern.BadName",
			"\"%s\" is reserved for ternd: choose a name that does not begin with tern",
			quote(name).text);
	return refusal_set(refusal, EINVAL, "tern.BadName",
		"\"%s\" is no name: it %s (byte %zu); a name has letters, digits, _ and -, and "
		"dots "
		"between them",
		quote(name).text, name_strerror(r), at);
}

static int
check_tags(const struct control_tags *tags, const char *what, struct refusal *refusal)
{
	size_t at;

	for (size_t i = 0; i < tags->n; i++) {
		int r = tag_check(tags->items[i].text, tags->items[i].size, &at);

		if (r)
			return refusal_set(refusal, EINVAL, "tern.BadTag",
				"the %s \"%s\" %s (byte %zu)", what, quote(&tags->items[i]).text,
				name_strerror(r), at);
	}
	return 0;
}

static int
refuse_taken(struct client *client, const struct control_text *text, struct refusal *refusal)
{
	struct bus_name *name = bus_find_name(&client->server->bus, text);
	struct bus_peer *owner = bus_name_owner(name)->peer;
	int r;

	r = refusal_set(refusal, EEXIST, "tern.NameTaken",
		"\"%s\" belongs to peer %llu (process %u of user %u): wait for it with QUEUE, or "
		"end "
		"that program",
		quote(text).text, (unsigned long long)owner->id, owner->pid,
		owner->uid);
	refusal->peer = owner->id;
	return r;
}

/* take_leave() - of owners who are none any more, though it was not seen yet; another one may have come up */
static void
take_leave(const struct client *client, const struct control_text *text)
{
	struct bus_name *name;

	do
		name = bus_find_name(&client->server->bus, text);
	while (name && client_yields(bus_name_owner(name)->peer->client, client));
}

static int
handle_own(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	const struct control_own *own = &request->own;
	const uint32_t flags = CONTROL_OWN_QUEUE | CONTROL_OWN_REPLACE | CONTROL_OWN_REPLACEABLE;
	int r;

	if (own->flags & ~flags)
		return refusal_set(refusal, EINVAL, "tern.BadFlags", "unknown flags: %#x",
			own->flags & ~flags);
	r = check_name(&own->name, refusal);
	if (!r)
		r = check_tags(&own->labels, "label", refusal);
	if (r)
		return r;
	take_leave(client, &own->name);
	r = tables_reserve_name(&client->server->tables);
	if (!r)
		r = bus_own(client->peer, own);
	if (r == BUS_E_TAKEN)
		return refuse_taken(client, &own->name, refusal);
	if (r == BUS_E_DENIED)
		return rights_refuse_own(client, &own->name, refusal);
	if (r == BUS_E_QUOTA)
		return refusal_set_quota(refusal, &client->server->bus);
	if (r < 0)
		return refusal_set_errno(refusal, r);
	reply->control.done.state = r == BUS_E_QUEUED ? CONTROL_QUEUED : CONTROL_OWNED;
	return 0;
}

static int
handle_disown(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	if (bus_disown(client->peer, &request->name.name) == 0)
		return 0;
	return refusal_set(refusal, ENXIO, "tern.NotOwner",
		"\"%s\" is neither owned nor waited for by this program",
		quote(&request->name.name).text);
}

static bool
is_ternd(const struct control_text *name)
{
	return name->size == 4 && name_is_reserved(name->text, name->size);
}

static int
handle_lookup(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	const struct control_text *text = &request->name.name;
	struct bus *bus = &client->server->bus;
	struct bus_name *name = bus_find_name(bus, text);
	struct bus_peer *peer;
	int r;

	reply->control.type = CONTROL_FOUND;
	if (is_ternd(text)) {
		reply->control.found = (struct control_found){CONTROL_PEER_TERND, 0};
		return 0;
	}
	r = introduce_resolve(client, text, &peer, refusal);
	if (r)
		return r;
	reply->control.found = (struct control_found){peer->id, name ? name->serial : 0};
	return 0;
}

/* --- rules --- */

static int
check_sender(const struct control_text *sender, struct refusal *refusal)
{
	uint64_t id;

	if (!sender->text || is_ternd(sender))
		return 0; /* anybody, or "tern" */
	if (!name_is_id(sender->text, sender->size))
		return check_name(sender, refusal);
	if (name_get_id(sender->text, sender->size, &id) && id != 0)
		return 0;
	return refusal_set(refusal, EINVAL, "tern.BadName",
		"the sender \"%s\" is no peer: a colon and its id are expected",
		quote(sender).text);
}

static int
check_policy(const struct control_rule_add *rule, struct refusal *refusal)
{
	if (rule->policy > CONTROL_DISCONNECT)
		return refusal_set(
			refusal, EINVAL, "tern.BadPolicy", "there is no policy %u", rule->policy);
	return 0; /* queue and rate are the publishers' to limit */
}

static int
check_rule(const struct control_rule_add *rule, struct refusal *refusal)
{
	int r;

	if (rule->rule == 0)
		return refusal_set(
			refusal, EINVAL, "tern.BadRule", "the number of a rule is not 0");
	r = check_policy(rule, refusal);
	if (!r)
		r = check_sender(&rule->sender, refusal);
	if (!r)
		r = check_tags(&rule->tags, "tag", refusal);
	if (!r && bus_rule_is_tap(&rule->tags) && (rule->tags.n > 1 || rule->sender.text))
		return refusal_set(refusal, EINVAL, "tern.BadTag",
			"a rule with the tag " CONTROL_TAG_TAP " has no other tag and no sender");
	return r;
}

/* Stored, in every table, and its present owners told; then it may be answered (edge T8). */
static int
handle_rule_add(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	struct bus_rule *rule;
	int r;

	r = check_rule(&request->rule_add, refusal);
	if (!r && bus_rule_is_tap(&request->rule_add.tags))
		r = rights_tap(client, refusal);
	if (r)
		return r;
	r = bus_rule_add(client->peer, &request->rule_add, &rule);
	if (r == BUS_E_RULE_EXISTS)
		return refusal_set(refusal, EEXIST, "tern.RuleExists",
			"this program has a rule with the number %llu already",
			(unsigned long long)request->rule_add.rule);
	if (r == BUS_E_QUOTA)
		return refusal_set_quota(refusal, &client->server->bus);
	if (r)
		return refusal_set_errno(refusal, r);
	r = tables_add_rule(&client->server->tables, rule);
	if (r) {
		(void)bus_rule_free(rule); /* always NULL */
		return refusal_set_errno(refusal, r);
	}
	bus_rule_tell(rule);
	return 0;
}

static int
handle_rule_remove(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	struct bus_rule *rule = bus_rule_find(client->peer, request->rule_remove.rule);

	if (!rule)
		return refusal_set(refusal, ENXIO, "tern.NoSuchRule",
			"this program has no rule with the number %llu",
			(unsigned long long)request->rule_remove.rule);
	tables_remove_rule(&client->server->tables, rule);
	(void)bus_rule_free(rule); /* always NULL */
	return 0;
}

/* --- links --- */

static int
handle_introduce(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	const struct control_text *name = &request->name.name;
	struct bus_peer *peer;
	int r;

	if (request->name.start && bus_resolve(&client->server->bus, name, &peer) == BUS_E_NO_SUCH_NAME)
		return start_wanted(client, name, request->serial, refusal);
	r = introduce(client, name, &reply->control.link, &reply->fd, refusal);
	if (!r)
		reply->control.type = CONTROL_INTRODUCED;
	return r;
}

static int
handle_unlink(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	bus_unlink(client->peer, request->unlink.peer, request->unlink.link);
	return 0;
}

/* --- the rest --- */

static int
handle_ping(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	return 0;
}

static void
count_users(const struct bus *bus, struct control_users *users)
{
	struct quota_user *user, *next;

	HASH_ITER (hh, bus->quota.users, user, next) {
		if (users->n == CONTROL_MAX_USERS)
			return;
		users->items[users->n++] = (struct control_user){
			.uid = user->uid,
			.peers = user->held[QUOTA_PEERS].used,
			.names = user->held[QUOTA_NAMES].used,
			.rules = user->held[QUOTA_RULES].used,
			.links = user->held[QUOTA_LINKS].used,
			.bytes = user->held[QUOTA_BYTES].used,
			.fds = user->held[QUOTA_FDS].used,
		};
	}
}

static int
handle_stats(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	struct server *server = client->server;
	struct domain_tables *own = client->peer->domain->tables;
	struct control_counts *counts = &reply->control.counts;

	reply->control.type = CONTROL_COUNTS;
	*counts = (struct control_counts){
		.peers = server->bus.counts.peers,
		.names = server->bus.counts.names,
		.rules = server->bus.counts.rules,
		.tags = own->book.tags.table.n_records,
		.links = server->bus.counts.links,
		.domains = server->bus.counts.domains,
		.table_bytes = tables_bytes(&server->tables),
	};
	count_users(&server->bus, &counts->users);
	return 0;
}

static int
handle_call(struct client *client, const struct control *request, struct reply *reply,
	struct refusal *refusal)
{
	reply->control.type = CONTROL_REPLY;
	return self_call(client, &request->call, &reply->control.reply.payload, refusal);
}

static int
handle_watch(struct client *client, const struct control *request, struct reply *reply, struct refusal *refusal)
{
	const struct control_bytes *words = &request->watch.words;
	int r = watch_words(client, words->bytes, words->size);

	if (r == BUS_E_QUOTA)
		return refusal_set_quota(refusal, &client->server->bus);
	return r ? refusal_set_errno(refusal, r) : 0;
}

static handler
find_handler(uint32_t type)
{
	switch (type) {
	case CONTROL_OWN:
		return handle_own;
	case CONTROL_DISOWN:
		return handle_disown;
	case CONTROL_RULE_ADD:
		return handle_rule_add;
	case CONTROL_RULE_REMOVE:
		return handle_rule_remove;
	case CONTROL_INTRODUCE:
		return handle_introduce;
	case CONTROL_UNLINK:
		return handle_unlink;
	case CONTROL_LOOKUP:
		return handle_lookup;
	case CONTROL_STATS:
		return handle_stats;
	case CONTROL_WATCH:
		return handle_watch;
	case CONTROL_PING:
		return handle_ping;
	case CONTROL_CALL:
		return handle_call;
	default:
		return NULL;
	}
}

static int
refuse_type(const struct control *request, struct refusal *refusal)
{
	if (request->type == CONTROL_HELLO)
		return refusal_set(refusal, EPROTO, "tern.HelloTwice", "hello was said already");
	return refusal_set(refusal, EOPNOTSUPP, "tern.UnknownRequest",
		"this ternd knows no request of the type %u (%s)", request->type,
		control_type_name(request->type));
}

static void
answer(struct client *client, const struct control *request, size_t size)
{
	struct reply reply = {
		.control = {.type = CONTROL_DONE, .serial = request->serial},
		.fd = -1,
	};
	handler handle = find_handler(request->type);
	struct refusal refusal;
	int r;

	client->server->n_requests++;
	if (request->serial == 0)
		r = refusal_set(&refusal, EINVAL, "tern.BadSerial",
			"the serial of a request is not 0: the answer could not be told from news");
	else if (!handle)
		r = refuse_type(request, &refusal);
	else
		r = handle(client, request, &reply, &refusal);
	if (r == START_E_WAITS)
		return;
	if (!r)
		history_done(client, request, client->server->in, size);
	if (r)
		refusal_send(&refusal, client, request->serial);
	else
		(void)client_send(client, &reply.control, &reply.fd, reply.fd >= 0, CLIENT_MUST);
	reply.fd = fd_close(reply.fd);
}

/* --- packets --- */

/* @error is control_decode()'s. Who does not speak the protocol at all is hung up on. */
static void
refuse_packet(struct client *client, const struct control *request, int error, const char *where)
{
	uint32_t code = error == CONTROL_E_TYPE	   ? EOPNOTSUPP
			: error == CONTROL_E_LIMIT ? E2BIG
						   : EBADMSG;
	struct refusal refusal;

	(void)refusal_set(&refusal, code,
		error == CONTROL_E_TYPE ? "tern.UnknownRequest" : "tern.BadMessage", "%s%s%s: %s",
		control_type_name(request->type), where ? ", " : "", where ? where : "",
		control_strerror(error));
	refusal_send(&refusal, client, request->serial);
	if (error == CONTROL_E_MALFORMED || !client->peer)
		client_end(client);
}

static void
refuse_stranger(struct client *client, const struct control *request)
{
	struct refusal refusal;

	(void)refusal_set(&refusal, EPROTO, "tern.NoHello", "the first packet is hello, not %s",
		control_type_name(request->type));
	refusal_send(&refusal, client, request->serial);
	client_end(client);
}

static void
refuse_fds(struct client *client, const struct control *request)
{
	struct refusal refusal;

	(void)refusal_set(&refusal, EINVAL, "tern.Descriptors",
		"ternd takes no descriptors: send them to their receiver");
	refusal_send(&refusal, client, request->serial);
}

void
request_handle(struct client *client, size_t size, bool has_fds)
{
	struct control request;
	const char *where;
	int r = control_decode(&request, client->server->in, size, &where);

	if (r)
		refuse_packet(client, &request, r, where);
	else if (has_fds)
		refuse_fds(client, &request);
	else if (client->peer)
		answer(client, &request, size);
	else if (request.type == CONTROL_HELLO)
		hello(client, &request);
	else if (request.type == CONTROL_MAKE_ROOM)
		replace_give(client, &request);
	else
		refuse_stranger(client, &request);
}

/* What cannot be done any more, since limits are lower now, is missing; its program finds out when it asks. */
int
request_again(struct client *client, const void *packet, size_t size)
{
	struct control request;
	struct refusal refusal;
	struct reply reply = {.fd = -1};
	handler handle;

	if (control_decode(&request, packet, size, NULL))
		return 0;
	handle = find_handler(request.type);
	if (!handle || !history_is_kept(request.type))
		return 0;
	return handle(client, &request, &reply, &refusal) == -ENOMEM ? -ENOMEM : 0;
}

void
request_truncated(struct client *client)
{
	struct refusal refusal;

	(void)refusal_set(&refusal, EMSGSIZE, "tern.TooLarge", "a packet has %d bytes at most",
		CONTROL_MAX_PACKET);
	refusal_send(&refusal, client, 0);
	client_end(client);
}
