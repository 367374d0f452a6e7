/* SPDX-License-Identifier: MIT */

/* tables: what the bus knows, as the peers read it */

#include "bus/access.h"
#include "daemon/tables.h"
#include "io/identity.h"

enum {
	NAME_UNITS = TABLE_RECORD_MAX / TABLE_UNIT, /* of the longest name with all labels */
	DOMAIN_FDS = 3,
};

int
tables_init(struct tables *tables, struct bus *bus, tables_grown_fn grown, tables_changed_fn changed)
{
	int r;

	*tables = TABLES_INIT;
	tables->bus = bus;
	tables->grown = grown;
	tables->changed = changed;
	tables->userns = identity_own_userns();
	r = peers_writer_init(&tables->peers, PEERS_CAPACITY);
	if (!r)
		r = names_writer_init(&tables->names, NAMES_CAPACITY);
	if (r) {
		tables_deinit(tables);
		return error_trace(r);
	}
	peers_live(&tables->peers, (uint32_t)bus->instance);
	table_complete(&tables->peers.table);
	table_complete(&tables->names.table);
	return 0;
}

void
tables_deinit(struct tables *tables)
{
	peers_writer_deinit(&tables->peers);
	names_writer_deinit(&tables->names);
}

/* --- growing --- */

static int
grow_peers(struct tables *tables)
{
	int r = peers_grow(&tables->peers);

	if (r)
		return error_trace(r);
	peers_live(&tables->peers, (uint32_t)tables->bus->instance);
	tables->grown(tables, NULL, CONTROL_TABLE_PEERS);
	table_forward(&tables->peers.table);
	return 0;
}

static int
grow_names(struct tables *tables)
{
	int r = table_grow(&tables->names.table);

	if (r)
		return error_trace(r);
	tables->grown(tables, NULL, CONTROL_TABLE_NAMES);
	table_forward(&tables->names.table);
	return 0;
}

static int
grow_domain(struct tables *tables, struct domain_tables *own)
{
	bool tags = false, rules = false;
	int r = rulebook_grow(&own->book, &tags, &rules);

	if (tags)
		tables->grown(tables, own, CONTROL_TABLE_TAGS);
	if (rules)
		tables->grown(tables, own, CONTROL_TABLE_RULES);
	rulebook_forward(&own->book);
	if (r)
		return error_trace(r);
	return tags || rules ? 0 : -ENOTRECOVERABLE; /* else it would be full for ever */
}

/* --- peers and names --- */

int
tables_add_peer(struct tables *tables, const struct bus_peer *peer, uint32_t *ret_slot)
{
	struct peer_entry entry = {
		.id = peer->id,
		.uid = peer->uid,
		.gid = peer->gid,
		.pid = peer->pid,
		.domain = peer->domain->number,
		.process = peer->process,
	};
	int r;

	while ((r = peers_add(&tables->peers, &entry, ret_slot)) == TABLE_E_FULL) {
		r = grow_peers(tables);
		if (r)
			return error_trace(r);
	}
	return error_fold(r); /* ids are new */
}

void
tables_remove_peer(struct tables *tables, const struct bus_peer *peer)
{
	struct domain_tables *own;

	DL_FOREACH (tables->domains, own)
		(void)rulebook_remove_peer(&own->book, peer->id); /* however many */
	(void)peers_remove(&tables->peers, peer->id);		  /* may have failed to come in */
}

int
tables_reserve_name(struct tables *tables)
{
	int r;

	while (table_reserve(&tables->names.table, NAME_UNITS)) {
		r = grow_names(tables);
		if (r)
			return error_trace(r);
	}
	return 0;
}

