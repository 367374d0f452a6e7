/* SPDX-License-Identifier: MIT */

/*
 * hostile: runs the misbehaviours, and sees who noticed
 *
 * Short (make test): each once, as each user. Long (make hostile): each over and over for a while, and as long without, in
 * turn; how long the calls of the pair take is compared. The pair has a processor of its own then, since who is hostile
 * may use up processors without any tern.
 */

#include "hostile.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

enum {
	PROGRESS = 2,	    /* calls of the pair, at least, that end after an attack */
	OFFENDER_MS = 60000, /* under a sanitizer, on a busy machine */
	SETTLE_MS = 5000,
	RETURN_MS = 1000, /* until what was used is given back */
	GROWS = 3,
	LONG_REPEATS = 3,
	LONG_MS = 250,
	WARM_UP = 400,
	SHORT_TIMEOUT = 240, /* s */
	LONG_TIMEOUT = 3600,
};

static const struct behaviours *const all[] = {&words_behaviours, &records_behaviours, &parts_behaviours,
	&packets_behaviours, &bells_behaviours, &calls_behaviours, &bus_behaviours, &ends_behaviours};

static struct {
	bool verbose, is_long;
	const char *only;
} options;

static struct {
	struct scene *scene;
	pid_t pids[N_HOLDERS];
	tern_bus *bus; /* to call the victim */
	int ternd;     /* to ask what it holds */
	int log;       /* a file: what ternd says on standard error */
	uint64_t seed;
	unsigned int n_passed, n_failed;
} stage;

/* --- what must hold --- */

static void
nap(void)
{
	(void)usleep(500);
}

/* wait_ms() - until fn says so. Return: did it? */
static bool
wait_until(bool (*fn)(const void *user), const void *user, uint64_t ms)
{
	uint64_t end = clock_now_ns() + ms * NSEC_PER_MSEC;

	while (!fn(user)) {
		if (clock_now_ns() > end)
			return false;
		nap();
	}
	return true;
}

static bool
has_called(const void *user)
{
	return load_acq(&stage.scene->n_calls) >= *(const uint32_t *)user;
}

static bool
has_said_all(const void *user)
{
	return load_acq(&stage.scene->n_said) == load_acq(&stage.scene->n_beside);
}

static char leaks[TEXT_SIZE];

static bool
is_at_baseline(const void *user)
{
	struct ledger now;
	const char *what;

	ledger_take(stage.ternd, stage.pids, &now);
	what = ledger_compare(user, &now);
	(void)snprintf(leaks, sizeof(leaks), "%s", what ? what : "");
	return !what;
}

/* victim_answers() - as it did before */
static bool
victim_answers(void)
{
	tern_message *reply;
	uint64_t n = 0;

	if (tern_call_sync(stage.bus, VICTIM, "Echo", &reply, NULL, "{n:u}", (uint64_t)7) < 0)
		return false;
	(void)tern_message_unpack(reply, "{n:u}", &n); /* else it stays 0 */
	(void)tern_message_unref(reply); /* always NULL */
	return n == 7;
}

/* --- one offender --- */

/* offender_ended() - Return: did it end as it should? */
static bool
offender_ended(pid_t pid, const struct behaviour *behaviour)
{
	uint64_t end = clock_now_ns() + OFFENDER_MS * NSEC_PER_MSEC;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_now_ns() > end) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return false;
		}
		nap();
	}
	return behaviour->flags & STAYS ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status == 0;
}

static void
offend(void *user)
{
	struct attack *attack = user;

	attack->behaviour->run(attack);
	(void)fflush(NULL);
	if (attack->behaviour->flags & STAYS)
		(void)kill(getpid(), SIGKILL);
	_exit(0); /* without a word to anybody */
}

static pid_t
offender_start(const struct behaviour *behaviour, uint32_t uid)
{
	struct attack attack = {
		.scene = stage.scene,
		.behaviour = behaviour,
		.seed = (++stage.seed) * UINT64_C(0x9e3779b97f4a7c15),
	};

	return child_start_as(uid, offend, &attack);
}

/* is_as_told() - did the victim's call to the offender end for the reason that it should? "(…)": without any fault */
static bool
is_as_told(const struct behaviour *behaviour, const char *said)
{
	if (!behaviour->says)
		return !said[0] || said[0] == '(';
	return strcmp(behaviour->says, "*") == 0 || strstr(said, behaviour->says);
}

/* logged() - what ternd has written since the last time; NULL: nothing */
static const char *
logged(void)
{
	static char text[2 * TEXT_SIZE];
	ssize_t size = read(stage.log, text, sizeof(text) - 1);

	text[MAX(size, 0)] = '\0';
	return size > 0 ? text : NULL;
}

