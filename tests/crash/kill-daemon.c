/* SPDX-License-Identifier: MIT */

/*
 * kill-daemon: ternd killed while it does what somebody asked, and the next one
 *
 * A program asks for something; ternd is killed before and after each system call and each store
 * into what others can see, its tables and its journal; another one comes. What was asked for must
 * be done, once, and a witness must find the bus as it should be. Places are the same in each ternd
 * because its addresses are not made at random here.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/attribute.h"
#include "client/bus.h"
#include "client/daemon-state.h"
#include "kill.h"
#include "sweep.h"

enum {
	N_SHORT = 3,	  /* places of a scene in the short form */
	SEEN_MAX = 65536, /* bytes of each piece of memory that is looked at */
	N_SEEN = 5,
	PATIENCE = 3, /* s until a ternd is taken not to come by */
	TIMEOUT = 7200,
};

static const char *const RULE_TAGS[] = {"sweep", "rule", NULL};

/* Who asks; what its words say is shared. */
struct asker {
	struct stage *stage;
	tern_bus *bus;
	tern_subscription *subscription;
	tern_service *service;
};

struct daemon_scene {
	const char *name;
	void (*prepare)(struct asker *asker);
	void (*ask)(struct asker *asker);
	uint64_t names, rules, peers; /* of the bus, when it is done */
	bool is_short;		      /* in the short form, too */
};

/* Memory that others can see, and what was in it a step ago. */
struct seen {
	const uint8_t *now;
	size_t size;
	uint8_t before[SEEN_MAX];
};

struct director {
	const struct daemon_scene *scene;
	struct stage *stage;
	struct private_bus place;
	tern_bus *witness;
	pid_t asker, survivor;
	struct survivor_start start;
	struct seen *seen; /* N_SEEN */
	struct point *points;
	size_t n_points, n_places;
};

/* --- who asks --- */

static void
open_it(struct asker *asker)
{
	asker->bus = stage_open(asker->stage);
}

static void
own(struct asker *asker)
{
	must_be(tern_own(asker->bus, VICTIM_NAME, 0, NULL), 0);
}

static void
open_and_own(struct asker *asker)
{
	open_it(asker);
	own(asker);
}

static void
disown(struct asker *asker)
{
	must_be(tern_disown(asker->bus, VICTIM_NAME), 0);
}

static void
subscribe(struct asker *asker)
{
	struct tern_rule rule = {.size = sizeof(rule), .tags = RULE_TAGS};

	must_be(tern_subscribe(asker->bus, &rule, NULL, NULL, &asker->subscription), 0);
}

static void
open_and_subscribe(struct asker *asker)
{
	open_it(asker);
	subscribe(asker);
}

static void
unsubscribe(struct asker *asker)
{
	asker->subscription = tern_subscription_free(asker->subscription);
	must_be(tern_own(asker->bus, VICTIM_NAME, 0, NULL), 0); /* answered after it */
}

static void
open_and_serve(struct asker *asker)
{
	open_it(asker);
	must_be(tern_serve(asker->bus, "org.example.Served", NULL, NULL, 0, NULL, &asker->service),
		0);
}

static void
stop_serving(struct asker *asker)
{
	asker->service = tern_service_free(asker->service);
	must_be(tern_own(asker->bus, VICTIM_NAME, 0, NULL), 0); /* answered after it */
}

static void
call(struct asker *asker)
{
	must_be(tern_call_sync(asker->bus, survivor_name(asker->stage, 0), "Take", NULL, NULL,
			"[uuuu]", UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0)),
		0);
}

static void
prepare_nothing(struct asker *asker)
{
}

static void
asker_run(void *user)
{
	struct director *director = user;
	struct asker asker = {.stage = director->stage};

	director->scene->prepare(&asker);
	store_rel(&asker.stage->ready, 1);
	wait_for(&asker.stage->go, 1);
	director->scene->ask(&asker);
	store_rel(&asker.stage->paused, 1); /* done */
	wait_for(&asker.stage->over, 1);
	(void)tern_close(asker.bus);
}

