/* SPDX-License-Identifier: MIT */
#pragma once

/* self-services: what ternd tells of services that it can start */

#include "daemon/server.h"

struct tern_cbor_writer;

/**
 * self_services() - a page of them, in the order of their names
 * @after: how many stood on the pages before
 *
 * Return: 0 or -ENOMEM.  Threads: owner.  Blocks: while folders are read, where they have changed.
 */
int self_services(struct server *server, struct tern_cbor_writer *w, uint64_t after);