int
tables_set_name(struct tables *tables, const struct bus_name *name)
{
	struct bus_owner *owner = bus_name_owner(name);
	struct table_text labels[CONTROL_MAX_TAGS];
	struct name_spec spec = {
		.name = {name->text, name->size},
		.serial = name->serial,
		.labels = labels,
	};
	int r;

	if (!owner) {
		(void)names_remove(
			&tables->names, name->text, name->size); /* it is not there now */
		return 0;
	}
	spec.owner = owner->peer->id;
	spec.n_labels = owner->n_labels;
	for (size_t i = 0; i < owner->n_labels; i++)
		labels[i] = (struct table_text){
			owner->labels[i].text, owner->labels[i].size};
	while ((r = names_set(&tables->names, &spec)) == TABLE_E_FULL) {
		r = grow_names(tables);
		if (r)
			return error_trace(r);
	}
	return error_fold(r);
}

/* --- rules --- */

static int
add_to_domain(struct tables *tables, struct domain_tables *own, const struct bus_rule *rule)
{
	struct table_text tags[CONTROL_MAX_TAGS];
	struct rule_spec spec = {
		.subscriber = rule->peer->id,
		.id = rule->key.number,
		.policy = rule->policy,
		.queue = rule->queue,
		.max_rate = rule->max_rate,
		.tags = tags,
		.n_tags = rule->n_tags,
		.sender_name = {rule->sender_name.text, rule->sender_name.size},
		.sender = rule->sender_id,
	};
	int r;

	for (size_t i = 0; i < rule->n_tags; i++)
		tags[i] = (struct table_text){rule->tags[i].text, rule->tags[i].size};
	while ((r = rulebook_add(&own->book, &spec)) == TABLE_E_FULL) {
		r = grow_domain(tables, own);
		if (r)
			return error_trace(r);
	}
	return error_fold(r);
}

/* No publisher has to know of a rule that wants to hear ternd alone. */
static bool
is_published(const struct bus_rule *rule)
{
	return rule->sender != BUS_SENDER_TERND;
}

/*
 * May publishers of this user see it? Copies of calls are for whom the policy lets have them: and the same user is that
 * with the same label, and nobody who sits in another user namespace than ternd, where root is anybody.
 */
static bool
may_see(const struct tables *tables, const struct bus_rule *rule, const struct domain_tables *own)
{
	const struct bus_domain_key *key = &rule->peer->domain->key;
	bool is_same = key->uid == own->uid && !memcmp(key->label, own->label, sizeof(own->label));

	if (!rule->is_tap)
		return access_hear_user(rule->peer, own->uid);
	if (key->userns == 0 || key->userns != tables->userns)
		return false;
	return access_tap(rule->peer, is_same ? own->uid : POLICY_NO_ID);
}

int
tables_add_rule(struct tables *tables, const struct bus_rule *rule)
{
	struct domain_tables *own;
	int r;

	if (!is_published(rule))
		return 0;
	DL_FOREACH (tables->domains, own) {
		if (!may_see(tables, rule, own))
			continue;
		r = add_to_domain(tables, own, rule);
		if (r) {
			tables_remove_rule(tables, rule);
			return error_trace(r);
		}
	}
	return 0;
}

void
tables_remove_rule(struct tables *tables, const struct bus_rule *rule)
{
	struct domain_tables *own;

	if (!is_published(rule))
		return;
	DL_FOREACH (tables->domains, own)
		(void)rulebook_remove(&own->book, rule->peer->id, rule->key.number);
}

void
tables_judge(struct tables *tables, const struct bus_peer *peer)
{
	struct bus_rule *rule, *next;
	struct domain_tables *own;

	HASH_ITER (hh, tables->bus->rules, rule, next) {
		if (!is_published(rule) || (peer && rule->peer != peer))
			continue;
		DL_FOREACH (tables->domains, own) {
			if (!may_see(tables, rule, own))
				(void)rulebook_remove(&own->book, rule->peer->id, rule->key.number); /* or was not there */
			else if (!rules_has(&own->book.rules, rule->peer->id, rule->key.number))
				(void)add_to_domain(tables, own, rule); /* no memory: it hears nothing there, as before */
		}
	}
}

/* --- domains --- */