static const struct daemon_scene scenes[] = {
	{"ternd-own", open_it, own, 2, 1, 3, true},
	{"ternd-disown", open_and_own, disown, 1, 1, 3},
	{"ternd-rule", open_it, subscribe, 1, 2, 3},
	{"ternd-rule-gone", open_and_subscribe, unsubscribe, 2, 1, 3, true},
	{"ternd-service-gone", open_and_serve, stop_serving, 2, 1, 3},
	{"ternd-hello", prepare_nothing, open_it, 1, 1, 3},
	{"ternd-introduction", open_it, call, 1, 1, 3},
};

/* --- a bus with all of them --- */

static void
bus_begin(struct director *director)
{
	struct stage *stage = director->stage;
	tern_peer owner;

	memset(stage, 0, sizeof(*stage));
	stage->by_bus = true;
	private_bus_start(&director->place, NULL);
	(void)snprintf(stage->address, sizeof(stage->address), "%s", director->place.address);
	director->start = (struct survivor_start){stage, 0};
	director->survivor = child_start(survivor_run, &director->start);
	wait_for(&stage->survivors, 1);
	director->witness = stage_open(stage);
	must_be(tern_lookup(director->witness, VICTIM_NAME, &owner), -ENXIO); /* maps the names */
	director->asker = child_start(asker_run, director);
	wait_for(&stage->ready, 1);
}

static void
bus_end(struct director *director)
{
	store_rel(&director->stage->over, 1);
	child_end(director->asker);
	(void)tern_close(director->witness);
	child_kill(director->survivor);
	private_bus_stop(&director->place);
}

/* attach() - ternd stands still before it hears what is asked. Return: is that allowed? */
static bool
attach(struct director *director)
{
	if (ptrace(PTRACE_ATTACH, director->place.ternd, NULL, NULL) < 0)
		return false;
	(void)stepper_wait(director->place.ternd);
	store_rel(&director->stage->go, 1);
	return true;
}

/* --- the way --- */

static void
see(struct seen *seen, const void *now, size_t size)
{
	seen->now = now;
	seen->size = MIN(size, (size_t)SEEN_MAX);
	memcpy(seen->before, now, seen->size);
}

static void
see_all(struct director *director)
{
	const struct daemon *daemon = director->witness->daemon;
	char path[128];
	void *map;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/bus.journal", director->place.directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	map = mmap(NULL, SEEN_MAX, PROT_READ, MAP_SHARED, fd, 0);
	must(map != MAP_FAILED);
	(void)fd_close(fd);
	must_be(bus_enter(director->witness), 0);
	must_be(daemon_map_rules(director->witness), 0);
	bus_leave(director->witness);
	see(&director->seen[0], map, SEEN_MAX);
	see(&director->seen[1], daemon->peers.table.segment.base, daemon->peers.table.segment.size);
	see(&director->seen[2], daemon->names.table.segment.base, daemon->names.table.segment.size);
	see(&director->seen[3], daemon->rules.table.segment.base, daemon->rules.table.segment.size);
	see(&director->seen[4], daemon->tags.table.segment.base, daemon->tags.table.segment.size);
}

static bool
is_changed(struct director *director)
{
	bool is_it = false;

	for (int i = 0; i < N_SEEN; i++) {
		struct seen *seen = &director->seen[i];

		if (memcmp(seen->before, seen->now, seen->size) == 0)
			continue;
		memcpy(seen->before, seen->now, seen->size);
		is_it = true;
	}
	return is_it;
}

static void
keep_point(struct director *director, const struct point *point)
{
	const struct point *last =
		director->n_points ? &director->points[director->n_points - 1] : NULL;

	if (last && last->pc == point->pc && last->n == point->n)
		return;
	director->points = reallocarray(director->points, director->n_points + 1, sizeof(*point));
	must(director->points != NULL);
	director->points[director->n_points++] = *point;
}

/* trace() - until what was asked for is done; the places around what others can see are kept */
static void
trace(struct director *director)
{
	pid_t pid = director->place.ternd;
	struct trace way = {0};
	struct point last = {0};
	bool after = false;

	see_all(director);
	while (load_acq(&director->stage->paused) == 0) {
		bool is_call = stepper_is_syscall(pid);

		trace_add(&way, stepper_pc(pid));
		if (is_changed(director)) {
			keep_point(director, &last);
			after = true;
		}
		if (after || is_call)
			keep_point(director, &way.points[way.n_points - 1]);
		after = is_call;
		last = way.points[way.n_points - 1];
		if (stepper_step(pid) != STEP_POINT)
			break;
	}
	director->n_places = way.n_points;
	must_be(load_acq(&director->stage->paused), 1);
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL); /* it goes on */
	(void)munmap((void *)(uintptr_t)director->seen[0].now, SEEN_MAX);
	trace_free(&way);
}

