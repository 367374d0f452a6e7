/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * request: what clients ask for, and what they are answered
 *
 * Every request has exactly one answer. A failure has a name for programs and a
 * text that says to people what is wrong and what can be done.
 */

#include "daemon/client.h"

/* request_handle() - the packet in server->in; @has_fds: descriptors came along, and were closed */
void request_handle(struct client *client, size_t size, bool has_fds);

/* request_again() - do what a ternd before this one did for this client, and answered. Return: 0, -ENOMEM: it is not done */
int request_again(struct client *client, const void *packet, size_t size);

/* request_truncated() - a packet came that was too large, and is lost: the client is told and hung
 * up on */
void request_truncated(struct client *client);
