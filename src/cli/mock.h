/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * mock: a service that has an interface and no program behind it
 *
 * Each of its methods has a fixed answer, or a fixed error, or a script is run for each call:
 * by sh, with the arguments as JSON on standard input, and in the environment TERN_SERVICE,
 * TERN_MEMBER, TERN_SENDER. What it prints is the answer, as JSON; nothing is none. If it exits
 * with anything but 0 that is an error: tern.Failed, or what it printed as {"error": NAME, "text": TEXT}.
 *
 * Of a method that streams, fixed parts go before the answer. All that the caller sends is taken first; a script
 * has it as further lines behind the arguments, and prints a line for each part, then one for the answer, if the
 * method has results.
 *
 * All is held against the interface before it goes out. At most MOCK_MOST_RUNNING scripts run at
 * once, and MOCK_MOST_WAITING calls wait for one; beyond that callers are told tern.Busy. A script whose
 * caller has gone is ended.
 */

#include <stdint.h>
#include <tern/call.h>
#include <tern/loop.h>

#include "cli/command.h"
#include "interface/interface.h"

enum {
	MOCK_MOST_RUNNING = 8,
	MOCK_MOST_WAITING = 64,
};

/* What a method is answered with, always. */
struct mock_answer {
	const struct interface_member *method;
	bool is_part; /* of a stream: goes before the answer */
	void *cbor; /* NULL: no values, or an error */
	size_t size;
	char *error; /* its name; NULL: none */
	const char *text;
};

/* A call that a script answers. */
struct mock_job;

struct mock {
	const struct cli *cli;
	tern_bus *bus;
	const char *name;
	const struct interface *interface;
	const char *script; /* NULL: none */
	uint64_t timeout_ns; /* of a script */
	struct mock_answer *answers;
	size_t n_answers;
	struct mock_job *jobs; /* the oldest first */
	size_t n_jobs, n_running;
	uint64_t n_calls; /* answered so far */
};

/* mock_deinit() - ends the scripts; the bus stays */
void mock_deinit(struct mock *mock);

/* mock_add_answer() - MEMBER=JSON. Return: STATUS_*; if not 0 it is said why. */
int mock_add_answer(struct mock *mock, const char *word);

/* mock_add_error() - MEMBER=ERROR[:TEXT]; the same */
int mock_add_error(struct mock *mock, const char *word);

/* mock_add_part() - MEMBER=JSON; the same */
int mock_add_part(struct mock *mock, const char *word);

/* mock_call() - a method of the service, for all members; user is the mock */
int mock_call(tern_call *call, tern_message *m, void *user);

/* mock_sweep() - end the scripts whose callers do not wait any more; to be done now and then */
void mock_sweep(struct mock *mock);
