/* SPDX-License-Identifier: MIT */

/*
 * link-load: what one that floods, stops, or takes all it may costs the others (R12, R13, R14 of docs/reliability.md)
 *
 * Prints what it saw. What holds whatever the speed of the machine is checked, and so is the share of each sender,
 * which is a ratio; times are only told. TERN_TEST_LONG=1: ten times as long.
 */

#include "links.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/clock.h"

enum {
	N_SENDERS = 11, /* the first one floods */
	N_READERS = 4,	/* the first one is stopped */
	N_SAMPLES = 1 << 18,
	N_KEPT = 5000, /* calls that are not answered */
	/* words */
	READY = 0,
	GO = 1,
	OVER = 2,
	PHASE = 3,
};

static const char *const TAGS[] = {"load", NULL};

/* How long each of them took, of two phases. */
struct samples {
	_Atomic uint32_t n[2];
	uint32_t ns[2][N_SAMPLES];
};

static struct samples *samples;

static uint64_t
duration(void)
{
	return is_long() ? 10 * NSEC_PER_SEC : NSEC_PER_SEC;
}

static void
note(uint32_t phase, uint64_t ns)
{
	uint32_t i = samples->n[phase & 1]++;

	if (i < N_SAMPLES)
		samples->ns[phase & 1][i] = (uint32_t)MIN(ns, (uint64_t)UINT32_MAX);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* tell_times() - half and 99 of 100, of both phases */
static void
tell_times(const char *what)
{
	double at[2][2];

	for (size_t i = 0; i < 2; i++) {
		uint32_t n = MIN(samples->n[i], (uint32_t)N_SAMPLES);

		must(n > 10);
		qsort(samples->ns[i], n, sizeof(samples->ns[i][0]), compare);
		at[i][0] = samples->ns[i][n / 2] / 1000.0;
		at[i][1] = samples->ns[i][n - 1 - n / 100] / 1000.0;
	}
	(void)printf("%s: quiet p50 %.1f p99 %.1f us, then p50 %.1f p99 %.1f us: p99 %.2f x (%u and %u)\n", what, at[0][0],
		at[0][1], at[1][0], at[1][1], at[1][1] / at[0][1], samples->n[0], samples->n[1]);
	(void)fflush(stdout);
}

static void
nap(uint64_t ns)
{
	struct timespec time = {.tv_nsec = (long)ns};

	(void)nanosleep(&time, NULL);
}

/* --- R13: a flood --- */

static uint32_t n_started;

static void
send_all(void *user)
{
	struct ground *ground = user;
	uint32_t flags = n_started == 0 ? TERN_BATCH : 0;
	uint64_t who = n_started;
	tern_bus *bus = ground_client(ground);
	tern_topic *topic;
	tern_message *m;

	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	tell(&ground->words[READY]);
	wait_for(&ground->words[GO], 1);
	while (ground->words[OVER] == 0) {
		must_be(tern_message_new_event(topic, &m), 0);
		must_be(tern_message_pack(m, "u", who), 0);
		must_be(tern_publish_message(m, flags), 0);
		(void)tern_message_unref(m); /* always NULL */
	}
	(void)tern_topic_free(topic); /* always NULL, as the next */
	(void)tern_close(bus);
}

/* count_for() - so long, what comes from each */
static void
count_for(tern_bus *bus, uint64_t ns, uint64_t *counts)
{
	uint64_t until = clock_now_ns() + ns, who;

	while (clock_now_ns() < until) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		if (event.kind == TERN_EVENT) {
			must_be(tern_message_unpack(event.message, "u", &who), 0);
			must(who < N_SENDERS);
			counts[who]++;
		}
		let_go(&event);
	}
}

static void
drain(tern_bus *bus, uint32_t n_gone)
{
	while (n_gone > 0) {
		struct tern_event event = {.size = sizeof(event)};

		must_be(tern_next(bus, LONG_NS, &event), 0);
		n_gone -= event.kind == TERN_LOST;
		let_go(&event);
	}
}

