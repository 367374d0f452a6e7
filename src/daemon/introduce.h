/* SPDX-License-Identifier: MIT */
#pragma once

/* introduce: ternd makes a socket pair and gives an end to each of two peers */

#include "daemon/client.h"
#include "daemon/refusal.h"

/**
 * introduce() - introduce a client to whom a name or ":id" means
 * @ret: for the client's answer; what it borrows lives as long as the other peer
 * @ret_fd: the client's end; the caller's
 *
 * The other one has been told when this returns, its inbox word bumped: whatever the client
 * does when it has its answer comes after that.
 *
 * Return: 0, or a negative errno and @refusal.  Threads: owner.  Blocks: never.
 */
int introduce(struct client *client, const struct control_text *name, struct control_link *ret,
	int *ret_fd, struct refusal *refusal);

/* introduce_resolve() - who is meant. Return: 0, or a negative errno and @refusal */
int introduce_resolve(struct client *client, const struct control_text *name, struct bus_peer **ret,
	struct refusal *refusal);
