/* SPDX-License-Identifier: MIT */
#ifndef TERN_GLIB_H
#define TERN_GLIB_H

/**
 * @file glib.h
 * A tern handle in a GLib main loop. Not part of <tern/tern.h>; needs GLib 2.36, and libtern does not.
 *
 * Each turn of the loop takes in what is there and runs handlers, up to TERN_OPT_BUDGET messages; then the
 * other sources have their turn. Handlers run in the thread that runs the context. Other threads may use the
 * handle as ever.
 */

#include <glib.h>
#include <tern/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is behind the GSource; nobody's business but this header's. */
struct tern_glib_source {
	GSource source;
	tern_bus *bus;
	tern_peer_fn *fn;
	void *user;
};

/** tern_glib_dispatch() - GLib calls it */
static inline gboolean
tern_glib_dispatch(GSource *source, GSourceFunc unused, gpointer unused_too)
{
	struct tern_glib_source *s = (struct tern_glib_source *)source;

	(void)unused;
	(void)unused_too;
	if (tern_process(s->bus) >= 0)
		return TRUE; /* what still waits keeps the descriptor readable */
	if (s->fn)
		s->fn(s->bus, TERN_ERROR, 0, s->user);
	return FALSE;
}

/**
 * tern_glib_attach() - handle what comes from inside a main context
 * @param context NULL: the default one
 * @param fn   has the place of tern_on_peer(), from now until the source is detached: TERN_LOST with TERN_PEER_BUS
 *             says that ternd is gone. TERN_ERROR, peer 0: tern_process() failed as tern_last_error() says, and the
 *             loop hears of this handle no more. NULL: leave tern_on_peer() as it is, and be told of no failure
 * @param ret  the caller's, to be given to tern_glib_detach() before tern_close(); g_source_set_priority() may be used
 * @return 0, or what tern_fd() returns. Threads: any; detach in the one that runs the context. Never blocks.
 */
static inline int
tern_glib_attach(tern_bus *bus, GMainContext *context, tern_peer_fn *fn, void *user, GSource **ret)
{
	static GSourceFuncs functions = {NULL, NULL, tern_glib_dispatch, NULL, NULL, NULL};
	struct tern_glib_source *s;
	int fd = tern_fd(bus);

	if (fd < 0)
		return fd;
	s = (struct tern_glib_source *)g_source_new(&functions, sizeof(*s));
	s->bus = bus;
	s->fn = fn;
	s->user = user;
	if (fn)
		(void)tern_on_peer(bus, fn, user); /* fails as tern_fd() would have */
	g_source_set_name(&s->source, "tern");
	(void)g_source_add_unix_fd(&s->source, fd, G_IO_IN);
	(void)g_source_attach(&s->source, context); /* its number is of no use: there is the source */
	*ret = &s->source;
	return 0;
}

/** tern_glib_detach() - leave the loop, also from inside a handler; takes NULL, returns NULL. What waits, waits on. */
static inline GSource *
tern_glib_detach(GSource *source)
{
	struct tern_glib_source *s = (struct tern_glib_source *)source;

	if (!s)
		return NULL;
	if (s->fn)
		(void)tern_on_peer(s->bus, NULL, NULL); /* but in a forked child, where the handle is dead */
	s->fn = NULL;
	g_source_destroy(source);
	g_source_unref(source);
	return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
