/* SPDX-License-Identifier: MIT */
#ifndef TERN_SD_EVENT_H
#define TERN_SD_EVENT_H

/**
 * @file sd-event.h
 * A tern handle in an sd-event loop. Not part of <tern/tern.h>; needs libsystemd 239, and libtern does not.
 *
 * Each turn of the loop takes in what is there and runs handlers, up to TERN_OPT_BUDGET messages; then the
 * other sources have their turn. Handlers run in the thread that runs the loop. Other threads may use the
 * handle as ever.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <tern/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is behind the source; nobody's business but this header's. */
struct tern_sd_event {
	tern_bus *bus;
	tern_peer_fn *fn;
	void *user;
};

/** tern_sd_event_ready() - sd-event calls it */
static inline int
tern_sd_event_ready(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct tern_sd_event *t = (struct tern_sd_event *)user;

	(void)fd;
	(void)events;
	if (tern_process(t->bus) >= 0)
		return 0; /* what still waits keeps the descriptor readable */
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF); /* of a live source: cannot fail */
	if (t->fn)
		t->fn(t->bus, TERN_ERROR, 0, t->user);
	return 0;
}

/**
 * tern_sd_event_attach() - handle what comes from inside a loop
 * @param fn   has the place of tern_on_peer(), from now until the source is detached: TERN_LOST with TERN_PEER_BUS
 *             says that ternd is gone. TERN_ERROR, peer 0: tern_process() failed as tern_last_error() says, and the
 *             loop hears of this handle no more. NULL: leave tern_on_peer() as it is, and be told of no failure
 * @param ret  the caller's, to be given to tern_sd_event_detach() before tern_close();
 *             sd_event_source_set_priority() may be used
 * @return 0, -ENOMEM, or what tern_fd() or sd_event_add_io() returns. Threads: the loop's. Never blocks.
 */
static inline int
tern_sd_event_attach(tern_bus *bus, sd_event *event, tern_peer_fn *fn, void *user, sd_event_source **ret)
{
	struct tern_sd_event *t;
	sd_event_source *source;
	int fd = tern_fd(bus), r;

	if (fd < 0)
		return fd;
	t = (struct tern_sd_event *)calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	r = sd_event_add_io(event, &source, fd, EPOLLIN, tern_sd_event_ready, t);
	if (r < 0) {
		free(t);
		return r;
	}
	(void)sd_event_source_set_destroy_callback(source, free); /* of a live source: cannot fail */
	(void)sd_event_source_set_description(source, "tern");	  /* a name for people */
	t->bus = bus;
	t->fn = fn;
	t->user = user;
	if (fn)
		(void)tern_on_peer(bus, fn, user); /* fails as tern_fd() would have */
	*ret = source;
	return 0;
}

/** tern_sd_event_detach() - leave the loop, also from inside a handler; takes NULL, returns NULL. What waits, waits on. */
static inline sd_event_source *
tern_sd_event_detach(sd_event_source *source)
{
	struct tern_sd_event *t;

	if (!source)
		return NULL;
	t = (struct tern_sd_event *)sd_event_source_get_userdata(source);
	if (t->fn)
		(void)tern_on_peer(t->bus, NULL, NULL); /* but in a forked child, where the handle is dead */
	t->fn = NULL;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF); /* others may hold references to it */
	(void)sd_event_source_unref(source);			 /* always NULL */
	return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
