/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * hear: topics and subscriptions of the tests about events, and what is heard
 *
 * An event is a number under one tag.
 */

#include "scene.h"

tern_topic *topic_new(tern_bus *bus, const char *tag);
/* subscribe() - to one tag, or to all with NULL; without a handler */
tern_subscription *subscribe(tern_bus *bus, const char *tag, const char *sender, uint32_t policy);
/* number_of() - the event that this message is */
uint64_t number_of(tern_message *m);
/* must_hear() - the next event has this number */
void must_hear(tern_bus *bus, uint64_t number);
/* must_be_silent() - nothing but news of peers is there */
void must_be_silent(tern_bus *bus);
/* until_nobody_listens() - who withdraws a rule, or dies, does not wait for ternd to hear of it */
void until_nobody_listens(tern_topic *topic);

/* hear_run() - a program's tests, each with a scene of its own. Return: what main() returns. */
int hear_run(const char *name, const TTest *const *tests, size_t n);