/* --- kills --- */

static void
judge(struct director *director, const char *where)
{
	const struct daemon_scene *scene = director->scene;
	uint64_t peers, names, rules;
	tern_message *reply;

	must_be(tern_call_sync(director->witness, "tern", "Status", &reply, NULL, ""), 0);
	must_be(tern_message_unpack(reply, "{peers:u, names:u, rules:u}", &peers, &names, &rules),
		0);
	(void)tern_message_unref(reply); /* always NULL */
	/* whom the dead ternd had welcomed, who never heard of it: kept for a while, as all who are
	 * away */
	if (scene->ask == open_it && peers == scene->peers + 1)
		peers--;
	if (peers != scene->peers || names != scene->names || rules != scene->rules) {
		(void)fprintf(stderr, "peers %llu, names %llu, rules %llu\n",
			(unsigned long long)peers, (unsigned long long)names,
			(unsigned long long)rules);
		violation(scene->name, "the next ternd has not what was asked for", where);
	}
	if (scene->ask == call && load_acq(&director->stage->reports[0].whole[0]) != 1)
		violation(scene->name, "a call did not come once", where);
	if (load_acq(&director->stage->reports[0].wrong))
		violation(scene->name, "something came that was not sent so", where);
}

static void
kill_at(struct director *director, const struct point *point)
{
	enum step step;
	char where[64];

	(void)snprintf(
		where, sizeof(where), "pc %#lx, time %u", (unsigned long)point->pc, point->n);
	bus_begin(director);
	must(attach(director));
	step = stepper_run_to(director->place.ternd, point);
	stepper_kill(director->place.ternd);
	if (step == STEP_ENDED)
		violation(director->scene->name, "ternd ended by itself", where);
	(void)atomic_fetch_add(step == STEP_POINT ? &totals->points : &totals->points_missed, 1);
	private_bus_again(&director->place, NULL);
	while (load_acq(&director->stage->paused) == 0) {
		(void)tern_process(
			director->witness); /* it is to come back, too: ternd waits for all */
		(void)usleep(200);
	}
	judge(director, where);
	bus_end(director);
}

static void
sweep(const struct daemon_scene *scene)
{
	struct director director = {.scene = scene, .stage = shared_new(sizeof(*director.stage))};
	uint64_t violations = load_acq(&totals->violations), before = load_acq(&totals->points);

	director.seen = calloc(N_SEEN, sizeof(*director.seen));
	must(director.seen != NULL);
	must(personality(ADDR_NO_RANDOMIZE) >= 0); /* of those that are executed from now on */
	stepper_set_patience(PATIENCE);
	bus_begin(&director);
	if (attach(&director)) {
		trace(&director);
		judge(&director, "no kill");
		bus_end(&director);
		for (size_t i = 0; i < director.n_points; i++)
			if (sweep_picks(i, director.n_points, N_SHORT))
				kill_at(&director, &director.points[i]);
		(void)atomic_fetch_add(&totals->points_there, director.n_points);
		printf("%s: killed at %llu of %zu places around system calls and shared stores, of "
		       "%zu in all\n",
			scene->name, (unsigned long long)(load_acq(&totals->points) - before),
			director.n_points, director.n_places);
	} else {
		printf("%s: skipped, ptrace is not allowed here\n", scene->name);
		store_rel(&director.stage->go, 1);
		bus_end(&director);
	}
	free(director.seen);
	free(director.points);
	(void)shared_free(director.stage, sizeof(*director.stage));
	must_be(load_acq(&totals->violations), violations);
}

START_TEST(ternd_is_killed)
{
	sweep(&scenes[_i]);
}
END_TEST

void
daemon_kills_add(Suite *suite)
{
	for (int i = 0; i < (int)ARRAY_SIZE(scenes); i++) {
		TCase *tcase;

		if (!is_long() && !scenes[i].is_short)
			continue;
		tcase = tcase_create(scenes[i].name);
		tcase_set_timeout(tcase, TIMEOUT);
		tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
		tcase_add_loop_test(tcase, ternd_is_killed, i, i + 1);
		suite_add_tcase(suite, tcase);
	}
}
