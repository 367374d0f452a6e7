/* SPDX-License-Identifier: MIT */

/* survivor: hears what victims say, serves them, lends to them, and tells how it is; see kill.h */

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "client/bus.h"
#include "kill.h"
#include "whole.h"

enum { FILL_SIZE = 8192, STREAM_END = 4 };

struct survivor {
	struct stage *stage;
	struct report *report;
	tern_bus *bus;
	tern_topic *out;
	tern_state *state; /* of the victim */
	tern_subscription *follows;
};

const char *
survivor_name(const struct stage *stage, uint32_t number)
{
	static const char *const names[MAX_SURVIVORS] = {"org.example.Survivor.One",
		"org.example.Survivor.Two", "org.example.Survivor.Three"};

	return stage->by_bus ? names[number] : NULL;
}

tern_bus *
stage_open(const struct stage *stage)
{
	tern_bus *bus;

	if (stage->by_bus)
		must_be(tern_open(stage->address, &bus), 0);
	else
		must_be(tern_dial(stage->address, &bus), 0);
	must_be(tern_set_option(bus, TERN_OPT_TIMEOUT, VERY_LONG_NS), 0);
	must_be(tern_set_option(bus, TERN_OPT_MAX_WAIT, VERY_LONG_NS), 0);
	return bus;
}

/* fill_from() - bytes that differ by message; one table, so that victims do not spend their steps
 * on it */
static const uint8_t *
fill_from(uint32_t victim, uint32_t number)
{
	static uint8_t table[FILL_SIZE];

	if (!table[1])
		for (size_t i = 0; i < sizeof(table); i++)
			table[i] = (uint8_t)(i * UINT64_C(0x9e3779b97f4a7c15) >> 32 | 1);
	return table + (victim * 31 + number * 7) % (FILL_SIZE - LENT_SIZE);
}

void
stage_fill(void *to, size_t size, uint32_t victim, uint32_t number)
{
	memcpy(to, fill_from(victim, number), size);
}

bool
stage_is_filled(const void *bytes, size_t size, uint32_t victim, uint32_t number)
{
	return memcmp(bytes, fill_from(victim, number), size) == 0;
}

/* --- what it heard --- */

/* heard() - a message of the victim's: [victim, number, size, has descriptor] */
static void
heard(struct survivor *survivor, tern_message *m)
{
	struct report *report = survivor->report;
	uint64_t victim, number, size, has_fd;
	const void *bytes;

	if (tern_message_unpack(m, "[uuuu]", &victim, &number, &size, &has_fd) ||
		victim != load_acq(&survivor->stage->victim) || number >= MAX_NUMBERS ||
		!is_whole(m, size, has_fd, number, &bytes) ||
		(size && !stage_is_filled(bytes, size, (uint32_t)victim, (uint32_t)number)) ||
		(number > 0 && load_acq(&report->whole[number - 1]) == 0)) {
		tell(&report->wrong);
		return;
	}
	tell(&report->whole[number]);
}

/* --- what it is asked --- */

static int
take_method(tern_call *call, tern_message *m, void *user)
{
	heard(user, m);
	return tern_reply(call, "");
}

/* A service that takes nothing in until the director says so. */
static int
pause_method(tern_call *call, tern_message *m, void *user)
{
	struct survivor *survivor = user;
	uint32_t victim = load_acq(&survivor->stage->victim);

	store_rel(&survivor->stage->paused, victim);
	wait_for(&survivor->stage->over, victim);
	return 0;
}

/* Two events for the victim, the second with lent bytes. */
static int
publish_method(tern_call *call, tern_message *m, void *user)
{
	struct survivor *survivor = user;
	void *bytes;

	for (uint64_t i = 0; i < 2; i++) {
		must_be(tern_message_new_event(survivor->out, &m), 0);
		must_be(tern_message_pack(m, "u", i), 0);
		if (i) {
			must_be(tern_message_lend(m, LENT_SIZE, &bytes), 0);
			stage_fill(bytes, LENT_SIZE, 0, 1);
		}
		must_be(tern_publish_message(m, 0), 0);
		(void)tern_message_unref(m); /* always NULL */
	}
	return tern_reply(call, "");
}

static void
on_version(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct survivor *survivor = user;

	if (m)
		heard(survivor, m);
	else
		tell(&survivor->report->wrong);
}

static int
open_state_method(tern_call *call, tern_message *m, void *user)
{
	struct survivor *survivor = user;

	survivor->follows = tern_subscription_free(survivor->follows);
	survivor->state = tern_state_free(survivor->state);
	must_be(tern_state_open(survivor->bus, VICTIM_NAME, "value", &survivor->state), 0);
	must_be(tern_state_subscribe(
			survivor->state, TERN_WAIT, on_version, survivor, &survivor->follows),
		0);
	return tern_reply(call, "");
}

