/* SPDX-License-Identifier: MIT */

#include <stdlib.h>
#include <tern/sd-event.h>

#include "outside.h"

struct outside {
	sd_event *event;
	sd_event_source *other;
	void (*fn)(void *user);
	void *user;
};

struct outside_seat {
	sd_event_source *source;
};

void
outside_prepare(void)
{
}

struct outside *
outside_new(void)
{
	struct outside *outside = calloc(1, sizeof(*outside));

	must(outside != NULL);
	must(sd_event_new(&outside->event) >= 0);
	return outside;
}

void
outside_free(struct outside *outside)
{
	(void)sd_event_source_unref(outside->other); /* always NULL */
	(void)sd_event_unref(outside->event);	     /* likewise */
	free(outside);
}

void
outside_turn(struct outside *outside)
{
	must(sd_event_run(outside->event, UINT64_MAX) > 0);
}

bool
outside_look(struct outside *outside)
{
	int r = sd_event_run(outside->event, 0);

	must(r >= 0);
	return r > 0;
}

struct outside_seat *
outside_sit(struct outside *outside, tern_bus *bus, tern_peer_fn *fn, void *user)
{
	struct outside_seat *seat = calloc(1, sizeof(*seat));

	must(seat != NULL);
	must_be(tern_sd_event_attach(bus, outside->event, fn, user, &seat->source), 0);
	return seat;
}

void
outside_leave(struct outside_seat *seat)
{
	must(tern_sd_event_detach(seat->source) == NULL);
	free(seat);
}

static int
other_ready(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct outside *outside = user;

	outside->fn(outside->user);
	return 0;
}

void
outside_watch(struct outside *outside, int fd, void (*fn)(void *user), void *user)
{
	outside->fn = fn;
	outside->user = user;
	must(sd_event_add_io(outside->event, &outside->other, fd, EPOLLIN, other_ready, outside) >= 0);
}
