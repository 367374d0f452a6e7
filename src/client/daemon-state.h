/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * daemon-state: what the files daemon*.c share, and nobody else looks at
 */

#include <string.h>

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

/* daemon_text() - as requests have it; borrowed, and NULL: absent */
static inline struct control_text
daemon_text(const char *text)
{
	return (struct control_text){.text = text, .size = text ? strlen(text) : 0};
}

/* daemon_send() - a packet, now. Return: 0, -EAGAIN no room, or another negative errno, recorded. */
int daemon_send(tern_bus *bus, const struct control *control);
/*
 * daemon_request_send() - now, or as soon as ternd's socket has room; sets the serial
 * @deadline: 0: -EAGAIN if it has none
 * Return: 0, or a negative errno, recorded.
 */
int daemon_request_send(tern_bus *bus, struct control *control, uint64_t deadline);
/*
 * daemon_request() - send and wait for the answer
 * @request: written; holds what was answered
 * Return: 0, -ETIME, or a negative errno, ternd's too; recorded.
 */
int daemon_request(tern_bus *bus, struct control *control, struct request *request, uint64_t deadline);
/* daemon_deadline() - until when an answer is waited for, of this process's clock */
uint64_t daemon_deadline(const tern_bus *bus);

/* daemon_own_add() - this name is owned, or asked for: calls to it are not bounced. Return: 0, -ENOMEM. */
int daemon_own_add(tern_bus *bus, const char *name, size_t size);
/* daemon_own_remove() - no longer; one that is not there is fine */
void daemon_own_remove(tern_bus *bus, const char *name, size_t size);

/* daemon_failure() - in the words of ternd */
void daemon_failure(const struct control_failed *failed, struct tern_error *ret);
/* daemon_call_answered() - what became of a call of ternd; NULL: ternd is gone */
void daemon_call_answered(tern_call *call, const struct control *answer);
