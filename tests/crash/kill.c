/* SPDX-License-Identifier: MIT */

/* kill: the director; see kill.h */

#include "kill.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "around.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "sweep.h"

#define SETTLE_NS ((is_long() ? 300 : 20) * NSEC_PER_SEC) /* beyond it a survivor is stuck */

enum {
	N_WARM = 3,   /* victims that are killed after all they do, before others are judged by what
			 is left of them */
	N_SHORT = 16, /* places of a scene in the short form */
	TIMEOUT = 7200,
};

/* How all is when there is no victim. */
struct baseline {
	uint32_t links[MAX_SURVIVORS], fds[MAX_SURVIVORS], maps[MAX_SURVIVORS];
	uint64_t peers, names, rules;
};

struct director {
	const struct scene *scene;
	struct stage *stage;
	struct private_bus place;
	tern_bus *bus;
	pid_t survivors[MAX_SURVIVORS], company[MAX_SURVIVORS + 1]; /* they and ternd */
	struct survivor_start starts[MAX_SURVIVORS];
	struct baseline baseline;
	char where[256]; /* the kill that is judged */
};

/* --- the victim --- */

static void
victim_run(void *user)
{
	struct director *director = user;
	struct victim victim = {
		.stage = director->stage, .number = load_acq(&director->stage->victim)};
	cpu_set_t one;
	int cpu = sched_getcpu();

	/* where the director is: to go back and forth costs least, and nobody spins, so that all
	 * runs are alike */
	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : (unsigned int)cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	stepper_offer();
	director->scene->prepare(&victim);
	stepper_mark();
	director->scene->act(&victim);
	stepper_mark();
}

static void
command(struct director *director)
{
	struct stage *stage = director->stage;
	uint32_t number = load_acq(&stage->victim);

	wait_for(&stage->ready, number);
	must_be(tern_call_sync(director->bus, survivor_name(stage, 0), director->scene->command,
			NULL, NULL, ""),
		0);
	store_rel(&stage->go, number);
}

/* victim_start() - the next one, at its mark. Return: its pid. */
static pid_t
victim_start(struct director *director)
{
	struct stage *stage = director->stage;
	pid_t pid;

	for (uint32_t i = 0; i < MAX_SURVIVORS; i++)
		memset(&stage->reports[i], 0, sizeof(stage->reports[i]));
	tell(&stage->victim);
	pid = child_start(victim_run, director);
	if (director->scene->command)
		command(director);
	must_be(stepper_wait(pid), STEP_POINT); /* it stops by itself: at a mark */
	return pid;
}

/* --- the judge --- */

static void
wrong(struct director *director, const char *what)
{
	violation(director->scene->name, what, director->where);
}

/* status() - numbers of the bus's */
static void
status(struct director *director, uint64_t *peers, uint64_t *names, uint64_t *rules)
{
	tern_message *reply;

	*peers = *names = *rules = 0;
	if (!director->stage->by_bus)
		return;
	must_be(tern_call_sync(director->bus, "tern", "Status", &reply, NULL, ""), 0);
	must_be(tern_message_unpack(reply, "{peers:u, names:u, rules:u}", peers, names, rules), 0);
	(void)tern_message_unref(reply); /* always NULL */
}

/* is_settled() - nothing is left of the victim; that each survivor answers is seen by asking */
static bool
is_settled(struct director *director)
{
	const struct baseline *baseline = &director->baseline;
	uint64_t peers, names, rules;
	bool is_it = true;

	for (uint32_t i = 0; i < director->scene->n_survivors; i++) {
		const struct report *report = &director->stage->reports[i];

		must_be(tern_call_sync(director->bus, survivor_name(director->stage, i), "Report",
				NULL, NULL, ""),
			0);
		is_it = is_it && report->links == baseline->links[i] && report->lent == 0 &&
			report->begun == report->ended && report->lost >= director->scene->n_links;
	}
	status(director, &peers, &names, &rules);
	if (load_acq(&director->stage->victim) == 1)
		director->baseline.rules =
			rules; /* a survivor that follows a value goes on to do so */
	return is_it && peers == baseline->peers && names == baseline->names &&
	       rules == baseline->rules;
}

static void
tell_what_is_left(struct director *director)
{
	uint64_t peers, names, rules;

	status(director, &peers, &names, &rules);
	(void)fprintf(stderr, "peers %llu names %llu rules %llu", (unsigned long long)peers,
		(unsigned long long)names, (unsigned long long)rules);
	for (uint32_t i = 0; i < director->scene->n_survivors; i++) {
		const struct report *report = &director->stage->reports[i];

		(void)fprintf(stderr, "; links %u lent %u begun %u ended %u lost %u", report->links,
			report->lent, report->begun, report->ended, report->lost);
	}
	(void)fprintf(stderr, "\n");
}

