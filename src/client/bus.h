/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * bus: the state behind a tern_bus, and the rules by which threads share it
 *
 * Lock     One mutex a handle. It covers everything here but what is marked otherwise, is never held
 *          while a handler runs or a thread sleeps, and is the send lock of docs/memory-model.md: stamp,
 *          pushes and commit happen under it without a break.
 * Lead     One thread at a time takes things in: the leader. Rings are read, attention words written,
 *          partners made and ended by it alone, so that it may look at the rings without the lock
 *          while it spins. Others wait on a condition of their own and are handed what is theirs.
 * Flow     rings -> round (take.c) -> queue -> tern_next(), tern_process() -> handlers. Replies that
 *          somebody waits for go past the queue.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/hook.h"
#include "base/spare.h"
#include "client/counters.h"
#include "client/domain.h"
#include "client/tap.h"
#include "io/listener.h"
#include "link/link.h"
#include "shm/peers.h"
#include "shm/versions.h"
#include "tern/tern.h"

#define HEARD_TAGS       128u /* bytes: longer ones are not remembered */
#define IDLE_TOPICS      16u
#define MAX_HOT          64u   /* links without traffic that are looked at every round */
#define CLOCK_SLACK_NS   1000u /* a stamp so far ahead of the clock here is from a wrong one */
#define ROUND_RECORDS    64u   /* of one link, in one round */
#define ROUND_BYTES      65536u
#define QUEUE_MAX_BYTES  (16u << 20) /* of one link, in the queue: beyond, its ring backs up */
#define QUEUE_MAX_ITEMS  (1u << 16)
#define KEPT_NOTICES     4096u /* TERN_LOST and the like, and calls, that nobody takes */
#define LOOK_AROUND      64u /* events dropped until a publisher looks what became of its links */
#define COPY_MAX         (1u << 20) /* bytes of a foreign part that are made stable */
#define MAX_BOUNCES      4u
#define MAX_MISSED       4096u /* peers that are not linked and have lost something */
#define DEFAULT_TIMEOUT  (25 * NSEC_PER_SEC)
#define DEFAULT_SPIN     (50 * NSEC_PER_USEC)
#define DEFAULT_MAX_WAIT NSEC_PER_SEC
#define DEFAULT_BUDGET   256u
#define DEFAULT_RING_AGAIN (100 * NSEC_PER_MSEC)

/* What an epoll event belongs to: the first member of everything that is watched. */
enum source_kind {
	SOURCE_PARTNER,
	SOURCE_CONTROL,  /* ternd's socket */
	SOURCE_DOORBELL, /* edge-triggered, never read */
	SOURCE_WAKE,     /* tern_wake(), and what the sleeping leader is to look at */
	SOURCE_TIMER,    /* deadlines, for who polls tern_fd() */
	SOURCE_LISTEN,   /* the socket that others dial */
	SOURCE_WATCH,
};

struct source {
	enum source_kind kind;
};

/* The other end of a link. Counted: by the table, by calls, by messages. */
struct partner {
	struct source source;
	tern_bus *bus; /* not counted: who counts a partner counts the bus */
	uint64_t id;
	struct link *link;
	struct domain *domain; /* counted; NULL: too many of them, or it has ended */
	uint64_t link_number; /* ternd's, of this link */
	struct rights *rights; /* rights.h; NULL: it may do everything */
	uint32_t refs;
	bool is_hot;
	bool in_table;
	bool dead; /* drained and lost */
	bool broke; /* the protocol: what was in its ring is not trusted, and lost */
	bool want_writable;
	bool wants_out; /* epoll is asked for POLLOUT */
	bool holds;	/* and to tell of each packet once: its socket is not read on */
	bool keeps; /* replies or events wait for it (reply.h, backlog.h) */
	bool slow; /* it held up a publish or a reply in vain: not waited for again before it has room */
	bool is_behind; /* the same of keeping near to a publisher of large events */
	bool want_event;
	uint32_t want_size; /* what there was no room for */
	struct link_load want_load;
	UT_hash_handle hh;
	struct partner *prev, *next; /* in the hot or the cold list */
	struct partner *want_prev, *want_next; /* in the list of those with want_writable */
	/* the next record */
	struct wire_header head;
	bool has_head;
	bool uncommitted;   /* it waits for its sender's commit word */
	uint64_t head_seen; /* horizon of the round that saw it first */
	uint64_t head_e;    /* its effective stamp */
	uint64_t e;         /* the same, of the record taken last */
	/* this round */
	uint64_t round;
	uint32_t round_records, round_bytes;
	/* since ever */
	uint64_t lost_told;
	uint64_t queued;  /* bytes */
	tern_call *calls;    /* under way to it */
	tern_call *incoming; /* from it, not answered yet */
	struct stream *streams; /* those of them that are streams: uthash by serial */
	struct kept_reply *replies, **last_reply; /* answers that wait for room (reply.h) */
	uint64_t kept_bytes;
	bool is_replying;
	struct partner *reply_prev, *reply_next; /* in the list of those with replies kept */
	struct backlog *backlog; /* events that it cannot have yet; NULL: none so far */
	struct rule_here *rules; /* direct links: what the other end wants to hear */
	bool knows_rules;        /* and that is all of it, but for */
	uint64_t n_refused;      /* so many that are not kept here */
	uint64_t told_rule;      /* own rules up to this number it was told, or is being told */
	bool telling; /* not all of them yet: those from … to */
	uint64_t telling_from, telling_to;
};

