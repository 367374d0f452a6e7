/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * listeners: telling a publisher when somebody begins to listen, and when nobody does any more
 *
 *      ASK   ternd is asked to say when a word changes that one of the watched topics hangs on
 *      WAIT  for its answer; on direct links there is nobody to ask
 *      LOOK  who listens now? What differs from what the program was told last is queued for it
 *      REST  until ternd says that a word has changed, or something changes here: ASK
 *
 * No edge is missed: a rule that comes before the answer is in the tables when they are looked at; one that comes later
 * is told. Who comes and goes before the program looks is not told of; the handler asks once more, and is told what is so now.
 *
 * Asking and looking are the leader's, after a round. All with the lock.
 */

#include "client/bus.h"

enum listeners_step {
	LISTENERS_REST,
	LISTENERS_ASK,
	LISTENERS_WAIT,
	LISTENERS_LOOK,
};

/* listeners_work() - what is to be done. Leader. */
void listeners_work(tern_bus *bus);

/* listeners_answered() - ternd says that it watches, or that it cannot; listeners_changed() - that a word changed, or it happened here */
void listeners_answered(tern_bus *bus, uint64_t serial);
void listeners_changed(tern_bus *bus);

/* listeners_expire() - is it time to try again? Return: when it will be, host time, UINT64_MAX never. */
uint64_t listeners_expire(tern_bus *bus);

/* listeners_run() - the item of this topic is about to be handled: call the handler, if there is something to tell */
void listeners_run(tern_bus *bus, tern_topic *topic);

/* listeners_end() - the topic's owner wants no more calls; waits for them as tern_subscription_free() does */
void listeners_end(tern_topic *topic);
