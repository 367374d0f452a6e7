/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * daemon: the conversation with ternd, and the tables it writes
 *
 * Requests are sent by any thread and answered through the leader, who reads the socket when the inbox
 * word moved or epoll says so. Look-ups read the tables and ask nobody. All with the lock held.
 * In direct mode there is no daemon: every function takes a NULL one.
 */

#include "client/bus.h"
#include "client/wish.h"

/* A request under way; on the stack of the thread that waits for it. */
struct request {
	struct request *prev, *next;
	uint64_t serial;
	struct waiter waiter;
	int result;
	struct tern_error error;
	uint32_t state; /* of own */
	uint64_t peer;  /* of introduce, lookup */
	bool is_heap;    /* nobody waits: an introduction, the start of a service, or a call of ternd */
	bool is_call;    /* the latter */
	const char *start; /* a service that is to be started, behind this; NULL none */
	tern_call *calls;  /* that wait for it; counted */
	tern_call *call; /* that call, or the bounced one that it is for; counted; NULL none */
};

#define DAEMON_E_LOOK_UP 1 /* read the table instead */

/* daemon_connect() - connect to ternd and say hello; what it answers is daemon_join()'s, and there is time until then */
int daemon_connect(tern_bus *bus, const char *path);
/* daemon_join() - wait for the welcome; the tables are here. Needs the handle's descriptors. Blocks: 25 s at most. */
int daemon_join(tern_bus *bus);
struct daemon *daemon_free(struct daemon *daemon);
/* daemon_leave() - where ternd ended: so that the next one does not wait for this program, if it is there already */
void daemon_leave(tern_bus *bus);
/* daemon_forked() - in the child: close what is open, nothing else */
void daemon_forked(struct daemon *daemon);

/* daemon_has_news() - did the inbox word move? A load, leader only, with or without the lock. */
bool daemon_has_news(struct daemon *daemon);
/* daemon_read() - take all that ternd sent. Return: how many messages. Leader. */
size_t daemon_read(tern_bus *bus);
/* daemon_is_over() - ternd said bye and hung up: there is no bus any more */
bool daemon_is_over(const struct daemon *daemon);
/*
 * daemon_again() - where ternd is gone: is another one there? Cheap while it is too early to look.
 * Return: when to look again, host time; UINT64_MAX: there is no need to.  Leader.
 */
uint64_t daemon_again(tern_bus *bus);
/*
 * daemon_look() - has ternd ended, or is another one there? For those who may take nothing in for long, but
 * publish or look names up. Cheap where it lives. Where another one is found it is joined, which takes a moment.
 */
void daemon_look(tern_bus *bus);
/* daemon_is_away() - ternd ended, and this program is not a part of the next one yet */
bool daemon_is_away(const struct daemon *daemon);
/* daemon_again_at() - the same, only told */
uint64_t daemon_again_at(const tern_bus *bus);
/* daemon_told() - was the program told so? From now on it was. */
bool daemon_told(struct daemon *daemon);

/* daemon_owner() - who owns a name, by the tables. Return: 0, -ENXIO, -EAGAIN they could not be read. Blocks: never. */
int daemon_owner(tern_bus *bus, const char *name, tern_peer *ret);
/* daemon_ask() - the same, by asking ternd: one who says more where nobody does (ERROR_NOT_STARTED) */
int daemon_ask(tern_bus *bus, const char *name, uint64_t deadline, tern_peer *ret);
/* daemon_lookup() - the same; where the tables could not be read ternd is asked, but not by the leader in its round */
int daemon_lookup(tern_bus *bus, const char *name, tern_peer *ret);
int daemon_identify(tern_bus *bus, tern_peer peer, struct tern_identity *ret);
/* daemon_pidfd() - -ENXIO, or as process_open() */
int daemon_pidfd(tern_bus *bus, tern_peer peer, int *ret);
/* daemon_has_name() - does this program own it, or has it asked to? */
bool daemon_has_name(const tern_bus *bus, const char *name);

