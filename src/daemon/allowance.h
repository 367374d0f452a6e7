/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * allowance: how much users may have: as the command line says, else the file, else the default
 *
 * Of descriptors there are as many as the process may have, less those that ternd keeps for itself.
 */

#include <sys/resource.h>

#include "daemon/server.h"

/*
 * allowance_raise() - have as many descriptors as may be had; who uses them up is the quotas' business
 * @before: what there was, for programs that ternd starts; stays as it is if that cannot be read
 */
void allowance_raise(struct rlimit *before);

/* allowance_apply() - from now on; what users have beyond it stays theirs. Also when the file was read again. */
void allowance_apply(struct server *server);
