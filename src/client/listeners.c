/* SPDX-License-Identifier: MIT */

/* listeners: see listeners.h */

#include <utlist.h>

#include "client/daemon.h"
#include "client/error.h"
#include "client/handler.h"
#include "client/listeners.h"
#include "client/topic.h"
#include "wire/control.h"

#define AGAIN_NS (10 * NSEC_PER_MSEC) /* where ternd does not read, or writes all the time */

static_assert(VERSIONS_N_WORDS / 8 == CONTROL_MAX_WORDS, "a bit a word");

static void
try_again(tern_bus *bus)
{
	bus->listeners_step = LISTENERS_REST;
	bus->listeners_at = bus_time(bus) + AGAIN_NS;
}

/* --- asking --- */

static void
add_words(tern_topic *topic, uint8_t words[CONTROL_MAX_WORDS])
{
	uint32_t at[TOPIC_WORDS - 1];
	size_t n = daemon_versions(topic->bus, topic->tags, topic->n_tags, at, ARRAY_SIZE(at));

	for (size_t i = 0; i < n; i++) {
		if (at[i] == TOPIC_ALL_SENDERS)
			memset(words + VERSIONS_SENDERS / 8, 0xff, VERSIONS_N_SENDERS / 8);
		else
			words[at[i] / 8] |= (uint8_t)(1 << at[i] % 8);
	}
}

static void
ask(tern_bus *bus)
{
	uint8_t words[CONTROL_MAX_WORDS] = {0};
	tern_topic *topic;
	int r;

	if (bus->daemon && daemon_is_away(bus->daemon)) {
		bus->listeners_step = LISTENERS_REST;
		return; /* daemon_welcomed() begins again; a plan would wait for the next ternd, and the leader cannot */
	}
	bus->listeners_step = LISTENERS_LOOK;
	if (!bus->daemon || daemon_is_over(bus->daemon))
		return; /* nobody to ask: what changes, changes here */
	DL_FOREACH2 (bus->watched_topics, topic, watched_next)
		add_words(topic, words);
	bus->listeners_step = LISTENERS_WAIT;
	r = daemon_watch(bus, words, sizeof(words), &bus->listeners_asked);
	if (r < 0)
		try_again(bus);
}

/* --- looking --- */

/* tell() - queue it for the program, once */
static void
tell(tern_topic *topic)
{
	struct item item = {.kind = ITEM_LISTENERS, .topic = topic};

	topic->refs++;
	if (queue_put(topic->bus, &item) < 0)
		try_again(topic->bus);
	else
		topic->is_told_soon = true;
}

static void
look(tern_bus *bus)
{
	tern_topic *topic;

	bus->listeners_step = LISTENERS_REST;
	DL_FOREACH2 (bus->watched_topics, topic, watched_next) {
		if (topic_plan(topic) < 0)
			try_again(bus);
		else if (!topic->is_told_soon && (topic->n_recipients > 0) != topic->was_told)
			tell(topic);
	}
}

void
listeners_work(tern_bus *bus)
{
	if (bus->listeners_step == LISTENERS_ASK)
		ask(bus);
	if (bus->listeners_step == LISTENERS_LOOK)
		look(bus);
}

void
listeners_answered(tern_bus *bus, uint64_t serial)
{
	if (bus->listeners_step != LISTENERS_WAIT || serial != bus->listeners_asked)
		return;
	bus->listeners_step = LISTENERS_LOOK;
	lead_kick(bus); /* it may have been read where no round follows */
}

void
listeners_changed(tern_bus *bus)
{
	if (!bus->watched_topics)
		return;
	bus->listeners_step = LISTENERS_ASK;
	lead_kick(bus);
}

uint64_t
listeners_expire(tern_bus *bus)
{
	if (likely(!bus->listeners_at))
		return UINT64_MAX;
	if (bus->listeners_at > bus_time(bus))
		return bus->listeners_at;
	bus->listeners_at = 0;
	listeners_changed(bus);
	return UINT64_MAX;
}

/* --- telling --- */

void
listeners_run(tern_bus *bus, tern_topic *topic)
{
	struct handler_frame frame;
	bool any;

	topic->is_told_soon = false;
	if (!topic->listeners_fn)
		return;
	if (topic_plan(topic) < 0) { /* it may have given up the lock */
		try_again(bus);
		return;
	}
	any = topic->n_recipients > 0;
	if (!topic->listeners_fn || any == topic->was_told)
		return;
	topic->was_told = any;
	handler_begin(bus, &frame, &topic->n_running);
	topic->listeners_fn(topic, any, topic->listeners_user);
	handler_end(&frame);
}

void
listeners_end(tern_topic *topic)
{
	tern_bus *bus = topic->bus;

	if (!topic->listeners_fn)
		return;
	topic->listeners_fn = NULL;
	DL_DELETE2(bus->watched_topics, topic, watched_prev, watched_next);
	handler_wait(bus, &topic->n_running);
}

_public_ int
tern_watch_listeners(tern_topic *topic, tern_listeners_fn *fn, void *user)
{
	tern_bus *bus = topic->bus;
	int r = bus_enter(bus);

	if (r < 0)
		return r;
	listeners_end(topic);
	if (fn) {
		topic->listeners_fn = fn;
		topic->listeners_user = user;
		topic->was_told = false;
		DL_APPEND2(bus->watched_topics, topic, watched_prev, watched_next);
		listeners_changed(bus);
	}
	bus_leave(bus);
	return 0;
}
