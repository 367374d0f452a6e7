/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rights: what ternd's policy lets the other end of a link do here
 *
 * ternd decides, and tells with the link and whenever it changes; the library checks each call that comes
 * in, and each event before it goes out. Most partners may do everything: they have no struct rights. On
 * direct links there is no policy. All with the lock held.
 */

#include "client/bus.h"
#include "wire/control.h"

struct rights;

/* rights_begin() - of a new partner, as ternd told it with the link. Return: 0, -ENOMEM. */
int rights_begin(struct partner *partner, const struct control_link *link);
/* rights_free() - returns NULL; NULL is fine */
struct rights *rights_free(struct rights *rights);
/* rights_news() - ternd says what has changed; a link that may not be any more ends */
void rights_news(tern_bus *bus, const struct control_rights *news);

/* rights_are_over() - the link ends because it may not be */
bool rights_are_over(const struct partner *partner);

/* rights_may_call() - this service, or ":ID"? Of a partner that has rights. */
bool rights_may_call(struct partner *partner, const char *service);
/* rights_refuse() - answer its call that it may not */
void rights_refuse(struct partner *partner, const struct wire_header *call);

/* rights_refused() - ternd makes no link to a peer, who is thus not to hear this program. Return: false, no memory to note it. */
bool rights_refused(tern_bus *bus, tern_peer peer);
/* rights_forget() - those peers may hear it now, perhaps */
void rights_forget(tern_bus *bus);
/* rights_may_hear() - may this peer have events of this program? */
bool rights_may_hear(tern_bus *bus, tern_peer peer);
