/* SPDX-License-Identifier: MIT */
#pragma once

/* worker: the state of one, and what its files use of each other; see soak.h */

#include <pthread.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "soak.h"

enum {
	MAX_SUBS = 6,
	MAX_FLIGHTS = 64,
	MAX_HELD = 64,
	MAX_KEPT = 8,
	MAX_FLOWS = 16,
	MAX_OPENED = 4,
};

struct worker;

/* What was heard of one life: the last number of each topic, by this subscription. */
struct heard {
	uint64_t base[N_TOPICS]; /* begun before the subscription was active: may be missing */
	uint64_t last[N_TOPICS];
	uint64_t missing, told;
};

struct sub {
	struct worker *worker;
	tern_subscription *subscription; /* NULL: free */
	bool styled; /* has a handler: which is not told whose gap it is */
	uint32_t mask;
	uint64_t sender; /* a life; MAX_LIVES anybody's */
	uint64_t told; /* by all, styled */
	bool is_over; /* TERN_DISCONNECT: a gap came */
	struct heard *heard; /* MAX_LIVES */
};

enum flight_state { FLIGHT_NONE, FLIGHT_UNDER_WAY, FLIGHT_CANCELLED };

/* A call sent and not waited for. */
struct flight {
	struct worker *worker;
	enum flight_state state;
	bool styled;
	tern_call *call; /* ours while under way */
	uint64_t number;
	bool must_succeed;
};

/* A call to be answered by the helper. */
struct held {
	tern_call *call;
	struct stamp stamp;
};

struct kept {
	tern_message *m;
	struct stamp stamp;
};

/* A stream that others have with this one. */
struct flow {
	struct worker *worker;
	tern_call *call; /* ours; NULL: free */
	uint64_t life, n_parts;
};

/* A value of another program. */
struct opened {
	struct worker *worker;
	tern_state *state; /* NULL: free */
	tern_subscription *follows;
	uint32_t policy;
	uint64_t life; /* its owner; MAX_LIVES not known yet */
	uint64_t read, heard; /* versions */
	uint64_t missing, told;
};

/*
 * What all rules of a handle have in common: of several rules that match an event the most careful one counts for all,
 * so what is lost can be told apart only among those of one kind.
 */
enum habit {
	HABIT_USUAL,	  /* TERN_WAIT and TERN_DROP_NEWEST */
	HABIT_KEEP,	  /* these, and TERN_DROP_OLDEST: what is kept comes after what was sent later */
	HABIT_LATEST,	  /* TERN_LATEST */
	HABIT_DISCONNECT, /* TERN_DISCONNECT */
};

struct worker {
	struct world *world;
	uint32_t number;
	struct dice dice;
	tern_bus *bus;
	uint32_t life;
	struct life *self;
	int n_fds, n_maps; /* without a handle */
	bool must_serve;   /* answer everything, at once */
	bool exported;
	uint32_t owned;    /* names that may be */
	_Atomic uint64_t n_calls;
	uint64_t orders[N_STREAMS];
	uint64_t numbers[N_TOPICS];
	tern_topic *topics[N_TOPICS];
	tern_service *services[N_NAMES];
	tern_state *values[N_NAMES];
	uint64_t versions[N_NAMES];
	struct opened opened[MAX_OPENED];
	struct flow flows[MAX_FLOWS];
	enum habit habit;
	struct sub subs[MAX_SUBS];
	struct flight flights[MAX_FLIGHTS];
	uint64_t (*came)[N_STREAMS][N_STYLES]; /* the last order of each life */
	struct kept kept[MAX_KEPT];
	/* the helper */
	struct dice helper_dice; /* what it begins with */
	pthread_mutex_t gate; /* whoever uses the handle beside the worker itself; not while it is closed */
	pthread_mutex_t lock; /* of what follows */
	struct held held[MAX_HELD];
	uint32_t n_held;
	_Atomic uint32_t leave;
	pthread_t thread;
};

/* doing() - what hangs, if nothing follows */
void doing(struct worker *worker, const char *what);
void count_one(struct worker *worker, enum count count);
/* may_fail() - 0, or what can happen to anybody who talks with the dying */
int may_fail(int r);
/* random_size() - of a second part; mostly none */
uint64_t random_size(struct dice *dice);

/* --- calls (worker_calls.c) --- */

/* reply_to() - with a stamp of the same number. Return: as tern_reply_message(). */
int reply_to(tern_call *call, const struct stamp *stamp, struct dice *dice);
/* call_came() - to a handler, or out of tern_next(); the references stay the caller's */
int call_came(struct worker *worker, tern_call *call, tern_message *m, bool styled);
/* call_sync() - to anybody, by the worker or by its helper */
void call_sync(struct worker *worker, struct dice *dice, uint32_t stream);
void call_async(struct worker *worker);
void call_one_way(struct worker *worker);
/* call_must() - to this peer, which must answer */
void call_must(struct worker *worker, uint64_t peer);
void call_cancel(struct worker *worker);
void call_wait(struct worker *worker);
/* call_ended() - what tern_next() says; all of it stays the caller's */
void call_ended(struct worker *worker, tern_call *call, int result, tern_message *reply);
/* calls_forget() - nothing is queued: what was cancelled comes no more */
void calls_forget(struct worker *worker);
uint32_t calls_under_way(const struct worker *worker);
/* release_held() - the handle was closed */
void release_held(struct worker *worker);
void *run_helper(void *user);

/* somebody() - a peer that is or was, or a name */
const char *somebody(struct worker *worker, struct dice *dice, char *storage, size_t size);
/* is_own() - it would wait for itself */
bool is_own(struct worker *worker, const char *service);

/* --- streams (worker_streams.c) --- */

void stream_any(struct worker *worker);
/* stream_came() - as call_came() */
int stream_came(struct worker *worker, tern_call *call, tern_message *m);
/* flows_end() - with the handle */
void flows_end(struct worker *worker);

/* --- values (worker_values.c) --- */

/* values_set() - the next version of each of its own */
void values_set(struct worker *worker);
/* value_free() - with the service of that name */
void value_free(struct worker *worker, uint32_t n);
/* value_any() - open, read, follow or close somebody's */
void value_any(struct worker *worker);
void value_close(struct opened *opened);

/* --- events (worker_events.c) --- */

void subscribe_any(struct worker *worker);
void unsubscribe(struct sub *sub);
/* publish() - the next event on a topic */
void publish_on(struct worker *worker, uint32_t topic, uint32_t flags, uint64_t size);
void publish_any(struct worker *worker);
/* event_came(), gap_came() - out of tern_next() */
void event_came(struct worker *worker, const struct tern_event *event);
void gap_came(struct worker *worker, const struct tern_event *event);
/* order_came() - anything of this stream: nothing that was sent before it may follow */
void order_came(struct worker *worker, const struct stamp *stamp, bool styled, bool again);
/* is_all_heard() - the last event of each topic, of all that are open, or a gap for it; say: tell what is missing */
bool is_all_heard(struct worker *worker, bool say);
void keep(struct worker *worker, tern_message *m, const struct stamp *stamp);
void release_kept(struct worker *worker);
