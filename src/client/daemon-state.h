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
	struct standing *standing; /* NULL: asked for, not answered yet */
	uint32_t n_asking;	   /* threads that ask for it now */
	char name[];
};

/* What ternd keeps for this program, as it was asked for: the next ternd may have to be told. */
struct standing {
	struct standing *prev, *next; /* daemon.unanswered */
	uint64_t serial; /* that it was told this one with last; 0: it was not, since the last one ended */
	bool withdrawn;	 /* while there was no ternd */
	size_t size;
	uint8_t packet[];
};

struct own_rule {
	UT_hash_handle hh;
	uint64_t id;
	struct standing *standing;
};

enum {
	HELLO_SERIAL = 1, /* of every hello; other requests have greater ones */
	N_TABLES = CONTROL_TABLE_VERSIONS + 1, /* by kind */
};

struct daemon {
	int fd;
	bool gone;    /* ternd hung up, and no other is there and knows what this program has */
	bool joining; /* there is a socket to another one */
	bool is_over; /* it said bye: none is looked for */
	bool is_new;  /* this program is a stranger to the one that is there now */
	uint8_t token[CONTROL_TOKEN_SIZE];
	uint64_t again_at; /* when another one is looked for, of this process's clock; UINT64_MAX: never */
	uint64_t joining_at; /* when it was, of this process's clock: publishers wait for one that does not answer only once */
	uint64_t again_in; /* ns from then to the next time */
	bool told;    /* the program knows */
	bool stalled; /* it did not answer in time, and has said nothing since */
	uint32_t slot;
	int unmapped[N_TABLES]; /* descriptors of tables that nobody reads yet; or -1 */
	uint32_t read_tables;	/* a bit a kind: these are mapped as they come */
	uint64_t inbox; /* the word as it was before the socket was drained */
	struct peers peers; /* the handle's: see bus.lives */
	struct names names;
	struct owners owners; /* of those names */
	struct rules rules;
	struct tags tags;
	struct request *requests;
	uint64_t last_serial;
	struct own_name *own;
	struct own_rule *own_rules;
	struct standing *unanswered; /* given up, and no ternd has answered yet: the next one may not know */
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

/* --- one ternd after another (daemon-again.c) --- */

/* daemon_ended() - ternd hung up: another one is looked for from now on, unless this one said bye */
void daemon_ended(tern_bus *bus);
/*
 * daemon_welcomed() - by another one, whose tables are here now: tell what it does not know, as much as there is
 * room for; when that was all this program is a part of the bus again
 */
void daemon_welcomed(tern_bus *bus);
/* daemon_introduce_again() - ask for a link that the last one did not make. Return: 0, -EAGAIN, … */
int daemon_introduce_again(tern_bus *bus, struct request *request);
/* daemon_hello() - say who this is, or @claim: was. Return: 0 or a negative errno, recorded. */
int daemon_hello(tern_bus *bus, bool claim);
/* daemon_take_welcome() - tables and place. Return: 0 or a negative errno, recorded. */
int daemon_take_welcome(tern_bus *bus, const struct control_welcome *welcome, int *fds, size_t n_fds);
/* daemon_stands() - this request was granted, and stands until it is withdrawn. Return: 0, -ENOMEM: only this ternd knows. */
int daemon_stands(tern_bus *bus, const struct control *control);
/* daemon_withdrawn() - a name, or a rule (name NULL), was given up. Return: is there a ternd to be told? */
bool daemon_withdrawn(tern_bus *bus, const char *name, uint64_t rule);
/* daemon_give_up() - tell ternd; if it ends before it answers, the next one is told. Return: as daemon_request_send(). */
int daemon_give_up(tern_bus *bus, struct control *control, uint64_t deadline);
/* daemon_knows() - an answer that nobody waits for: what was given up with it need not be told again */
void daemon_knows(tern_bus *bus, uint64_t serial);
/* daemon_forget_unanswered() - with the handle */
void daemon_forget_unanswered(struct daemon *daemon);
/* daemon_refused() - what was told again is not granted any more; the serial of an answer that nobody waits for */
void daemon_refused(tern_bus *bus, uint64_t serial);

/* daemon_own_add() - this name is owned, or asked for: calls to it are not bounced. Return: 0, -ENOMEM. */
int daemon_own_add(tern_bus *bus, const char *name, size_t size);
/* daemon_own_remove() - no longer; one that is not there is fine */
void daemon_own_remove(tern_bus *bus, const char *name, size_t size);

/* daemon_failure() - in the words of ternd */
void daemon_failure(const struct control_failed *failed, struct tern_error *ret);
/* daemon_start_again() - the last ternd did not answer it. Return: 0, -EAGAIN, … */
int daemon_start_again(tern_bus *bus, struct request *request);
/* daemon_started() - or not: all calls that wait for this request go on */
void daemon_started(tern_bus *bus, struct request *request);
/* daemon_call_answered() - what became of a call of ternd; NULL: ternd is gone */
void daemon_call_answered(tern_call *call, const struct control *answer);
