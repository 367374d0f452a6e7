/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * call: a call under way, on either side
 *
 *      caller:  sent -> (bounced -> sent)* -> done: reply, error, died, expired, cancelled
 *      service: received -> queued -> handler -> answered, or dropped: then "no reply" answers
 *
 * Counted atomically; the last reference takes the lock. All functions here are called with the lock held, but for
 * those that say otherwise.
 */

#include "client/bus.h"

struct tern_call {
	_Atomic uint32_t refs;
	bool incoming;
	bool done;     /* caller: decided; service: answered */
	bool taken;    /* caller: the answer was handed out, or the call is being sent: there can be none */
	bool no_reply; /* service: nobody waits for an answer */
	bool is_private; /* service: and so is the answer */
	bool sent;
	bool handed; /* service: tern_next() gave it out, so that a cancel is told the same way */
	_Atomic bool cancelled;
	tern_bus *bus;           /* counted */
	struct partner *partner; /* counted; NULL: oneself, or ternd */
	uint64_t serial;
	uint64_t deadline; /* host time; UINT64_MAX none */
	uint64_t trace;
	uint64_t stamp; /* service: of the call; 0: it does not count */
	/* either: to hold what comes against; method only with interface, which is counted; NULL: nothing is known */
	tern_interface *interface;
	const struct interface_member *method;
	/* caller */
	tern_message *message; /* the call, kept for bounces; counted */
	uint32_t flags, bounces;
	bool to_ternd; /* a call of ternd itself */
	struct request *starting; /* of ternd, to start the service: it has a reference, and this in its calls; NULL: none */
	bool asking; /* ternd, for a link to the new owner, or for the answer itself: the request has a reference */
	int result;
	tern_message *reply; /* counted */
	struct tern_error *error;
	struct stream *stream; /* either side; NULL: parts are neither sent nor taken */
	struct waiter *waiter; /* the thread in tern_call_wait() */
	tern_reply_fn *fn;
	void *user;
	struct tern_call *prev, *next;           /* of the partner: calls, or incoming; of what starts it */
	struct tern_call *soon_prev, *soon_next; /* by deadline */
	/* service, of a call from oneself */
	tern_call *origin; /* counted */
};

struct tern_service {
	tern_bus *bus; /* counted */
	struct tern_service *prev, *next;
	char *name; /* "": of direct links */
	struct tern_method *methods;
	size_t n_methods;
	tern_interface *interface; /* counted; NULL: nothing is said */
	tern_method_fn **typed;    /* of it: by the member's place among its members; NULL: no method */
	void *user;
	bool owned; /* the name was asked for here */
	bool freed; /* inside a handler: goes when the last of its own returns */
	uint32_t n_running;
	uint64_t n_calls;
};

/* call_is_own_domain() - is the other end trusted as this program itself? */
static inline bool
call_is_own_domain(const tern_call *call)
{
	return !call->partner || call->partner->link->same_domain;
}

/* call_is_to_self() - this program waits for itself, if it waits */
static inline bool
call_is_to_self(const tern_call *call)
{
	return !call->partner && !call->to_ternd && !call->starting;
}

/* call_part_flags() - of what goes with a call: which way, and for nobody else's eyes if the call was not */
static inline uint16_t
call_part_flags(const tern_call *call)
{
	if (call->incoming)
		return call->is_private ? WIRE_BACK | WIRE_PRIVATE : WIRE_BACK;
	return call->flags & TERN_PRIVATE ? WIRE_PRIVATE : 0;
}

/* call_alloc() - zero but for refs and bus; NULL out of memory */
tern_call *call_alloc(tern_bus *bus);
tern_call *call_unref_locked(tern_call *call);
/* call_let_go() - the same of a program's reference: the caller's last one cancels; returns NULL */
tern_call *call_let_go(tern_call *call);
/* call_give_up() - tell the service that it need not answer, and finish the call. May give up the lock. */
void call_give_up(tern_call *call, int result, const char *name, const char *text);

/* --- under way (call-table.c) --- */

/* call_link() - give it a serial, and the table a reference. Return: 0, -ENOMEM. */
int call_link(tern_call *call);
/* call_take_out() - out of the table. Return: it was there, and the table's reference is the caller's now. */
bool call_take_out(tern_call *call);
/* call_unlink() - the same, and drops that reference; the caller of this function holds another one */
void call_unlink(tern_call *call);
/* calls_find() - borrowed; NULL: none under way has this serial */
tern_call *calls_find(tern_bus *bus, uint64_t serial);