static void
answered(tern_call *call, int result, tern_message *reply, const struct tern_error *error,
	void *user)
{
	struct survivor *survivor = user;

	tell(&survivor->report->ended);
	if (result == 0)
		heard(survivor, reply);
	(void)tern_call_unref(call); /* always NULL; else it would keep the link */
}

static int
call_victim_method(tern_call *call, tern_message *m, void *user)
{
	struct survivor *survivor = user;
	tern_call *sent;

	must_be(tern_message_new_call(survivor->bus, VICTIM_NAME, "Answer", &m), 0);
	must_be(tern_send(m, LONG_NS, 0, &sent), 0);
	must_be(tern_call_then(sent, answered, survivor), 0);
	tell(&survivor->report->begun);
	(void)tern_message_unref(m); /* always NULL, as below */
	return tern_reply(call, "");
}

static void
on_part(tern_call *call, const struct tern_event *event, void *user)
{
	struct survivor *survivor = user;

	if (event->kind == TERN_PART) {
		heard(survivor, event->message);
		return;
	}
	if (event->kind == TERN_END) {
		tell(&survivor->report->whole[STREAM_END]);
		return;
	}
	tell(&survivor->report->ended);
	(void)tern_call_unref(call); /* always NULL */
}

static int
stream_method(tern_call *call, tern_message *m, void *user)
{
	struct survivor *survivor = user;

	must_be(tern_call_follow(tern_call_ref(call), on_part, survivor), 0);
	tell(&survivor->report->begun);
	return 0;
}

/* --- how it is --- */

/* count_segments() - mapped: what the heap and the stack do is no part of the question */
static uint32_t
count_segments(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	uint32_t n = 0;

	must(file != NULL);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, "/memfd:") != NULL;
	(void)fclose(file);
	return n;
}

static int
report_method(tern_call *call, tern_message *m, void *user)
{
	struct survivor *survivor = user;
	struct report *report = survivor->report;
	uint32_t n_links = 0, n_out = 0;
	struct link *link;

	must_be(bus_enter(survivor->bus), 0);
	DL_FOREACH (survivor->bus->endpoint.links, link) {
		n_links++;
		n_out += link->n_out;
	}
	bus_leave(survivor->bus);
	store_rel(&report->links, n_links);
	store_rel(&report->lent, n_out);
	store_rel(&report->fds, (uint32_t)count_open_fds());
	store_rel(&report->maps, count_segments());
	return tern_reply(call, "");
}

static const struct tern_method methods[] = {
	{"CallVictim", call_victim_method},
	{"OpenState", open_state_method},
	{"Pause", pause_method},
	{"Publish", publish_method},
	{"Report", report_method},
	{"Stream", stream_method},
	{"Take", take_method},
};

static void
survivor_open(struct survivor *survivor, uint32_t number)
{
	static const char *const in[] = {"in", NULL}, *const out[] = {"out", NULL};
	struct tern_rule rule = {.size = sizeof(rule), .policy = TERN_WAIT, .tags = in};
	const struct stage *stage = survivor->stage;
	tern_subscription *s;
	tern_service *service;

	if (stage->by_bus)
		must_be(tern_open(stage->address, &survivor->bus), 0);
	else
		must_be(tern_listen(stage->address, &survivor->bus), 0);
	must_be(tern_serve(survivor->bus, survivor_name(stage, number), NULL, methods,
			ARRAY_SIZE(methods), survivor, &service),
		0);
	must_be(tern_subscribe(survivor->bus, &rule, NULL, NULL, &s), 0);
	must_be(tern_topic_new(survivor->bus, out, &survivor->out), 0);
}

void
survivor_run(void *user)
{
	struct survivor_start *start = user;
	struct survivor survivor = {
		.stage = start->stage, .report = &start->stage->reports[start->number]};
	struct tern_event event = {.size = sizeof(event)};

	survivor_open(&survivor, start->number);
	tell(&survivor.stage->survivors);
	for (;;) {
		must_be(tern_next(survivor.bus, TERN_FOREVER, &event), 0);
		if (event.kind == TERN_EVENT)
			heard(&survivor, event.message);
		else if (event.kind == TERN_LOST)
			tell(&survivor.report->lost);
		else if (event.kind == TERN_GAP)
			tell(&survivor.report->wrong);
		(void)tern_message_unref(event.message); /* always NULL, as the next */
		(void)tern_call_unref(event.call);
	}
}