START_TEST(flood)
{
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = TAGS};
	uint64_t counts[N_SENDERS] = {0}, sum = 0, least = UINT64_MAX;
	tern_subscription *subscription;
	struct ground ground;
	tern_bus *bus;
	pid_t pids[N_SENDERS];

	must(ground_begin(&ground, BY_BUS));
	bus = ground_client(&ground);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	for (n_started = 0; n_started < N_SENDERS; n_started++)
		pids[n_started] = child_start(send_all, &ground);
	wait_for(&ground.words[READY], N_SENDERS);
	tell(&ground.words[GO]);
	count_for(bus, duration() / 4, counts); /* until all have a link */
	memset(counts, 0, sizeof(counts));
	count_for(bus, duration(), counts);
	tell(&ground.words[OVER]);
	drain(bus, N_SENDERS);
	for (size_t i = 0; i < N_SENDERS; i++) {
		child_end(pids[i]);
		sum += counts[i];
		least = i ? MIN(least, counts[i]) : least;
	}
	(void)printf("R13: %llu messages of %d senders; the flooder got %.2f of a fair share, the least of the others %.2f\n",
		(unsigned long long)sum, N_SENDERS, (double)counts[0] * N_SENDERS / (double)sum,
		(double)least * N_SENDERS / (double)sum);
	(void)fflush(stdout);
	must(least * N_SENDERS * 2 >= sum); /* the target is 0.8 */
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- R12: a stopped reader --- */

static void
read_all(void *user)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = TAGS};
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);
	tern_subscription *subscription;
	bool is_first = n_started == 0;

	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	tell(&ground->words[READY]);
	while (ground->words[OVER] == 0) {
		struct tern_event event = {.size = sizeof(event)};
		uint64_t sent;

		if (tern_next(bus, SHORT_NS, &event) < 0)
			continue;
		if (event.kind == TERN_EVENT && !is_first) {
			must_be(tern_message_unpack(event.message, "u", &sent), 0);
			note(ground->words[PHASE], clock_now_ns() - sent);
		}
		let_go(&event);
	}
	(void)tern_subscription_free(subscription); /* always NULL, as the next */
	(void)tern_close(bus);
}

/* resident() - bytes of this process that are its own, and shared */
static uint64_t
resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	must(file != NULL);
	must_be(fscanf(file, "%*u %llu", &pages), 1);
	(void)fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
publish_for(tern_topic *topic, uint64_t ns)
{
	uint64_t until = clock_now_ns() + ns;

	while (clock_now_ns() < until) {
		must_be(tern_publish(topic, "u", clock_now_ns()), 0);
		nap(200 * NSEC_PER_USEC);
	}
}

START_TEST(stopped)
{
	struct ground ground;
	pid_t pids[N_READERS];
	tern_topic *topic;
	uint64_t before;
	tern_bus *bus;

	must(ground_begin(&ground, BY_BUS));
	samples = shared_new(sizeof(*samples));
	for (n_started = 0; n_started < N_READERS; n_started++)
		pids[n_started] = child_start(read_all, &ground);
	bus = ground_client(&ground);
	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	wait_for(&ground.words[READY], N_READERS);
	publish_for(topic, duration());
	before = resident();
	must_be(kill(pids[0], SIGSTOP), 0);
	ground.words[PHASE] = 1;
	publish_for(topic, duration());
	(void)printf("R12: a stopped receiver: its sender grew by %lld KiB\n", (long long)(resident() - before) / 1024);
	must(keeps_freed() || (int64_t)(resident() - before) <= 1 << 20); /* a ring, and what the C library keeps */
	must_be(kill(pids[0], SIGCONT), 0);
	tell(&ground.words[OVER]);
	for (size_t i = 0; i < N_READERS; i++)
		child_end(pids[i]);
	tell_times("R12: the others");
	samples = shared_free(samples, sizeof(*samples));
	(void)tern_topic_free(topic); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

/* --- R14: one user at every limit --- */

static int
echo(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, "");
}

static tern_call *held[1 << 16];
static uint32_t n_held;

static int
hold(tern_call *call, tern_message *m, void *user)
{
	must(n_held < ARRAY_SIZE(held));
	held[n_held++] = tern_call_ref(call);
	return 0;
}

/* take_all() - of everything, up to each limit and once beyond */
static void
take_all(struct ground *ground, tern_bus *bus)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = TAGS};
	tern_subscription *subscription;
	char name[64];
	tern_bus *more;
	int r = 0;

	for (unsigned int i = 0; r == 0; i++) {
		(void)snprintf(name, sizeof(name), "org.example.Greedy%u", i);
		r = tern_own(bus, name, 0, NULL);
	}
	must_be(r, -EDQUOT);
	do
		r = tern_subscribe(bus, &rule, NULL, NULL, &subscription);
	while (r == 0);
	must_be(r, -EDQUOT);
	do
		r = tern_open(ground->place.address, &more);
	while (r == 0);
	must_be(r, -EDQUOT);
}

