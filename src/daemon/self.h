/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * self: ternd as a service
 *
 * Programs call it by the name "tern". The call comes over the control socket and is answered there, so it costs
 * others what any request does: work in proportion to one page of what is asked for, and a look at each peer,
 * name or user there is. What it offers is in org.tern.Bus.tern.
 *
 * Everybody may ask. How much a peer or a user holds is told to the same user, to root and to ternd's own user;
 * the rest stands in the tables that all read, anyway.
 */

#include "daemon/refusal.h"

extern const char org_tern_bus[]; /* the text of the interface */

/**
 * self_call() - answer a call of ternd
 * @ret: in server->page; NULL: an answer without a value
 *
 * Return: 0, or a negative errno; then @refusal says why.  Threads: owner.  Blocks: never.
 */
int self_call(struct client *client, const struct control_call *call, struct control_bytes *ret,
	struct refusal *refusal);
