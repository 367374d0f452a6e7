/* SPDX-License-Identifier: MIT */

/*
 * crowd: thousands of links on one peer, most of them silent
 *
 * What a round costs is counted, not timed: how many links were looked at. Beyond 64 links without traffic
 * all are cold, and one that speaks is heard all the same. In the end the limit is taken away, and the count shows it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../link/links.h"
#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "client/bus.h"

enum {
	N_PROGRAMS = 5,
	N_LINKS = 5000,
	N_EACH = N_LINKS / N_PROGRAMS,
	N_MEASURED = 500,       /* calls over one link while the others are silent */
	FDS_HERE = 3 * N_LINKS, /* socket, doorbell, pidfd */
	FDS_EACH = 10 * N_EACH,
	FDS_MORE = 100,
};

/* words of the ground */
enum {
	DIALLED,
	SPEAK, /* so many of the programs have their turn */
	SPOKEN,
	MEASURE, /* twice: once more with all links hot */
	LEAVE,
};

static struct ground ground;

/* fds_suffice() - as many descriptors as are needed; else the test says what it wants and is skipped */
static bool
fds_suffice(void)
{
	struct rlimit limit;
	rlim_t needed = MAX(FDS_HERE, FDS_EACH) + FDS_MORE;

	must_be(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < needed) {
		(void)fprintf(stderr, "crowd: needs %llu descriptors a process, %llu are allowed\n",
			(unsigned long long)needed, (unsigned long long)limit.rlim_max);
		return false;
	}
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void
speak(tern_bus *bus)
{
	must_be(tern_call_sync(bus, NULL, "Count", NULL, NULL, "u", (uint64_t)getpid()), 0);
}

/* measured() - the calls that are counted, when it is time; the others are silent */
static void
measured(tern_bus *bus, uint32_t time)
{
	wait_for(&ground.words[MEASURE], time);
	for (int i = 0; i < N_MEASURED; i++)
		speak(bus);
	tell(&ground.words[MEASURE]);
}

static void
dial_many(void *user)
{
	uint32_t number = (uint32_t)(uintptr_t)user;
	tern_bus **all = calloc(N_EACH, sizeof(tern_bus *));

	must(all != NULL);
	wait_for(&ground.words[DIALLED], number);
	for (int i = 0; i < N_EACH; i++) {
		all[i] = ground_client(&ground);
		if (i % 50 == 0)
			speak(all[i]); /* no more than the listener's backlog at once */
	}
	tell(&ground.words[DIALLED]);
	if (number == 0)
		measured(all[0], 1);
	wait_for(&ground.words[SPEAK], 1); /* all at once */
	for (int i = 0; i < N_EACH; i++)
		speak(all[(i * 7 + 3) % N_EACH]);
	tell(&ground.words[SPOKEN]);
	if (number == 0)
		measured(all[0], 3);
	wait_for(&ground.words[LEAVE], 1);
	for (int i = 0; i < N_EACH; i++)
		(void)tern_close(all[i]);
	free(all);
}

static uint64_t n_spoken, n_linked;

static int
method_count(tern_call *call, tern_message *m, void *user)
{
	n_spoken++;
	return tern_reply(call, NULL);
}

static const struct tern_method methods[] = {{"Count", method_count}};

static void
count_links(tern_bus *bus, uint32_t kind, tern_peer peer, void *user)
{
	n_linked += kind == TERN_LINKED;
	n_linked -= kind == TERN_LOST;
}

/* run_until() - handlers run until a word of the ground has this value */
static void
run_until(tern_bus *bus, unsigned int word, uint32_t value)
{
	struct tern_event event = {.size = sizeof(event)};

	while (load_acq(&ground.words[word]) < value)
		must_be(tern_next(bus, SHORT_NS / 10, &event), -ETIME);
}

/* looks_a_round() - while one of the programs calls and the others are silent */
static uint64_t
looks_a_round(tern_bus *bus, uint32_t time)
{
	uint64_t looks = bus->n_looks, rounds = bus->n_rounds, spoken = n_spoken;

	tell(&ground.words[MEASURE]);
	run_until(bus, MEASURE, time + 1);
	must_be(n_spoken - spoken, N_MEASURED);
	rounds = bus->n_rounds - rounds;
	looks = bus->n_looks - looks;
	must(rounds > 0 && looks > 0);
	return looks / rounds;
}

START_TEST(silent_links_cost_nothing)
{
	const uint64_t few = 3 * (MAX_HOT + 1); /* in the round, before sleep, and those that rang */
	pid_t children[N_PROGRAMS];
	struct tern_event event = {.size = sizeof(event)};
	uint64_t spoken;
	tern_service *service;
	tern_bus *bus;

	must(ground_begin(&ground, BY_DIAL));
	bus = ground_server(&ground, methods, 1, NULL, &service);
	must_be(tern_set_option(bus, TERN_OPT_SPIN, 0), 0); /* what is looked at while spinning is not counted */
	must_be(tern_on_peer(bus, count_links, NULL), 0);
	for (uintptr_t i = 0; i < N_PROGRAMS; i++)
		children[i] = child_start(dial_many, (void *)i);
	run_until(bus, DIALLED, N_PROGRAMS);
	while (n_linked < N_LINKS)
		must_be(tern_next(bus, SHORT_NS, &event), -ETIME);
	must_be(tern_next(bus, SHORT_NS, &event), -ETIME);
	must_be(bus->n_hot + bus->n_cold, N_LINKS);
	must(bus->n_hot <= MAX_HOT);

	must(looks_a_round(bus, 1) <= few);
	must(bus->n_hot <= MAX_HOT);

	hook_max_hot = 2 * N_LINKS; /* whoever speaks stays hot */
	spoken = n_spoken;
	tell(&ground.words[SPEAK]);
	run_until(bus, SPOKEN, N_PROGRAMS); /* from each one, cold or not */
	must_be(n_spoken - spoken, N_LINKS);
	must_be(bus->n_hot, N_LINKS);
	must(looks_a_round(bus, 3) > few); /* it is the limit that spares them, and this count shows it */
	tell(&ground.words[LEAVE]);
	while (n_linked > 0)
		must_be(tern_next(bus, SHORT_NS, &event), -ETIME);
	for (int i = 0; i < N_PROGRAMS; i++)
		child_end(children[i]);
	(void)tern_service_free(service);
	(void)tern_close(bus);
	ground_end(&ground);
}
END_TEST

static Suite *
crowd_suite(void)
{
	Suite *suite = suite_create("crowd");
	TCase *tcase = tcase_create("crowd");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, silent_links_cost_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return fds_suffice() ? fixture_run(crowd_suite()) : 77;
}
