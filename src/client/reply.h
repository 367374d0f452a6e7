/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * reply: answers that wait for room, so that whoever answers does not
 *
 * A caller that sends calls and does not take its replies would hold up a service that waited for room. So
 * it is waited for once, as long as a publisher waits for a subscriber; then an answer that finds no room is kept here
 * and sent when there is some, before anything else on its link: the link stays first in, first out. What is kept is charged to the partner; one that lets more than
 * KEPT_REPLIES_MAX pile up, or more than its user's share, has its link ended, and so hears that its calls failed.
 */

#include "client/bus.h"

#define KEPT_REPLIES_MAX (16u << 20) /* bytes of one partner's */

/*
 * reply_send() - send an answer, or keep it; with the lock, which is given up while it waits
 * @may_wait: up to TERN_OPT_MAX_WAIT
 * @m: what the record's bytes are of; NULL: they are constant
 * @deadline: of the call, host time, UINT64_MAX none: an answer that comes later is not asked for
 * Return: 0, -EHOSTDOWN, -ECONNRESET, -ENOMEM, with the error recorded.
 */
int reply_send(struct partner *partner, struct outgoing *out, tern_message *m, uint64_t deadline,
	bool may_wait);

/* reply_flush() - send what is kept, as far as there is room. Return: nothing is left. */
bool reply_flush(struct partner *partner);

/* reply_check_room() - room may have come: send, and ask to be told of more. Leader. */
void reply_check_room(tern_bus *bus);

/* reply_drop_all() - the caller is gone */
void reply_drop_all(struct partner *partner);

/* reply_forked() - in the child: close the descriptors of what is kept */
void reply_forked(struct partner *partner);