/* Events that a peer lost before it was linked: told as soon as it is. */
struct missed {
	uint64_t peer;
	uint64_t n;
	UT_hash_handle hh;
};

/* Kinds of items beside those of the public header: they have a handler, and are never handed out. */
enum {
	ITEM_LISTENERS = 256, /* of a topic (listeners.h) */
};

/* Something for the program. All references are the item's. */
struct item {
	struct item *next;
	uint32_t kind;  /* TERN_CALL ... */
	uint32_t bytes; /* charged to the partner, by queue_put() */
	struct partner *partner;
	tern_message *message;
	tern_call *call;
	tern_subscription *subscription;
	tern_watch *watch;
	tern_peer peer;
	uint64_t lost;
	uint64_t rule; /* for this one alone; 0 all */
	tern_topic *topic; /* ITEM_LISTENERS */
	uint32_t ready;
};

struct queue {
	struct item *first, **last;
	size_t n;
};

/* What a waiter waits for; whoever brings it calls lead_wake(). */
enum wait_kind {
	WAIT_ANSWER, /* a call, a request to ternd: set directly */
	WAIT_ITEM,   /* tern_next(): anything in the queue, or tern_wake() */
	WAIT_ROOM,
	WAIT_CREDIT, /* of a stream */
	WAIT_RULES, /* direct links: the other end has told all its rules */
};

/* On the stack of who waits; zero but for kind, partner and room_*. */
struct waiter {
	struct waiter *prev, *next;
	pthread_cond_t cond; /* while follows */
	bool follows;        /* another thread leads */
	enum wait_kind kind;
	bool done;
	bool interrupted; /* by tern_wake() */
	struct partner *partner; /* whose answer, or whose room; may be NULL */
	union {
		const struct outgoing *room_for;
		const tern_call *credit_for;
	};
	bool room_event;
};

/* The tags of the event that was taken in last: most are followed by others with the same. */
struct heard_tags {
	uint64_t number; /* another one for other tags; 0: none yet */
	uint16_t size;
	uint8_t bytes[HEARD_TAGS];
};

/* The type of the event that was given out last (expect.h): most are followed by others with the same tags. */
struct heard_type {
	tern_interface *interface; /* not counted: what is expected counts it; NULL: none is known */
	const struct interface_type *type;
	uint16_t size; /* of its tags; 0: no event yet */
	uint8_t bytes[HEARD_TAGS];
};

enum bus_mode {
	MODE_BUS,
	MODE_DIAL,
	MODE_LISTEN,
};

struct tern_bus {
	pthread_mutex_t lock;
	_Atomic uint32_t refs; /* the handle's own, and those of topics, services, … */
	size_t n_held;         /* messages and calls; those that are left at tern_close() have the handle's own */
	uint32_t fork_generation;
	struct tern_bus *prev, *next; /* of all in this process, for fork */
	enum bus_mode mode;
	bool closed;
	bool released; /* the handle's own reference was given back */
	char *address;
	tern_peer id;
	struct identity self;
	uint64_t clock_offset; /* what a time namespace adds */

	/* options */
	uint64_t timeout, spin, max_wait, budget;
	bool max_wait_set, order, one_processor;
	_Atomic uint32_t check; /* TERN_CHECK_*; read without the lock */