/* probe() - when who dialled after the victim is answered, the victim was accepted too, if it came
 * so far */
static void
probe(const struct director *director)
{
	tern_bus *bus = stage_open(director->stage);

	must_be(tern_call_sync(bus, NULL, "Report", NULL, NULL, ""), 0);
	(void)tern_close(bus); /* always NULL */
}

static void
settle(struct director *director)
{
	uint64_t begin = clock_now_ns(), slowest = load_acq(&totals->slowest_ns);

	if (director->scene->probes)
		probe(director);
	/* three times: a loss may still wait behind the question, and a link be made and lost
	 * between two */
	for (int n = 0; n < 3; n = is_settled(director) ? n + 1 : 0) {
		if (clock_now_ns() - begin > SETTLE_NS) {
			tell_what_is_left(director);
			wrong(director, "a survivor is stuck, or something is left");
			return;
		}
		(void)usleep(100); /* the kernel ends the victim meanwhile */
	}
	store_rel(&totals->slowest_ns, MAX(slowest, clock_now_ns() - begin));
}

/* judge_messages() - how many of them came; each once, all before the mark, the same to all */
static void
judge_messages(struct director *director, bool is_done)
{
	const struct scene *scene = director->scene;
	const struct report *reports = director->stage->reports;

	for (uint32_t i = 0; i < scene->n_survivors; i++) {
		if (reports[i].wrong)
			wrong(director, "something came that was not sent so");
		if (reports[i].lost > 1u + scene->probes)
			wrong(director, "a loss was told twice");
		for (uint32_t n = 0; n < MAX_NUMBERS; n++) {
			if (reports[i].whole[n] > 1)
				wrong(director, "a message came twice");
			if (reports[i].whole[n] != reports[0].whole[n])
				wrong(director, "one survivor heard what another did not");
			if (!reports[i].whole[n] &&
				(n < scene->n_before ||
					(is_done && n < scene->n_before + scene->n_act)))
				wrong(director, "a message that was sent did not come");
			if (reports[i].whole[n] && n >= scene->n_before + scene->n_act)
				wrong(director, "a message came that nobody sent");
		}
	}
}

static void
judge(struct director *director, bool is_done)
{
	struct baseline *baseline = &director->baseline;

	store_rel(&director->stage->over, load_acq(&director->stage->victim));
	settle(director);
	judge_messages(director, is_done);
	for (uint32_t i = 0; i < director->scene->n_survivors; i++) {
		const struct report *report = &director->stage->reports[i];

		if (load_acq(&director->stage->victim) <= N_WARM) {
			baseline->fds[i] = report->fds;
			baseline->maps[i] = MAX(baseline->maps[i], report->maps);
			continue;
		}
		if (report->fds != baseline->fds[i])
			wrong(director, "a survivor has other descriptors than before");
		if (report->maps > baseline->maps[i])
			wrong(director, "a survivor has more mappings than before");
	}
}

/* --- the sweep --- */

/* look_at_hung() - what it does; with TERN_TEST_HOLD it is left as it is, and so are all others */
static void
look_at_hung(pid_t pid, char *to, size_t size)
{
	stepper_where(pid, to, size);
	if (!getenv("TERN_TEST_HOLD"))
		return;
	stepper_leave(pid);
	(void)fprintf(stderr, "process %d hangs: %s\n", (int)pid, to);
	(void)pause();
}

/* kill_at() - a victim at this place */
static void
kill_at(struct director *director, const struct point *point, size_t number)
{
	pid_t pid = victim_start(director);
	enum step step = stepper_run_to(pid, point);
	const char *stall = getenv("TERN_TEST_STALL");
	char doing[160] = "";

	if (stall && step == STEP_POINT) {
		(void)usleep((useconds_t)strtoul(stall, NULL, 10) * 1000);
		step = stepper_go(pid);
	}

	if (step == STEP_HUNG)
		look_at_hung(pid, doing, sizeof(doing));
	(void)snprintf(director->where, sizeof(director->where), "place %zu, pc %#lx, time %u %s",
		number, (unsigned long)point->pc, point->n, doing);
	if (step == STEP_ENDED || step == STEP_HUNG)
		wrong(director,
			step == STEP_HUNG ? "the victim hangs" : "the victim ended by itself");
	stepper_kill(pid);
	(void)atomic_fetch_add(step == STEP_POINT ? &totals->points : &totals->points_missed, 1);
	judge(director, step == STEP_MARK);
}

/* is_around() - only some places, because at the others nothing differs */
static bool
is_around(const struct director *director)
{
	return director->scene->around && !getenv("TERN_TEST_EVERY");
}

