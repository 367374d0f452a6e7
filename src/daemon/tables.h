/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * tables: what the bus knows, as the peers read it
 *
 * Peers and names are one table each. Rules, tags and versions are one set for
 * the publishers of each user and label, with all rules of the bus. Domains
 * that differ in their user namespace alone, or whose namespace is not known,
 * share it: what they may reach is the same, and so no user can have sets
 * without end. A table that is full grows: the new descriptor is sent to
 * everybody (tables_grown_fn) before the old one is marked moved. Nothing that
 * is done here can be half done: a failure leaves the tables as they were.
 */

#include "bus/name.h"
#include "bus/rule.h"
#include "shm/names_writer.h"
#include "shm/peers_writer.h"
#include "shm/rulebook.h"
#include "wire/control.h"

enum {
	TABLES_N_KINDS = 5, /* enum control_table_kind without 0 */
};

struct domain_tables;
struct tables;

/* typedef tables_grown_fn - send the new one to all whose domain has @own; NULL: to all */
typedef void (*tables_grown_fn)(
	struct tables *tables, const struct domain_tables *own, enum control_table_kind kind);

/* typedef tables_changed_fn - a version word of this domain was counted up */
typedef void (*tables_changed_fn)(struct tables *tables, const struct domain_tables *own, uint32_t index);

struct tables {
	struct peers_writer peers;
	struct names_writer names;
	struct domain_tables *domains; /* a list */
	struct bus *bus;	       /* for its rules */
	tables_grown_fn grown;
	uint64_t userns; /* ternd's own; 0: unknown */
	tables_changed_fn changed;
};

/* What a domain has, perhaps with others: bus_domain's tables. */
struct domain_tables {
	uint32_t uid;
	char label[BUS_LABEL_SIZE];
	uint32_t n_domains;
	struct tables *tables;
	struct domain_tables *prev, *next;
	struct rulebook book;
	struct quota_charge fds, bytes;
};

#define TABLES_INIT ((struct tables){.peers = PEERS_WRITER_INIT, .names = NAMES_WRITER_INIT})

/* tables_init() - empty tables; @bus is borrowed. Return: 0 or a negative errno */
int tables_init(struct tables *tables, struct bus *bus, tables_grown_fn grown, tables_changed_fn changed);

/* tables_deinit() - all domains have been removed; TABLES_INIT is fine */
void tables_deinit(struct tables *tables);

/**
 * tables_add_domain() - give a domain its tables, with all rules there are
 * @user: is charged for them
 *
 * Return: 0, BUS_E_QUOTA or a negative errno.  Threads: owner.  Blocks: never.
 */
int tables_add_domain(struct tables *tables, struct bus_domain *domain, struct quota_user *user);

/* tables_remove_domain() - one without tables is fine */
void tables_remove_domain(struct tables *tables, struct bus_domain *domain);

/* tables_add_peer() - 0 and the slot of its inbox word, or a negative errno */
int tables_add_peer(struct tables *tables, const struct bus_peer *peer, uint32_t *ret_slot);

/* tables_remove_peer() - itself and all its rules; the bus still has them */
void tables_remove_peer(struct tables *tables, const struct bus_peer *peer);

/* tables_reserve_name() - make sure of room for one more name. Return: 0 or a negative errno */
int tables_reserve_name(struct tables *tables);

/* tables_set_name() - a name has this owner now, or none. Return: 0 or a negative errno */
int tables_set_name(struct tables *tables, const struct bus_name *name);

/* tables_add_rule() - in all domains or in none. Return: 0 or a negative errno */
int tables_add_rule(struct tables *tables, const struct bus_rule *rule);

/* tables_remove_rule() - from all domains; one that is not there is fine */
void tables_remove_rule(struct tables *tables, const struct bus_rule *rule);

/* tables_judge() - rights are others: take rules out of tables, or put them in. @peer: its alone; NULL: of all */
void tables_judge(struct tables *tables, const struct bus_peer *peer);

/* tables_fd() - the descriptor of a table as this domain sees it; borrowed */
int tables_fd(
	const struct tables *tables, const struct bus_domain *domain, enum control_table_kind kind);

/* tables_bytes() - memory of all tables */
uint64_t tables_bytes(const struct tables *tables);
