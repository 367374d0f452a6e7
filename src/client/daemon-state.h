/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * daemon-state: what the files daemon*.c share, and nobody else looks at
 */

#include "client/daemon.h"
#include "shm/names.h"
#include "shm/owners.h"
#include "shm/peers.h"
#include "shm/rules.h"
#include "shm/tags.h"
#include "wire/control.h"

/* A name that is owned, or was asked for: calls to it are not bounced. */
struct own_name {
	UT_hash_handle hh;
	char name[];
};

enum {
	N_TABLES = CONTROL_TABLE_VERSIONS + 1, /* by kind */
};

struct daemon {
	int fd;
	bool gone;    /* ternd hung up */
	bool told;    /* the program knows */
	bool stalled; /* it did not answer in time, and has said nothing since */
	uint32_t slot;
	int unmapped[N_TABLES]; /* descriptors of tables that nobody reads yet; or -1 */
	uint32_t read_tables;	/* a bit a kind: these are mapped as they come */
	uint64_t inbox; /* the word as it was before the socket was drained */
	struct peers peers;
	struct names names;
	struct owners owners; /* of those names */
	struct rules rules;
	struct tags tags;
	struct request *requests;
	uint64_t last_serial;
	struct own_name *own;
	struct rule_hits hits;
};

/*
 * daemon_refresh() - a table moved or was busy: take ternd's news, then read again
 * @answer: of the table; @tries: 0 at first
 * Return: may try again.
 */
bool daemon_refresh(tern_bus *bus, int answer, int *tries);

/* daemon_take_table() - map what ternd sent; what nobody reads yet is kept */
int daemon_take_table(tern_bus *bus, uint32_t kind, int *fd);
/* daemon_has_table() - is it mapped? */
static inline bool
daemon_has_table(const struct daemon *daemon, uint32_t kind)
{
	return daemon->read_tables & UINT32_C(1) << kind;
}
/* daemon_need_table() - map it, if it is not. Return: 0, -EPROTO, -ENOMEM. */
int daemon_need_table(tern_bus *bus, uint32_t kind);