	/* links */
	struct endpoint endpoint;
	struct partner *partners; /* uthash by id */
	struct missed *missed;    /* uthash by peer */
	struct unheard *unheard;  /* the same, of rights.h */
	struct partner *hot, *cold;
	uint32_t n_hot, n_cold;
	uint64_t last_partner;      /* direct links are numbered here */
	struct domain own, *domains; /* trust domains: the own one, and those of other partners */
	struct user *users;	     /* the others */
	struct shares crowd;	     /* of those beyond MAX_DOMAINS, together */

	/* sending */
	uint64_t last_stamp;
	uint64_t last_taken;    /* the greatest effective stamp of what was taken in; of a wrong clock, maybe */
	bool taken;             /* something was taken in since that stamp */
	uint64_t clock;         /* of this process, read since the lock and the last thing taken in; 0: not yet */
	struct partner **batch; /* pushed to, dozing bell not rung */
	size_t n_batch, max_batch;
	struct partner *batch_last; /* pushed to, cold bell not rung */
	struct tap tap;
	uint64_t last_serial;
	uint64_t n_dropped; /* publishes that did not reach everybody */
	struct counters counters;
	uint64_t to_self_stamp; /* of the last one */
	struct queue to_self; /* came otherwise than over a link, not taken in yet; lost holds the stamp */

	/* taking in */
	bool leader;
	bool sleeping;
	bool polling;  /* the leader is in the epoll set without the lock */
	bool spinning; /* the leader looks at the links without the lock */
	uint32_t n_pausing; /* threads in lead_pause(): the leader leaves them the lock before it looks again */
	bool dozing;
	uint64_t wakes_at; /* when the sleeping leader looks at the deadlines, host time */
	uint64_t timer_at; /* what the timer is set to, host time */
	_Atomic uint32_t kicked; /* the spinning leader is to look up */
	uint32_t n_want_room;    /* waiters and notices that wait for it */
	struct partner *wanting; /* whose room a notice is to tell */
	struct partner *replying; /* for whose room replies wait */
	struct backlog *backlogs; /* events that wait for room, or for a rate */
	uint32_t n_untold;       /* direct links: partners of which not all rules are here */
	uint64_t n_rounds, n_fruitless, n_overruns;
	uint64_t n_looks;    /* at links, in rounds and before sleeping: what attention costs */
	uint64_t ring_again; /* who waits for an answer rings again after so long, ns */
	uint64_t spin_now; /* how long spinning is worth it lately, ns */
	uint32_t n_no_yield; /* sleeps that begin without letting others run first */
	uint32_t n_bad_yields;
	bool yielded_long;
	bool held_back; /* something is there that is not older than the horizon yet */
	struct partner **found;
	size_t n_found, max_found;
	struct spare spare_items, spare_messages, spare_calls; /* of struct item, tern_message, tern_call */
	struct queue queue, kept; /* as taken in; what no handler took */
	uint32_t n_kept_notices;
	struct waiter *waiters;
	_Atomic uint32_t woken; /* tern_wake() */

	/* descriptors */
	int epoll, wake, timer;
	/*
	 * tern_fd(): the epoll set above, and "more waits". Two, because a leader in another thread that sleeps
	 * on the first must not take away from the program's loop what it is told by the second.
	 */
	int outer, more;
	struct listener listener;
	bool listen_paused; /* no descriptors: it is not in the epoll set */
	bool exported; /* tern_fd() was asked for */
	bool armed;    /* more is written */
	uint32_t n_processing; /* threads inside tern_process(): they arm it when they leave */
	struct source doorbell_source, wake_source, timer_source, control_source, listen_source;

	/* what the program has */
	/* under way: each at its serial modulo max_calls, a power of two, at most half of them taken */
	tern_call **calls;
	size_t n_calls, max_calls;
	tern_call *deadlines; /* the same, soonest first */
	struct stream *streams; /* of all calls, either side */
	tern_service *services;
	tern_subscription *subscriptions;
	struct heard_tags heard;
	struct expectation *expected; /* of services, by their names (expect.h) */
	struct heard_type heard_type;
	tern_state *states; /* kept, and opened */
	_Atomic uint64_t last_state;
	uint64_t last_rule;
	_Atomic uint64_t plans_version; /* bus_plans_end() */
	_Atomic(const _Atomic uint64_t *) life; /* a word that changes when ternd ends: of the last of lives */
	struct peers *lives; /* ternd's tables of peers; mapped until the memory goes, as versions */
	size_t n_lives;
	struct versions versions; /* ternd's words, if on a bus; mapped until the memory goes */
	struct tern_topic *watched_topics; /* listeners.h */
	uint32_t listeners_step;
	uint64_t listeners_asked; /* serial of the request */
	uint64_t listeners_at;    /* try again, host time; 0 not to be tried */
	struct tern_topic *idle_topics[IDLE_TOPICS]; /* freed, and likely to be made again */
	tern_peer_fn *peer_fn;
	void *peer_user;
	tern_watch *watches, *buried;
	pthread_cond_t handler_done; /* one returned; told while */
	uint32_t n_handler_waits;    /* anybody waits for it */