/* daemon_is_stalled() - it did not answer in time, and has said nothing since: publishers do not wait again */
bool daemon_is_stalled(tern_bus *bus);
/* daemon_introduce() - a link to a peer, waiting for ternd. Return: 0, -ENXIO, -ETIME, -EAGAIN, … */
int daemon_introduce(tern_bus *bus, tern_peer peer, uint64_t deadline, struct partner **ret);
/*
 * daemon_introduce_owner() - the same to whoever owns a name, as long as there is no link and no name was looked up
 * So who calls once maps no table of names. Return: as daemon_introduce(), or DAEMON_E_LOOK_UP.
 */
int daemon_introduce_owner(tern_bus *bus, const char *name, uint64_t deadline, struct partner **ret);
/* daemon_introduce_for() - the same without waiting, for a call that was bounced; NULL: for what comes next */
int daemon_introduce_for(tern_bus *bus, tern_peer peer, tern_call *call);
/*
 * daemon_call() - send a call of ternd itself; its answer, or its end, comes by call_finish()
 * @deadline: until when room in its socket is waited for, of this process's clock
 * Return: 0, -EAGAIN, -ETIME, -E2BIG, …; recorded.
 */
int daemon_call(tern_call *call, uint64_t deadline);
/*
 * daemon_start() - send a call as soon as ternd has started its service; what becomes of that comes by call_started()
 * @deadline: until when room in ternd's socket is waited for, of this process's clock
 * Return: 0, -ENXIO it is not to be started, -EAGAIN, -ETIME, -ENOMEM; recorded.
 */
int daemon_start(tern_call *call, uint64_t deadline);
/* daemon_start_forget() - it does not wait for that any more; drops the reference */
void daemon_start_forget(tern_call *call);
/* daemon_unlinked() - this end of a link was closed */
void daemon_unlinked(tern_bus *bus, const struct partner *partner);

int daemon_own(tern_bus *bus, const char *name, uint32_t flags, const char *const *labels);
int daemon_disown(tern_bus *bus, const char *name);
/* daemon_release() - the same without waiting for the answer */
void daemon_release(tern_bus *bus, const char *name);
int daemon_list(tern_bus *bus, tern_name_fn *fn, void *user);

int daemon_rule_add(tern_bus *bus, uint64_t id, const struct tern_rule *rule);
/* daemon_rule_remove() - without waiting for the answer; may_wait: for room in ternd's socket. Return: 0, -ETIME, … */
int daemon_rule_remove(tern_bus *bus, uint64_t id, bool may_wait);

/* daemon_watch() - ask ternd to say when one of these words changes. Return: 0 and the serial, -EAGAIN, -ENOTCONN. */
int daemon_watch(tern_bus *bus, const uint8_t *words, size_t size, uint64_t *ret_serial);

/* Who hears a topic, in the rules of the tables; topic.c keeps the answer. */
struct plan_entry {
	tern_peer peer;
	struct wish wish; /* of one rule */
};

/* daemon_map_rules() - before the rest of this: what only publishers read. Return: 0, -EPROTO, -ENOMEM; recorded. */
int daemon_map_rules(tern_bus *bus);

/*
 * daemon_versions() - the version words that decide whether a plan still holds
 * @tags: encoded; @ret: at least 3 + n_tags of them. Where the own names have no room in it, the last is
 * TOPIC_ALL_SENDERS.
 * Return: how many there are, at most max.
 */
size_t daemon_versions(tern_bus *bus, const uint8_t *tags, uint8_t n_tags, uint32_t *ret, size_t max);
/* daemon_match() - all rules that match; *ret is heap, the caller's */
int daemon_match(tern_bus *bus, const uint8_t *tags, uint8_t n_tags, struct plan_entry **ret, size_t *ret_n);
/* daemon_match_taps() - all that have a rule for copies of this program's messages. May give up the lock. */
int daemon_match_taps(tern_bus *bus, struct plan_entry **ret, size_t *ret_n);
/* daemon_map_versions() - bus->versions, for who publishes nothing. Return: 0, -EPROTO, -ENOMEM. */
int daemon_map_versions(tern_bus *bus);
