/* SPDX-License-Identifier: MIT */

/* self: ternd as a service; see self.h */

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/name.h"
#include "bus/rule.h"
#include "daemon/rights.h"
#include "daemon/self-services.h"
#include "daemon/self.h"
#include "tern/cbor.h"
#include "wire/utf8.h"

enum {
	PAGE_PEERS = 128,
	PAGE_NAMES = 128,
	PAGE_USERS = 128,
	PAGE_ROOM = CONTROL_MAX_REPLY - 1024, /* for the items of a page */
	PAGE_QUEUE = 64,		      /* of those in line for a name */
	PEER_ROOM = 320,		      /* that a peer takes, its label whole */
};

/* A call in hand. */
struct self {
	struct client *client;
	struct server *server;
	struct bus *bus;
	struct tern_cbor_writer w;
	uint64_t after; /* where a page begins */
	struct refusal *refusal;
	int r; /* negative: it is refused */
};

static void
put_text(struct tern_cbor_writer *w, const char *key, const char *text)
{
	size_t size = strlen(text);

	tern_cbor_put_string(w, key);
	tern_cbor_put_text(w, utf8_is_valid(text, size) ? text : "?", utf8_is_valid(text, size) ? size : 1);
}

static void
put_uint(struct tern_cbor_writer *w, const char *key, uint64_t value)
{
	tern_cbor_put_string(w, key);
	tern_cbor_put_uint(w, value);
}

/* put_next() - what the next page begins after, unless this is the last */
static void
put_next(struct tern_cbor_writer *w, bool has_more, uint64_t next)
{
	if (has_more)
		put_uint(w, "next", next);
}

/* may_see() - how much this user, or a program of his, holds */
static bool
may_see(const struct self *self, uint32_t uid)
{
	uint32_t asker = self->client->uid;

	return asker == uid || asker == 0 || asker == geteuid();
}

/* --- the bus in numbers --- */

static void
put_table(struct tern_cbor_writer *w, const char *name, const struct table_writer *table)
{
	tern_cbor_put_map(w, 3);
	put_text(w, "name", name);
	put_uint(w, "records", table->n_records);
	put_uint(w, "bytes", table_bytes(table));
}

static void
put_tables(struct self *self)
{
	const struct domain_tables *own = self->client->peer->domain->tables;
	const struct tables *tables = &self->server->tables;
	struct tern_cbor_writer *w = &self->w;

	tern_cbor_put_string(w, "tables");
	tern_cbor_put_array(w, 4);
	put_table(w, "peers", &tables->peers.table);
	put_table(w, "names", &tables->names.table);
	put_table(w, "rules", &own->book.rules.table);
	put_table(w, "tags", &own->book.tags.table);
}

static void
answer_status(struct self *self)
{
	const struct bus_counts *counts = &self->bus->counts;
	struct server *server = self->server;
	struct tern_cbor_writer *w = &self->w;
	char protocol[16];

	(void)snprintf(protocol, sizeof(protocol), "%d.%d", CONTROL_MAJOR, CONTROL_MINOR); /* fits */
	tern_cbor_put_map(w, 15);
	put_text(w, "version", TERN_VERSION);
	put_text(w, "protocol", protocol);
	put_uint(w, "instance", self->bus->instance);
	put_uint(w, "pid", (uint64_t)getpid());
	put_uint(w, "uid", geteuid());
	put_text(w, "address", server->options->address);
	put_uint(w, "uptime", clock_now_ns() - server->begun_ns);
	put_uint(w, "requests", server->n_requests);
	put_uint(w, "peers", counts->peers);
	put_uint(w, "names", counts->names);
	put_uint(w, "rules", counts->rules);
	put_uint(w, "links", counts->links);
	put_uint(w, "domains", counts->domains);
	put_uint(w, "table_bytes", tables_bytes(&server->tables));
	put_tables(self);
}

/* --- peers --- */

static void
put_peer(struct self *self, const struct bus_peer *peer)
{
	const char *label = peer->domain->key.label;
	const struct client *client = peer->client;
	bool whole = may_see(self, peer->uid);
	struct tern_cbor_writer *w = &self->w;

	tern_cbor_put_map(w, 6 + (*label != '\0') + (whole ? 4 : 0));
	put_uint(w, "id", peer->id);
	put_uint(w, "uid", peer->uid);
	put_uint(w, "gid", peer->gid);
	put_uint(w, "pid", peer->pid);
	if (*label)
		put_text(w, "label", label);
	put_uint(w, "domain", peer->domain->number);
	put_uint(w, "names", peer->n_owners);
	if (!whole)
		return;
	put_uint(w, "rules", peer->n_rules);
	put_uint(w, "links", peer->n_links);
	put_uint(w, "waiting", client->waiting);
	put_uint(w, "lost", client->lost);
}