	struct daemon *daemon; /* MODE_BUS: the conversation with ternd, and its tables */
};

/* --- life (bus.c) --- */

/* bus_enter() - take the lock. Return: 0, -ECHILD after fork, -ESHUTDOWN after tern_close(). */
int bus_enter(tern_bus *bus);
/*
 * bus_lock() - take the lock, whatever became of the handle
 * Nothing else takes it: what the clock said under it before is not now any more.
 */
static inline void
bus_lock(tern_bus *bus)
{
	(void)pthread_mutex_lock(&bus->lock); /* cannot fail: ours, never held by this thread */
	bus->clock = 0;
}
/* bus_leave() - release the lock; the last to leave a closed handle frees it */
void bus_leave(tern_bus *bus);
/* bus_stop() - be held at a stop point where other threads may be let in; in the release nothing */
static inline void
bus_stop(tern_bus *bus, const char *point)
{
	if (!HOOK_IS_BUILT)
		return;
	bus_leave(bus);
	STOP_POINT(point);
	bus_lock(bus);
}
tern_bus *bus_ref(tern_bus *bus);
tern_bus *bus_unref(tern_bus *bus);
/* bus_new() - a handle without descriptors */
int bus_new(enum bus_mode mode, const char *path, tern_bus **ret);
/* bus_open_descriptors() - the four that every handle has; besides them there are at most two a link */
int bus_open_descriptors(tern_bus *bus);
/* bus_is_forked() - is this a copy of the parent's handle? Then only memory may be freed. */
bool bus_is_forked(const tern_bus *bus);
/* bus_watch() - put a descriptor into the epoll set */
int bus_watch(tern_bus *bus, int fd, uint32_t events, struct source *source);

/*
 * bus_plans_end() - what topics remember of their recipients may not hold any more
 *
 * For all that a plan hangs on but the words of ternd: own names, partners, rules of direct links, the tables'
 * place, the end of the handle. Release: who sees the new version without the lock takes the lock to see the rest.
 */
void listeners_changed(tern_bus *bus); /* listeners.h */

static inline void
bus_plans_end(tern_bus *bus)
{
	store_rel(&bus->plans_version, load_rlx(&bus->plans_version) + 1); /* written under the lock alone */
	if (unlikely(bus->watched_topics))
		listeners_changed(bus);
}

/* bus_hold() - a message or a call refers to the handle; bus_drop() - no longer. With the lock, until bus_leave(). */
static inline tern_bus *
bus_hold(tern_bus *bus)
{
	bus->n_held++;
	return bus;
}

static inline void
bus_drop(tern_bus *bus)
{
	bus->n_held--;
}

/* bus_now() - host monotonic time */
static inline uint64_t
bus_now(const tern_bus *bus)
{
	return HOOK_TIME(clock_now_ns()) - bus->clock_offset;
}

/*
 * bus_clock() - this process's clock, read once for what is done under the lock without a break; may become a stamp
 *
 * For between it and the pushes this thread learns nothing: who takes the lock, a record or ternd's word forgets it.
 */
static inline uint64_t
bus_clock(tern_bus *bus)
{
	if (!bus->clock)
		bus->clock = clock_now_ns();
	return bus->clock;
}

/* bus_time() - the same as bus_now(), read once as bus_clock() is */
static inline uint64_t
bus_time(tern_bus *bus)
{
	return HOOK_TIME(bus_clock(bus)) - bus->clock_offset;
}

/* bus_now_ordered() - the same, and no later load is done before it (edge H) */
static inline uint64_t
bus_now_ordered(const tern_bus *bus)
{
	return HOOK_TIME(clock_now_ordered_ns()) - bus->clock_offset;
}

