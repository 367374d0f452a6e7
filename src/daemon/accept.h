/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * accept: who may connect, and how many at a time
 *
 * The same user as ternd's, those of --allow-uid, and those whom ternd.conf lets in. Everybody else is told so:
 * the socket is open to all who can reach its directory, and nobody is met
 * with silence. The same holds when descriptors run out: one is kept in
 * reserve to answer with.
 */

#include "daemon/server.h"

/**
 * accept_start() - make the directory if it is not there, and listen
 * @ret_why: what went wrong; set on failure, in memory that stays
 *
 * Return: 0 or a negative errno.  Threads: owner.  Blocks: never.
 */
int accept_start(struct server *server, const char **ret_why);

/* accept_stop() - listen no more; the socket goes, unless another ternd is to have it; one that was not started is fine */
void accept_stop(struct server *server);

/* accept_expire() - end those who have not said hello in time */
void accept_expire(struct server *server, uint64_t now_ns);
