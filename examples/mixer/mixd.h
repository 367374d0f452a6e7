/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * mixd: the mixer on a bus, as the service org.example.Mixer
 *
 * desk.c decides, mixd-method.c is the calls that come in, mixd-event.c the events, states, replies
 * and sound that go out, mixd.c the loop; mixer-tern.c is made from org.example.Mixer.tern. One thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <tern/tern.h>

#include "desk.h"
#include "mixer-tern.h"
#include "sink.h"

enum {
	MIXD_WAITERS = 256, /* calls of Wait that are not answered yet */
	MIXD_SINKS = 2,
	MIXD_VOLUMES = 128 << 10, /* bytes of the state Volumes: for as many players as there may be */
};

/* A call of Wait. */
struct mixd_waiter {
	struct mixd_waiter *next;
	tern_call *call; /* ours */
	uint64_t position;
	uint64_t n_players;
};

struct mixd {
	tern_bus *bus;
	tern_service *service;
	struct mixer_server server;
	tern_topic *volume_for_all;
	tern_state *master, *volumes; /* as others read them */
	bool master_changed, volumes_changed;
	struct desk *desk;
	struct sink *sinks[MIXD_SINKS]; /* NULL: none */
	struct mixd_waiter *waiters;
	size_t n_waiters;
	int timer;	    /* timerfd: time is up for a player that stalls */
	uint64_t timer_set; /* for when; DESK_NEVER: not */
	bool once;	    /* leave after the last player */
	bool seen;	    /* there was one */
	bool bus_lost;	    /* no new player can come */
	bool done;
	int error; /* why it is done: 0 or a negative errno */
};

/** The members of the service. */
extern const struct mixer_ops mixd_methods;

/** What the mixer tells and gives; its user is a struct mixd. */
extern const struct desk_ops mixd_ops;

/**
 * mixd_run() - mix what can be mixed, then answer who waited for that
 *
 * To be called after everything that changed the mixer. What fails is kept in d->error and
 * ends the loop.  Threads: the loop's.  Blocks: as the sinks, and as tern_publish().
 */
void mixd_run(struct mixd *d);

/** mixd_show() - set the states to what is now, where that changed */
void mixd_show(struct mixd *d);

/** mixd_forget_waiters() - drop the calls of Wait whose callers gave up or are gone */
void mixd_forget_waiters(struct mixd *d);

/** mixd_block_new() - hold on to a call of Play until its sound was mixed; NULL: out of memory */
void *mixd_block_new(tern_call *call, tern_message *m);

/** mixd_block_free() - let go of it, unanswered */
void mixd_block_free(void *token);