/* --- partners (partner.c) --- */

/* partner_new() - a link over fd, hot at once; fd and identity->pidfd are consumed on success */
int partner_new(tern_bus *bus, uint64_t id, int fd, const struct identity *identity, bool same_domain,
	struct partner **ret);
struct partner *partner_find(tern_bus *bus, uint64_t id);
struct partner *partner_ref(struct partner *partner);
/* partner_free() - its last reference went; returns NULL */
struct partner *partner_free(struct partner *partner);
static inline struct partner *
partner_unref(struct partner *partner)
{
	return partner && --partner->refs == 0 ? partner_free(partner) : NULL;
}
/* partner_missed() - a peer that is not linked has lost an event; its link will begin with that */
void partner_missed(tern_bus *bus, uint64_t id);
/* partner_forget_missed() - of all peers */
void partner_forget_missed(tern_bus *bus);
/* partner_heat(), partner_chill() - move between the lists and write attention; the caller fences */
void partner_heat(struct partner *partner);
void partner_chill(struct partner *partner);
/* partner_touch() - it had traffic: the last to be made cold */
void partner_touch(struct partner *partner);
/* partner_broke() - it broke the protocol: hang up; what was committed before is not trusted either */
void partner_broke(struct partner *partner);
/* partner_is_wrong() - who only sends here found that it broke the protocol: the leader sees the end, and ends it */
void partner_is_wrong(struct partner *partner);
/* partner_end() - drained: fail its calls, tell its loss, forget it */
void partner_end(struct partner *partner);
/* partner_want_nothing() - no notice of room any more */
void partner_want_nothing(struct partner *partner);
/* partner_want_out() - ask epoll for room on its socket too, or no longer, if all it was to be told fitted in */
void partner_want_out(struct partner *partner, bool want);
/* partner_tell_drops() - whom segments are to be dropped that its socket had no room for: as soon as it has */
void partner_tell_drops(tern_bus *bus);

/* --- queue (queue.c) --- */

void queue_init(struct queue *queue);
/* queue_put() - add a copy of this item, whose references it takes; on -ENOMEM they are dropped */
int queue_put(tern_bus *bus, const struct item *item);
void queue_append(struct queue *queue, struct item *item);
struct item *queue_take(struct queue *queue);
/* item_free() - drop its references; returns NULL */
struct item *item_free(tern_bus *bus, struct item *item);
/* queue_is_full() - no more of this partner for now */
static inline bool
queue_is_full(const tern_bus *bus, const struct partner *partner)
{
	return partner->queued >= QUEUE_MAX_BYTES || bus->queue.n + bus->kept.n >= QUEUE_MAX_ITEMS ||
		!shares_has(partner->link->shares, SHARE_QUEUED, 0);
}
/* queue_notice() - queue a TERN_LOST, TERN_LINKED or TERN_WRITABLE */
void queue_notice(tern_bus *bus, uint32_t kind, tern_peer peer);

/* --- taking in (take*.c) --- */

/*
 * take_round() - one round of docs/memory-model.md, "Receiving"
 * Return: how much was taken in, 0 nothing.  Threads: the leader, with the lock.
 */
size_t take_round(tern_bus *bus);
/* take_hello() - look into the socket of a new link, whoever leads */
void take_hello(struct partner *partner);
/* take_has_news() - a glance at the hot rings, without the lock; leader only */
bool take_has_news(tern_bus *bus);
/* take_poll() - ask the epoll set, ns, UINT64_MAX for ever; unlocks while it waits. Return: events. */
size_t take_poll(tern_bus *bus, uint64_t timeout_ns);
/* take_bells() - of an eventfd or a timer, which there may be */
void take_bells(int fd);
/* take_doze() - announce sleep on all hot links. Return: may sleep; else all are hot again. */
bool take_doze(tern_bus *bus);

/* --- waiting (lead.c) --- */

/*
 * lead_wait() - take in, or wait for the leader, until waiter->done
 * @deadline: of this process's clock (clock_now_ns), UINT64_MAX none
 * Return: 0 done, -ETIME.
 */
int lead_wait(tern_bus *bus, struct waiter *waiter, uint64_t deadline);
/* lead_try() - one round without waiting, if nobody leads. Return: as take_round(). */
size_t lead_try(tern_bus *bus);
/*
 * lead_pause() - until the leader is not looking without the lock; the lock may be given up meanwhile
 * Then whoever has the lock may change what is the leader's to change.
 */