static void
answer_peers(struct self *self)
{
	const struct bus_peer *page[PAGE_PEERS];
	struct bus_peer *peer, *next;
	size_t n = 0;
	bool has_more = false;

	static_assert(PAGE_PEERS * PEER_ROOM <= PAGE_ROOM, "a page fits");
	HASH_ITER (hh, self->bus->peers, peer, next) { /* in the order they came: ids grow */
		if (peer->id <= self->after)
			continue;
		has_more = n == PAGE_PEERS;
		if (has_more)
			break;
		page[n++] = peer;
	}
	tern_cbor_put_map(&self->w, 1 + has_more);
	tern_cbor_put_string(&self->w, "peers");
	tern_cbor_put_array(&self->w, n);
	for (size_t i = 0; i < n; i++)
		put_peer(self, page[i]);
	put_next(&self->w, has_more, n ? page[n - 1]->id : 0);
}

/* --- names --- */

/* name_room() - at most, what a name takes of a page */
static size_t
name_room(const struct bus_name *name)
{
	const struct bus_owner *owner = name->queue;
	size_t room = 64 + name->size + (size_t)PAGE_QUEUE * 9;

	for (size_t i = 0; i < owner->n_labels; i++)
		room += owner->labels[i].size + 3;
	return room;
}

static void
put_queue(struct tern_cbor_writer *w, const struct bus_owner *first)
{
	uint64_t ids[PAGE_QUEUE];
	size_t n = 0;

	for (const struct bus_owner *owner = first->next; owner && n < PAGE_QUEUE; owner = owner->next)
		ids[n++] = owner->peer->id;
	tern_cbor_put_string(w, "queue");
	tern_cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		tern_cbor_put_uint(w, ids[i]);
}

static void
put_name(struct tern_cbor_writer *w, const struct bus_name *name)
{
	const struct bus_owner *owner = name->queue;

	tern_cbor_put_map(w, 4);
	tern_cbor_put_string(w, "name");
	tern_cbor_put_text(w, name->text, name->size);
	put_uint(w, "owner", owner->peer->id);
	put_queue(w, owner);
	tern_cbor_put_string(w, "labels");
	tern_cbor_put_array(w, owner->n_labels);
	for (size_t i = 0; i < owner->n_labels; i++)
		tern_cbor_put_text(w, owner->labels[i].text, owner->labels[i].size);
}

static void
answer_names(struct self *self)
{
	const struct bus_name *page[PAGE_NAMES];
	struct bus_name *name, *next;
	size_t n = 0, room = 0;
	bool has_more = false;

	HASH_ITER (hh, self->bus->names, name, next) { /* in the order of their numbers */
		if (name->number <= self->after)
			continue;
		room += name_room(name);
		has_more = n == PAGE_NAMES || room > PAGE_ROOM;
		if (has_more)
			break;
		page[n++] = name;
	}
	tern_cbor_put_map(&self->w, 1 + has_more);
	tern_cbor_put_string(&self->w, "names");
	tern_cbor_put_array(&self->w, n);
	for (size_t i = 0; i < n; i++)
		put_name(&self->w, page[i]);
	put_next(&self->w, has_more, n ? page[n - 1]->number : 0);
}

/* --- limits --- */

static void
put_amounts(struct tern_cbor_writer *w, const char *key, const uint64_t *amounts)
{
	static const char *const keys[N_QUOTA] = {
		[QUOTA_PEERS] = "peers",
		[QUOTA_NAMES] = "names",
		[QUOTA_RULES] = "rules",
		[QUOTA_LINKS] = "links",
		[QUOTA_BYTES] = "bytes",
		[QUOTA_FDS] = "fds",
		[QUOTA_HALF_OPEN] = "half_open",
		[QUOTA_STARTS] = "starts",
	};

	tern_cbor_put_string(w, key);
	tern_cbor_put_map(w, N_QUOTA);
	for (enum quota_kind kind = 0; kind < N_QUOTA; kind++)
		put_uint(w, keys[kind], amounts[kind]);
}

/* insert_user() - into a page that is in the order of user ids. Return: one was left out. */
static bool
insert_user(const struct quota_user **page, size_t *n, const struct quota_user *user)
{
	bool is_full = *n == PAGE_USERS;
	size_t i = is_full ? *n - 1 : (*n)++;

	if (is_full && user->uid > page[i]->uid)
		return true;
	for (; i > 0 && page[i - 1]->uid > user->uid; i--)
		page[i] = page[i - 1];
	page[i] = user;
	return is_full;
}

static void
put_user(struct tern_cbor_writer *w, const struct quota_user *user)
{
	uint64_t used[N_QUOTA], allowed[N_QUOTA];

	for (enum quota_kind kind = 0; kind < N_QUOTA; kind++) {
		used[kind] = user->held[kind].used;
		allowed[kind] = quota_max(user, kind);
	}
	tern_cbor_put_map(w, 3);
	put_uint(w, "uid", user->uid);
	put_amounts(w, "used", used);
	put_amounts(w, "allowed", allowed);
}

