/* SPDX-License-Identifier: MIT */

/* worker: one program of the soak, from its first handle to its last; see soak.h */

#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_NS UINT64_C(500000000) /* of what ternd is asked */
#define WAIT_NS    UINT64_C(20000000)  /* for slow subscribers, mostly */

/* __lsan_do_recoverable_leak_check() - there under ASan alone; _exit() would pass it by */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void
doing(struct worker *worker, const char *what)
{
	store_rlx(&worker->world->doing[worker->number], what); /* the time tells that it is there */
	store_rel(&worker->world->alive_at[worker->number], clock_now_ns());
}

void
count_one(struct worker *worker, enum count count)
{
	(void)add_rlx(&worker->world->counts[count], 1); /* a number, read when all is over */
}

int
may_fail(int r)
{
	if (r != -ENXIO && r != -ENOTCONN && r != -EHOSTDOWN && r != -ETIME && r != -EAGAIN && r != -EREMOTEIO)
		must_be(r, 0); /* which is shown */
	return r;
}

uint64_t
random_size(struct dice *dice)
{
	uint32_t what = dice_below(dice, 200);

	if (what < 120)
		return 0;
	if (what < 160)
		return 1 + dice_below(dice, 300);
	if (what < 190)
		return 1 + dice_below(dice, 5000);
	return 1 + dice_below(dice, what < 199 ? 40000 : 400000);
}

/* --- descriptors and mappings --- */

/* count_maps() - of segments */
static int
count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	must(file != NULL);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, "/memfd:tern") != NULL;
	(void)fclose(file);
	return n;
}

/* --- handles --- */

static void
set_options(struct worker *worker)
{
	static const uint64_t spins[] = {0, 1000, 50000};
	struct dice *dice = &worker->dice;

	must_be(tern_set_option(worker->bus, TERN_OPT_TIMEOUT, TIMEOUT_NS), 0);
	must_be(tern_set_option(worker->bus, TERN_OPT_MAX_WAIT, dice_is(dice, 20) ? 0 : WAIT_NS), 0);
	must_be(tern_set_option(worker->bus, TERN_OPT_SPIN, spins[dice_below(dice, 3)]), 0);
	must_be(tern_set_option(worker->bus, TERN_OPT_ORDER, dice_is(dice, 80)), 0);
	must_be(tern_set_option(worker->bus, TERN_OPT_BUDGET, 1 + dice_below(dice, 256)), 0);
}

static void
open_handle(struct worker *worker)
{
	const char *tags[N_TAGS + 1];
	tern_bus *bus;

	doing(worker, "tern_open");
	worker->life = add_acqrel(&worker->world->n_lives, 1);
	must(worker->life < MAX_LIVES);
	worker->self = &worker->world->lives[worker->life];
	store_rel(&worker->self->worker, worker->number);
	must_be(tern_open(worker->world->address, &bus), 0);
	worker->bus = bus; /* the gate is closed: the helper does not look */
	store_rel(&worker->self->peer, tern_id(bus));
	store_rel(&worker->self->state, LIFE_OPEN);
	set_options(worker);
	worker->exported = false;
	worker->habit = dice_is(&worker->dice, 50) ? HABIT_USUAL : (enum habit)dice_below(&worker->dice, 4);
	store_rlx(&worker->n_calls, 0); /* as bus */
	memset(worker->orders, 0, sizeof(worker->orders));
	memset(worker->numbers, 0, sizeof(worker->numbers));
	for (uint32_t i = 0; i < N_TOPICS; i++)
		must_be(tern_topic_new(bus, mask_tags(topic_mask(i), tags), &worker->topics[i]), 0);
}

/* free_objects() - what belongs to a handle, before or after it is closed */
static void
free_objects(struct worker *worker)
{
	for (size_t i = 0; i < MAX_SUBS; i++)
		unsubscribe(&worker->subs[i]);
	for (size_t i = 0; i < MAX_OPENED; i++)
		value_close(&worker->opened[i]);
	flows_end(worker);
	for (uint32_t i = 0; i < N_NAMES; i++)
		value_free(worker, i);
	for (size_t i = 0; i < N_NAMES; i++)
		worker->services[i] = tern_service_free(worker->services[i]);
	for (size_t i = 0; i < N_TOPICS; i++)
		worker->topics[i] = tern_topic_free(worker->topics[i]);
	for (size_t i = 0; i < MAX_FLIGHTS; i++) {
		if (worker->flights[i].state == FLIGHT_UNDER_WAY)
			(void)tern_call_unref(worker->flights[i].call); /* always NULL */
		worker->flights[i] = (struct flight){0};
	}
	release_kept(worker);
}