void lead_pause(tern_bus *bus);
/* lead_interrupt_items() - something that tern_next() must look at, and no item */
void lead_interrupt_items(tern_bus *bus);
/* lead_kick() - make the sleeping leader look again */
void lead_kick(tern_bus *bus);
/* lead_deadline() - something is due then, host time, which who sleeps may not know of */
void lead_deadline(tern_bus *bus, uint64_t at);
/* lead_wake() - this waiter has what it waits for */
void lead_wake(struct waiter *waiter);
/* lead_interrupt() - tern_wake() is for this waiter */
void lead_interrupt(struct waiter *waiter);
/* lead_wake_items() - something came into the queue: wake one that waits for items */
void lead_wake_items(tern_bus *bus);
/* lead_check_room() - wake those whose room came, queue the notices */
void lead_check_room(tern_bus *bus);
/* lead_queued() - something came into the queue: whoever polls tern_fd() is to hear of it */
void lead_queued(tern_bus *bus);
/* lead_arm() - leave tern_fd() readable if more waits, else not; set the timer */
void lead_arm(tern_bus *bus, bool more);

/* --- sending (send.c) --- */

#define SEND_AGAIN (UINT32_C(1) << 31) /* a flag beside those of the API: taps have seen it already */

#define SEND_KEEP  (UINT32_C(1) << 30) /* what finds no room is kept: nobody can wait for it (reply.h) */

/*
 * send_record() - wait for room, stamp, push, ring
 * @deadline: as lead_wait()
 * Return: 0, -EAGAIN, -ETIME, -EHOSTDOWN, -ECONNRESET, -ENOMEM, with the error recorded.
 */
int send_record(struct partner *partner, struct outgoing *out, const int *fds, uint64_t deadline,
	uint32_t flags);
/*
 * send_try() - the same without waiting, and past what is kept for this partner (reply.h, backlog.h); flags: TERN_BATCH
 * An event leaves the last eighth of the ring to others.
 * Return: 0, LINK_E_FULL, or a negative errno, which is not recorded.
 */
int send_try(struct partner *partner, struct outgoing *out, const int *fds, uint32_t flags);
/* send_lost() - n events were dropped instead; it is rung for them as for a record */
void send_lost(struct partner *partner, uint64_t n);
/* send_failed() - record this errno of a send; returns it */
int send_failed(const struct partner *partner, int r);
/* send_is_roomy() - surely yes to send_room(), at a glance; false says nothing */
static inline bool
send_is_roomy(const struct partner *partner, const struct outgoing *out, bool is_event)
{
	return !partner->keeps && !partner->dead && out->load.n_lent + out->load.n_fds == 0 &&
		link_is_roomy(partner->link, out->header->size, is_event);
}

/*
 * send_room() - link_room() for this record, with closed and broken links as -EHOSTDOWN, -ECONNRESET
 * What is kept goes first: replies before all, events before events.
 */
int send_room(struct partner *partner, const struct outgoing *out, bool is_event);
/*
 * send_wait_room() - wait until there may be room; the lock is given up meanwhile
 * Return: 0, -ETIME.  Ends a batch before it waits.
 */
int send_wait_room(struct partner *partner, const struct outgoing *out, bool is_event,
	uint64_t deadline);
/* send_want_room() - after -EAGAIN: a TERN_WRITABLE when there is room for this */
void send_want_room(struct partner *partner, const struct outgoing *out, bool is_event);

/* A receiver of an event, and the record it gets: that of its trust domain. */
struct send_to {
	struct partner *partner;
	struct outgoing *out;
};

/*
 * send_events() - stamp, push to all of them, commit if they are several, ring
 * Room was made sure of under the same lock. Who could not be told of segments or descriptors
 * loses the event, which is counted.
 */
void send_events(tern_bus *bus, const struct send_to *to, size_t n, const int *fds, uint32_t flags);
/* send_flush() - end the batch: fence, bells */
void send_flush(tern_bus *bus);
/* send_self() - queue a sealed message for oneself; takes the references */
int send_self(tern_bus *bus, uint32_t kind, tern_message *message, tern_call *call);
/* send_from_daemon() - queue an event of ternd's, in its place among the others; takes the message */
int send_from_daemon(tern_bus *bus, tern_message *message, uint64_t rule);
