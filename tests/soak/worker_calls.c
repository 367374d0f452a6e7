/* SPDX-License-Identifier: MIT */

/* worker_calls: calling, being called, and the helper that answers later; see worker.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

#define CALL_NS UINT64_C(500000000) /* nobody waits longer */

/* --- being called --- */

int
reply_to(tern_call *call, const struct stamp *stamp, struct dice *dice)
{
	struct stamp answer = {
		.life = stamp->life,
		.stream = stamp->stream,
		.number = stamp->number,
		.size = random_size(dice),
		.has_fd = dice_is(dice, 5),
	};
	tern_message *m;
	int r;

	r = tern_message_new_reply(call, &m);
	if (r < 0)
		return r;
	r = stamp_write(&answer, m, dice_is(dice, 30));
	if (r == 0)
		r = tern_reply_message(m);
	(void)tern_message_unref(m); /* always NULL */
	return r == -ESHUTDOWN ? r : may_fail(r);
}

/* hold() - leave it to the helper. Return: it has no place for it. */
static bool
hold(struct worker *worker, tern_call *call, const struct stamp *stamp)
{
	bool has_place;

	(void)pthread_mutex_lock(&worker->lock);
	has_place = worker->n_held < MAX_HELD;
	if (has_place)
		worker->held[worker->n_held++] = (struct held){tern_call_ref(call), *stamp};
	(void)pthread_mutex_unlock(&worker->lock);
	return !has_place;
}

int
call_came(struct worker *worker, tern_call *call, tern_message *m, bool styled)
{
	struct stamp stamp;
	uint32_t what = dice_below(&worker->dice, 100);

	if (strcmp(tern_message_member(m), "Do") != 0)
		return 0; /* somebody opens a value of a name that has no service: dropped */
	if (tern_call_is_stream(call))
		return stream_came(worker, call, m);
	stamp_read(&stamp, m);
	must(stamp.life < MAX_LIVES && stamp.number < MAX_CALLS);
	must_be(tern_call_sender(call), load_acq(&worker->world->lives[stamp.life].peer));
	must_be(add_acqrel(&worker->world->lives[stamp.life].handled[stamp.number], 1), 0);
	order_came(worker, &stamp, styled, false);
	if (worker->must_serve || what < 50) {
		(void)reply_to(call, &stamp, &worker->dice); /* who called may be gone */
		return 0;
	}
	if (what < 75 && !hold(worker, call, &stamp))
		return 0;
	if (what < 85)
		return styled ? -EIO : 0;
	if (what < 92)
		(void)may_fail(tern_reply_error(call, "org.example.Soak.Refused", "not today"));
	return 0; /* dropped: it answers by itself */
}

/* take_held() - any of them */
static bool
take_held(struct worker *worker, struct dice *dice, struct held *ret)
{
	uint32_t i;
	bool found;

	(void)pthread_mutex_lock(&worker->lock);
	found = worker->n_held > 0;
	if (found) {
		i = dice_below(dice, worker->n_held);
		*ret = worker->held[i];
		worker->held[i] = worker->held[--worker->n_held];
	}
	(void)pthread_mutex_unlock(&worker->lock);
	return found;
}

void
release_held(struct worker *worker)
{
	struct held held;

	while (take_held(worker, &worker->dice, &held)) {
		must_be(reply_to(held.call, &held.stamp, &worker->dice), -ESHUTDOWN);
		(void)tern_call_unref(held.call); /* always NULL */
	}
}

void *
run_helper(void *user)
{
	struct worker *worker = user;
	struct dice dice = worker->helper_dice;
	struct held held;

	for (;;) {
		bool found;

		(void)pthread_mutex_lock(&worker->gate);
		found = worker->bus && take_held(worker, &dice, &held);
		if (found) {
			(void)reply_to(held.call, &held.stamp, &dice); /* as above */
			(void)tern_call_unref(held.call); /* always NULL */
		}
		if (worker->bus && !load_acq(&worker->leave) && dice_is(&dice, 20))
			call_sync(worker, &dice, 1);
		(void)pthread_mutex_unlock(&worker->gate);
		if (!found && load_acq(&worker->leave))
			return NULL;
		(void)usleep(dice_below(&dice, 3000)); /* so that answers are late */
	}
}

/* --- calling --- */

