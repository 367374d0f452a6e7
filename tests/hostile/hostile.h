/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * hostile: what programs may do wrong, beside two that do everything right
 *
 * On a bus of the test's own run an honest pair, which call, publish, stream and read values of each other and count
 * what is wrong, and a victim, an honest program too, that everybody may call. Each misbehaviour is a function that a
 * process of its own runs, as the user of the test and, where that is root, as another user:
 *
 *     ternd ─── pair: server ◄══► client          must not notice
 *        │
 *        └───── victim ◄══► offender               the victim goes on, and sees what the table says
 *
 * Afterwards the pair has made progress without an error, the victim answers, has closed the link for the reason that
 * the table names (or has not closed it), and descriptors, mappings and charges of all are those of before.
 *
 * The tables of misbehaviours are the one source: docs/hostile.md is written from them (--table).
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"
#include "fixture.h"

#define VICTIM "org.example.Victim"
#define HONEST "org.example.Honest"
#define OTHER_USER 65533u /* that offenders are, too, where the test is root's */

enum {
	TEXT_SIZE = 256,
	N_TOOK = 1 << 16, /* how long the newest calls of the pair took */
};

/* What all processes share. */
struct scene {
	struct private_bus place;
	_Atomic uint32_t stop, pinned;
	/* the pair */
	_Atomic uint32_t pair_ready;
	_Atomic uint32_t n_calls, n_wrong;
	uint32_t took_ns[N_TOOK]; /* of call n at n % N_TOOK */
	char wrong[TEXT_SIZE];    /* the first thing that was */
	/* the victim */
	_Atomic uint32_t victim_ready;
	_Atomic uint32_t n_beside, n_said; /* calls of the victim to offenders: begun, ended */
	char said[TEXT_SIZE];		   /* how the last one ended */
	_Atomic uint32_t n_taken, n_heard, n_gaps;
};

/* What an offender has at hand. */
struct attack {
	struct scene *scene;
	const struct behaviour *behaviour;
	uint64_t seed; /* another one each time */
	struct tern_bus *bus;
	struct link *link; /* with the victim */
	uint64_t serial;
	uint64_t asked; /* serial of the call that the victim has under way to here */
};

enum behaviour_flag {
	SAME_USER = 1, /* another user has no such means, or it is the same to him */
	STAYS = 2,     /* it is killed when it has done its part */
	ONCE = 4,      /* makes the others make what they make once in their life: done before all is counted, too */
};

struct behaviour {
	const char *name;
	const char *does;
	const char *victim;   /* what it sees */
	const char *offender; /* what comes of it to him */
	const char *says;     /* why the victim closed the link, in its words; NULL: it did not */
	uint32_t flags;
	void (*run)(struct attack *attack);
};

struct behaviours {
	const char *what; /* these are about */
	const struct behaviour *items;
	size_t n;
};

extern const struct behaviours words_behaviours, records_behaviours, parts_behaviours, packets_behaviours, bells_behaviours,
	calls_behaviours, bus_behaviours, ends_behaviours;

/* the honest programs, each a child's whole life */
void honest_server(void *scene);
void honest_client(void *scene);
void victim_run(void *scene);
/* honest_wrong() - count something that should not have been, and keep the first of it in words */
void honest_wrong(struct scene *scene, const char *format, ...) _printf_(2, 3);

/* What the processes hold, and ternd for them. */
enum { N_HOLDERS = 4 }; /* ternd, server, client, victim */

struct ledger {
	uint32_t fds[N_HOLDERS], maps[N_HOLDERS];
	uint64_t charges[2][6]; /* of the test's user and of the other: ternd's Amounts */
};

/* ledger_fds(), ledger_maps() - open descriptors; mappings of shared memory, without ternd's tables, which grow with it */
uint32_t ledger_fds(pid_t pid);
uint32_t ledger_maps(pid_t pid);
/* ledger_take() - of these processes, as they are now; ternd: a connection by hand, to ask it */
void ledger_take(int ternd, const pid_t pids[N_HOLDERS], struct ledger *ret);
/* ledger_compare() - is nothing more than before? Return: NULL, or what is, in words */
const char *ledger_compare(const struct ledger *before, const struct ledger *now);