static void
answer_limits(struct self *self)
{
	const struct quota_user *page[PAGE_USERS];
	struct quota_user *user, *next;
	struct tern_cbor_writer *w = &self->w;
	bool has_more = false;
	size_t n = 0;

	HASH_ITER (hh, self->bus->quota.users, user, next)
		if (user->uid >= self->after && may_see(self, user->uid))
			has_more |= insert_user(page, &n, user);
	tern_cbor_put_map(w, 2 + has_more);
	put_amounts(w, "limits", self->bus->quota.limits);
	tern_cbor_put_string(w, "users");
	tern_cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		put_user(w, page[i]);
	put_next(w, has_more, n ? (uint64_t)page[n - 1]->uid + 1 : 0);
}

static void
answer_services(struct self *self)
{
	if (self_services(self->server, &self->w, self->after))
		tern_cbor_put_null(&self->w); /* no memory */
}

/* --- what it offers --- */

static void
answer_interface(struct self *self)
{
	tern_cbor_put_map(&self->w, 1);
	put_text(&self->w, "text", org_tern_bus);
}

/* Root's and our own user's. */
static void
answer_reload(struct self *self)
{
	const struct bus_peer *peer = self->client->peer;
	struct config_error error;

	if (peer->uid != 0 && peer->uid != geteuid())
		self->r = refusal_set(self->refusal, EPERM, "tern.NotAllowed",
			"user %u may not reload: root and user %u may", peer->uid, (unsigned int)geteuid());
	else if (rights_reload(self->server, &error) < 0)
		self->r = refusal_set(self->refusal, EINVAL, "tern.BadConfig", "%s", error.text);
	else
		tern_cbor_put_map(&self->w, 0);
}

/* What begins with "tern." every service has, and answers by itself. */
static const struct member {
	const char *name;
	void (*answer)(struct self *self);
	bool has_pages;
} members[] = {
	{"Status", answer_status, false},
	{"Peers", answer_peers, true},
	{"Names", answer_names, true},
	{"Limits", answer_limits, true},
	{"Reload", answer_reload, false},
	{"Services", answer_services, true},
	{"tern.Interface", answer_interface, false},
};

static const struct member *
find_member(const struct control_text *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (strlen(members[i].name) == name->size &&
			memcmp(members[i].name, name->text, name->size) == 0)
			return &members[i];
	return NULL;
}

static int
refuse_arguments(struct refusal *refusal, const struct member *member)
{
	return refusal_set(refusal, EINVAL, "tern.InvalidArgument",
		member->has_pages ? "%s takes {after: uint} or nothing" : "%s takes no arguments", member->name);
}

/* read_argument() - the one there may be */
static int
read_argument(struct tern_cbor_reader *r, uint64_t *ret_after)
{
	const char *key;
	size_t size;

	if (tern_cbor_get_text(r, &key, &size) || size != 5 || memcmp(key, "after", 5) != 0)
		return -EINVAL;
	if (tern_cbor_peek(r) == TERN_CBOR_NULL)
		return tern_cbor_get_null(r);
	return tern_cbor_get_uint(r, ret_after);
}

/* read_arguments() - no other than there are: who asks for more is not to believe that it got it */
static int
read_arguments(const struct control_bytes *payload, uint64_t *ret_after)
{
	struct tern_cbor_reader r;
	size_t n = 0;

	if (payload->size == 0)
		return 0;
	if (tern_cbor_check(payload->bytes, payload->size, 0, NULL))
		return -EINVAL;
	tern_cbor_reader_init(&r, payload->bytes, payload->size);
	if (tern_cbor_enter_map(&r, NULL))
		return -EINVAL;
	while (tern_cbor_peek(&r) > 0)
		if (++n > 1 || read_argument(&r, ret_after))
			return -EINVAL;
	return 0;
}

int
self_call(struct client *client, const struct control_call *call, struct control_bytes *ret,
	struct refusal *refusal)
{
	struct self self = {.client = client, .server = client->server, .bus = &client->server->bus, .refusal = refusal};
	const struct member *member = find_member(&call->member);
	size_t size;
	int r;

	if (!member)
		return refusal_set(refusal, ENOENT, "tern.NoSuchMember", "tern has no method \"%s\"",
			quote(&call->member).text);
	r = read_arguments(&call->payload, &self.after);
	if (r || (!member->has_pages && call->payload.size > 1))
		return refuse_arguments(refusal, member);
	tern_cbor_writer_init(&self.w, client->server->page, sizeof(client->server->page));
	member->answer(&self);
	if (self.r)
		return self.r;
	r = tern_cbor_writer_finish(&self.w, &size);
	if (r)
		return refusal_set_errno(refusal, r);
	*ret = (struct control_bytes){client->server->page, size};
	return 0;
}
