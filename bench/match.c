/* SPDX-License-Identifier: MIT */

/*
 * match: publishing where there are few or many rules, four of which match
 *
 * The server has the four rules on one handle and the others, which match
 * nothing that is published, on another. After each lap the publisher waits
 * until all of it was heard, so that it never meets a full ring.
 */

#include <sched.h>
#include <stdio.h>

#include "base/clock.h"
#include "lap.h"
#include "payload.h"
#include "tern_bus.h"

#define TAG	   "org.example.Bench"
#define PATIENCE   (10 * NSEC_PER_SEC)
#define N_MATCHING 4
#define N_TOPICS   1000

/* In the scratch of the run. */
struct match_shared {
	_Atomic uint64_t heard; /* by all four rules together; server */
};

static struct match_shared *
shared_of(struct bench_run *run)
{
	return (struct match_shared *)(void *)run->shared->scratch;
}

/* --- the server --- */

struct listener {
	struct bench_run *run;
	int result;
};

static void
on_event(tern_subscription *s _unused_, tern_message *m, uint64_t lost _unused_, void *userdata)
{
	struct listener *listener = userdata;
	struct match_shared *shared = shared_of(listener->run);

	if (!m) {
		listener->result = run_fail(listener->run, -ENOBUFS, "an event was lost");
		return;
	}
	/* Relaxed: its only writer; the publisher takes it for a count. */
	store_rlx(&shared->heard, load_rlx(&shared->heard) + 1);
}

static void
on_nothing(tern_subscription *s _unused_, tern_message *m _unused_, uint64_t lost _unused_,
	void *userdata)
{
	struct listener *listener = userdata;

	listener->result = run_fail(listener->run, -EBADMSG, "a rule that does not match");
}

static int
add_rules(struct listener *listener, tern_bus *bus, uint64_t n, bool are_matching)
{
	char other[32];
	const char *const matching[] = {TAG, NULL}, *const others[] = {TAG, other, NULL};
	const struct tern_rule rule = {
		.size = sizeof(rule),
		.policy = TERN_WAIT,
		.tags = are_matching ? matching : others,
	};
	tern_subscription *subscription; /* goes with the process */
	int r;

	for (uint64_t i = 0; i < n; i++) {
		(void)snprintf(other, sizeof(other), "other-%llu", (unsigned long long)i);
		r = tern_subscribe(bus, &rule, are_matching ? on_event : on_nothing, listener,
			&subscription);
		if (r < 0)
			return tern_bus_fail(listener->run, r, "tern_subscribe");
	}
	return 0;
}

static int
match_serve(struct bench_run *run)
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL, *others = NULL;
	struct listener listener = {.run = run};
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &others);
	if (r == 0)
		r = add_rules(&listener, others, run->subject->setting - N_MATCHING, false);
	if (r == 0)
		r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r == 0)
		r = add_rules(&listener, bus, N_MATCHING, true);
	if (r < 0)
		return r;
	return tern_bus_serve(run, bus, &listener.result);
}

/* --- the publisher --- */

struct publisher {
	struct bench_run *run;
	tern_bus *bus;
	tern_topic *topics[N_TOPICS];
	size_t n_topics, next;
	uint64_t sent, n_new;
	struct payload payload;
};

static int
publish(struct publisher *publisher, tern_topic *topic)
{
	return tern_publish(topic, "y", &publisher->payload, sizeof(publisher->payload));
}

static int
work_topics(void *user)
{
	struct publisher *publisher = user;
	int r = 0;

	for (int i = 0; i < LAP_N && r == 0; i++) {
		r = publish(publisher, publisher->topics[publisher->next]);
		if (++publisher->next == publisher->n_topics)
			publisher->next = 0;
	}
	return r < 0 ? tern_bus_fail(publisher->run, r, "tern_publish") : 0;
}

static int
make_topic(struct publisher *publisher, uint64_t n, tern_topic **ret)
{
	char text[32];
	const char *const tags[] = {TAG, text, NULL};

	(void)snprintf(text, sizeof(text), "topic-%llu", (unsigned long long)n);
	return tern_topic_new(publisher->bus, tags, ret);
}