static void
close_handle(struct worker *worker)
{
	bool before = dice_is(&worker->dice, 50);

	doing(worker, "tern_close");
	store_rel(&worker->self->state, LIFE_OVER);
	if (before)
		free_objects(worker);
	worker->bus = tern_close(worker->bus);
	if (!before)
		free_objects(worker);
	release_held(worker);
	memset(worker->came, 0, MAX_LIVES * sizeof(*worker->came));
	must_be(count_open_fds(), worker->n_fds);
	must_be(count_maps(), worker->n_maps);
}

static void
reopen(struct worker *worker)
{
	if (load_acq(&worker->world->n_lives) > MAX_LIVES / 2)
		return;
	doing(worker, "the helper's turn");
	(void)pthread_mutex_lock(&worker->gate);
	close_handle(worker);
	open_handle(worker);
	(void)pthread_mutex_unlock(&worker->gate);
}

/* --- taking in --- */

static void
take_event(struct worker *worker, struct tern_event *event)
{
	switch (event->kind) {
	case TERN_CALL:
		must_be(call_came(worker, event->call, event->message, false), 0);
		break;
	case TERN_REPLY:
	case TERN_ERROR:
		call_ended(worker, event->call, event->result, event->message);
		break;
	case TERN_EVENT:
		event_came(worker, event);
		break;
	case TERN_GAP:
		gap_came(worker, event);
		break;
	case TERN_LOST:
		must(event->peer != TERN_PEER_BUS || worker->world->kills);
		break;
	default:
		break; /* links, room, cancelled calls: they show otherwise */
	}
	(void)tern_message_unref(event->message); /* always NULL, as the next */
	(void)tern_call_unref(event->call);
}

/* take_one() - Return: false, nothing is left */
static bool
take_one(struct worker *worker, uint64_t timeout)
{
	struct tern_event event = {.size = sizeof(event)};
	int r = tern_next(worker->bus, timeout, &event);

	must(r == 0 || r == -ETIME || r == -EINTR);
	if (r == 0)
		take_event(worker, &event);
	else if (r == -ETIME)
		calls_forget(worker);
	return r == 0;
}

/* take_polled() - as in somebody else's loop */
static void
take_polled(struct worker *worker, uint64_t timeout)
{
	struct pollfd fd = {.fd = tern_fd(worker->bus), .events = POLLIN};
	int more;

	must(fd.fd >= 0);
	if (!worker->exported)
		must(tern_process(worker->bus) >= 0);
	worker->exported = true;
	(void)poll(&fd, 1, (int)(timeout / NSEC_PER_MSEC)); /* how it ended does not matter */
	do {
		more = tern_process(worker->bus);
		must(more >= 0);
		while (take_one(worker, 0))
			;
	} while (more);
}

static void
take_in(struct worker *worker, uint64_t timeout)
{
	doing(worker, "taking in");
	if (dice_is(&worker->dice, 25)) {
		take_polled(worker, timeout);
		return;
	}
	for (uint32_t n = 1 + dice_below(&worker->dice, 100); n > 0 && take_one(worker, timeout); n--)
		timeout = 0;
}

/* --- what it does --- */

static int
served(tern_call *call, tern_message *m, void *user)
{
	return call_came(user, call, m, true);
}

static void
name_any(struct worker *worker)
{
	static const struct tern_method methods[] = {{"Do", served}};
	uint32_t n = dice_below(&worker->dice, N_NAMES);
	const char *name = soak_name(n);
	int r = 0;

	if (worker->services[n]) {
		value_free(worker, n);
		worker->services[n] = tern_service_free(worker->services[n]);
	} else if (dice_is(&worker->dice, 40))
		r = tern_serve(worker->bus, name, NULL, methods, 1, worker, &worker->services[n]);
	else if (dice_is(&worker->dice, 40))
		r = tern_disown(worker->bus, name);
	else
		r = tern_own(worker->bus, name, dice_below(&worker->dice, 8), NULL);
	must(r == 0 || r == -EEXIST || r == -EINPROGRESS || r == -ENXIO || r == -ETIME || (r == -ENOTCONN && worker->world->kills));
}

static void
call_any(struct worker *worker)
{
	call_sync(worker, &worker->dice, 0);
}

