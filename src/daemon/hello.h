/* SPDX-License-Identifier: MIT */
#pragma once

/* hello: how a connection becomes a peer of the bus */

#include "daemon/client.h"

/**
 * hello_join() - into the bus and the tables
 * @id: of a peer that there was; 0: the next one
 *
 * What is half done on failure goes with the client.
 *
 * Return: 0, BUS_E_QUOTA or a negative errno.  Threads: owner.  Blocks: never.
 */
int hello_join(struct client *client, const struct bus_identity *identity, uint64_t id);

/* hello() - answer a hello: welcome, or why not and a hang-up */
void hello(struct client *client, const struct control *request);
