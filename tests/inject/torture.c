/* SPDX-License-Identifier: MIT */

/*
 * torture: each allocation and each system call fails once, with each errno that it may return
 *
 *     torture [-k N] [-s SEED] [-a] [-p] [-i FILE] [-o FILE] client|ternd [SCENE]...
 *
 * -k N: only one site in N, which ones depends on the seed; -a: every call of every site, not the
 * first one alone; -p: then again each failure, and with it what is come by only after it; -o:
 * write down which sites were passed and failed (tests/inject/sites.py reads it); -i: what failed
 * in a run that wrote this, and does not again.
 *
 * A trial is a scene (scenes.h) in which one call fails, and then the same scene once more, which
 * must come to its end. Nothing may crash, hang, or stay behind: no memory, descriptor or mapping.
 * As `client`, the program under test is the one that plays the scene, beside an honest partner and
 * an honest ternd; as `ternd`, it is ternd.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "trial.h"

/* client_play() - in the child: the scene twice, then nothing may be left */
static void
client_play(const struct scene *scene)
{
	size_t n_fds = count_entries(getpid(), "fd"), n_maps = count_maps(getpid());

	store_rlx(&trials.inject->n_blocks, 0);
	inject_attach(trials.inject);
	trials.results[FIRST_TRY] = scene->run();
	disarm();
	trials.results[SECOND_TRY] = scene->run();
	if (trials.results[SECOND_TRY] < 0)
		_exit(EXIT_AGAIN);
	if (load_rlx(&trials.inject->n_blocks))
		_exit(EXIT_BLOCKS);
	if (count_entries(getpid(), "fd") != n_fds)
		_exit(EXIT_FDS);
	if (count_maps(getpid()) != n_maps)
		_exit(EXIT_MAPS);
	exit(0); /* sanitizers look for leaks */
}

/* One scene, and beside it who is as before. */
struct played {
	const struct scene *scene;
	bool is_ternd;
	struct baseline *base;
};

/* play() - one trial. Return: something failed in it. */
static bool
play(const void *user, uint32_t n, uint32_t which)
{
	const struct played *played = user;
	const struct scene *scene = played->scene;
	const char *side = played->is_ternd ? "ternd" : "client";
	bool is_counting = n == 0;
	int status;

	memset((void *)trials.results, 0, N_RESULTS * sizeof(*trials.results));
	arm(n, which);
	status = child_wait(child_start(played->is_ternd ? office_play : client_play, scene));
	if (is_counting) { /* what is made once is made now */
		if (status != 0 || trials.results[FIRST_TRY])
			complain(side, scene->name, n, "it should have worked",
				trials.results[FIRST_TRY], trials.results[SECOND_TRY]);
		baseline_take(played->base);
	} else if (!judge(side, scene, n, status, played->base)) {
		beside_start(played->is_ternd, played->base);
	}
	trials.n_trials += !is_counting && trials.inject->is_done;
	trials.n_errors += !is_counting && trials.results[FIRST_TRY] < 0;
	tell(side, scene->name, n);
	return trials.inject->is_done;
}

bool
is_chosen(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* play_first() - what ternd does once, when it is asked so for the first time: each trial has a new
 * one */
static void
play_first(const struct played *played)
{
	struct scene scene = *played->scene;
	struct played first = {&scene, true, played->base};

	scene.ends_ternd = true;
	trials.forgets = true;
	beside_start(true, played->base);
	each_failure(play, &first);
	trials.forgets = false;
}

static void
play_all(const struct scene *scene, bool is_ternd, char **names)
{
	for (; scene->name; scene++) {
		struct baseline base;
		struct played played = {scene, is_ternd, &base};

		if (!is_chosen(scene->name, names))
			continue;
		beside_start(is_ternd, &base);
		(void)play(&played, 0, 0);
		each_failure(play, &played);
		if (is_ternd)
			play_first(&played);
	}
}

static void
write_sites(const char *path)
{
	FILE *file = fopen(path, "we");

	MUST(file != NULL);
	for (uint32_t i = 0; i < INJECT_SITES; i++)
		if (trials.inject->passed[i])
			(void)fprintf(file, "%x %u\n", i, trials.inject->failed[i]);
	MUST(fclose(file) == 0);
}

static void
read_sites(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned int site, n;

	MUST(file != NULL);
	while (fscanf(file, "%x %u", &site, &n) == 2 && site < INJECT_SITES) {
		trials.inject->passed[site] = 1;
		trials.inject->failed[site] = (uint8_t)n;
		trials.inject->is_late[site] = 1; /* nor as the first of a pair */
	}
	(void)fclose(file); /* was read only */
}

static void
run_all(bool is_ternd, char **names)
{
	if (is_ternd) {
		play_all(offices, true, names);
		begin_all(names);
	} else {
		play_all(scenes, false, names);
		play_all(scenes_of_links, false, names);
		play_all(scenes_of_others, false, names);
		play_all(offices, false, names);
	}
}

int
main(int argc, char **argv)
{
	const char *sites = NULL, *before = NULL;
	int option;
	uint32_t seed = 0, of = 0;

	while ((option = getopt(argc, argv, "k:s:api:o:")) != -1) {
		if (option == 'k')
			of = (uint32_t)atoi(optarg);
		else if (option == 's')
			seed = (uint32_t)atoi(optarg);
		else if (option == 'a')
			trials.is_exhaustive = true;
		else if (option == 'p')
			trials.has_pairs = true;
		else if (option == 'i')
			before = optarg;
		else if (option == 'o')
			sites = optarg;
		else
			return 2;
	}
	if (optind < argc && strcmp(argv[optind], "actor") == 0)
		return actor_run();
	if (optind == argc || !getenv("TERND"))
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* cannot fail before anything was written */
	trials_prepare();
	if (before)
		read_sites(before);
	trials.inject->of = of;
	trials.inject->seed = seed;
	run_all(strcmp(argv[optind], "ternd") == 0, argv + optind + 1);
	trials_clear_away();
	if (sites)
		write_sites(sites);
	printf("%u failures, %u of them told as errors, %u took over a second\n", trials.n_trials,
		trials.n_errors, trials.n_slow);
	printf("%u passed, %u failed\n", trials.n_trials - trials.n_bad, trials.n_bad);
	return trials.n_bad > 0;
}
