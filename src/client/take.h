/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * take: what the files of taking in share; what others call is in bus.h
 *
 * take-look.c looks at the rings, take-poll.c at the epoll set, take-doze.c leaves links to their bells, take.c goes
 * round by round: what is taken, in which order, and what becomes of it. All by the leader, with the lock, unless they say
 * otherwise.
 */

#include "client/bus.h"
#include "client/daemon.h"

/* take_daemon_spoke() - did the inbox word move? With or without the lock. */
static inline bool
take_daemon_spoke(tern_bus *bus)
{
	return bus->daemon && RULE(INBOX) && daemon_has_news(bus->daemon);
}

/* take_has_lost() - events dropped after the last record that was taken: the counter is in every look */
static inline bool
take_has_lost(const struct partner *partner)
{
	return link_lost(partner->link) != partner->lost_told;
}

/* take_can_tell() - it has lost some, and there is room in the queue to say so; else a counter alone could fill it */
bool take_can_tell(struct partner *partner);
/* take_look() - at one link; what is found is remembered for this round */
void take_look(struct partner *partner);
/* take_look_hot() - at all that are hot */
void take_look_hot(tern_bus *bus);

/* take_heat_all() - whatever ends dozing makes all dozing links hot */
void take_heat_all(tern_bus *bus);
/* take_chill_idle() - beyond MAX_HOT, links that had no traffic for longest are left to their bells */
void take_chill_idle(tern_bus *bus);
