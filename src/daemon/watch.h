/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * watch: programs that are told when rules came or went that may matter to them
 *
 * A program names version words (shm/versions.h): those on which it hangs who hears its topics. When one of them is
 * counted up it is told so once, and has to ask again; so nobody is told more often than he asks, and what changes
 * meanwhile he finds in the tables, which he reads after the answer.
 */

#include "shm/versions.h"

struct client;
struct domain_tables;
struct quota_charge;
struct server;

/* Of a client; NULL: it has never watched. */
struct watched {
	struct client *client;
	struct watched *prev, *next; /* server->watched, while it is to be told */
	bool is_listed;
	uint8_t words[VERSIONS_N_WORDS / 8]; /* a bit each */
};

/**
 * watch_words() - tell this client when one of these words is counted up next, instead of those it named before
 * @words: bit i % 8 of byte i / 8 is word i; those that are missing are 0
 *
 * Return: 0, BUS_E_QUOTA or -ENOMEM.  Threads: owner.  Blocks: never.
 */
int watch_words(struct client *client, const uint8_t *words, size_t size);

/* watch_tell() - a word of these tables was counted up */
void watch_tell(struct server *server, const struct domain_tables *own, uint32_t index);

/* watch_end() - the client goes */
void watch_end(struct client *client);