const char *
somebody(struct worker *worker, struct dice *dice, char *storage, size_t size)
{
	uint32_t n = load_acq(&worker->world->n_lives), back = 2 * worker->world->n_workers;
	uint64_t peer;

	if (dice_is(dice, 40))
		return soak_name(dice_below(dice, N_NAMES));
	back = dice_below(dice, MIN(n, back));
	peer = load_acq(&worker->world->lives[n - 1 - back].peer);
	if (!peer)
		return soak_name(0); /* it is opening only now */
	(void)snprintf(storage, size, ":%llu", (unsigned long long)peer);
	return storage;
}

/* make_call() - Return: 0, or why it cannot be sent; *number is its own whatever becomes of it */
static int
make_call(struct worker *worker, struct dice *dice, uint32_t stream, const char *service, tern_message **ret,
	uint64_t *number)
{
	struct stamp stamp = {.life = worker->life, .stream = stream};
	tern_message *m;
	int r;

	if (load_rlx(&worker->n_calls) >= MAX_CALLS - 1) /* a race costs no more than one number */
		return -ENXIO;
	r = tern_message_new_call(worker->bus, service, "Do", &m);
	if (r < 0)
		return may_fail(r);
	stamp.number = add_rlx(&worker->n_calls, 1); /* nothing depends on which one it is */
	stamp.order = service[0] == ':' ? ++worker->orders[stream] : 0; /* a name's may be sent again */
	stamp.size = random_size(dice);
	stamp.has_fd = dice_is(dice, 5);
	r = stamp_write(&stamp, m, dice_is(dice, 30));
	if (r == 0) {
		*number = stamp.number;
		*ret = m;
		return 0;
	}
	(void)tern_message_unref(m); /* always NULL */
	return may_fail(r);
}

static uint64_t
n_handled(const struct worker *worker, uint64_t number)
{
	return load_acq(&worker->self->handled[number]);
}

/* check_answer() - the end of a call: what it may be, and that it is its own */
static void
check_answer(struct worker *worker, uint64_t number, int result, tern_message *reply)
{
	struct stamp stamp;

	(void)may_fail(result);
	count_one(worker, result == 0 ? COUNT_CALLS : result == -ETIME ? COUNT_TIMED_OUT : COUNT_FAILED);
	if (result == -ENXIO)
		must_be(n_handled(worker, number), 0);
	if (result)
		return;
	stamp_read(&stamp, reply);
	must_be(stamp.life, worker->life);
	must_be(stamp.number, number);
	must_be(n_handled(worker, number), 1);
}

bool
is_own(struct worker *worker, const char *service)
{
	tern_peer peer = 0;

	if (service[0] == ':')
		return strtoull(service + 1, NULL, 10) == load_acq(&worker->self->peer);
	return tern_lookup(worker->bus, service, &peer) == 0 && peer == load_acq(&worker->self->peer);
}

/* sync_stamped() - whatever the service says to it. tern_send() and tern_call_wait() would not do where two take in. */
static int
sync_stamped(struct worker *worker, const char *service, const struct stamp *stamp, tern_message **ret)
{
	return tern_call_sync(worker->bus, service, "Do", ret, NULL, STAMP_FORMAT, stamp->life, stamp->stream,
		stamp->order, stamp->number, stamp->topic, stamp->size, stamp->has_fd, stamp_sum(stamp));
}

void
call_sync(struct worker *worker, struct dice *dice, uint32_t stream)
{
	struct stamp stamp = {.life = worker->life, .stream = stream};
	char storage[32];
	const char *service = somebody(worker, dice, storage, sizeof(storage));
	tern_message *reply = NULL;
	int r;

	if (is_own(worker, service) || load_rlx(&worker->n_calls) >= MAX_CALLS - 1) /* as above */
		return;
	stamp.number = add_rlx(&worker->n_calls, 1);
	stamp.order = service[0] == ':' ? ++worker->orders[stream] : 0;
	r = sync_stamped(worker, service, &stamp, &reply);
	check_answer(worker, stamp.number, r, reply);
	(void)tern_message_unref(reply); /* always NULL */
}

/* --- not waiting --- */

uint32_t
calls_under_way(const struct worker *worker)
{
	uint32_t n = 0;

	for (size_t i = 0; i < MAX_FLIGHTS; i++)
		n += worker->flights[i].state == FLIGHT_UNDER_WAY;
	return n;
}

void
calls_forget(struct worker *worker)
{
	for (size_t i = 0; i < MAX_FLIGHTS; i++)
		if (worker->flights[i].state == FLIGHT_CANCELLED)
			worker->flights[i].state = FLIGHT_NONE;
}

static struct flight *
flight_in(struct worker *worker, enum flight_state state)
{
	size_t begin = dice_below(&worker->dice, MAX_FLIGHTS);

	for (size_t i = 0; i < MAX_FLIGHTS; i++)
		if (worker->flights[(begin + i) % MAX_FLIGHTS].state == state)
			return &worker->flights[(begin + i) % MAX_FLIGHTS];
	return NULL;
}