/* keep_asking() - at the limits, again and again; and calls that are not answered */
static void
keep_asking(struct ground *ground, tern_bus *bus)
{
	static tern_call *kept[N_KEPT];
	tern_message *m;
	tern_call *call;
	tern_bus *more;

	for (uint32_t i = 0; ground->words[OVER] == 0; i++) {
		must_be(tern_own(bus, "org.example.OneMore", 0, NULL), -EDQUOT);
		if (i % 8 == 0)
			must_be(tern_open(ground->place.address, &more), -EDQUOT);
		must_be(tern_message_new_call(bus, ground_service(ground), i < N_KEPT ? "Hold" : "Echo", &m), 0);
		if (tern_send(m, LONG_NS, TERN_NONBLOCK, i < N_KEPT ? &kept[i] : &call) == 0 && i >= N_KEPT)
			(void)tern_call_unref(call); /* always NULL, as the next */
		(void)tern_message_unref(m);
		nap(100 * NSEC_PER_USEC);
	}
}

static void
be_greedy(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	wait_for(&ground->words[GO], 1);
	take_all(ground, bus);
	tell(&ground->words[READY]);
	keep_asking(ground, bus);
	(void)tern_close(bus); /* the other handles end with the process */
}

/* do_all() - what an honest program does: everything succeeds */
static void
do_all(struct ground *ground, tern_bus *bus, uint32_t phase)
{
	uint64_t until = clock_now_ns() + duration();
	char name[64];

	while (clock_now_ns() < until) {
		uint64_t begin = clock_now_ns();

		must_be(tern_call_sync(bus, ground_service(ground), "Echo", NULL, NULL, ""), 0);
		note(phase, clock_now_ns() - begin);
		nap(100 * NSEC_PER_USEC);
	}
	for (int i = 0; i < 50; i++) {
		tern_bus *other = ground_client(ground);

		(void)snprintf(name, sizeof(name), "org.example.Honest%u.P%d", phase, i);
		must_be(tern_own(other, name, 0, NULL), 0);
		must_be(tern_call_sync(other, ground_service(ground), "Echo", NULL, NULL, ""), 0);
		(void)tern_close(other);
	}
}

static void
be_honest(void *user)
{
	struct ground *ground = user;
	tern_bus *bus = ground_client(ground);

	do_all(ground, bus, 0);
	tell(&ground->words[GO]);
	wait_for(&ground->words[READY], 1);
	do_all(ground, bus, 1);
	tell(&ground->words[OVER]);
	(void)tern_close(bus);
}

START_TEST(at_every_limit)
{
	static const char *const options[] = {"--allow-uid", "65533", "--allow-uid", "65534", "--limit", "names=100", "--limit",
		"rules=100", "--limit", "connections=50", NULL};
	static const struct tern_method methods[] = {{"Hold", hold}, {"Echo", echo}};
	struct ground ground = {.way = BY_USERS};
	tern_service *service;
	tern_bus *bus;
	pid_t pids[2];

	if (getuid() != 0)
		return;
	private_bus_start(&ground.place, options);
	ground.words = shared_new(N_WORDS * sizeof(*ground.words));
	ground.numbers = shared_new(N_NUMBERS * sizeof(*ground.numbers));
	samples = shared_new(sizeof(*samples));
	n_held = 0;
	bus = ground_server(&ground, methods, ARRAY_SIZE(methods), NULL, &service);
	pids[0] = child_start_as(USER_A, be_greedy, &ground);
	pids[1] = child_start_as(USER_B, be_honest, &ground);
	while (ground.words[OVER] == 0) {
		struct tern_event event = {.size = sizeof(event)};

		if (tern_next(bus, SHORT_NS, &event) == 0)
			let_go(&event);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		child_end(pids[i]);
	tell_times("R14: calls of another user");
	while (n_held > 0) {
		n_held--;
		held[n_held] = tern_call_unref(held[n_held]);
	}
	samples = shared_free(samples, sizeof(*samples));
	(void)tern_service_free(service); /* always NULL, as the next */
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link-load");
	TCase *tcase = tcase_create("load");

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, stopped);
	tcase_add_test(tcase, flood);
	tcase_add_test(tcase, at_every_limit);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
