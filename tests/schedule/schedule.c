/* SPDX-License-Identifier: MIT */

/*
 * schedule-test: each scene many times as it is, and once with each rule and each kind of order taken out
 *
 *      schedule-test                  what make test runs
 *      schedule-test N [SCENE]        N schedules of each scene as it is, or of that one
 *      SEED=n schedule-test ...       the batches from that one on, the first of which is what failed
 *
 * As it is nothing may go wrong; without a rule something must. A batch runs in a child, as what went wrong stays so.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/hook.h"
#include "fixture.h"
#include "scenes.h"

enum {
	N_SHORT = 10000,  /* schedules of a scene */
	N_RED = 40000,    /* of them, in which what is taken out must have shown */
	TIMEOUT = 120,    /* s, of the short form */
	FOUND = 3,	  /* exit status */
};

static const struct scene *const scenes[] = {
	&scene_ring, &scene_value, &scene_table, &scene_wake, &scene_order,
	&scene_horizon, &scene_cold, &scene_unknown, &scene_room};
static const char *const fault_names[N_FAULTS] = {
	"", "release stores", "acquire loads", "fence_seq()", "fence_acq()", "fence_rel()"};

static uint64_t n_wanted = N_SHORT, first_seed = 1;
static struct private_bus place;

/* run_batches() - in a child: until something goes wrong, or n schedules are over */
_Noreturn static void
run_batches(const struct scene *scene, uint64_t n, enum memory_fault fault, bool tell)
{
	uint64_t seed = first_seed;

	for (uint64_t done = 0; done < n; seed++) {
		if (scene->begin)
			scene->begin();
		for (unsigned int i = 0; i < scene->batch && done < n; i++, done++) {
			const char *wrong;

			if (scene->before)
				scene->before();
			wrong = schedule_run(scene, seed << 20 | i, fault);
			if (!wrong)
				continue;
			if (tell)
				printf("%s: %s, in schedule %u of SEED=%llu\n", scene->name, wrong, i,
					(unsigned long long)seed);
			(void)fflush(stdout);
			_exit(FOUND);
		}
		if (scene->end)
			scene->end();
	}
	if (tell && n > N_SHORT)
		printf("%s: %llu schedules, %llu steps, none failed\n", scene->name, (unsigned long long)n,
			(unsigned long long)schedule_n_steps());
	(void)fflush(stdout);
	_exit(0);
}

/* is_found() - does anything go wrong? @rule is taken out, if it is one. */
static bool
is_found(const struct scene *scene, uint64_t n, enum memory_fault fault, int rule, bool tell)
{
	int status;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		if (rule >= 0)
			hook_off[rule] = true;
		run_batches(scene, n, fault, tell);
	}
	must_be(waitpid(pid, &status, 0), pid);
	must(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FOUND));
	return WEXITSTATUS(status) == FOUND;
}

static void
setup(void)
{
	fixture_setup();
	private_bus_start(&place, NULL);
	scenes_address = place.address;
}

static void
teardown(void)
{
	private_bus_stop(&place);
	fixture_teardown();
}

START_TEST(holds)
{
	if (is_found(scenes[_i], n_wanted, FAULT_NONE, -1, true))
		ck_abort_msg("%s: see above", scenes[_i]->name);
}
END_TEST

START_TEST(can_fail)
{
	const struct scene *scene = scenes[_i];

	for (int fault = 1; fault < N_FAULTS; fault++)
		if (scene->faults & 1u << fault && !is_found(scene, N_RED, (enum memory_fault)fault, -1, false))
			ck_abort_msg("%s: nothing goes wrong without %s", scene->name, fault_names[fault]);
	for (const int *rule = scene->rules; rule && *rule >= 0; rule++)
		if (!is_found(scene, N_RED, FAULT_NONE, *rule, false))
			ck_abort_msg("%s: nothing goes wrong without rule %d", scene->name, *rule);
}
END_TEST

static void
add(Suite *suite, const char *name, const TTest *test, int first, int end)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, n_wanted > N_SHORT ? 0 : TIMEOUT);
	tcase_add_loop_test(tcase, test, first, end);
	suite_add_tcase(suite, tcase);
}

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("schedule");
	int first = 0, end = ARRAY_SIZE(scenes);
	const char *seed = getenv("SEED");

	if (seed)
		first_seed = strtoull(seed, NULL, 0);
	if (argc > 1)
		n_wanted = strtoull(argv[1], NULL, 0);
	for (int i = 0; argc > 2 && i < (int)ARRAY_SIZE(scenes); i++)
		if (strcmp(argv[2], scenes[i]->name) == 0) {
			first = i;
			end = i + 1;
		}
	add(suite, "as it is", holds, first, end);
	if (!seed && argc < 2)
		add(suite, "taken out", can_fail, first, end);
	return fixture_run(suite);
}
