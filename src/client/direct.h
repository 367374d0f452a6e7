/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * direct: links without a bus: one program listens, others dial
 *
 * Identity is what the kernel says of the socket. Each end tells the other its rules when the link
 * is made, and then that they were all; a publisher waits for that word before its first event. Rules
 * that are not kept here may be of whatever is published: as long as there are any, all that is not sent
 * to that end counts as lost to it.
 */

#include "client/bus.h"

/* direct_accept() - take in those that dialled. Leader. */
void direct_accept(tern_bus *bus);
/* direct_wait_rules() - until the other end told what it wants to hear, or this deadline */
int direct_wait_rules(struct partner *partner, uint64_t deadline);
/* direct_rules_told() - it did */
void direct_rules_told(struct partner *partner);
/* direct_rule_refused() - a rule of its is not kept here; or it is, or was withdrawn */
void direct_rule_refused(struct partner *partner, bool refused);
/* direct_is_unsure() - may it want to hear what no rule here says? */
static inline bool
direct_is_unsure(const struct partner *partner)
{
	return !partner->knows_rules || partner->n_refused > 0;
}
/* direct_partner_ended() - who waited for its rules waits no longer; there are descriptors again */
void direct_partner_ended(struct partner *partner);