static enum step
trace_way(const struct director *director, pid_t pid, struct trace *way)
{
	return is_around(director) ? around_trace(pid, way) : stepper_trace(pid, way);
}

/* warm_up() - victims that get through; the shortest way of theirs is kept. */
static void
warm_up(struct director *director, struct trace *trace)
{
	for (int i = 0; i < N_WARM; i++) {
		pid_t pid = victim_start(director);
		struct trace way = {0};

		(void)snprintf(director->where, sizeof(director->where), "killed after all of it");
		if (i == N_WARM - 1 || is_long())
			must_be(trace_way(director, pid, &way), STEP_MARK);
		else
			must_be(stepper_go(pid), STEP_MARK);
		stepper_kill(pid);
		judge(director, true);
		if (way.n_points && (!trace->n_points || way.n_steps < trace->n_steps)) {
			trace_free(trace);
			*trace = way;
		} else {
			trace_free(&way);
		}
	}
}

static void
director_open(struct director *director)
{
	struct stage *stage = director->stage;
	struct baseline *baseline = &director->baseline;
	uint8_t byte;

	stage_fill(&byte, 1, 0, 0); /* what is made at the first time is made here */
	if (stage->by_bus)
		private_bus_start(&director->place, NULL);
	else
		private_bus_place(&director->place);
	(void)snprintf(stage->address, sizeof(stage->address), "%s", director->place.address);
	for (uint32_t i = 0; i < director->scene->n_survivors; i++) {
		director->starts[i] = (struct survivor_start){stage, i};
		director->survivors[i] = child_start(survivor_run, &director->starts[i]);
	}
	wait_for(&stage->survivors, director->scene->n_survivors);
	memcpy(director->company, director->survivors, sizeof(director->survivors));
	director->company[MAX_SURVIVORS] = director->place.ternd;
	stepper_set_company(director->company, ARRAY_SIZE(director->company));
	director->bus = stage_open(stage);
	for (uint32_t i = 0; i < director->scene->n_survivors; i++) {
		must_be(tern_call_sync(
				director->bus, survivor_name(stage, i), "Report", NULL, NULL, ""),
			0);
		baseline->links[i] = stage->reports[i].links;
	}
	status(director, &baseline->peers, &baseline->names, &baseline->rules);
}

static void
director_close(struct director *director)
{
	(void)tern_close(director->bus);
	for (uint32_t i = 0; i < director->scene->n_survivors; i++)
		child_kill(director->survivors[i]);
	if (!director->stage->by_bus)
		(void)unlink(
			director->stage->address + strlen("unix:")); /* who listened was killed */
	private_bus_stop(&director->place);
}

static void
sweep(const struct scene *scene)
{
	struct director director = {.scene = scene, .stage = shared_new(sizeof(*director.stage))};
	struct trace trace = {0};
	uint64_t before, violations = load_acq(&totals->violations);

	director.stage->by_bus = scene->by_bus;
	director_open(&director);
	before = load_acq(&totals->points);
	warm_up(&director, &trace);
	for (size_t i = 0; i < trace.n_points; i++)
		if (sweep_picks(i, trace.n_points, N_SHORT))
			kill_at(&director, &trace.points[i], i);
	(void)atomic_fetch_add(&totals->points_there, trace.n_points);
	printf("%s: killed at %llu of %zu places%s, of %llu in all\n", scene->name,
		(unsigned long long)(load_acq(&totals->points) - before), trace.n_points,
		is_around(&director) ? " around system calls and shared stores" : "",
		(unsigned long long)trace.n_steps);
	trace_free(&trace);
	director_close(&director);
	(void)shared_free(director.stage, sizeof(*director.stage));
	must_be(load_acq(&totals->violations), violations);
}

START_TEST(on_a_link)
{
	sweep(&victims[_i]);
}
END_TEST

START_TEST(on_a_bus)
{
	sweep(&victims_of_bus[_i]);
}
END_TEST

static void
add(Suite *suite, const struct scene *scene, int i, const TTest *test)
{
	TCase *tcase = tcase_create(scene->name);

	tcase_set_timeout(tcase, TIMEOUT);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tcase, test, i, i + 1);
	suite_add_tcase(suite, tcase);
}

/* is_run() - in this form */
static bool
is_run(const struct scene *scene)
{
	return is_long() || !scene->is_long;
}

void
kills_add(Suite *suite)
{
	for (int i = 0; victims[i].name; i++)
		if (is_run(&victims[i]))
			add(suite, &victims[i], i, on_a_link);
	for (int i = 0; victims_of_bus[i].name; i++)
		if (is_run(&victims_of_bus[i]))
			add(suite, &victims_of_bus[i], i, on_a_bus);
}