/* verdict() - Return: NULL, or what is wrong */
static const char *
verdict(const struct behaviour *behaviour, const struct ledger *before, bool ended, uint32_t n_calls)
{
	static char text[2 * TEXT_SIZE];
	struct scene *scene = stage.scene;
	uint32_t least = n_calls + PROGRESS;

	if (!ended)
		return "the offender did not come to its end";
	if (!wait_until(has_called, &least, SETTLE_MS))
		return "the pair does not go on";
	if (load_acq(&scene->n_wrong)) {
		(void)snprintf(text, sizeof(text), "the pair noticed: %s", scene->wrong);
		return text;
	}
	if (!victim_answers())
		return "the victim does not answer";
	if (!wait_until(has_said_all, NULL, SETTLE_MS))
		return "the victim's call to the offender does not end";
	if (!is_as_told(behaviour, scene->said)) {
		(void)snprintf(text, sizeof(text), "the victim was told \"%s\", not \"%s\"", scene->said,
			behaviour->says ? behaviour->says : "");
		return text;
	}
	return wait_until(is_at_baseline, before, RETURN_MS) ? NULL : leaks;
}

/* attempt() - Return: NULL, or what is wrong; leaks: something is held that was not before */
static const char *
attempt(const struct behaviour *behaviour, uint32_t uid)
{
	uint32_t n_calls = load_acq(&stage.scene->n_calls);
	struct ledger before;
	const char *wrong;
	bool ended;

	stage.scene->said[0] = '\0';
	ledger_take(stage.ternd, stage.pids, &before);
	ended = offender_ended(offender_start(behaviour, uid), behaviour);
	wrong = verdict(behaviour, &before, ended, n_calls);
	return wrong ? wrong : logged();
}

/* run_once() - what grows once, as a pool that keeps a segment for the next time, is no leak; what grows every time is */
static bool
run_once(const struct behaviour *behaviour, uint32_t uid)
{
	uint64_t began = clock_now_ns();
	const char *wrong = attempt(behaviour, uid);

	for (int i = 0; i < GROWS && wrong == leaks; i++)
		wrong = attempt(behaviour, uid);
	if (options.verbose || wrong)
		(void)printf("%-24s %-10s %4llu ms  %s\n", behaviour->name, uid == getuid() ? "same user" : "other user",
			(unsigned long long)((clock_now_ns() - began) / NSEC_PER_MSEC), wrong ? wrong : "ok");
	(void)fflush(stdout);
	return !wrong;
}

/* --- how long the pair's calls take --- */

static int
compare_ns(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct sample {
	uint32_t n, took[N_TOOK];
};

static void
sample_add(struct sample *sample, uint32_t from)
{
	uint32_t to = load_acq(&stage.scene->n_calls);

	for (; from != to && sample->n < N_TOOK; from++)
		sample->took[sample->n++] = stage.scene->took_ns[from % N_TOOK];
}

static double
sample_us(struct sample *sample, double part)
{
	qsort(sample->took, sample->n, sizeof(*sample->took), compare_ns);
	return sample->n ? sample->took[(uint32_t)((sample->n - 1) * part)] / 1000.0 : 0;
}

/* run_long() - over and over, and as long without, in turn */
static bool
run_long(const struct behaviour *behaviour, uint32_t uid)
{
	static struct sample quiet, hostile;
	unsigned int n = 0;
	bool passed = true;

	quiet.n = hostile.n = 0;
	for (int i = 0; i < LONG_REPEATS && passed; i++) {
		uint32_t from = load_acq(&stage.scene->n_calls);
		uint64_t end;

		(void)usleep(LONG_MS * 1000);
		sample_add(&quiet, from);
		from = load_acq(&stage.scene->n_calls);
		end = clock_now_ns() + LONG_MS * NSEC_PER_MSEC;
		for (; passed && clock_now_ns() < end; n++)
			passed = run_once(behaviour, uid);
		sample_add(&hostile, from);
	}
	(void)printf("%-24s %-10s %4u times  p50 %6.1f us, quiet %6.1f; p99 %7.1f us, quiet %7.1f: %.2f; longest %.1f ms\n",
		behaviour->name, uid == getuid() ? "same user" : "other user", n, sample_us(&hostile, 0.5),
		sample_us(&quiet, 0.5), sample_us(&hostile, 0.99), sample_us(&quiet, 0.99),
		sample_us(&hostile, 0.99) / sample_us(&quiet, 0.99), sample_us(&hostile, 1) / 1000);
	(void)fflush(stdout);
	return passed;
}

/* --- all of them --- */

static void
run_as(const struct behaviour *behaviour, uint32_t uid)
{
	bool passed = options.is_long ? run_long(behaviour, uid) : run_once(behaviour, uid);

	stage.n_passed += passed;
	stage.n_failed += !passed;
}

static bool
is_wanted(const char *name)
{
	return !options.only || fnmatch(options.only, name, 0) == 0;
}

/* warm_up() - what is made once and kept is there before it is counted */
static void
warm_up(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t j = 0; j < all[i]->n; j++)
			if (all[i]->items[j].flags & ONCE)
				(void)offender_ended(offender_start(&all[i]->items[j], getuid()), &all[i]->items[j]);
	(void)wait_until(has_said_all, NULL, SETTLE_MS);
}