/* --- sent (call-send.c) --- */

/* call_new_message() - tern_message_new_call() */
int call_new_message(tern_bus *bus, const char *service, const char *member, uint64_t deadline,
	tern_message **ret);
/*
 * call_begin() - make the call of a message and send it
 * @m: its reference is taken on success
 * Return: as tern_send(), with the error recorded.
 */
int call_begin(tern_message *m, uint64_t deadline, uint32_t flags, tern_call **ret);
/* call_send() - the record, or the own queue. Waits for room up to the deadline. Return: as call_begin(). */
int call_send(tern_call *call, uint64_t deadline);
/* call_deadline() - of this process's clock, from a timeout of the API; with the lock */
uint64_t call_deadline(tern_bus *bus, uint64_t timeout);

/* --- taken in (service.c, call-answer.c) --- */

/* call_arrived() - a call was taken in: queue it, bounce it, or answer it; takes the message */
void call_arrived(struct partner *partner, tern_message *m);
/* call_arrived_self() - the same of one's own; takes both references */
void call_arrived_self(tern_bus *bus, tern_message *m, tern_call *origin);
/* call_answered() - a reply or an error came; takes the message */
void call_answered(struct partner *partner, tern_message *m);
/* call_cancelled() - the caller at the other end gave up */
void call_cancelled(struct partner *partner, const struct wire_header *header);

/* call_queue_answer() - for its handler, or for tern_next(); whoever is second finds it taken */
void call_queue_answer(tern_call *call);
/* call_finish() - decide a call of ours; takes reply */
void call_finish(tern_call *call, int result, tern_message *reply, const char *name, const char *text);
/* call_fail_partner() - all calls to it: it died */
void call_fail_partner(struct partner *partner);
/* call_cancel_all() - the handle is closed */
void call_cancel_all(tern_bus *bus);
/* call_expire() - those whose deadline passed. Return: when the next one does, host time. */
uint64_t call_expire(tern_bus *bus);
/*
 * call_started() - its service runs now, and @partner (NULL: it is this very program) has the name; or not
 * @result: 0, or negative with its error. The reference of what started it is dropped.
 */
void call_started(tern_call *call, struct partner *partner, int result, const struct tern_error *error);
/* call_resend() - send again what was bounced, now that there is a partner; NULL partner: nobody has the name */
void call_resend(tern_call *call, struct partner *partner, int result);

/* call_answered_self() - a reply to a call to oneself; takes both references */
void call_answered_self(tern_call *call, tern_message *m);

/* --- who is called (call-resolve.c) --- */

enum {
	CALL_E_NOT_STARTED = 1,
};

/*
 * call_resolve() - who is that? *ret NULL: oneself; else borrowed. Waits for ternd up to the deadline.
 * Return: 0; CALL_E_NOT_STARTED: nobody yet, and sending the call starts the service; or negative, recorded
 */
int call_resolve(tern_bus *bus, const char *service, uint64_t deadline, struct partner **ret);

/* --- waited for (call-wait.c) --- */

/* call_library() - send a call to the other end's library; wait: for its answer, up to the default timeout; m stays the caller's */
int call_library(tern_message *m, bool wait);

/* --- services (serve.c) --- */

/* service_find() - who serves this name here, borrowed; NULL nobody */
tern_service *service_find(tern_bus *bus, const char *name);

/*
 * service_for() - who takes a call here: by name, or of a call to a peer's number who has the member
 *
 * Return: borrowed; NULL: nobody.
 */
tern_service *service_for(tern_bus *bus, const char *name, const char *member);
/* service_destroy() - its memory; without the lock */
void service_destroy(tern_service *service);
/* service_run() - run the method; without the lock. The references stay the caller's. */
void service_run(tern_service *service, tern_call *call, tern_message *m);
/* service_failed() - answer with this errno, in the words of who read the caller's values, if it was that; without the lock */
void service_failed(tern_call *call, int r);

/* reply_item_locked() - answer with one encoded item, and do not wait */
int reply_item_locked(tern_call *call, const void *cbor, size_t size);
/* --- answered (service.c) --- */

/* reply_error_locked() - answer with an error; may_wait: as reply_send() */
int reply_error_locked(tern_call *call, const char *name, const char *text, bool may_wait);