static int
fill_domain(struct tables *tables, struct domain_tables *own)
{
	struct bus_rule *rule, *next;
	int r;

	HASH_ITER (hh, tables->bus->rules, rule, next) {
		if (!is_published(rule) || !may_see(tables, rule, own))
			continue;
		r = add_to_domain(tables, own, rule);
		if (r)
			return error_trace(r);
	}
	rulebook_complete(&own->book);
	return 0;
}

static int
charge_domain(struct bus *bus, struct domain_tables *own, struct quota_user *user)
{
	int r = bus_charge(bus, &own->fds, user, QUOTA_FDS, DOMAIN_FDS);

	if (r)
		return r;
	return bus_charge(bus, &own->bytes, user, QUOTA_BYTES, rulebook_bytes(&own->book));
}

/* bumped() - publishers of this domain may have other listeners */
static void
bumped(struct rulebook *book, uint32_t index)
{
	struct domain_tables *own = container_of(book, struct domain_tables, book);

	own->tables->changed(own->tables, own, index);
}

static void
free_domain(struct domain_tables *own)
{
	rulebook_deinit(&own->book);
	quota_release(&own->fds);
	quota_release(&own->bytes);
	free(own);
}

static int
new_domain(struct tables *tables, const struct bus_domain *domain, struct quota_user *user,
	struct domain_tables **ret)
{
	struct domain_tables *own = calloc(1, sizeof(*own));
	int r;

	if (!own)
		return -ENOMEM;
	own->book = RULEBOOK_INIT;
	own->uid = domain->key.uid;
	memcpy(own->label, domain->key.label, sizeof(own->label));
	r = rulebook_init(&own->book, RULEBOOK_CAPACITY, tables->bus->instance << 32);
	if (!r)
		r = charge_domain(tables->bus, own, user);
	if (!r)
		r = fill_domain(tables, own);
	own->tables = tables;
	own->book.bumped = bumped; /* who is in it is not yet */
	if (r) {
		free_domain(own);
		return r;
	}
	DL_APPEND(tables->domains, own);
	*ret = own;
	return 0;
}

int
tables_add_domain(struct tables *tables, struct bus_domain *domain, struct quota_user *user)
{
	struct domain_tables *own;
	int r;

	DL_FOREACH (tables->domains, own)
		if (own->uid == domain->key.uid &&
			!memcmp(own->label, domain->key.label, sizeof(own->label)))
			break;
	if (!own) {
		r = new_domain(tables, domain, user, &own);
		if (r)
			return r;
	}
	own->n_domains++;
	domain->tables = own;
	return 0;
}

void
tables_remove_domain(struct tables *tables, struct bus_domain *domain)
{
	struct domain_tables *own = domain->tables;

	domain->tables = NULL;
	if (!own || --own->n_domains > 0)
		return;
	DL_DELETE(tables->domains, own);
	free_domain(own);
}

/* --- what others ask --- */

int
tables_fd(
	const struct tables *tables, const struct bus_domain *domain, enum control_table_kind kind)
{
	const struct domain_tables *own = domain->tables;

	switch (kind) {
	case CONTROL_TABLE_PEERS:
		return table_fd(&tables->peers.table);
	case CONTROL_TABLE_NAMES:
		return table_fd(&tables->names.table);
	case CONTROL_TABLE_RULES:
		return table_fd(&own->book.rules.table);
	case CONTROL_TABLE_TAGS:
		return table_fd(&own->book.tags.table);
	case CONTROL_TABLE_VERSIONS:
		return versions_fd(&own->book.versions);
	}
	assert(!"a kind of table");
	return -1;
}

uint64_t
tables_bytes(const struct tables *tables)
{
	uint64_t bytes = table_bytes(&tables->peers.table) + table_bytes(&tables->names.table);
	const struct domain_tables *own;

	DL_FOREACH (tables->domains, own)
		bytes += rulebook_bytes(&own->book);
	return bytes;
}
