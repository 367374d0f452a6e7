/* SPDX-License-Identifier: MIT */

/*
 * soak: the director: starts workers, kills and stops them, and ends it; see soak.h
 *
 *      soak-test                    a few fixed seeds, some seconds
 *      soak-test -t 600             new seeds for ten minutes
 *      soak-test -s 17 -w 5         what one seed does, with five workers
 *      soak-test -k -w 16 -t 600    a kill every few ms, of workers and of ternd
 *      soak-test -b -n 1000000000   so many messages, as fast as it goes (bulk.h)
 */

#include "soak.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "bulk.h"

#define RUN_NS      UINT64_C(700000000) /* of one seed in the short form */
#define LONG_RUN_NS UINT64_C(8000000000)
#define HANG_NS     (2 * LONG_NS)

enum {
	USUAL_WORKERS = 8,
	N_SEEDS = 3,   /* of the short form */
	TIMEOUT = 400, /* s, of one seed: what hangs is told before */
};

static struct {
	uint64_t seed, run_ns;
	uint32_t n_workers; /* 0: as the seed says */
	uint64_t n_messages; /* in bulk; 0: any number */
	bool verbose, kills, bulk;
} options = {.run_ns = RUN_NS};

struct director {
	struct world *world;
	struct private_bus place;
	struct dice dice;
	pid_t pids[MAX_WORKERS];
	struct worker_start starts[MAX_WORKERS];
};

static void
start(struct director *director, uint32_t i)
{
	store_rel(&director->world->alive_at[i], clock_now_ns());
	director->pids[i] = child_start(worker_run, &director->starts[i]);
	director->starts[i].times++;
}

/* kill_one() - and another comes in its place */
static void
kill_one(struct director *director)
{
	struct world *world = director->world;
	uint32_t i = dice_below(&director->dice, world->n_workers), n;

	if (load_acq(&world->n_lives) > MAX_LIVES / 2)
		return;
	child_kill(director->pids[i]);
	n = load_acq(&world->n_lives);
	for (uint32_t life = 0; life < n; life++)
		if (load_acq(&world->lives[life].worker) == i)
			store_rel(&world->lives[life].state, LIFE_OVER);
	(void)add_rlx(&world->counts[COUNT_KILLED], 1); /* a number */
	start(director, i);
}

static void
stop_for_a_while(struct director *director, pid_t pid, uint32_t ms)
{
	must_be(kill(pid, SIGSTOP), 0);
	(void)usleep(1000 * dice_below(&director->dice, ms)); /* as long as it is stopped */
	must_be(kill(pid, SIGCONT), 0);
}

/* watch() - nobody has ended, nobody hangs */
static void
watch(struct director *director)
{
	struct world *world = director->world;

	must_be(waitpid(-1, NULL, WNOHANG), 0);
	for (uint32_t i = 0; i < world->n_workers; i++) {
		if (clock_now_ns() < load_acq(&world->alive_at[i]) + HANG_NS)
			continue;
		(void)fprintf(stderr, "soak: worker %u hangs in: %s\n", i, load_acq(&world->doing[i]));
		must(!"hangs");
	}
}

/* kill_ternd() - and another comes, at once or a little later */
static void
kill_ternd(struct director *director)
{
	child_kill(director->place.ternd);
	(void)usleep(1000 * dice_below(&director->dice, 40)); /* a bus without it */
	private_bus_again(&director->place, NULL);
	(void)add_rlx(&director->world->counts[COUNT_TERND], 1); /* a number */
}

static void
disturb(struct director *director)
{
	uint32_t what = dice_below(&director->dice, 100);
	uint32_t i = dice_below(&director->dice, director->world->n_workers);

	if (director->world->kills && what >= 90)
		kill_ternd(director);
	else if (what < (director->world->kills ? 60 : 6))
		kill_one(director);
	else if (what < 12)
		stop_for_a_while(director, director->pids[i], 60);
	else if (what < 16)
		stop_for_a_while(director, director->place.ternd, 100);
	else
		(void)usleep(1000 * dice_below(&director->dice, 20)); /* between two disturbances */
}

static void
end(struct director *director)
{
	struct world *world = director->world;

	store_rel(&world->phase, PHASE_QUIET);
	while (load_acq(&world->heard) < world->n_workers) {
		watch(director);
		(void)usleep(10000); /* between two looks */
	}
	for (uint32_t i = 0; i < world->n_workers; i++)
		child_end(director->pids[i]);
}