static int
prepare_new(void *user)
{
	struct publisher *publisher = user;
	int r = 0;

	for (size_t i = 0; i < LAP_N && r == 0; i++)
		r = make_topic(publisher, publisher->n_new++, &publisher->topics[i]);
	return r < 0 ? tern_bus_fail(publisher->run, r, "tern_topic_new") : 0;
}

static int
settle(void *user)
{
	struct publisher *publisher = user;
	uint64_t deadline = clock_now_ns() + PATIENCE;
	uint64_t heard, all = (publisher->sent += LAP_N) * N_MATCHING;

	/* Relaxed: a count, and nothing is read by it. */
	while ((heard = load_rlx(&shared_of(publisher->run)->heard)) < all) {
		(void)sched_yield();
		if (run_phase(publisher->run) == PHASE_STOP)
			return 0;
		if (clock_now_ns() >= deadline)
			return run_fail(publisher->run, -ETIME, "events that were not heard");
	}
	return heard == all ? 0 : run_fail(publisher->run, -EBADMSG, "more heard than sent");
}

static int
settle_new(void *user)
{
	struct publisher *publisher = user;

	for (size_t i = 0; i < LAP_N; i++)
		publisher->topics[i] = tern_topic_free(publisher->topics[i]);
	return settle(user);
}

/* warm_up() - once on each topic before anything counts: what a first publish costs is told of new topics */
static int
warm_up(struct publisher *publisher)
{
	int r = 0;

	for (size_t n = 0; n < publisher->n_topics && r == 0; n += LAP_N) {
		r = work_topics(publisher);
		if (r == 0)
			r = settle(publisher);
	}
	return r;
}

static int
match_drive_with(struct bench_run *run, size_t n_topics, const struct lap *form)
{
	static struct publisher publisher;
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct lap lap = *form;
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	publisher = (struct publisher){.run = run, .bus = bus, .n_topics = n_topics};
	for (size_t i = 0; i < n_topics && !lap.prepare; i++) {
		r = make_topic(&publisher, i, &publisher.topics[i]);
		if (r < 0)
			return tern_bus_fail(run, r, "tern_topic_new");
	}
	lap.user = &publisher;
	r = lap.prepare ? 0 : warm_up(&publisher);
	if (r == 0)
		r = lap_drive(run, &lap);
	for (size_t i = 0; i < n_topics; i++)
		(void)tern_topic_free(publisher.topics[i]); /* always NULL */
	return r;
}

static int
one_drive(struct bench_run *run)
{
	return match_drive_with(run, 1, &(struct lap){.work = work_topics, .settle = settle});
}

static int
turn_drive(struct bench_run *run)
{
	return match_drive_with(
		run, N_TOPICS, &(struct lap){.work = work_topics, .settle = settle});
}

static int
new_drive(struct bench_run *run)
{
	return match_drive_with(run, LAP_N,
		&(struct lap){.prepare = prepare_new, .work = work_topics, .settle = settle_new});
}

#define MATCH(form, way, n)                                                                        \
	&(const struct subject)                                                                    \
	{                                                                                          \
		.name = "tern:" form "@" #n, .open = tern_bus_open, .serve = match_serve,          \
		.drive = (way), .setting = (n)                                                     \
	}

const struct workload workload_match_scale = {
	.name = "match-scale",
	.what = "publish with 10 to 100,000 rules, 4 of which match",
	.subjects =
		(const struct subject *const[]){
			MATCH("one-topic", one_drive, 10),
			MATCH("one-topic", one_drive, 100),
			MATCH("one-topic", one_drive, 1000),
			MATCH("one-topic", one_drive, 10000),
			MATCH("one-topic", one_drive, 100000),
			MATCH("1000-topics", turn_drive, 10),
			MATCH("1000-topics", turn_drive, 1000),
			MATCH("1000-topics", turn_drive, 100000),
			MATCH("new-topic", new_drive, 10),
			MATCH("new-topic", new_drive, 1000),
			MATCH("new-topic", new_drive, 100000),
			NULL,
		},
};
