/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * history: what made the bus what it is, kept for the ternd after this one
 *
 * The bus is the sum of what was done to it: who joined, what they own and
 * want to hear, who left. Each of that is kept in a journal (io/journal.h) as
 * soon as it was done and before it is answered. The next ternd does all of it
 * again: names, queues and rules are as they were, in tables of its own, from
 * the first moment on. Who was there is *away* then, with its id and all that
 * it has, and what is for it waits until it claims that with the token of its
 * welcome; or until its process is found dead, or it has not come in 30 s.
 *
 * Programs read the tables of the old ternd until they have claimed. So that a
 * rule that is answered is found by whoever publishes afterwards, nothing is
 * done for anybody before all have claimed, or 2 s have passed.
 */

#include "daemon/client.h"

/* history_open() - read the journal and do it again; under the listener's lock. Without one ternd works, too. */
void history_open(struct server *server);

/* history_close() - the journal stays if another ternd is to go on */
void history_close(struct server *server);

/* history_joined(), history_left() - a peer came or went. Threads: owner.  Blocks: never. */
void history_joined(struct client *client, const struct bus_identity *identity);
void history_left(const struct client *client);

struct start;

/* history_starting() - a service is being started, and would be for the next ternd */
void history_starting(struct server *server, const struct start *start);

/* history_is_kept() - is a request of this type kept? Those that change what the bus is */
bool history_is_kept(uint32_t type);

/* history_done() - a request was done: the packet that it came in */
void history_done(const struct client *client, const struct control *request, const void *packet, size_t size);

/* history_behind() - does something wait for this client that would be lost with us? */
void history_behind(const struct client *client, bool is_behind);
