/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * stream: a call that streams, from the shell: lines of standard input go as parts, what comes is handed on
 *
 * Two threads help: one reads lines, so that the other one can wait for what comes; one waits for Ctrl-C, which
 * gives the call up.
 */

#include <stdbool.h>
#include <tern/tern.h>

struct stream_order {
	tern_message *call;  /* borrowed */
	uint64_t timeout_ns; /* of the whole */
	bool puts;           /* lines are sent; else the caller's side ends at once */
	/* fill() - make a part of a line. Return: STATUS_*, and it is said why. */
	int (*fill)(tern_message *part, char *line, void *user);
	/* show() - a part, or the answer. Return: STATUS_*. */
	int (*show)(tern_message *m, void *user);
	void *user;
};

/*
 * stream_run() - send it, and go on until the answer was shown
 *
 * Return: STATUS_* of fill and show; or a negative errno, of the call, with @error filled.  Blocks: may.
 */
int stream_run(const struct stream_order *order, struct tern_error *error);