static void
wake(struct worker *worker)
{
	must_be(tern_wake(worker->bus), 0);
}

struct deed {
	const char *name;
	uint32_t share; /* of how many */
	void (*fn)(struct worker *worker);
};

static void
do_any(struct worker *worker)
{
	static const struct deed deeds[] = {
		{"publishing", 300, publish_any}, {"calling", 60, call_any},      {"sending a call", 200, call_async},
		{"calling one way", 40, call_one_way}, {"cancelling", 20, call_cancel}, {"waiting for a call", 40, call_wait},
		{"subscribing", 25, subscribe_any}, {"naming", 25, name_any}, {"waking", 3, wake}, {"reopening", 1, reopen},
		{"streaming", 15, stream_any}, {"setting values", 80, values_set}, {"values of others", 120, value_any},
	};
	uint32_t at = dice_below(&worker->dice, 929);

	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		if (at < deeds[i].share) {
			doing(worker, deeds[i].name);
			deeds[i].fn(worker);
			return;
		}
		at -= deeds[i].share;
	}
}

/* --- the end --- */

/* together() - serve until all workers are so far */
static void
together(struct worker *worker, _Atomic uint32_t *word)
{
	tell(word);
	while (load_acq(word) < worker->world->n_workers)
		take_in(worker, SHORT_NS / 10);
	doing(worker, "something else");
}

/* settle() - no call is under way, in neither direction, and the helper is gone */
static void
settle(struct worker *worker)
{
	uint64_t end = clock_now_ns() + LONG_NS;

	worker->must_serve = true;
	store_rel(&worker->leave, 1);
	while (pthread_tryjoin_np(worker->thread, NULL) != 0) {
		take_in(worker, SHORT_NS / 10);
		must(clock_now_ns() < end);
	}
	must_be(tern_set_option(worker->bus, TERN_OPT_TIMEOUT, LONG_NS), 0);
	must_be(tern_set_option(worker->bus, TERN_OPT_MAX_WAIT, LONG_NS), 0);
	while (calls_under_way(worker)) {
		take_in(worker, SHORT_NS / 10);
		must(clock_now_ns() < end);
	}
	(void)tern_disown(worker->bus, soak_name(0)); /* if it was owned: ternd has answered, and so is there */
}

static void
finish(struct worker *worker)
{
	uint64_t end;
	uint32_t n;

	settle(worker);
	together(worker, &worker->world->quiet);
	for (uint32_t i = 0; i < N_TOPICS; i++)
		publish_on(worker, i, 0, 1000);
	n = load_acq(&worker->world->n_lives);
	for (uint32_t i = 0; i < n; i++)
		if (load_acq(&worker->world->lives[i].state) == LIFE_OPEN)
			call_must(worker, load_acq(&worker->world->lives[i].peer));
	together(worker, &worker->world->published);
	end = clock_now_ns() + LONG_NS;
	while (!is_all_heard(worker, clock_now_ns() >= end) || calls_under_way(worker)) {
		must(clock_now_ns() < end);
		take_in(worker, SHORT_NS / 10);
	}
	together(worker, &worker->world->heard);
	close_handle(worker);
}

void
worker_run(void *user)
{
	const struct worker_start *start = user;
	struct worker *worker = calloc(1, sizeof(*worker));

	must(worker != NULL);
	worker->world = start->world;
	worker->number = start->number;
	dice_init(&worker->dice, start->world->seed, start->number * 1000 + start->times);
	dice_init(&worker->helper_dice, worker->dice.state, 1);
	worker->came = calloc(MAX_LIVES, sizeof(*worker->came));
	must(worker->came != NULL);
	worker->n_fds = count_open_fds();
	worker->n_maps = count_maps();
	must_be(pthread_mutex_init(&worker->gate, NULL), 0);
	must_be(pthread_mutex_init(&worker->lock, NULL), 0);
	open_handle(worker);
	must_be(pthread_create(&worker->thread, NULL, run_helper, worker), 0);
	while (load_acq(&worker->world->phase) == PHASE_RUN) {
		for (uint32_t n = 1 + dice_below(&worker->dice, 8); n > 0; n--)
			do_any(worker);
		must_be(tern_flush(worker->bus), 0);
		take_in(worker, dice_below(&worker->dice, 2000000));
	}
	finish(worker);
	free(worker->came);
	free(worker);
	if (__lsan_do_recoverable_leak_check)
		must_be(__lsan_do_recoverable_leak_check(), 0);
}
