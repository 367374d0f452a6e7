/* SPDX-License-Identifier: MIT */

/* unheard: what publishing costs where nobody listens */

#include "base/clock.h"
#include "lap.h"
#include "payload.h"
#include "tern_bus.h"

static const char *const tags[] = {"org.example.Bench", "unheard", NULL};

struct unheard {
	struct bench_run *run;
	tern_bus *bus;
	tern_topic *topic;
	struct payload payload;
	const _Atomic uint64_t *words; /* of limit:loads */
	uint64_t seen;
};

static int
work_ask(void *user)
{
	struct unheard *unheard = user;
	int n = 0;

	for (int i = 0; i < LAP_N; i++)
		n += tern_has_listeners(unheard->topic);
	return n ? run_fail(unheard->run, -EBADMSG, "somebody listens") : 0;
}

static int
work_publish(void *user)
{
	struct unheard *unheard = user;
	int r = 0;

	for (int i = 0; i < LAP_N && r == 0; i++)
		r = tern_publish(
			unheard->topic, "y", &unheard->payload, sizeof(unheard->payload));
	return r < 0 ? tern_bus_fail(unheard->run, r, "tern_publish") : 0;
}

static int
work_strings(void *user)
{
	struct unheard *unheard = user;
	int r = 0;

	for (int i = 0; i < LAP_N && r == 0; i++) {
		tern_topic *topic;

		r = tern_topic_new(unheard->bus, tags, &topic);
		if (r < 0)
			break;
		r = tern_publish(topic, "y", &unheard->payload, sizeof(unheard->payload));
		(void)tern_topic_free(topic); /* always NULL */
	}
	return r < 0 ? tern_bus_fail(unheard->run, r, "tern_publish") : 0;
}

static int
unheard_drive_with(struct bench_run *run, int (*work)(void *user))
{
	_cleanup_(tern_bus_closep) tern_bus *bus = NULL;
	struct unheard unheard = {.run = run};
	int r;

	r = tern_bus_connect_spinning(run, TERN_SPIN_DEFAULT, &bus);
	if (r < 0)
		return r;
	unheard.bus = bus;
	r = tern_topic_new(bus, tags, &unheard.topic);
	if (r < 0)
		return tern_bus_fail(run, r, "tern_topic_new");
	r = lap_drive(run, &(struct lap){.work = work, .user = &unheard});
	(void)tern_topic_free(unheard.topic); /* always NULL */
	return r;
}

static int
ask_drive(struct bench_run *run)
{
	return unheard_drive_with(run, work_ask);
}

static int
publish_drive(struct bench_run *run)
{
	return unheard_drive_with(run, work_publish);
}

static int
strings_drive(struct bench_run *run)
{
	return unheard_drive_with(run, work_strings);
}

/* --- limit:loads: the words that decide, read and compared, and nothing around it --- */

enum {
	N_WORDS = 4, /* of two tags, of the tagless, of the sender */
	WORD_STRIDE = 64 * 8,
};

static int
work_loads(void *user)
{
	struct unheard *unheard = user;
	uint64_t differs = 0;

	for (int i = 0; i < LAP_N; i++)
		for (size_t word = 0; word < N_WORDS; word++)
			differs |= load_acq(&unheard->words[word * WORD_STRIDE]) ^ unheard->seen;
	return differs ? -EBADMSG : 0;
}

static int
loads_drive(struct bench_run *run)
{
	struct unheard unheard = {.run = run};

	unheard.words = (const _Atomic uint64_t *)(const void *)run->shared->scratch;
	return lap_drive(run, &(struct lap){.work = work_loads, .user = &unheard});
}

#define UNHEARD(variable, called, way)                                                             \
	static const struct subject variable = {                                                   \
		.name = (called),                                                                  \
		.open = tern_bus_open,                                                             \
		.serve = run_rest,                                                                 \
		.drive = (way),                                                                    \
	}

UNHEARD(tern_ask, "tern:has-listeners", ask_drive);
UNHEARD(tern_unheard, "tern:publish", publish_drive);
UNHEARD(tern_strings, "tern:bare-strings", strings_drive);

static const struct subject limit_loads = {
	.name = "limit:loads",
	.serve = run_rest,
	.drive = loads_drive,
};

const struct workload workload_unheard = {
	.name = "unheard",
	.what = "publish to nobody: ask first, on a topic, from bare strings",
	.subjects =
		(const struct subject *const[]){
			&tern_ask,
			&tern_unheard,
			&tern_strings,
			&limit_loads,
			NULL,
		},
};
