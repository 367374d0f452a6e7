/* SPDX-License-Identifier: MIT */

#include <stdlib.h>
#include <tern/glib.h>

#include "outside.h"

struct outside {
	GMainContext *context;
	GSource *other;
	void (*fn)(void *user);
	void *user;
};

struct outside_seat {
	GSource *source;
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
	outside->context = g_main_context_new();
	return outside;
}

void
outside_free(struct outside *outside)
{
	if (outside->other) {
		g_source_destroy(outside->other);
		g_source_unref(outside->other);
	}
	g_main_context_unref(outside->context);
	free(outside);
}

void
outside_turn(struct outside *outside)
{
	(void)g_main_context_iteration(outside->context, TRUE); /* of what was attached it tells itself */
}

bool
outside_look(struct outside *outside)
{
	return g_main_context_iteration(outside->context, FALSE);
}

struct outside_seat *
outside_sit(struct outside *outside, tern_bus *bus, tern_peer_fn *fn, void *user)
{
	struct outside_seat *seat = calloc(1, sizeof(*seat));

	must(seat != NULL);
	must_be(tern_glib_attach(bus, outside->context, fn, user, &seat->source), 0);
	return seat;
}

void
outside_leave(struct outside_seat *seat)
{
	must(tern_glib_detach(seat->source) == NULL);
	free(seat);
}

static gboolean
other_ready(GSource *source, GSourceFunc unused, gpointer unused_too)
{
	struct outside *outside = *(struct outside **)(source + 1);

	outside->fn(outside->user);
	return TRUE;
}

void
outside_watch(struct outside *outside, int fd, void (*fn)(void *user), void *user)
{
	static GSourceFuncs functions = {.dispatch = other_ready};

	outside->fn = fn;
	outside->user = user;
	outside->other = g_source_new(&functions, sizeof(GSource) + sizeof(outside));
	*(struct outside **)(outside->other + 1) = outside;
	(void)g_source_add_unix_fd(outside->other, fd, G_IO_IN);
	(void)g_source_attach(outside->other, outside->context);
}
