/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * replace: one ternd makes room for another, and nobody who connects finds nobody there
 *
 *      the new one                       the old one
 *      make-room ----------------------> is it of my user?
 *                <---------------------- done + listening socket, lock; then it does what was asked
 *                                        before, and leaves its journal
 *                <---------------------- hang-up: the journal is closed
 *      reads the journal, goes on
 *
 * The lock that says whose the path is goes along with its descriptor, so that
 * it is held at every moment; who connects waits in the queue of the socket.
 * If either dies on the way the other has all it needs, or the path is free.
 */

#include "daemon/client.h"
#include "io/listener.h"

/**
 * replace_take() - ask the ternd at @path to make room, and wait until it has
 * @ret_why: what went wrong; set on failure, in memory that stays
 *
 * Return: 0 or a negative errno: -ENOENT (none is there), -EPERM (it is another user's, or does not
 * want to), -EOPNOTSUPP (it does not know how to), -ETIME, …  Threads: owner.  Blocks: 20 s at most.
 */
int replace_take(const char *path, struct listener *ret, const char **ret_why);

/* replace_give() - who has connected asks for our place; if it may have that we end */
void replace_give(struct client *client, const struct control *request);
