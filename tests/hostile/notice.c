/* SPDX-License-Identifier: MIT */

/*
 * notice: a program is killed, and a hundred partners are told, after its last message
 *
 * hostile-notice [ROUNDS]: in each a program that a hundred others are linked with publishes a last event to all of them
 * and kills itself. Each of them hears the event, then the loss; when the last one did is the time of the round.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attack.h"

enum {
	N_PARTNERS = 100,
	N_SHORT = 3,
	MOST_ROUNDS = 10000,
};

struct notice {
	struct private_bus place;
	_Atomic uint32_t round;   /* the one that goes on, from 1 */
	_Atomic uint32_t n_ready; /* partners that are linked, of all rounds */
	_Atomic uint32_t n_told;  /* and that have heard of the end */
	_Atomic uint64_t killed;  /* when */
	_Atomic uint64_t told[N_PARTNERS];
	_Atomic uint32_t stop;
};

static const char *const TAGS[] = {"last", NULL};

static int
echo(tern_call *call, tern_message *m, void *user)
{
	return tern_reply(call, NULL);
}

/* die() - serve until all are linked, say a last word, and go */
static void
die(void *user)
{
	static const struct tern_method methods[] = {{"Echo", echo}};
	struct notice *notice = user;
	uint32_t round = load_acq(&notice->round);
	struct tern_event event;
	tern_service *service;
	tern_topic *topic;
	tern_bus *bus;

	must_be(tern_open(notice->place.address, &bus), 0);
	must_be(tern_topic_new(bus, TAGS, &topic), 0);
	must_be(tern_serve(bus, VICTIM, NULL, methods, 1, NULL, &service), 0);
	while (load_acq(&notice->n_ready) < round * N_PARTNERS) {
		event = (struct tern_event){.size = sizeof(event)};
		(void)tern_next(bus, NSEC_PER_MSEC, &event);
	}
	must_be(tern_publish(topic, "u", (uint64_t)round), 0);
	store_rel(&notice->killed, clock_now_ns());
	(void)kill(getpid(), SIGKILL);
}

struct partner_of {
	struct notice *notice;
	uint32_t number;
};

/* hear() - until the loss is told; the last word must have come */
static void
hear(tern_bus *bus, tern_peer victim, uint32_t round)
{
	struct tern_event event;
	uint64_t last = 0;

	for (;;) {
		event = (struct tern_event){.size = sizeof(event)};
		must_be(tern_next(bus, LONG_NS, &event), 0);
		must(event.kind != TERN_GAP);
		if (event.kind == TERN_EVENT)
			must_be(tern_message_unpack(event.message, "u", &last), 0);
		(void)tern_message_unref(event.message); /* always NULL */
		if (event.kind == TERN_LOST && event.peer == victim)
			break;
	}
	must_be(last, round);
}

static void
be_told(void *user)
{
	struct partner_of *self = user;
	struct notice *notice = self->notice;
	struct tern_rule rule = {.size = sizeof(rule), .tags = TAGS};
	tern_subscription *subscription;
	tern_bus *bus;

	must_be(tern_open(notice->place.address, &bus), 0);
	must_be(tern_subscribe(bus, &rule, NULL, NULL, &subscription), 0);
	for (uint32_t round = 1;; round++) {
		tern_message *reply;
		tern_peer victim;

		while (load_acq(&notice->round) < round)
			(void)usleep(500);
		if (load_acq(&notice->stop))
			break;
		while (tern_call_sync(bus, VICTIM, "Echo", &reply, NULL, NULL) < 0)
			(void)usleep(500); /* it is not there yet */
		victim = tern_message_sender(reply);
		(void)tern_message_unref(reply); /* always NULL */
		tell(&notice->n_ready);
		hear(bus, victim, round);
		store_rel(&notice->told[self->number], clock_now_ns());
		tell(&notice->n_told);
	}
	(void)tern_subscription_free(subscription);
	(void)tern_close(bus);
}

/* run_round() - Return: ns from the kill until the last one was told */
static uint64_t
run_round(struct notice *notice, uint32_t round)
{
	uint64_t last = 0;
	pid_t pid;

	store_rel(&notice->round, round);
	pid = child_start(die, notice);
	child_killed(pid);
	wait_for(&notice->n_told, round * N_PARTNERS);
	for (size_t i = 0; i < N_PARTNERS; i++)
		last = MAX(last, load_acq(&notice->told[i]));
	return last - load_acq(&notice->killed);
}

static int
compare_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint32_t n_rounds = N_SHORT;

START_TEST(all_are_told)
{
	struct notice *notice = shared_new(sizeof(*notice));
	static struct partner_of partners[N_PARTNERS];
	static uint64_t took[MOST_ROUNDS];
	pid_t pids[N_PARTNERS];
	struct private_bus place;

	private_bus_start(&place, NULL);
	notice->place = place;
	for (uint32_t i = 0; i < N_PARTNERS; i++) {
		partners[i] = (struct partner_of){notice, i};
		pids[i] = child_start(be_told, &partners[i]);
	}
	for (uint32_t i = 0; i < n_rounds; i++)
		took[i] = run_round(notice, i + 1);
	store_rel(&notice->stop, 1);
	store_rel(&notice->round, n_rounds + 1);
	for (uint32_t i = 0; i < N_PARTNERS; i++)
		child_end(pids[i]);
	qsort(took, n_rounds, sizeof(*took), compare_ns);
	(void)printf("%u deaths, %d partners each: all told after p50 %.2f ms, p99 %.2f ms, at most %.2f ms\n", n_rounds,
		N_PARTNERS, (double)took[n_rounds / 2] / 1e6, (double)took[(n_rounds - 1) * 99 / 100] / 1e6,
		(double)took[n_rounds - 1] / 1e6);
	private_bus_stop(&place);
	(void)shared_free(notice, sizeof(*notice)); /* always NULL */
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("notice");
	TCase *tcase = tcase_create("notice");

	if (argc > 1)
		n_rounds = MIN((uint32_t)strtoul(argv[1], NULL, 10), (uint32_t)MOST_ROUNDS);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 120.0 + n_rounds);
	tcase_add_test(tcase, all_are_told);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
