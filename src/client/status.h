/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * status: how this program is, for who asks
 *
 * Each program that takes in its messages answers the member below, whether it serves or not: whoever takes in
 * answers, no handler runs. It tells the same user and root (docs/protocol.md).
 */

#include "client/bus.h"
#include "client/message.h"

#define STATUS_MEMBER "tern.Status"

/* status_is_asked() - is it that? */
static inline bool
status_is_asked(const tern_message *m)
{
	return unlikely(m->header.member_size == sizeof(STATUS_MEMBER) - 1) &&
		memcmp(m->strings[1], STATUS_MEMBER, sizeof(STATUS_MEMBER)) == 0;
}

/* status_answer() - answer it, or refuse; with the lock, and without waiting. Call and message stay the caller's. */
void status_answer(tern_call *call);
