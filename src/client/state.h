/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * state: values that a service keeps, and those of others that were opened
 *
 * A value lies in a segment of its own (shm/value.h), whose descriptor a service hands to who asks with the
 * built-in member below. A change is stored first and published after, with a full fence between; who
 * subscribes has his rule known first and reads after. So one of the two sees the other (edge T8), and what is not
 * in the first reading comes as an event.
 *
 * Threads: with the handle's lock unless said.
 */

#include "client/bus.h"
#include "client/typed.h"
#include "shm/value.h"

#define STATE_MEMBER   "tern.State" /* {name:s} -> {value:h, number:u} */
#define STATE_SET      "tern.Set"   /* {name:s, value:v} -> {} */
#define STATE_TAG      "tern.state" /* all changes of values have it; and with #NUMBER, those of one of the peer's */
#define STATE_RESERVED "tern."      /* no value's name begins so, that it is not taken for such a tag */

enum {
	STATE_TAG_ROOM = sizeof(STATE_TAG) + 21,
};

struct tern_state {
	_Atomic uint32_t refs;          /* the program's, and one for each subscription */
	tern_bus *bus;                  /* counted */
	struct tern_state *prev, *next; /* bus->states */
	bool shown;                     /* is in that list */
	char *name;
	uint64_t number; /* of its owner's, never used again: a later value of the same name is another one */
	struct value value;
	struct typed typed; /* what it has to be; interface NULL: nothing is known */
	tern_peer owner;
	_Atomic bool gone; /* opened: its owner is */
	bool is_foreign;   /* opened: its owner is of another trust domain */
	/* kept here */
	tern_service *service; /* not counted; NULL: it was freed, or is another program's */
	tern_topic *topic;     /* its changes */
	uint8_t *packed;       /* value.max bytes; NULL: another program's */
	tern_state_set_fn *on_set; /* what others ask for; NULL: they may not */
	void *set_user;
	uint32_t n_running;      /* threads in it */
	pthread_mutex_t setting; /* taken before the handle's lock: versions are published in turn */
};

/* state_make() - one that nobody knows yet; without the lock. Return: 0, or a negative errno with the error recorded. */
int state_make(tern_bus *bus, const char *name, tern_state **ret);
/* state_show() - from here on state_find() and state_owner_gone() come across it */
void state_show(tern_state *state);
/* state_find() - of a service; of any where that is NULL. With the lock.  Return: borrowed; NULL. */
tern_state *state_find(tern_bus *bus, const tern_service *service, const char *name);
/* state_none() - answer that there is no such value; without the lock */
void state_none(const tern_service *service, tern_call *call, const char *name);
/* state_tag() - what events of a value have, and rules about it ask for */
void state_tag(uint64_t number, char ret[STATE_TAG_ROOM]);
/*
 * state_hand_out() - what another one needs to read a value
 * @service: NULL: of any
 *
 * Without the lock.  Return: a descriptor, the caller's; -ENOENT; another negative errno.
 */
int state_hand_out(tern_bus *bus, const tern_service *service, const char *name, uint64_t *ret_number);

/* state_answer() - the built-in member of a service; without the lock */
void state_answer(tern_service *service, tern_call *call, tern_message *m);

/* --- held against interfaces (state-set.c); without the lock --- */

/* state_take_type() - of its service's interface, if that has one. Return: 0; -EINVAL it does not have this value. */
int state_take_type(tern_state *state, const tern_service *service);
/* state_check_own() - may its owner set this? Return: 0; -EINVAL. */
int state_check_own(const tern_state *state, const void *cbor, size_t size);
/* state_check() - is that what its owner may say? Return: 0; -EBADMSG. */
int state_check(const tern_state *state, const void *cbor, size_t size);
/* state_answer_set() - the built-in member that asks for another value */
void state_answer_set(tern_service *service, tern_call *call, tern_message *m);

/* state_owner_gone() - a peer's link ended: what was opened of it is stale */
void state_owner_gone(tern_bus *bus, tern_peer peer);
/* state_service_gone() - its values are kept for who has them, but not found any more */
void state_service_gone(tern_service *service);

/* state_ref(), state_unref() - counted; NULL is fine to give back; without the lock */
tern_state *state_ref(tern_state *state);
tern_state *state_unref(tern_state *state);

/*
 * state_wants() - is this version new to a subscription? If so it counts as seen.
 * state_dropped() - what it wanted could not be queued
 * state_tell_now() - queue the newest value, if it is new to it. Return: 0, -ENOMEM.
 * state_newest() - an event of a TERN_LATEST subscription is about to be handed out: make it the newest.
 *	Return: false, what it would be was handed out already.
 */
bool state_wants(tern_subscription *s, uint64_t version);
void state_dropped(tern_subscription *s);
int state_tell_now(tern_subscription *s);
bool state_newest(tern_subscription *s, struct item *item);