static void
show(const struct world *world)
{
	static const char *const names[N_COUNTS] = {
		"events", "gaps", "calls", "parts", "versions", "failed", "timed out", "killed", "ternd killed"};

	(void)printf("seed %llu: %u workers, %u handles", (unsigned long long)world->seed, world->n_workers,
		load_acq(&world->n_lives));
	for (size_t i = 0; i < N_COUNTS; i++)
		(void)printf(", %s %llu", names[i], (unsigned long long)load_acq(&world->counts[i]));
	(void)printf("\n");
	(void)fflush(stdout);
}

static void
soak(uint64_t seed)
{
	struct director director = {.world = shared_new(sizeof(struct world))};
	struct world *world = director.world;
	uint64_t until;

	dice_init(&director.dice, seed, UINT64_MAX);
	private_bus_start(&director.place, NULL);
	world->address = director.place.address;
	world->seed = seed;
	world->kills = options.kills;
	world->n_workers = 4 + dice_below(&director.dice, USUAL_WORKERS - 3);
	if (options.n_workers)
		world->n_workers = options.n_workers;
	for (uint32_t i = 0; i < world->n_workers; i++) {
		director.starts[i] = (struct worker_start){.world = world, .number = i};
		start(&director, i);
	}
	until = clock_now_ns() + options.run_ns;
	while (clock_now_ns() < until) {
		disturb(&director);
		watch(&director);
	}
	end(&director);
	if (options.verbose)
		show(world);
	private_bus_stop(&director.place);
	(void)shared_free(world, sizeof(*world)); /* always NULL */
}

START_TEST(one_seed)
{
	soak(options.seed);
}
END_TEST

START_TEST(bulk)
{
	bulk_run(options.n_messages, options.run_ns, options.verbose);
}
END_TEST

/* run_test() - Return: it failed */
static bool
run_test(const TTest *test, int timeout)
{
	Suite *suite = suite_create("soak");
	TCase *tcase = tcase_create("soak");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, timeout);
	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}

/* run_seed() - Return: it failed */
static bool
run_seed(void)
{
	bool failed = run_test(one_seed, TIMEOUT);

	if (failed)
		(void)fprintf(stderr, "soak: it failed with -s %llu, which decides what is done, not when\n",
			(unsigned long long)options.seed);
	return failed;
}

/* run_seeds() - so many, and then for so long. Return: one failed. */
static bool
run_seeds(uint32_t least, uint64_t time_ns)
{
	uint64_t until = clock_deadline_ns(clock_now_ns(), time_ns);

	for (uint32_t n = 1; !run_seed(); n++, options.seed++)
		if (n >= least && clock_now_ns() >= until)
			return false;
	return true;
}

/* set_option() - Return: false, there is no such */
static bool
set_option(int option, uint64_t value, uint64_t *time_ns)
{
	if (option == 'b')
		options.bulk = true;
	else if (option == 'k')
		options.kills = true;
	else if (option == 'n')
		options.n_messages = value;
	else if (option == 's')
		options.seed = value;
	else if (option == 't')
		*time_ns = value * NSEC_PER_SEC;
	else if (option == 'w' && value >= 1 && value <= MAX_WORKERS)
		options.n_workers = (uint32_t)value;
	else
		return false;
	return true;
}

/* run_bulk() - Return: it failed */
static bool
run_bulk(uint64_t time_ns)
{
	if (options.verbose)
		options.run_ns = time_ns ? time_ns : options.n_messages ? TERN_FOREVER : LONG_RUN_NS;
	return run_test(bulk, options.verbose ? 0 : TIMEOUT);
}

int
main(int argc, char **argv)
{
	uint64_t time_ns = 0;
	int option;

	while ((option = getopt(argc, argv, "bkn:s:t:w:")) != -1) {
		if (!set_option(option, optarg ? strtoull(optarg, NULL, 10) : 0, &time_ns)) {
			(void)fprintf(stderr, "usage: soak-test [-k] [-s SEED] [-t SECONDS] [-w WORKERS, 1 to %d]\n"
				"       soak-test -b [-n MESSAGES] [-t SECONDS]\n", MAX_WORKERS);
			return 2;
		}
	}
	options.verbose = argc > 1;
	if (options.bulk)
		return run_bulk(time_ns);
	if (options.verbose)
		options.run_ns = LONG_RUN_NS;
	if (time_ns && !options.seed)
		options.seed = clock_now_ns() % 1000000;
	else if (!options.seed)
		options.seed = 1;
	return run_seeds(options.verbose ? 1 : N_SEEDS, time_ns) || (!options.verbose && run_bulk(0));
}