static void
run_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t j = 0; j < all[i]->n; j++) {
			const struct behaviour *behaviour = &all[i]->items[j];

			if (!is_wanted(behaviour->name))
				continue;
			run_as(behaviour, getuid());
			if (getuid() == 0 && !(behaviour->flags & SAME_USER))
				run_as(behaviour, OTHER_USER);
			if (load_acq(&stage.scene->n_wrong))
				return; /* nothing that follows would tell anything */
		}
}

/* --- the scene --- */

/* pin() - the processor that the pair does not have */
static void
pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* one processor alone: as it is */
}

/* start_bus() - what ternd says goes into a file */
static void
start_bus(struct private_bus *place)
{
	static const char *const let_in[] = {"--allow-uid", "65533", NULL};
	char path[] = "/tmp/tern-test-log-XXXXXX";
	int log = mkstemp(path), own = dup(STDERR_FILENO);

	expect(log >= 0 && own >= 0);
	stage.log = open(path, O_RDONLY | O_CLOEXEC);
	expect(stage.log >= 0 && unlink(path) == 0 && fcntl(log, F_SETFL, O_APPEND) == 0);
	expect(dup2(log, STDERR_FILENO) >= 0);
	private_bus_start(place, getuid() == 0 ? let_in : NULL);
	expect(dup2(own, STDERR_FILENO) >= 0);
	(void)fd_close(log);
	(void)fd_close(own);
}

static void
stage_begin(void)
{
	struct private_bus place; /* not shared while ternd is forked */
	struct attack by_hand = {0};
	struct control welcome;
	uint8_t bytes[CONTROL_MAX_PACKET];
	uint32_t warm = WARM_UP;

	stage.scene = shared_new(sizeof(*stage.scene));
	if (options.is_long)
		pin();
	store_rel(&stage.scene->pinned, options.is_long);
	start_bus(&place);
	stage.scene->place = place;
	stage.pids[0] = stage.scene->place.ternd;
	stage.pids[1] = child_start(honest_server, stage.scene);
	stage.pids[2] = child_start(honest_client, stage.scene);
	stage.pids[3] = child_start(victim_run, stage.scene);
	wait_for(&stage.scene->pair_ready, 2);
	wait_for(&stage.scene->victim_ready, 1);
	expect(tern_open(stage.scene->place.address, &stage.bus) == 0);
	expect(tern_set_option(stage.bus, TERN_OPT_TIMEOUT, SETTLE_MS * NSEC_PER_MSEC) == 0);
	by_hand.scene = stage.scene;
	stage.ternd = hand_join(&by_hand, &welcome, bytes);
	expect(victim_answers());
	(void)wait_until(has_called, &warm, SETTLE_MS);
}

static void
stage_end(void)
{
	store_rel(&stage.scene->stop, 1);
	(void)tern_close(stage.bus);
	stage.ternd = fd_close(stage.ternd);
	stage.log = fd_close(stage.log);
	for (size_t i = 1; i < N_HOLDERS; i++)
		child_end(stage.pids[i]);
	private_bus_stop(&stage.scene->place);
	(void)shared_free(stage.scene, sizeof(*stage.scene));
}

/* --- on paper --- */

static void
list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t j = 0; j < all[i]->n; j++)
			(void)printf("%-24s %s\n", all[i]->items[j].name, all[i]->items[j].does);
}

static void
table(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		(void)printf("\n## About %s\n\n| behaviour | what it does | the victim sees | the offender sees |\n|---|---|---|---|\n",
			all[i]->what);
		for (size_t j = 0; j < all[i]->n; j++) {
			const struct behaviour *b = &all[i]->items[j];

			(void)printf("| `%s` | %s | %s%s%s%s | %s |\n", b->name, b->does, b->victim, b->says ? ": \"" : "",
				b->says ? b->says : "", b->says ? "\"" : "", b->offender);
		}
	}
}

START_TEST(nobody_else_notices)
{
	stage_begin();
	warm_up();
	run_all();
	stage_end();
	(void)printf("hostile: %u did no harm, %u did\n", stage.n_passed, stage.n_failed);
	(void)fflush(stdout);
	ck_assert_uint_eq(stage.n_failed, 0);
}
END_TEST

static int
run(void)
{
	Suite *suite = suite_create("hostile");
	TCase *tcase = tcase_create("hostile");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, options.is_long ? LONG_TIMEOUT : SHORT_TIMEOUT);
	tcase_add_test(tcase, nobody_else_notices);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {{"list", no_argument, NULL, 'L'}, {"table", no_argument, NULL, 'T'},
		{"long", no_argument, NULL, 'l'}, {"verbose", no_argument, NULL, 'v'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "lv", longs, NULL)) != -1) {
		switch (option) {
		case 'L':
			list();
			return 0;
		case 'T':
			table();
			return 0;
		case 'l':
			options.is_long = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		default:
			(void)fputs("usage: hostile [--list | --table] [--long] [--verbose] [PATTERN]\n", stderr);
			return 2;
		}
	}
	options.only = argv[optind];
	return run();
}