static void
flight_ended(struct flight *flight, int result, tern_message *reply)
{
	must_be(flight->state, FLIGHT_UNDER_WAY); /* once */
	if (flight->must_succeed)
		must_be(result, 0);
	check_answer(flight->worker, flight->number, result, reply);
	flight->state = FLIGHT_NONE;
	flight->call = tern_call_unref(flight->call);
}

static void
on_answer(tern_call *call, int result, tern_message *reply, const struct tern_error *error, void *user)
{
	struct flight *flight = user;

	must(flight->call == call);
	must((result == 0) == (reply != NULL && !error));
	flight_ended(flight, result, reply);
}

void
call_ended(struct worker *worker, tern_call *call, int result, tern_message *reply)
{
	for (size_t i = 0; i < MAX_FLIGHTS; i++) {
		struct flight *flight = &worker->flights[i];

		if (flight->state == FLIGHT_NONE || flight->call != call)
			continue;
		must(!flight->styled);
		if (flight->state == FLIGHT_UNDER_WAY)
			flight_ended(flight, result, reply);
		else
			flight->state = FLIGHT_NONE;
		return;
	}
	must(!"the answer to a call that is under way");
}

static void
launch(struct worker *worker, const char *service, uint64_t timeout, uint32_t flags, bool must_succeed)
{
	struct flight *flight = flight_in(worker, FLIGHT_NONE);
	tern_message *m;
	tern_call *call;
	uint64_t number;
	int r;

	if (!flight)
		return;
	r = make_call(worker, &worker->dice, 0, service, &m, &number);
	if (must_succeed)
		must_be(r, 0);
	if (r < 0)
		return;
	r = may_fail(tern_send(m, timeout, flags, &call));
	(void)tern_message_unref(m); /* always NULL */
	if (must_succeed)
		must_be(r, 0);
	if (r < 0)
		return;
	for (size_t i = 0; i < MAX_FLIGHTS; i++) /* one that was cancelled had the same address */
		if (worker->flights[i].call == call)
			worker->flights[i].state = FLIGHT_NONE;
	*flight = (struct flight){worker, FLIGHT_UNDER_WAY, dice_is(&worker->dice, 50), call, number, must_succeed};
	if (flight->styled && tern_call_then(call, on_answer, flight) < 0)
		flight->styled = false; /* the helper took it in: it comes out of tern_next() */
}

void
call_async(struct worker *worker)
{
	char storage[32];
	const char *service = somebody(worker, &worker->dice, storage, sizeof(storage));
	uint32_t flags = (dice_is(&worker->dice, 40) ? TERN_NONBLOCK : 0) |
		(dice_is(&worker->dice, 30) ? TERN_BATCH : 0);

	launch(worker, service, dice_below(&worker->dice, 2 * CALL_NS), flags, false);
}

void
call_must(struct worker *worker, uint64_t peer)
{
	char service[32];

	(void)snprintf(service, sizeof(service), ":%llu", (unsigned long long)peer);
	launch(worker, service, LONG_NS, 0, true);
}

void
call_one_way(struct worker *worker)
{
	char storage[32];
	const char *service = somebody(worker, &worker->dice, storage, sizeof(storage));
	tern_message *m;
	uint64_t number;

	if (make_call(worker, &worker->dice, 0, service, &m, &number) < 0)
		return;
	(void)may_fail(tern_send(m, CALL_NS, TERN_NO_REPLY, NULL));
	(void)tern_message_unref(m); /* always NULL */
}

void
call_cancel(struct worker *worker)
{
	struct flight *flight = flight_in(worker, FLIGHT_UNDER_WAY);

	if (!flight || flight->styled) /* a handler keeps its call going */
		return;
	flight->state = FLIGHT_CANCELLED;
	(void)tern_call_unref(flight->call); /* always NULL; the address is kept, to be compared */
}

void
call_wait(struct worker *worker)
{
	struct flight *flight = flight_in(worker, FLIGHT_UNDER_WAY);
	tern_message *reply = NULL;
	struct tern_error error;
	int r;

	if (!flight || flight->styled)
		return;
	r = tern_call_wait(flight->call, dice_below(&worker->dice, 2000000), &reply, &error);
	if (r != -EAGAIN || strcmp(error.name, "tern.Timeout") != 0) /* else it goes on */
		flight_ended(flight, r, reply);
	(void)tern_message_unref(reply); /* always NULL */
}
