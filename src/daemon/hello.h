/* SPDX-License-Identifier: MIT */
#pragma once

/* hello: how a connection becomes a peer of the bus */

#include "daemon/client.h"

/* hello() - answer a hello: welcome, or why not and a hang-up */
void hello(struct client *client, const struct control *request);
